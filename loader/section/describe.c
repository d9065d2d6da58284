/* describe.c: what stands behind a section and behind an address. */
#include "section/view.h"

#define SECTOR UINT64_C(512)

/* ---- Subsections ---- */

/* A plan's subsections are cut by backing; those of Windows hold all pages of a PE section. */
static bool is_reserved(const ldr__subsection *s)
{
    return s->backing == LDR_BACKING_NONE;
}

/* The index of the subsection of the plan behind the group that starts at `first`. */
static uint32_t group_end(const ldr__plan *plan, uint32_t first)
{
    uint32_t i = first + 1;
    while (i < plan->count &&
           plan->subsections[i].pe_section == plan->subsections[first].pe_section &&
           !is_reserved(&plan->subsections[i]))
        i++;
    while (i < plan->count && is_reserved(&plan->subsections[i]))
        i++;
    return i;
}

static uint32_t group_count(const ldr__plan *plan, uint32_t end)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < end; i = group_end(plan, i))
        count++;
    return count;
}

static void add_pages(ldr_subsection *group, const ldr__subsection *part)
{
    uint64_t pages = part->size / LDR__PAGE;
    switch (part->backing) {
    case LDR_BACKING_FILE:
        group->file_pages += pages;
        break;
    case LDR_BACKING_SEGMENT:
        group->segment_pages += pages;
        break;
    case LDR_BACKING_SHARED:
        group->shared_pages += pages;
        break;
    case LDR_BACKING_NONE:
        group->unused_pages += pages;
        return;
    default:
        group->zero_pages += pages;
        break;
    }
    group->page_count += pages;
}

/* The parts of a group follow one another in the file as they do in memory. */
static void add_part(ldr_subsection *group, const ldr__subsection *part)
{
    if (part->content > 0) {
        if (group->file_size == 0)
            group->file_offset = part->source;
        group->file_size += part->content;
    }
    add_pages(group, part);
}

static ldr_subsection describe_group(const ldr__plan *plan, uint32_t first)
{
    const ldr__subsection *head = &plan->subsections[first];
    ldr_subsection group = {
        .pe_section = head->pe_section, .rva = head->rva, .protect = head->protect};
    uint32_t end = group_end(plan, first);
    for (uint32_t i = first; i < end; i++)
        add_part(&group, &plan->subsections[i]);
    group.first_sector = group.file_offset / SECTOR;
    group.sector_count = (group.file_size + SECTOR - 1) / SECTOR;
    return group;
}

ldr_status ldr_section_subsection(const ldr_section *section, uint32_t index,
                                  ldr_subsection *ret_subsection)
{
    const ldr__plan *plan = &section->plan;
    uint32_t first = 0;
    while (index > 0 && first < plan->count) {
        first = group_end(plan, first);
        index--;
    }
    if (first >= plan->count)
        return LDR_INVALID_ARGUMENT;
    *ret_subsection = describe_group(plan, first);
    return LDR_OK;
}

/* ---- Control areas ---- */

static uint64_t count_pages(const ldr__plan *plan)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < plan->count; i++)
        pages += is_reserved(&plan->subsections[i]) ? 0 : plan->subsections[i].size / LDR__PAGE;
    return pages;
}

static uint64_t count_relocated(const ldr__relocated *copy)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; copy != NULL && i < copy->run_count; i++)
        pages += (copy->runs[i].end - copy->runs[i].start) / LDR__PAGE;
    return pages;
}

static uint64_t base_of(const ldr_section *section)
{
    uint64_t chosen = atomic_load(&section->aslr_base);
    return chosen != 0 ? chosen : section->image.optional.image_base;
}

void ldr_section_describe(const ldr_section *section, ldr_control_area *ret_area)
{
    uint32_t views = atomic_load(&section->views);
    *ret_area = (ldr_control_area){
        .attributes = (section->no_execute ? LDR_SEC_IMAGE_NO_EXECUTE : LDR_SEC_IMAGE) |
                      (section->has_id ? LDR_SEC_FILE : 0),
        .segment_base = base_of(section),
        .segment_size = section->plan.size,
        .page_count = count_pages(&section->plan),
        .subsection_count = group_count(&section->plan, section->plan.count),
        .section_count = atomic_load(&section->references) - views,
        .view_count = views,
        .relocated_pages = count_relocated(atomic_load(&section->relocated)),
        .has_file = section->has_id,
        .file_device = section->id.device,
        .file_index = section->id.inode,
        .file_size = section->file_size,
    };
}

ldr_status ldr_section_file_cache(const ldr_section *section, ldr_file_cache *ret_cache)
{
    if (section->file.value < 0)
        return LDR_FILE_NOT_FOUND;
    return ldr__os_file_cache(section->file, ret_cache);
}

/* ---- Addresses ---- */

/* Nine bits of the address for each of the four levels. */
static uint16_t table_index(uint64_t address, unsigned level)
{
    return (uint16_t)(address >> (12 + 9 * level) & 0x1FF);
}

ldr_status ldr_view_locate(const ldr_view *view, uint64_t rva, ldr_location *ret_location)
{
    ldr_region region;
    ldr__os_page page;
    ldr_status status = ldr_view_query(view, rva, &region);
    if (status == LDR_OK)
        status = ldr__os_page_at(view->base + rva, &page);
    if (status != LDR_OK)
        return status;
    const ldr__plan *plan = ldr__view_plan(view);
    uint32_t part = ldr__plan_find(plan, rva);
    const ldr__subsection *s = &plan->subsections[part];
    uint64_t address = (uintptr_t)view->base + rva;
    *ret_location = (ldr_location){
        .address = address,
        .rva = rva,
        .subsection = group_count(plan, part + 1) - 1,
        .pe_section = s->pe_section,
        .protect = region.protect,
        .backing = region.backing,
        .has_file_offset = rva - s->rva < s->content,
        .file_offset = rva - s->rva < s->content ? s->source + (rva - s->rva) : 0,
        .pml4 = table_index(address, 3),
        .pdpt = table_index(address, 2),
        .pd = table_index(address, 1),
        .pt = table_index(address, 0),
        .page_offset = (uint16_t)(address % LDR__PAGE),
        .is_present = page.is_present,
        .has_frame = page.has_frame,
        .frame = page.frame,
    };
    return LDR_OK;
}
