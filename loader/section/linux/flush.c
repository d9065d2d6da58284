/* flush.c: pages of a file that were changed, to its disk. */
#include "section/data.h"
#include "section/diag.h"

ldr_status ldr__data_flush(const ldr_view *view, const ldr__page_range *range, bool through,
                           uint32_t *ret_nt_status)
{
    ldr_status status = ldr__os_file_flush(view->section->data.backing, view->offset + range->start,
                                           range->end - range->start, through);
    *ret_nt_status = status == LDR_OK ? PE_NT_SUCCESS : ldr__nt_status_of(status);
    return status;
}
