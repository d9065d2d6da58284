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
                                   .type = MEM_PRIVATE};
}

/* A page of a view, and those after it that are alike for the guest. */
static bool query_view(const ldr_view *view, uint64_t address, ldr__memory_info *ret_info)
{
    uint64_t base = (uint64_t)(uintptr_t)ldr_view_base(view), rva = address - base;
    ldr_region region, next;
    if (ldr_view_query(view, rva, &region) != LDR_OK)
        return false;
    uint64_t end = region.rva + region.size;
    while (end < ldr_view_size(view) && ldr_view_query(view, end, &next) == LDR_OK &&
           next.protect == region.protect && next.committed == region.committed)
        end = next.rva + next.size;
    *ret_info = (ldr__memory_info){.base = pointer(address),
                                   .allocation_base = pointer(base),
                                   .allocation_protect = region.allocation_protect,
                                   .size = end - rva,
                                   .state = region.committed ? MEM_COMMIT : MEM_RESERVE,
                                   .protect = region.protect,
                                   .type = region.type};
    return true;
}

ldr_view *ldr__memory_module_view(ldr__process *process, uint64_t address)
{
    ldr_module *module = ldr_module_at(process->ctx, pointer(address));
    ldr_view *view = module ? ldr__module_view(module) : NULL;
    uint64_t base = view ? (uint64_t)(uintptr_t)ldr_view_base(view) : 0;
    return view && address >= base && address - base < ldr_view_size(view) ? view : NULL;
}

/* The memory's lock is held. */
static bool query(ldr__process *process, const ldr_view *module_view, uint64_t address,
                  ldr__memory_info *ret_info)
{
    ldr__range **at = ldr__range_find(process->memory, address, 1);
    const ldr_view *view = at && (*at)->view ? (*at)->view : module_view;
    if (view != NULL)
        return query_view(view, address, ret_info);
    if (at == NULL)
        return query_host(address, ret_info);
    query_range(*at, address, ret_info);
    return true;
}

bool ldr__memory_query(ldr__process *process, const void *address, ldr__memory_info *ret_info)
{
    uint64_t page = (uint64_t)(uintptr_t)address & ~(uint64_t)(LDR__PAGE_SIZE - 1);
    const ldr_view *view = ldr__memory_module_view(process, page);
    pthread_mutex_lock(&process->memory->lock);
    bool found = query(process, view, page, ret_info);
    pthread_mutex_unlock(&process->memory->lock);
    return found;
}

/* ---- Protection ---- */

/* Every page must be committed, and belong to what the first belongs to. */
static bool all_committed(ldr__process *process, uint64_t base, uint64_t size)
{
    ldr__memory_info info;
    uint64_t at = base;
    void *owner = NULL;
    while (at - base < size) {
        if (!query(process, NULL, at, &info) || info.state != MEM_COMMIT)
            return false;
        if (at == base)
            owner = info.allocation_base;
        if (info.type != MEM_PRIVATE && info.allocation_base != owner)
            return false;
        at += info.size;
    }
    return true;
}

static DWORD protect_view(ldr_view *view, uint64_t base, uint64_t size, DWORD protect,
                          DWORD *ret_old)
{
    ldr_diag diag;
    uint64_t offset = base - (uint64_t)(uintptr_t)ldr_view_base(view);
    if (ldr_view_protect(view, offset, size, protect, ret_old, &diag) == LDR_OK)
        return ERROR_SUCCESS;
    return ldr__error_from_nt_status(diag.why.nt_status);
}

static DWORD protect_pages(ldr__process *process, ldr_view *module_view, uint64_t base,
                           uint64_t size, DWORD protect, DWORD *ret_old)
{
    ldr__memory_info info;
    ldr__range **at = ldr__range_find(process->memory, base, 1);
    ldr_view *view = at && (*at)->view ? (*at)->view : module_view;
    if (view != NULL)
        return protect_view(view, base, size, protect, ret_old);
    if (ldr__page_protection(protect) < 0)
        return ERROR_INVALID_PARAMETER;
    if (!query(process, NULL, base, &info) || !all_committed(process, base, size))
        return ERROR_INVALID_ADDRESS;
    if (mprotect(pointer(base), size, ldr__page_protection(protect)) != 0)
        return errno == ENOMEM ? ERROR_NOT_ENOUGH_MEMORY : ERROR_ACCESS_DENIED;
    if (at != NULL && ldr__range_find(process->memory, base, size) == at)
        ldr__range_set(*at, base, size, protect);
    *ret_old = info.protect;
    return ERROR_SUCCESS;
}

DWORD ldr__memory_protect(ldr__process *process, void *address, uint64_t size, DWORD protect,
                          DWORD *ret_old)
{
    uint64_t base, bytes;
    if (!ldr__page_bounds((uint64_t)(uintptr_t)address, size, LDR__PAGE_SIZE, &base, &bytes))
        return ERROR_INVALID_PARAMETER;
    ldr_view *view = ldr__memory_module_view(process, base);
    pthread_mutex_lock(&process->memory->lock);
    DWORD error = protect_pages(process, view, base, bytes, protect, ret_old);
    pthread_mutex_unlock(&process->memory->lock);
    return error;
}
