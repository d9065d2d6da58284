/* relocate.h: base relocations, as ntdll applies them after mapping (rules D of pe/RULES.md). */
#ifndef PELOAD_RELOCATE_H
#define PELOAD_RELOCATE_H

#include "image/shared_pages.h"

/* Units of work that a block of relocations costs (rule S2), beside one for each entry; the file
 * pays for so many as pe_budget_for says. */
#define LDR__BLOCK_COST 16

/* The same for having other pages of the file at hand: some system calls. */
#define LDR__TAKE_COST 256

/* On x86 and x64, systems before 8 do nothing for types that were other machines' (D8). */
bool ldr__relocs_pass_over(const ldr_view *view, unsigned type);

/*
 * Adds `delta` to every address that the relocation directory names; protections are as before
 * afterwards. Pages that may have been changed are added to `changed`, unless that is NULL.
 * LDR_BAD_RELOCATIONS with `ret_why`, LDR_IO_ERROR (the file was cut off), LDR_NO_MEMORY,
 * LDR_OS_ERROR.
 */
ldr_status ldr__relocate(ldr_view *view, uint64_t delta, ldr__page_set *changed, pe_diag *ret_why);

#endif
