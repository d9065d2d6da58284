/* inherit.h: a section of data as one process hands it to another that it starts. */
#ifndef PELOAD_INHERIT_H
#define PELOAD_INHERIT_H

#include "section/descriptor.h"

/* What a section is made of; the handles are the section's own. */
typedef struct ldr__section_parts {
    ldr__facts facts;
    ldr__handle backing;
    ldr__handle descriptor; /* LDR__NO_HANDLE: it has none */
} ldr__section_parts;

/* False for an image. */
bool ldr__section_parts_of(const ldr_section *section, ldr__section_parts *ret_parts);

/*
 * The section of such parts, which takes the handles over if it succeeds. It has no name. `name` is
 * for diagnostics. LDR_NO_MEMORY, LDR_OS_ERROR, LDR_IO_ERROR (they are no section).
 */
ldr_status ldr__section_from_parts(const char *name, const ldr__section_parts *parts,
                                   ldr_section **ret_section);

#endif
