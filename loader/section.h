/*
 * section.h: section objects and views, as in NT.
 *
 * A section is an image made from a file or from a buffer: which bytes go to which page, and with
 * which protection. A view is a section at an address. Nothing here runs foreign code.
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
    X(BUSY, 19, "the object is in use")

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
    ldr_fill fill; /* a snapshot and a buffer are always filled when the section is made */
} ldr_section_options;

/*
 * An image section from the file at `path` (UTF-8). `options` may be NULL. On success the caller
 * owns the section and releases it with ldr_section_close. What a PE section claims beyond the end
 * of the file is zero (rule B16). A file that is rewritten, cut off, replaced or deleted at the
 * same time gives some status. A FILE_BACKED section goes on using the file: to write to it changes
 * views, and to cut it off takes pages from them, even those that they have written or relocated.
 * (Where pages are filled on demand, see ldr_fill, both is true of those that are not filled yet.)
 * LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE, LDR_IO_ERROR, LDR_IMAGE_REFUSED (with rule), LDR_POLICY,
 * LDR_INVALID_ARGUMENT (unknown options), LDR_NO_MEMORY, LDR_OS_ERROR.
 */
LDR_API ldr_status ldr_section_from_file(const char *path, const ldr_section_options *options,
                                         ldr_section **ret_section, ldr_diag *diag);

/* The same from a buffer, which is copied: it may be released afterwards. `name` is for
 * diagnostics. */
LDR_API ldr_status ldr_section_from_memory(const char *name, const void *bytes, size_t size,
                                           const ldr_section_options *options,
                                           ldr_section **ret_section, ldr_diag *diag);

/* Gives up the caller's reference; views keep theirs. NULL is allowed. */
LDR_API void ldr_section_close(ldr_section *section);

/* The decoded headers, valid as long as the section; directories cannot be read through it. */
LDR_API const pe_image *ldr_section_image(const ldr_section *section);

/* LDR_FILL_ON_DEMAND if pages of the section are filled when they are touched, else LDR_FILL_EAGER:
 * there are none, or not on demand, or a view found that the system could not do so any more. */
LDR_API ldr_fill ldr_section_fill(const ldr_section *section);

/* ---- Views ---- */

typedef struct ldr_view ldr_view;

typedef struct ldr_view_options {
    size_t size;
    uint64_t base;    /* 0: the preferred base, or the one that ASLR gives the file, if it is free,
                         elsewhere otherwise. Else this one or fail; a multiple of 64 KiB (else
                         STATUS_MAPPED_ALIGNMENT). */
    uint16_t machine; /* of the process that looks at it: PE_MACHINE_AMD64 for an ARM64X image as
                         x64 code sees it. 0: the image's own. ldr_view_relocate converts it. */
} ldr_view_options;

/*
 * Maps all of an image section with its final protections, unrelocated. Never over an existing
 * mapping. The caller owns the view and releases it with ldr_view_unmap.
 * LDR_ADDRESS_BUSY, LDR_INVALID_ARGUMENT, LDR_NO_MEMORY, LDR_OS_ERROR; then nothing stays mapped.
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
 * for a view that is neither at its preferred base nor at the one that ASLR gave the section. */
LDR_API uint32_t ldr_view_nt_status(const ldr_view *view);

LDR_API size_t ldr_view_size(const ldr_view *view); /* bytes, whole pages */
LDR_API ldr_section *ldr_view_section(const ldr_view *view);

/*
 * The image as mapped here: directories are read from the view. Valid as long as the view. The
 * functions of this header never fail by a signal, but pe_ functions touch the view itself, as its
 * code does: where a file is cut off under a FILE_BACKED view they get SIGBUS, also for a page that
 * was to be filled on demand. For a file that others may change use LDR_SOURCE_SNAPSHOT.
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
};

/* "PAGE_READONLY" and so on; "0" for a reserved range that has none. Static. */
LDR_API const char *ldr_protect_name(uint32_t protect);

/* What a page of a view is backed by. */
typedef enum ldr_backing {
    LDR_BACKING_FILE,      /* the file's own pages */
    LDR_BACKING_SEGMENT,   /* the section's copy of the file in image layout, shared by its views */
    LDR_BACKING_ZERO,      /* zero fill */
    LDR_BACKING_SHARED,    /* a PE section marked SHARED: one memory for all views */
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
    uint32_t allocation_protect; /* the same for all of a view (B.3) */
    bool committed;              /* MEM_COMMIT, else MEM_RESERVE */
    uint64_t private_bytes;      /* of this process alone: all of the region or none */
    ldr_backing backing;
    int32_t pe_section;
} ldr_region;

/*
 * The region that starts at or holds `rva`. Regions follow one another without holes, so that
 * starting at 0 and going on at rva + size visits the view. A page of zero fill or of the file that
 * this view has written to is private. LDR_INVALID_ARGUMENT beyond the view's end, LDR_OS_ERROR
 * when the system does not tell which pages are copies.
 */
LDR_API ldr_status ldr_view_query(const ldr_view *view, uint64_t rva, ldr_region *ret_region);

#ifdef __cplusplus
}
#endif

#endif
