/*
 * share.c: what an image section is made of. Of a file that its views may use it is the system's
 * own section object (SEC_IMAGE), which shares its pages with all processes. Of a buffer, of a
 * snapshot, and of what the system has no such object for, it is a copy in image layout, in memory
 * of the paging file, which the views of this section share.
 */
#include "section/share.h"
#include "os/native.h"

/* ---- Copies ---- */

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

/* Reserved as far as nobody is to touch it; an image without such pages is committed as a whole. */
static ldr_status copy(ldr_section *section, const ldr__source *source, const ldr__headers *headers,
                       const ldr__plan_rules *rules)
{
    const ldr__plan *plan = &section->plan;
    ldr__native_request request = {
        .file = LDR__NO_HANDLE,
        .maximum_size = size_of_copy(plan),
        .protect = rules->no_execute ? LDR_PAGE_READWRITE : LDR_PAGE_EXECUTE_READWRITE,
        .attributes = ldr__plan_uses(plan, LDR_BACKING_NONE) ? LDR_SEC_RESERVE : LDR_SEC_COMMIT,
        .access = LDR_SECTION_ALL_ACCESS};
    uint32_t nt_status = ldr__native_create(&request, &section->native);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return ldr__native_status(nt_status);
    return fill_section(section->native, source, headers, plan);
}

/* ---- The system's own ---- */

static uint32_t create_image(const ldr__source *source, bool no_execute, ldr__handle *ret_section)
{
    ldr__native_request request = {
        .file = source->file,
        .protect = no_execute ? LDR_PAGE_READONLY : LDR_PAGE_EXECUTE_READ,
        .attributes = no_execute ? LDR_SEC_IMAGE_NO_EXECUTE : LDR_SEC_IMAGE,
        .access = LDR_SECTION_ALL_ACCESS};
    return ldr__native_create(&request, ret_section);
}

/* By its signature, or by a policy: STATUS_INVALID_IMAGE_HASH,
 * STATUS_ACCESS_DISABLED_BY_POLICY_..., and the facility of code integrity ([MS-ERREF] 2.3.1). */
static bool is_forbidden(uint32_t nt_status)
{
    return nt_status == 0xC0000428 || (nt_status >= 0xC0000361 && nt_status <= 0xC0000364) ||
           nt_status >> 16 == 0xC0E9;
}

/* What the rules accept but not the system is an image for another Windows, or another machine:
 * of that there can be a copy. Not of what it does not trust. */
ldr_status ldr__share_segments(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules)
{
    if (source->stamp == NULL)
        return copy(section, source, headers, rules);
    uint32_t nt_status = create_image(source, rules->no_execute, &section->native);
    if (is_forbidden(nt_status))
        return LDR_ACCESS_DENIED;
    if (ldr__native_status(nt_status) == LDR_NO_MEMORY)
        return LDR_NO_MEMORY;
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return copy(section, source, headers, rules);
    section->is_native_image = true;
    return LDR_OK;
}

/* Nothing is filled on demand here but by the system. */
ldr_status ldr__share_unfilled(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules)
{
    (void)section;
    (void)source;
    (void)headers;
    (void)rules;
    return LDR_OS_ERROR;
}
