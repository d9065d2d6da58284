/* copy.c: an image in its layout for memory, in memory of the paging file. */
#include "section/windows/copy.h"
#include "os/native.h"

/* Behind the image is a page more, which stays reserved: Wine forgets that pages are committed when
 * that reaches to the end of the memory. */
static uint64_t size_of_copy(const ldr__plan *plan)
{
    return plan->size + LDR__PAGE;
}

/* Neighbours together. */
static uint32_t commit_parts(const ldr__plan *plan, uint8_t *base)
{
    uint32_t nt_status = PE_NT_SUCCESS;
    for (uint32_t i = 0; i < plan->count && nt_status < PE_NT_UNSUCCESSFUL;) {
        uint64_t start = plan->subsections[i].rva, end = start;
        for (; i < plan->count && plan->subsections[i].backing != LDR_BACKING_NONE; i++)
            end = plan->subsections[i].rva + plan->subsections[i].size;
        if (start < end)
            nt_status = ldr__native_commit(base + start, end - start, LDR_PAGE_READWRITE);
        else
            i++;
    }
    return nt_status;
}

static ldr_status fill_part(const ldr__source *source, const ldr__headers *headers,
                            const ldr__plan *plan, const ldr__subsection *part, uint8_t *base)
{
    if (part->content == 0)
        return LDR_OK;
    return ldr__source_pages(source, headers, plan, true, part->rva, part->rva + part->size,
                             base + part->rva);
}

static ldr_status fill(const ldr__source *source, const ldr__headers *headers,
                       const ldr__plan *plan, uint8_t *base)
{
    bool is_reserved = ldr__plan_uses(plan, LDR_BACKING_NONE);
    ldr_status status = is_reserved ? ldr__native_status(commit_parts(plan, base)) : LDR_OK;
    for (uint32_t i = 0; i < plan->count && status == LDR_OK; i++)
        status = fill_part(source, headers, plan, &plan->subsections[i], base);
    return status;
}

/* Through a view of the whole section that goes again. */
static ldr_status fill_section(ldr__handle native, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan *plan)
{
    ldr__native_place place = {.size = size_of_copy(plan), .protect = LDR_PAGE_READWRITE};
    uint32_t nt_status = ldr__native_map(native, &place);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return ldr__native_status(nt_status);
    uint8_t *base = (uint8_t *)(uintptr_t)place.base;
    ldr_status status = fill(source, headers, plan, base);
    ldr__native_unmap(base);
    return status;
}

ldr_status ldr__copy_make(const ldr__plan *plan, const ldr__source *source,
                          const ldr__headers *headers, bool no_execute, ldr__handle *ret_section)
{
    ldr__native_request request = {
        .file = LDR__NO_HANDLE,
        .maximum_size = size_of_copy(plan),
        .protect = no_execute ? LDR_PAGE_READWRITE : LDR_PAGE_EXECUTE_READWRITE,
        .attributes = ldr__plan_uses(plan, LDR_BACKING_NONE) ? LDR_SEC_RESERVE : LDR_SEC_COMMIT,
        .access = LDR_SECTION_ALL_ACCESS};
    ldr__handle section;
    uint32_t nt_status = ldr__native_create(&request, &section);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return ldr__native_status(nt_status);
    ldr_status status = fill_section(section, source, headers, plan);
    if (status == LDR_OK)
        *ret_section = section;
    else
        ldr__os_close(section);
    return status;
}

/* ---- For views ---- */

/* Of two threads that make it at once one gives its own up. */
ldr_status ldr__copy_of(ldr_section *section, ldr__handle *ret_copy)
{
    int_fast64_t known = atomic_load(&section->copy), none = LDR__NO_HANDLE.value;
    if (known != none) {
        *ret_copy = (ldr__handle){known};
        return LDR_OK;
    }
    const ldr__source source = {.file = section->file, .size = section->file_size};
    const ldr__headers headers = {section->headers, section->image.headers.size};
    ldr__handle copy;
    if (section->file.value == LDR__NO_HANDLE.value)
        return LDR_IO_ERROR;
    ldr_status status =
        ldr__copy_make(&section->plan, &source, &headers, section->no_execute, &copy);
    if (status != LDR_OK)
        return status;
    if (!atomic_compare_exchange_strong(&section->copy, &none, copy.value)) {
        ldr__os_close(copy);
        copy = (ldr__handle){none};
    }
    *ret_copy = copy;
    return LDR_OK;
}
