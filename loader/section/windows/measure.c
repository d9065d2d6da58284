/* measure.c: which pages of a view are its own copies. */
#include "os/os.h"
#include "section/pages.h"
#include "section/view.h"

#include <string.h>

/*
 * Wine reads images that are aligned to sectors into memory of the process alone, and tells the
 * same of a page whether it was written to or not. Then the first page, which nobody has touched
 * but to read it, is not shared.
 */
static bool system_tells(const ldr_view *view)
{
    bool is_own = true;
    uint8_t byte;
    return !view->is_native_image ||
           (ldr__os_peek(view->base, &byte, sizeof byte) == LDR_OK &&
            ldr__os_pages_private(view->base, 1, false, &is_own) == LDR_OK && !is_own);
}

/* What the page at `rva` was mapped with. */
static ldr_status read_page(const ldr_view *view, uint64_t rva, uint8_t *ret_bytes)
{
    const ldr__plan *plan = ldr__view_plan(view);
    const ldr__subsection *part = &plan->subsections[ldr__plan_find(plan, rva)];
    uint64_t done = rva - part->rva;
    uint64_t left = part->content > done ? part->content - done : 0;
    size_t count = 0, size = (size_t)(left < LDR__PAGE ? left : LDR__PAGE);
    memset(ret_bytes, 0, LDR__PAGE);
    return size != 0 ? ldr__os_file_read(view->section->file, part->source + done, ret_bytes, size,
                                         &count)
                     : LDR_OK;
}

/* Of a section that somebody else has made there is no file to compare with. */
static ldr_status compare_pages(const ldr_view *view, uint64_t rva, uint64_t count, bool *ret_own)
{
    uint8_t now[LDR__PAGE], before[LDR__PAGE];
    ldr_status status = LDR_OK;
    bool has_file = view->section->file.value != LDR__NO_HANDLE.value;
    memset(ret_own, 0, count * sizeof *ret_own);
    for (uint64_t i = 0; has_file && i < count && status == LDR_OK; i++) {
        uint64_t at = rva + i * LDR__PAGE;
        status = read_page(view, at, before);
        /* A page that cannot be read was not written to, as far as anybody can tell. */
        bool is_readable = ldr__os_peek(view->base + at, now, sizeof now) == LDR_OK;
        ret_own[i] = is_readable && memcmp(now, before, sizeof now) != 0;
    }
    return status;
}

ldr_status ldr__pages_find_own(const ldr_view *view, uint64_t rva, uint64_t count,
                               bool of_zero_fill, bool *ret_own)
{
    ldr_status status = system_tells(view)
                            ? ldr__os_pages_private(view->base + rva, count, of_zero_fill, ret_own)
                            : compare_pages(view, rva, count, ret_own);
    return status == LDR_OK ? LDR_OK : LDR_OS_ERROR;
}
