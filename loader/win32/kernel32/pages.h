/*
 * pages.h: what is known about the pages that guest code asks about.
 */
#ifndef PELOAD_WIN32_PAGES_H
#define PELOAD_WIN32_PAGES_H

#include "win32/win32.h"

enum {
    PAGE_GUARD = 0x100, /* beside an LDR_PAGE_* */
    LDR__PAGE_SIZE = 0x1000,
    LDR__GRANULARITY = 0x10000,
    MEM_COMMIT = 0x1000,
    MEM_RESERVE = 0x2000,
    MEM_DECOMMIT = 0x4000,
    MEM_RELEASE = 0x8000,
    MEM_FREE = 0x10000,
    MEM_PRIVATE = 0x20000,
    MEM_MAPPED = 0x40000,
    MEM_TOP_DOWN = 0x100000,
    MEM_IMAGE = 0x1000000,
};

/* As MEMORY_BASIC_INFORMATION. */
typedef struct ldr__memory_info {
    void *base;
    void *allocation_base;
    DWORD allocation_protect;
    uint16_t partition, unused;
    uint64_t size;
    DWORD state;
    DWORD protect;
    DWORD type;
    DWORD unused2;
} ldr__memory_info;

/* Host protection for LDR_PAGE_*; -1 for what is not exactly one of them. */
int ldr__host_protection(DWORD protect);
/* The same for what VirtualAlloc and VirtualProtect take: with PAGE_GUARD, no access at first. */
int ldr__page_protection(DWORD protect);

/* VirtualAlloc, VirtualFree (pages.c), VirtualProtect (page_query.c), also of views: a Win32 error.
 */
DWORD ldr__memory_allocate(ldr__process *process, void *address, uint64_t size, DWORD type,
                           DWORD protect, void **ret_address);
DWORD ldr__memory_free(ldr__process *process, void *address, uint64_t size, DWORD type);
DWORD ldr__memory_protect(ldr__process *process, void *address, uint64_t size, DWORD protect,
                          DWORD *ret_old);
/* The run of like pages that starts with the page of `address`. False above user space. */
bool ldr__memory_query(ldr__process *process, const void *address, ldr__memory_info *ret_info);

/* What a page's keeper says of an access that has failed (fault/dispatch.c). */
typedef enum ldr__fault_answer {
    LDR__FAULT_UNKNOWN, /* not my page, or a plain violation */
    LDR__FAULT_MENDED,  /* the access will do now */
    LDR__FAULT_GUARD,   /* the first access to a page with PAGE_GUARD: an exception of its own */
} ldr__fault_answer;

/* What an access was for, as in ExceptionInformation[0]. */
typedef enum ldr__fault_access {
    LDR__FAULT_READ = 0,
    LDR__FAULT_WRITE = 1,
    LDR__FAULT_EXECUTE = 8,
} ldr__fault_access;

/* guard.c: for pages with PAGE_GUARD. */
ldr__fault_answer ldr__memory_guard_fault(ldr__process *process, uint64_t address,
                                          ldr__fault_access access);
/* Opens what other processes have committed of the view that holds `address`, if one does: system
 * calls fail where the guest's own access would wait for that. */
void ldr__memory_sync(ldr__process *process, const void *address);
/* Whether the address is in what the guest has allocated or mapped. */
bool ldr__memory_holds(ldr__process *process, uint64_t address);

/*
 * `size` bytes (whole pages) without access at `base`, or for 0 anywhere at a multiple of 64 KiB;
 * NULL if that cannot be had. The caller unmaps them.
 */
void *ldr__memory_reserve(uint64_t base, uint64_t size);

/* ---- Views that the guest has mapped ---- */

/* Takes the view over, so that queries know it. A Win32 error; then it is the caller's still. */
DWORD ldr__memory_add_view(ldr__process *process, ldr_view *view);
/* Unmaps the view that holds `address`; false if none does. */
bool ldr__memory_remove_view(ldr__process *process, const void *address);
/* FlushViewOfFile: a Win32 error. */
DWORD ldr__memory_flush(ldr__process *process, const void *address, uint64_t size);

#endif
