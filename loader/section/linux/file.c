#include "section/file.h"
#include "section/diag.h"
#include "section/options.h"

#include <string.h>

/* ---- Sharing ---- */

#define DATA_ACCESS (LDR_FILE_READ | LDR_FILE_WRITE | LDR_FILE_DELETE)
#define KINDS       3 /* of access that can be shared: bits 0 to 2 of LDR_SHARE_* */
#define ALL_SHARED  (LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE)

static uint64_t mark_of_user(unsigned kind)
{
    return LDR__MARKS + kind;
}

static uint64_t mark_of_refusal(unsigned kind)
{
    return LDR__MARKS + KINDS + kind;
}

/* The kinds of access as bits of LDR_SHARE_*. */
static uint32_t kinds_of(uint32_t access)
{
    return (access & (LDR_FILE_READ | LDR_FILE_EXECUTE) ? LDR_SHARE_READ : 0) |
           (access & LDR_FILE_WRITE ? LDR_SHARE_WRITE : 0) |
           (access & LDR_FILE_DELETE ? LDR_SHARE_DELETE : 0);
}

static void mark(ldr__handle file, uint32_t uses, uint32_t refuses)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if ((uses >> kind & 1) != 0)
            ldr__os_file_mark(file, mark_of_user(kind), 1);
        if ((refuses >> kind & 1) != 0)
            ldr__os_file_mark(file, mark_of_refusal(kind), 1);
    }
}

static bool is_in_conflict(ldr__handle file, uint32_t uses, uint32_t refuses)
{
    bool conflict =
        (uses & LDR_SHARE_WRITE) != 0 && ldr__os_file_is_marked(file, LDR__MARK_IMAGE, 1);
    for (unsigned kind = 0; kind < KINDS && !conflict; kind++)
        conflict =
            ((uses >> kind & 1) != 0 && ldr__os_file_is_marked(file, mark_of_refusal(kind), 1)) ||
            ((refuses >> kind & 1) != 0 && ldr__os_file_is_marked(file, mark_of_user(kind), 1));
    return conflict;
}

/* Marks come first: where the exclusion cannot be had, two who come at once both see a conflict,
 * and never none. */
static ldr_status share(ldr__handle file, const ldr_file_options *options)
{
    uint32_t uses = kinds_of(options->access);
    if (uses == 0)
        return LDR_OK;
    uint32_t refuses = ALL_SHARED & ~options->share;
    ldr__os_file_exclude(file);
    mark(file, uses, refuses);
    bool conflict = is_in_conflict(file, uses, refuses);
    ldr__os_file_include(file);
    return conflict ? LDR_SHARING_VIOLATION : LDR_OK;
}

/* ---- Opening ---- */

static uint32_t nt_status_of(ldr_status status)
{
    switch (status) {
    case LDR_FILE_NOT_FOUND:
        return PE_NT_OBJECT_NAME_NOT_FOUND;
    case LDR_EXISTS:
        return PE_NT_OBJECT_NAME_COLLISION;
    default:
        return ldr__nt_status_of(status);
    }
}

static ldr_status refuse(ldr_diag *diag, ldr_status status, const char *path)
{
    return ldr__fail(diag, status, nt_status_of(status), path);
}

static bool options_are_valid(const ldr_file_options *options)
{
    uint32_t access = DATA_ACCESS | LDR_FILE_EXECUTE | LDR_FILE_ATTRIBUTES;
    return (options->access & ~access) == 0 && (options->share & ~(uint32_t)ALL_SHARED) == 0 &&
           (options->disposition == LDR_OPEN_EXISTING ||
            options->disposition == LDR_OPEN_OR_CREATE || options->disposition == LDR_CREATE_NEW);
}

/* `file` is empty, and released by the caller. */
static ldr_status open_file(ldr_file *file, const char *path, const ldr_file_options *options,
                            bool *ret_created)
{
    bool created;
    ldr_status status = ldr__os_file_open_for(path, (options->access & LDR_FILE_WRITE) != 0,
                                              options->disposition, &file->handle, &created);
    if (status != LDR_OK)
        return status;
    file->access = options->access;
    status = share(file->handle, options);
    if (status == LDR_OK)
        status = ldr__os_path_absolute(path, &file->path);
    if (status != LDR_OK && created)
        ldr__os_file_remove(file->handle, path);
    if (status == LDR_OK)
        *ret_created = created;
    return status;
}

ldr_status ldr_file_open(const char *path, const ldr_file_options *options, ldr_file **ret_file,
                         bool *ret_existed, ldr_diag *diag)
{
    ldr_file_options all;
    ldr__options_read(options, &all, sizeof all);
    if (!options_are_valid(&all))
        return refuse(diag, LDR_INVALID_ARGUMENT, path);
    if (all.access == 0)
        all.access = LDR_FILE_READ;
    ldr_file *file = ldr__os_alloc(sizeof *file);
    if (file == NULL)
        return refuse(diag, LDR_NO_MEMORY, path);
    file->handle = LDR__NO_HANDLE;
    bool created;
    ldr_status status = open_file(file, path, &all, &created);
    if (status != LDR_OK) {
        ldr_file_close(file);
        return refuse(diag, status, path);
    }
    *ret_file = file;
    if (ret_existed != NULL)
        *ret_existed = !created;
    return LDR_OK;
}

ldr_status ldr__file_from_handle(ldr__handle handle, uint32_t access, const char *path,
                                 ldr_file **ret_file)
{
    size_t size = path != NULL ? strlen(path) + 1 : 1;
    ldr_file *file = ldr__os_alloc(sizeof *file);
    char *copy = ldr__os_alloc(size);
    if (file == NULL || copy == NULL) {
        ldr__os_free(file);
        ldr__os_free(copy);
        return LDR_NO_MEMORY;
    }
    if (path != NULL)
        memcpy(copy, path, size);
    *file = (ldr_file){handle, access, copy};
    *ret_file = file;
    return LDR_OK;
}

void ldr_file_close(ldr_file *file)
{
    if (file == NULL)
        return;
    ldr__os_close(file->handle);
    ldr__os_free(file->path);
    ldr__os_free(file);
}

/* ---- Size and name ---- */

ldr_status ldr_file_size(const ldr_file *file, uint64_t *ret_size)
{
    ldr__file_stamp stamp;
    if (ldr__os_file_stamp(file->handle, &stamp) != LDR_OK)
        return LDR_IO_ERROR;
    *ret_size = stamp.size;
    return LDR_OK;
}

ldr_status ldr_file_set_size(ldr_file *file, uint64_t size, ldr_diag *diag)
{
    ldr_status status = LDR_OK;
    if ((file->access & LDR_FILE_WRITE) == 0)
        return refuse(diag, LDR_ACCESS_DENIED, file->path);
    ldr__os_file_exclude(file->handle);
    if (size > LDR__SECTION_MAX)
        status = LDR_TOO_BIG;
    else if (ldr__os_file_is_marked(file->handle, LDR__MARK_DATA + size, LDR__SECTION_MAX - size))
        status = LDR_BUSY;
    else
        status = ldr__os_file_resize(file->handle, size);
    ldr__os_file_include(file->handle);
    if (status == LDR_OK)
        return LDR_OK;
    return status == LDR_BUSY ? ldr__fail(diag, status, PE_NT_USER_MAPPED_FILE, file->path)
                              : refuse(diag, status, file->path);
}

ldr_status ldr_file_delete(ldr_file *file, ldr_diag *diag)
{
    if ((file->access & LDR_FILE_DELETE) == 0)
        return refuse(diag, LDR_ACCESS_DENIED, file->path);
    if (ldr__os_file_is_marked(file->handle, LDR__MARK_IMAGE, 1))
        return ldr__fail(diag, LDR_BUSY, PE_NT_CANNOT_DELETE, file->path);
    ldr_status status = ldr__os_file_remove(file->handle, file->path);
    return status == LDR_OK ? LDR_OK : refuse(diag, status, file->path);
}
