#include "copying_loader.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef BOOL(WINAPI *dll_main)(HINSTANCE, DWORD, void *);

static IMAGE_NT_HEADERS64 *headers_of(BYTE *image)
{
    return (IMAGE_NT_HEADERS64 *)(image + ((IMAGE_DOS_HEADER *)image)->e_lfanew);
}

static const IMAGE_DATA_DIRECTORY *directory(BYTE *image, unsigned index)
{
    return &headers_of(image)->OptionalHeader.DataDirectory[index];
}

static BYTE *read_file(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return NULL;
    DWORD size = GetFileSize(file, NULL), count = 0;
    BYTE *bytes = malloc(size);
    if (bytes == NULL || !ReadFile(file, bytes, size, &count, NULL) || count != size) {
        free(bytes);
        bytes = NULL;
    }
    CloseHandle(file);
    return bytes;
}

static BYTE *allocate(uint64_t preferred, SIZE_T size)
{
    BYTE *base =
        VirtualAlloc((void *)(uintptr_t)preferred, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    return base != NULL ? base : VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static BYTE *copy_sections(BYTE *file)
{
    IMAGE_NT_HEADERS64 *nt = headers_of(file);
    BYTE *base = allocate(nt->OptionalHeader.ImageBase, nt->OptionalHeader.SizeOfImage);
    if (base == NULL)
        return NULL;
    memcpy(base, file, nt->OptionalHeader.SizeOfHeaders);
    const IMAGE_SECTION_HEADER *section = IMAGE_FIRST_SECTION(nt);
    for (unsigned i = 0; i < nt->FileHeader.NumberOfSections; i++, section++) {
        DWORD size = section->SizeOfRawData;
        if (size > section->Misc.VirtualSize)
            size = section->Misc.VirtualSize;
        memcpy(base + section->VirtualAddress, file + section->PointerToRawData, size);
    }
    return base;
}

static void relocate(BYTE *base)
{
    const IMAGE_DATA_DIRECTORY *table = directory(base, IMAGE_DIRECTORY_ENTRY_BASERELOC);
    uint64_t delta = (uintptr_t)base - headers_of(base)->OptionalHeader.ImageBase;
    BYTE *at = base + table->VirtualAddress, *end = at + table->Size;
    while (delta != 0 && at < end) {
        const IMAGE_BASE_RELOCATION *block = (IMAGE_BASE_RELOCATION *)at;
        const WORD *entries = (const WORD *)(block + 1);
        for (size_t i = 0; i < (block->SizeOfBlock - sizeof *block) / sizeof *entries; i++) {
            if (entries[i] >> 12 == IMAGE_REL_BASED_DIR64)
                *(uint64_t *)(base + block->VirtualAddress + (entries[i] & 0xFFF)) += delta;
        }
        at += block->SizeOfBlock;
    }
}

static bool bind_dll(BYTE *base, const IMAGE_IMPORT_DESCRIPTOR *import)
{
    HMODULE dll = LoadLibraryA((const char *)base + import->Name);
    DWORD names = import->OriginalFirstThunk ? import->OriginalFirstThunk : import->FirstThunk;
    const uint64_t *name = (const uint64_t *)(base + names);
    uint64_t *slot = (uint64_t *)(base + import->FirstThunk);
    for (; dll != NULL && *name != 0; name++, slot++) {
        const char *wanted = IMAGE_SNAP_BY_ORDINAL64(*name)
                                 ? (const char *)(uintptr_t)IMAGE_ORDINAL64(*name)
                                 : (const char *)base + *name + 2;
        *slot = (uintptr_t)GetProcAddress(dll, wanted);
        if (*slot == 0)
            return false;
    }
    return dll != NULL;
}

static bool bind_imports(BYTE *base)
{
    const IMAGE_DATA_DIRECTORY *table = directory(base, IMAGE_DIRECTORY_ENTRY_IMPORT);
    const IMAGE_IMPORT_DESCRIPTOR *import =
        (const IMAGE_IMPORT_DESCRIPTOR *)(base + table->VirtualAddress);
    bool is_bound = true;
    for (; table->Size != 0 && import->Name != 0 && is_bound; import++)
        is_bound = bind_dll(base, import);
    return is_bound;
}

static void protect(BYTE *base)
{
    IMAGE_NT_HEADERS64 *nt = headers_of(base);
    const IMAGE_SECTION_HEADER *section = IMAGE_FIRST_SECTION(nt);
    for (unsigned i = 0; i < nt->FileHeader.NumberOfSections; i++, section++) {
        DWORD flags = section->Characteristics, old;
        bool executes = (flags & IMAGE_SCN_MEM_EXECUTE) != 0;
        bool writes = (flags & IMAGE_SCN_MEM_WRITE) != 0;
        DWORD wanted = executes ? (writes ? PAGE_EXECUTE_READWRITE : PAGE_EXECUTE_READ)
                                : (writes ? PAGE_READWRITE : PAGE_READONLY);
        VirtualProtect(base + section->VirtualAddress, section->Misc.VirtualSize, wanted, &old);
    }
}

static RUNTIME_FUNCTION *functions(BYTE *base, DWORD *ret_count)
{
    const IMAGE_DATA_DIRECTORY *table = directory(base, IMAGE_DIRECTORY_ENTRY_EXCEPTION);
    *ret_count = table->Size / (DWORD)sizeof(RUNTIME_FUNCTION);
    return (RUNTIME_FUNCTION *)(base + table->VirtualAddress);
}

static void call_entry(BYTE *base, DWORD reason)
{
    DWORD entry = headers_of(base)->OptionalHeader.AddressOfEntryPoint;
    if (entry != 0)
        ((dll_main)(uintptr_t)(base + entry))((HINSTANCE)base, reason, NULL);
}

BYTE *bench_copying_load(const wchar_t *path)
{
    DWORD count;
    BYTE *file = read_file(path);
    BYTE *base = file != NULL ? copy_sections(file) : NULL;
    free(file);
    if (base == NULL)
        return NULL;
    relocate(base);
    if (!bind_imports(base)) {
        VirtualFree(base, 0, MEM_RELEASE);
        return NULL;
    }
    protect(base);
    RUNTIME_FUNCTION *table = functions(base, &count);
    if (count != 0)
        RtlAddFunctionTable(table, count, (uintptr_t)base);
    call_entry(base, DLL_PROCESS_ATTACH);
    return base;
}

void bench_copying_unload(BYTE *base)
{
    DWORD count;
    RUNTIME_FUNCTION *table = functions(base, &count);
    call_entry(base, DLL_PROCESS_DETACH);
    if (count != 0)
        RtlDeleteFunctionTable(table);
    VirtualFree(base, 0, MEM_RELEASE);
}
