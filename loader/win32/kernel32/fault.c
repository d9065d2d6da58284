/* kernel32/fault.c: whether memory can be used, and the stack that handlers of exceptions need. */
#include <string.h>

#include "os/os.h"
#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/pages.h"

/* ---- IsBad...Ptr: what they say may be wrong by the time it is read, in Windows as well ---- */

static uint64_t page_end(uint64_t address)
{
    return (address | (LDR__PAGE_SIZE - 1)) + 1;
}

static bool can_read(uint64_t address)
{
    char byte;
    return ldr__os_peek((const void *)(uintptr_t)address, &byte, sizeof byte) == LDR_OK;
}

static bool can_write(uint64_t address)
{
    enum {
        WRITABLE = LDR_PAGE_READWRITE | LDR_PAGE_WRITECOPY | LDR_PAGE_EXECUTE_READWRITE |
                   LDR_PAGE_EXECUTE_WRITECOPY
    };
    ldr__memory_info info;
    return can_read(address) &&
           ldr__memory_query(ldr__process_self(), (const void *)(uintptr_t)address, &info) &&
           (info.protect & WRITABLE) != 0;
}

/* Whether any page of the bytes fails. */
static BOOL is_bad(const void *pointer, uint64_t size, bool (*can_use)(uint64_t address))
{
    uint64_t at = (uintptr_t)pointer, last = at + size - 1;
    if (size == 0)
        return false;
    if (pointer == NULL || last < at)
        return true;
    for (; at <= last; at = page_end(at))
        if (!can_use(at))
            return true;
    return false;
}

static BOOL LDR_WINAPI guest_IsBadReadPtr(const void *pointer, uint64_t size)
{
    return is_bad(pointer, size, can_read);
}

static BOOL LDR_WINAPI guest_IsBadWritePtr(const void *pointer, uint64_t size)
{
    return is_bad(pointer, size, can_write);
}

static BOOL LDR_WINAPI guest_IsBadCodePtr(const void *pointer)
{
    return is_bad(pointer, 1, can_read);
}

/* A string of units of `unit` bytes: only as far as its end has it to be there. */
static BOOL is_bad_string(const void *text, uint64_t max, size_t unit)
{
    if (max == 0)
        return false;
    for (uint64_t at = (uintptr_t)text; max > 0; max--, at += unit) {
        WCHAR value = 0;
        if (at == 0 || ldr__os_peek((const void *)(uintptr_t)at, &value, unit) != LDR_OK)
            return true;
        if (value == 0)
            return false;
    }
    return false;
}

static BOOL LDR_WINAPI guest_IsBadStringPtrA(const char *text, uint64_t max)
{
    return is_bad_string(text, max, sizeof *text);
}

static BOOL LDR_WINAPI guest_IsBadStringPtrW(const WCHAR *text, uint64_t max)
{
    return is_bad_string(text, max, sizeof *text);
}

/* ---- The stack ---- */

/* What fault/stack.c keeps of every stack is enough for what programs ask for. */
static BOOL LDR_WINAPI guest_SetThreadStackGuarantee(DWORD *size)
{
    ldr__thread *thread = ldr__thread_self();
    DWORD asked = *size, page = LDR__PAGE_SIZE;
    if (asked > LDR__STACK_GUARANTEE)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    *size = thread->stack_guarantee;
    if (asked > thread->stack_guarantee)
        thread->stack_guarantee = (asked + page - 1) & ~(page - 1);
    return true;
}

static const ldr_export lines[] = {
    LDR__FN(IsBadCodePtr),    LDR__FN(IsBadReadPtr),  LDR__FN(IsBadStringPtrA),
    LDR__FN(IsBadStringPtrW), LDR__FN(IsBadWritePtr), LDR__FN(SetThreadStackGuarantee),
};
LDR__TABLE(ldr__kernel32_fault, "kernel32.dll", lines);
