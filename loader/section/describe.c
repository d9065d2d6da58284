/* describe.c: what stands behind a section and behind an address. */
#include "section/data.h"
#include "section/file.h"
#include "section/view.h"

#define SECTOR UINT64_C(512)

/* ---- Subsections of images ---- */

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

static uint64_t sectors_of(uint64_t size)
{
    return (size + SECTOR - 1) / SECTOR;
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
    group.sector_count = sectors_of(group.file_size);
    return group;
}

static ldr_status subsection_of_image(const ldr__plan *plan, uint32_t index,
                                      ldr_subsection *ret_subsection)
{
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

/* ---- Subsections ---- */

static ldr_subsection describe_data(const ldr_section *section)
{
    const ldr__data *data = &section->data;
    ldr_subsection all = {.pe_section = LDR__NO_PE_SECTION,
                          .page_count = ldr__data_committed(section),
                          .protect = data->protect};
    all.unused_pages = ldr__data_pages(section) - all.page_count;
    if (data->is_file) {
        all.file_size = data->size;
        all.sector_count = sectors_of(data->size);
        all.file_pages = all.page_count;
    } else {
        all.shared_pages = all.page_count;
    }
    return all;
}

ldr_status ldr_section_subsection(const ldr_section *section, uint32_t index,
                                  ldr_subsection *ret_subsection)
{
    if (!section->is_data)
        return subsection_of_image(&section->plan, index, ret_subsection);
    if (index > 0)
        return LDR_INVALID_ARGUMENT;
    *ret_subsection = describe_data(section);
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

static void describe_image(const ldr_section *section, ldr_control_area *area)
{
    area->attributes = section->no_execute ? LDR_SEC_IMAGE_NO_EXECUTE : LDR_SEC_IMAGE;
    area->segment_base = base_of(section);
    area->segment_size = section->plan.size;
    area->page_count = count_pages(&section->plan);
    area->subsection_count = group_count(&section->plan, section->plan.count);
    area->relocated_pages = count_relocated(atomic_load(&section->relocated));
    area->segment = section->segment_sharing;
    area->shared = section->shared_sharing;
}

static void describe_memory(const ldr_section *section, ldr_control_area *area)
{
    const ldr__data *data = &section->data;
    area->attributes = data->attributes;
    area->protect = data->protect;
    area->segment_size = data->size;
    area->page_count = ldr__data_committed(section);
    area->subsection_count = 1;
}

void ldr_section_describe(const ldr_section *section, ldr_control_area *ret_area)
{
    uint32_t views = atomic_load(&section->views);
    ldr_control_area area = {
        .section_count = atomic_load(&section->references) - views,
        .view_count = views,
        .flush_count = atomic_load(&section->flushes),
        .has_file = section->has_id,
        .file_device = section->id.device,
        .file_index = section->id.inode,
        .file_size = section->has_id ? section->file_size : 0,
    };
    if (section->is_data)
        describe_memory(section, &area);
    else
        describe_image(section, &area);
    if (section->has_id)
        area.attributes |= LDR_SEC_FILE;
    *ret_area = area;
}

ldr_status ldr_section_file_use(const ldr_section *section, ldr_file_use *ret_use)
{
    ldr__handle file =
        section->is_data && section->data.is_file ? section->data.backing : section->file;
    if (file.value < 0)
        return LDR_FILE_NOT_FOUND;
    ldr_file_use use = {
        .has_image = ldr__os_file_is_marked(file, LDR__MARK_IMAGE, 1),
        .has_section = ldr__os_file_is_marked(file, LDR__MARK_DATA, LDR__SECTION_MAX),
    };
    use.is_cache_known = ldr__os_file_cache(file, &use.cached_pages, &use.dirty_pages) == LDR_OK;
    *ret_use = use;
    return LDR_OK;
}

const char *ldr_sharing_name(ldr_sharing sharing)
{
    switch (sharing) {
    case LDR_SHARING_PUBLISHED:
        return "published";
    case LDR_SHARING_FOUND:
        return "found";
    case LDR_SHARING_NONE:
        break;
    }
    return "none";
}

/* ---- Addresses ---- */

/* Nine bits of the address for each of the four levels. */
static uint16_t table_index(uint64_t address, unsigned level)
{
    return (uint16_t)(address >> (12 + 9 * level) & 0x1FF);
}

/* What the plan of an image says of the byte at `rva`. */
static void locate_in_image(const ldr__plan *plan, uint64_t rva, ldr_location *at)
{
    uint32_t part = ldr__plan_find(plan, rva);
    const ldr__subsection *s = &plan->subsections[part];
    at->subsection = group_count(plan, part + 1) - 1;
    at->has_file_offset = rva - s->rva < s->content;
    at->file_offset = at->has_file_offset ? s->source + (rva - s->rva) : 0;
}

static void locate_in_data(const ldr_view *view, uint64_t offset, ldr_location *at)
{
    const ldr__data *data = &view->section->data;
    at->has_file_offset = data->is_file && view->offset + offset < data->size;
    at->file_offset = at->has_file_offset ? view->offset + offset : 0;
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
    uint64_t address = (uintptr_t)view->base + rva;
    ldr_location at = {
        .address = address,
        .rva = rva,
        .pe_section = region.pe_section,
        .protect = region.protect,
        .backing = region.backing,
        .pml4 = table_index(address, 3),
        .pdpt = table_index(address, 2),
        .pd = table_index(address, 1),
        .pt = table_index(address, 0),
        .page_offset = (uint16_t)(address % LDR__PAGE),
        .is_present = page.is_present,
        .has_frame = page.has_frame,
        .frame = page.frame,
    };
    if (view->section->is_data)
        locate_in_data(view, rva, &at);
    else
        locate_in_image(ldr__view_plan(view), rva, &at);
    *ret_location = at;
    return LDR_OK;
}
