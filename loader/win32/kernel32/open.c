#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "section/file.h"
#include "win32/kernel32/files.h"

/* CreateFile. */

#define GENERIC_READ    0x80000000u
#define GENERIC_WRITE   0x40000000u
#define GENERIC_EXECUTE 0x20000000u
#define GENERIC_ALL     0x10000000u

enum {
    FILE_READ_DATA = 0x1,
    FILE_WRITE_DATA = 0x2,
    FILE_APPEND_DATA = 0x4,
    FILE_EXECUTE = 0x20,
    ACCESS_DELETE = 0x10000,
    CREATE_NEW = 1,
    CREATE_ALWAYS = 2,
    OPEN_EXISTING = 3,
    OPEN_ALWAYS = 4,
    TRUNCATE_EXISTING = 5,
    FILE_FLAG_BACKUP_SEMANTICS = 0x02000000,
    FILE_FLAG_DELETE_ON_CLOSE = 0x04000000,
};

/* What an open asks for. */
typedef struct open_request {
    uint32_t access; /* LDR_FILE_* */
    bool append;     /* may write at the end only */
    DWORD share, disposition, flags;
} open_request;

static uint32_t access_from(DWORD access, DWORD flags)
{
    const DWORD reads = GENERIC_READ | GENERIC_ALL | FILE_READ_DATA;
    const DWORD writes = GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA;
    const DWORD executes = GENERIC_EXECUTE | GENERIC_ALL | FILE_EXECUTE;
    bool deletes =
        (access & (GENERIC_ALL | ACCESS_DELETE)) != 0 || (flags & FILE_FLAG_DELETE_ON_CLOSE) != 0;
    uint32_t found = (access & reads ? (uint32_t)LDR_FILE_READ : 0) |
                     (access & writes ? (uint32_t)LDR_FILE_WRITE : 0) |
                     (access & executes ? (uint32_t)LDR_FILE_EXECUTE : 0) |
                     (deletes ? (uint32_t)LDR_FILE_DELETE : 0);
    return found ? found : LDR_FILE_ATTRIBUTES;
}

static open_request request_from(DWORD access, DWORD share, DWORD disposition, DWORD flags)
{
    const DWORD writes = GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA;
    return (open_request){.access = access_from(access, flags),
                          .append = (access & writes) == FILE_APPEND_DATA,
                          .share = share,
                          .disposition = disposition,
                          .flags = flags};
}

static DWORD check_request(const open_request *request)
{
    const DWORD shares = LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE;
    bool writes = (request->access & LDR_FILE_WRITE) != 0;
    if (request->disposition < CREATE_NEW || request->disposition > TRUNCATE_EXISTING ||
        (request->disposition == TRUNCATE_EXISTING && !writes) || (request->share & ~shares) != 0)
        return ERROR_INVALID_PARAMETER;
    return ERROR_SUCCESS;
}

/* ---- Files ---- */

/* CREATE_ALWAYS empties a file also for who may only read it. */
static DWORD empty(ldr_file *file)
{
    ldr_diag diag;
    struct ldr_file writer = *file;
    ldr__handle again = LDR__NO_HANDLE;
    if ((file->access & LDR_FILE_WRITE) == 0) {
        if (ldr__os_file_reopen(file->handle, true, &again) != LDR_OK)
            return ERROR_ACCESS_DENIED;
        writer.handle = again;
        writer.access |= LDR_FILE_WRITE;
    }
    ldr_status status = ldr_file_set_size(&writer, 0, &diag);
    ldr__os_close(again);
    return status == LDR_OK ? ERROR_SUCCESS : ldr__error_from_nt_status(diag.why.nt_status);
}

/* Read-only is what a file is that nobody may write to, whoever asks. */
static DWORD prepare(ldr_file *file, const open_request *request, bool existed)
{
    ldr__file_facts facts;
    int fd = (int)ldr__file_handle(file).value;
    bool empties =
        request->disposition == CREATE_ALWAYS || request->disposition == TRUNCATE_EXISTING;
    if (!ldr__file_facts_get(fd, NULL, &facts))
        return ldr__error_from_errno(errno);
    bool read_only = (facts.attributes & FILE_ATTRIBUTE_READONLY) != 0;
    if (existed && read_only && (empties || (request->access & LDR_FILE_WRITE) != 0))
        return ERROR_ACCESS_DENIED;
    if (!existed && (request->flags & FILE_ATTRIBUTE_READONLY) != 0)
        fchmod(fd, 0444);
    if (request->append)
        fcntl(fd, F_SETFL, O_APPEND);
    return existed && empties ? empty(file) : ERROR_SUCCESS;
}

/* A handle for an open file, which it takes over if it succeeds. */
static DWORD adopt(ldr_file *open, const char *path, const open_request *request,
                   HANDLE *ret_handle)
{
    ldr__file *file = ldr__file_new((int)ldr__file_handle(open).value, true, path);
    if (file == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    file->open = open;
    file->reads = (request->access & LDR_FILE_READ) != 0;
    file->writes = (request->access & LDR_FILE_WRITE) != 0;
    file->delete_on_close = (request->flags & FILE_FLAG_DELETE_ON_CLOSE) != 0;
    atomic_fetch_add(&file->object.references, 1); /* to give the file back if there is no handle */
    HANDLE handle = ldr__handle_new(ldr__process_self(), &file->object);
    if (handle == NULL) {
        file->open = NULL;
        file->delete_on_close = false;
    }
    ldr__object_release(&file->object);
    if (handle == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    *ret_handle = handle;
    return ERROR_SUCCESS;
}

static ldr_status open_regular(const char *path, const open_request *request, ldr_file **ret_file,
                               bool *ret_existed, ldr_diag *diag)
{
    static const ldr_disposition dispositions[] = {[CREATE_NEW] = LDR_CREATE_NEW,
                                                   [CREATE_ALWAYS] = LDR_OPEN_OR_CREATE,
                                                   [OPEN_EXISTING] = LDR_OPEN_EXISTING,
                                                   [OPEN_ALWAYS] = LDR_OPEN_OR_CREATE,
                                                   [TRUNCATE_EXISTING] = LDR_OPEN_EXISTING};
    const ldr_file_options options = {.size = sizeof options,
                                      .access = request->access,
                                      .share = request->share,
                                      .disposition = dispositions[request->disposition]};
    return ldr_file_open(path, &options, ret_file, ret_existed, diag);
}

/* ---- What is no file ---- */

/* Folders, for who asks for them, and devices: nobody shares them. */
static DWORD open_other(const char *path, const open_request *request, HANDLE *ret_handle)
{
    struct stat host;
    bool is_folder = stat(path, &host) == 0 && S_ISDIR(host.st_mode);
    bool reads = (request->access & LDR_FILE_READ) != 0;
    bool writes = (request->access & LDR_FILE_WRITE) != 0;
    if (is_folder && !(request->flags & FILE_FLAG_BACKUP_SEMANTICS))
        return ERROR_ACCESS_DENIED;
    int access = is_folder ? O_DIRECTORY : writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY;
    int fd = open(path, access | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return ldr__error_from_errno(errno);
    HANDLE handle = ldr__handle_from_fd(ldr__process_self(), fd, false, path);
    if (handle == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    *ret_handle = handle;
    return ERROR_SUCCESS;
}

/* ---- The call ---- */

static DWORD refusal(ldr_status status, const char *path, const ldr_diag *diag)
{
    if (status == LDR_EXISTS)
        return ERROR_FILE_EXISTS;
    if (status != LDR_FILE_NOT_FOUND)
        return ldr__error_from_nt_status(diag->why.nt_status);
    ldr__file_error(ENOENT, path);
    return ldr__thread_self()->teb.last_error;
}

/* *ret_existed only tells of a file that CREATE_ALWAYS or OPEN_ALWAYS found. */
static DWORD open_path(const char *path, const open_request *request, HANDLE *ret_handle,
                       bool *ret_existed)
{
    ldr_file *file;
    ldr_diag diag;
    bool existed = true;
    DWORD error = check_request(request);
    if (error != ERROR_SUCCESS)
        return error;
    ldr_status status = open_regular(path, request, &file, &existed, &diag);
    if (status == LDR_NOT_A_FILE)
        return open_other(path, request, ret_handle);
    if (status != LDR_OK)
        return refusal(status, path, &diag);
    *ret_existed =
        existed && (request->disposition == CREATE_ALWAYS || request->disposition == OPEN_ALWAYS);
    error = prepare(file, request, existed);
    if (error == ERROR_SUCCESS)
        error = adopt(file, path, request, ret_handle);
    if (error == ERROR_SUCCESS)
        return ERROR_SUCCESS;
    if (!existed)
        ldr__os_file_remove(ldr__file_handle(file), path);
    ldr_file_close(file);
    return error;
}

static bool is_console_name(const char *name)
{
    return strcasecmp(name, "CONIN$") == 0 || strcasecmp(name, "CONOUT$") == 0;
}

static HANDLE LDR_WINAPI guest_CreateFileA(const char *name, DWORD access, DWORD share,
                                           const SECURITY_ATTRIBUTES *security, DWORD disposition,
                                           DWORD flags, HANDLE template_file)
{
    const open_request request = request_from(access, share, disposition, flags);
    HANDLE handle = INVALID_HANDLE_VALUE;
    bool existed = false;
    (void)template_file;
    char *path = name && is_console_name(name) ? strdup("/dev/tty") : ldr__host_path_a(name);
    if (path == NULL)
        return INVALID_HANDLE_VALUE;
    DWORD error = open_path(path, &request, &handle, &existed);
    if (error == ERROR_SUCCESS && ldr__inherits(security))
        ldr__handle_set_inherit(ldr__process_self(), handle, true);
    free(path);
    if (error == ERROR_SUCCESS && existed)
        error = ERROR_ALREADY_EXISTS;
    ldr__set_last_error(error);
    return handle;
}

static HANDLE LDR_WINAPI guest_CreateFileW(const WCHAR *name, DWORD access, DWORD share,
                                           const SECURITY_ATTRIBUTES *security, DWORD disposition,
                                           DWORD flags, HANDLE template_file)
{
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    if (name != NULL && narrow == NULL) {
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return INVALID_HANDLE_VALUE;
    }
    HANDLE handle =
        guest_CreateFileA(narrow, access, share, security, disposition, flags, template_file);
    free(narrow);
    return handle;
}

static const ldr_export lines[] = {LDR__FN(CreateFileA), LDR__FN(CreateFileW)};

LDR__TABLE(ldr__kernel32_open, "kernel32.dll", lines);
