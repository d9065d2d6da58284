/* linux.c: os.h for Linux on x86-64. */
#include "os/linux.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES     UINT64_C(4096)
#define USER_SPACE_END UINT64_C(0x7FFFFFFFF000)
#define NANOSECONDS    UINT64_C(1000000000)

/* Two ticks of the slowest kernel clock, which file systems take their times from. */
#define SETTLED UINT64_C(20000000)

/* Newer than the C library's headers; kernels before 6.3 refuse it, and then do not need it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* ---- Memory ---- */

void *ldr__os_alloc(size_t size)
{
    return calloc(1, size != 0 ? size : 1);
}

void *ldr__os_resize(void *block, size_t size)
{
    return realloc(block, size != 0 ? size : 1);
}

void ldr__os_free(void *block)
{
    free(block);
}

/* ---- The process ---- */

/* The kernel hands sixteen random bytes to every program. */
uint64_t ldr__os_process_key(void)
{
    uint64_t key = 0;
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random != NULL)
        memcpy(&key, random, sizeof key);
    return key;
}

uint64_t ldr__os_thread_id(void)
{
    return (uint64_t)gettid();
}

/* ---- Files ---- */

static ldr_status status_of_open(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return LDR_FILE_NOT_FOUND;
    case ENXIO:
    case ENODEV:
    case EISDIR:
        return LDR_NOT_A_FILE;
    case ENOMEM:
        return LDR_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return LDR_OS_ERROR;
    default:
        return LDR_IO_ERROR;
    }
}

ldr_status ldr__os_file_open(const char *path, ldr__handle *ret_file)
{
    /* Without O_NONBLOCK a pipe would wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return status_of_open();
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return LDR_NOT_A_FILE;
    }
    *ret_file = (ldr__handle){fd};
    return LDR_OK;
}

ldr_status ldr__os_file_read(ldr__handle file, uint64_t offset, void *ret_bytes, size_t size,
                             size_t *ret_count)
{
    size_t count = 0;
    while (count < size) {
        ssize_t got = pread((int)file.value, (char *)ret_bytes + count, size - count,
                            (off_t)(offset + count));
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return LDR_IO_ERROR;
        if (got > 0)
            count += (size_t)got;
    }
    *ret_count = count;
    return LDR_OK;
}

static uint64_t nanoseconds(struct timespec time)
{
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

uint64_t ldr__os_time(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds(now);
}

ldr_status ldr__os_file_stamp(ldr__handle file, ldr__file_stamp *ret_stamp)
{
    struct stat info;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || fstat((int)file.value, &info) != 0)
        return LDR_OS_ERROR;
    ldr__file_stamp stamp = {.id = {.device = info.st_dev, .inode = info.st_ino},
                             .size = (uint64_t)info.st_size,
                             .modified = nanoseconds(info.st_mtim),
                             .changed = nanoseconds(info.st_ctim)};
    uint64_t time = nanoseconds(now);
    stamp.is_settled = time > stamp.changed && time - stamp.changed > SETTLED;
    *ret_stamp = stamp;
    return LDR_OK;
}

bool ldr__os_file_executable(ldr__handle file)
{
    struct statvfs info;
    return fstatvfs((int)file.value, &info) == 0 && (info.f_flag & ST_NOEXEC) == 0;
}

void ldr__os_close(ldr__handle handle)
{
    if (handle.value >= 0)
        close((int)handle.value);
}

/* ---- Segments ---- */

ldr_status ldr__linux_segment(const char *name, uint64_t size, ldr__handle *ret_segment)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return ldr__linux_status();
    if (ftruncate(fd, (off_t)((size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1))) != 0) {
        ldr_status status = ldr__linux_status();
        close(fd);
        return status;
    }
    *ret_segment = (ldr__handle){fd};
    return LDR_OK;
}

ldr_status ldr__os_segment_create(uint64_t size, ldr__handle *ret_segment)
{
    return ldr__linux_segment("peload", size, ret_segment);
}

ldr_status ldr__os_segment_write(ldr__handle segment, uint64_t offset, const void *bytes,
                                 size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = pwrite((int)segment.value, (const char *)bytes + done, size - done,
                               (off_t)(offset + done));
        if (count < 0 && errno != EINTR)
            return ldr__linux_status();
        if (count > 0)
            done += (size_t)count;
    }
    return LDR_OK;
}

ldr_status ldr__os_segment_seal(ldr__handle segment)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    return fcntl((int)segment.value, F_ADD_SEALS, seals) == 0 ? LDR_OK : ldr__linux_status();
}

ldr_status ldr__os_segment_fix_size(ldr__handle segment)
{
    return fcntl((int)segment.value, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0
               ? LDR_OK
               : ldr__linux_status();
}

static bool has_large_pages(void)
{
    unsigned long count = 0;
    FILE *file = fopen("/proc/sys/vm/nr_hugepages", "re");
    if (file == NULL)
        return false;
    bool known = fscanf(file, "%lu", &count) == 1;
    fclose(file);
    return known && count > 0;
}

/* The pages are taken at once: a large page that is missing later would be a signal. */
ldr_status ldr__os_segment_create_large(uint64_t size, ldr__handle *ret_segment)
{
    if (!has_large_pages())
        return LDR_ACCESS_DENIED;
    int fd = memfd_create("peload", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
    if (fd < 0)
        return errno == ENOMEM ? LDR_NO_MEMORY : LDR_ACCESS_DENIED;
    if (ftruncate(fd, (off_t)size) != 0 || fallocate(fd, 0, 0, (off_t)size) != 0) {
        ldr_status status = ldr__linux_status();
        close(fd);
        return status;
    }
    *ret_segment = (ldr__handle){fd};
    return LDR_OK;
}

uint64_t ldr__os_memory_limit(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? ((uint64_t)info.totalram + info.totalswap) * info.mem_unit
                               : UINT64_MAX;
}

/* ---- Address space ---- */

static int protection_of(int access)
{
    return (access & LDR__READ ? PROT_READ : 0) | (access & LDR__WRITE ? PROT_WRITE : 0) |
           (access & LDR__EXECUTE ? PROT_EXEC : 0);
}

static void *reserve_with(uint64_t address, uint64_t size, int flags)
{
    return mmap((void *)(uintptr_t)address, size, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

static ldr_status reserve_at(uint64_t base, uint64_t size, void **ret_address)
{
    if (!pe_range_ok(USER_SPACE_END, base, size))
        return LDR_ADDRESS_BUSY;
    void *address = reserve_with(base, size, MAP_FIXED_NOREPLACE);
    if (address == MAP_FAILED)
        return errno == ENOMEM ? LDR_NO_MEMORY : LDR_ADDRESS_BUSY;
    /* Kernels before 4.17 do not know the flag and take the address as a hint. */
    if ((uintptr_t)address != base) {
        munmap(address, size);
        return LDR_ADDRESS_BUSY;
    }
    *ret_address = address;
    return LDR_OK;
}

static ldr_status reserve_anywhere(uint64_t size, uint64_t alignment, void **ret_address)
{
    uint64_t slack = alignment > PAGE_BYTES ? alignment - PAGE_BYTES : 0;
    if (size > USER_SPACE_END || slack > USER_SPACE_END)
        return LDR_NO_MEMORY;
    char *start = reserve_with(0, size + slack, 0);
    if (start == MAP_FAILED)
        return ldr__linux_status();
    uint64_t before = -(uint64_t)(uintptr_t)start & (alignment - 1);
    if (before > 0)
        munmap(start, before);
    if (slack > before)
        munmap(start + before + size, slack - before);
    *ret_address = start + before;
    return LDR_OK;
}

ldr_status ldr__os_reserve(uint64_t base, uint64_t size, uint64_t alignment, void **ret_address)
{
    return base != 0 ? reserve_at(base, size, ret_address)
                     : reserve_anywhere(size, alignment, ret_address);
}

/* Pages that may be copied or touched are not paid for in advance: images may be large and empty.
 */
static ldr_status map_fixed(void *address, uint64_t size, int access, int flags, int64_t fd,
                            uint64_t offset)
{
    void *mapped =
        mmap(address, size, protection_of(access), flags | MAP_FIXED, (int)fd, (off_t)offset);
    return mapped != MAP_FAILED ? LDR_OK : ldr__linux_status();
}

ldr_status ldr__os_map_private(void *address, uint64_t size, ldr__handle source, uint64_t offset,
                               int access)
{
    return map_fixed(address, size, access, MAP_PRIVATE | MAP_NORESERVE, source.value, offset);
}

ldr_status ldr__os_map_shared(void *address, uint64_t size, ldr__handle segment, uint64_t offset,
                              int access)
{
    return map_fixed(address, size, access, MAP_SHARED, segment.value, offset);
}

ldr_status ldr__os_map_zero(void *address, uint64_t size, int access)
{
    return map_fixed(address, size, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

ldr_status ldr__os_protect(void *address, uint64_t size, int access)
{
    return mprotect(address, size, protection_of(access)) == 0 ? LDR_OK : ldr__linux_status();
}

/* Newer than the C library's headers: for pages that the process has locked (mlockall). */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

ldr_status ldr__os_drop(void *address, uint64_t size)
{
    if (madvise(address, size, MADV_DONTNEED) == 0)
        return LDR_OK;
    return madvise(address, size, MADV_DONTNEED_LOCKED) == 0 ? LDR_OK : LDR_OS_ERROR;
}

ldr_status ldr__os_detach(void *address, uint64_t size, int access)
{
    void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (copy == MAP_FAILED)
        return ldr__linux_status();
    ldr_status status = ldr__os_peek(address, copy, size);
    if (status == LDR_OK)
        status = ldr__os_protect(copy, size, access);
    /* What may be refused has been granted by now. */
    if (status == LDR_OK &&
        mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) == MAP_FAILED)
        status = ldr__linux_status();
    if (status != LDR_OK) {
        munmap(copy, size);
        return status;
    }
    /* Profilers are told of code by mprotect, not by mremap. */
    mprotect(address, size, PROT_READ);
    return ldr__os_protect(address, size, access);
}

void ldr__os_unmap(void *address, uint64_t size)
{
    munmap(address, size);
}

/* ---- Threads ---- */

struct ldr__lock {
    pthread_mutex_t mutex;
};

ldr_status ldr__os_lock_create(ldr__lock **ret_lock)
{
    ldr__lock *lock = malloc(sizeof *lock);
    if (lock == NULL)
        return LDR_NO_MEMORY;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int failed = pthread_mutex_init(&lock->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (failed != 0) {
        free(lock);
        return LDR_OS_ERROR;
    }
    *ret_lock = lock;
    return LDR_OK;
}

void ldr__os_lock_destroy(ldr__lock *lock)
{
    if (lock == NULL)
        return;
    pthread_mutex_destroy(&lock->mutex);
    free(lock);
}

void ldr__os_lock(ldr__lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

ldr_status ldr__os_lock_within(ldr__lock *lock, uint32_t milliseconds)
{
    struct timespec end;
    if (milliseconds == 0)
        return pthread_mutex_trylock(&lock->mutex) == 0 ? LDR_OK : LDR_BUSY;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    int failed = pthread_mutex_clocklock(&lock->mutex, CLOCK_MONOTONIC, &end);
    return failed == 0 ? LDR_OK : LDR_BUSY;
}

void ldr__os_unlock(ldr__lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
