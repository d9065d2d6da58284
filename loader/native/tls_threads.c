/*
 * tls_threads.c: the copies of one TLS template that the threads of the process have, filled anew.
 *
 * Where a thread has them is what compilers go by, in code that uses thread-local variables: the
 * array at offset 0x58 of its block (TEB), whose entries are found by a module's index.
 */
#include "native/state.h"

#include <stddef.h>
#include <winternl.h>

#include "os/os.h"

NTSTATUS NTAPI NtGetNextThread(HANDLE process, HANDLE thread, ACCESS_MASK access, ULONG attributes,
                               ULONG flags, HANDLE *ret_next);
NTSTATUS NTAPI LdrLockLoaderLock(ULONG flags, ULONG *ret_disposition, ULONG_PTR *ret_cookie);
NTSTATUS NTAPI LdrUnlockLoaderLock(ULONG flags, ULONG_PTR cookie);

enum { TEB_TLS_ARRAY = 0x58, STILL_RUNNING = 0x103 };

/* As ntdll has it for ThreadBasicInformation (0). */
typedef struct thread_facts {
    NTSTATUS exit_status;
    uint8_t *teb;
    void *process, *thread;
    ULONG_PTR affinity;
    LONG priority, base_priority;
} thread_facts;

/* ---- Threads that end ---- */

/*
 * A thread that has been told of its end gives its copies back, and its block still points at them;
 * so it says in its block that it has been told. The index of that word is the process's.
 */
static atomic_ulong word = TLS_OUT_OF_INDEXES;

void ldr__tls_threads_open(void)
{
    unsigned long none = TLS_OUT_OF_INDEXES;
    if (atomic_load(&word) != none)
        return;
    unsigned long mine = TlsAlloc();
    if (mine != none && !atomic_compare_exchange_strong(&word, &none, mine))
        TlsFree(mine);
}

void ldr__tls_threads_close(void)
{
    unsigned long index = atomic_exchange(&word, TLS_OUT_OF_INDEXES);
    if (index != TLS_OUT_OF_INDEXES)
        TlsFree(index);
}

void ldr__tls_threads_say(bool ends)
{
    static const char has_ended;
    unsigned long index = atomic_load(&word);
    if (index != TLS_OUT_OF_INDEXES)
        TlsSetValue(index, ends ? (void *)(uintptr_t)&has_ended : NULL);
}

/* Words behind the first 64 are elsewhere; then nobody knows. */
static bool ends(const uint8_t *teb, bool *ret_ends)
{
    unsigned long index = atomic_load(&word);
    const void *said = NULL;
    if (index >= sizeof((TEB *)0)->TlsSlots / sizeof said)
        return false;
    *ret_ends = ldr__os_peek(teb + offsetof(TEB, TlsSlots) + index * sizeof said, &said,
                             sizeof said) != LDR_OK ||
                said != NULL;
    return true;
}

/* ---- Refilling ---- */

/* A thread that comes gets its copies from the template, one that goes may have its block unmapped
 * at any moment. */
static bool refill(const uint8_t *teb, uint32_t slot, const void *bytes, size_t size)
{
    uint8_t *array = NULL, *copy = NULL;
    bool is_ending;
    if (!ends(teb, &is_ending))
        return false;
    if (is_ending || ldr__os_peek(teb + TEB_TLS_ARRAY, &array, sizeof array) != LDR_OK ||
        array == NULL)
        return true;
    if (ldr__os_peek(array + slot * sizeof copy, &copy, sizeof copy) != LDR_OK || copy == NULL)
        return true;
    return ldr__os_poke(copy, bytes, size) == LDR_OK;
}

void ldr__tls_threads_refill_own(uint32_t slot, const void *bytes, size_t size)
{
    const uint8_t *teb; /* NtCurrentTeb, which gcc warns of */
    __asm__("movq %%gs:0x30, %0" : "=r"(teb));
    refill(teb, slot, bytes, size);
}

static bool refill_thread(HANDLE thread, uint32_t slot, const void *bytes, size_t size)
{
    thread_facts facts;
    NTSTATUS status =
        NtQueryInformationThread(thread, (THREADINFOCLASS)0, &facts, sizeof facts, NULL);
    if (status < 0)
        return false;
    bool has_ended = facts.exit_status != STILL_RUNNING || facts.teb == NULL;
    return has_ended || refill(facts.teb, slot, bytes, size);
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

/* With the loader lock no thread is told that it comes or goes. */
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
