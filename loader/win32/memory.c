#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel32.h"
#include "maps.h"

/*
 * A range with a protection for each page: what VirtualAlloc reserved or MapViewOfFile mapped (0:
 * reserved, not committed), or a module of which VirtualProtect has changed pages (0: as the view
 * says). The eight page protections are one bit each, so one fits in a byte.
 */
typedef struct range {
    struct range *next;
    uint64_t base, size;
    DWORD type; /* MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE */
    DWORD allocation_protect;
    uint8_t pages[];
} range;

struct ldr__memory {
    pthread_mutex_t lock;
    range *ranges;
};

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

static void range_release(range *entry)
{
    if (entry->type != MEM_IMAGE)
        munmap(pointer(entry->base), entry->size);
    free(entry);
}

void ldr__memory_destroy(ldr__process *process)
{
    struct ldr__memory *memory = process->memory;
    if (memory == NULL)
        return;
    while (memory->ranges != NULL) {
        range *entry = memory->ranges;
        memory->ranges = entry->next;
        range_release(entry);
    }
    pthread_mutex_destroy(&memory->lock);
    free(memory);
    process->memory = NULL;
}

/* ---- The list ---- */

/* Where the list points at the range that holds [address, address + size), or NULL. */
static range **find(struct ldr__memory *memory, uint64_t address, uint64_t size)
{
    for (range **at = &memory->ranges; *at; at = &(*at)->next)
        if (address >= (*at)->base && pe_range_ok((*at)->size, address - (*at)->base, size))
            return at;
    return NULL;
}

static range *range_new(uint64_t base, uint64_t size, DWORD type, DWORD allocation_protect)
{
    range *entry = calloc(1, sizeof *entry + size / LDR__PAGE_SIZE);
    if (entry != NULL) {
        entry->base = base;
        entry->size = size;
        entry->type = type;
        entry->allocation_protect = allocation_protect;
    }
    return entry;
}

static void insert(struct ldr__memory *memory, range *entry)
{
    entry->next = memory->ranges;
    memory->ranges = entry;
}

static bool remove_range(ldr__process *process, uint64_t address, bool exact, DWORD type)
{
    struct ldr__memory *memory = process->memory;
    range *entry = NULL;
    pthread_mutex_lock(&memory->lock);
    range **at = find(memory, address, 1);
    if (at != NULL && (*at)->type == type && (!exact || (*at)->base == address)) {
        entry = *at;
        *at = entry->next;
        range_release(entry);
    }
    pthread_mutex_unlock(&memory->lock);
    return entry != NULL;
}

void ldr__memory_module_removed(ldr__process *process, ldr_module *module)
{
    remove_range(process, (uint64_t)(uintptr_t)ldr_module_base(module), true, MEM_IMAGE);
}

bool ldr__memory_remove_view(ldr__process *process, const void *address)
{
    return remove_range(process, (uint64_t)(uintptr_t)address, false, MEM_MAPPED);
}

DWORD ldr__memory_add_view(ldr__process *process, void *base, uint64_t size, DWORD protect)
{
    range *entry = range_new((uint64_t)(uintptr_t)base, size, MEM_MAPPED, protect);
    if (entry == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    memset(entry->pages, (int)protect, size / LDR__PAGE_SIZE);
    pthread_mutex_lock(&process->memory->lock);
    insert(process->memory, entry);
    pthread_mutex_unlock(&process->memory->lock);
    return ERROR_SUCCESS;
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

/* ---- Allocation ---- */

/* The pages that [address, address + size) touches; false when they wrap around. */
static bool page_bounds(uint64_t address, uint64_t size, uint64_t unit, uint64_t *ret_base,
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

static DWORD commit(struct ldr__memory *memory, uint64_t base, uint64_t size, DWORD protect)
{
    range **at = find(memory, base, size);
    if (at == NULL || (*at)->type != MEM_PRIVATE)
        return ERROR_INVALID_ADDRESS;
    if (mprotect(pointer(base), size, ldr__host_protection(protect)) != 0)
        return ERROR_NOT_ENOUGH_MEMORY;
    memset((*at)->pages + (base - (*at)->base) / LDR__PAGE_SIZE, (int)protect,
           size / LDR__PAGE_SIZE);
    return ERROR_SUCCESS;
}

static DWORD reserve_range(struct ldr__memory *memory, uint64_t base, uint64_t size, DWORD protect,
                           uint64_t *ret_base)
{
    void *at = ldr__memory_reserve(base, size);
    uint64_t found = (uint64_t)(uintptr_t)at;
    if (at == NULL)
        return base != 0 ? ERROR_INVALID_ADDRESS : ERROR_NOT_ENOUGH_MEMORY;
    range *entry = range_new(found, size, MEM_PRIVATE, protect);
    if (entry == NULL) {
        munmap(at, size);
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    insert(memory, entry);
    *ret_base = found;
    return ERROR_SUCCESS;
}

DWORD ldr__memory_allocate(ldr__process *process, void *address, uint64_t size, DWORD type,
                           DWORD protect, void **ret_address)
{
    uint64_t base, bytes, start = (uint64_t)(uintptr_t)address;
    bool reserves = (type & MEM_RESERVE) != 0 || address == NULL;
    if ((type & ~(DWORD)(MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN)) != 0 ||
        (type & (MEM_COMMIT | MEM_RESERVE)) == 0 || ldr__host_protection(protect) < 0 ||
        (protect & (LDR_PAGE_WRITECOPY | LDR_PAGE_EXECUTE_WRITECOPY)) != 0)
        return ERROR_INVALID_PARAMETER;
    if (!page_bounds(start, size, reserves ? LDR__GRANULARITY : LDR__PAGE_SIZE, &base, &bytes))
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
        remove_range(process, base, true, MEM_PRIVATE);
    if (error == ERROR_SUCCESS)
        *ret_address = pointer(base);
    return error;
}

static DWORD decommit(struct ldr__memory *memory, uint64_t address, uint64_t size)
{
    uint64_t base, bytes;
    range **at = find(memory, address, 1);
    if (at == NULL || (*at)->type != MEM_PRIVATE)
        return ERROR_INVALID_ADDRESS;
    if (size == 0 && address == (*at)->base)
        size = (*at)->size;
    if (!page_bounds(address, size, LDR__PAGE_SIZE, &base, &bytes))
        return ERROR_INVALID_PARAMETER;
    if (find(memory, base, bytes) != at)
        return ERROR_INVALID_ADDRESS;
    if (mmap(pointer(base), bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        return ERROR_NOT_ENOUGH_MEMORY;
    memset((*at)->pages + (base - (*at)->base) / LDR__PAGE_SIZE, 0, bytes / LDR__PAGE_SIZE);
    return ERROR_SUCCESS;
}

DWORD ldr__memory_free(ldr__process *process, void *address, uint64_t size, DWORD type)
{
    uint64_t base = (uint64_t)(uintptr_t)address;
    if (type == MEM_RELEASE && size == 0)
        return remove_range(process, base, true, MEM_PRIVATE) ? ERROR_SUCCESS
                                                              : ERROR_INVALID_ADDRESS;
    if (type != MEM_DECOMMIT)
        return ERROR_INVALID_PARAMETER;
    pthread_mutex_lock(&process->memory->lock);
    DWORD error = decommit(process->memory, base, size);
    pthread_mutex_unlock(&process->memory->lock);
    return error;
}

/* ---- Query ---- */

static DWORD protection_of(const ldr__map *map)
{
    static const DWORD names[8] = {
        LDR_PAGE_NOACCESS,          LDR_PAGE_READONLY,          LDR_PAGE_READWRITE,
        LDR_PAGE_READWRITE,         LDR_PAGE_EXECUTE_READ,      LDR_PAGE_EXECUTE_READ,
        LDR_PAGE_EXECUTE_READWRITE, LDR_PAGE_EXECUTE_READWRITE,
    };
    return names[(map->access & PROT_READ ? 1 : 0) | (map->access & PROT_WRITE ? 2 : 0) |
                 (map->access & PROT_EXEC ? 4 : 0)];
}

/* A page of the host's own memory, or of nobody's. */
static bool query_host(uint64_t address, ldr__memory_info *ret_info)
{
    ldr__map map;
    if (!ldr__map_find(address, &map))
        return false;
    *ret_info = (ldr__memory_info){.base = pointer(address), .size = map.end - address};
    if (!map.mapped) {
        ret_info->state = MEM_FREE;
        ret_info->protect = LDR_PAGE_NOACCESS;
        return true;
    }
    ret_info->allocation_base = pointer(map.start);
    ret_info->protect = protection_of(&map);
    ret_info->allocation_protect = ret_info->protect;
    ret_info->state = MEM_COMMIT;
    ret_info->type = map.is_file ? MEM_MAPPED : MEM_PRIVATE;
    return true;
}

static void query_range(const range *entry, uint64_t address, ldr__memory_info *ret_info)
{
    uint64_t first = (address - entry->base) / LDR__PAGE_SIZE, page = first;
    while (page < entry->size / LDR__PAGE_SIZE && entry->pages[page] == entry->pages[first])
        page++;
    bool committed = entry->pages[first] != 0;
    *ret_info = (ldr__memory_info){.base = pointer(address),
                                   .allocation_base = pointer(entry->base),
                                   .allocation_protect = entry->allocation_protect,
                                   .size = (page - first) * LDR__PAGE_SIZE,
                                   .state = committed ? MEM_COMMIT : MEM_RESERVE,
                                   .protect = entry->pages[first],
                                   .type = entry->type};
}

/* A page of a module: what its view says, where VirtualProtect has not changed it. */
static bool query_module(const range *changed, const ldr_view *view, uint64_t address,
                         ldr__memory_info *ret_info)
{
    uint64_t base = (uint64_t)(uintptr_t)ldr_view_base(view), rva = address - base;
    ldr_region region;
    if (changed != NULL) {
        query_range(changed, address, ret_info);
        if (ret_info->protect != 0)
            return true;
    }
    if (ldr_view_query(view, rva, &region) != LDR_OK)
        return false;
    uint64_t size = region.rva + region.size - rva;
    if (changed != NULL && ret_info->size < size)
        size = ret_info->size;
    *ret_info = (ldr__memory_info){.base = pointer(address),
                                   .allocation_base = pointer(base),
                                   .allocation_protect = LDR_PAGE_EXECUTE_WRITECOPY,
                                   .size = size,
                                   .state = region.committed ? MEM_COMMIT : MEM_RESERVE,
                                   .protect = region.protect,
                                   .type = MEM_IMAGE};
    return true;
}

static const ldr_view *view_at(ldr__process *process, uint64_t address)
{
    ldr_module *module = ldr__module_from_address(process->ctx, pointer(address));
    const ldr_view *view = module ? ldr_module_view(module) : NULL;
    uint64_t base = view ? (uint64_t)(uintptr_t)ldr_view_base(view) : 0;
    return view && address >= base && address - base < ldr_view_size(view) ? view : NULL;
}

/* The memory's lock is held. */
static bool query(ldr__process *process, const ldr_view *view, uint64_t address,
                  ldr__memory_info *ret_info)
{
    range **at = find(process->memory, address, 1);
    if (view != NULL)
        return query_module(at ? *at : NULL, view, address, ret_info);
    if (at == NULL)
        return query_host(address, ret_info);
    query_range(*at, address, ret_info);
    return true;
}

bool ldr__memory_query(ldr__process *process, const void *address, ldr__memory_info *ret_info)
{
    uint64_t page = (uint64_t)(uintptr_t)address & ~(uint64_t)(LDR__PAGE_SIZE - 1);
    const ldr_view *view = view_at(process, page);
    pthread_mutex_lock(&process->memory->lock);
    bool found = query(process, view, page, ret_info);
    pthread_mutex_unlock(&process->memory->lock);
    return found;
}

/* ---- Protection ---- */

/* The range that notes what VirtualProtect does to a module, made when there is none. */
static range *module_range(struct ldr__memory *memory, const ldr_view *view)
{
    uint64_t base = (uint64_t)(uintptr_t)ldr_view_base(view);
    range **at = find(memory, base, 1);
    range *entry =
        at ? *at : range_new(base, ldr_view_size(view), MEM_IMAGE, LDR_PAGE_EXECUTE_WRITECOPY);
    if (entry != NULL && at == NULL)
        insert(memory, entry);
    return entry;
}

/* Every page must be committed, and belong to what the first belongs to. */
static bool all_committed(ldr__process *process, const ldr_view *view, uint64_t base, uint64_t size)
{
    ldr__memory_info info;
    uint64_t at = base;
    void *owner = NULL;
    while (at - base < size) {
        if (!query(process, view, at, &info) || info.state != MEM_COMMIT)
            return false;
        if (at == base)
            owner = info.allocation_base;
        if (info.type != MEM_PRIVATE && info.allocation_base != owner)
            return false;
        at += info.size;
        if (view != NULL && at - base < size &&
            at - (uint64_t)(uintptr_t)ldr_view_base(view) >= ldr_view_size(view))
            return false;
    }
    return true;
}

/* Image pages are the process's own copies: what asks to write them is told so. */
static DWORD image_protection(DWORD protect)
{
    if (protect == LDR_PAGE_READWRITE)
        return LDR_PAGE_WRITECOPY;
    return protect == LDR_PAGE_EXECUTE_READWRITE ? LDR_PAGE_EXECUTE_WRITECOPY : protect;
}

static DWORD protect_pages(ldr__process *process, const ldr_view *view, uint64_t base,
                           uint64_t size, DWORD protect, DWORD *ret_old)
{
    ldr__memory_info info;
    struct ldr__memory *memory = process->memory;
    if (!query(process, view, base, &info) || !all_committed(process, view, base, size))
        return ERROR_INVALID_ADDRESS;
    range **at = find(memory, base, size);
    range *entry = view ? module_range(memory, view) : at ? *at : NULL;
    if (view != NULL && entry == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    if (mprotect(pointer(base), size, ldr__host_protection(protect)) != 0)
        return errno == ENOMEM ? ERROR_NOT_ENOUGH_MEMORY : ERROR_ACCESS_DENIED;
    if (entry != NULL)
        memset(entry->pages + (base - entry->base) / LDR__PAGE_SIZE,
               (int)(view ? image_protection(protect) : protect), size / LDR__PAGE_SIZE);
    *ret_old = info.protect;
    return ERROR_SUCCESS;
}

DWORD ldr__memory_protect(ldr__process *process, void *address, uint64_t size, DWORD protect,
                          DWORD *ret_old)
{
    uint64_t base, bytes;
    if (ldr__host_protection(protect) < 0 ||
        !page_bounds((uint64_t)(uintptr_t)address, size, LDR__PAGE_SIZE, &base, &bytes))
        return ERROR_INVALID_PARAMETER;
    const ldr_view *view = view_at(process, base);
    pthread_mutex_lock(&process->memory->lock);
    DWORD error = protect_pages(process, view, base, bytes, protect, ret_old);
    pthread_mutex_unlock(&process->memory->lock);
    return error;
}
