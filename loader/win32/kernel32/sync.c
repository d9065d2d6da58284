#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"
#include "win32/shared.h"
#include "win32/wait.h"

/* Objects behind handles: mutexes, semaphores, events, and waiting for them. */

#define WAIT_FAILED ((DWORD)-1)

/* EVENT_MODIFY_STATE and SEMAPHORE_MODIFY_STATE; a mutex's owner needs no right to release it. */
enum { MODIFY_STATE = 2, CHANGES = MODIFY_STATE | LDR__GENERIC_WRITE };

/* ---- Creation ---- */

static HANDLE no_memory(void)
{
    ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return NULL;
}

static HANDLE LDR_WINAPI guest_CreateMutexW(const SECURITY_ATTRIBUTES *security, BOOL own,
                                            const WCHAR *name)
{
    ldr__process *process = ldr__process_self();
    ldr__mutex *mutex = ldr__waitable_new(process, LDR__OBJECT_MUTEX, sizeof *mutex);
    if (mutex == NULL)
        return no_memory();
    if (own) {
        mutex->owner = ldr__thread_self();
        mutex->recursion = 1;
    }
    return ldr__waitable_publish(&mutex->waitable, name, ldr__inherits(security));
}

static HANDLE LDR_WINAPI guest_CreateSemaphoreW(const SECURITY_ATTRIBUTES *security, LONG initial,
                                                LONG maximum, const WCHAR *name)
{
    if (maximum <= 0 || initial < 0 || initial > maximum) {
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    ldr__semaphore *semaphore =
        ldr__waitable_new(ldr__process_self(), LDR__OBJECT_SEMAPHORE, sizeof *semaphore);
    if (semaphore == NULL)
        return no_memory();
    semaphore->count = initial;
    semaphore->maximum = maximum;
    return ldr__waitable_publish(&semaphore->waitable, name, ldr__inherits(security));
}

static HANDLE LDR_WINAPI guest_CreateEventW(const SECURITY_ATTRIBUTES *security, BOOL manual,
                                            BOOL signaled, const WCHAR *name)
{
    ldr__event *event = ldr__waitable_new(ldr__process_self(), LDR__OBJECT_EVENT, sizeof *event);
    if (event == NULL)
        return no_memory();
    event->manual = manual;
    event->signaled = signaled;
    return ldr__waitable_publish(&event->waitable, name, ldr__inherits(security));
}

static HANDLE LDR_WINAPI guest_CreateMutexA(const SECURITY_ATTRIBUTES *security, BOOL own,
                                            const char *name)
{
    WCHAR *wide = name ? ldr__utf16_from(name) : NULL;
    HANDLE handle = name && !wide ? no_memory() : guest_CreateMutexW(security, own, wide);
    free(wide);
    return handle;
}

static HANDLE LDR_WINAPI guest_CreateSemaphoreA(const SECURITY_ATTRIBUTES *security, LONG initial,
                                                LONG maximum, const char *name)
{
    WCHAR *wide = name ? ldr__utf16_from(name) : NULL;
    HANDLE handle =
        name && !wide ? no_memory() : guest_CreateSemaphoreW(security, initial, maximum, wide);
    free(wide);
    return handle;
}

static HANDLE LDR_WINAPI guest_CreateEventA(const SECURITY_ATTRIBUTES *security, BOOL manual,
                                            BOOL signaled, const char *name)
{
    WCHAR *wide = name ? ldr__utf16_from(name) : NULL;
    HANDLE handle =
        name && !wide ? no_memory() : guest_CreateEventW(security, manual, signaled, wide);
    free(wide);
    return handle;
}

/* ---- Opening ---- */

static HANDLE LDR_WINAPI guest_OpenEventW(DWORD access, BOOL inherit, const WCHAR *name)
{
    const ldr__handle_facts facts = {access, inherit};
    return ldr__waitable_open(ldr__process_self(), LDR__OBJECT_EVENT, sizeof(ldr__event), name,
                              &facts);
}

static HANDLE LDR_WINAPI guest_OpenSemaphoreW(DWORD access, BOOL inherit, const WCHAR *name)
{
    const ldr__handle_facts facts = {access, inherit};
    return ldr__waitable_open(ldr__process_self(), LDR__OBJECT_SEMAPHORE, sizeof(ldr__semaphore),
                              name, &facts);
}

static HANDLE LDR_WINAPI guest_OpenMutexW(DWORD access, BOOL inherit, const WCHAR *name)
{
    const ldr__handle_facts facts = {access, inherit};
    return ldr__waitable_open(ldr__process_self(), LDR__OBJECT_MUTEX, sizeof(ldr__mutex), name,
                              &facts);
}

static HANDLE open_narrow(HANDLE(LDR_WINAPI *open)(DWORD, BOOL, const WCHAR *), DWORD access,
                          BOOL inherit, const char *name)
{
    WCHAR *wide = name ? ldr__utf16_from(name) : NULL;
    HANDLE handle = name && !wide ? no_memory() : open(access, inherit, wide);
    free(wide);
    return handle;
}

static HANDLE LDR_WINAPI guest_OpenEventA(DWORD access, BOOL inherit, const char *name)
{
    return open_narrow(guest_OpenEventW, access, inherit, name);
}

static HANDLE LDR_WINAPI guest_OpenSemaphoreA(DWORD access, BOOL inherit, const char *name)
{
    return open_narrow(guest_OpenSemaphoreW, access, inherit, name);
}

static HANDLE LDR_WINAPI guest_OpenMutexA(DWORD access, BOOL inherit, const char *name)
{
    return open_narrow(guest_OpenMutexW, access, inherit, name);
}

/* ---- Changing state ---- */

/* The object of that type with the process's wait lock held, or NULL with the last error. */
static void *lock_object(HANDLE handle, ldr__object_type type, DWORD rights)
{
    ldr__process *process = ldr__process_self();
    ldr__object *object = ldr__handle_get(process, handle, type);
    if (object == NULL)
        return ldr__win_error(ERROR_INVALID_HANDLE), NULL;
    if (rights != 0 && !ldr__handle_grants(process, handle, rights)) {
        ldr__object_release(object);
        return ldr__win_error(ERROR_ACCESS_DENIED), NULL;
    }
    ldr__wait_lock(process);
    return object;
}

static void unlock_object(ldr__waitable *waitable)
{
    ldr__wait_unlock(waitable->process);
    ldr__object_release(&waitable->object);
}

static BOOL LDR_WINAPI guest_ReleaseMutex(HANDLE handle)
{
    ldr__mutex *mutex = lock_object(handle, LDR__OBJECT_MUTEX, 0);
    if (mutex == NULL)
        return false;
    DWORD error = ERROR_NOT_OWNER;
    if (mutex->waitable.shared != NULL) {
        error = ldr__shared_mutex_release(mutex->waitable.shared);
    } else if (mutex->owner == ldr__thread_self()) {
        error = ERROR_SUCCESS;
        if (--mutex->recursion == 0) {
            mutex->owner = NULL;
            ldr__waitable_changed(&mutex->waitable);
        }
    }
    unlock_object(&mutex->waitable);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

/* The count before; the wait lock is held. */
static DWORD release_semaphore(ldr__semaphore *semaphore, uint32_t count, uint32_t *ret_previous)
{
    if (semaphore->waitable.shared != NULL)
        return ldr__shared_semaphore_release(semaphore->waitable.shared, count, ret_previous);
    if (count > (uint32_t)(semaphore->maximum - semaphore->count))
        return ERROR_TOO_MANY_POSTS;
    *ret_previous = (uint32_t)semaphore->count;
    semaphore->count += (int32_t)count;
    ldr__waitable_changed(&semaphore->waitable);
    return ERROR_SUCCESS;
}

static BOOL LDR_WINAPI guest_ReleaseSemaphore(HANDLE handle, LONG count, LONG *ret_previous)
{
    uint32_t previous = 0;
    ldr__semaphore *semaphore = lock_object(handle, LDR__OBJECT_SEMAPHORE, CHANGES);
    if (semaphore == NULL)
        return false;
    DWORD error = count > 0 ? release_semaphore(semaphore, (uint32_t)count, &previous)
                            : ERROR_INVALID_PARAMETER;
    unlock_object(&semaphore->waitable);
    if (error != ERROR_SUCCESS)
        return ldr__win_error(error);
    if (ret_previous != NULL)
        *ret_previous = (LONG)previous;
    return true;
}

static BOOL set_event(HANDLE handle, bool signaled)
{
    ldr__event *event = lock_object(handle, LDR__OBJECT_EVENT, CHANGES);
    if (event == NULL)
        return false;
    ldr__event_set(event, signaled);
    unlock_object(&event->waitable);
    return true;
}

static BOOL LDR_WINAPI guest_SetEvent(HANDLE handle)
{
    return set_event(handle, true);
}

static BOOL LDR_WINAPI guest_ResetEvent(HANDLE handle)
{
    return set_event(handle, false);
}

/* ---- Waiting ---- */

/* NULL with the last error. */
static ldr__waitable *waitable_from(HANDLE handle)
{
    ldr__process *process = ldr__process_self();
    ldr__object *object = ldr__handle_get_any(process, handle);
    DWORD error = ERROR_SUCCESS;
    if (object == NULL || !ldr__object_is_waitable(object))
        error = ERROR_INVALID_HANDLE;
    else if (!ldr__handle_grants(process, handle, LDR__SYNCHRONIZE | LDR__GENERIC_EXECUTE))
        error = ERROR_ACCESS_DENIED;
    if (error == ERROR_SUCCESS)
        return (ldr__waitable *)object;
    ldr__object_release(object);
    return ldr__win_error(error), NULL;
}

/* What a wait for all does not allow: it would take one object twice. */
static bool has_twice(ldr__waitable *const *objects, DWORD count)
{
    for (DWORD i = 0; i < count; i++)
        for (DWORD j = 0; j < i; j++)
            if (objects[i] == objects[j])
                return true;
    return false;
}

static DWORD LDR_WINAPI guest_WaitForMultipleObjectsEx(DWORD count, const HANDLE *handles, BOOL all,
                                                       DWORD timeout, BOOL alertable)
{
    ldr__waitable *objects[MAXIMUM_WAIT_OBJECTS];
    DWORD found = 0, result = WAIT_FAILED;
    (void)alertable; /* nothing here queues user APCs */
    if (count == 0 || count > MAXIMUM_WAIT_OBJECTS) {
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return WAIT_FAILED;
    }
    while (found < count && (objects[found] = waitable_from(handles[found])) != NULL)
        found++;
    if (found == count && all && has_twice(objects, count))
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
    else if (found == count)
        result = ldr__wait(ldr__process_self(), objects, count, all, timeout);
    while (found > 0)
        ldr__object_release(&objects[--found]->object);
    ldr__thread_stop_if_exiting();
    return result;
}

static DWORD LDR_WINAPI guest_WaitForMultipleObjects(DWORD count, const HANDLE *handles, BOOL all,
                                                     DWORD timeout)
{
    return guest_WaitForMultipleObjectsEx(count, handles, all, timeout, false);
}

static DWORD LDR_WINAPI guest_WaitForSingleObjectEx(HANDLE handle, DWORD timeout, BOOL alertable)
{
    return guest_WaitForMultipleObjectsEx(1, &handle, false, timeout, alertable);
}

static DWORD LDR_WINAPI guest_WaitForSingleObject(HANDLE handle, DWORD timeout)
{
    return guest_WaitForSingleObjectEx(handle, timeout, false);
}

static BOOL LDR_WINAPI guest_CloseHandle(HANDLE handle)
{
    if (handle == LDR__CURRENT_PROCESS || handle == LDR__CURRENT_THREAD)
        return true;
    if (ldr__handle_close(ldr__process_self(), handle))
        return true;
    return ldr__win_error(ERROR_INVALID_HANDLE);
}

/* ---- Interlocked lists ---- */

/* SLIST_HEADER, 16 bytes, 16-aligned: depth and sequence, then the first entry. */
typedef struct slist_header {
    uint64_t depth_sequence; /* 16 bits of depth, 48 of sequence */
    uint64_t next;           /* the first entry; its low four bits are free */
} slist_header;

typedef struct slist_entry {
    struct slist_entry *next;
} slist_entry;

typedef unsigned __int128 slist_word;

static slist_word slist_pack(uint64_t depth_sequence, slist_entry *first)
{
    return (slist_word)(uintptr_t)first << 64 | depth_sequence;
}

static bool slist_exchange(slist_header *header, slist_word *expected, slist_word value)
{
    bool done;
    uint64_t low = (uint64_t)*expected, high = (uint64_t)(*expected >> 64);
    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(done), "+m"(*header), "+a"(low), "+d"(high)
                     : "b"((uint64_t)value), "c"((uint64_t)(value >> 64))
                     : "memory");
    *expected = (slist_word)high << 64 | low;
    return done;
}

static slist_word slist_read(slist_header *header)
{
    slist_word value = 0;
    slist_exchange(header, &value, 0);
    return value;
}

static slist_entry *slist_first(slist_word value)
{
    return (slist_entry *)(uintptr_t)((uint64_t)(value >> 64) & ~(uint64_t)15);
}

static void LDR_WINAPI guest_InitializeSListHead(slist_header *header)
{
    memset(header, 0, sizeof *header);
}

static slist_entry *LDR_WINAPI guest_InterlockedPushEntrySList(slist_header *header,
                                                               slist_entry *entry)
{
    slist_word value = slist_read(header);
    do {
        entry->next = slist_first(value);
    } while (!slist_exchange(header, &value, slist_pack((uint64_t)value + 0x10001, entry)));
    return slist_first(value);
}

static slist_entry *LDR_WINAPI guest_InterlockedFlushSList(slist_header *header)
{
    slist_word value = slist_read(header);
    while (!slist_exchange(header, &value, slist_pack((uint64_t)value & ~(uint64_t)0xFFFF, NULL)))
        continue;
    return slist_first(value);
}

static uint16_t LDR_WINAPI guest_QueryDepthSList(slist_header *header)
{
    return (uint16_t)slist_read(header);
}

static const ldr_export lines[] = {
    LDR__FN(CreateMutexA),
    LDR__FN(CreateMutexW),
    LDR__FN(CreateSemaphoreA),
    LDR__FN(CreateSemaphoreW),
    LDR__FN(CreateEventA),
    LDR__FN(CreateEventW),
    LDR__FN(OpenMutexA),
    LDR__FN(OpenMutexW),
    LDR__FN(OpenSemaphoreA),
    LDR__FN(OpenSemaphoreW),
    LDR__FN(OpenEventA),
    LDR__FN(OpenEventW),
    LDR__FN(ReleaseMutex),
    LDR__FN(ReleaseSemaphore),
    LDR__FN(SetEvent),
    LDR__FN(ResetEvent),
    LDR__FN(WaitForSingleObject),
    LDR__FN(WaitForSingleObjectEx),
    LDR__FN(WaitForMultipleObjects),
    LDR__FN(WaitForMultipleObjectsEx),
    LDR__FN(CloseHandle),
    LDR__FN(InitializeSListHead),
    LDR__FN(InterlockedPushEntrySList),
    LDR__FN(InterlockedFlushSList),
    LDR__FN(QueryDepthSList),
};

LDR__TABLE(ldr__kernel32_sync, "kernel32.dll", lines);

/* Winsock's events are events. */
static HANDLE LDR_WINAPI guest_WSACreateEvent(void)
{
    return guest_CreateEventW(NULL, true, false, NULL);
}

static const ldr_export ws2_32_lines[] = {
    LDR__FN(WSACreateEvent),
    LDR__FN_AS("WSACloseEvent", guest_CloseHandle),
};

LDR__TABLE(ldr__ws2_32_events, "ws2_32.dll", ws2_32_lines);
