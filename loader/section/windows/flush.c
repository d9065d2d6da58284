/* flush.c: writing back what was changed through a view (rules H.4). */
#include "os/native.h"
#include "section/diag.h"
#include "section/pages.h"
#include "section/rights.h"

/* The file, if the section was opened for writing to it. Of one that somebody else has made there
 * is no handle: the system has no other way to the disk's own memory. */
static bool has_file(const ldr_section *section)
{
    return section->data.backing.value != LDR__NO_HANDLE.value &&
           ldr__protect_is_shared_write(section->data.protect);
}

static uint32_t flush(const ldr_view *view, const ldr__page_range *range, bool through)
{
    uint32_t nt_status = ldr__native_flush(view->base + range->start, range->end - range->start);
    if (nt_status >= PE_NT_UNSUCCESSFUL || !through || !has_file(view->section))
        return nt_status;
    return ldr__native_file_flush(view->section->data.backing);
}

ldr_status ldr_view_flush(ldr_view *view, uint64_t offset, uint64_t size, bool through,
                          ldr_diag *diag)
{
    ldr_section *section = view->section;
    ldr__page_range range;
    uint64_t rest = offset < view->size ? view->size - offset : 0;
    if (!ldr__pages_of(view, offset, size != 0 ? size : rest, &range))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_NOT_MAPPED_VIEW, section->name);
    if (!section->is_data || !section->data.is_file)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_NOT_MAPPED_DATA, section->name);
    uint32_t nt_status = flush(view, &range, through);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return ldr__fail(diag, ldr__native_status(nt_status), nt_status, section->name);
    atomic_fetch_add(&section->flushes, 1);
    return LDR_OK;
}
