#include "faults.h"

static struct {
    bool is_armed, and_all_later;
    unsigned fail_at, calls;
    const char *failed;
    faults_held held;
    uint32_t create_gives;
    void (*after_map)(const ldr__native_place *place);
} os;

void faults_start(unsigned call, bool and_all_later)
{
    os.is_armed = true;
    os.and_all_later = and_all_later;
    os.fail_at = call;
    os.calls = 0;
    os.failed = NULL;
}

unsigned faults_stop(void)
{
    os.is_armed = false;
    return os.calls;
}

const char *faults_failed(void)
{
    return os.failed;
}

void faults_create_gives(uint32_t nt_status)
{
    os.create_gives = nt_status;
}

void faults_after_map(void (*then)(const ldr__native_place *place))
{
    os.after_map = then;
}

faults_held faults_holds(void)
{
    return os.held;
}

static bool fails(const char *name)
{
    unsigned call = os.calls++;
    bool now = os.is_armed && (call == os.fail_at || (os.and_all_later && call > os.fail_at));
    if (now)
        os.failed = name;
    return now;
}

/* `--wrap=f` sends calls of f to __wrap_f, and calls of __real_f to f. */
#define WRAP(type, name, parameters)    \
    type __real_ldr__##name parameters; \
    type __wrap_ldr__##name parameters; \
    type __wrap_ldr__##name parameters

/* Functions that leave nothing to count. */
#define FORWARD(type, name, failure, parameters, arguments)                   \
    WRAP(type, name, parameters)                                              \
    {                                                                         \
        return fails(#name) ? (type)(failure) : __real_ldr__##name arguments; \
    }

/* Functions of native.h that make something, and those of os.h. */
#define MAKE_NATIVE(name, what, failure, parameters, arguments)                    \
    WRAP(uint32_t, name, parameters)                                               \
    {                                                                              \
        uint32_t status = fails(#name) ? (failure) : __real_ldr__##name arguments; \
        os.held.what += status < PE_NT_UNSUCCESSFUL;                               \
        return status;                                                             \
    }
#define MAKE(name, what, failure, parameters, arguments)                             \
    WRAP(ldr_status, name, parameters)                                               \
    {                                                                                \
        ldr_status status = fails(#name) ? (failure) : __real_ldr__##name arguments; \
        os.held.what += status == LDR_OK;                                            \
        return status;                                                               \
    }

/* ---- os.h ---- */

WRAP(void *, os_alloc, (size_t size))
{
    void *block = fails("os_alloc") ? NULL : __real_ldr__os_alloc(size);
    os.held.blocks += block != NULL;
    return block;
}

WRAP(void *, os_resize, (void *block, size_t size))
{
    void *resized = fails("os_resize") ? NULL : __real_ldr__os_resize(block, size);
    os.held.blocks += resized != NULL && block == NULL;
    return resized;
}

WRAP(void, os_free, (void *block))
{
    os.held.blocks -= block != NULL;
    __real_ldr__os_free(block);
}

WRAP(void, os_close, (ldr__handle handle))
{
    os.held.handles -= handle.value != LDR__NO_HANDLE.value;
    __real_ldr__os_close(handle);
}

WRAP(void, os_unmap, (void *address, uint64_t size))
{
    os.held.ranges--;
    __real_ldr__os_unmap(address, size);
}

WRAP(void, os_lock_destroy, (ldr__lock * lock))
{
    os.held.locks -= lock != NULL;
    __real_ldr__os_lock_destroy(lock);
}

MAKE(os_file_open, handles, LDR_IO_ERROR, (const char *path, ldr__handle *ret_file),
     (path, ret_file))
MAKE(os_file_reopen, handles, LDR_OS_ERROR, (ldr__handle file, bool writes, ldr__handle *ret_file),
     (file, writes, ret_file))
MAKE(os_reserve, ranges, LDR_NO_MEMORY,
     (uint64_t base, uint64_t size, uint64_t alignment, void **ret_address),
     (base, size, alignment, ret_address))
MAKE(os_lock_create, locks, LDR_NO_MEMORY, (ldr__lock * *ret_lock), (ret_lock))
MAKE(os_path_absolute, blocks, LDR_NO_MEMORY, (const char *path, char **ret_path), (path, ret_path))
MAKE(os_folder_find, blocks, LDR_NO_MEMORY,
     (const char *folder, const char *name, bool (*same)(const char *, const char *),
      char **ret_path),
     (folder, name, same, ret_path))
FORWARD(ldr_status, os_file_read, LDR_IO_ERROR,
        (ldr__handle file, uint64_t offset, void *ret_bytes, size_t size, size_t *ret_count),
        (file, offset, ret_bytes, size, ret_count))
FORWARD(ldr_status, os_file_stamp, LDR_OS_ERROR, (ldr__handle file, ldr__file_stamp *ret_stamp),
        (file, ret_stamp))
FORWARD(bool, os_file_executable, false, (ldr__handle file), (file))
FORWARD(ldr_status, os_protect, LDR_NO_MEMORY, (void *address, uint64_t size, int access),
        (address, size, access))
FORWARD(ldr_status, os_peek, LDR_IO_ERROR, (const void *address, void *ret_bytes, size_t size),
        (address, ret_bytes, size))
FORWARD(ldr_status, os_poke, LDR_IO_ERROR, (void *address, const void *bytes, size_t size),
        (address, bytes, size))
FORWARD(ldr_status, os_pages_private, LDR_OS_ERROR,
        (const void *address, uint64_t count, bool of_zero_fill, bool *ret_private),
        (address, count, of_zero_fill, ret_private))
FORWARD(ldr_status, os_any_private, LDR_OS_ERROR,
        (const void *address, uint64_t size, bool *ret_any), (address, size, ret_any))
FORWARD(ldr_status, os_page_at, LDR_OS_ERROR, (const void *address, ldr__os_page *ret_page),
        (address, ret_page))

/* ---- native.h ---- */

MAKE_NATIVE(native_file_open, handles, PE_NT_INSUFFICIENT_RESOURCES,
            (const char *path, uint32_t access, uint32_t share, ldr_disposition disposition,
             ldr__handle *ret_file, bool *ret_existed),
            (path, access, share, disposition, ret_file, ret_existed))
MAKE_NATIVE(native_open, handles, PE_NT_INSUFFICIENT_RESOURCES,
            (const char *name, uint32_t access, ldr__handle *ret_section),
            (name, access, ret_section))

WRAP(uint32_t, native_create, (const ldr__native_request *request, ldr__handle *ret_section))
{
    uint32_t status = fails("native_create") ? PE_NT_INSUFFICIENT_RESOURCES : os.create_gives;
    if (status == 0)
        status = __real_ldr__native_create(request, ret_section);
    os.held.handles += status < PE_NT_UNSUCCESSFUL;
    return status;
}

WRAP(uint32_t, native_map, (ldr__handle section, ldr__native_place *place))
{
    uint32_t status =
        fails("native_map") ? PE_NT_NO_MEMORY : __real_ldr__native_map(section, place);
    if (status >= PE_NT_UNSUCCESSFUL)
        return status;
    os.held.views++;
    if (os.after_map != NULL)
        os.after_map(place);
    return status;
}

WRAP(void, native_unmap, (void *base))
{
    os.held.views--;
    __real_ldr__native_unmap(base);
}

FORWARD(uint32_t, native_file_size, PE_NT_IN_PAGE_ERROR, (ldr__handle file, uint64_t *ret_size),
        (file, ret_size))
FORWARD(uint32_t, native_file_set_size, PE_NT_DISK_FULL, (ldr__handle file, uint64_t size),
        (file, size))
FORWARD(uint32_t, native_facts, PE_NT_ACCESS_DENIED,
        (ldr__handle section, uint64_t *ret_size, uint32_t *ret_attributes),
        (section, ret_size, ret_attributes))
FORWARD(uint32_t, native_protect, PE_NT_COMMITMENT_LIMIT,
        (void *address, uint64_t size, uint32_t protect, uint32_t *ret_old),
        (address, size, protect, ret_old))
FORWARD(uint32_t, native_commit, PE_NT_COMMITMENT_LIMIT,
        (void *address, uint64_t size, uint32_t protect), (address, size, protect))
FORWARD(uint32_t, native_flush, PE_NT_IN_PAGE_ERROR, (void *address, uint64_t size),
        (address, size))
FORWARD(uint32_t, native_file_flush, PE_NT_IN_PAGE_ERROR, (ldr__handle file), (file))
FORWARD(uint32_t, native_query, PE_NT_ACCESS_DENIED,
        (const void *address, ldr__native_region *ret_region), (address, ret_region))
FORWARD(uint32_t, native_file_delete, PE_NT_CANNOT_DELETE, (ldr__handle file), (file))
