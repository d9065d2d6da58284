/* system.c: the system's own loader: which DLLs it has, and what they export. */
#include "native/state.h"

#include <winternl.h>

#include <string.h>

#include "modules/find/apiset.h"
#include "os/os.h"

NTSYSAPI NTSTATUS NTAPI NtOpenSection(HANDLE *handle, ACCESS_MASK access,
                                      OBJECT_ATTRIBUTES *attributes);

static atomic_int entered;

void ldr__system_enter(void)
{
    atomic_fetch_add(&entered, 1);
}

void ldr__system_leave(void)
{
    atomic_fetch_sub(&entered, 1);
}

bool ldr__system_is_entered(void)
{
    return atomic_load(&entered) > 0;
}

/* ---- Folders ---- */

typedef UINT(WINAPI folder_function)(wchar_t *folder, UINT room);

/* With a '\' at its end; allocated. */
static wchar_t *folder_of(folder_function *get)
{
    UINT room = get(NULL, 0);
    wchar_t *folder = ldr__os_alloc((room + 2) * sizeof *folder);
    UINT length = folder != NULL ? get(folder, room) : 0;
    if (length == 0 || length >= room) {
        ldr__os_free(folder);
        return NULL;
    }
    if (folder[length - 1] != L'\\')
        folder[length] = L'\\';
    return folder;
}

/* What `path` has behind the folder, or NULL if it is not in there. */
static const wchar_t *below(const wchar_t *path, folder_function *get)
{
    wchar_t *folder = folder_of(get);
    size_t length = folder != NULL ? wcslen(folder) : 0;
    bool is_there =
        length != 0 && wcslen(path) > length &&
        CompareStringOrdinal(path, (int)length, folder, (int)length, TRUE) == CSTR_EQUAL;
    ldr__os_free(folder);
    return is_there ? path + length : NULL;
}

/* ---- Modules ---- */

wchar_t *ldr__system_path(HMODULE module)
{
    for (DWORD room = MAX_PATH; room <= 0x10000; room *= 2) {
        wchar_t *path = ldr__os_alloc(room * sizeof *path);
        if (path == NULL)
            return NULL;
        DWORD length = GetModuleFileNameW(module, path, room);
        if (length != 0 && length < room)
            return path;
        ldr__os_free(path);
    }
    return NULL;
}

static size_t size_of_image(HMODULE module)
{
    const uint8_t *base = (const uint8_t *)module;
    const IMAGE_DOS_HEADER *dos = (const IMAGE_DOS_HEADER *)(const void *)base;
    const void *nt = base + dos->e_lfanew;
    return ((const IMAGE_NT_HEADERS64 *)nt)->OptionalHeader.SizeOfImage;
}

/* Takes over the reference. */
static ldr_status describe(HMODULE module, ldr__system_dll *ret_dll)
{
    wchar_t *path = ldr__system_path(module);
    ldr__system_dll dll = {.handle = module, .size = size_of_image(module)};
    if (path != NULL)
        dll.path = ldr__path_of(path);
    dll.is_own = path != NULL && below(path, GetSystemWindowsDirectoryW) != NULL;
    ldr__os_free(path);
    if (dll.path == NULL) {
        ldr__system_release(module);
        return LDR_NO_MEMORY;
    }
    *ret_dll = dll;
    return LDR_OK;
}

static ldr_status find_loaded(const wchar_t *name, ldr__system_dll *ret_dll)
{
    HMODULE module;
    if (!GetModuleHandleExW(0, name, &module))
        return LDR_FILE_NOT_FOUND;
    return describe(module, ret_dll);
}

/* What cannot be the name of a file is not there: names come from images. */
static ldr_status status_of(DWORD error)
{
    switch (error) {
    case ERROR_MOD_NOT_FOUND:
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_DIRECTORY:
    case ERROR_FILENAME_EXCED_RANGE:
        return LDR_FILE_NOT_FOUND;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
        return LDR_NO_MEMORY;
    default:
        return LDR_OS_ERROR;
    }
}

/* No box asks the user for a disk meanwhile. */
static ldr_status load(const wchar_t *name, ldr__system_dll *ret_dll)
{
    DWORD mode = 0;
    bool is_set = SetThreadErrorMode(SEM_FAILCRITICALERRORS, &mode);
    HMODULE module = LoadLibraryExW(name, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    DWORD error = GetLastError();
    if (is_set)
        SetThreadErrorMode(mode, NULL);
    return module != NULL ? describe(module, ret_dll) : status_of(error);
}

/* ---- Places ---- */

/* The path of a file in the system's folder, which is not loaded. */
static ldr_status find_file(const wchar_t *name, ldr__system_dll *ret_dll)
{
    wchar_t *folder = folder_of(GetSystemDirectoryW);
    size_t length = folder != NULL ? wcslen(folder) : 0;
    wchar_t *path = ldr__os_resize(folder, (length + wcslen(name) + 1) * sizeof *path);
    if (length == 0 || path == NULL) {
        ldr__os_free(path != NULL ? path : folder);
        return LDR_NO_MEMORY;
    }
    wcscpy(path + length, name);
    ldr__system_dll dll = {.is_own = true};
    DWORD attributes = GetFileAttributesW(path);
    bool is_file =
        attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
    if (is_file)
        dll.path = ldr__path_of(path);
    ldr__os_free(path);
    if (!is_file)
        return LDR_FILE_NOT_FOUND;
    if (dll.path == NULL)
        return LDR_NO_MEMORY;
    *ret_dll = dll;
    return LDR_OK;
}

static ldr_status find_in_folder(const wchar_t *name, bool loads, ldr__system_dll *ret_dll)
{
    if (loads)
        return load(name, ret_dll);
    ldr_status status = find_loaded(name, ret_dll);
    return status == LDR_FILE_NOT_FOUND ? find_file(name, ret_dll) : status;
}

/* Whether the system takes a DLL of this name from its own folder only (\KnownDlls). */
static bool is_known(const wchar_t *name)
{
    static const wchar_t folder[] = L"\\KnownDlls\\";
    wchar_t path[sizeof folder / sizeof folder[0] + MAX_PATH];
    UNICODE_STRING text;
    OBJECT_ATTRIBUTES attributes;
    HANDLE section;
    if (wcslen(name) >= MAX_PATH)
        return false;
    wcscpy(path, folder);
    wcscat(path, name);
    RtlInitUnicodeString(&text, path);
    InitializeObjectAttributes(&attributes, &text, OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (NtOpenSection(&section, SECTION_QUERY, &attributes) < 0)
        return false;
    CloseHandle(section);
    return true;
}

static ldr_status find_known(const char *name, const wchar_t *wide, bool loads,
                             ldr__system_dll *ret_dll)
{
    if (ldr__apiset_is_contract(name))
        return loads ? load(wide, ret_dll) : find_loaded(wide, ret_dll);
    return is_known(wide) ? find_in_folder(wide, loads, ret_dll) : LDR_FILE_NOT_FOUND;
}

static ldr_status find_at_path(const wchar_t *given, bool loads, ldr__system_dll *ret_dll)
{
    const wchar_t *path = ldr__path_without_prefix(given);
    DWORD room = GetFullPathNameW(path, 0, NULL, NULL);
    wchar_t *full = ldr__os_alloc((room + 1) * sizeof *full);
    const wchar_t *name = NULL;
    ldr_status status = LDR_FILE_NOT_FOUND;
    if (full == NULL)
        return LDR_NO_MEMORY;
    if (GetFullPathNameW(path, room, full, NULL) < room)
        name = below(full, GetSystemDirectoryW);
    if (name != NULL && wcschr(name, L'\\') == NULL)
        status = find_in_folder(name, loads, ret_dll);
    ldr__os_free(full);
    return status;
}

static ldr_status find(const char *name, const wchar_t *wide, ldr__system_place place, bool loads,
                       ldr__system_dll *ret_dll)
{
    switch (place) {
    case LDR__SYSTEM_LOADED:
        return find_loaded(wide, ret_dll);
    case LDR__SYSTEM_KNOWN:
        return find_known(name, wide, loads, ret_dll);
    case LDR__SYSTEM_PATH:
        return find_at_path(wide, loads, ret_dll);
    default:
        return find_in_folder(wide, loads, ret_dll);
    }
}

ldr_status ldr__system_find(const char *name, ldr__system_place place, bool loads,
                            ldr__system_dll *ret_dll)
{
    wchar_t *wide = ldr__wide_path_of(name);
    if (wide == NULL)
        return LDR_NO_MEMORY;
    ldr__system_enter();
    ldr_status status = find(name, wide, place, loads, ret_dll);
    ldr__system_leave();
    ldr__os_free(wide);
    return status;
}

void ldr__system_release(void *handle)
{
    ldr__system_enter();
    FreeLibrary(handle);
    ldr__system_leave();
}

/* ---- Exports ---- */

static const void *find_export(HMODULE module, const char *name)
{
    ldr__system_enter();
    const void *address = (const void *)(uintptr_t)GetProcAddress(module, name);
    ldr__system_leave();
    return address;
}

static const void *find_by_name(HMODULE module, pe_span name)
{
    char text[256];
    char *copy = name.size < sizeof text ? text : ldr__os_alloc((size_t)name.size + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, name.data, (size_t)name.size);
    copy[name.size] = '\0';
    const void *address = find_export(module, copy);
    if (address != NULL)
        address = ldr__override(module, copy, address);
    if (copy != text)
        ldr__os_free(copy);
    return address;
}

const void *ldr__system_symbol(void *handle, pe_span name, uint32_t ordinal)
{
    if (ordinal > UINT16_MAX)
        return NULL;
    return ordinal != 0 ? find_export(handle, MAKEINTRESOURCEA((WORD)ordinal))
                        : find_by_name(handle, name);
}
