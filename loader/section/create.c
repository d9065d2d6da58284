/* create.c: NtCreateSection, for images and data, named and not. */
#include "section/data.h"
#include "section/diag.h"
#include "section/file.h"
#include "section/image_section.h"
#include "section/named.h"
#include "section/options.h"
#include "section/place.h"
#include "section/rights.h"

/* ---- What is asked for, before anything is done: in NtCreateSection's order ---- */

/* Rules A0.1, A0.2, H11 and H12. */
static bool attributes_are_valid(const ldr_create_options *options)
{
    const uint32_t kinds = LDR_SEC_COMMIT | LDR_SEC_RESERVE | LDR_SEC_IMAGE;
    const uint32_t known = kinds | LDR_SEC_NOCACHE | LDR_SEC_WRITECOMBINE | LDR_SEC_LARGE_PAGES;
    uint32_t attributes = options->attributes;
    uint32_t kind = attributes & kinds;
    if ((attributes & ~known) != 0 || kind == 0 || (kind & (kind - 1)) != 0)
        return false;
    if (kind == LDR_SEC_IMAGE)
        return (attributes & (LDR_SEC_WRITECOMBINE | LDR_SEC_LARGE_PAGES)) == 0;
    if ((attributes & LDR_SEC_LARGE_PAGES) != 0)
        return kind == LDR_SEC_COMMIT && options->file == NULL;
    return true;
}

/* Rules H3, H10 and H12: of memory. */
static uint32_t judge_memory(const ldr_create_options *options)
{
    bool is_large = (options->attributes & LDR_SEC_LARGE_PAGES) != 0;
    if (options->maximum_size == 0)
        return PE_NT_INVALID_PARAMETER_4;
    if (options->maximum_size > LDR__USER_END)
        return PE_NT_SECTION_TOO_BIG;
    if (is_large && options->maximum_size % LDR__LARGE_PAGE != 0)
        return PE_NT_INVALID_PARAMETER_4;
    if ((options->attributes & LDR_SEC_COMMIT) != 0 &&
        options->maximum_size > ldr__os_memory_limit())
        return PE_NT_COMMITMENT_LIMIT;
    return PE_NT_SUCCESS;
}

static uint32_t judge(const ldr_create_options *options)
{
    bool is_image = (options->attributes & LDR_SEC_IMAGE) != 0;
    if (!attributes_are_valid(options))
        return PE_NT_INVALID_PARAMETER_6;
    if (!ldr__protect_is_single(options->protect) || options->protect == LDR_PAGE_NOACCESS)
        return PE_NT_INVALID_PAGE_PROTECTION;
    if ((options->access & ~(uint32_t)LDR_SECTION_ALL_ACCESS) != 0)
        return PE_NT_INVALID_PARAMETER;
    if (is_image && options->name[0] != '\0' && options->image != NULL &&
        ldr__image_options(options->image).source == LDR_SOURCE_SNAPSHOT)
        return PE_NT_INVALID_PARAMETER;
    if (options->file == NULL)
        return is_image ? PE_NT_INVALID_FILE_FOR_SECTION : judge_memory(options);
    if ((ldr__protect_file_access(options->protect) & ~options->file->access) != 0)
        return PE_NT_ACCESS_DENIED;
    return PE_NT_SUCCESS;
}

static ldr_status status_of(uint32_t nt_status)
{
    switch (nt_status) {
    case PE_NT_ACCESS_DENIED:
        return LDR_ACCESS_DENIED;
    case PE_NT_SECTION_TOO_BIG:
        return LDR_TOO_BIG;
    case PE_NT_COMMITMENT_LIMIT:
        return LDR_NO_MEMORY;
    default:
        return LDR_INVALID_ARGUMENT;
    }
}

/* ---- Making ---- */

static ldr_status make_data(const ldr_create_options *options, const ldr__registry_key *key,
                            const char *subject, ldr_section **ret_section, ldr_diag *diag)
{
    ldr_section *section = ldr__section_new(subject);
    if (section == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, subject);
    ldr_status status = ldr__data_make(section, options, key, subject, diag);
    if (status != LDR_OK) {
        ldr_section_close(section);
        return status;
    }
    *ret_section = section;
    return LDR_OK;
}

/* SEC_IMAGE_NO_EXECUTE. */
static ldr_section_options image_options_of(const ldr_create_options *options)
{
    ldr_section_options image = ldr__image_options(options->image);
    image.size = sizeof image;
    if ((options->attributes & LDR_SEC_NOCACHE) != 0)
        image.no_execute = true;
    return image;
}

static ldr_status open_image(const ldr_create_options *options, const char *subject,
                             ldr_section **ret_section, ldr_diag *diag)
{
    ldr_section_options image = image_options_of(options);
    ldr__handle file;
    ldr_status status = ldr__os_file_reopen(ldr__file_handle(options->file), false, &file);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), subject);
    status = ldr__image_of_file(subject, file, &image, ret_section, diag);
    if (status != LDR_OK)
        ldr__os_close(file);
    return status;
}

/* Rule A0.8. */
static ldr_status make_image(const ldr_create_options *options, const ldr__registry_key *key,
                             const char *subject, ldr_section **ret_section, ldr_diag *diag)
{
    ldr_section *section;
    ldr_status status = open_image(options, subject, &section, diag);
    if (status != LDR_OK)
        return status;
    section->maximum_size = options->maximum_size;
    if (options->maximum_size > section->plan.size)
        status = ldr__fail(diag, LDR_TOO_BIG, PE_NT_SECTION_TOO_BIG, subject);
    else if (key != NULL)
        status = ldr__image_publish(section, options, key, subject, diag);
    if (status != LDR_OK) {
        ldr_section_close(section);
        return status;
    }
    *ret_section = section;
    return LDR_OK;
}

ldr_status ldr__section_make(const ldr_create_options *options, const ldr__registry_key *key,
                             ldr_section **ret_section, ldr_diag *diag)
{
    const char *subject = options->file != NULL ? options->file->path : options->name;
    return (options->attributes & LDR_SEC_IMAGE) != 0
               ? make_image(options, key, subject, ret_section, diag)
               : make_data(options, key, subject, ret_section, diag);
}

ldr_status ldr_section_create(const ldr_create_options *options, ldr_section **ret_section,
                              bool *ret_existed, ldr_diag *diag)
{
    ldr_create_options all;
    ldr_section *section;
    bool existed = false;
    ldr__options_read(options, &all, sizeof all);
    if (all.attributes == 0)
        all.attributes = LDR_SEC_COMMIT;
    if (all.access == 0)
        all.access = LDR_SECTION_ALL_ACCESS;
    if (all.name == NULL)
        all.name = "";
    uint32_t nt_status = judge(&all);
    if (nt_status != PE_NT_SUCCESS)
        return ldr__fail(diag, status_of(nt_status), nt_status, all.name);
    ldr_status status = all.name[0] != '\0' ? ldr__named_create(&all, &section, &existed, diag)
                                            : ldr__section_make(&all, NULL, &section, diag);
    if (status != LDR_OK)
        return status;
    section->access = all.access;
    *ret_section = section;
    if (ret_existed != NULL)
        *ret_existed = existed;
    return LDR_OK;
}
