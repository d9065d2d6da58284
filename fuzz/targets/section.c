/*
 * Fuzz target of sections, views and relocations. Whatever the bytes: a section comes about exactly
 * if Windows takes the image, a view shows what the plan says with the access that it says,
 * relocating ends with a status and restores the protections, and unmapping frees the address.
 */
#include "fuzz/target.h"

#include "section/view.h"

#include <string.h>

const uint32_t fuzz_focus = 1u << PE_DIRECTORY_BASE_RELOCATION;

enum {
    VIEW_LIMIT = 0x100000, /* larger views are not compared */
    REGION_LIMIT = 4096,
};

/* Low enough for the sanitizer's shadow, and no usual preferred base. */
#define BASE UINT64_C(0x10000000)

static void check_plan(const ldr__plan *plan, uint64_t file_size)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        const ldr__subsection *s = &plan->subsections[i];
        REQUIRE(s->rva == end && s->size > 0 && s->size % LDR__PAGE == 0);
        REQUIRE(s->content <= s->size && pe_range_ok(file_size, s->source, s->content));
        REQUIRE(s->content == 0 || s->backing == LDR_BACKING_SEGMENT ||
                s->backing == LDR_BACKING_SHARED);
        REQUIRE((s->protect == 0) == (s->backing == LDR_BACKING_NONE));
        end += s->size;
    }
    REQUIRE(end == plan->size);
}

/* Bytes are those of the file, then zeros. */
static void check_bytes(const ldr_view *view, const ldr__subsection *s, const uint8_t *data)
{
    const uint8_t *bytes = (const uint8_t *)ldr_view_base(view) + s->rva;
    if ((ldr__protect_access(s->protect) & LDR__READ) == 0)
        return;
    REQUIRE(s->content == 0 || memcmp(bytes, data + s->source, s->content) == 0);
    for (uint64_t i = s->content; i < s->size; i++)
        REQUIRE(bytes[i] == 0);
}

static void check_regions(const ldr_view *view)
{
    const ldr__plan *plan = ldr__view_plan(view);
    uint64_t rva = 0;
    for (int i = 0; i < REGION_LIMIT && rva < plan->size; i++) {
        ldr_region region;
        REQUIRE(ldr_view_query(view, rva, &region) == LDR_OK);
        REQUIRE(region.rva == rva && region.size > 0);
        const ldr__subsection *s = &plan->subsections[ldr__plan_find(plan, rva)];
        REQUIRE(rva + region.size <= s->rva + s->size);
        REQUIRE(region.protect == s->protect ||
                region.protect == ldr__protect_after_write(s->protect));
        REQUIRE(region.backing == s->backing || region.backing == LDR_BACKING_PRIVATE ||
                region.backing == LDR_BACKING_RELOCATED);
        REQUIRE(region.private_bytes == (region.backing == LDR_BACKING_PRIVATE ? region.size : 0));
        rva += region.size;
    }
}

static ldr_status check_relocations(ldr_view *view)
{
    ldr_diag diag = {0};
    ldr_status status = ldr_view_relocate(view, &diag);
    switch (status) {
    case LDR_OK:
        break;
    case LDR_NOT_RELOCATABLE:
        REQUIRE(diag.why.nt_status == PE_NT_CONFLICTING_ADDRESSES);
        break;
    case LDR_BAD_RELOCATIONS:
        REQUIRE(diag.why.rule != NULL && diag.why.nt_status != PE_NT_SUCCESS);
        break;
    default:
        REQUIRE(false);
    }
    return status;
}

/* A number for all bytes that can be read. */
static uint64_t digest_of(const ldr_view *view)
{
    uint64_t digest = 0;
    ldr_region region;
    for (uint64_t rva = 0; ldr_view_query(view, rva, &region) == LDR_OK; rva += region.size) {
        const uint8_t *bytes = (const uint8_t *)ldr_view_base(view) + rva;
        bool can_be_read = (ldr__protect_access(region.protect) & LDR__READ) != 0;
        for (uint64_t i = 0; can_be_read && i < region.size; i++)
            digest = digest * 31 + bytes[i];
    }
    return digest;
}

/*
 * Wherever it goes: a later view at the same base ends the same way, and looks the same. Memory
 * that is SHARED keeps what the first one did to it.
 */
static void check_sharing(ldr_section *section)
{
    if (ldr__plan_uses(&section->plan, LDR_BACKING_SHARED))
        return;
    uintptr_t base = 0;
    uint64_t digest = 0;
    ldr_status status = LDR_OK;
    for (int i = 0; i < 2; i++) {
        ldr_view *view;
        if (ldr_view_map(section, NULL, &view, NULL) != LDR_OK)
            return;
        bool is_again = (uintptr_t)ldr_view_base(view) == base;
        base = (uintptr_t)ldr_view_base(view);
        ldr_status status_now = check_relocations(view);
        uint64_t digest_now = status_now == LDR_OK ? digest_of(view) : 0;
        check_regions(view);
        REQUIRE(!is_again || (status_now == status && digest_now == digest));
        status = status_now;
        digest = digest_now;
        ldr_view_unmap(view);
    }
}

static void check_view(ldr_section *section, const uint8_t *data)
{
    ldr_diag diag = {0};
    ldr_view *view;
    ldr_view_options options = {.size = sizeof options, .base = BASE};
    ldr_status status = ldr_view_map(section, &options, &view, &diag);
    /* Too large for the place, or with more runs than a process may have mappings. */
    REQUIRE(status == LDR_OK || status == LDR_ADDRESS_BUSY || status == LDR_NO_MEMORY);
    REQUIRE(status == diag.status);
    if (status != LDR_OK)
        return;
    const ldr__plan *plan = ldr__view_plan(view);
    if (plan->size <= VIEW_LIMIT) {
        for (uint32_t i = 0; i < plan->count; i++)
            check_bytes(view, &plan->subsections[i], data);
        check_relocations(view);
        check_regions(view);
    }
    ldr_view_unmap(view);
    /* The address is free again: the same view fits once more. */
    REQUIRE(ldr_view_map(section, &options, &view, &diag) == LDR_OK);
    ldr_view_unmap(view);
}

/* The input chooses: half of them go the usual way. */
static ldr_section_options options_of(const uint8_t *data, size_t size)
{
    ldr_section_options options = {.size = sizeof options};
    uint8_t choice = 0;
    for (size_t i = 0; i < size; i++)
        choice = (uint8_t)(choice * 5 + data[i]);
    if (choice % 2 == 0)
        return options;
    static const pe_profile profiles[] = {PE_WIN10, PE_WIN10, PE_WIN7, PE_WINXP};
    options.platform = (choice & 2) != 0 ? PE_PLATFORM_ANY : PE_PLATFORM_X64;
    options.aslr = (choice & 4) != 0 ? LDR_ASLR_FORCE : LDR_ASLR_OFF;
    options.no_execute = (choice & 8) != 0;
    options.profile = profiles[choice >> 4 & 3];
    return options;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ldr_diag diag = {0};
    ldr_section *section;
    ldr_section_options options = options_of(data, size);
    pe_profile profile = options.profile != 0 ? options.profile : PE_WIN10;
    ldr_status status = ldr_section_from_memory("input", data, size, &options, &section, &diag);
    pe_status verdict = pe_accept_on((pe_span){data, size}, size, profile, options.platform, NULL);
    REQUIRE((status == LDR_OK) == (verdict == PE_OK));
    if (status != LDR_OK) {
        REQUIRE(status == LDR_IMAGE_REFUSED && diag.status == status);
        REQUIRE(diag.why.rule != NULL && diag.why.nt_status != PE_NT_SUCCESS);
        return 0;
    }
    check_plan(&section->plan, size);
    check_view(section, data);
    if (options.aslr != LDR_ASLR_OFF && section->plan.size <= VIEW_LIMIT)
        check_sharing(section);
    ldr_section_close(section);
    return 0;
}
