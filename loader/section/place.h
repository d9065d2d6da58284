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

/* Where a view of data may lie. */
typedef struct ldr__room {
    uint64_t size;      /* bytes, whole pages */
    uint64_t alignment; /* a power of two, at least 64 KiB */
    uint64_t base;      /* there or nowhere; 0: anywhere */
    uint64_t limit;     /* the end of the addresses that will do for base 0 (H42) */
} ldr__room;

/* The end of user space on x64 Windows, a little below that of Linux. */
#define LDR__USER_END UINT64_C(0x7FFFFFFF0000)

/* Reserves the addresses; statuses as above. `name` is for diagnostics. */
ldr_status ldr__place_data(const ldr__room *room, const char *name, void **ret_address,
                           ldr_diag *diag);

#endif
