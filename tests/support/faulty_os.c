#include "support/faulty_os.h"

#include <stdatomic.h>
#include <string.h>

static struct {
    bool armed, and_all_later;
    unsigned fail_at;
    atomic_uint calls;
    const char *failed;
    const char *ever_failed[64];
    atomic_long blocks, handles, bytes;
    void (*read_hook)(unsigned read, void *bytes, size_t *count);
    unsigned reads;
    void (*call_hook)(unsigned call);
    bool noexec;
    const char *missing; /* the function that always fails, or NULL */
} os;

void faulty_os_fail_at(unsigned call, bool and_all_later)
{
    os.armed = true;
    os.and_all_later = and_all_later;
    os.fail_at = call;
    atomic_store(&os.calls, 0);
    os.failed = NULL;
}

unsigned faulty_os_stop(void)
{
    os.armed = false;
    return atomic_load(&os.calls);
}

const char *faulty_os_failed(void)
{
    return os.failed;
}

bool faulty_os_has_failed(const char *name)
{
    size_t i = 0;
    while (os.ever_failed[i] != NULL && strcmp(os.ever_failed[i], name) != 0)
        i++;
    return os.ever_failed[i] != NULL;
}

static void note_failure(const char *name)
{
    size_t i = 0;
    while (os.ever_failed[i] != NULL && os.ever_failed[i] != name)
        i++;
    os.failed = os.ever_failed[i] = name;
}

faulty_os_held faulty_os_holds(void)
{
    return (faulty_os_held){os.blocks, os.handles, os.bytes};
}

void faulty_os_on_read(void (*hook)(unsigned read, void *bytes, size_t *count))
{
    os.read_hook = hook;
    os.reads = 0;
}

void faulty_os_on_call(void (*hook)(unsigned call))
{
    os.call_hook = hook;
    atomic_store(&os.calls, 0);
}

void faulty_os_without(const char *name)
{
    os.missing = name;
}

void faulty_os_noexec(void)
{
    os.noexec = true;
}

bool faulty_os_call(const char *name)
{
    unsigned call = atomic_fetch_add(&os.calls, 1);
    if (os.call_hook != NULL)
        os.call_hook(call);
    bool now = os.armed && (call == os.fail_at || (os.and_all_later && call > os.fail_at));
    if (now)
        note_failure(name);
    return now || (os.missing != NULL && strcmp(os.missing, name) == 0);
}

static bool fails(const char *name)
{
    return faulty_os_call(name);
}

/* `--wrap=f` sends calls of f to __wrap_f, and calls of __real_f to f. */
#define REAL(name) __real_ldr__os_##name
#define WRAP(name) __wrap_ldr__os_##name

/* Functions that return a status and leave nothing to count. */
#define FORWARD(name, failure, parameters, arguments)           \
    ldr_status REAL(name) parameters;                           \
    ldr_status WRAP(name) parameters;                           \
    ldr_status WRAP(name) parameters                            \
    {                                                           \
        return fails(#name) ? (failure) : REAL(name) arguments; \
    }

FORWARD(file_stamp, LDR_OS_ERROR, (ldr__handle file, ldr__file_stamp *ret_stamp), (file, ret_stamp))
FORWARD(segment_write, LDR_NO_MEMORY,
        (ldr__handle segment, uint64_t offset, const void *bytes, size_t size),
        (segment, offset, bytes, size))
FORWARD(segment_seal, LDR_OS_ERROR, (ldr__handle segment), (segment))
FORWARD(segment_fix_size, LDR_OS_ERROR, (ldr__handle segment), (segment))
FORWARD(file_resize, LDR_DISK_FULL, (ldr__handle file, uint64_t size), (file, size))
FORWARD(file_remove, LDR_IO_ERROR, (ldr__handle file, const char *path), (file, path))
FORWARD(file_flush, LDR_IO_ERROR, (ldr__handle file, uint64_t offset, uint64_t size, bool through),
        (file, offset, size, through))
FORWARD(map_private, LDR_NO_MEMORY,
        (void *address, uint64_t size, ldr__handle source, uint64_t offset, int access),
        (address, size, source, offset, access))
FORWARD(map_shared, LDR_NO_MEMORY,
        (void *address, uint64_t size, ldr__handle segment, uint64_t offset, int access),
        (address, size, segment, offset, access))
FORWARD(map_zero, LDR_NO_MEMORY, (void *address, uint64_t size, int access),
        (address, size, access))
FORWARD(protect, LDR_NO_MEMORY, (void *address, uint64_t size, int access), (address, size, access))
FORWARD(peek, LDR_IO_ERROR, (const void *address, void *ret_bytes, size_t size),
        (address, ret_bytes, size))
FORWARD(poke, LDR_IO_ERROR, (void *address, const void *bytes, size_t size), (address, bytes, size))
FORWARD(pages_private, LDR_OS_ERROR,
        (const void *address, uint64_t page_count, bool of_zero_fill, bool *ret_private),
        (address, page_count, of_zero_fill, ret_private))
FORWARD(any_private, LDR_OS_ERROR, (const void *address, uint64_t size, bool *ret_any),
        (address, size, ret_any))
FORWARD(copies_find, LDR_OS_ERROR,
        (ldr__handle finder, uint64_t *address, uint64_t end, ldr__os_span *ret_spans,
         uint32_t capacity, uint32_t *ret_count),
        (finder, address, end, ret_spans, capacity, ret_count))
FORWARD(watch_add, LDR_NO_MEMORY,
        (ldr__handle watch, ldr__handle finder, void *address, uint64_t size),
        (watch, finder, address, size))
FORWARD(written_find, LDR_OS_ERROR,
        (ldr__handle finder, uint64_t *address, uint64_t end, ldr__os_span *ret_spans,
         uint32_t capacity, uint32_t *ret_count),
        (finder, address, end, ret_spans, capacity, ret_count))
FORWARD(written_clear, LDR_OS_ERROR, (ldr__handle finder, void *address, uint64_t size),
        (finder, address, size))
FORWARD(detach, LDR_NO_MEMORY, (void *address, uint64_t size, int access), (address, size, access))
FORWARD(debugger_add, LDR_NO_MEMORY,
        (const void *object, uint64_t size, ldr__debugger_entry **ret_entry),
        (object, size, ret_entry))
FORWARD(profile_append, LDR_IO_ERROR, (const char *text, size_t size), (text, size))
FORWARD(drop, LDR_OS_ERROR, (void *address, uint64_t size), (address, size))
FORWARD(pager_begin, LDR_OS_ERROR, (ldr__pager * pager), (pager))
FORWARD(pager_watch, LDR_NO_MEMORY, (ldr__pager * pager, void *address, uint64_t size),
        (pager, address, size))
FORWARD(pager_fill, LDR_NO_MEMORY,
        (ldr__pager * pager, ldr__handle segment, uint64_t offset, const void *bytes,
         uint64_t size),
        (pager, segment, offset, bytes, size))
FORWARD(page_at, LDR_OS_ERROR, (const void *address, ldr__os_page *ret_page), (address, ret_page))
FORWARD(file_cache, LDR_OS_ERROR, (ldr__handle file, uint64_t *ret_cached, uint64_t *ret_dirty),
        (file, ret_cached, ret_dirty))
FORWARD(lock_create, LDR_NO_MEMORY, (ldr__lock * *ret_lock), (ret_lock))

/* ---- Memory ---- */

void *REAL(alloc)(size_t size);
void *WRAP(alloc)(size_t size);
void *WRAP(alloc)(size_t size)
{
    void *block = fails("alloc") ? NULL : REAL(alloc)(size);
    os.blocks += block != NULL;
    return block;
}

void *REAL(resize)(void *block, size_t size);
void *WRAP(resize)(void *block, size_t size);
void *WRAP(resize)(void *block, size_t size)
{
    void *resized = fails("resize") ? NULL : REAL(resize)(block, size);
    os.blocks += resized != NULL && block == NULL;
    return resized;
}

void REAL(free)(void *block);
void WRAP(free)(void *block);
void WRAP(free)(void *block)
{
    os.blocks -= block != NULL;
    REAL(free)(block);
}

static ldr_status count_block(ldr_status status)
{
    os.blocks += status == LDR_OK;
    return status;
}

ldr_status REAL(path_absolute)(const char *path, char **ret_path);
ldr_status WRAP(path_absolute)(const char *path, char **ret_path);
ldr_status WRAP(path_absolute)(const char *path, char **ret_path)
{
    return count_block(fails("path_absolute") ? LDR_NO_MEMORY
                                              : REAL(path_absolute)(path, ret_path));
}

ldr_status REAL(folder_find)(const char *folder, const char *name,
                             bool (*same)(const char *a, const char *b), char **ret_path);
ldr_status WRAP(folder_find)(const char *folder, const char *name,
                             bool (*same)(const char *a, const char *b), char **ret_path);
ldr_status WRAP(folder_find)(const char *folder, const char *name,
                             bool (*same)(const char *a, const char *b), char **ret_path)
{
    return count_block(fails("folder_find") ? LDR_NO_MEMORY
                                            : REAL(folder_find)(folder, name, same, ret_path));
}

/* ---- Handles ---- */

static ldr_status count_handle(ldr_status status)
{
    os.handles += status == LDR_OK;
    return status;
}

ldr_status REAL(file_open)(const char *path, ldr__handle *ret_file);
ldr_status WRAP(file_open)(const char *path, ldr__handle *ret_file);
ldr_status WRAP(file_open)(const char *path, ldr__handle *ret_file)
{
    return count_handle(fails("file_open") ? LDR_NO_MEMORY : REAL(file_open)(path, ret_file));
}

ldr_status REAL(file_open_for)(const char *path, bool writes, ldr_disposition disposition,
                               ldr__handle *ret_file, bool *ret_created);
ldr_status WRAP(file_open_for)(const char *path, bool writes, ldr_disposition disposition,
                               ldr__handle *ret_file, bool *ret_created);
ldr_status WRAP(file_open_for)(const char *path, bool writes, ldr_disposition disposition,
                               ldr__handle *ret_file, bool *ret_created)
{
    return count_handle(fails("file_open_for") ? LDR_IO_ERROR
                                               : REAL(file_open_for)(path, writes, disposition,
                                                                     ret_file, ret_created));
}

ldr_status REAL(file_reopen)(ldr__handle file, bool writes, ldr__handle *ret_file);
ldr_status WRAP(file_reopen)(ldr__handle file, bool writes, ldr__handle *ret_file);
ldr_status WRAP(file_reopen)(ldr__handle file, bool writes, ldr__handle *ret_file)
{
    return count_handle(fails("file_reopen") ? LDR_OS_ERROR
                                             : REAL(file_reopen)(file, writes, ret_file));
}

ldr_status REAL(segment_create_large)(uint64_t size, ldr__handle *ret_segment);
ldr_status WRAP(segment_create_large)(uint64_t size, ldr__handle *ret_segment);
ldr_status WRAP(segment_create_large)(uint64_t size, ldr__handle *ret_segment)
{
    return count_handle(fails("segment_create_large")
                            ? LDR_OS_ERROR
                            : REAL(segment_create_large)(size, ret_segment));
}

ldr_status REAL(segment_create)(uint64_t size, ldr__handle *ret_segment);
ldr_status WRAP(segment_create)(uint64_t size, ldr__handle *ret_segment);
ldr_status WRAP(segment_create)(uint64_t size, ldr__handle *ret_segment)
{
    return count_handle(fails("segment_create") ? LDR_OS_ERROR
                                                : REAL(segment_create)(size, ret_segment));
}

ldr_status REAL(copies_open)(ldr__handle *ret_finder);
ldr_status WRAP(copies_open)(ldr__handle *ret_finder);
ldr_status WRAP(copies_open)(ldr__handle *ret_finder)
{
    return count_handle(fails("copies_open") ? LDR_OS_ERROR : REAL(copies_open)(ret_finder));
}

ldr_status REAL(watch_create)(ldr__handle *ret_watch);
ldr_status WRAP(watch_create)(ldr__handle *ret_watch);
ldr_status WRAP(watch_create)(ldr__handle *ret_watch)
{
    return count_handle(fails("watch_create") ? LDR_OS_ERROR : REAL(watch_create)(ret_watch));
}

ldr_status REAL(registry_create)(const ldr__registry_key *key, uint64_t size, ldr__handle *ret);
ldr_status WRAP(registry_create)(const ldr__registry_key *key, uint64_t size, ldr__handle *ret);
ldr_status WRAP(registry_create)(const ldr__registry_key *key, uint64_t size, ldr__handle *ret)
{
    return count_handle(fails("registry_create") ? LDR_OS_ERROR
                                                 : REAL(registry_create)(key, size, ret));
}

ldr_status REAL(registry_find)(const ldr__registry_key *key, ldr__registry_use use, uint32_t count,
                               ldr__handle *ret_handles);
ldr_status WRAP(registry_find)(const ldr__registry_key *key, ldr__registry_use use, uint32_t count,
                               ldr__handle *ret_handles);
ldr_status WRAP(registry_find)(const ldr__registry_key *key, ldr__registry_use use, uint32_t count,
                               ldr__handle *ret_handles)
{
    ldr_status status =
        fails("registry_find") ? LDR_OS_ERROR : REAL(registry_find)(key, use, count, ret_handles);
    os.handles += status == LDR_OK ? count : 0;
    return status;
}

ldr_status REAL(copy_find)(ldr__handle file, const ldr__registry_key *key, bool finished,
                           ldr__handle *ret_segment);
ldr_status WRAP(copy_find)(ldr__handle file, const ldr__registry_key *key, bool finished,
                           ldr__handle *ret_segment);
ldr_status WRAP(copy_find)(ldr__handle file, const ldr__registry_key *key, bool finished,
                           ldr__handle *ret_segment)
{
    return count_handle(fails("copy_find") ? LDR_OS_ERROR
                                           : REAL(copy_find)(file, key, finished, ret_segment));
}

ldr_status REAL(registry_publish)(const ldr__registry_key *key, const ldr__handle *handles,
                                  uint32_t count, ldr__registry_mark *ret_mark);
ldr_status WRAP(registry_publish)(const ldr__registry_key *key, const ldr__handle *handles,
                                  uint32_t count, ldr__registry_mark *ret_mark);
ldr_status WRAP(registry_publish)(const ldr__registry_key *key, const ldr__handle *handles,
                                  uint32_t count, ldr__registry_mark *ret_mark)
{
    ldr_status status = fails("registry_publish")
                            ? LDR_OS_ERROR
                            : REAL(registry_publish)(key, handles, count, ret_mark);
    os.handles += status == LDR_OK && ret_mark->entry.value >= 0;
    return status;
}

void REAL(registry_unpublish)(ldr__registry_mark mark);
void WRAP(registry_unpublish)(ldr__registry_mark mark);
void WRAP(registry_unpublish)(ldr__registry_mark mark)
{
    os.handles -= mark.entry.value >= 0;
    REAL(registry_unpublish)(mark);
}

ldr_status REAL(registry_lock)(const ldr__registry_key *key, ldr__registry_lock **ret_lock);
ldr_status WRAP(registry_lock)(const ldr__registry_key *key, ldr__registry_lock **ret_lock);
ldr_status WRAP(registry_lock)(const ldr__registry_key *key, ldr__registry_lock **ret_lock)
{
    ldr_status status = fails("registry_lock") ? LDR_BUSY : REAL(registry_lock)(key, ret_lock);
    os.handles += status == LDR_OK && *ret_lock != NULL;
    return status;
}

void REAL(registry_unlock)(ldr__registry_lock *lock);
void WRAP(registry_unlock)(ldr__registry_lock *lock);
void WRAP(registry_unlock)(ldr__registry_lock *lock)
{
    os.handles -= lock != NULL;
    REAL(registry_unlock)(lock);
}

void REAL(close)(ldr__handle handle);
void WRAP(close)(ldr__handle handle);
void WRAP(close)(ldr__handle handle)
{
    os.handles -= handle.value >= 0;
    REAL(close)(handle);
}

ldr_status REAL(pager_create)(const ldr__pager_owner *owner, ldr__pager **ret_pager);
ldr_status WRAP(pager_create)(const ldr__pager_owner *owner, ldr__pager **ret_pager);
ldr_status WRAP(pager_create)(const ldr__pager_owner *owner, ldr__pager **ret_pager)
{
    return count_handle(fails("pager_create") ? LDR_OS_ERROR
                                              : REAL(pager_create)(owner, ret_pager));
}

void REAL(pager_destroy)(ldr__pager *pager);
void WRAP(pager_destroy)(ldr__pager *pager);
void WRAP(pager_destroy)(ldr__pager *pager)
{
    os.handles -= pager != NULL;
    REAL(pager_destroy)(pager);
}

ldr_status REAL(file_read)(ldr__handle file, uint64_t offset, void *bytes, size_t size,
                           size_t *ret_count);
ldr_status WRAP(file_read)(ldr__handle file, uint64_t offset, void *bytes, size_t size,
                           size_t *ret_count);
ldr_status WRAP(file_read)(ldr__handle file, uint64_t offset, void *bytes, size_t size,
                           size_t *ret_count)
{
    if (fails("file_read"))
        return LDR_IO_ERROR;
    ldr_status status = REAL(file_read)(file, offset, bytes, size, ret_count);
    if (status == LDR_OK && os.read_hook != NULL)
        os.read_hook(os.reads++, bytes, ret_count);
    return status;
}

bool REAL(file_executable)(ldr__handle file);
bool WRAP(file_executable)(ldr__handle file);
bool WRAP(file_executable)(ldr__handle file)
{
    return !os.noexec && REAL(file_executable)(file);
}

/* ---- Address space ---- */

ldr_status REAL(reserve)(uint64_t base, uint64_t size, uint64_t alignment, void **ret_address);
ldr_status WRAP(reserve)(uint64_t base, uint64_t size, uint64_t alignment, void **ret_address);
ldr_status WRAP(reserve)(uint64_t base, uint64_t size, uint64_t alignment, void **ret_address)
{
    ldr_status status =
        fails("reserve") ? LDR_NO_MEMORY : REAL(reserve)(base, size, alignment, ret_address);
    if (status == LDR_OK)
        os.bytes += (long)size;
    return status;
}

void REAL(unmap)(void *address, uint64_t size);
void WRAP(unmap)(void *address, uint64_t size);
void WRAP(unmap)(void *address, uint64_t size)
{
    os.bytes -= (long)size;
    REAL(unmap)(address, size);
}
