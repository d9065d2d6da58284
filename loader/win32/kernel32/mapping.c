#include "win32/kernel32/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "section/file.h"
#include "section/inherit.h"
#include "section/rights.h"
#include "win32/kernel32/files.h"
#include "win32/kernel32/pages.h"
#include "win32/wait.h"

/* CreateFileMapping, MapViewOfFile: the guest's side of section.h. */

enum {
    FILE_MAP_COPY = 1,
    FILE_MAP_EXECUTE = 0x20,
    FILE_MAP_LARGE_PAGES = 0x20000000,
    STANDARD_RIGHTS_REQUIRED = 0xF0000,
};

/* LDR__OBJECT_SECTION. It has a name like the objects that can be waited for. */
typedef struct section {
    ldr__waitable named;
    ldr_section *section;
} section;

static void section_destroy(ldr__object *object)
{
    ldr_section_close(((section *)object)->section);
    ldr__waitable_destroy(object);
}

static section *section_new(ldr__process *process)
{
    section *made = ldr__waitable_new(process, LDR__OBJECT_SECTION, sizeof *made);
    if (made != NULL)
        made->named.object.destroy = section_destroy;
    return made;
}

static DWORD error_of(const ldr_diag *diag)
{
    if (diag->status == LDR_BUSY) /* the name's lock is not to be had */
        return ERROR_NO_SYSTEM_RESOURCES;
    return ldr__error_from_nt_status(diag->why.nt_status);
}

/* ---- The file of a section ---- */

/* What a handle is as a file of the library's; `own` is to be released with it. */
typedef struct borrowed_file {
    ldr__file *object;
    ldr_file *file, *own;
} borrowed_file;

static void give_back(borrowed_file *borrowed)
{
    if (borrowed->object != NULL)
        ldr__object_release(&borrowed->object->object);
    ldr_file_close(borrowed->own);
}

/* A file that the C runtime has opened: its descriptor's rights are all that is known. */
static DWORD open_descriptor(int fd, ldr_file **ret_file)
{
    static const uint32_t accesses[] = {[O_RDONLY] = LDR_FILE_READ | LDR_FILE_EXECUTE,
                                        [O_WRONLY] = LDR_FILE_WRITE,
                                        [O_RDWR] =
                                            LDR_FILE_READ | LDR_FILE_EXECUTE | LDR_FILE_WRITE};
    struct stat host;
    if (fstat(fd, &host) != 0 || !S_ISREG(host.st_mode))
        return ERROR_BAD_EXE_FORMAT; /* what STATUS_INVALID_FILE_FOR_SECTION becomes */
    int access = fcntl(fd, F_GETFL) & O_ACCMODE, copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return ldr__error_from_errno(errno);
    if (ldr__file_from_handle((ldr__handle){copy}, accesses[access], NULL, ret_file) == LDR_OK)
        return ERROR_SUCCESS;
    close(copy);
    return ERROR_NOT_ENOUGH_MEMORY;
}

static DWORD borrow(ldr__process *process, HANDLE handle, borrowed_file *ret_borrowed)
{
    borrowed_file borrowed = {NULL, NULL, NULL};
    DWORD error = ERROR_SUCCESS;
    if (handle != INVALID_HANDLE_VALUE) {
        borrowed.object = (ldr__file *)ldr__handle_get(process, handle, LDR__OBJECT_FILE);
        if (borrowed.object == NULL)
            return ERROR_INVALID_HANDLE;
        borrowed.file = borrowed.object->open;
        if (borrowed.file == NULL) {
            error = open_descriptor(borrowed.object->fd, &borrowed.own);
            borrowed.file = borrowed.own;
        }
    }
    if (error == ERROR_SUCCESS)
        *ret_borrowed = borrowed;
    else
        give_back(&borrowed);
    return error;
}

/* ---- Creation ---- */

/* An ldr__maker: `user` is the ldr_create_options, NULL to open. */
static DWORD make_section(ldr__waitable *fresh, const WCHAR *name, bool may_create, void *user,
                          bool *ret_existed)
{
    section *made = (section *)fresh;
    ldr_create_options *options = user;
    ldr_diag diag;
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    if (name != NULL && narrow == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    ldr_status status;
    if (may_create) {
        options->name = narrow;
        status = ldr_section_create(options, &made->section, ret_existed, &diag);
    } else {
        *ret_existed = true;
        status = ldr_section_open(narrow, 0, &made->section, &diag);
    }
    free(narrow);
    return status == LDR_OK ? ERROR_SUCCESS : error_of(&diag);
}

/* Rule H1: PAGE_EXECUTE alone is for the native call. */
static bool is_protection(DWORD protect)
{
    return ldr__protect_is_single(protect) && protect != LDR_PAGE_NOACCESS &&
           protect != LDR_PAGE_EXECUTE;
}

/* The rights of the handle that CreateFileMapping returns. */
static DWORD rights_of(DWORD protect)
{
    return STANDARD_RIGHTS_REQUIRED | LDR_SECTION_QUERY | LDR_SECTION_MAP_READ |
           ldr__protect_section_access(protect);
}

static HANDLE LDR_WINAPI guest_CreateFileMappingW(HANDLE file, const SECURITY_ATTRIBUTES *security,
                                                  DWORD protect, DWORD size_high, DWORD size_low,
                                                  const WCHAR *name)
{
    const DWORD attributes = protect & 0xFF800000u, pages = protect & ~attributes;
    ldr__process *process = ldr__process_self();
    borrowed_file borrowed;
    if (!is_protection(pages))
        return ldr__win_error(ERROR_INVALID_PARAMETER), NULL;
    DWORD error = borrow(process, file, &borrowed);
    if (error != ERROR_SUCCESS)
        return ldr__win_error(error), NULL;
    ldr_create_options options = {.size = sizeof options,
                                  .file = borrowed.file,
                                  .maximum_size = (uint64_t)size_high << 32 | size_low,
                                  .protect = pages,
                                  .attributes = attributes};
    const ldr__handle_facts facts = {rights_of(pages), ldr__inherits(security)};
    section *made = section_new(process);
    HANDLE handle = NULL;
    if (made == NULL)
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    else
        handle = ldr__waitable_name(&made->named, name, true, make_section, &options, &facts);
    give_back(&borrowed);
    return handle;
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

/* FILE_MAP_* as rights of a section: COPY only reads, and EXECUTE has a bit of its own. */
static DWORD rights_from_access(DWORD access)
{
    if (access == FILE_MAP_COPY)
        return LDR_SECTION_MAP_READ;
    return access | (access & FILE_MAP_EXECUTE ? LDR_SECTION_MAP_EXECUTE : 0);
}

static HANDLE LDR_WINAPI guest_OpenFileMappingW(DWORD access, BOOL inherit, const WCHAR *name)
{
    const ldr__handle_facts facts = {rights_from_access(access), inherit};
    section *made = section_new(ldr__process_self());
    if (made == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY), NULL;
    return ldr__waitable_name(&made->named, name, false, make_section, NULL, &facts);
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

bool ldr__section_describe(const ldr__object *object, ldr__start_handle *ret_description)
{
    ldr__section_parts parts;
    if (!ldr__section_parts_of(((const section *)object)->section, &parts))
        return false;
    ret_description->facts = parts.facts;
    ret_description->fd = (int)parts.backing.value;
    ret_description->descriptor = (int)parts.descriptor.value;
    return true;
}

ldr__object *ldr__section_adopt(ldr__process *process, const ldr__start_handle *description)
{
    const ldr__section_parts parts = {.facts = description->facts,
                                      .backing = {description->fd},
                                      .descriptor = {description->descriptor}};
    section *made = section_new(process);
    if (made == NULL)
        return NULL;
    if (ldr__section_from_parts("inherited", &parts, &made->section) == LDR_OK)
        return &made->named.object;
    ldr__object_release(&made->named.object);
    return NULL;
}

/* ---- Views ---- */

/* Rule H36: what the section does not allow is the same error as what its handle does not. */
static DWORD map_error(const ldr_diag *diag)
{
    return diag->why.nt_status == PE_NT_SECTION_PROTECTION ? ERROR_ACCESS_DENIED : error_of(diag);
}

static DWORD map_view(ldr__process *process, ldr_section *of, const ldr_view_options *options,
                      void **ret_address)
{
    ldr_view *view;
    ldr_diag diag;
    if (ldr_view_map(of, options, &view, &diag) != LDR_OK)
        return map_error(&diag);
    void *address = ldr_view_base(view);
    DWORD error = ldr__memory_add_view(process, view);
    if (error != ERROR_SUCCESS)
        ldr_view_unmap(view);
    else
        *ret_address = address;
    return error;
}

static void *LDR_WINAPI guest_MapViewOfFileEx(HANDLE handle, DWORD access, DWORD offset_high,
                                              DWORD offset_low, size_t size, void *base)
{
    ldr__process *process = ldr__process_self();
    ldr__handle_facts facts = {0, false};
    void *address = NULL;
    const ldr_view_options options = {.size = sizeof options,
                                      .base = (uint64_t)(uintptr_t)base,
                                      .offset = (uint64_t)offset_high << 32 | offset_low,
                                      .length = size,
                                      .protect = ldr_protect_of_access(access),
                                      .allocation_type =
                                          access & FILE_MAP_LARGE_PAGES ? LDR_MEM_LARGE_PAGES : 0};
    section *of = (section *)ldr__handle_get(process, handle, LDR__OBJECT_SECTION);
    if (of == NULL || !ldr__handle_facts_get(process, handle, &facts)) {
        if (of != NULL)
            ldr__object_release(&of->named.object);
        return ldr__win_error(ERROR_INVALID_HANDLE), NULL;
    }
    DWORD error = ERROR_ACCESS_DENIED;
    if ((ldr__protect_section_access(options.protect) & ~facts.access) == 0)
        error = map_view(process, of->section, &options, &address);
    ldr__object_release(&of->named.object);
    if (error != ERROR_SUCCESS)
        ldr__set_last_error(error);
    return address;
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
    DWORD error = ldr__memory_flush(ldr__process_self(), address, size);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

static const ldr_export lines[] = {
    LDR__FN(CreateFileMappingA), LDR__FN(CreateFileMappingW), LDR__FN(OpenFileMappingA),
    LDR__FN(OpenFileMappingW),   LDR__FN(MapViewOfFile),      LDR__FN(MapViewOfFileEx),
    LDR__FN(UnmapViewOfFile),    LDR__FN(FlushViewOfFile),
};

LDR__TABLE(ldr__kernel32_mapping, "kernel32.dll", lines);
