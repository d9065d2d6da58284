/*
 * seeds.h: valid images of many kinds, to start fuzzing from.
 */
#ifndef PELOAD_FUZZ_SEEDS_H
#define PELOAD_FUZZ_SEEDS_H

#include "support/image_builder.h"

enum { SEED_COUNT = 13 };

/* Seed `index` (< SEED_COUNT); the caller releases it with img_free. */
img_image seed_make(size_t index);

#endif
