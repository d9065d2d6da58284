/* describe.c: what stands behind a section and behind an address. */
#include "section/data.h"
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

/* All pages of data are of one kind; those that are reserved are still unused. */
static ldr_status describe_data(const ldr_section *section, uint32_t index,
                                ldr_subsection *ret_subsection)
{
    const ldr__data *data = &section->data;
    uint64_t all = ldr__data_pages(section), used = ldr__data_committed(section);
    if (index > 0)
        return LDR_INVALID_ARGUMENT;
    *ret_subsection = (ldr_subsection){
        .pe_section = LDR__NO_PE_SECTION,
        .page_count = used,
        .unused_pages = all - used,
        .protect = data->protect,
        .file_size = data->is_file ? data->size : 0,
        .sector_count = data->is_file ? (data->size + SECTOR - 1) / SECTOR : 0,
        .file_pages = data->is_file ? used : 0,
        .shared_pages = data->is_file ? 0 : used,
    };
    return LDR_OK;
}

ldr_status ldr_section_subsection(const ldr_section *section, uint32_t index,
                                  ldr_subsection *ret_subsection)
{
    const ldr__plan *plan = &section->plan;
    uint32_t first = 0;
    if (section->is_data)
        return describe_data(section, index, ret_subsection);
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

static uint32_t attributes_of(const ldr_section *section)
{
    uint32_t kind = section->is_data      ? section->data.attributes
                    : section->no_execute ? LDR_SEC_IMAGE_NO_EXECUTE
                                          : LDR_SEC_IMAGE;
    return kind | (section->has_id ? LDR_SEC_FILE : 0);
}

void ldr_section_describe(const ldr_section *section, ldr_control_area *ret_area)
{
    const ldr__plan *plan = &section->plan;
    bool is_data = section->is_data;
    uint32_t views = atomic_load(&section->views);
    *ret_area = (ldr_control_area){
        .attributes = attributes_of(section),
        .segment_base = is_data ? 0 : base_of(section),
        .segment_size = is_data ? ldr__data_pages(section) * LDR__PAGE : plan->size,
        .page_count = is_data ? ldr__data_committed(section) : count_pages(plan),
        .subsection_count = is_data ? 1 : group_count(plan, plan->count),
        .section_count = atomic_load(&section->references) - views,
        .view_count = views,
        .relocated_pages = count_relocated(atomic_load(&section->relocated)),
        .has_file = section->has_id,
        .file_device = section->id.device,
        .file_index = section->id.inode,
        .file_size = section->file_size,
    };
}

/* An image that is a copy keeps its file for other purposes. */
static ldr__handle file_of_pages(const ldr_section *section)
{
    if (section->is_data)
        return section->data.is_file ? section->data.backing : LDR__NO_HANDLE;
    return ldr__plan_uses(&section->plan, LDR_BACKING_FILE) ? section->file : LDR__NO_HANDLE;
}

ldr_status ldr_section_file_cache(const ldr_section *section, ldr_file_cache *ret_cache)
{
    ldr__handle file = file_of_pages(section);
    return file.value >= 0 ? ldr__os_file_cache(file, ret_cache) : LDR_FILE_NOT_FOUND;
}

/* ---- Addresses ---- */

/* Nine bits of the address for each of the four levels. */
static uint16_t table_index(uint64_t address, unsigned level)
{
    return (uint16_t)(address >> (12 + 9 * level) & 0x1FF);
}

/* Where a byte of a view comes from. */
typedef struct origin {
    uint32_t subsection;
    int32_t pe_section;
    bool is_in_file;
    uint64_t offset;
} origin;

static origin origin_in_data(const ldr_view *view, uint64_t rva)
{
    const ldr__data *data = &view->section->data;
    uint64_t offset = view->offset + rva;
    bool is_in_file = data->is_file && offset < data->size;
    return (origin){.pe_section = LDR__NO_PE_SECTION,
                    .is_in_file = is_in_file,
                    .offset = is_in_file ? offset : 0};
}

static origin origin_in_image(const ldr_view *view, uint64_t rva)
{
    const ldr__plan *plan = ldr__view_plan(view);
    uint32_t part = ldr__plan_find(plan, rva);
    const ldr__subsection *s = &plan->subsections[part];
    bool is_in_file = rva - s->rva < s->content;
    return (origin){.subsection = group_count(plan, part + 1) - 1,
                    .pe_section = s->pe_section,
                    .is_in_file = is_in_file,
                    .offset = is_in_file ? s->source + (rva - s->rva) : 0};
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
    origin from = view->section->is_data ? origin_in_data(view, rva) : origin_in_image(view, rva);
    uint64_t address = (uintptr_t)view->base + rva;
    *ret_location = (ldr_location){
        .address = address,
        .rva = rva,
        .subsection = from.subsection,
        .pe_section = from.pe_section,
        .protect = region.protect,
        .backing = region.backing,
        .has_file_offset = from.is_in_file,
        .file_offset = from.offset,
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
