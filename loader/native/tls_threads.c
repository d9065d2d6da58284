/*
 * tls_threads.c: the copies of one TLS template that the threads of the process have, filled anew.
 *
 * Where a thread has them is what compilers go by, in code that uses thread-local variables: the
 * array at offset 0x58 of its block (TEB), whose entries are found by a module's index.
 */
#include "native/state.h"

#include <winternl.h>

#include "os/os.h"

NTSTATUS NTAPI NtGetNextThread(HANDLE process, HANDLE thread, ACCESS_MASK access, ULONG attributes,
                               ULONG flags, HANDLE *ret_next);
NTSTATUS NTAPI LdrLockLoaderLock(ULONG flags, ULONG *ret_disposition, ULONG_PTR *ret_cookie);
NTSTATUS NTAPI LdrUnlockLoaderLock(ULONG flags, ULONG_PTR cookie);

enum { TEB_TLS_ARRAY = 0x58 };

/* As ntdll has it for ThreadBasicInformation (0). */
typedef struct thread_facts {
    NTSTATUS exit_status;
    uint8_t *teb;
    void *process, *thread;
    ULONG_PTR affinity;
    LONG priority, base_priority;
} thread_facts;

/* A thread that comes gets its copies from the template, one that goes has none any more: its block
 * may be unmapped at any moment. */
static bool refill(const uint8_t *teb, uint32_t slot, const void *bytes, size_t size)
{
    uint8_t *array = NULL, *copy = NULL;
    if (ldr__os_peek(teb + TEB_TLS_ARRAY, &array, sizeof array) != LDR_OK || array == NULL)
        return true;
    if (ldr__os_peek(array + slot * sizeof copy, &copy, sizeof copy) != LDR_OK || copy == NULL)
        return true;
    return ldr__os_poke(copy, bytes, size) == LDR_OK;
}

static bool refill_thread(HANDLE thread, uint32_t slot, const void *bytes, size_t size)
{
    thread_facts facts;
    NTSTATUS status =
        NtQueryInformationThread(thread, (THREADINFOCLASS)0, &facts, sizeof facts, NULL);
    return status >= 0 && (facts.teb == NULL || refill(facts.teb, slot, bytes, size));
}

static bool refill_all(uint32_t slot, const void *bytes, size_t size)
{
    HANDLE process = GetCurrentProcess(), thread = NULL, next = NULL;
    bool is_done = true;
    while (is_done &&
           NtGetNextThread(process, thread, THREAD_QUERY_INFORMATION, 0, 0, &next) >= 0) {
        if (thread != NULL)
            CloseHandle(thread);
        thread = next;
        is_done = refill_thread(thread, slot, bytes, size);
    }
    bool has_any = thread != NULL;
    if (has_any)
        CloseHandle(thread);
    return is_done && has_any;
}

/* With the loader lock no thread gets its copies, or gives them back. */
bool ldr__tls_threads_refill(uint32_t slot, const void *bytes, size_t size)
{
    ULONG_PTR cookie;
    ldr__system_enter();
    bool is_locked = LdrLockLoaderLock(0, NULL, &cookie) >= 0;
    bool is_done = is_locked && refill_all(slot, bytes, size);
    if (is_locked)
        LdrUnlockLoaderLock(0, cookie);
    ldr__system_leave();
    return is_done;
}
