#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "win32/kernel32/files.h"
#include "win32/kernel32/mapping.h"
#include "win32/kernel32/pages.h"
#include "win32/wait.h"

/* CreateFileMapping, MapViewOfFile. */

enum {
    SEC_COMMIT = 0x8000000,
    FILE_MAP_COPY = 1,
    FILE_MAP_WRITE = 2,
    FILE_MAP_READ = 4,
    FILE_MAP_EXECUTE = 0x20,
};

/* LDR__OBJECT_SECTION. It has a name like the objects that can be waited for. */
typedef struct section {
    ldr__waitable named;
    int fd;
    uint64_t size;
    DWORD protect;
} section;

static void section_destroy(ldr__object *object)
{
    close(((section *)object)->fd);
    ldr__waitable_destroy(object);
}

static bool is_writable(DWORD protect)
{
    return protect == LDR_PAGE_READWRITE || protect == LDR_PAGE_EXECUTE_READWRITE;
}

static bool is_executable(DWORD protect)
{
    return protect >= LDR_PAGE_EXECUTE;
}

/* ---- Creation ---- */

static uint64_t whole_pages(uint64_t size)
{
    return (size + LDR__PAGE_SIZE - 1) & ~(uint64_t)(LDR__PAGE_SIZE - 1);
}

/* Memory of the paging file; a Win32 error. */
static DWORD open_memory(uint64_t size, int *ret_fd)
{
    if (size == 0 || size > INT64_MAX - LDR__PAGE_SIZE)
        return size == 0 ? ERROR_INVALID_PARAMETER : ERROR_NOT_ENOUGH_MEMORY;
    int fd = memfd_create("section", MFD_CLOEXEC);
    if (fd < 0)
        return ERROR_NOT_ENOUGH_MEMORY;
    if (ftruncate(fd, (off_t)size) == 0) {
        *ret_fd = fd;
        return ERROR_SUCCESS;
    }
    close(fd);
    return ERROR_COMMITMENT_LIMIT;
}

/* Rules H2, H5 to H9: what size a section of that file has, the file grown where it must. */
static DWORD fit_to_file(int fd, DWORD protect, uint64_t size, uint64_t *ret_size)
{
    ldr__file_facts facts;
    int access = fcntl(fd, F_GETFL) & O_ACCMODE;
    if (!ldr__file_facts_get(fd, NULL, &facts))
        return ldr__error_from_errno(errno);
    if (access == O_WRONLY || (is_writable(protect) && access != O_RDWR))
        return ERROR_ACCESS_DENIED;
    if (facts.attributes & (FILE_ATTRIBUTE_DEVICE | FILE_ATTRIBUTE_DIRECTORY))
        return ERROR_BAD_EXE_FORMAT; /* what STATUS_INVALID_FILE_FOR_SECTION becomes */
    if (size == 0 && facts.size == 0)
        return ERROR_FILE_INVALID;
    if (size > facts.size && !is_writable(protect))
        return ERROR_NOT_ENOUGH_MEMORY;
    if (size > facts.size && (size > INT64_MAX || ftruncate(fd, (off_t)size) != 0))
        return ERROR_DISK_FULL;
    *ret_size = size ? size : facts.size;
    return ERROR_SUCCESS;
}

static DWORD open_backing(HANDLE file, DWORD protect, uint64_t size, section *made)
{
    if (file == INVALID_HANDLE_VALUE) {
        made->size = whole_pages(size);
        return open_memory(made->size, &made->fd);
    }
    int fd = file ? ldr__handle_fd(file) : -1;
    if (fd < 0)
        return ERROR_INVALID_HANDLE;
    DWORD error = fit_to_file(fd, protect, size, &made->size);
    if (error == ERROR_SUCCESS && (made->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        error = ldr__error_from_errno(errno);
    return error;
}

static HANDLE LDR_WINAPI guest_CreateFileMappingW(HANDLE file, const SECURITY_ATTRIBUTES *security,
                                                  DWORD protect, DWORD size_high, DWORD size_low,
                                                  const WCHAR *name)
{
    ldr__process *process = ldr__process_self();
    DWORD pages = protect & 0xFF, kind = protect & ~(DWORD)0xFF;
    if (ldr__host_protection(pages) < 0 || pages == LDR_PAGE_NOACCESS || pages == LDR_PAGE_EXECUTE)
        return ldr__win_error(ERROR_INVALID_PARAMETER), NULL;
    if (kind != 0 && kind != SEC_COMMIT) /* images, reserved and large pages: not provided */
        return ldr__win_error(ERROR_NOT_SUPPORTED), NULL;
    section *made = ldr__waitable_new(process, LDR__OBJECT_SECTION, sizeof *made);
    if (made == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY), NULL;
    DWORD error = open_backing(file, pages, (uint64_t)size_high << 32 | size_low, made);
    if (error != ERROR_SUCCESS) {
        ldr__object_release(&made->named.object);
        return ldr__win_error(error), NULL;
    }
    made->named.object.destroy = section_destroy;
    made->protect = pages;
    return ldr__waitable_publish(&made->named, name, ldr__inherits(security));
}

static HANDLE LDR_WINAPI guest_CreateFileMappingA(HANDLE file, const SECURITY_ATTRIBUTES *security,
                                                  DWORD protect, DWORD size_high, DWORD size_low,
                                                  const char *name)
{
    WCHAR *wide = name ? ldr__utf16_from(name) : NULL;
    if (name != NULL && wide == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY), NULL;
    HANDLE handle = guest_CreateFileMappingW(file, security, protect, size_high, size_low, wide);
    free(wide);
    return handle;
}

static HANDLE LDR_WINAPI guest_OpenFileMappingW(DWORD access, BOOL inherit, const WCHAR *name)
{
    ldr__process *process = ldr__process_self();
    const ldr__handle_facts facts = {access, inherit};
    return ldr__waitable_open(process, LDR__OBJECT_SECTION, sizeof(section), name, &facts);
}

static HANDLE LDR_WINAPI guest_OpenFileMappingA(DWORD access, BOOL inherit, const char *name)
{
    WCHAR *wide = name ? ldr__utf16_from(name) : NULL;
    if (name != NULL && wide == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY), NULL;
    HANDLE handle = guest_OpenFileMappingW(access, inherit, wide);
    free(wide);
    return handle;
}

/* ---- Inheritance ---- */

void ldr__section_describe(const ldr__object *object, ldr__start_handle *ret_description)
{
    const section *of = (const section *)object;
    ret_description->fd = of->fd;
    ret_description->share = of->protect;
    ret_description->size = of->size;
}

ldr__object *ldr__section_adopt(ldr__process *process, const ldr__start_handle *description)
{
    section *made = ldr__waitable_new(process, LDR__OBJECT_SECTION, sizeof *made);
    if (made == NULL)
        return NULL;
    made->named.object.destroy = section_destroy;
    made->fd = description->fd;
    made->protect = description->share;
    made->size = description->size;
    return &made->named.object;
}

/* ---- Views ---- */

/* Rule H37: the protection of a view's pages. */
static DWORD view_protection(DWORD access)
{
    bool execute = (access & FILE_MAP_EXECUTE) != 0;
    if (access & FILE_MAP_WRITE)
        return execute ? LDR_PAGE_EXECUTE_READWRITE : LDR_PAGE_READWRITE;
    if (access & FILE_MAP_READ)
        return execute ? LDR_PAGE_EXECUTE_READ : LDR_PAGE_READONLY;
    if (access & FILE_MAP_COPY)
        return execute ? LDR_PAGE_EXECUTE_WRITECOPY : LDR_PAGE_WRITECOPY;
    return LDR_PAGE_NOACCESS;
}

/* Rules H30 to H36; `*size` becomes the view's in bytes. */
static DWORD check_view(const section *of, DWORD access, uint64_t offset, uint64_t base,
                        uint64_t *size)
{
    DWORD protect = view_protection(access);
    if (offset % LDR__GRANULARITY != 0 || base % LDR__GRANULARITY != 0)
        return ERROR_MAPPED_ALIGNMENT;
    if (offset >= of->size || *size > of->size - offset)
        return ERROR_ACCESS_DENIED;
    if ((is_writable(protect) && !is_writable(of->protect)) ||
        (is_executable(protect) && !is_executable(of->protect)))
        return ERROR_ACCESS_DENIED;
    if (*size == 0)
        *size = of->size - offset;
    return ERROR_SUCCESS;
}

static DWORD map_view(ldr__process *process, const section *of, DWORD access, uint64_t offset,
                      uint64_t base, uint64_t size, void **ret_view)
{
    DWORD protect = view_protection(access), error = check_view(of, access, offset, base, &size);
    if (error != ERROR_SUCCESS)
        return error;
    bool copies = protect == LDR_PAGE_WRITECOPY || protect == LDR_PAGE_EXECUTE_WRITECOPY;
    uint64_t pages = whole_pages(size);
    void *at = ldr__memory_reserve(base, pages);
    if (at == NULL)
        return base ? ERROR_INVALID_ADDRESS : ERROR_NOT_ENOUGH_MEMORY;
    if (mmap(at, pages, ldr__host_protection(protect),
             (copies ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED, of->fd, (off_t)offset) == MAP_FAILED)
        error = ldr__error_from_errno(errno);
    if (error == ERROR_SUCCESS)
        error = ldr__memory_add_view(process, at, pages, protect);
    if (error != ERROR_SUCCESS)
        munmap(at, pages);
    else
        *ret_view = at;
    return error;
}

static void *LDR_WINAPI guest_MapViewOfFileEx(HANDLE handle, DWORD access, DWORD offset_high,
                                              DWORD offset_low, size_t size, void *base)
{
    ldr__process *process = ldr__process_self();
    void *view = NULL;
    section *of = (section *)ldr__handle_get(process, handle, LDR__OBJECT_SECTION);
    if (of == NULL)
        return ldr__win_error(ERROR_INVALID_HANDLE), NULL;
    DWORD error = map_view(process, of, access, (uint64_t)offset_high << 32 | offset_low,
                           (uint64_t)(uintptr_t)base, size, &view);
    ldr__object_release(&of->named.object);
    if (error != ERROR_SUCCESS)
        ldr__set_last_error(error);
    return view;
}

static void *LDR_WINAPI guest_MapViewOfFile(HANDLE handle, DWORD access, DWORD offset_high,
                                            DWORD offset_low, size_t size)
{
    return guest_MapViewOfFileEx(handle, access, offset_high, offset_low, size, NULL);
}

static BOOL LDR_WINAPI guest_UnmapViewOfFile(const void *view)
{
    return ldr__memory_remove_view(ldr__process_self(), view)
               ? true
               : ldr__win_error(ERROR_INVALID_ADDRESS);
}

static BOOL LDR_WINAPI guest_FlushViewOfFile(const void *address, size_t size)
{
    ldr__memory_info info;
    if (!ldr__memory_query(ldr__process_self(), address, &info) || info.type != MEM_MAPPED)
        return ldr__win_error(ERROR_INVALID_ADDRESS);
    size_t within = (size_t)((const char *)address - (const char *)info.base);
    if (size == 0)
        size = info.size - within;
    return msync(info.base, within + size, MS_SYNC) == 0 ? true : ldr__win_errno(errno);
}

static const ldr_export lines[] = {
    LDR__FN(CreateFileMappingA), LDR__FN(CreateFileMappingW), LDR__FN(OpenFileMappingA),
    LDR__FN(OpenFileMappingW),   LDR__FN(MapViewOfFile),      LDR__FN(MapViewOfFileEx),
    LDR__FN(UnmapViewOfFile),    LDR__FN(FlushViewOfFile),
};

LDR__TABLE(ldr__kernel32_mapping, "kernel32.dll", lines);
