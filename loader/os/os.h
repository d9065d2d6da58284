/*
 * os.h: the whole contract with the operating system.
 *
 * The linux and windows files beside it implement it; tests link one that fails on demand. Nothing
 * outside os/, win32/, native/ and cli/ includes an OS header. Every function returns a status and
 * leaves nothing behind when it fails. Addresses and sizes of mappings are multiples of the page
 * size (4096 on x86-64) unless said.
 *
 * On Windows sections, views and shared files are the system's own (native.h). Of what is here it
 * has what can be done there; the rest (segments, the register, marks, pagers, debuggers) gives
 * LDR_OS_ERROR, marks nothing and finds nothing, or is not there, where only section/linux/ and
 * win32/ ask for it.
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

/*
 * What tells one state of an open file from another; times are nanoseconds since 1970. A change
 * that is made less than some milliseconds after another may leave the times as they are: a file
 * that is settled had no change that recently.
 */
typedef struct ldr__file_stamp {
    ldr__file_id id;
    uint64_t size;
    uint64_t modified; /* the content, as far as nobody has set that time */
    uint64_t changed;  /* anything: this nobody can set */
    bool is_settled;
} ldr__file_stamp;

/* ---- Memory ---- */

/* `size` zeroed bytes, or NULL. Released with ldr__os_free, which takes NULL. */
void *ldr__os_alloc(size_t size);
/* As realloc; bytes that are new are not zeroed. On NULL the old block stays. */
void *ldr__os_resize(void *block, size_t size);
void ldr__os_free(void *block);

/* ---- The process ---- */

/* A number that others cannot guess; the same as long as the process lives, and in its children. */
uint64_t ldr__os_process_key(void);

/* Nanoseconds since some moment, never less than before. */
uint64_t ldr__os_time(void);
/* The number of the calling thread. */
uint64_t ldr__os_thread_id(void);

/* ---- Files ---- */

/*
 * Opens a regular file for reading. LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE (folder, device, pipe: never
 * blocks on one), LDR_IO_ERROR, LDR_NO_MEMORY, LDR_OS_ERROR (no descriptor); on Windows
 * LDR_SHARING_VIOLATION as well, while somebody has it open who does not share reading.
 */
ldr_status ldr__os_file_open(const char *path, ldr__handle *ret_file);

/* Reads up to `size` bytes at `offset`; fewer only at the end of the file. LDR_IO_ERROR. */
ldr_status ldr__os_file_read(ldr__handle file, uint64_t offset, void *ret_bytes, size_t size,
                             size_t *ret_count);

/* LDR_OS_ERROR. */
ldr_status ldr__os_file_stamp(ldr__handle file, ldr__file_stamp *ret_stamp);

/*
 * Whether pages of an open file may be mapped with LDR__EXECUTE: not on a file system mounted
 * noexec, or a file that the user must not execute on Windows, nor where the system does not tell.
 */
bool ldr__os_file_executable(ldr__handle file);

/*
 * Opens a regular file for reading, and for writing as well with `writes`. *ret_created: it was
 * made. LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE, LDR_EXISTS (LDR_CREATE_NEW), LDR_ACCESS_DENIED,
 * LDR_IO_ERROR, LDR_NO_MEMORY, LDR_OS_ERROR (no descriptor).
 */
ldr_status ldr__os_file_open_for(const char *path, bool writes, ldr_disposition disposition,
                                 ldr__handle *ret_file, bool *ret_created);

/*
 * A second opening of the same file, whatever has become of its path: it shares neither locks nor
 * lifetime with the first. On Windows, where the first shares with nobody, it is the same opening,
 * with the same access, that lasts as long as one of the two. LDR_ACCESS_DENIED, LDR_OS_ERROR,
 * LDR_NO_MEMORY.
 */
ldr_status ldr__os_file_reopen(ldr__handle file, bool writes, ldr__handle *ret_file);

/*
 * Cuts an open file, or makes it longer by zeros that the disk has room for. LDR_DISK_FULL,
 * LDR_TOO_BIG (for the file system), LDR_ACCESS_DENIED, LDR_IO_ERROR; the size is as before then.
 */
ldr_status ldr__os_file_resize(ldr__handle file, uint64_t size);

/* Removes `path` if it still leads to that file. LDR_FILE_NOT_FOUND, LDR_ACCESS_DENIED,
 * LDR_IO_ERROR. */
ldr_status ldr__os_file_remove(ldr__handle file, const char *path);

/*
 * Marks on a file: ranges of bytes, up to 2^63, that need not exist, held by this opening (and
 * those who inherited it) until it is closed, and seen from all processes. Any number of openings
 * may hold one. Where the file system has none nothing is marked, and nothing found.
 */
void ldr__os_file_mark(ldr__handle file, uint64_t offset, uint64_t size);
/* Whether another opening holds a mark in the range. */
bool ldr__os_file_is_marked(ldr__handle file, uint64_t offset, uint64_t size);

/*
 * Between the two no other opening of the file is between them: for marking a file and looking at
 * its marks. Waits for some milliseconds at the most, then goes on: somebody may hold the file's
 * lock (flock) for good. The end is implied by closing.
 */
void ldr__os_file_exclude(ldr__handle file);
void ldr__os_file_include(ldr__handle file);

/*
 * Starts writing the pages of a range that were changed, and waits until the disk has taken them;
 * with `through` it has also stored them for good, and the file's size. LDR_IO_ERROR.
 */
ldr_status ldr__os_file_flush(ldr__handle file, uint64_t offset, uint64_t size, bool through);
/* How many pages of an open file the page cache holds, and how many of them are not written back.
 * LDR_OS_ERROR when the system does not tell. */
ldr_status ldr__os_file_cache(ldr__handle file, uint64_t *ret_cached, uint64_t *ret_dirty);

/* Closes a file or segment; LDR__NO_HANDLE is allowed. */
void ldr__os_close(ldr__handle handle);

/* The absolute path of `path`, allocated (ldr__os_free). Links in its folders are followed, but not
 * on Windows, whose paths are like "C:/a/b.dll". LDR_FILE_NOT_FOUND, LDR_NO_MEMORY. */
ldr_status ldr__os_path_absolute(const char *path, char **ret_path);

/*
 * The path of the file called `name` below `folder`, allocated. `name` may be a relative path; each
 * part is one that `same` calls the same: an exact match first, then one in lower case, then the
 * first in byte order. On Windows the file system finds the one there is. LDR_FILE_NOT_FOUND when
 * there is none, LDR_NO_MEMORY.
 */
ldr_status ldr__os_folder_find(const char *folder, const char *name,
                               bool (*same)(const char *a, const char *b), char **ret_path);

/* ---- Segments: memory that several views can map ---- */

/* A segment of `size` bytes of zeros (rounded up to pages). LDR_OS_ERROR. */
ldr_status ldr__os_segment_create(uint64_t size, ldr__handle *ret_segment);

/* Copies `size` bytes to `offset` of a segment that is not sealed yet. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__os_segment_write(ldr__handle segment, uint64_t offset, const void *bytes,
                                 size_t size);

/* Nobody can change the segment from now on; it is not mapped shared. */
ldr_status ldr__os_segment_seal(ldr__handle segment);

/* Its size cannot change any more; it can be mapped shared and written. LDR_OS_ERROR. */
ldr_status ldr__os_segment_fix_size(ldr__handle segment);

/*
 * A segment of large pages, all of which are there. LDR_ACCESS_DENIED when the system has none to
 * give, LDR_NO_MEMORY when they are not enough, LDR_OS_ERROR.
 */
ldr_status ldr__os_segment_create_large(uint64_t size, ldr__handle *ret_segment);

/* Bytes of the memory and the swap space of the system. */
uint64_t ldr__os_memory_limit(void);

/* ---- Segments that processes find ---- */

/*
 * Processes of one user find each other's segments by key. Nobody keeps the register: an entry is
 * the name of a socket that its process holds and that goes with it, so that nothing is left behind
 * however processes end. Children of fork hold what their parent held. Where the system refuses
 * what this takes (sandboxes; /proc not mounted) nothing is found and nothing published, and all
 * functions succeed: memory is then that of the process alone.
 *
 * Other users can see names, and can take some: that keeps processes from sharing, or a lock from
 * being had. What is found is checked before it is given out: a segment of this user, made under
 * this key, complete. Processes in other PID or network namespaces are not found, nor are those
 * whose first thread has ended.
 */

/* Stands for bytes of any length; no two of them that anybody knows have the same. */
typedef struct ldr__registry_key {
    uint64_t words[2];
} ldr__registry_key;

void ldr__os_registry_key(const void *bytes, size_t size, ldr__registry_key *ret_key);

/* A segment of zeros as ldr__os_segment_create makes it, to be published under `key`; only its
 * owner can open it. */
ldr_status ldr__os_registry_create(const ldr__registry_key *key, uint64_t size,
                                   ldr__handle *ret_segment);

/* What a segment is looked for. */
typedef enum ldr__registry_use {
    /* Sealed content that the caller can make itself: opened for reading, and may be missed. */
    LDR__REGISTRY_COPY,
    /* Memory that is written to and must not exist twice: looked for twice, opened for writing. For
       holders of the key's lock. */
    LDR__REGISTRY_MEMORY,
} ldr__registry_use;

/*
 * Opens what is published under `key`: `count` (1 or 2) handles, to be closed by the caller. The
 * first is checked. Of the second (opened with the rights that its holder has) only that it is a
 * regular file: who it belongs to, and that it is the right one, is for the caller to see.
 * LDR_FILE_NOT_FOUND; LDR_NO_MEMORY, LDR_OS_ERROR when it cannot be known whether there is one.
 */
ldr_status ldr__os_registry_find(const ldr__registry_key *key, ldr__registry_use use,
                                 uint32_t count, ldr__handle *ret_handles);

/* What keeps an entry published: LDR__NO_HANDLE where the system refused it. */
typedef struct ldr__registry_mark {
    ldr__handle entry;
} ldr__registry_mark;
#define LDR__NO_MARK ((ldr__registry_mark){LDR__NO_HANDLE})

/*
 * Publishes `count` (1 or 2) handles, the first of them a segment of ldr__os_registry_create, or
 * one that was found. It is complete from now on: its size cannot change any more. They have to
 * stay open until ldr__os_registry_unpublish. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__os_registry_publish(const ldr__registry_key *key, const ldr__handle *handles,
                                    uint32_t count, ldr__registry_mark *ret_mark);

/* LDR__NO_MARK is allowed. */
void ldr__os_registry_unpublish(ldr__registry_mark mark);

/*
 * What is made of a file is found through the file, in microseconds: who has a segment of
 * ldr__os_registry_create whose size is fixed marks the file with where it is, as ldr__os_file_mark
 * does, from LDR__OS_COPY_MARKS on. False where the file system has no marks: nobody will find the
 * segment.
 */
#define LDR__OS_COPY_MARKS (UINT64_C(7) << 60)
bool ldr__os_copy_mark(ldr__handle file, ldr__handle segment);

/*
 * Opens a segment that a file is marked with and that was made under `key`; it is checked as above,
 * and may be missed. `finished`: it is sealed, and opened for reading; else its holders are still
 * filling it, all from the same file, and it is opened for writing. LDR_FILE_NOT_FOUND,
 * LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__os_copy_find(ldr__handle file, const ldr__registry_key *key, bool finished,
                             ldr__handle *ret_segment);

/*
 * The lock of a key, held by one thread of all the user's processes: between looking for memory and
 * publishing it. It ends with the process, and does not pass to children of fork. Waits some
 * seconds, then LDR_BUSY. LDR_NO_MEMORY, LDR_OS_ERROR. Where the system refuses it there is nobody
 * to keep out, and *ret_lock becomes NULL.
 */
typedef struct ldr__registry_lock ldr__registry_lock;
ldr_status ldr__os_registry_lock(const ldr__registry_key *key, ldr__registry_lock **ret_lock);
void ldr__os_registry_unlock(ldr__registry_lock *lock); /* NULL is allowed */

/* ---- Address space ---- */

/*
 * Reserves `size` bytes without access: at `base` exactly (LDR_ADDRESS_BUSY when any of it is in
 * use or cannot be had; nothing existing is ever replaced), or for base 0 anywhere, aligned to
 * `alignment` (a power of two). On Windows ranges start at multiples of 64 KiB only.
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
/*
 * Pages that are there, of any kind: on Windows those of images and of views that copy stay copies
 * of what they are of until they are written to. LDR_NO_MEMORY, LDR_OS_ERROR: then some of them may
 * have changed.
 */
ldr_status ldr__os_protect(void *address, uint64_t size, int access);

/*
 * Copies bytes out of mapped pages, and into pages that can be written. Where the file behind a
 * page has been cut off, or a page cannot be had, the process that touched it would get a signal or
 * an exception; this is LDR_IO_ERROR instead, and a part may have been copied. LDR_NO_MEMORY,
 * LDR_OS_ERROR.
 */
ldr_status ldr__os_peek(const void *address, void *ret_bytes, size_t size);
ldr_status ldr__os_poke(void *address, const void *bytes, size_t size);

/*
 * Between the two, in what this thread does, a page whose file has been cut off becomes zeros
 * instead of ending the process by a signal (SIGBUS on Linux, for which the process gets a handler
 * that stays); the end says whether that has happened since the outermost begin. They may be
 * nested. Not to be left while guest code runs. On Windows it never happens: the system does not
 * let anybody cut off what is mapped, and a page that a broken disk cannot give is an exception,
 * which goes to whoever in the program handles it.
 */
void ldr__os_guard_begin(void);
bool ldr__os_guard_end(void);
/* Whether this thread is between the two. May be called in a signal handler. */
bool ldr__os_guard_is_active(void);

/* A range of addresses, of whole pages. */
typedef struct ldr__os_span {
    uint64_t start, end;
} ldr__os_span;

/* What is asked for copies: to be closed with ldr__os_close, and of no use in a child of fork.
 * LDR_OS_ERROR where the system does not tell. */
ldr_status ldr__os_copies_open(ldr__handle *ret_finder);
/*
 * The pages of [*address, end) that are this process's own copies, or present and of no file:
 * `capacity` spans at the most, ascending, fewer and shorter ones if the system does not tell
 * better. *address becomes the one up to which they were looked for. LDR_OS_ERROR.
 */
ldr_status ldr__os_copies_find(ldr__handle finder, uint64_t *address, uint64_t end,
                               ldr__os_span *ret_spans, uint32_t capacity, uint32_t *ret_count);
/*
 * What notes which pages are written to, in system calls too, until it is closed (ldr__os_close).
 * LDR_OS_ERROR where the system does not; LDR_NO_MEMORY.
 */
ldr_status ldr__os_watch_create(ldr__handle *ret_watch);
/* Private pages that are noted from now on; none of them counts as written to. LDR_OS_ERROR,
 * LDR_NO_MEMORY. */
ldr_status ldr__os_watch_add(ldr__handle watch, ldr__handle finder, void *address, uint64_t size);
/* As ldr__os_copies_find, for pages that have been written to. In a child of fork, where nothing is
 * noted, those are all, and clearing changes nothing. */
ldr_status ldr__os_written_find(ldr__handle finder, uint64_t *address, uint64_t end,
                                ldr__os_span *ret_spans, uint32_t capacity, uint32_t *ret_count);
/* They do not count as written to any more. LDR_OS_ERROR. */
ldr_status ldr__os_written_clear(ldr__handle finder, void *address, uint64_t size);

/* Copies that are private become again what they are copies of, and zero-filled pages zeros; other
 * private pages stay as they are. LDR_OS_ERROR. */
ldr_status ldr__os_drop(void *address, uint64_t size);

/* Pages become copies of themselves that are of no file. LDR_IO_ERROR (the file behind them has
 * been cut off), LDR_NO_MEMORY, LDR_OS_ERROR: they are as before. */
ldr_status ldr__os_detach(void *address, uint64_t size, int access);

/* Releases a range; never fails for a range that the caller owns. On Windows whole reservations and
 * views only: what starts or ends within the range goes as well. */
void ldr__os_unmap(void *address, uint64_t size);

/*
 * For each page of the range sets ret_private[i] if it is this process's own copy. Of pages
 * `of_zero_fill` that were only read are none; one that a child still shares may not be told. Wine
 * tells of pages as they are on Linux: what it has read into an image, or was only read as zeros,
 * is private, and what was written to the swap space is not. LDR_OS_ERROR.
 */
ldr_status ldr__os_pages_private(const void *address, uint64_t page_count, bool of_zero_fill,
                                 bool *ret_private);

/* Where a page of this process is. `frame` is a physical page number, if the system tells it. */
typedef struct ldr__os_page {
    bool is_present, has_frame;
    uint64_t frame;
} ldr__os_page;

/* `address` lies in a mapping, at any byte of the page. LDR_OS_ERROR. */
ldr_status ldr__os_page_at(const void *address, ldr__os_page *ret_page);
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
       watched, and wakes who waits for one: they may hold locks that other handlers of fork want,
       and the pager's thread cannot answer until it is done. */
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
/*
 * The lock is held: puts whole pages into a segment that is open for writing, each of them at once
 * and nothing else, so that nobody in any process sees part of one, even if this one is killed
 * meanwhile. Pages that are there already stay as they are. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__os_pager_fill(ldr__pager *pager, ldr__handle segment, uint64_t offset,
                              const void *bytes, uint64_t size);
/* Has those who wait in a range look again, after it was unmapped or filled. */
void ldr__os_pager_wake(ldr__pager *pager, void *address, uint64_t size);

/* ---- Debuggers and profilers, which know of one thing only for a whole process ---- */

/*
 * Tells GDB, now or when it attaches, of an ELF object that describes code (its interface for
 * just-in-time compilers). The bytes stay as they are until it is removed. LDR_NO_MEMORY;
 * LDR_OS_ERROR on Windows, which tells debuggers of all images that are mapped.
 */
typedef struct ldr__debugger_entry ldr__debugger_entry;
ldr_status ldr__os_debugger_add(const void *object, uint64_t size, ldr__debugger_entry **ret_entry);
void ldr__os_debugger_remove(ldr__debugger_entry *entry); /* NULL is allowed */

/* Adds lines to the file in which profilers look for names of code (perf: /tmp/perf-PID.map), which
 * only the user can read; nobody removes it. LDR_OS_ERROR, LDR_IO_ERROR. */
ldr_status ldr__os_profile_append(const char *text, size_t size);

/* ---- Threads ---- */

/* A recursive lock, allocated. */
typedef struct ldr__lock ldr__lock;
ldr_status ldr__os_lock_create(ldr__lock **ret_lock);
void ldr__os_lock_destroy(ldr__lock *lock);
void ldr__os_lock(ldr__lock *lock);
/* Waits `milliseconds` at the most. LDR_BUSY: another thread still has it. */
ldr_status ldr__os_lock_within(ldr__lock *lock, uint32_t milliseconds);
void ldr__os_unlock(ldr__lock *lock);

#endif
