#include "image/patch.h"

/* Pages that are taken at once: a call costs as much as the copies of several pages. */
#define REACH_MAX (16 * LDR__PAGE)

/* So that a fixup that crosses from one page to the next has both. */
#define REACH_MIN (2 * LDR__PAGE)

/* More at a time while fixups go through the image page by page; few for those that hop about. */
static uint64_t next_reach(const ldr__patch *patch, uint64_t page)
{
    bool goes_on = page >= patch->end && page - patch->end < REACH_MAX;
    if (patch->reach == 0 || !goes_on)
        return REACH_MIN;
    return patch->reach * 4 < REACH_MAX ? patch->reach * 4 : REACH_MAX;
}

/* Out of the file where the view still shows the same: half the price of reading the view. */
static ldr_status read_pages(const ldr__patch *patch, const ldr__subsection *subsection,
                             uint64_t page, uint64_t size)
{
    const ldr_view *view = patch->view;
    bool is_writable = (ldr__protect_access(subsection->protect) & LDR__WRITE) != 0;
    size_t count;
    if (is_writable || page < patch->fresh)
        return ldr__os_peek(view->base + page, patch->bytes, size);
    ldr_status status =
        ldr__os_file_read(view->section->file, subsection->source + (page - subsection->rva),
                          patch->bytes, size, &count);
    return status == LDR_OK && count < size ? LDR_IO_ERROR : status;
}

static ldr_status take_pages(ldr__patch *patch, const ldr__subsection *subsection, uint64_t page)
{
    uint64_t left = subsection->rva + subsection->size - page;
    uint64_t reach = next_reach(patch, page);
    uint64_t size = left < reach ? left : reach;
    ldr_status status = read_pages(patch, subsection, page, size);
    if (status != LDR_OK)
        return status;
    patch->start = page;
    patch->end = page + size;
    patch->reach = reach;
    return LDR_OK;
}

ldr_status ldr__patch_take(ldr__patch *patch, const ldr__subsection *subsection, uint64_t rva)
{
    ldr_status status = ldr__patch_put(patch);
    if (status != LDR_OK)
        return status;
    if (patch->bytes == NULL)
        patch->bytes = ldr__os_resize(NULL, REACH_MAX); /* not cleared */
    if (patch->bytes == NULL)
        return LDR_NO_MEMORY;
    return take_pages(patch, subsection, rva & ~(LDR__PAGE - 1));
}

void ldr__patch_changed(ldr__patch *patch, uint64_t rva, uint64_t size)
{
    uint64_t first = (rva - patch->start) / LDR__PAGE;
    uint64_t last = (rva + size - 1 - patch->start) / LDR__PAGE;
    for (uint64_t page = first; page <= last; page++)
        patch->changed |= UINT32_C(1) << page;
}

/* The end of the pages from `page` on that are changed like it, or like it are not. */
static uint64_t end_of_run(uint32_t changed, uint64_t page, uint64_t count)
{
    uint64_t end = page + 1;
    while (end < count && (changed >> end & 1) == (changed >> page & 1))
        end++;
    return end;
}

static ldr_status put_run(ldr__patch *patch, uint64_t page, uint64_t end)
{
    uint64_t offset = page * LDR__PAGE;
    uint64_t behind = patch->start + end * LDR__PAGE;
    if (behind > patch->fresh)
        patch->fresh = behind;
    return ldr__os_poke(patch->view->base + patch->start + offset, patch->bytes + offset,
                        (end - page) * LDR__PAGE);
}

ldr_status ldr__patch_put(ldr__patch *patch)
{
    uint64_t count = (patch->end - patch->start) / LDR__PAGE;
    ldr_status status = LDR_OK;
    for (uint64_t page = 0; patch->changed != 0 && page < count && status == LDR_OK;) {
        uint64_t end = end_of_run(patch->changed, page, count);
        if ((patch->changed >> page & 1) != 0)
            status = put_run(patch, page, end);
        page = end;
    }
    patch->changed = 0;
    return status;
}

void ldr__patch_release(ldr__patch *patch)
{
    ldr__os_free(patch->bytes);
}
