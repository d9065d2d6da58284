/*
 * tls.c: static TLS, which code finds by an index into an array in the thread's block.
 *
 * That array is the system loader's alone: it gives every thread, those that are there and those to
 * come, a copy of the template of each DLL that it loads. So it is made to load one: for each image
 * with a TLS directory a file is written to the folder of temporary files that has the template and
 * no code (carrier.c), and its index is the image's. The file holds the template's bytes, which
 * are those of the image, for as long as the image is loaded. Where a process may only load signed
 * DLLs, or cannot write files, there is no static TLS.
 *
 * Files and loads are dear, and most templates are small: a carrier that is not needed any more is
 * kept for the next image of the context. What it has in memory is the template that new threads
 * get; those that are there have theirs filled anew (tls_threads.c).
 */
#include "native/state.h"

#include "os/os.h"

#include <string.h>
#include <wchar.h>

/* How many carriers are kept, and for templates of how many bytes. */
enum { IDLE_MAX = 16, KEPT_MIN = 64, KEPT_MAX = 4096 };

/* The bits of a directory's Characteristics that say the alignment: the larger, the larger. */
enum { ALIGNMENT = 0x00F00000 };

struct ldr__carrier {
    ldr__carrier *next;
    HMODULE module;
    uint32_t slot;
    uint32_t alignment;
    size_t room; /* bytes of its template; 0: it is not kept */
    wchar_t path[MAX_PATH];
};

/* ---- Files ---- */

/* A name that no other one has: the loader knows modules by it. */
static bool choose_path(ldr__carrier *carrier)
{
    static atomic_uint count;
    wchar_t folder[MAX_PATH + 1];
    DWORD length = GetTempPathW(MAX_PATH + 1, folder);
    if (length == 0 || length > MAX_PATH - 48)
        return false;
    swprintf(carrier->path, MAX_PATH, L"%lspeload-tls-%lx-%lx-%x.dll", folder,
             GetCurrentProcessId(), GetTickCount(), atomic_fetch_add(&count, 1));
    return true;
}

static bool write_all(HANDLE file, const uint8_t *bytes, size_t size)
{
    DWORD written = 0;
    for (size_t done = 0; done < size; done += written) {
        DWORD step = size - done < 0x10000000 ? (DWORD)(size - done) : 0x10000000;
        if (!WriteFile(file, bytes + done, step, &written, NULL) || written == 0)
            return false;
    }
    return true;
}

static bool write_file(const ldr__carrier *carrier, const void *bytes, size_t size)
{
    HANDLE file = CreateFileW(carrier->path, GENERIC_WRITE, 0, NULL, CREATE_NEW,
                              FILE_ATTRIBUTE_TEMPORARY | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    bool is_written = write_all(file, bytes, size);
    CloseHandle(file);
    if (!is_written)
        DeleteFileW(carrier->path);
    return is_written;
}

/*
 * The name of a file that is loaded: NTFS lets go of it (Windows 10, POSIX semantics), so that
 * nothing is left behind when the process ends with the image loaded. Where it does not the name
 * goes with the carrier.
 */
static void drop_name(const ldr__carrier *carrier)
{
    enum { FILE_DISPOSITION_EX = 21, DELETES = 1, AT_ONCE = 2 };
    ULONG flags = DELETES | AT_ONCE;
    HANDLE file =
        CreateFileW(carrier->path, DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return;
    SetFileInformationByHandle(file, (FILE_INFO_BY_HANDLE_CLASS)FILE_DISPOSITION_EX, &flags,
                               sizeof flags);
    CloseHandle(file);
}

/* ---- Carriers ---- */

static void carrier_destroy(ldr__carrier *carrier)
{
    if (carrier->module != NULL) {
        ldr__system_enter();
        FreeLibrary(carrier->module);
        ldr__system_leave();
    }
    DeleteFileW(carrier->path);
    ldr__os_free(carrier);
}

static ldr_status load(ldr__carrier *carrier)
{
    DWORD mode = 0;
    bool is_set = SetThreadErrorMode(SEM_FAILCRITICALERRORS, &mode);
    ldr__system_enter();
    carrier->module = LoadLibraryW(carrier->path);
    ldr__system_leave();
    if (is_set)
        SetThreadErrorMode(mode, NULL);
    if (carrier->module == NULL)
        return LDR_OS_ERROR;
    const uint8_t *index = (const uint8_t *)carrier->module + LDR__CARRIER_INDEX;
    carrier->slot = *(const uint32_t *)(const void *)index;
    drop_name(carrier);
    return LDR_OK;
}

/* The template with zeros up to the next power of two, for a carrier that others may have later:
 * bytes of `room`, allocated. */
static uint8_t *pad(const ldr__tls_template *tls, size_t room)
{
    uint8_t *bytes = ldr__os_alloc(room);
    if (bytes != NULL && tls->data_size != 0)
        memcpy(bytes, tls->data, tls->data_size);
    return bytes;
}

/* 0 for templates whose carriers are not kept. */
static size_t room_for(const ldr__tls_template *tls)
{
    size_t room = KEPT_MIN;
    if (tls->data_size > KEPT_MAX || tls->zero_size > KEPT_MAX - tls->data_size)
        return 0;
    while (room < tls->data_size + tls->zero_size)
        room *= 2;
    return room;
}

static ldr_status carrier_make(const ldr__tls_template *tls, ldr__carrier **ret_carrier)
{
    size_t size = 0;
    void *bytes = ldr__carrier_build(tls, &size);
    ldr__carrier *carrier = ldr__os_alloc(sizeof *carrier);
    bool is_written = bytes != NULL && carrier != NULL && choose_path(carrier) &&
                      write_file(carrier, bytes, size);
    ldr_status status = bytes == NULL || carrier == NULL ? LDR_NO_MEMORY : LDR_OS_ERROR;
    ldr__os_free(bytes);
    if (!is_written) {
        ldr__os_free(carrier);
        return status;
    }
    status = load(carrier);
    if (status != LDR_OK) {
        carrier_destroy(carrier);
        return status;
    }
    *ret_carrier = carrier;
    return LDR_OK;
}

static ldr_status carrier_create(const ldr__tls_template *tls, size_t room,
                                 ldr__carrier **ret_carrier)
{
    if (room == 0)
        return carrier_make(tls, ret_carrier);
    uint8_t *bytes = pad(tls, room);
    if (bytes == NULL)
        return LDR_NO_MEMORY;
    const ldr__tls_template padded = {
        .data = bytes, .data_size = room, .characteristics = tls->characteristics};
    ldr_status status = carrier_make(&padded, ret_carrier);
    ldr__os_free(bytes);
    if (status != LDR_OK)
        return status;
    (*ret_carrier)->room = room;
    (*ret_carrier)->alignment = tls->characteristics & ALIGNMENT;
    return LDR_OK;
}

/* ---- Carriers that are kept ---- */

static ldr__carrier *take_idle(ldr__native *native, size_t room, uint32_t alignment)
{
    AcquireSRWLockExclusive(&native->lock);
    ldr__carrier **link = &native->idle;
    while (*link != NULL && ((*link)->room != room || (*link)->alignment < alignment))
        link = &(*link)->next;
    ldr__carrier *carrier = *link;
    if (carrier != NULL) {
        *link = carrier->next;
        native->idle_count--;
    }
    ReleaseSRWLockExclusive(&native->lock);
    return carrier;
}

/* First what threads get that are still to come. */
static bool refill(const ldr__carrier *carrier, const ldr__tls_template *tls)
{
    uint8_t *bytes = pad(tls, carrier->room);
    if (bytes == NULL)
        return false;
    memcpy((uint8_t *)carrier->module + LDR__CARRIER_TEMPLATE, bytes, carrier->room);
    bool is_done = ldr__tls_threads_refill(carrier->slot, bytes, carrier->room);
    ldr__os_free(bytes);
    return is_done;
}

/* One that was kept, or NULL. */
static ldr__carrier *reuse(ldr__native *native, const ldr__tls_template *tls, size_t room)
{
    ldr__carrier *carrier =
        room != 0 ? take_idle(native, room, tls->characteristics & ALIGNMENT) : NULL;
    if (carrier == NULL || refill(carrier, tls))
        return carrier;
    carrier_destroy(carrier);
    return NULL;
}

static bool keep(ldr__native *native, ldr__carrier *carrier)
{
    AcquireSRWLockExclusive(&native->lock);
    bool is_kept = carrier->room != 0 && native->idle_count < IDLE_MAX;
    if (is_kept) {
        carrier->next = native->idle;
        native->idle = carrier;
        native->idle_count++;
    }
    ReleaseSRWLockExclusive(&native->lock);
    return is_kept;
}

/* ---- For the environment ---- */

ldr_status ldr__tls_add(ldr__native *native, const ldr__tls_template *tls, uint32_t *ret_slot)
{
    size_t room = room_for(tls);
    ldr__carrier *carrier = reuse(native, tls, room);
    ldr_status status = carrier != NULL ? LDR_OK : carrier_create(tls, room, &carrier);
    if (status != LDR_OK)
        return status;
    AcquireSRWLockExclusive(&native->lock);
    carrier->next = native->carriers;
    native->carriers = carrier;
    ReleaseSRWLockExclusive(&native->lock);
    *ret_slot = carrier->slot;
    return LDR_OK;
}

void ldr__tls_remove(ldr__native *native, uint32_t slot)
{
    AcquireSRWLockExclusive(&native->lock);
    ldr__carrier **link = &native->carriers;
    while (*link != NULL && (*link)->slot != slot)
        link = &(*link)->next;
    ldr__carrier *carrier = *link;
    if (carrier != NULL)
        *link = carrier->next;
    ReleaseSRWLockExclusive(&native->lock);
    if (carrier != NULL && !keep(native, carrier))
        carrier_destroy(carrier);
}

void ldr__tls_thread_begins(ldr__native *native)
{
    AcquireSRWLockShared(&native->lock);
    for (const ldr__carrier *carrier = native->carriers; carrier != NULL; carrier = carrier->next) {
        if (carrier->room != 0)
            ldr__tls_threads_refill_own(
                carrier->slot, (uint8_t *)carrier->module + LDR__CARRIER_TEMPLATE, carrier->room);
    }
    ReleaseSRWLockShared(&native->lock);
}

void ldr__tls_destroy(ldr__native *native)
{
    while (native->idle != NULL) {
        ldr__carrier *carrier = native->idle;
        native->idle = carrier->next;
        carrier_destroy(carrier);
    }
}
