/* named.h: sections that processes find by name (rules H15 to H18). */
#ifndef PELOAD_NAMED_H
#define PELOAD_NAMED_H

#include "section/object.h"

/* As ldr_section_create, for options that are complete and right and have a name. */
ldr_status ldr__named_create(const ldr_create_options *options, ldr_section **ret_section,
                             bool *ret_existed, ldr_diag *diag);

/* Makes the section of such options, and publishes it under `key` if that is not NULL. */
ldr_status ldr__section_make(const ldr_create_options *options, const ldr__registry_key *key,
                             ldr_section **ret_section, ldr_diag *diag);

/* Lets others find an image section that keeps its file. */
ldr_status ldr__image_publish(ldr_section *section, const ldr_create_options *options,
                              const ldr__registry_key *key, const char *subject, ldr_diag *diag);

#endif
