/*
 * descriptor.h: what processes that have one section share of it besides its memory.
 *
 * It lies in a segment that those of one user can open: what is read from it is checked, and read
 * once. It never becomes smaller, so that nothing of it goes away.
 */
#ifndef PELOAD_DESCRIPTOR_H
#define PELOAD_DESCRIPTOR_H

#include "section/object.h"

/* What a section is, for those who find it by its name. */
typedef struct ldr__facts {
    uint64_t size; /* bytes */
    uint32_t protect, attributes;
    uint32_t is_file;
    uint32_t profile, source, platform, aslr, no_execute, refuse_writable_code; /* of an image */
    ldr__file_id backing;
} ldr__facts;

/*
 * Makes one for the section, with room for a mark of each page if it is reserved memory. `key`: to
 * be published under, or NULL. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__descriptor_make(ldr_section *section, const ldr__facts *facts,
                                const ldr__registry_key *key);

/* What is in a descriptor of another process. LDR_IO_ERROR if it is none. */
ldr_status ldr__descriptor_read(ldr__handle segment, ldr__facts *ret_facts);

/* Takes it over, with `segment` if it succeeds. LDR_NO_MEMORY, LDR_OS_ERROR. */
ldr_status ldr__descriptor_attach(ldr_section *section, ldr__handle segment,
                                  const ldr__facts *facts);

/* What has not been made is passed over. */
void ldr__descriptor_release(ldr_section *section);

/* ---- Committed pages: numbers of pages from the section's start ---- */

/* Marks pages for all who share the section. */
void ldr__committed_mark(const ldr_section *section, uint64_t first, uint64_t end);

/* How often that has been done, by anybody. */
uint64_t ldr__committed_count(const ldr_section *section);

/* The first run of pages in [*first, *end) that are committed, or that are not; false if there is
 * none. */
bool ldr__committed_find(const ldr_section *section, bool is_committed, uint64_t *first,
                         uint64_t *end);

#endif
