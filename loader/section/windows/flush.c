/* flush.c: pages of a file that were changed, to its disk. */
#include "os/native.h"
#include "section/data.h"
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

ldr_status ldr__data_flush(const ldr_view *view, const ldr__page_range *range, bool through,
                           uint32_t *ret_nt_status)
{
    *ret_nt_status = flush(view, range, through);
    return ldr__native_status(*ret_nt_status);
}
