/*
 * tls.c: static TLS, which code finds by an index into an array in the thread's block.
 *
 * That array is the system loader's alone: it gives every thread, those that are there and those to
 * come, a copy of the template of each DLL that it loads. So it is made to load one: for each image
 * with a TLS directory a file is written to the folder of temporary files that has the template and
 * no code (carrier.c), and its index is the image's. The file holds the template's bytes, which
 * are those of the image, for as long as the image is loaded. Where a process may only load signed
 * DLLs, or cannot write files, there is no static TLS.
 */
#include "native/state.h"

#include "os/os.h"

#include <wchar.h>

struct ldr__carrier {
    ldr__carrier *next;
    HMODULE module;
    uint32_t slot;
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
    return LDR_OK;
}

static ldr_status carrier_create(const ldr__tls_template *tls, ldr__carrier **ret_carrier)
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

/* ---- For the environment ---- */

ldr_status ldr__tls_add(ldr__native *native, const ldr__tls_template *tls, uint32_t *ret_slot)
{
    ldr__carrier *carrier = NULL;
    ldr_status status = carrier_create(tls, &carrier);
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
    if (carrier != NULL)
        carrier_destroy(carrier);
}
