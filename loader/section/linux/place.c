#include "section/place.h"
#include "section/diag.h"

/* Windows hands out address space in units of this. */
#define GRANULARITY UINT64_C(0x10000)

static ldr_status place_at(uint64_t base, uint64_t size, uint64_t alignment, const char *name,
                           void **ret_address, ldr_diag *diag)
{
    if (base % alignment != 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_MAPPED_ALIGNMENT, name);
    if (!pe_range_ok(LDR__USER_END, base, size))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER_3, name);
    ldr_status status = ldr__os_reserve(base, size, alignment, ret_address);
    return status == LDR_OK ? LDR_OK : ldr__fail(diag, status, ldr__nt_status_of(status), name);
}

/* A preferred base that cannot be had, in the kernel's half or at 0, is no reason to fail. */
static ldr_status place_anywhere(uint64_t preferred, uint64_t size, const char *name,
                                 void **ret_address, ldr_diag *diag)
{
    if (preferred != 0 && preferred % GRANULARITY == 0 &&
        pe_range_ok(LDR__USER_END, preferred, size) &&
        ldr__os_reserve(preferred, size, GRANULARITY, ret_address) == LDR_OK)
        return LDR_OK;
    ldr_status status = ldr__os_reserve(0, size, GRANULARITY, ret_address);
    return status == LDR_OK ? LDR_OK : ldr__fail(diag, status, ldr__nt_status_of(status), name);
}

/* The section's base is the first that could be had; views that cannot have it go elsewhere. */
static ldr_status place_by_aslr(ldr_section *section, uint64_t size, void **ret_address,
                                ldr_diag *diag)
{
    uint_fast64_t chosen = atomic_load(&section->aslr_base);
    for (unsigned i = 0; chosen == 0 && i < LDR__ASLR_ATTEMPTS; i++) {
        uint64_t base = ldr__aslr_base(&section->image, &section->aslr, i);
        if (!pe_range_ok(LDR__USER_END, base, size) ||
            ldr__os_reserve(base, size, GRANULARITY, ret_address) != LDR_OK)
            continue;
        atomic_compare_exchange_strong(&section->aslr_base, &chosen, base);
        return LDR_OK;
    }
    return place_anywhere(chosen, size, section->name, ret_address, diag);
}

ldr_status ldr__place(ldr_section *section, uint64_t base, void **ret_address, ldr_diag *diag)
{
    uint64_t size = section->plan.size;
    if (base != 0)
        return place_at(base, size, GRANULARITY, section->name, ret_address, diag);
    if (section->aslr.applies)
        return place_by_aslr(section, size, ret_address, diag);
    return place_anywhere(section->image.optional.image_base, size, section->name, ret_address,
                          diag);
}

/* A free address in the highest part of what lies below `limit`. */
static ldr_status place_near(const ldr__room *room, uint64_t limit, void **ret_address)
{
    enum { ATTEMPTS = 0x1000 };
    uint64_t highest = limit > room->size ? limit - room->size : 0;
    uint64_t base = highest & ~(room->alignment - 1);
    for (unsigned i = 0; i < ATTEMPTS && base != 0; i++, base -= room->alignment) {
        if (ldr__os_reserve(base, room->size, room->alignment, ret_address) == LDR_OK)
            return LDR_OK;
    }
    return LDR_NO_MEMORY;
}

/* Not everywhere, so that looking does not take long. */
static ldr_status place_below(const ldr__room *room, void **ret_address)
{
    for (uint64_t limit = room->limit; limit > room->size; limit /= 2) {
        if (place_near(room, limit, ret_address) == LDR_OK)
            return LDR_OK;
    }
    return LDR_NO_MEMORY;
}

ldr_status ldr__place_data(const ldr__room *room, const char *name, void **ret_address,
                           ldr_diag *diag)
{
    if (room->base != 0)
        return place_at(room->base, room->size, room->alignment, name, ret_address, diag);
    void *address;
    ldr_status status = ldr__os_reserve(0, room->size, room->alignment, &address);
    if (status == LDR_OK && (uintptr_t)address + room->size > room->limit) {
        ldr__os_unmap(address, room->size);
        status = place_below(room, &address);
    }
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    *ret_address = address;
    return LDR_OK;
}
