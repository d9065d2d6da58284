/* rights.h: which protections go together. Pure: no allocation, no system call. */
#ifndef PELOAD_RIGHTS_H
#define PELOAD_RIGHTS_H

#include "section/plan.h"

/* The protection without LDR_PAGE_GUARD. */
static inline uint32_t ldr__protect_base(uint32_t protect)
{
    return protect & 0xFF;
}

/* One of LDR_PAGE_NOACCESS to LDR_PAGE_EXECUTE_WRITECOPY, and nothing else (H1). */
bool ldr__protect_is_single(uint32_t protect);

/* The same, or with LDR_PAGE_GUARD, which does not go with NOACCESS (H39). */
bool ldr__protect_is_valid(uint32_t protect);

/* One of EXECUTE to EXECUTE_WRITECOPY. */
bool ldr__protect_executes(uint32_t protect);

/* READWRITE or EXECUTE_READWRITE: writing changes what all see. */
bool ldr__protect_is_shared_write(uint32_t protect);

/* WRITECOPY or EXECUTE_WRITECOPY. */
bool ldr__protect_is_copy(uint32_t protect);

/* The protection with WRITECOPY in place of READWRITE. */
uint32_t ldr__protect_copying(uint32_t protect);

/* How pages are mapped for it: not at all with LDR_PAGE_GUARD. */
int ldr__protect_mapping(uint32_t protect);

/*
 * Whether pages that may have `most` may have `protect`: of a section for a view (H36, H38), of a
 * view for its pages (H.6). Both are valid.
 */
bool ldr__protect_allows(uint32_t most, uint32_t protect);

/* The rights that a file must be opened with (LDR_FILE_*) for a section of that protection (H2). */
uint32_t ldr__protect_file_access(uint32_t protect);

/* The rights to a section (LDR_SECTION_*) that a view of that protection takes (H36). */
uint32_t ldr__protect_section_access(uint32_t protect);

#endif
