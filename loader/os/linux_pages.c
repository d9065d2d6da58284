/* linux_pages.c: what the kernel tells about single pages. */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_BYTES UINT64_C(4096)

/* ---- Which pages are copies: Documentation/admin-guide/mm/pagemap.rst ---- */

#define PAGEMAP_PRESENT   (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED   (UINT64_C(1) << 62)
#define PAGEMAP_FILE      (UINT64_C(1) << 61)
#define PAGEMAP_UNWRITTEN (UINT64_C(1) << 57) /* of pages that are watched */
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)
#define PAGEMAP_FRAME     ((UINT64_C(1) << 55) - 1)
#define PAGEMAP_CHUNK     512

/*
 * A page of zero fill that was only read is present as the kernel's one zero page, which is not
 * ours; what tells it from a copy is that it is never mapped exclusively. (Nor is a copy as long as
 * a child shares it; only of zero fill the two cannot be told apart.) A watched page that is not
 * there is shown as swapped out: only what was written to since can be a copy.
 */
static bool is_own_copy(uint64_t entry, bool of_zero_fill)
{
    if (entry & PAGEMAP_FILE)
        return false;
    if (entry & PAGEMAP_SWAPPED)
        return (entry & PAGEMAP_UNWRITTEN) == 0;
    return (entry & PAGEMAP_PRESENT) != 0 && (!of_zero_fill || (entry & PAGEMAP_EXCLUSIVE) != 0);
}

/* The entries of `count` pages from number `page` on. */
static ldr_status read_pagemap(int pagemap, uint64_t page, uint64_t count, uint64_t *ret_entries)
{
    size_t size = count * sizeof *ret_entries;
    ssize_t got = pread(pagemap, ret_entries, size, (off_t)(page * sizeof *ret_entries));
    return got == (ssize_t)size ? LDR_OK : LDR_OS_ERROR;
}

static ldr_status find_copies(int pagemap, uint64_t page, uint64_t count, bool of_zero_fill,
                              bool *ret_private)
{
    uint64_t entries[PAGEMAP_CHUNK];
    ldr_status status = read_pagemap(pagemap, page, count, entries);
    if (status != LDR_OK)
        return status;
    for (uint64_t i = 0; i < count; i++)
        ret_private[i] = is_own_copy(entries[i], of_zero_fill);
    return LDR_OK;
}

ldr_status ldr__os_pages_private(const void *address, uint64_t page_count, bool of_zero_fill,
                                 bool *ret_private)
{
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return LDR_OS_ERROR;
    ldr_status status = LDR_OK;
    uint64_t first = (uintptr_t)address / PAGE_BYTES;
    for (uint64_t done = 0; done < page_count && status == LDR_OK; done += PAGEMAP_CHUNK) {
        uint64_t left = page_count - done;
        status = find_copies(pagemap, first + done, left < PAGEMAP_CHUNK ? left : PAGEMAP_CHUNK,
                             of_zero_fill, ret_private + done);
    }
    close(pagemap);
    return status;
}

/* ---- Whether there are any ---- */

/* Newer than the C library's headers: struct pm_scan_arg, Linux 6.7. */
typedef struct scan_request {
    uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
    uint64_t inverted, all_of, any_of, wanted;
} scan_request;

typedef struct scan_region {
    uint64_t start, end, categories;
} scan_region;

#define SCAN         _IOWR('f', 16, scan_request)
#define SCAN_FILE    (UINT64_C(1) << 2)
#define SCAN_PRESENT (UINT64_C(1) << 3)
#define SCAN_SWAPPED (UINT64_C(1) << 4)

/* The kernel passes over what was never touched, where pagemap has eight bytes for each page. */
static scan_request request_of_copies(uint64_t start, uint64_t end, scan_region *regions,
                                      uint32_t count)
{
    return (scan_request){.size = sizeof(scan_request),
                          .start = start,
                          .end = end,
                          .regions = (uintptr_t)regions,
                          .region_count = count,
                          .inverted = SCAN_FILE,
                          .all_of = SCAN_FILE,
                          .any_of = SCAN_PRESENT | SCAN_SWAPPED,
                          .wanted = SCAN_FILE};
}

static bool scan(int pagemap, const void *address, uint64_t size, bool *ret_any)
{
    scan_region found;
    uint64_t start = (uintptr_t)address;
    scan_request request = request_of_copies(start, start + size, &found, 1);
    request.max_pages = 1;
    int count = ioctl(pagemap, SCAN, &request);
    if (count >= 0)
        *ret_any = count > 0;
    return count >= 0;
}

static ldr_status search(int pagemap, const void *address, uint64_t size, bool *ret_any)
{
    bool own[PAGEMAP_CHUNK];
    bool any = false;
    uint64_t first = (uintptr_t)address / PAGE_BYTES, left = size / PAGE_BYTES;
    while (left > 0 && !any) {
        uint64_t count = left < PAGEMAP_CHUNK ? left : PAGEMAP_CHUNK;
        ldr_status status = find_copies(pagemap, first, count, false, own);
        if (status != LDR_OK)
            return status;
        for (uint64_t i = 0; i < count; i++)
            any = any || own[i];
        first += count;
        left -= count;
    }
    *ret_any = any;
    return LDR_OK;
}

ldr_status ldr__os_any_private(const void *address, uint64_t size, bool *ret_any)
{
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return LDR_OS_ERROR;
    ldr_status status = LDR_OK;
    if (!scan(pagemap, address, size, ret_any))
        status = search(pagemap, address, size, ret_any);
    close(pagemap);
    return status;
}

/* ---- Which they are ---- */

#define REGIONS 64

ldr_status ldr__os_copies_open(ldr__handle *ret_finder)
{
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return LDR_OS_ERROR;
    *ret_finder = (ldr__handle){pagemap};
    return LDR_OK;
}

/* *address becomes where the kernel has stopped. */
static bool scan_spans(int pagemap, scan_request *request, uint64_t *address, ldr__os_span *spans,
                       uint32_t *ret_count)
{
    const scan_region *regions = (const scan_region *)(uintptr_t)request->regions;
    int count = ioctl(pagemap, SCAN, request);
    if (count < 0)
        return false;
    for (int i = 0; i < count; i++)
        spans[i] = (ldr__os_span){regions[i].start, regions[i].end};
    *address = request->walk_end;
    *ret_count = (uint32_t)count;
    return true;
}

/* Kernels before 6.7. No more pages are looked at than make so many spans. */
static ldr_status search_spans(int pagemap, uint64_t *address, uint64_t end, ldr__os_span *spans,
                               uint32_t capacity, uint32_t *ret_count)
{
    bool own[PAGEMAP_CHUNK];
    uint32_t count = 0;
    uint64_t pages = (end - *address) / PAGE_BYTES;
    uint64_t limit = capacity < PAGEMAP_CHUNK / 2 ? 2 * (uint64_t)capacity : PAGEMAP_CHUNK;
    pages = pages < limit ? pages : limit;
    ldr_status status = find_copies(pagemap, *address / PAGE_BYTES, pages, false, own);
    if (status != LDR_OK)
        return status;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t page = *address + i * PAGE_BYTES;
        if (own[i] && i > 0 && own[i - 1])
            spans[count - 1].end += PAGE_BYTES;
        else if (own[i])
            spans[count++] = (ldr__os_span){page, page + PAGE_BYTES};
    }
    *address += pages * PAGE_BYTES;
    *ret_count = count;
    return LDR_OK;
}

ldr_status ldr__os_copies_find(ldr__handle finder, uint64_t *address, uint64_t end,
                               ldr__os_span *ret_spans, uint32_t capacity, uint32_t *ret_count)
{
    scan_region regions[REGIONS];
    int pagemap = (int)finder.value;
    scan_request request =
        request_of_copies(*address, end, regions, capacity < REGIONS ? capacity : REGIONS);
    return scan_spans(pagemap, &request, address, ret_spans, ret_count)
               ? LDR_OK
               : search_spans(pagemap, address, end, ret_spans, capacity, ret_count);
}

/* ---- Which are written to: Documentation/admin-guide/mm/userfaultfd.rst, Linux 6.7 ---- */

/* Newer than the C library's headers. */
#define WATCH_FEATURES ((UINT64_C(1) << 15) | (UINT64_C(1) << 13) | (UINT64_C(1) << 12))
#define WATCH_USER     1 /* faults of the kernel need nobody's answer either */

#define SCAN_WRITTEN (UINT64_C(1) << 1)
#define SCAN_CLEAR   (UINT64_C(1) << 0) /* what is found does not count as written any more */

/* The features: the kernel notes by itself, also for pages that are not there yet, of any kind. */
ldr_status ldr__os_watch_create(ldr__handle *ret_watch)
{
    struct uffdio_api api = {.api = UFFD_API, .features = WATCH_FEATURES};
    int watch = (int)syscall(SYS_userfaultfd, O_CLOEXEC | WATCH_USER);
    if (watch < 0)
        return errno == ENOMEM ? LDR_NO_MEMORY : LDR_OS_ERROR;
    if (ioctl(watch, UFFDIO_API, &api) != 0) {
        close(watch);
        return LDR_OS_ERROR;
    }
    *ret_watch = (ldr__handle){watch};
    return LDR_OK;
}

ldr_status ldr__os_watch_add(ldr__handle watch, ldr__handle finder, void *address, uint64_t size)
{
    struct uffdio_register range = {.range = {(uintptr_t)address, size},
                                    .mode = UFFDIO_REGISTER_MODE_WP};
    if (ioctl((int)watch.value, UFFDIO_REGISTER, &range) != 0)
        return errno == ENOMEM ? LDR_NO_MEMORY : LDR_OS_ERROR;
    return ldr__os_written_clear(finder, address, size);
}

static scan_request request_of_written(uint64_t start, uint64_t end, uint64_t flags)
{
    return (scan_request){.size = sizeof(scan_request),
                          .flags = flags,
                          .start = start,
                          .end = end,
                          .all_of = SCAN_WRITTEN,
                          .wanted = SCAN_WRITTEN};
}

ldr_status ldr__os_written_find(ldr__handle finder, uint64_t *address, uint64_t end,
                                ldr__os_span *ret_spans, uint32_t capacity, uint32_t *ret_count)
{
    scan_region regions[REGIONS];
    scan_request request = request_of_written(*address, end, 0);
    request.regions = (uintptr_t)regions;
    request.region_count = capacity < REGIONS ? capacity : REGIONS;
    return scan_spans((int)finder.value, &request, address, ret_spans, ret_count) ? LDR_OK
                                                                                  : LDR_OS_ERROR;
}

ldr_status ldr__os_written_clear(ldr__handle finder, void *address, uint64_t size)
{
    uint64_t start = (uintptr_t)address;
    scan_request request = request_of_written(start, start + size, SCAN_CLEAR);
    return ioctl((int)finder.value, SCAN, &request) >= 0 ? LDR_OK : LDR_OS_ERROR;
}

/* ---- Where a page is ---- */

ldr_status ldr__os_page_at(const void *address, ldr__os_page *ret_page)
{
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0)
        return LDR_OS_ERROR;
    uint64_t entry;
    ldr_status status = read_pagemap(pagemap, (uintptr_t)address / PAGE_BYTES, 1, &entry);
    close(pagemap);
    if (status != LDR_OK)
        return status;
    bool is_present = (entry & PAGEMAP_PRESENT) != 0;
    uint64_t frame = is_present ? entry & PAGEMAP_FRAME : 0;
    /* Frame 0 is never a program's: the kernel shows it to those who may not know. */
    *ret_page = (ldr__os_page){.is_present = is_present, .has_frame = frame != 0, .frame = frame};
    return LDR_OK;
}

/* ---- What is cached of a file: cachestat(2) ---- */

/* Newer than the C library's headers. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

ldr_status ldr__os_file_cache(ldr__handle file, uint64_t *ret_cached, uint64_t *ret_dirty)
{
    struct {
        uint64_t offset, size;
    } all = {0, 0};
    struct {
        uint64_t cached, dirty, written_back, evicted, recently_evicted;
    } pages;
    if (syscall(SYS_cachestat, (int)file.value, &all, &pages, 0) != 0)
        return LDR_OS_ERROR;
    *ret_cached = pages.cached;
    *ret_dirty = pages.dirty;
    return LDR_OK;
}
