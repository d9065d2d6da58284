/* flush.c: writing back what was changed through a view (rules H.4). */
#include "section/data.h"
#include "section/diag.h"
#include "section/pages.h"

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
    uint32_t nt_status;
    ldr_status status = ldr__data_flush(view, &range, through, &nt_status);
    if (status != LDR_OK)
        return ldr__fail(diag, status, nt_status, section->name);
    atomic_fetch_add(&section->flushes, 1);
    return LDR_OK;
}
