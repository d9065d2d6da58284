/* image_section.h: image sections, for those who have the file open. */
#ifndef PELOAD_IMAGE_SECTION_H
#define PELOAD_IMAGE_SECTION_H

#include "section/object.h"

/* As ldr_section_from_file. `file` is the section's if it succeeds; nothing else uses that opening.
 */
ldr_status ldr__image_of_file(const char *name, ldr__handle file,
                              const ldr_section_options *options, ldr_section **ret_section,
                              ldr_diag *diag);

/* All options, with their defaults. */
ldr_section_options ldr__image_options(const ldr_section_options *options);

#endif
