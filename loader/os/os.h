/*
 * os.h: the whole contract with the operating system.
 *
 * The linux files beside it implement it; tests link one that fails on demand. Nothing outside os/,
 * win32/ and cli/ includes an OS header. Every function returns a status and leaves nothing behind
 * when it fails. Addresses and sizes of mappings are multiples of the page size (4096 on x86-64)
 * unless said.
 */
#ifndef PELOAD_OS_H
#define PELOAD_OS_H

#include <peload/section.h>

/* Memory access of a mapping; the implementation's own constants stay inside it. */
typedef enum ldr__access {
    LDR__NO_ACCESS = 0,
    LDR__READ = 1,
    LDR__WRITE = 2,
    LDR__EXECUTE = 4,
} ldr__access;

/* An open file or segment. Zero-initialised is not valid: use LDR__NO_HANDLE. */
typedef struct ldr__handle {
    int64_t value;
} ldr__handle;
#define LDR__NO_HANDLE ((ldr__handle){-1})

/* What tells two paths to one file. */
typedef struct ldr__file_id {
    uint64_t device, inode;
} ldr__file_id;

/* ---- Memory ---- */

/* `size` zeroed bytes, or NULL. Released with ldr__os_free, which takes NULL. */
void *ldr__os_alloc(size_t size);
/* As realloc; bytes that are new are not zeroed. On NULL the old block stays. */
void *ldr__os_resize(void *block, size_t size);
void ldr__os_free(void *block);

/* ---- The process ---- */

/* A number that others cannot guess; the same as long as the process lives, and in its children. */
uint64_t ldr__os_process_key(void);

/* ---- Files ---- */

/*
 * Opens a regular file for reading. LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE (folder, device, pipe: never
 * blocks on one), LDR_IO_ERROR, LDR_NO_MEMORY.
 */
ldr_status ldr__os_file_open(const char *path, ldr__handle *ret_file, uint64_t *ret_size,
                             ldr__file_id *ret_id);

/* Reads up to `size` bytes at `offset`; fewer only at the end of the file. LDR_IO_ERROR. */
ldr_status ldr__os_file_read(ldr__handle file, uint64_t offset, void *ret_bytes, size_t size,
                             size_t *ret_count);

/*
 * Whether pages of an open file may be mapped with LDR__EXECUTE: not on a file system mounted
 * noexec, nor where the system does not tell.
 */
bool ldr__os_file_executable(ldr__handle file);

/* Closes a file or segment; LDR__NO_HANDLE is allowed. */
void ldr__os_close(ldr__handle handle);

/* The absolute path of `path`, allocated (ldr__os_free). LDR_FILE_NOT_FOUND, LDR_NO_MEMORY. */
ldr_status ldr__os_path_absolute(const char *path, char **ret_path);

/*
 * The path of the file called `name` (ASCII case-insensitive; an exact match comes first) in
 * `folder`, allocated. LDR_FILE_NOT_FOUND when there is none, LDR_NO_MEMORY.
 */
ldr_status ldr__os_folder_find(const char *folder, const char *name, char **ret_path);

/* ---- Segments: memory that several views can map ---- */

/* A segment of `size` bytes of zeros (rounded up to pages). LDR_OS_ERROR. */
ldr_status ldr__os_segment_create(uint64_t size, ldr__handle *ret_segment);

/* Copies `size` bytes to `offset` of a segment that is not sealed yet. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__os_segment_write(ldr__handle segment, uint64_t offset, const void *bytes,
                                 size_t size);

/* Nobody can change the segment from now on; it is not mapped shared. */
ldr_status ldr__os_segment_seal(ldr__handle segment);

/* ---- Address space ---- */

/*
 * Reserves `size` bytes without access: at `base` exactly (LDR_ADDRESS_BUSY when any of it is in
 * use or cannot be had; nothing existing is ever replaced), or for base 0 anywhere, aligned to
 * `alignment` (a power of two).
 */
ldr_status ldr__os_reserve(uint64_t base, uint64_t size, uint64_t alignment, void **ret_address);

/* The following replace part of a range that the caller has reserved. */

/* Copy-on-write pages of a file or segment. `offset` is a multiple of the page size. */
ldr_status ldr__os_map_private(void *address, uint64_t size, ldr__handle source, uint64_t offset,
                               int access);
/* Pages that are one memory for all who map the segment. */
ldr_status ldr__os_map_shared(void *address, uint64_t size, ldr__handle segment, uint64_t offset,
                              int access);
/* Zero-filled private pages. */
ldr_status ldr__os_map_zero(void *address, uint64_t size, int access);
ldr_status ldr__os_protect(void *address, uint64_t size, int access);

/*
 * Copies bytes out of mapped pages, and into pages that can be written. The system makes the copy:
 * where the file behind a page has been cut off, the process that touched it would get a signal;
 * this is LDR_IO_ERROR instead, and a part may have been copied. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__os_peek(const void *address, void *ret_bytes, size_t size);
ldr_status ldr__os_poke(void *address, const void *bytes, size_t size);

/*
 * Between the two, in what this thread does, a page whose file has been cut off becomes zeros
 * instead of ending the process by a signal (SIGBUS on Linux, for which the process gets a handler
 * that stays); the end says whether that has happened since the outermost begin. They may be
 * nested. Not to be left while guest code runs.
 */
void ldr__os_guard_begin(void);
bool ldr__os_guard_end(void);

/* Releases a range; never fails for a range that the caller owns. */
void ldr__os_unmap(void *address, uint64_t size);

/*
 * For each page of the range sets ret_private[i] if it is this process's own copy. Of pages
 * `of_zero_fill` that were only read are none; one that a child still shares may not be told.
 * LDR_OS_ERROR.
 */
ldr_status ldr__os_pages_private(const void *address, uint64_t page_count, bool of_zero_fill,
                                 bool *ret_private);

/* Whether any page of a range of file and segment pages is this process's own copy. LDR_OS_ERROR.
 */
ldr_status ldr__os_any_private(const void *address, uint64_t size, bool *ret_any);

/* ---- Pages that are filled when they are first touched ---- */

/*
 * What watches the pages of a segment that are still missing in it, wherever they are mapped: a
 * thread while there are users, and a lock, which is that of the one who fills as well. Whoever
 * touches a missing page of a watched range, in a system call too, waits until it has been filled.
 */
typedef struct ldr__pager ldr__pager;

/* Who fills. Both are called with the lock held, and touch no page of a watched range. */
typedef struct ldr__pager_owner {
    void *self;
    /* On the pager's thread, where all signals are blocked: fills the page at `address`, or maps
       something else there, or finds it filled or unmapped meanwhile. */
    void (*fill)(void *self, void *address);
    /* Before a fork: leaves no page missing in any watched range, since those of the child are not
       watched. */
    void (*settle)(void *self);
} ldr__pager_owner;

/*
 * A pager without users. LDR_OS_ERROR where the system does not have the pages of system calls
 * filled too (Linux: userfaultfd needs CAP_SYS_PTRACE, vm.unprivileged_userfaultfd or access to
 * /dev/userfaultfd). LDR_NO_MEMORY. The process gets handlers of fork (pthread_atfork) with the
 * first one, which stay. A child that was made without them (the bare system calls, _Fork) reads
 * zeros where pages were missing, and must run another program before it touches a view.
 */
ldr_status ldr__os_pager_create(const ldr__pager_owner *owner, ldr__pager **ret_pager);
/* Without users. NULL is allowed. */
void ldr__os_pager_destroy(ldr__pager *pager);

/* The thread runs from the first of the users to the last; the lock is not held. LDR_NO_MEMORY,
 * LDR_OS_ERROR: then there is no user more. */
ldr_status ldr__os_pager_begin(ldr__pager *pager);
void ldr__os_pager_end(ldr__pager *pager);

void ldr__os_pager_lock(ldr__pager *pager);
void ldr__os_pager_unlock(ldr__pager *pager);

/* The lock is held: watches private pages of a segment that nobody has access to yet.
 * LDR_NO_MEMORY, LDR_OS_ERROR. */
ldr_status ldr__os_pager_watch(ldr__pager *pager, void *address, uint64_t size);
/* Has those who wait in a range look again, after it was unmapped. */
void ldr__os_pager_wake(ldr__pager *pager, void *address, uint64_t size);

/* ---- Threads ---- */

/* A recursive lock, allocated. */
typedef struct ldr__lock ldr__lock;
ldr_status ldr__os_lock_create(ldr__lock **ret_lock);
void ldr__os_lock_destroy(ldr__lock *lock);
void ldr__os_lock(ldr__lock *lock);
void ldr__os_unlock(ldr__lock *lock);

#endif
