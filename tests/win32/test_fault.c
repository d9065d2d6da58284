/* Whether memory can be used, and what stacks keep for handlers: kernel32/fault.c, fault/stack.c.
 */
#include <sys/mman.h>

#include "guest.h"
#include "win32/fault/fault.h"

enum { PAGE = 4096 };

static ldr_context *context;
static char *pages; /* readable, writable, without access */

static void begin(void)
{
    context = guest_begin();
    pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(pages, MAP_FAILED);
    memset(pages, 'x', (size_t)3 * PAGE);
    mprotect(pages, PAGE, PROT_READ);
    mprotect(pages + (size_t)2 * PAGE, PAGE, PROT_NONE);
}

static void end(void)
{
    munmap(pages, (size_t)3 * PAGE);
    guest_end(context);
}

TestSuite(bad_pointers, .init = begin, .fini = end);

Test(bad_pointers, every_page_must_be_readable)
{
    K32(context, BOOL, IsBadReadPtr, (const void *, uint64_t));
    cr_assert_not(IsBadReadPtr(pages, 2 * PAGE));
    cr_assert(IsBadReadPtr(pages, 2 * PAGE + 1));
    cr_assert(IsBadReadPtr(pages + 2 * PAGE, 1));
    cr_assert_not(IsBadReadPtr(pages + 2 * PAGE, 0));
    cr_assert(IsBadReadPtr(NULL, 1));
    cr_assert(IsBadReadPtr(pages, UINT64_MAX), "it wraps around");
    K32(context, BOOL, IsBadCodePtr, (const void *));
    cr_assert_not(IsBadCodePtr(pages));
    cr_assert(IsBadCodePtr(pages + 2 * PAGE));
}

Test(bad_pointers, every_page_must_be_writable_and_stays_as_it_is)
{
    K32(context, BOOL, IsBadWritePtr, (void *, uint64_t));
    cr_assert_not(IsBadWritePtr(pages + PAGE, PAGE));
    cr_assert(IsBadWritePtr(pages + PAGE - 1, 2));
    cr_assert(IsBadWritePtr(pages + PAGE, PAGE + 1));
    cr_assert_eq(pages[PAGE], 'x');
}

Test(bad_pointers, string_must_be_readable_up_to_its_end)
{
    K32(context, BOOL, IsBadStringPtrA, (const char *, uint64_t));
    K32(context, BOOL, IsBadStringPtrW, (const WCHAR *, uint64_t));
    char *last = pages + 2 * PAGE - 4;
    cr_assert(IsBadStringPtrA(last, 100));
    cr_assert_not(IsBadStringPtrA(last, 4));
    last[3] = '\0';
    cr_assert_not(IsBadStringPtrA(last, 100));
    cr_assert(IsBadStringPtrW((const WCHAR *)(void *)last, 100));
    last[2] = '\0';
    cr_assert_not(IsBadStringPtrW((const WCHAR *)(void *)last, 100));
    cr_assert(IsBadStringPtrA(NULL, 1));
}

Test(bad_pointers, guard_pages_are_bad_and_keep_their_guard)
{
    K32(context, void *, VirtualAlloc, (void *, size_t, DWORD, DWORD));
    K32(context, size_t, VirtualQuery, (const void *, ldr__memory_info *, size_t));
    K32(context, BOOL, IsBadReadPtr, (const void *, uint64_t));
    ldr__memory_info info;
    char *guarded =
        VirtualAlloc(NULL, PAGE, MEM_COMMIT | MEM_RESERVE, LDR_PAGE_READWRITE | PAGE_GUARD);
    cr_assert(IsBadReadPtr(guarded, 1));
    cr_assert_eq(VirtualQuery(guarded, &info, sizeof info), sizeof info);
    cr_assert_eq(info.protect, LDR_PAGE_READWRITE | PAGE_GUARD);
    cr_assert_eq(info.allocation_protect, LDR_PAGE_READWRITE | PAGE_GUARD);
}

/* ---- Guards ---- */

Test(guards, protection_needs_access_beside_the_guard)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, void *, VirtualAlloc, (void *, size_t, DWORD, DWORD));
    K32(ctx, DWORD, GetLastError, (void));
    cr_assert_null(VirtualAlloc(NULL, PAGE, MEM_COMMIT | MEM_RESERVE, PAGE_GUARD));
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    cr_assert_null(
        VirtualAlloc(NULL, PAGE, MEM_COMMIT | MEM_RESERVE, LDR_PAGE_NOACCESS | PAGE_GUARD));
    guest_end(ctx);
}

Test(guards, second_thread_that_touched_a_page_goes_on)
{
    ldr_context *ctx = guest_begin();
    ldr__process *process = ldr__process_self();
    K32(ctx, void *, VirtualAlloc, (void *, size_t, DWORD, DWORD));
    uint64_t at = (uintptr_t)VirtualAlloc(NULL, PAGE, MEM_COMMIT | MEM_RESERVE,
                                          LDR_PAGE_READONLY | PAGE_GUARD);
    cr_assert_eq(ldr__memory_guard_fault(process, at + 8, LDR__FAULT_READ), LDR__FAULT_GUARD);
    cr_assert_eq(ldr__memory_guard_fault(process, at + 8, LDR__FAULT_READ), LDR__FAULT_MENDED);
    cr_assert_eq(ldr__memory_guard_fault(process, at + 8, LDR__FAULT_WRITE), LDR__FAULT_UNKNOWN);
    cr_assert_eq(ldr__memory_guard_fault(process, 8, LDR__FAULT_READ), LDR__FAULT_UNKNOWN);
    guest_end(ctx);
}

/* ---- Stacks ---- */

Test(stack_guarantee, tells_what_it_was_and_grows)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, SetThreadStackGuarantee, (DWORD *));
    K32(ctx, DWORD, GetLastError, (void));
    DWORD size = 5000;
    cr_assert(SetThreadStackGuarantee(&size));
    cr_assert_eq(size, 0);
    size = 0;
    cr_assert(SetThreadStackGuarantee(&size));
    cr_assert_eq(size, 2 * PAGE);
    size = 0x10000000;
    cr_assert_not(SetThreadStackGuarantee(&size));
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    guest_end(ctx);
}
