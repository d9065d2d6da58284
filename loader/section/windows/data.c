/* data.c: the data of files, and memory of the paging file, as the system's own sections. */
#include "section/data.h"
#include "section/diag.h"
#include "section/file.h"
#include "section/pages.h"
#include "section/rights.h"
#include "section/view.h"
#include "section/windows/native_data.h"

static ldr_status fail(const ldr_section *section, uint32_t nt_status, ldr_diag *diag)
{
    return ldr__fail(diag, ldr__native_data_status(nt_status), nt_status, section->name);
}

/* ---- Making ---- */

/* For flushing, and to tell which file it is: the caller may close his. */
static ldr_status keep_file(ldr_section *section, const ldr_file *file)
{
    bool writes = ldr__protect_is_shared_write(section->data.protect);
    ldr__file_stamp stamp;
    ldr_status status = ldr__os_file_reopen(ldr__file_handle(file), writes, &section->data.backing);
    if (status == LDR_OK)
        status = ldr__os_file_stamp(section->data.backing, &stamp);
    if (status != LDR_OK)
        return status;
    section->has_id = true;
    section->id = stamp.id;
    section->file_size = stamp.size;
    return LDR_OK;
}

static uint32_t create(ldr_section *section, const ldr_create_options *options)
{
    ldr__native_request request = {.file = options->file != NULL ? ldr__file_handle(options->file)
                                                                 : LDR__NO_HANDLE,
                                   .maximum_size = options->maximum_size,
                                   .protect = options->protect,
                                   .attributes = options->attributes,
                                   .access = options->access | LDR_SECTION_QUERY,
                                   .name = options->name};
    return ldr__native_create(&request, &section->native);
}

ldr_status ldr__native_data_make(ldr_section *section, const ldr_create_options *options,
                                 bool *ret_existed, ldr_diag *diag)
{
    ldr__data *data = &section->data;
    section->is_data = true;
    uint32_t nt_status = create(section, options);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(section, nt_status, diag);
    *ret_existed = nt_status == PE_NT_OBJECT_NAME_EXISTS;
    if (*ret_existed)
        return LDR_OK;
    data->protect = options->protect;
    data->is_file = options->file != NULL;
    nt_status = ldr__native_facts(section->native, &data->size, &data->attributes);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(section, nt_status, diag);
    data->attributes = options->attributes;
    ldr_status status = data->is_file ? keep_file(section, options->file) : LDR_OK;
    return status == LDR_OK ? LDR_OK
                            : ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
}

/* Names are those of ldr__named_create here, and keys there are none. */
ldr_status ldr__data_make(ldr_section *section, const ldr_create_options *options,
                          const ldr__registry_key *key, const char *subject, ldr_diag *diag)
{
    bool existed;
    (void)key;
    (void)subject;
    return ldr__native_data_make(section, options, &existed, diag);
}

void ldr__data_release(ldr_section *section)
{
    ldr__os_close(section->data.backing);
}

/* Those that are committed, as far as the system tells it: it does not for memory that is reserved
 * and has no view. */
uint64_t ldr__data_committed(const ldr_section *section)
{
    ldr__native_place place = {.protect = LDR_PAGE_READONLY};
    uint64_t last = ldr__data_pages(section), count = 0;
    ldr__native_region region;
    if (!ldr__data_is_reserved(section))
        return last;
    if (ldr__native_map(section->native, &place) >= PE_NT_UNSUCCESSFUL)
        return 0;
    for (uint64_t at = place.base; at < place.base + place.size; at = region.start + region.size) {
        const void *page = (const void *)(uintptr_t)at;
        if (ldr__native_query(page, &region) >= PE_NT_UNSUCCESSFUL || region.size == 0)
            break;
        count += region.is_committed ? region.size / LDR__PAGE : 0;
    }
    ldr__native_unmap((void *)(uintptr_t)place.base);
    return count;
}

/* ---- Views ---- */

/* Rule H38 is looked at here, too: Wine does not. */
ldr_status ldr__data_view_map(ldr_section *section, const ldr_view_options *options,
                              ldr_view **ret_view, ldr_diag *diag)
{
    uint32_t protect = options->protect != 0 ? options->protect : section->data.protect;
    if (ldr__protect_is_valid(protect) && !ldr__protect_allows(section->data.protect, protect))
        return fail(section, PE_NT_SECTION_PROTECTION, diag);
    ldr_view *view = ldr__os_alloc(sizeof *view);
    if (view == NULL)
        return fail(section, PE_NT_NO_MEMORY, diag);
    ldr__native_place place = {.base = options->base,
                               .offset = options->offset,
                               .size = options->length,
                               .commit_size = options->commit_size,
                               .zero_bits = options->zero_bits,
                               .protect =
                                   options->protect != 0 ? options->protect : section->data.protect,
                               .allocation_type = options->allocation_type};
    uint32_t nt_status = ldr__native_map(section->native, &place);
    if (nt_status >= PE_NT_UNSUCCESSFUL) {
        ldr__os_free(view);
        return fail(section, nt_status, diag);
    }
    view->section = section;
    view->base = (uint8_t *)(uintptr_t)place.base;
    view->size = (place.size + LDR__PAGE - 1) & ~(LDR__PAGE - 1);
    view->offset = options->offset;
    view->protect = place.protect;
    *ret_view = view;
    return LDR_OK;
}

void ldr__data_view_unmap(ldr_view *view)
{
    ldr__native_unmap(view->base);
}

ldr_status ldr__data_view_query(const ldr_view *view, uint64_t offset, ldr_region *ret_region)
{
    ldr__native_region region;
    bool is_own = false;
    if (offset >= view->size)
        return LDR_INVALID_ARGUMENT;
    uint64_t start = offset & ~(LDR__PAGE - 1);
    if (ldr__native_query(view->base + start, &region) >= PE_NT_UNSUCCESSFUL)
        return LDR_OS_ERROR;
    uint64_t end = region.start + region.size - (uintptr_t)view->base;
    end = end < view->size ? end : view->size;
    ldr_status status = LDR_OK;
    if (region.is_committed && ldr__protect_is_copy(ldr__protect_base(view->protect)))
        status = ldr__pages_measure(view, start, end, false, &is_own, &end);
    if (status != LDR_OK)
        return status;
    ldr_backing backing = view->section->data.is_file ? LDR_BACKING_FILE : LDR_BACKING_SHARED;
    *ret_region = (ldr_region){
        .rva = start,
        .size = end - start,
        .protect = is_own ? ldr__protect_after_write(region.protect) : region.protect,
        .allocation_protect = region.allocation_protect,
        .committed = region.is_committed,
        .private_bytes = is_own ? end - start : 0,
        .backing = !region.is_committed ? LDR_BACKING_NONE
                   : is_own             ? LDR_BACKING_PRIVATE
                                        : backing,
        .pe_section = LDR__NO_PE_SECTION,
        .type = region.type,
    };
    return LDR_OK;
}
