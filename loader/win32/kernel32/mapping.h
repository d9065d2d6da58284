/*
 * mapping.h: sections as one guest process hands them to another.
 */
#ifndef PELOAD_WIN32_MAPPING_H
#define PELOAD_WIN32_MAPPING_H

#include "win32/start.h"

/* Fills what is a section's own; the descriptors are the section's, borrowed. False for an image,
 * which is not inherited. */
bool ldr__section_describe(const ldr__object *section, ldr__start_handle *ret_description);
/* A section from its description, which takes over the descriptors; NULL when out of memory. */
ldr__object *ldr__section_adopt(ldr__process *process, const ldr__start_handle *description);

#endif
