/*
 * windows_missing.c: what Windows does not have, or has not for programs: os.h says what such
 * functions do then. Sections, views, sharing and names are the system's own there (native.h).
 */
#include "os/os.h"

/* ---- Files: sharing is the system's, and nobody sees its cache ---- */

void ldr__os_file_mark(ldr__handle file, uint64_t offset, uint64_t size)
{
    (void)file, (void)offset, (void)size;
}

bool ldr__os_file_is_marked(ldr__handle file, uint64_t offset, uint64_t size)
{
    (void)file, (void)offset, (void)size;
    return false;
}

ldr_status ldr__os_file_cache(ldr__handle file, uint64_t *ret_cached, uint64_t *ret_dirty)
{
    (void)file, (void)ret_cached, (void)ret_dirty;
    return LDR_OS_ERROR;
}

/* ---- Segments: nothing can be mapped over part of what was reserved ---- */

ldr_status ldr__os_segment_create(uint64_t size, ldr__handle *ret_segment)
{
    (void)size, (void)ret_segment;
    return LDR_OS_ERROR;
}

ldr_status ldr__os_segment_write(ldr__handle segment, uint64_t offset, const void *bytes,
                                 size_t size)
{
    (void)segment, (void)offset, (void)bytes, (void)size;
    return LDR_OS_ERROR;
}

ldr_status ldr__os_segment_seal(ldr__handle segment)
{
    (void)segment;
    return LDR_OS_ERROR;
}

ldr_status ldr__os_registry_create(const ldr__registry_key *key, uint64_t size,
                                   ldr__handle *ret_segment)
{
    (void)key, (void)size, (void)ret_segment;
    return LDR_OS_ERROR;
}

void ldr__os_registry_unpublish(ldr__registry_mark mark)
{
    (void)mark;
}

ldr_status ldr__os_map_private(void *address, uint64_t size, ldr__handle source, uint64_t offset,
                               int access)
{
    (void)address, (void)size, (void)source, (void)offset, (void)access;
    return LDR_OS_ERROR;
}

ldr_status ldr__os_detach(void *address, uint64_t size, int access)
{
    (void)address, (void)size, (void)access;
    return LDR_OS_ERROR;
}

/* ---- Pages that are filled when they are first touched: so there are no pagers ---- */

ldr_status ldr__os_pager_create(const ldr__pager_owner *owner, ldr__pager **ret_pager)
{
    (void)owner, (void)ret_pager;
    return LDR_OS_ERROR;
}

void ldr__os_pager_destroy(ldr__pager *pager)
{
    (void)pager;
}

ldr_status ldr__os_pager_begin(ldr__pager *pager)
{
    (void)pager;
    return LDR_OS_ERROR;
}

void ldr__os_pager_end(ldr__pager *pager)
{
    (void)pager;
}

void ldr__os_pager_lock(ldr__pager *pager)
{
    (void)pager;
}

void ldr__os_pager_unlock(ldr__pager *pager)
{
    (void)pager;
}

ldr_status ldr__os_pager_watch(ldr__pager *pager, void *address, uint64_t size)
{
    (void)pager, (void)address, (void)size;
    return LDR_OS_ERROR;
}

ldr_status ldr__os_pager_fill(ldr__pager *pager, ldr__handle segment, uint64_t offset,
                              const void *bytes, uint64_t size)
{
    (void)pager, (void)segment, (void)offset, (void)bytes, (void)size;
    return LDR_OS_ERROR;
}

void ldr__os_pager_wake(ldr__pager *pager, void *address, uint64_t size)
{
    (void)pager, (void)address, (void)size;
}

/* ---- Debuggers and profilers: the system itself tells them of every image that is mapped ---- */

ldr_status ldr__os_debugger_add(const void *object, uint64_t size, ldr__debugger_entry **ret_entry)
{
    (void)object, (void)size, (void)ret_entry;
    return LDR_OS_ERROR;
}

void ldr__os_debugger_remove(ldr__debugger_entry *entry)
{
    (void)entry;
}

ldr_status ldr__os_profile_append(const char *text, size_t size)
{
    (void)text, (void)size;
    return LDR_OS_ERROR;
}
