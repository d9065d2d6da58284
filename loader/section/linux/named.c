#include "section/named.h"
#include "section/data.h"
#include "section/diag.h"
#include "section/file.h"
#include "section/image_section.h"
#include "section/rights.h"

#include <string.h>

/* The longest name that a UNICODE_STRING holds, in bytes of UTF-8 that surely need no more. */
#define NAME_MAX_BYTES 32767

/* ---- Names ---- */

static const char *without(const char *prefix, const char *name)
{
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 ? name + length : NULL;
}

/* Rule H16: what is wrong with a name, without its prefix. */
static uint32_t judge_name(const char *name)
{
    if (name[0] == '\\')
        return PE_NT_OBJECT_PATH_SYNTAX_BAD;
    if (strchr(name, '\\') != NULL)
        return PE_NT_OBJECT_PATH_NOT_FOUND;
    return name[0] != '\0' && strlen(name) <= NAME_MAX_BYTES ? PE_NT_SUCCESS
                                                             : PE_NT_OBJECT_NAME_INVALID;
}

/* Names that start with Global\ are another space than those that do not; Local\ is the default. */
static ldr_status key_of(const char *name, ldr__registry_key *ret_key, ldr_diag *diag)
{
    const char *global = without("Global\\", name);
    const char *local = without("Local\\", name);
    const char *rest = global != NULL ? global : local != NULL ? local : name;
    uint32_t nt_status = judge_name(rest);
    if (nt_status != PE_NT_SUCCESS)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, nt_status, name);
    const char *space = global != NULL ? "section:Global:" : "section:Local:";
    size_t space_length = strlen(space), length = strlen(rest);
    char *bytes = ldr__os_alloc(space_length + length);
    if (bytes == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, name);
    memcpy(bytes, space, space_length);
    memcpy(bytes + space_length, rest, length);
    ldr__os_registry_key(bytes, space_length + length, ret_key);
    ldr__os_free(bytes);
    return LDR_OK;
}

/* ---- Publishing images ---- */

static ldr__facts facts_of_image(const ldr_section *section, const ldr_create_options *options)
{
    ldr_section_options image = ldr__image_options(options->image);
    return (ldr__facts){.size = options->maximum_size,
                        .protect = options->protect,
                        .attributes = options->attributes,
                        .is_file = true,
                        .profile = (uint32_t)image.profile,
                        .source = (uint32_t)image.source,
                        .platform = (uint32_t)image.platform,
                        .aslr = (uint32_t)image.aslr,
                        .no_execute = section->no_execute,
                        .refuse_writable_code = image.refuse_writable_code,
                        .backing = section->id};
}

ldr_status ldr__image_publish(ldr_section *section, const ldr_create_options *options,
                              const ldr__registry_key *key, const char *subject, ldr_diag *diag)
{
    ldr__facts facts = facts_of_image(section, options);
    ldr__handle handles[2];
    ldr_status status = ldr__descriptor_make(section, &facts, key);
    handles[0] = section->descriptor_segment;
    handles[1] = section->file;
    if (status == LDR_OK)
        status = ldr__os_registry_publish(key, handles, 2, &section->mark);
    return status == LDR_OK ? LDR_OK : ldr__fail(diag, status, ldr__nt_status_of(status), subject);
}

/* ---- Finding ---- */

/* Those who share a segment are of one user, but may have written what they like to it. */
static bool facts_are_right(const ldr__facts *facts, ldr__handle backing)
{
    ldr__file_stamp stamp;
    bool is_image = (facts->attributes & LDR_SEC_IMAGE) != 0;
    if (ldr__os_file_stamp(backing, &stamp) != LDR_OK || stamp.id.device != facts->backing.device ||
        stamp.id.inode != facts->backing.inode || !ldr__protect_is_single(facts->protect))
        return false;
    if (is_image)
        return facts->is_file != 0;
    if (facts->is_file != 0)
        return facts->size != 0 && facts->size <= LDR__SECTION_MAX;
    return facts->size != 0 && facts->size <= stamp.size && facts->size % LDR__PAGE == 0;
}

static ldr_status attach_image(const ldr__facts *facts, ldr__handle file, const char *name,
                               ldr_section **ret_section, ldr_diag *diag)
{
    ldr_section_options options = {.size = sizeof options,
                                   .profile = (pe_profile)facts->profile,
                                   .source = (ldr_source)facts->source,
                                   .platform = (pe_platform)facts->platform,
                                   .aslr = (ldr_aslr)facts->aslr,
                                   .no_execute = facts->no_execute != 0,
                                   .refuse_writable_code = facts->refuse_writable_code != 0};
    ldr_status status = ldr__image_of_file(name, file, &options, ret_section, diag);
    if (status == LDR_OK)
        (*ret_section)->maximum_size = facts->size;
    return status;
}

static ldr_status attach_data(const ldr__facts *facts, ldr__handle backing, const char *name,
                              ldr_section **ret_section, ldr_diag *diag)
{
    ldr_section *section = ldr__section_new(name);
    ldr_status status = section != NULL ? ldr__data_attach(section, facts, backing) : LDR_NO_MEMORY;
    if (status == LDR_OK) {
        *ret_section = section;
        return LDR_OK;
    }
    ldr_section_close(section);
    return ldr__fail(diag, status, ldr__nt_status_of(status), name);
}

/* Makes a section of what another one published, which from now on is known by this one, too. */
static ldr_status share(ldr_section *section, const ldr__registry_key *key, ldr__handle descriptor,
                        ldr__handle backing, const ldr__facts *facts)
{
    ldr__handle handles[] = {descriptor, backing};
    ldr_status status = ldr__descriptor_attach(section, descriptor, facts);
    if (status != LDR_OK) {
        ldr__os_close(descriptor);
        return status;
    }
    return ldr__os_registry_publish(key, handles, 2, &section->mark);
}

/* The handles are given up if it fails. */
static ldr_status attach(const ldr__registry_key *key, const ldr__handle *handles, const char *name,
                         ldr_section **ret_section, ldr_diag *diag)
{
    ldr__facts facts;
    ldr_section *section;
    ldr_status status = ldr__descriptor_read(handles[0], &facts);
    if (status == LDR_OK && !facts_are_right(&facts, handles[1]))
        status = LDR_IO_ERROR;
    if (status != LDR_OK)
        ldr__fail(diag, status, ldr__nt_status_of(status), name);
    else if ((facts.attributes & LDR_SEC_IMAGE) != 0)
        status = attach_image(&facts, handles[1], name, &section, diag);
    else
        status = attach_data(&facts, handles[1], name, &section, diag);
    if (status != LDR_OK) {
        ldr__os_close(handles[0]);
        ldr__os_close(handles[1]);
        return status;
    }
    status = share(section, key, handles[0], handles[1], &facts);
    if (status != LDR_OK) {
        ldr_section_close(section);
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    }
    *ret_section = section;
    return LDR_OK;
}

static ldr_status find(const ldr__registry_key *key, const char *name, ldr_section **ret_section,
                       ldr_diag *diag)
{
    ldr__handle handles[2];
    ldr_status status = ldr__os_registry_find(key, LDR__REGISTRY_MEMORY, 2, handles);
    if (status == LDR_FILE_NOT_FOUND)
        status = LDR_NAME_NOT_FOUND;
    return status == LDR_OK ? attach(key, handles, name, ret_section, diag)
                            : ldr__fail(diag, status, ldr__nt_status_of(status), name);
}

/* ---- The calls ---- */

static ldr_status lock_name(const char *name, ldr__registry_key *ret_key,
                            ldr__registry_lock **ret_lock, ldr_diag *diag)
{
    ldr_status status = key_of(name, ret_key, diag);
    if (status != LDR_OK)
        return status;
    status = ldr__os_registry_lock(ret_key, ret_lock);
    return status == LDR_OK ? LDR_OK : ldr__fail(diag, status, ldr__nt_status_of(status), name);
}

ldr_status ldr__named_create(const ldr_create_options *options, ldr_section **ret_section,
                             bool *ret_existed, ldr_diag *diag)
{
    ldr__registry_key key;
    ldr__registry_lock *lock;
    ldr_status status = lock_name(options->name, &key, &lock, diag);
    if (status != LDR_OK)
        return status;
    status = find(&key, options->name, ret_section, diag);
    bool existed = status == LDR_OK;
    if (status == LDR_NAME_NOT_FOUND)
        status = ldr__section_make(options, &key, ret_section, diag);
    ldr__os_registry_unlock(lock);
    if (status == LDR_OK)
        *ret_existed = existed;
    return status;
}

ldr_status ldr_section_open(const char *name, uint32_t access, ldr_section **ret_section,
                            ldr_diag *diag)
{
    ldr__registry_key key;
    ldr__registry_lock *lock;
    ldr_section *section;
    if (name == NULL || name[0] == '\0' || (access & ~(uint32_t)LDR_SECTION_ALL_ACCESS) != 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    ldr_status status = lock_name(name, &key, &lock, diag);
    if (status != LDR_OK)
        return status;
    status = find(&key, name, &section, diag);
    ldr__os_registry_unlock(lock);
    if (status != LDR_OK)
        return status;
    section->access = access != 0 ? access : LDR_SECTION_ALL_ACCESS;
    *ret_section = section;
    return LDR_OK;
}
