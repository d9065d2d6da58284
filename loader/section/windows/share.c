/*
 * share.c: what an image section is made of. Of a file that its views may use it is the system's
 * own section object (SEC_IMAGE), which shares its pages with all processes. Of a buffer, of a
 * snapshot, and of what the system has no such object for, it is a copy in image layout, in memory
 * of the paging file, which the views of this section share.
 */
#include "section/share.h"
#include "os/native.h"
#include "section/diag.h"
#include "section/windows/copy.h"

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

/* What the rules accept but not the system is an image for another Windows, or another machine: of
 * that there can be a copy. Of an image for this one the system has the last word, and of what it
 * does not trust. */
static bool is_for_another(const ldr_section *section, const ldr__plan_rules *rules)
{
    uint16_t machine = section->image.file.machine;
    return rules->profile != PE_WIN10 ||
           (machine != PE_MACHINE_AMD64 && machine != PE_MACHINE_I386);
}

ldr_status ldr__share_segments(ldr_section *section, const ldr__source *source,
                               const ldr__headers *headers, const ldr__plan_rules *rules,
                               ldr_diag *diag)
{
    uint32_t nt_status = PE_NT_UNSUCCESSFUL;
    bool has_file = source->stamp != NULL;
    if (has_file)
        nt_status = create_image(source, rules->no_execute, &section->native);
    section->is_native_image = nt_status < PE_NT_UNSUCCESSFUL;
    if (section->is_native_image)
        return LDR_OK;
    ldr_status status = ldr__native_status(nt_status);
    bool is_refused = status == LDR_ACCESS_DENIED || status == LDR_NO_MEMORY;
    if (has_file && (is_refused || !is_for_another(section, rules)))
        return ldr__fail(diag, status, nt_status, section->name);
    status = ldr__copy_make(&section->plan, source, headers, rules->no_execute, &section->native);
    return status == LDR_OK ? LDR_OK
                            : ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
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
