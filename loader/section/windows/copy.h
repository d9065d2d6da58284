/* copy.h: images that the system has no section object of its own for. */
#ifndef PELOAD_COPY_H
#define PELOAD_COPY_H

#include "section/object.h"
#include "section/source.h"

/*
 * A section of the paging file that holds the image as the plan says: reserved as far as nobody is
 * to touch it; one without such pages is committed as a whole. LDR_IO_ERROR when the headers are no
 * longer those that were judged; LDR_NO_MEMORY, LDR_OS_ERROR, LDR_ACCESS_DENIED (the process may
 * not make code).
 */
ldr_status ldr__copy_make(const ldr__plan *plan, const ldr__source *source,
                          const ldr__headers *headers, bool no_execute, ldr__handle *ret_section);

/* The section's copy of its file, made when it is asked for first; the section's. The same, and
 * LDR_IO_ERROR when it has no file. */
ldr_status ldr__copy_of(ldr_section *section, ldr__handle *ret_copy);

#endif
