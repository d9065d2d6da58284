/* place.h: which addresses a view gets. */
#ifndef PELOAD_PLACE_H
#define PELOAD_PLACE_H

#include "section/object.h"

/*
 * Reserves the addresses of a view of all of an image section: at `base` or nowhere, or for base 0
 * at the preferred base or the one of ASLR if it is free (rules C), else anywhere.
 * LDR_ADDRESS_BUSY, LDR_INVALID_ARGUMENT (`base` is misaligned or outside user space),
 * LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__place(ldr_section *section, uint64_t base, void **ret_address, ldr_diag *diag);

#endif
