/* file.c: files, which the system opens and shares itself. */
#include "section/file.h"
#include "os/native.h"
#include "section/diag.h"
#include "section/options.h"

static ldr_status refuse(ldr_diag *diag, uint32_t nt_status, const char *path)
{
    return ldr__fail(diag, ldr__native_status(nt_status), nt_status, path);
}

static bool options_are_valid(const ldr_file_options *options)
{
    const uint32_t access =
        LDR_FILE_READ | LDR_FILE_WRITE | LDR_FILE_EXECUTE | LDR_FILE_DELETE | LDR_FILE_ATTRIBUTES;
    const uint32_t share = LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE;
    return (options->access & ~access) == 0 && (options->share & ~share) == 0 &&
           (options->disposition == LDR_OPEN_EXISTING ||
            options->disposition == LDR_OPEN_OR_CREATE || options->disposition == LDR_CREATE_NEW);
}

/* `file` is empty, and released by the caller. A file that was made goes again if it fails. */
static ldr_status open_file(ldr_file *file, const char *path, const ldr_file_options *options,
                            bool *ret_existed, ldr_diag *diag)
{
    uint32_t nt_status = ldr__native_file_open(path, options->access, options->share,
                                               options->disposition, &file->handle, ret_existed);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return refuse(diag, nt_status, path);
    file->access = options->access;
    ldr_status status = ldr__os_path_absolute(path, &file->path);
    if (status == LDR_OK)
        return LDR_OK;
    if (!*ret_existed)
        ldr__native_file_delete(file->handle);
    return ldr__fail(diag, status, ldr__nt_status_of(status), path);
}

ldr_status ldr_file_open(const char *path, const ldr_file_options *options, ldr_file **ret_file,
                         bool *ret_existed, ldr_diag *diag)
{
    ldr_file_options all;
    ldr__options_read(options, &all, sizeof all);
    if (!options_are_valid(&all))
        return refuse(diag, PE_NT_INVALID_PARAMETER, path);
    if (all.access == 0)
        all.access = LDR_FILE_READ;
    ldr_file *file = ldr__os_alloc(sizeof *file);
    if (file == NULL)
        return refuse(diag, PE_NT_NO_MEMORY, path);
    file->handle = LDR__NO_HANDLE;
    bool existed;
    ldr_status status = open_file(file, path, &all, &existed, diag);
    if (status != LDR_OK) {
        ldr_file_close(file);
        return status;
    }
    *ret_file = file;
    if (ret_existed != NULL)
        *ret_existed = existed;
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

ldr_status ldr_file_size(const ldr_file *file, uint64_t *ret_size)
{
    return ldr__native_file_size(file->handle, ret_size) < PE_NT_UNSUCCESSFUL ? LDR_OK
                                                                              : LDR_IO_ERROR;
}

ldr_status ldr_file_set_size(ldr_file *file, uint64_t size, ldr_diag *diag)
{
    uint32_t nt_status = (file->access & LDR_FILE_WRITE) == 0
                             ? PE_NT_ACCESS_DENIED
                             : ldr__native_file_set_size(file->handle, size);
    return nt_status < PE_NT_UNSUCCESSFUL ? LDR_OK : refuse(diag, nt_status, file->path);
}

ldr_status ldr_file_delete(ldr_file *file, ldr_diag *diag)
{
    uint32_t nt_status = (file->access & LDR_FILE_DELETE) == 0
                             ? PE_NT_ACCESS_DENIED
                             : ldr__native_file_delete(file->handle);
    return nt_status < PE_NT_UNSUCCESSFUL ? LDR_OK : refuse(diag, nt_status, file->path);
}
