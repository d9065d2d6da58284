#include <errno.h>
#include <sys/mman.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/maps.h"
#include "win32/kernel32/ranges.h"

/* ---- Query ---- */

static void *pointer(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

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

static void query_range(const ldr__range *entry, uint64_t address, ldr__memory_info *ret_info)
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
static bool query_module(const ldr__range *changed, const ldr_view *view, uint64_t address,
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
    ldr_module *module = ldr_module_at(process->ctx, pointer(address));
    const ldr_view *view = module ? ldr_module_view(module) : NULL;
    uint64_t base = view ? (uint64_t)(uintptr_t)ldr_view_base(view) : 0;
    return view && address >= base && address - base < ldr_view_size(view) ? view : NULL;
}

/* The memory's lock is held. */
static bool query(ldr__process *process, const ldr_view *view, uint64_t address,
                  ldr__memory_info *ret_info)
{
    ldr__range **at = ldr__range_find(process->memory, address, 1);
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
static ldr__range *module_range(struct ldr__memory *memory, const ldr_view *view)
{
    uint64_t base = (uint64_t)(uintptr_t)ldr_view_base(view);
    ldr__range **at = ldr__range_find(memory, base, 1);
    ldr__range *entry =
        at ? *at : ldr__range_new(base, ldr_view_size(view), MEM_IMAGE, LDR_PAGE_EXECUTE_WRITECOPY);
    if (entry != NULL && at == NULL)
        ldr__range_insert(memory, entry);
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
    DWORD guard = protect & PAGE_GUARD, access = protect & ~(DWORD)PAGE_GUARD;
    if (access == LDR_PAGE_READWRITE)
        return LDR_PAGE_WRITECOPY | guard;
    return access == LDR_PAGE_EXECUTE_READWRITE ? LDR_PAGE_EXECUTE_WRITECOPY | guard : protect;
}

static DWORD protect_pages(ldr__process *process, const ldr_view *view, uint64_t base,
                           uint64_t size, DWORD protect, DWORD *ret_old)
{
    ldr__memory_info info;
    struct ldr__memory *memory = process->memory;
    if (!query(process, view, base, &info) || !all_committed(process, view, base, size))
        return ERROR_INVALID_ADDRESS;
    ldr__range **at = ldr__range_find(memory, base, size);
    ldr__range *entry = view ? module_range(memory, view) : at ? *at : NULL;
    if (view != NULL && entry == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    if (mprotect(pointer(base), size, ldr__page_protection(protect)) != 0)
        return errno == ENOMEM ? ERROR_NOT_ENOUGH_MEMORY : ERROR_ACCESS_DENIED;
    if (entry != NULL)
        ldr__range_set(entry, base, size, view ? image_protection(protect) : protect);
    *ret_old = info.protect;
    return ERROR_SUCCESS;
}

DWORD ldr__memory_protect(ldr__process *process, void *address, uint64_t size, DWORD protect,
                          DWORD *ret_old)
{
    uint64_t base, bytes;
    if (ldr__page_protection(protect) < 0 ||
        !ldr__page_bounds((uint64_t)(uintptr_t)address, size, LDR__PAGE_SIZE, &base, &bytes))
        return ERROR_INVALID_PARAMETER;
    const ldr_view *view = view_at(process, base);
    pthread_mutex_lock(&process->memory->lock);
    DWORD error = protect_pages(process, view, base, bytes, protect, ret_old);
    pthread_mutex_unlock(&process->memory->lock);
    return error;
}
