/*
 * What the Windows that this runs on makes of images: a line of JSON for each path that a list
 * names, with the statuses of creating and of mapping a section, and all that VirtualQuery and the
 * bytes of the view tell, page by page.
 *
 *     oracle.exe LIST         a path a line, in UTF-8; the lines come in the order of the list
 *     oracle.exe LIST OUT     one path: the bytes of its view as well, unreadable pages as zeros
 */
#include <windows.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <winternl.h>

enum { PAGE = 4096, PATH_BYTES = 4096 };

/* Of ntdll; winternl.h does not have them. */
NTSYSAPI NTSTATUS NTAPI NtCreateSection(HANDLE *section, ACCESS_MASK access,
                                        OBJECT_ATTRIBUTES *attributes, LARGE_INTEGER *size,
                                        ULONG protect, ULONG allocation, HANDLE file);
NTSYSAPI NTSTATUS NTAPI NtMapViewOfSection(HANDLE section, HANDLE process, void **base,
                                           ULONG_PTR zero_bits, SIZE_T commit,
                                           LARGE_INTEGER *offset, SIZE_T *size, ULONG inherit,
                                           ULONG type, ULONG protect);
NTSYSAPI NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE process, void *base);
NTSYSAPI DWORD NTAPI RtlComputeCrc32(DWORD crc, const BYTE *bytes, INT size);

static bool is_readable(const MEMORY_BASIC_INFORMATION *region)
{
    DWORD none = PAGE_NOACCESS | PAGE_EXECUTE | PAGE_GUARD;
    return region->State == MEM_COMMIT && (region->Protect & none) == 0;
}

/* Zeros are many where SizeOfImage is huge, and comparing is faster than summing up. */
static DWORD checksum(const BYTE *page)
{
    static const BYTE zeros[PAGE];
    static DWORD sum_of_zeros;
    if (memcmp(page, zeros, PAGE) != 0)
        return RtlComputeCrc32(0, page, PAGE);
    if (sum_of_zeros == 0)
        sum_of_zeros = RtlComputeCrc32(0, zeros, PAGE);
    return sum_of_zeros;
}

/* One checksum for each page, so that it does not matter how the system merges regions. */
static void print_checksums(const BYTE *at, SIZE_T size)
{
    for (SIZE_T done = 0; done < size; done += PAGE)
        printf("%s%lu", done == 0 ? "" : ",", checksum(at + done));
}

static void print_region(const BYTE *base, const MEMORY_BASIC_INFORMATION *region, SIZE_T size)
{
    const BYTE *at = region->BaseAddress;
    printf("{\"rva\":%llu,\"size\":%llu,\"state\":%lu,\"protect\":%lu,"
           "\"allocation_protect\":%lu,\"type\":%lu,\"pages\":[",
           (unsigned long long)(at - base), (unsigned long long)size, region->State,
           region->Protect, region->AllocationProtect, region->Type);
    if (is_readable(region))
        print_checksums(at, size);
    printf("]}");
}

/* How much of a region is the view's: it may go on behind it, in whatever lies there. */
static SIZE_T query(const BYTE *base, SIZE_T rva, SIZE_T view_size,
                    MEMORY_BASIC_INFORMATION *region)
{
    if (rva >= view_size || VirtualQuery(base + rva, region, sizeof *region) == 0)
        return 0;
    return region->RegionSize < view_size - rva ? region->RegionSize : view_size - rva;
}

static void print_view(const BYTE *base, SIZE_T view_size)
{
    MEMORY_BASIC_INFORMATION region;
    printf(",\"base\":%llu,\"size\":%llu,\"regions\":[", (unsigned long long)(ULONG_PTR)base,
           (unsigned long long)view_size);
    for (SIZE_T rva = 0, size; (size = query(base, rva, view_size, &region)) != 0; rva += size) {
        printf("%s", rva == 0 ? "" : ",");
        print_region(base, &region, size);
    }
    printf("]");
}

static void write_bytes(FILE *out, const BYTE *base, SIZE_T view_size)
{
    MEMORY_BASIC_INFORMATION region;
    for (SIZE_T rva = 0, size; (size = query(base, rva, view_size, &region)) != 0; rva += size) {
        fseek(out, (long)rva, SEEK_SET);
        if (is_readable(&region))
            fwrite(base + rva, 1, size, out);
    }
}

static void map_section(HANDLE section, FILE *bytes)
{
    void *base = NULL;
    SIZE_T size = 0;
    NTSTATUS status = NtMapViewOfSection(section, GetCurrentProcess(), &base, 0, 0, NULL, &size,
                                         1 /* ViewShare */, 0, PAGE_EXECUTE_READ);
    printf(",\"map\":%lu", (unsigned long)status);
    if (status < 0)
        return;
    print_view(base, size);
    if (bytes != NULL)
        write_bytes(bytes, base, size);
    NtUnmapViewOfSection(GetCurrentProcess(), base);
}

static void map_file(HANDLE file, FILE *bytes)
{
    HANDLE section;
    NTSTATUS status = NtCreateSection(&section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_EXECUTE_READ,
                                      SEC_IMAGE, file);
    printf("\"create\":%lu", (unsigned long)status);
    if (status < 0)
        return;
    map_section(section, bytes);
    CloseHandle(section);
}

/* The line is out before the next image is looked at: that one may end the process. */
static void show(const char *path, FILE *bytes)
{
    WCHAR wide[PATH_BYTES];
    MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, PATH_BYTES);
    HANDLE file = CreateFileW(wide, GENERIC_READ | GENERIC_EXECUTE, FILE_SHARE_READ, NULL,
                              OPEN_EXISTING, 0, NULL);
    printf("{");
    if (file == INVALID_HANDLE_VALUE)
        printf("\"error\":%lu", GetLastError());
    else
        map_file(file, bytes);
    printf("}\n");
    fflush(stdout);
    CloseHandle(file);
}

int main(int argc, char **argv)
{
    char path[PATH_BYTES];
    FILE *list = argc > 1 ? fopen(argv[1], "rb") : NULL;
    FILE *bytes = argc > 2 ? fopen(argv[2], "wb") : NULL;
    if (list == NULL || (argc > 2 && bytes == NULL)) {
        fprintf(stderr, "usage: oracle.exe LIST [OUT]\n");
        return 2;
    }
    while (fgets(path, sizeof path, list) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        show(path, bytes);
    }
    return 0;
}
