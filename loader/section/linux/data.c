/* data.c: the data of files, and memory of the paging file, as sections. */
#include "section/data.h"
#include "section/diag.h"
#include "section/file.h"
#include "section/rights.h"

/* What making a section has done to the file. */
typedef struct growth {
    uint64_t old_size;
    bool is_done;
} growth;

static uint64_t whole_pages(uint64_t size)
{
    return (size + LDR__PAGE - 1) & ~(LDR__PAGE - 1);
}

/* ---- Size ---- */

static ldr_status fail(ldr_diag *diag, ldr_status status, const char *subject)
{
    return ldr__fail(diag, status, ldr__nt_status_of(status), subject);
}

/* Rules H5 to H9: the size of a section of a file that has `file_size` bytes. */
static ldr_status size_of_file_section(const ldr_create_options *options, uint64_t file_size,
                                       uint64_t *ret_size, const char *subject, ldr_diag *diag)
{
    uint64_t size = options->maximum_size != 0 ? options->maximum_size : file_size;
    if (size == 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_MAPPED_FILE_SIZE_ZERO, subject);
    if (size > LDR__SECTION_MAX ||
        (size > file_size && !ldr__protect_is_shared_write(options->protect)))
        return fail(diag, LDR_TOO_BIG, subject);
    *ret_size = size;
    return LDR_OK;
}

/* ---- Backing ---- */

static ldr_status open_backing(ldr_section *section, const ldr_create_options *options)
{
    ldr__data *data = &section->data;
    if (options->file != NULL)
        return ldr__os_file_reopen(ldr__file_handle(options->file),
                                   ldr__protect_is_shared_write(options->protect), &data->backing);
    data->size = whole_pages(options->maximum_size);
    if ((options->attributes & LDR_SEC_LARGE_PAGES) != 0)
        return ldr__os_segment_create_large(data->size, &data->backing);
    return ldr__os_segment_create(data->size, &data->backing);
}

static ldr_status fail_backing(const ldr_create_options *options, ldr_status status,
                               const char *subject, ldr_diag *diag)
{
    if ((options->attributes & LDR_SEC_LARGE_PAGES) != 0 && status == LDR_ACCESS_DENIED)
        return ldr__fail(diag, status, PE_NT_PRIVILEGE_NOT_HELD, subject);
    return fail(diag, status, subject);
}

static ldr_status make_descriptor(ldr_section *section, const ldr__registry_key *key)
{
    const ldr__data *data = &section->data;
    if (key == NULL && !ldr__data_is_reserved(section))
        return LDR_OK;
    ldr__facts facts = {.size = data->size,
                        .protect = data->protect,
                        .attributes = data->attributes,
                        .is_file = data->is_file};
    ldr__file_stamp stamp;
    ldr_status status = ldr__os_file_stamp(data->backing, &stamp);
    if (status != LDR_OK)
        return status;
    facts.backing = stamp.id;
    return ldr__descriptor_make(section, &facts, key);
}

/* ---- Making ---- */

/* Rule H7. */
static ldr_status grow(ldr__handle file, uint64_t size, growth *done)
{
    if (size <= done->old_size)
        return LDR_OK;
    ldr_status status = ldr__os_file_resize(file, size);
    done->is_done = status == LDR_OK;
    return status;
}

/* Unless somebody relies on the new size by now. */
static void shrink(ldr__handle file, uint64_t size, const growth *done)
{
    ldr__file_stamp now;
    if (done->is_done && ldr__os_file_stamp(file, &now) == LDR_OK && now.size == size &&
        !ldr__os_file_is_marked(file, LDR__MARK_DATA + done->old_size, size - done->old_size))
        ldr__os_file_resize(file, done->old_size);
}

static ldr_status publish(ldr_section *section, const ldr__registry_key *key)
{
    ldr__handle handles[] = {section->descriptor_segment, section->data.backing};
    return key != NULL ? ldr__os_registry_publish(key, handles, 2, &section->mark) : LDR_OK;
}

/* The size is known, nothing has been done to a file yet. */
static ldr_status complete(ldr_section *section, const ldr__registry_key *key, growth *done)
{
    ldr__data *data = &section->data;
    ldr_status status = ldr__os_lock_create(&data->lock);
    if (status == LDR_OK)
        status = make_descriptor(section, key);
    if (status == LDR_OK)
        status = data->is_file ? grow(data->backing, data->size, done)
                               : ldr__os_segment_fix_size(data->backing);
    if (status == LDR_OK)
        status = publish(section, key);
    if (status == LDR_OK && data->is_file)
        ldr__os_file_mark(data->backing, LDR__MARK_DATA, data->size);
    if (status != LDR_OK)
        shrink(data->backing, data->size, done);
    return status;
}

static ldr_status make_of_file(ldr_section *section, const ldr_create_options *options,
                               const ldr__registry_key *key, const char *subject, ldr_diag *diag)
{
    ldr__data *data = &section->data;
    ldr__file_stamp stamp;
    ldr_status status = ldr__os_file_stamp(data->backing, &stamp);
    if (status != LDR_OK)
        return fail(diag, status, subject);
    status = size_of_file_section(options, stamp.size, &data->size, subject, diag);
    if (status != LDR_OK)
        return status;
    growth done = {.old_size = stamp.size};
    section->has_id = true;
    section->id = stamp.id;
    section->file_size = data->size > stamp.size ? data->size : stamp.size;
    status = complete(section, key, &done);
    return status == LDR_OK ? LDR_OK : fail(diag, status, subject);
}

ldr_status ldr__data_make(ldr_section *section, const ldr_create_options *options,
                          const ldr__registry_key *key, const char *subject, ldr_diag *diag)
{
    ldr__data *data = &section->data;
    section->is_data = true;
    data->protect = options->protect;
    data->attributes = options->attributes;
    data->is_file = options->file != NULL;
    ldr_status status = open_backing(section, options);
    if (status != LDR_OK)
        return fail_backing(options, status, subject, diag);
    if (data->is_file) {
        ldr__os_file_exclude(data->backing);
        status = make_of_file(section, options, key, subject, diag);
        ldr__os_file_include(data->backing);
        return status;
    }
    growth none = {0};
    status = complete(section, key, &none);
    return status == LDR_OK ? LDR_OK : fail(diag, status, subject);
}

/* ---- Taking over, releasing ---- */

ldr_status ldr__data_attach(ldr_section *section, const ldr__facts *facts, ldr__handle backing)
{
    ldr__data *data = &section->data;
    ldr_status status = ldr__os_lock_create(&data->lock);
    if (status != LDR_OK)
        return status;
    section->is_data = true;
    data->size = facts->size;
    data->protect = facts->protect;
    data->attributes = facts->attributes;
    data->is_file = facts->is_file != 0;
    data->backing = backing;
    section->has_id = data->is_file;
    section->id = facts->backing;
    section->file_size = facts->size;
    if (data->is_file)
        ldr__os_file_mark(backing, LDR__MARK_DATA, data->size);
    return LDR_OK;
}

void ldr__data_release(ldr_section *section)
{
    ldr__descriptor_release(section);
    ldr__os_close(section->data.backing);
    ldr__os_lock_destroy(section->data.lock);
}
