/* data_view.c: part of a section's data at an address. */
#include "section/data.h"
#include "section/diag.h"
#include "section/pages.h"
#include "section/place.h"
#include "section/rights.h"

#define GRANULARITY UINT64_C(0x10000)

/* A view that has been found right: what of it there is to map. */
typedef struct request {
    uint32_t protect;
    uint64_t backed; /* bytes of whole pages that the section has for it */
    ldr__room room;
} request;

static ldr_status fail(const ldr_section *section, ldr_diag *diag, ldr_status status,
                       uint32_t nt_status)
{
    return ldr__fail(diag, status, nt_status, section->name);
}

static uint64_t granularity_of(const ldr_section *section)
{
    return (section->data.attributes & LDR_SEC_LARGE_PAGES) != 0 ? LDR__LARGE_PAGE : GRANULARITY;
}

/* ---- What is asked for, in the order of rule H33 ---- */

/* Rule H42: 0 for a number that is none. */
static uint64_t limit_of(uint64_t zero_bits)
{
    if (zero_bits == 0)
        return LDR__USER_END;
    if (zero_bits < 32)
        return zero_bits <= 21 ? UINT64_C(1) << (32 - zero_bits) : 0;
    uint64_t limit = UINT64_C(1) << 32;
    while (limit != 0 && limit <= zero_bits && limit < LDR__USER_END)
        limit <<= 1;
    return limit < LDR__USER_END ? limit : LDR__USER_END;
}

/* What is wrong on its own account: rules H39, H40, H42 and, for addresses of the kernel, H32. */
static uint32_t judge_arguments(const ldr_view_options *options)
{
    const uint32_t types = LDR_MEM_RESERVE | LDR_MEM_TOP_DOWN | LDR_MEM_LARGE_PAGES;
    uint64_t limit = limit_of(options->zero_bits);
    if (options->protect != 0 && !ldr__protect_is_valid(options->protect))
        return PE_NT_INVALID_PAGE_PROTECTION;
    if ((options->allocation_type & ~types) != 0)
        return PE_NT_INVALID_PARAMETER_9;
    if (options->base >= LDR__USER_END ||
        !pe_range_ok(LDR__USER_END, options->base, options->length))
        return PE_NT_INVALID_PARAMETER_3;
    if (limit == 0 || (options->base != 0 && options->base >= limit))
        return PE_NT_INVALID_PARAMETER_4;
    return PE_NT_SUCCESS;
}

/* Rules H30, H31, H36, H38, H40. */
static ldr_status judge_against_section(const ldr_section *section, const ldr_view_options *options,
                                        uint32_t protect, ldr_diag *diag)
{
    const ldr__data *data = &section->data;
    uint64_t granularity = granularity_of(section);
    bool is_open = (options->allocation_type & LDR_MEM_RESERVE) != 0;
    if ((ldr__protect_section_access(protect) & ~section->access) != 0)
        return fail(section, diag, LDR_ACCESS_DENIED, PE_NT_ACCESS_DENIED);
    if (options->base % granularity != 0 || options->offset % granularity != 0)
        return fail(section, diag, LDR_INVALID_ARGUMENT, PE_NT_MAPPED_ALIGNMENT);
    if (!ldr__protect_allows(data->protect, protect) ||
        (is_open && data->is_file && !ldr__protect_is_shared_write(data->protect)))
        return fail(section, diag, LDR_ACCESS_DENIED, PE_NT_SECTION_PROTECTION);
    if (is_open && !data->is_file)
        return fail(section, diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER_9);
    return LDR_OK;
}

/* Rules H34, H40 and H41. */
static ldr_status measure(const ldr_section *section, const ldr_view_options *options,
                          request *wanted, ldr_diag *diag)
{
    bool is_open = (options->allocation_type & LDR_MEM_RESERVE) != 0;
    uint64_t page =
        (section->data.attributes & LDR_SEC_LARGE_PAGES) != 0 ? LDR__LARGE_PAGE : LDR__PAGE;
    uint64_t size = section->data.size;
    uint64_t rest = options->offset < size ? size - options->offset : 0;
    uint64_t length = options->length != 0 ? options->length : rest;
    if (rest == 0 || (length > rest && !is_open))
        return fail(section, diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_VIEW_SIZE);
    uint64_t most = !section->data.is_file || is_open ? length : 0;
    if (options->commit_size > most)
        return fail(section, diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER_5);
    if (length > LDR__USER_END)
        return fail(section, diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY);
    uint64_t backed = length < rest ? length : rest;
    wanted->backed = (backed + page - 1) & ~(page - 1);
    wanted->room.size = (length + page - 1) & ~(page - 1);
    return LDR_OK;
}

static ldr_status judge(const ldr_section *section, const ldr_view_options *options,
                        request *ret_request, ldr_diag *diag)
{
    uint32_t nt_status = judge_arguments(options);
    if (nt_status != PE_NT_SUCCESS)
        return fail(section, diag, LDR_INVALID_ARGUMENT, nt_status);
    request wanted = {.protect = options->protect != 0 ? options->protect : section->data.protect,
                      .room = {.alignment = granularity_of(section),
                               .base = options->base,
                               .limit = limit_of(options->zero_bits)}};
    ldr_status status = judge_against_section(section, options, wanted.protect, diag);
    if (status == LDR_OK)
        status = measure(section, options, &wanted, diag);
    if (status == LDR_OK)
        *ret_request = wanted;
    return status;
}

/* ---- Mapping ---- */

static bool is_private(uint32_t protect)
{
    return ldr__protect_is_copy(protect);
}

static ldr_status map_pages(const ldr_view *view, const request *wanted)
{
    const ldr_section *section = view->section;
    ldr__handle backing = section->data.backing;
    int access =
        ldr__data_is_reserved(section) ? LDR__NO_ACCESS : ldr__protect_mapping(wanted->protect);
    return is_private(wanted->protect)
               ? ldr__os_map_private(view->base, wanted->backed, backing, view->offset, access)
               : ldr__os_map_shared(view->base, wanted->backed, backing, view->offset, access);
}

/* There is room for two runs. */
static void list_pages(ldr_view *view, const request *wanted)
{
    ldr__run run = {.end = wanted->backed,
                    .protect = ldr__data_is_reserved(view->section) ? 0 : wanted->protect,
                    .is_private = is_private(wanted->protect)};
    ldr__runs_append(view->runs, &run);
    run = (ldr__run){.end = view->size, .is_private = is_private(wanted->protect)};
    if (run.end > wanted->backed)
        ldr__runs_append(view->runs, &run);
}

/* Others commit for the view from now on. What has been committed is opened; then what the caller
 * wants to have committed. */
static void leave(ldr_view *view)
{
    ldr__data *data = &view->section->data;
    ldr__os_lock(data->lock);
    ldr_view **at = &data->views;
    while (*at != view)
        at = &(*at)->next;
    *at = view->next;
    ldr__os_unlock(data->lock);
}

static ldr_status join(ldr_view *view, uint64_t commit_size)
{
    ldr__data *data = &view->section->data;
    ldr__os_lock(data->lock);
    ldr_status status = ldr__data_view_sync(view);
    if (status == LDR_OK) {
        view->next = data->views;
        data->views = view;
    }
    ldr__os_unlock(data->lock);
    if (status != LDR_OK || commit_size == 0 || !ldr__data_is_reserved(view->section))
        return status;
    status = ldr_view_commit(view, 0, commit_size, 0, NULL);
    if (status != LDR_OK)
        leave(view);
    return status;
}

static ldr_status place_and_map(ldr_view *view, const request *wanted, uint64_t commit_size,
                                ldr_diag *diag)
{
    const ldr_section *section = view->section;
    void *address;
    ldr_status status = ldr__place_data(&wanted->room, section->name, &address, diag);
    if (status != LDR_OK)
        return status;
    view->base = address;
    view->size = wanted->room.size;
    status = map_pages(view, wanted);
    if (status == LDR_OK) {
        list_pages(view, wanted);
        status = join(view, commit_size);
    }
    if (status == LDR_OK)
        return LDR_OK;
    ldr__os_unmap(view->base, view->size);
    return fail(section, diag, status, ldr__nt_status_of(status));
}

static ldr_status make_view(ldr_view *view, const ldr_view_options *options, const request *wanted,
                            ldr_diag *diag)
{
    view->offset = options->offset;
    view->protect = wanted->protect;
    view->runs = ldr__os_alloc(sizeof *view->runs);
    if (view->runs == NULL || ldr__runs_reserve(view->runs, 2) != LDR_OK)
        return fail(view->section, diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY);
    return place_and_map(view, wanted, options->commit_size, diag);
}

ldr_status ldr__data_view_map(ldr_section *section, const ldr_view_options *options,
                              ldr_view **ret_view, ldr_diag *diag)
{
    request wanted;
    ldr_status status = judge(section, options, &wanted, diag);
    if (status != LDR_OK)
        return status;
    ldr_view *view = ldr__os_alloc(sizeof *view);
    if (view == NULL)
        return fail(section, diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY);
    view->section = section;
    status = make_view(view, options, &wanted, diag);
    if (status != LDR_OK) {
        ldr__runs_free(view->runs);
        ldr__os_free(view);
        return status;
    }
    *ret_view = view;
    return LDR_OK;
}

void ldr__data_view_unmap(ldr_view *view)
{
    leave(view);
    ldr__os_unmap(view->base, view->size);
}

/* ---- What its pages are ---- */

/* Whether a page was copied because it was written to, and how far those after it are alike. */
static ldr_status measure_copies(const ldr_view *view, uint64_t start, uint64_t *end, bool *ret_own)
{
    const ldr__run *run = &view->runs->items[ldr__runs_find(view->runs, start)];
    *end = run->end;
    *ret_own = false;
    if (!run->is_private || run->protect == 0)
        return LDR_OK;
    return ldr__pages_measure(view, start, *end, false, ret_own, end);
}

static ldr_status query(const ldr_view *view, uint64_t start, ldr_region *ret_region)
{
    uint64_t end = view->size;
    bool is_own;
    ldr_status status = ldr__data_view_sync(view);
    if (status == LDR_OK)
        status = measure_copies(view, start, &end, &is_own);
    if (status != LDR_OK)
        return status;
    uint32_t protect = view->runs->items[ldr__runs_find(view->runs, start)].protect;
    ldr_backing backing = view->section->data.is_file ? LDR_BACKING_FILE : LDR_BACKING_SHARED;
    *ret_region = (ldr_region){
        .rva = start,
        .size = end - start,
        .protect = is_own ? ldr__protect_after_write(protect) : protect,
        .allocation_protect = view->protect,
        .committed = protect != 0,
        .private_bytes = is_own ? end - start : 0,
        .backing = protect == 0 ? LDR_BACKING_NONE
                   : is_own     ? LDR_BACKING_PRIVATE
                                : backing,
        .pe_section = LDR__NO_PE_SECTION,
        .type = LDR_MEM_MAPPED,
    };
    return LDR_OK;
}

ldr_status ldr__data_view_query(const ldr_view *view, uint64_t offset, ldr_region *ret_region)
{
    if (offset >= view->size)
        return LDR_INVALID_ARGUMENT;
    ldr__pages_lock(view);
    ldr_status status = query(view, offset & ~(LDR__PAGE - 1), ret_region);
    ldr__pages_unlock(view);
    return status;
}
