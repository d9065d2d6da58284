/* windows_pages.c: which pages are this process's own: the working set tells which are shared. */
#include "os/windows.h"

#include <psapi.h>
#include <stdatomic.h>

#define PAGE_BYTES UINT64_C(4096)
#define CHUNK      256

typedef PSAPI_WORKING_SET_EX_INFORMATION page_facts;

static ldr_status ask(uintptr_t address, uint32_t count, page_facts *ret_facts)
{
    for (uint32_t i = 0; i < count; i++)
        ret_facts[i] = (page_facts){.VirtualAddress = (void *)(address + i * PAGE_BYTES)};
    return K32QueryWorkingSetEx(GetCurrentProcess(), ret_facts, count * (DWORD)sizeof *ret_facts)
               ? LDR_OK
               : LDR_OS_ERROR;
}

enum { NOT_KNOWN, TELLS_NOT, TELLS };

static int see_absent_page(void)
{
    page_facts facts = {0};
    HANDLE section =
        CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, PAGE_BYTES, NULL);
    void *view = section != NULL ? MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0) : NULL;
    int seen = NOT_KNOWN;
    if (view != NULL && ask((uintptr_t)view, 1, &facts) == LDR_OK)
        seen = facts.VirtualAttributes.Shared != 0 ? TELLS : TELLS_NOT;
    if (view != NULL)
        UnmapViewOfFile(view);
    if (section != NULL)
        CloseHandle(section);
    return seen;
}

/*
 * Of a page that is not there Windows tells whether it is shared: one that was copied and then
 * written to the paging file is not. Wine tells of no such page; whether this system does is seen,
 * once for all, on one that nobody has touched.
 */
static bool tells_of_absent_pages(void)
{
    static atomic_int known;
    if (atomic_load(&known) == NOT_KNOWN)
        atomic_store(&known, see_absent_page());
    return atomic_load(&known) == TELLS;
}

static ldr_status find_own(uintptr_t address, uint32_t count, bool *ret_own)
{
    page_facts facts[CHUNK];
    ldr_status status = ask(address, count, facts);
    if (status != LDR_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        ret_own[i] = facts[i].VirtualAttributes.Shared == 0 &&
                     (facts[i].VirtualAttributes.Valid != 0 || tells_of_absent_pages());
    return LDR_OK;
}

/* Pages of zero fill are shared as well until they are written to. */
ldr_status ldr__os_pages_private(const void *address, uint64_t page_count, bool of_zero_fill,
                                 bool *ret_private)
{
    (void)of_zero_fill;
    for (uint64_t done = 0; done < page_count; done += CHUNK) {
        uint64_t left = page_count - done;
        ldr_status status = find_own((uintptr_t)address + done * PAGE_BYTES,
                                     left < CHUNK ? (uint32_t)left : CHUNK, ret_private + done);
        if (status != LDR_OK)
            return status;
    }
    return LDR_OK;
}

ldr_status ldr__os_any_private(const void *address, uint64_t size, bool *ret_any)
{
    bool own[CHUNK], any = false;
    uint64_t pages = size / PAGE_BYTES;
    for (uint64_t done = 0; done < pages && !any; done += CHUNK) {
        uint32_t count = pages - done < CHUNK ? (uint32_t)(pages - done) : CHUNK;
        ldr_status status = find_own((uintptr_t)address + done * PAGE_BYTES, count, own);
        if (status != LDR_OK)
            return status;
        for (uint32_t i = 0; i < count; i++)
            any = any || own[i];
    }
    *ret_any = any;
    return LDR_OK;
}

/* The system does not tell frames. */
ldr_status ldr__os_page_at(const void *address, ldr__os_page *ret_page)
{
    page_facts facts;
    ldr_status status = ask((uintptr_t)address & ~(uintptr_t)(PAGE_BYTES - 1), 1, &facts);
    if (status == LDR_OK)
        *ret_page = (ldr__os_page){.is_present = facts.VirtualAttributes.Valid != 0};
    return status;
}
