#include "win32/kernel32/ranges.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "win32/kernel32/kernel32.h"

ldr_status ldr__memory_create(ldr__process *process)
{
    process->memory = calloc(1, sizeof *process->memory);
    if (process->memory == NULL)
        return LDR_NO_MEMORY;
    pthread_mutex_init(&process->memory->lock, NULL);
    return LDR_OK;
}

static void *pointer(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

static void range_release(ldr__range *entry)
{
    if (entry->view != NULL)
        ldr_view_unmap(entry->view);
    else
        munmap(pointer(entry->base), entry->size);
    free(entry);
}

void ldr__memory_destroy(ldr__process *process)
{
    struct ldr__memory *memory = process->memory;
    if (memory == NULL)
        return;
    while (memory->ranges != NULL) {
        ldr__range *entry = memory->ranges;
        memory->ranges = entry->next;
        range_release(entry);
    }
    pthread_mutex_destroy(&memory->lock);
    free(memory);
    process->memory = NULL;
}

/* ---- The list ---- */

ldr__range **ldr__range_find(struct ldr__memory *memory, uint64_t address, uint64_t size)
{
    for (ldr__range **at = &memory->ranges; *at; at = &(*at)->next)
        if (address >= (*at)->base && pe_range_ok((*at)->size, address - (*at)->base, size))
            return at;
    return NULL;
}

ldr__range *ldr__range_new(uint64_t base, uint64_t size, DWORD allocation_protect, ldr_view *view)
{
    size_t pages = view == NULL ? size / LDR__PAGE_SIZE : 0;
    ldr__range *entry = calloc(1, sizeof *entry + pages * sizeof entry->pages[0]);
    if (entry != NULL) {
        entry->base = base;
        entry->size = size;
        entry->allocation_protect = allocation_protect;
        entry->view = view;
    }
    return entry;
}

void ldr__range_insert(struct ldr__memory *memory, ldr__range *entry)
{
    entry->next = memory->ranges;
    memory->ranges = entry;
}

void ldr__range_set(ldr__range *entry, uint64_t base, uint64_t size, DWORD protect)
{
    uint16_t *page = entry->pages + (base - entry->base) / LDR__PAGE_SIZE;
    for (uint64_t i = 0; i < size / LDR__PAGE_SIZE; i++)
        page[i] = (uint16_t)protect;
}

/* The range of memory that starts at `address`, or the view that holds it. */
static bool remove_range(ldr__process *process, uint64_t address, bool is_view)
{
    struct ldr__memory *memory = process->memory;
    ldr__range *entry = NULL;
    pthread_mutex_lock(&memory->lock);
    ldr__range **at = ldr__range_find(memory, address, 1);
    if (at != NULL && ((*at)->view != NULL) == is_view && (is_view || (*at)->base == address)) {
        entry = *at;
        *at = entry->next;
        range_release(entry);
    }
    pthread_mutex_unlock(&memory->lock);
    return entry != NULL;
}

/* ---- Views ---- */

bool ldr__memory_remove_view(ldr__process *process, const void *address)
{
    return remove_range(process, (uint64_t)(uintptr_t)address, true);
}

DWORD ldr__memory_add_view(ldr__process *process, ldr_view *view)
{
    ldr__range *entry =
        ldr__range_new((uint64_t)(uintptr_t)ldr_view_base(view), ldr_view_size(view), 0, view);
    if (entry == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    pthread_mutex_lock(&process->memory->lock);
    ldr__range_insert(process->memory, entry);
    pthread_mutex_unlock(&process->memory->lock);
    return ERROR_SUCCESS;
}

/* The view that holds `address` and where in it that is; NULL if none does. The lock is held. */
static ldr_view *view_of(struct ldr__memory *memory, uint64_t address, uint64_t *ret_offset)
{
    ldr__range **at = ldr__range_find(memory, address, 1);
    if (at == NULL || (*at)->view == NULL)
        return NULL;
    *ret_offset = address - (*at)->base;
    return (*at)->view;
}

/* What is no file's data has nothing to write back, which is no error here (H.4). */
DWORD ldr__memory_flush(ldr__process *process, const void *address, uint64_t size)
{
    uint64_t offset;
    ldr_diag diag;
    DWORD error = ERROR_INVALID_ADDRESS;
    pthread_mutex_lock(&process->memory->lock);
    ldr_view *view = view_of(process->memory, (uint64_t)(uintptr_t)address, &offset);
    if (view != NULL) {
        ldr_status status = ldr_view_flush(view, offset, size, false, &diag);
        error = status == LDR_OK || diag.why.nt_status == PE_NT_NOT_MAPPED_DATA
                    ? ERROR_SUCCESS
                    : ldr__error_from_nt_status(diag.why.nt_status);
    }
    pthread_mutex_unlock(&process->memory->lock);
    if (view == NULL && ldr_module_at(process->ctx, address) != NULL)
        return ERROR_SUCCESS;
    return error;
}

int ldr__host_protection(DWORD protect)
{
    switch (protect) {
    case LDR_PAGE_NOACCESS:
        return PROT_NONE;
    case LDR_PAGE_READONLY:
        return PROT_READ;
    case LDR_PAGE_READWRITE:
    case LDR_PAGE_WRITECOPY:
        return PROT_READ | PROT_WRITE;
    case LDR_PAGE_EXECUTE: /* x86 has no pages that run and cannot be read */
    case LDR_PAGE_EXECUTE_READ:
        return PROT_READ | PROT_EXEC;
    case LDR_PAGE_EXECUTE_READWRITE:
    case LDR_PAGE_EXECUTE_WRITECOPY:
        return PROT_READ | PROT_WRITE | PROT_EXEC;
    default:
        return -1;
    }
}

bool ldr__memory_holds(ldr__process *process, uint64_t address)
{
    struct ldr__memory *memory = process->memory;
    pthread_mutex_lock(&memory->lock);
    bool holds = ldr__range_find(memory, address, 1) != NULL;
    pthread_mutex_unlock(&memory->lock);
    return holds;
}

int ldr__page_protection(DWORD protect)
{
    int access = ldr__host_protection(protect & ~(DWORD)PAGE_GUARD);
    if ((protect & PAGE_GUARD) == 0 || access < 0)
        return access;
    return access == PROT_NONE ? -1 : PROT_NONE;
}

/* ---- Allocation ---- */

bool ldr__page_bounds(uint64_t address, uint64_t size, uint64_t unit, uint64_t *ret_base,
                      uint64_t *ret_size)
{
    uint64_t base = address & ~(unit - 1);
    if (size == 0 || size > UINT64_MAX - address - LDR__PAGE_SIZE)
        return false;
    *ret_base = base;
    *ret_size = ((address + size + LDR__PAGE_SIZE - 1) & ~(uint64_t)(LDR__PAGE_SIZE - 1)) - base;
    return true;
}

void *ldr__memory_reserve(uint64_t base, uint64_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (base != 0) {
        void *at = mmap(pointer(base), size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
        return at == MAP_FAILED ? NULL : at;
    }
    if (size > UINT64_MAX - LDR__GRANULARITY)
        return NULL;
    void *at = mmap(NULL, size + LDR__GRANULARITY, PROT_NONE, flags, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    uint64_t start = (uint64_t)(uintptr_t)at;
    uint64_t aligned = (start + LDR__GRANULARITY - 1) & ~(uint64_t)(LDR__GRANULARITY - 1);
    if (aligned != start)
        munmap(at, aligned - start);
    if (aligned != start + LDR__GRANULARITY)
        munmap(pointer(aligned + size), start + LDR__GRANULARITY - aligned);
    return pointer(aligned);
}

static DWORD commit_view(const ldr__range *range, uint64_t base, uint64_t size, DWORD protect)
{
    ldr_diag diag;
    if (ldr_view_commit(range->view, base - range->base, size, protect, &diag) == LDR_OK)
        return ERROR_SUCCESS;
    return ldr__error_from_nt_status(diag.why.nt_status);
}

static DWORD commit(struct ldr__memory *memory, uint64_t base, uint64_t size, DWORD protect)
{
    ldr__range **at = ldr__range_find(memory, base, size);
    if (at == NULL)
        return ERROR_INVALID_ADDRESS;
    if ((*at)->view != NULL)
        return commit_view(*at, base, size, protect);
    if (mprotect(pointer(base), size, ldr__page_protection(protect)) != 0)
        return ERROR_NOT_ENOUGH_MEMORY;
    ldr__range_set(*at, base, size, protect);
    return ERROR_SUCCESS;
}

static DWORD reserve_range(struct ldr__memory *memory, uint64_t base, uint64_t size, DWORD protect,
                           uint64_t *ret_base)
{
    void *at = ldr__memory_reserve(base, size);
    uint64_t found = (uint64_t)(uintptr_t)at;
    if (at == NULL)
        return base != 0 ? ERROR_INVALID_ADDRESS : ERROR_NOT_ENOUGH_MEMORY;
    ldr__range *entry = ldr__range_new(found, size, protect, NULL);
    if (entry == NULL) {
        munmap(at, size);
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    ldr__range_insert(memory, entry);
    *ret_base = found;
    return ERROR_SUCCESS;
}

DWORD ldr__memory_allocate(ldr__process *process, void *address, uint64_t size, DWORD type,
                           DWORD protect, void **ret_address)
{
    uint64_t base, bytes, start = (uint64_t)(uintptr_t)address;
    bool reserves = (type & MEM_RESERVE) != 0 || address == NULL;
    if ((type & ~(DWORD)(MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN)) != 0 ||
        (type & (MEM_COMMIT | MEM_RESERVE)) == 0 || ldr__page_protection(protect) < 0 ||
        (protect & (LDR_PAGE_WRITECOPY | LDR_PAGE_EXECUTE_WRITECOPY)) != 0)
        return ERROR_INVALID_PARAMETER;
    if (!ldr__page_bounds(start, size, reserves ? LDR__GRANULARITY : LDR__PAGE_SIZE, &base, &bytes))
        return ERROR_INVALID_PARAMETER;
    DWORD error = ERROR_SUCCESS;
    pthread_mutex_lock(&process->memory->lock);
    if (reserves)
        error = reserve_range(process->memory, base, bytes, protect, &base);
    bool reserved = reserves && error == ERROR_SUCCESS;
    if (error == ERROR_SUCCESS && (type & MEM_COMMIT) != 0)
        error = commit(process->memory, base, bytes, protect);
    pthread_mutex_unlock(&process->memory->lock);
    if (reserved && error != ERROR_SUCCESS)
        remove_range(process, base, false);
    if (error == ERROR_SUCCESS)
        *ret_address = pointer(base);
    return error;
}

static DWORD decommit(struct ldr__memory *memory, uint64_t address, uint64_t size)
{
    uint64_t base, bytes;
    ldr__range **at = ldr__range_find(memory, address, 1);
    if (at == NULL)
        return ERROR_INVALID_ADDRESS;
    if ((*at)->view != NULL)
        return ERROR_INVALID_PARAMETER; /* rule H43 */
    if (size == 0 && address == (*at)->base)
        size = (*at)->size;
    if (!ldr__page_bounds(address, size, LDR__PAGE_SIZE, &base, &bytes))
        return ERROR_INVALID_PARAMETER;
    if (ldr__range_find(memory, base, bytes) != at)
        return ERROR_INVALID_ADDRESS;
    if (mmap(pointer(base), bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        return ERROR_NOT_ENOUGH_MEMORY;
    ldr__range_set(*at, base, bytes, 0);
    return ERROR_SUCCESS;
}

/* Rule H44: a view is not released this way. */
static DWORD release(ldr__process *process, uint64_t base)
{
    if (remove_range(process, base, false))
        return ERROR_SUCCESS;
    pthread_mutex_lock(&process->memory->lock);
    bool is_view = ldr__range_find(process->memory, base, 1) != NULL;
    pthread_mutex_unlock(&process->memory->lock);
    return is_view ? ERROR_INVALID_PARAMETER : ERROR_INVALID_ADDRESS;
}

DWORD ldr__memory_free(ldr__process *process, void *address, uint64_t size, DWORD type)
{
    uint64_t base = (uint64_t)(uintptr_t)address;
    if (type == MEM_RELEASE && size == 0)
        return release(process, base);
    if (type != MEM_DECOMMIT)
        return ERROR_INVALID_PARAMETER;
    pthread_mutex_lock(&process->memory->lock);
    DWORD error = decommit(process->memory, base, size);
    pthread_mutex_unlock(&process->memory->lock);
    return error;
}
