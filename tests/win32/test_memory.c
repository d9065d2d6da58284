#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "win32/kernel32/pages.h"

#define VIRTUAL(ctx)                                                  \
    K32(ctx, void *, VirtualAlloc, (void *, size_t, DWORD, DWORD));   \
    K32(ctx, BOOL, VirtualFree, (void *, size_t, DWORD));             \
    K32(ctx, BOOL, VirtualProtect, (void *, size_t, DWORD, DWORD *)); \
    K32(ctx, size_t, VirtualQuery, (const void *, ldr__memory_info *, size_t))

static DWORD last_error(void)
{
    return ldr__thread_self()->teb.last_error;
}

Test(memory, reserved_range_is_committed_page_by_page)
{
    ldr_context *ctx = guest_begin();
    VIRTUAL(ctx);
    ldr__memory_info info;
    char *base = VirtualAlloc(NULL, 0x30000, MEM_RESERVE, LDR_PAGE_READWRITE);
    cr_assert_not_null(base);
    cr_expect_eq((uintptr_t)base % LDR__GRANULARITY, 0);
    cr_expect_eq(VirtualAlloc(base + 0x1000, 0x2000, MEM_COMMIT, LDR_PAGE_READWRITE),
                 base + 0x1000);
    memset(base + 0x1000, 1, 0x2000);
    cr_expect_eq(VirtualQuery(base + 0x1800, &info, sizeof info), sizeof info);
    cr_expect_eq(info.base, base + 0x1000);
    cr_expect_eq(info.size, 0x2000);
    cr_expect_eq(info.state, MEM_COMMIT);
    cr_expect_eq(info.protect, LDR_PAGE_READWRITE);
    VirtualQuery(base + 0x3000, &info, sizeof info);
    cr_expect_eq(info.state, MEM_RESERVE);
    cr_expect_eq(info.protect, 0);
    cr_expect_eq(info.allocation_base, base);
    cr_expect(VirtualFree(base, 0, MEM_RELEASE));
    cr_expect_not(VirtualFree(base, 0, MEM_RELEASE));
    cr_expect_eq(last_error(), ERROR_INVALID_ADDRESS);
    guest_end(ctx);
}

Test(memory, reserving_what_is_taken_fails_and_keeps_it)
{
    ldr_context *ctx = guest_begin();
    VIRTUAL(ctx);
    char *base = VirtualAlloc(NULL, 0x10000, MEM_RESERVE | MEM_COMMIT, LDR_PAGE_READWRITE);
    cr_assert_not_null(base);
    base[0] = 5;
    cr_expect_null(VirtualAlloc(base, 0x10000, MEM_RESERVE, LDR_PAGE_READWRITE));
    cr_expect_eq(last_error(), ERROR_INVALID_ADDRESS);
    cr_expect_eq(base[0], 5);
    guest_end(ctx);
}

Test(memory, protection_changes_and_the_old_one_is_told)
{
    ldr_context *ctx = guest_begin();
    VIRTUAL(ctx);
    DWORD old = 0;
    char *base = VirtualAlloc(NULL, 0x10000, MEM_RESERVE, LDR_PAGE_READWRITE);
    cr_expect_eq(VirtualAlloc(base, 0x2000, MEM_COMMIT, LDR_PAGE_READWRITE), base);
    cr_expect(VirtualProtect(base, 1, LDR_PAGE_READONLY, &old));
    cr_expect_eq(old, LDR_PAGE_READWRITE);
    cr_expect(VirtualProtect(base, 0x2000, LDR_PAGE_NOACCESS, &old));
    cr_expect_eq(old, LDR_PAGE_READONLY);
    cr_expect_not(VirtualProtect(base, 0x2000, 3, &old));
    cr_expect_eq(last_error(), ERROR_INVALID_PARAMETER);
    cr_expect_not(VirtualProtect(base + 0x8000, 0x1000, LDR_PAGE_READONLY, &old));
    cr_expect_eq(last_error(), ERROR_INVALID_ADDRESS, "reserved only");
    guest_end(ctx);
}

Test(memory, host_memory_is_answered_from_the_kernel)
{
    ldr_context *ctx = guest_begin();
    VIRTUAL(ctx);
    static const char text[] = "read only";
    ldr__memory_info info;
    cr_expect_neq(VirtualQuery(text, &info, sizeof info), 0);
    cr_expect_eq(info.state, MEM_COMMIT);
    cr_expect_eq(info.protect, LDR_PAGE_READONLY);
    cr_expect_eq(VirtualQuery((void *)UINT64_C(0xFFFF800000000000), &info, sizeof info), 0);
    cr_expect_neq(VirtualQuery((void *)0x1000, &info, sizeof info), 0);
    cr_expect_eq(info.state, MEM_FREE);
    guest_end(ctx);
}

Test(memory, heap_knows_its_blocks)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, HANDLE, GetProcessHeap, (void));
    K32(ctx, void *, HeapAlloc, (HANDLE, DWORD, size_t));
    K32(ctx, void *, HeapReAlloc, (HANDLE, DWORD, void *, size_t));
    K32(ctx, size_t, HeapSize, (HANDLE, DWORD, void *));
    K32(ctx, BOOL, HeapFree, (HANDLE, DWORD, void *));
    HANDLE heap = GetProcessHeap();
    char *block = HeapAlloc(heap, 8, 100);
    cr_expect_eq(block[99], 0);
    block = HeapReAlloc(heap, 8, block, 5000);
    cr_expect_eq(block[4999], 0);
    cr_expect_eq(HeapSize(heap, 0, block), 5000);
    cr_expect(HeapFree(heap, 0, block));
    cr_expect_not_null(HeapAlloc(heap, 0, 10), "left to the end of the context");
    guest_end(ctx);
}

Test(memory, section_of_the_paging_file_is_one_memory_for_its_views)
{
    ldr_context *ctx = guest_begin();
    VIRTUAL(ctx);
    K32(ctx, HANDLE, CreateFileMappingA, (HANDLE, const void *, DWORD, DWORD, DWORD, const char *));
    K32(ctx, HANDLE, OpenFileMappingA, (DWORD, BOOL, const char *));
    K32(ctx, void *, MapViewOfFile, (HANDLE, DWORD, DWORD, DWORD, size_t));
    K32(ctx, BOOL, UnmapViewOfFile, (const void *));
    K32(ctx, BOOL, CloseHandle, (HANDLE));
    ldr__memory_info info;
    HANDLE section =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, LDR_PAGE_READWRITE, 0, 0x20000, "shared");
    HANDLE again = OpenFileMappingA(4, false, "shared");
    cr_assert(section && again);
    char *first = MapViewOfFile(section, 2, 0, 0, 0),
         *second = MapViewOfFile(again, 4, 0, 0x10000, 0);
    cr_assert(first && second);
    CloseHandle(section);
    CloseHandle(again);
    first[0x10005] = 7;
    cr_expect_eq(second[5], 7);
    cr_expect_eq(VirtualQuery(second, &info, sizeof info), sizeof info);
    cr_expect_eq(info.type, MEM_MAPPED);
    cr_expect_eq(info.protect, LDR_PAGE_READONLY);
    cr_expect_eq(info.size, 0x10000);
    cr_expect_null(OpenFileMappingA(2, false, "shared"), "the name went with the last handle");
    cr_expect_eq(last_error(), ERROR_FILE_NOT_FOUND);
    cr_expect(UnmapViewOfFile(first));
    cr_expect_not(UnmapViewOfFile(first));
    cr_expect_eq(last_error(), ERROR_INVALID_ADDRESS);
    guest_end(ctx);
}

Test(memory, section_arguments_are_checked_as_on_windows)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, HANDLE, CreateFileMappingA, (HANDLE, const void *, DWORD, DWORD, DWORD, const char *));
    K32(ctx, void *, MapViewOfFile, (HANDLE, DWORD, DWORD, DWORD, size_t));
    cr_expect_null(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, LDR_PAGE_READWRITE, 0, 0, NULL));
    cr_expect_eq(last_error(), ERROR_INVALID_PARAMETER, "rule H3");
    cr_expect_null(CreateFileMappingA(NULL, NULL, LDR_PAGE_READWRITE, 0, 1, NULL));
    cr_expect_eq(last_error(), ERROR_INVALID_HANDLE, "rule H4");
    cr_expect_null(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, LDR_PAGE_EXECUTE, 0, 1, NULL));
    cr_expect_eq(last_error(), ERROR_INVALID_PARAMETER, "rule H1");
    HANDLE section =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, LDR_PAGE_READONLY, 0, 0x20000, NULL);
    cr_expect_null(MapViewOfFile(section, 4, 0, 0x1000, 0));
    cr_expect_eq(last_error(), 1132, "rule H30");
    cr_expect_null(MapViewOfFile(section, 4, 0, 0x10000, 0x10001));
    cr_expect_eq(last_error(), ERROR_ACCESS_DENIED, "rule H34");
    cr_expect_null(MapViewOfFile(section, 2, 0, 0, 0));
    cr_expect_eq(last_error(), ERROR_ACCESS_DENIED, "rule H36");
    guest_end(ctx);
}
