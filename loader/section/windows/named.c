/* named.c: sections that the system knows by name (rules H15 to H18). */
#include "section/named.h"
#include "section/diag.h"
#include "section/image_section.h"
#include "section/source.h"
#include "section/windows/native_data.h"

ldr_status ldr__native_data_status(uint32_t nt_status)
{
    switch (nt_status) {
    case PE_NT_OBJECT_NAME_NOT_FOUND:
        return LDR_NAME_NOT_FOUND;
    case PE_NT_OBJECT_PATH_NOT_FOUND:
        return LDR_INVALID_ARGUMENT;
    default:
        return ldr__native_status(nt_status);
    }
}

static ldr_status fail(const char *name, uint32_t nt_status, ldr_diag *diag)
{
    return ldr__fail(diag, ldr__native_data_status(nt_status), nt_status, name);
}

/* ---- What a section is that others have made ---- */

static bool can_map(const ldr_section *section, uint32_t protect)
{
    ldr__native_place place = {.size = 1, .protect = protect};
    if (ldr__native_map(section->native, &place) >= PE_NT_UNSUCCESSFUL)
        return false;
    ldr__native_unmap((void *)(uintptr_t)place.base);
    return true;
}

/* The system does not tell the protection of a section, but lets no view have more. */
static uint32_t find_protect(const ldr_section *section)
{
    static const uint32_t most_first[] = {LDR_PAGE_EXECUTE_READWRITE, LDR_PAGE_READWRITE,
                                          LDR_PAGE_EXECUTE_READ};
    for (size_t i = 0; i < sizeof most_first / sizeof most_first[0]; i++) {
        if (can_map(section, most_first[i]))
            return most_first[i];
    }
    return LDR_PAGE_READONLY;
}

/* From the headers as a view shows them; pages behind them may be alike. */
static ldr_status read_headers(ldr_section *section, const uint8_t *base, pe_diag *why)
{
    ldr__native_region region;
    if (ldr__native_query(base, &region) >= PE_NT_UNSUCCESSFUL)
        return LDR_OS_ERROR;
    uint64_t size = region.size < LDR__HEADERS_MAX ? region.size : LDR__HEADERS_MAX;
    section->headers = ldr__os_alloc(size);
    if (section->headers == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = ldr__os_peek(base, section->headers, size);
    if (status != LDR_OK)
        return status;
    pe_span prefix = {section->headers, size};
    return pe_open(prefix, PE_LAYOUT_FILE, &section->image, why) == PE_OK ? LDR_OK
                                                                          : LDR_IMAGE_REFUSED;
}

static ldr_status plan_image(ldr_section *section, pe_diag *why)
{
    const ldr__plan_rules rules = {.file_size = UINT64_MAX,
                                   .profile = PE_WIN10,
                                   .direct = true,
                                   .no_execute = section->no_execute};
    size_t capacity = ldr__plan_capacity(&section->image);
    section->plan.subsections = ldr__os_alloc(capacity * sizeof *section->plan.subsections);
    if (section->plan.subsections == NULL)
        return LDR_NO_MEMORY;
    return ldr__plan_image(&section->image, &rules, &section->plan, why) == PE_OK
               ? LDR_OK
               : LDR_IMAGE_REFUSED;
}

static ldr_status attach_image(ldr_section *section, ldr_diag *diag)
{
    ldr__native_place place = {.protect = LDR_PAGE_READONLY};
    pe_diag why = {0};
    uint32_t nt_status = ldr__native_map(section->native, &place);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(section->name, nt_status, diag);
    section->is_data = false;
    section->is_native_image = true;
    section->profile = PE_WIN10;
    ldr_status status = read_headers(section, (const uint8_t *)(uintptr_t)place.base, &why);
    ldr__native_unmap((void *)(uintptr_t)place.base);
    if (status == LDR_OK)
        status = plan_image(section, &why);
    if (status == LDR_IMAGE_REFUSED)
        return ldr__fail_why(diag, status, &why, section->name);
    return status == LDR_OK ? LDR_OK
                            : ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
}

ldr_status ldr__native_attach(ldr_section *section, ldr_diag *diag)
{
    uint64_t size;
    uint32_t attributes;
    uint32_t nt_status = ldr__native_facts(section->native, &size, &attributes);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(section->name, nt_status, diag);
    section->no_execute = (attributes & LDR_SEC_IMAGE_NO_EXECUTE) == LDR_SEC_IMAGE_NO_EXECUTE;
    if ((attributes & LDR_SEC_IMAGE) != 0)
        return attach_image(section, diag);
    section->is_data = true;
    section->data.size = size;
    section->data.attributes = attributes & ~LDR_SEC_FILE;
    section->data.is_file = (attributes & LDR_SEC_FILE) != 0;
    section->data.protect = find_protect(section);
    return LDR_OK;
}

/* ---- Images ---- */

/* The section object that has the name takes the place of the one without. LDR_BUSY if there is one
 * of that name by now, which may be of anything. */
ldr_status ldr__image_publish(ldr_section *section, const ldr_create_options *options,
                              const ldr__registry_key *key, const char *subject, ldr_diag *diag)
{
    ldr__native_request request = {.file = section->file,
                                   .protect = options->protect,
                                   .attributes = options->attributes,
                                   .access = options->access | LDR_SECTION_QUERY,
                                   .name = options->name};
    ldr__handle named;
    (void)key;
    if (!section->is_native_image)
        return fail(subject, PE_NT_INVALID_IMAGE_FORMAT, diag);
    uint32_t nt_status = ldr__native_create(&request, &named);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(subject, nt_status, diag);
    if (nt_status == PE_NT_OBJECT_NAME_EXISTS) {
        ldr__os_close(named);
        return ldr__fail(diag, LDR_BUSY, nt_status, subject);
    }
    ldr__os_close(section->native);
    section->native = named;
    return LDR_OK;
}

/* ---- The calls ---- */

static ldr_status find(const char *name, uint32_t access, ldr_section **ret_section, ldr_diag *diag)
{
    ldr_section *section = ldr__section_new(name);
    if (section == NULL)
        return fail(name, PE_NT_NO_MEMORY, diag);
    uint32_t nt_status = ldr__native_open(name, access | LDR_SECTION_QUERY, &section->native);
    ldr_status status = nt_status < PE_NT_UNSUCCESSFUL ? ldr__native_attach(section, diag)
                                                       : fail(name, nt_status, diag);
    if (status != LDR_OK) {
        ldr_section_close(section);
        return status;
    }
    *ret_section = section;
    return LDR_OK;
}

static ldr_status create_data(const ldr_create_options *options, ldr_section **ret_section,
                              bool *ret_existed, ldr_diag *diag)
{
    bool existed = false;
    ldr_section *section = ldr__section_new(options->name);
    if (section == NULL)
        return fail(options->name, PE_NT_NO_MEMORY, diag);
    ldr_status status = ldr__native_data_make(section, options, &existed, diag);
    if (status == LDR_OK && existed)
        status = ldr__native_attach(section, diag);
    if (status != LDR_OK) {
        ldr_section_close(section);
        return status;
    }
    *ret_section = section;
    *ret_existed = existed;
    return LDR_OK;
}

/* An image is looked for first: what it takes to make one is not needed if there is one. */
static ldr_status find_or_make_image(const ldr_create_options *options, ldr_section **ret_section,
                                     bool *ret_existed, ldr_diag *diag)
{
    static const ldr__registry_key no_key;
    ldr_status status = find(options->name, options->access, ret_section, diag);
    *ret_existed = status == LDR_OK;
    return status == LDR_NAME_NOT_FOUND ? ldr__section_make(options, &no_key, ret_section, diag)
                                        : status;
}

ldr_status ldr__named_create(const ldr_create_options *options, ldr_section **ret_section,
                             bool *ret_existed, ldr_diag *diag)
{
    enum { ATTEMPTS = 16 };
    if ((options->attributes & LDR_SEC_IMAGE) == 0)
        return create_data(options, ret_section, ret_existed, diag);
    ldr_status status = LDR_BUSY;
    for (int i = 0; i < ATTEMPTS && status == LDR_BUSY; i++)
        status = find_or_make_image(options, ret_section, ret_existed, diag);
    return status;
}

ldr_status ldr_section_open(const char *name, uint32_t access, ldr_section **ret_section,
                            ldr_diag *diag)
{
    ldr_section *section = NULL;
    if (name == NULL || name[0] == '\0' || (access & ~(uint32_t)LDR_SECTION_ALL_ACCESS) != 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    uint32_t wanted = access != 0 ? access : LDR_SECTION_ALL_ACCESS;
    ldr_status status = find(name, wanted, &section, diag);
    if (status != LDR_OK)
        return status;
    section->access = wanted;
    *ret_section = section;
    return LDR_OK;
}
