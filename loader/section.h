/*
 * section.h: section objects and views, as in NT.
 *
 * A section is an image made from a file or from a buffer (which bytes go to which page, and with
 * which protection), or the data of a file, or memory of the paging file. A view is a section, or
 * part of one, at an address. Nothing here runs foreign code. Rules are those of pe/RULES.md.
 *
 * On Windows the objects are the system's own, and its rules hold. What differs there: the image of
 * a file that is FILE_BACKED is a section of SEC_IMAGE, whose pages are all the file's
 * (LDR_BACKING_FILE) and of which the kernel chooses the base if it has ASLR; that of a buffer, of
 * a snapshot, and of what the system will not map though the options allow it, is a copy of its own
 * in memory of the paging file, which views see by copy-on-write: LDR_BACKING_SEGMENT,
 * LDR_MEM_MAPPED; memory in it that is SHARED is each view's own. Nothing is filled on demand but
 * by the system.
 *
 * Ownership: every object is made by one function and released by one (both named below), which
 * takes NULL. A view keeps its section alive. Functions write `ret_*` only when they succeed.
 * An object may be used by one thread at a time; different objects by different threads at once.
 */
#ifndef PELOAD_SECTION_H
#define PELOAD_SECTION_H

#include <peload/pe.h>

#if defined(__GNUC__) && !defined(_WIN32)
#define LDR_API __attribute__((visibility("default")))
#else
#define LDR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status and diagnostic ---- */

/* Stable, numbered, appended to, never reused. */
#define LDR_STATUS_LIST(X)                                                         \
    X(OK, 0, "success")                                                            \
    X(NO_MEMORY, 1, "out of memory")                                               \
    X(INVALID_ARGUMENT, 2, "invalid argument")                                     \
    X(FILE_NOT_FOUND, 3, "no such file")                                           \
    X(NOT_A_FILE, 4, "not a regular file")                                         \
    X(IO_ERROR, 5, "the file cannot be read")                                      \
    X(IMAGE_REFUSED, 6, "Windows refuses the image")                               \
    X(WRONG_MACHINE, 7, "the image is for another machine")                        \
    X(ADDRESS_BUSY, 8, "no address range is free for the image")                   \
    X(NOT_RELOCATABLE, 9, "the image cannot have its base and has no relocations") \
    X(BAD_RELOCATIONS, 10, "the relocations of the image are broken")              \
    X(DLL_NOT_FOUND, 11, "a DLL was not found")                                    \
    X(IMPORTS_MISSING, 12, "imported functions are missing")                       \
    X(EXPORT_NOT_FOUND, 13, "no such export")                                      \
    X(FORWARDER_LOOP, 14, "a chain of export forwarders is too long")              \
    X(INIT_FAILED, 15, "DllMain failed")                                           \
    X(NOT_AN_EXE, 16, "the image is not an executable program")                    \
    X(OS_ERROR, 17, "the operating system refused a call")                         \
    X(POLICY, 18, "the image asks for what the policy forbids")                    \
    X(BUSY, 19, "the object is in use")                                            \
    X(ACCESS_DENIED, 20, "access is denied")                                       \
    X(SHARING_VIOLATION, 21, "somebody has the file open who does not share it")   \
    X(TOO_BIG, 22, "the section is too big")                                       \
    X(DISK_FULL, 23, "the disk is full")                                           \
    X(EXISTS, 24, "the file exists already")                                       \
    X(NAME_NOT_FOUND, 25, "no section has that name")

typedef enum ldr_status {
#define X(name, number, text) LDR_##name = number,
    LDR_STATUS_LIST(X)
#undef X
} ldr_status;

/* The text of a status: a static string, never NULL. */
LDR_API const char *ldr_status_text(ldr_status status);

/*
 * Why an operation failed. `why` holds the NTSTATUS that Windows gives, and for an image that was
 * refused the rule, offset, value and limit as well (else rule is NULL). `subject` is the file,
 * module or function it is about, in UTF-8, cut to fit. Plain data: nothing to release.
 */
typedef struct ldr_diag {
    ldr_status status;
    pe_diag why;
    char subject[256];
} ldr_diag;

/* One line of text for `diag`, written to `text` (always NUL-terminated, cut to fit); returns
 * `text`. */
LDR_API const char *ldr_diag_text(const ldr_diag *diag, char *text, size_t size);

/* ---- Files ---- */

/*
 * A file that is open as Windows opens it: for some kinds of access, and sharing others with those
 * who have it open or open it later. That holds between all processes that use this library, on
 * file systems that have locks; other programs do not know of it. A child of fork has the file
 * open as well, until it ends or runs another program.
 */
typedef struct ldr_file ldr_file;

/* What a file is opened for. Executing counts as reading where files are shared. */
enum {
    LDR_FILE_READ = 1,
    LDR_FILE_WRITE = 2,
    LDR_FILE_EXECUTE = 4,
    LDR_FILE_DELETE = 8,
    LDR_FILE_ATTRIBUTES = 0x80, /* alone: neither asks for data nor cares who does */
};

/* What others may open it for meanwhile: FILE_SHARE_*. */
enum {
    LDR_SHARE_READ = 1,
    LDR_SHARE_WRITE = 2,
    LDR_SHARE_DELETE = 4,
};

typedef enum ldr_disposition {
    LDR_OPEN_EXISTING = 0,
    LDR_OPEN_OR_CREATE, /* OPEN_ALWAYS */
    LDR_CREATE_NEW,
} ldr_disposition;

/* Zero is the default for every field but `size`, which is sizeof(ldr_file_options). */
typedef struct ldr_file_options {
    size_t size;
    uint32_t access; /* LDR_FILE_*; 0: LDR_FILE_READ */
    uint32_t share;  /* LDR_SHARE_*; 0: nobody else may open it */
    ldr_disposition disposition;
} ldr_file_options;

/*
 * Opens the file at `path` (UTF-8). `options` may be NULL. *ret_existed, if not NULL: it was there
 * already. The caller owns the file and releases it with ldr_file_close. LDR_SHARING_VIOLATION also
 * for writing to a file of which there is an image section (H.8). LDR_FILE_NOT_FOUND,
 * LDR_NOT_A_FILE, LDR_EXISTS, LDR_ACCESS_DENIED, LDR_IO_ERROR, LDR_INVALID_ARGUMENT,
 * LDR_NO_MEMORY.
 */
LDR_API ldr_status ldr_file_open(const char *path, const ldr_file_options *options,
                                 ldr_file **ret_file, bool *ret_existed, ldr_diag *diag);

/* Ends what the file was opened and shared for; sections and views of it stay. NULL is allowed. */
LDR_API void ldr_file_close(ldr_file *file);

/* The size in bytes now. LDR_IO_ERROR. */
LDR_API ldr_status ldr_file_size(const ldr_file *file, uint64_t *ret_size);

/*
 * Sets it; new bytes are zero, and the disk has room for them. Needs LDR_FILE_WRITE. LDR_BUSY
 * (STATUS_USER_MAPPED_FILE) if a section or view reaches beyond the new end (H.8): then nothing
 * changes. LDR_ACCESS_DENIED, LDR_DISK_FULL, LDR_TOO_BIG, LDR_IO_ERROR.
 */
LDR_API ldr_status ldr_file_set_size(ldr_file *file, uint64_t size, ldr_diag *diag);

/*
 * Removes the file's name at once; sections and views of it stay. Needs LDR_FILE_DELETE. LDR_BUSY
 * (STATUS_CANNOT_DELETE) while there is an image section of it (H.8); LDR_ACCESS_DENIED,
 * LDR_FILE_NOT_FOUND (it has been moved or removed), LDR_IO_ERROR.
 */
LDR_API ldr_status ldr_file_delete(ldr_file *file, ldr_diag *diag);

/* ---- Sections ---- */

typedef struct ldr_section ldr_section;

/* Where the pages of a view come from. */
typedef enum ldr_source {
    /* The file's own pages where they fit: for files that nobody changes meanwhile (see
       ldr_view_image). From a file system that is mounted noexec, a copy. */
    LDR_SOURCE_FILE_BACKED = 0,
    LDR_SOURCE_SNAPSHOT, /* a sealed copy: later changes to the file are harmless */
} ldr_source;

/* Which images get a base that cannot be foreseen, and have their relocated pages shared (C.10). */
typedef enum ldr_aslr {
    LDR_ASLR_OFF = 0,
    LDR_ASLR_ON,    /* those that ask for it: DYNAMIC_BASE, relocations that are not stripped */
    LDR_ASLR_FORCE, /* all that have relocations ("mandatory ASLR") */
} ldr_aslr;

/*
 * When the pages are filled that cannot be the file's own, because the image is aligned to sectors
 * (LDR_BACKING_SEGMENT): all of them when the section is made, or 64 KiB at a time when one of them
 * is first touched, relocated at the same moment if the view is. What is filled once is there for
 * all views. Broken relocations are found before either.
 *
 * On demand the section has the file open as long as it lives, and a thread as long as it has
 * views. A page that cannot be filled is like one behind the end of a file that was cut off:
 * whoever touches it gets SIGBUS (BUS_ADRERR), a system call EFAULT, functions of this header
 * LDR_IO_ERROR. fork fills all that the process's views have not touched yet before it makes the
 * child, which otherwise would find zeros there; posix_spawn and vfork do not. A child that is made
 * by the bare system call, or _Fork, must not touch a view. A debugger that has stopped all threads
 * cannot read what is not filled.
 */
typedef enum ldr_fill {
    LDR_FILL_AUTO = 0,  /* on demand where the system allows it and it has 512 KiB of them */
    LDR_FILL_EAGER,     /* when the section is made */
    LDR_FILL_ON_DEMAND, /* on demand, or LDR_OS_ERROR: from the section or from a view */
} ldr_fill;

/* Zero is the default for every field but `size`, which is sizeof(ldr_section_options). */
typedef struct ldr_section_options {
    size_t size;
    pe_profile profile; /* 0: PE_WIN10 */
    ldr_source source;
    bool refuse_writable_code; /* LDR_POLICY for images with a section both writable and executable
                                */
    pe_platform platform;      /* whose Windows judges: images of other machines can be mapped */
    bool no_execute; /* SEC_IMAGE_NO_EXECUTE: the same layout, but nothing can be executed (B.3) */
    ldr_aslr aslr;
    ldr_fill fill; /* a snapshot, a buffer, and an image with SHARED memory are always filled when
                      the section is made */
} ldr_section_options;

/*
 * An image section from the file at `path` (UTF-8). `options` may be NULL. On success the caller
 * owns the section and releases it with ldr_section_close. What a PE section claims beyond the end
 * of the file is zero (rule B16). A file that is rewritten, cut off, replaced or deleted at the
 * same time gives some status. A FILE_BACKED section goes on using the file: to write to it changes
 * views, and to cut it off takes pages from them, even those that they have written or relocated.
 * (Where pages are filled on demand, see ldr_fill, both is true of those that are not filled yet.)
 *
 * FILE_BACKED sections of one file in one state (modification time and size) share their pages, in
 * one process and in all processes of the user: those of the file; the copy in image layout, where
 * the file system has locks (fcntl) and the file has not been changed within the last 20 ms; and
 * PE sections that are SHARED and writable, which are one memory that starts as the file has them
 * and lasts as long as any of these sections. (Where the system refuses what that takes, sockets or
 * /proc, they are one for the views of this section.) Each other page that is written to becomes
 * the view's own, and so do pages of SHARED sections that the loader itself has to write to:
 * relocations, imports, the index of TLS. Snapshots and buffers share nothing.
 *
 * LDR_BUSY: another process has kept one from looking for SHARED memory for five seconds.
 * LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE, LDR_IO_ERROR, LDR_IMAGE_REFUSED (with rule), LDR_POLICY,
 * LDR_INVALID_ARGUMENT (unknown options), LDR_NO_MEMORY, LDR_OS_ERROR; on Windows
 * LDR_SHARING_VIOLATION, and LDR_ACCESS_DENIED for what the user must not execute or the system
 * does not trust (by its signature or a policy).
 */
LDR_API ldr_status ldr_section_from_file(const char *path, const ldr_section_options *options,
                                         ldr_section **ret_section, ldr_diag *diag);

/* The same from a buffer, which is copied: it may be released afterwards. `name` is for
 * diagnostics. */
LDR_API ldr_status ldr_section_from_memory(const char *name, const void *bytes, size_t size,
                                           const ldr_section_options *options,
                                           ldr_section **ret_section, ldr_diag *diag);

/* What a section is of, and how its memory is kept: SEC_*, as in winnt.h. */
#define LDR_SEC_FILE             UINT32_C(0x00800000) /* told, not asked for */
#define LDR_SEC_IMAGE            UINT32_C(0x01000000)
#define LDR_SEC_RESERVE          UINT32_C(0x04000000)
#define LDR_SEC_COMMIT           UINT32_C(0x08000000)
#define LDR_SEC_NOCACHE          UINT32_C(0x10000000) /* no effect on data */
#define LDR_SEC_IMAGE_NO_EXECUTE UINT32_C(0x11000000)
#define LDR_SEC_WRITECOMBINE     UINT32_C(0x40000000) /* no effect */
#define LDR_SEC_LARGE_PAGES      UINT32_C(0x80000000)

/* The rights of a section handle. They are looked at when a view is mapped, and never again. */
enum {
    LDR_SECTION_QUERY = 1,
    LDR_SECTION_MAP_WRITE = 2,
    LDR_SECTION_MAP_READ = 4,
    LDR_SECTION_MAP_EXECUTE = 8,
    LDR_SECTION_ALL_ACCESS = 0xF001F,
};

/* Zero is the default for every field but `size`, which is sizeof(ldr_create_options), and
 * `protect`. */
typedef struct ldr_create_options {
    size_t size;
    ldr_file *file;        /* NULL: memory of the paging file. Not needed afterwards. */
    uint64_t maximum_size; /* bytes; 0: all of the file (H6) */
    uint32_t protect;      /* LDR_PAGE_*: the most that views can ask for (H1, H38) */
    uint32_t attributes;   /* LDR_SEC_*; 0: LDR_SEC_COMMIT */
    const char *name;      /* UTF-8, may start with Global\ or Local\; NULL or "": none (H16) */
    uint32_t access;       /* LDR_SECTION_*; 0: all */
    const ldr_section_options *image; /* for LDR_SEC_IMAGE; NULL: the defaults. A snapshot, which
                                         others could not have, has no name. */
} ldr_create_options;

/*
 * NtCreateSection, by rules A0.1 to A0.8 and H1 to H16: diag->why.nt_status is what it returns. If
 * there is a section of that name, in whatever process of this user, *ret_section is that one, with
 * its own size and protection (H15), and *ret_existed (which may be NULL) is true. The name lasts
 * until the last section of it is closed, views or not (H18); nothing is left when processes are
 * killed. Where the system does not let processes find each other, it is known to this section
 * alone.
 *
 * Views of one file, of all sections and processes, show the same pages, which are the file's
 * (H.5). A file that is too small for the section becomes larger at once if the protection is
 * writable (H7). As long as the section or a view of it lives, ldr_file_set_size does not cut it
 * off; if another program does, direct use of pages that are gone is SIGBUS, and functions of this
 * library give LDR_IO_ERROR. Memory of the paging file that the system cannot provide when it is
 * touched is SIGBUS, too. LDR_SEC_RESERVE memory has to be committed (ldr_view_commit) before it is
 * used; with a file this attribute has no effect (H13).
 *
 * The caller owns the section and releases it with ldr_section_close. LDR_INVALID_ARGUMENT,
 * LDR_ACCESS_DENIED, LDR_TOO_BIG, LDR_DISK_FULL, LDR_IO_ERROR, LDR_NO_MEMORY, LDR_OS_ERROR,
 * LDR_BUSY (others keep looking for that name), and those of ldr_section_from_file for an image.
 * Nothing has changed then, the size of the file included.
 */
LDR_API ldr_status ldr_section_create(const ldr_create_options *options, ldr_section **ret_section,
                                      bool *ret_existed, ldr_diag *diag);

/*
 * NtOpenSection (H17): the section of that name, for views that need no more than `access`
 * (LDR_SECTION_*; 0: all). LDR_NAME_NOT_FOUND, LDR_INVALID_ARGUMENT (no name),
 * LDR_NO_MEMORY, LDR_OS_ERROR, LDR_BUSY.
 */
LDR_API ldr_status ldr_section_open(const char *name, uint32_t access, ldr_section **ret_section,
                                    ldr_diag *diag);

/* Gives up the caller's reference, and the name's; views keep theirs. NULL is allowed. */
LDR_API void ldr_section_close(ldr_section *section);

/* Bytes: of a file's data not rounded, of memory whole pages (H14), of an image SizeOfImage in
 * whole pages or the maximum that was asked for (A0.8). */
LDR_API uint64_t ldr_section_size(const ldr_section *section);

/* The decoded headers, valid as long as the section; directories cannot be read through it. NULL if
 * it is no image. */
LDR_API const pe_image *ldr_section_image(const ldr_section *section);

/* LDR_FILL_ON_DEMAND if pages of the section are filled when they are touched, else LDR_FILL_EAGER:
 * there are none, or not on demand, or a view found that the system could not do so any more. */
LDR_API ldr_fill ldr_section_fill(const ldr_section *section);

/* ---- Views ---- */

typedef struct ldr_view ldr_view;

typedef struct ldr_view_options {
    size_t size;
    uint64_t base;    /* 0: an image's preferred base, or the one that ASLR gives the file, if it is
                         free, elsewhere otherwise. Else this one or fail; a multiple of 64 KiB (else
                         STATUS_MAPPED_ALIGNMENT). */
    uint16_t machine; /* of the process that looks at it: PE_MACHINE_AMD64 for an ARM64X image as
                         x64 code sees it. 0: the image's own. ldr_view_relocate converts it. */
    /* The rest is for data; images are mapped whole, with their own protections (B.3, H45). */
    uint64_t offset;          /* in the section; a multiple of 64 KiB (H30) */
    uint64_t length;          /* bytes; 0: to the end of the section (H34) */
    uint32_t protect;         /* LDR_PAGE_*, also with _GUARD; 0: the section's own (H36 to H39) */
    uint32_t allocation_type; /* LDR_MEM_* (H40) */
    uint64_t commit_size;     /* of LDR_SEC_RESERVE memory: committed from the start (H41) */
    uint64_t zero_bits;       /* limits the address (H42) */
} ldr_view_options;

/* How a view is allocated (MEM_*, as in winnt.h). */
enum {
    /* `length` may exceed the section; what lies beyond it is reserved. Writable file sections. */
    LDR_MEM_RESERVE = 0x2000,
    LDR_MEM_TOP_DOWN = 0x100000,      /* no effect */
    LDR_MEM_LARGE_PAGES = 0x20000000, /* LDR_SEC_LARGE_PAGES sections have them anyway (H46) */
};

/*
 * NtMapViewOfSection. Of an image: all of it with its final protections, unrelocated. Of data: the
 * part that is asked for, in whole pages; bytes of the last page behind the file's end are zero,
 * and what is written there is lost (H35). WRITECOPY pages are the view's own once they are written
 * to, and no longer follow the file then (H.5).
 *
 * Never over an existing mapping. What is asked for is looked at in the order of rule H33. The
 * caller owns the view and releases it with ldr_view_unmap. LDR_ADDRESS_BUSY, LDR_INVALID_ARGUMENT,
 * LDR_ACCESS_DENIED, LDR_NO_MEMORY, LDR_OS_ERROR; then nothing stays mapped.
 */
LDR_API ldr_status ldr_view_map(ldr_section *section, const ldr_view_options *options,
                                ldr_view **ret_view, ldr_diag *diag);

/* Unmaps a view and releases it. NULL is allowed. */
LDR_API void ldr_view_unmap(ldr_view *view);

/*
 * Converts an ARM64X image for the machine that was asked for (D.4), whose directories the view has
 * from then on. Then applies the base relocations for where the view is, as ntdll does after
 * mapping: nothing when it is at its preferred base, or relocated already. ImageBase in the view's
 * header stays as it is in the file. A view at the base that ASLR gave its section is relocated as
 * the kernel does it: ImageBase becomes the base (B8), and the pages that relocations change are
 * kept with the section, if nobody has written to the view yet, so that later views there, also in
 * child processes, share them instead of making their own. Of a section that is filled on demand
 * that is so at every base, though not for ever: pages for a base that no view is at may be given
 * up for those of another. LDR_WRONG_MACHINE, LDR_NOT_RELOCATABLE
 * (rules C.11, D.1), LDR_BAD_RELOCATIONS, LDR_IO_ERROR (the file was cut off,
 * STATUS_IN_PAGE_ERROR), LDR_NO_MEMORY, LDR_OS_ERROR; protections are as before in every case but
 * one: pages stay writable, not executable, if the system refuses to close them. A view that could
 * not be relocated is good for nothing but to be unmapped.
 */
LDR_API ldr_status ldr_view_relocate(ldr_view *view, ldr_diag *diag);

LDR_API void *ldr_view_base(const ldr_view *view);

/* What Windows's mapping call returns for it: PE_NT_SUCCESS, or PE_NT_IMAGE_NOT_AT_BASE (C2, C4)
 * for a view of an image that is neither at its preferred base nor at the one that ASLR gave the
 * section. */
LDR_API uint32_t ldr_view_nt_status(const ldr_view *view);

LDR_API size_t ldr_view_size(const ldr_view *view); /* bytes, whole pages */
LDR_API ldr_section *ldr_view_section(const ldr_view *view);

/*
 * The image as mapped here: directories are read from the view. Valid as long as the view. The
 * functions of this header never fail by a signal, but pe_ functions touch the view itself, as its
 * code does: where a file is cut off under a FILE_BACKED view they get SIGBUS, also for a page that
 * was to be filled on demand. For a file that others may change use LDR_SOURCE_SNAPSHOT. NULL if it
 * is no image.
 */
LDR_API const pe_image *ldr_view_image(const ldr_view *view);

/* Page protections, as in winnt.h. */
enum {
    LDR_PAGE_NOACCESS = 0x01,
    LDR_PAGE_READONLY = 0x02,
    LDR_PAGE_READWRITE = 0x04,
    LDR_PAGE_WRITECOPY = 0x08,
    LDR_PAGE_EXECUTE = 0x10,
    LDR_PAGE_EXECUTE_READ = 0x20,
    LDR_PAGE_EXECUTE_READWRITE = 0x40,
    LDR_PAGE_EXECUTE_WRITECOPY = 0x80,
    /* With one of those above, but NOACCESS: the first touch is a fault. It ends the guard if a
       guest makes it, who gets STATUS_GUARD_PAGE_VIOLATION (H39); ldr_view_protect does, too. */
    LDR_PAGE_GUARD = 0x100,
};

/* "PAGE_READONLY" and so on, also with " | PAGE_GUARD"; "0" for a reserved range that has none.
 * Static. */
LDR_API const char *ldr_protect_name(uint32_t protect);

/* The protection of MapViewOfFile's view for FILE_MAP_* access (H37). */
LDR_API uint32_t ldr_protect_of_access(uint32_t file_map_access);

/* What a page of a view is backed by. */
typedef enum ldr_backing {
    LDR_BACKING_FILE,      /* the file's own pages, of an image or of data */
    LDR_BACKING_SEGMENT,   /* a copy of the file in image layout, shared by its views */
    LDR_BACKING_ZERO,      /* zero fill */
    LDR_BACKING_SHARED,    /* a PE section marked SHARED, or data in memory: one for all views */
    LDR_BACKING_PRIVATE,   /* this view's own copy, because it was written or relocated */
    LDR_BACKING_NONE,      /* reserved address space */
    LDR_BACKING_RELOCATED, /* the section's relocated copy for this base, shared by its views */
} ldr_backing;

/* "file", "segment", "zero", "shared", "private", "none", "relocated". Static. */
LDR_API const char *ldr_backing_name(ldr_backing backing);

/* A run of pages with the same answers. `pe_section` is an index into the section table, or -1. */
typedef struct ldr_region {
    uint64_t rva;                /* bytes from the view's base */
    uint64_t size;               /* bytes, whole pages */
    uint32_t protect;            /* LDR_PAGE_*; 0 when reserved */
    uint32_t allocation_protect; /* the same for all of a view (B.3, H.7) */
    bool committed;              /* MEM_COMMIT, else MEM_RESERVE */
    uint64_t private_bytes;      /* of this process alone: all of the region or none */
    ldr_backing backing;
    int32_t pe_section;
    uint32_t type; /* LDR_MEM_IMAGE or LDR_MEM_MAPPED (H.7) */
} ldr_region;

/* MEM_*, as in winnt.h. */
enum {
    LDR_MEM_MAPPED = 0x40000,
    LDR_MEM_IMAGE = 0x1000000,
};

/*
 * The region that starts at or holds `rva`. Regions follow one another without holes, so that
 * starting at 0 and going on at rva + size visits the view. A page of zero fill or of the file that
 * this view has written to is private. LDR_INVALID_ARGUMENT beyond the view's end, LDR_OS_ERROR
 * when the system does not tell which pages are copies.
 */
LDR_API ldr_status ldr_view_query(const ldr_view *view, uint64_t rva, ldr_region *ret_region);

/*
 * VirtualProtect on the pages that hold [offset, offset + size), bytes from the view's base.
 * *ret_old, which may be NULL, is what the first of them had. A data view allows no more than it
 * was mapped with (H.6: else STATUS_SECTION_PROTECTION), but WRITECOPY always; an image anything,
 * without execute rights if it has none. Where writing makes a copy, READWRITE means WRITECOPY
 * (B.3). LDR_INVALID_ARGUMENT (no such protection: STATUS_INVALID_PAGE_PROTECTION; outside the
 * view: STATUS_CONFLICTING_ADDRESSES; reserved only: STATUS_NOT_COMMITTED), LDR_ACCESS_DENIED,
 * LDR_NO_MEMORY, LDR_OS_ERROR; then all is as before.
 */
LDR_API ldr_status ldr_view_protect(ldr_view *view, uint64_t offset, uint64_t size,
                                    uint32_t protect, uint32_t *ret_old, ldr_diag *diag);

/*
 * VirtualAlloc(MEM_COMMIT) on the pages that hold [offset, offset + size): of LDR_SEC_RESERVE
 * memory they can be used from now on, here with `protect` (0: the view's own), in all other views
 * of this section object with the protection of those (H43). Views of another process, or of
 * another section object with the same name, open such pages when any function of this header looks
 * at them (ldr_view_query), or a guest touches them. Pages that are committed already get
 * `protect`. They never become reserved again.
 * LDR_INVALID_ARGUMENT (outside the view: STATUS_CONFLICTING_ADDRESSES; no such protection),
 * LDR_ACCESS_DENIED (the section or the right to it does not allow it: STATUS_SECTION_PROTECTION;
 * an image, a file: STATUS_ALREADY_COMMITTED), LDR_NO_MEMORY, LDR_OS_ERROR; then all is as before.
 */
LDR_API ldr_status ldr_view_commit(ldr_view *view, uint64_t offset, uint64_t size, uint32_t protect,
                                   ldr_diag *diag);

/*
 * FlushViewOfFile (H.4): writes what was changed in [offset, offset + size) to the file's disk and
 * waits for that; size 0 is the rest of the view. With `through` also for the disk's own memory,
 * and the file's size: FlushFileBuffers (on Windows not of a section that was found by its name,
 * which has no file there). LDR_INVALID_ARGUMENT (outside the view: STATUS_NOT_MAPPED_VIEW; not the
 * data of a file: STATUS_NOT_MAPPED_DATA), LDR_IO_ERROR.
 */
LDR_API ldr_status ldr_view_flush(ldr_view *view, uint64_t offset, uint64_t size, bool through,
                                  ldr_diag *diag);

/* ---- Control areas ---- */

/* Who has the memory of a section object of a file. */
typedef enum ldr_sharing {
    LDR_SHARING_NONE = 0,  /* this section object alone; or there is no such memory */
    LDR_SHARING_PUBLISHED, /* made for this one, and others can find it */
    LDR_SHARING_FOUND,     /* made for another section object, maybe of another process */
} ldr_sharing;

/* "none", "published", "found". Static. */
LDR_API const char *ldr_sharing_name(ldr_sharing sharing);

/*
 * What stands behind a section (B.5): the control area of its segment, as a kernel debugger shows
 * it. Plain data; counts are those of the moment, and of this section object.
 */
typedef struct ldr_control_area {
    uint32_t attributes;   /* LDR_SEC_* */
    uint32_t protect;      /* LDR_PAGE_* of data; 0 of an image, whose subsections have theirs */
    uint64_t segment_base; /* of an image: where its views go first, preferred or by ASLR */
    uint64_t segment_size; /* bytes; of images and memory whole pages */
    uint64_t page_count;   /* pages that can be used; reserved ones left out */
    uint32_t subsection_count; /* see ldr_section_subsection */
    uint32_t section_count;    /* references to the section object that are no views */
    uint32_t view_count;
    uint64_t flush_count;     /* calls of ldr_view_flush that succeeded */
    uint64_t relocated_pages; /* kept with the section for its base (LDR_BACKING_RELOCATED) */
    ldr_sharing segment;      /* of an image: its pages of LDR_BACKING_SEGMENT */
    ldr_sharing shared;       /* and those of LDR_BACKING_SHARED */
    bool has_file;            /* its identity is known: it was made from a file */
    uint64_t file_device;
    uint64_t file_index; /* inode */
    uint64_t file_size;  /* bytes, when the section was made */
} ldr_control_area;

LDR_API void ldr_section_describe(const ldr_section *section, ldr_control_area *ret_area);

/*
 * A subsection, of which Windows makes one for the headers and one for each PE section that has
 * pages; a single one for a flat image (B7) and for data.
 */
typedef struct ldr_subsection {
    int32_t pe_section;     /* an index into the section table, or -1 */
    uint64_t rva;           /* bytes */
    uint64_t page_count;    /* with a protection */
    uint64_t unused_pages;  /* reserved: behind them, up to the next subsection (B17, B18); of
                               memory those that are not committed */
    uint32_t protect;       /* LDR_PAGE_* */
    uint64_t file_offset;   /* bytes, a multiple of the sector; 0 without content */
    uint64_t file_size;     /* bytes */
    uint64_t first_sector;  /* of 512 bytes, in the file */
    uint64_t sector_count;  /* begun ones count */
    uint64_t file_pages;    /* of page_count: the file's own, */
    uint64_t segment_pages; /* those of the copy in image layout, */
    uint64_t zero_pages;    /* zero fill, */
    uint64_t shared_pages;  /* and those that are one memory for all views, of the paging file */
} ldr_subsection;

/* Subsection `index`. LDR_INVALID_ARGUMENT beyond the last one. */
LDR_API ldr_status ldr_section_subsection(const ldr_section *section, uint32_t index,
                                          ldr_subsection *ret_subsection);

/* What becomes of a section's file elsewhere: on Windows its section object pointers. */
typedef struct ldr_file_use {
    bool has_image;        /* another section object of the file is an image of it (A0.10, H.8) */
    bool has_section;      /* there is another section object of it, whatever it is */
    bool is_cache_known;   /* the system tells what its page cache has (Linux: from 6.5 on) */
    uint64_t cached_pages; /* on Windows: the shared cache map */
    uint64_t dirty_pages;  /* not written back yet */
} ldr_file_use;

/* LDR_FILE_NOT_FOUND when the section does not use a file. */
LDR_API ldr_status ldr_section_file_use(const ldr_section *section, ldr_file_use *ret_use);

/* The way from an address of a view to what is there. */
typedef struct ldr_location {
    uint64_t address;
    uint64_t rva;                /* bytes from the view's base */
    uint32_t subsection;         /* an index for ldr_section_subsection */
    int32_t pe_section;          /* an index into the section table, or -1 */
    uint32_t protect;            /* LDR_PAGE_*; 0 when reserved */
    ldr_backing backing;         /* of its page */
    bool has_file_offset;        /* the byte came from the file, whatever has become of it */
    uint64_t file_offset;        /* bytes */
    uint16_t pml4, pdpt, pd, pt; /* indices into the four levels of page tables of x86-64 */
    uint16_t page_offset;        /* bytes */
    bool is_present;             /* the page is in memory, and this process's tables say where */
    bool has_frame;              /* and the system tells where (Linux: CAP_SYS_ADMIN only) */
    uint64_t frame;              /* physical address / 4096 */
} ldr_location;

/* LDR_INVALID_ARGUMENT beyond the view's end, LDR_OS_ERROR as for ldr_view_query. */
LDR_API ldr_status ldr_view_locate(const ldr_view *view, uint64_t rva, ldr_location *ret_location);

#ifdef __cplusplus
}
#endif

#endif
