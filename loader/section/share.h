/*
 * share.h: the segments of image sections, which section objects of one file share.
 *
 * Two section objects have the same memory if their files are the same, in the same state, and the
 * headers as well. That is so for files that are FILE_BACKED: whoever takes a snapshot does not
 * trust others, and a buffer is nobody else's.
 *
 * The segment in image layout is a copy that may exist twice; it is shared where that is easy: not
 * of a file that has just been changed, nor on a file system without marks. What is SHARED is one
 * memory for all processes of the user, from the first section object to the last.
 */
#ifndef PELOAD_SHARE_H
#define PELOAD_SHARE_H

#include "section/object.h"
#include "section/source.h"

/*
 * Finds or makes the segments that the section's plan, made by `rules`, needs. LDR_IO_ERROR when
 * the headers are no longer those that were judged, or the file changes while SHARED memory is
 * made of it; LDR_IMAGE_REFUSED by the system itself; LDR_BUSY when somebody keeps that from being
 * looked for; LDR_NO_MEMORY, LDR_OS_ERROR. The section has then what was made until then.
 */
ldr_status ldr__share_segments(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules,
                               ldr_diag *diag);

/*
 * Finds or makes the segment for pages that are filled on demand, by all who have it: without
 * content, of the size of the image. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__share_unfilled(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules);

#endif
