/* touch.h: ldr__view_fault, for files that know faults of the guest by other names. */
#ifndef PELOAD_WIN32_TOUCH_H
#define PELOAD_WIN32_TOUCH_H

#include <peload/section.h>

/*
 * Whether an access that has failed will do now, or (*ret_is_guard) was the first to a page with
 * PAGE_GUARD. Under the conditions of ldr__view_fault.
 */
bool ldr__memory_view_touched(ldr_view *view, const void *address, bool writes, bool executes,
                              bool *ret_is_guard);

#endif
