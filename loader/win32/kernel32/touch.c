/* kernel32/touch.c: what the section says of an access to its view. */
#include "section/data.h"

#include "win32/kernel32/touch.h"

bool ldr__memory_view_touched(ldr_view *view, const void *address, bool writes, bool executes,
                              bool *ret_is_guard)
{
    int access = writes ? LDR__WRITE : executes ? LDR__EXECUTE : LDR__READ;
    ldr__fault answer = ldr__view_fault(view, address, access);
    *ret_is_guard = answer == LDR__FAULT_GUARD;
    return answer != LDR__FAULT_DENIED;
}
