/*
 * layouts.h: one image opened in both layouts, for tests of what must be the same in both.
 */
#ifndef PELOAD_TESTS_LAYOUTS_H
#define PELOAD_TESTS_LAYOUTS_H

#include "support/image_builder.h"

enum { LAYOUT_COUNT = 2 };

typedef struct layouts {
    pe_image image[LAYOUT_COUNT]; /* file, mapped */
    pe_span mapped;
    img_image file;
} layouts;

/* Takes over `file`. Fails the test if it cannot be opened. */
layouts layouts_open(img_image file);
void layouts_close(layouts *both);

/* `text` as a span, without its NUL; and the comparison. */
pe_span span_of(const char *text);
bool span_is(pe_span span, const char *text);

#endif
