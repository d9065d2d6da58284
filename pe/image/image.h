/*
 * image.h: opening an image, Windows's verdict on it, and reading at an RVA. Part of pe.h.
 */
#ifndef PELOAD_PE_IMAGE_H
#define PELOAD_PE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(_WIN32)
#define PE_API __attribute__((visibility("default")))
#else
#define PE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Bytes, positions, and the one bounds check ---- */

/* A run of bytes that somebody else owns. `size` is in bytes; `data` may be NULL when it is 0. */
typedef struct pe_span {
    const uint8_t *data;
    uint64_t size;
} pe_span;

/* An address relative to the image base. A type of its own, so that it is never taken for an
 * offset. */
typedef struct pe_rva {
    uint32_t value;
} pe_rva;

/* A position in bytes from the start of the file. */
typedef struct pe_offset {
    uint64_t value;
} pe_offset;

/* True if [offset, offset + length) lies inside `size` bytes; cannot overflow. */
static inline bool pe_range_ok(uint64_t size, uint64_t offset, uint64_t length)
{
    return offset <= size && length <= size - offset;
}

/* ---- Status and diagnostic ---- */

/* Stable, numbered, appended to, never reused. */
#define PE_STATUS_LIST(X)                                                          \
    X(OK, 0, "success")                                                            \
    X(END, 1, "no more items")                                                     \
    X(NOT_PRESENT, 2, "the image has no such structure")                           \
    X(NOT_FOUND, 3, "no item of that name or number")                              \
    X(OUT_OF_BOUNDS, 4, "a structure lies outside the bytes of the image")         \
    X(UNREADABLE, 5, "a structure lies in memory that the image makes unreadable") \
    X(BAD_FORMAT, 6, "a structure contradicts the format")                         \
    X(REFUSED, 7, "Windows refuses the image")                                     \
    X(NAME_TOO_LONG, 8, "a name is longer than the caller's buffer")               \
    X(BUDGET_SPENT, 9, "the work that the caller allows is used up")

typedef enum pe_status {
#define X(name, number, text) PE_##name = number,
    PE_STATUS_LIST(X)
#undef X
} pe_status;

/* The text of a status: a static string, never NULL. */
PE_API const char *pe_status_text(pe_status status);

/* NTSTATUS values that the rules give. Names and numbers as in Microsoft's [MS-ERREF]. */
#define PE_NT_STATUS_LIST(X)                    \
    X(SUCCESS, 0x00000000u)                     \
    X(OBJECT_NAME_EXISTS, 0x40000000u)          \
    X(IMAGE_NOT_AT_BASE, 0x40000003u)           \
    X(IMAGE_MACHINE_TYPE_MISMATCH, 0x4000000Eu) \
    X(GUARD_PAGE_VIOLATION, 0x80000001u)        \
    X(UNSUCCESSFUL, 0xC0000001u)                \
    X(ACCESS_VIOLATION, 0xC0000005u)            \
    X(IN_PAGE_ERROR, 0xC0000006u)               \
    X(INVALID_HANDLE, 0xC0000008u)              \
    X(INVALID_PARAMETER, 0xC000000Du)           \
    X(NO_SUCH_FILE, 0xC000000Fu)                \
    X(NO_MEMORY, 0xC0000017u)                   \
    X(CONFLICTING_ADDRESSES, 0xC0000018u)       \
    X(NOT_MAPPED_VIEW, 0xC0000019u)             \
    X(UNABLE_TO_DELETE_SECTION, 0xC000001Bu)    \
    X(INVALID_VIEW_SIZE, 0xC000001Fu)           \
    X(INVALID_FILE_FOR_SECTION, 0xC0000020u)    \
    X(ALREADY_COMMITTED, 0xC0000021u)           \
    X(ACCESS_DENIED, 0xC0000022u)               \
    X(OBJECT_TYPE_MISMATCH, 0xC0000024u)        \
    X(NOT_COMMITTED, 0xC000002Du)               \
    X(OBJECT_NAME_INVALID, 0xC0000033u)         \
    X(OBJECT_NAME_NOT_FOUND, 0xC0000034u)       \
    X(OBJECT_NAME_COLLISION, 0xC0000035u)       \
    X(OBJECT_PATH_NOT_FOUND, 0xC000003Au)       \
    X(OBJECT_PATH_SYNTAX_BAD, 0xC000003Bu)      \
    X(SECTION_TOO_BIG, 0xC0000040u)             \
    X(SHARING_VIOLATION, 0xC0000043u)           \
    X(INVALID_PAGE_PROTECTION, 0xC0000045u)     \
    X(SECTION_PROTECTION, 0xC000004Eu)          \
    X(PRIVILEGE_NOT_HELD, 0xC0000061u)          \
    X(PROCEDURE_NOT_FOUND, 0xC000007Au)         \
    X(INVALID_IMAGE_FORMAT, 0xC000007Bu)        \
    X(DISK_FULL, 0xC000007Fu)                   \
    X(NOT_MAPPED_DATA, 0xC0000088u)             \
    X(INSUFFICIENT_RESOURCES, 0xC000009Au)      \
    X(INVALID_PARAMETER_3, 0xC00000F1u)         \
    X(INVALID_PARAMETER_4, 0xC00000F2u)         \
    X(INVALID_PARAMETER_5, 0xC00000F3u)         \
    X(INVALID_PARAMETER_6, 0xC00000F4u)         \
    X(INVALID_PARAMETER_9, 0xC00000F7u)         \
    X(INVALID_IMAGE_NE_FORMAT, 0xC000011Bu)     \
    X(INVALID_IMAGE_LE_FORMAT, 0xC000011Cu)     \
    X(MAPPED_FILE_SIZE_ZERO, 0xC000011Eu)       \
    X(CANNOT_DELETE, 0xC0000121u)               \
    X(COMMITMENT_LIMIT, 0xC000012Du)            \
    X(INVALID_IMAGE_NOT_MZ, 0xC000012Fu)        \
    X(INVALID_IMAGE_PROTECT, 0xC0000130u)       \
    X(INVALID_IMAGE_WIN_16, 0xC0000131u)        \
    X(DLL_NOT_FOUND, 0xC0000135u)               \
    X(ORDINAL_NOT_FOUND, 0xC0000138u)           \
    X(ENTRYPOINT_NOT_FOUND, 0xC0000139u)        \
    X(DLL_INIT_FAILED, 0xC0000142u)             \
    X(MAPPED_ALIGNMENT, 0xC0000220u)            \
    X(USER_MAPPED_FILE, 0xC0000243u)

typedef enum pe_nt_status {
#define X(name, number) PE_NT_##name = number,
    PE_NT_STATUS_LIST(X)
#undef X
} pe_nt_status;

/* "STATUS_INVALID_IMAGE_FORMAT" for 0xC000007B, and so on; "STATUS_UNKNOWN" for what is not listed.
 */
PE_API const char *pe_nt_status_name(uint32_t nt_status);

/*
 * Why something was refused. Every refusal fills all of it; strings are static.
 * `rule` is an ID of pe/RULES.md, `offset` is in bytes from the start of the file (of the image in
 * mapped layout), `value` is what was found there and `allowed` the limit or the value required.
 */
typedef struct pe_diag {
    uint32_t nt_status;
    const char *rule;
    uint64_t offset;
    uint64_t value;
    uint64_t allowed;
    const char *detail;
} pe_diag;

/* ---- Headers ---- */

/* [PE Machine Types]. Codes that are not listed pass through as numbers. */
#define PE_MACHINE_LIST(X) \
    X(UNKNOWN, 0)          \
    X(I386, 0x14C)         \
    X(R3000, 0x162)        \
    X(R4000, 0x166)        \
    X(R10000, 0x168)       \
    X(WCEMIPSV2, 0x169)    \
    X(ALPHA, 0x184)        \
    X(SH3, 0x1A2)          \
    X(SH3DSP, 0x1A3)       \
    X(SH4, 0x1A6)          \
    X(SH5, 0x1A8)          \
    X(ARM, 0x1C0)          \
    X(THUMB, 0x1C2)        \
    X(ARMNT, 0x1C4)        \
    X(AM33, 0x1D3)         \
    X(POWERPC, 0x1F0)      \
    X(POWERPCFP, 0x1F1)    \
    X(IA64, 0x200)         \
    X(MIPS16, 0x266)       \
    X(ALPHA64, 0x284)      \
    X(MIPSFPU, 0x366)      \
    X(MIPSFPU16, 0x466)    \
    X(TRICORE, 0x520)      \
    X(EBC, 0xEBC)          \
    X(CHPE_X86, 0x3A64)    \
    X(RISCV32, 0x5032)     \
    X(RISCV64, 0x5064)     \
    X(RISCV128, 0x5128)    \
    X(LOONGARCH32, 0x6232) \
    X(LOONGARCH64, 0x6264) \
    X(AMD64, 0x8664)       \
    X(M32R, 0x9041)        \
    X(ARM64EC, 0xA641)     \
    X(ARM64X, 0xA64E)      \
    X(ARM64, 0xAA64)       \
    X(CEE, 0xC0EE)

enum {
#define X(name, number) PE_MACHINE_##name = number,
    PE_MACHINE_LIST(X)
#undef X
};

/* The name of a machine code of [PE Machine Types], such as "AMD64"; static. NULL when not listed.
 */
PE_API const char *pe_machine_name(uint16_t machine);

/* [PE Characteristics] of the file header. */
#define PE_FILE_FLAG_LIST(X)           \
    X(RELOCS_STRIPPED, 0x0001)         \
    X(EXECUTABLE_IMAGE, 0x0002)        \
    X(LINE_NUMS_STRIPPED, 0x0004)      \
    X(LOCAL_SYMS_STRIPPED, 0x0008)     \
    X(AGGRESSIVE_WS_TRIM, 0x0010)      \
    X(LARGE_ADDRESS_AWARE, 0x0020)     \
    X(BYTES_REVERSED_LO, 0x0080)       \
    X(MACHINE_32BIT, 0x0100)           \
    X(DEBUG_STRIPPED, 0x0200)          \
    X(REMOVABLE_RUN_FROM_SWAP, 0x0400) \
    X(NET_RUN_FROM_SWAP, 0x0800)       \
    X(SYSTEM, 0x1000)                  \
    X(DLL, 0x2000)                     \
    X(UP_SYSTEM_ONLY, 0x4000)          \
    X(BYTES_REVERSED_HI, 0x8000)

enum {
#define X(name, bit) PE_FILE_##name = bit,
    PE_FILE_FLAG_LIST(X)
#undef X
};

/* [PE Windows Subsystem] */
#define PE_SUBSYSTEM_LIST(X)       \
    X(UNKNOWN, 0)                  \
    X(NATIVE, 1)                   \
    X(WINDOWS_GUI, 2)              \
    X(WINDOWS_CUI, 3)              \
    X(OS2_CUI, 5)                  \
    X(POSIX_CUI, 7)                \
    X(NATIVE_WINDOWS, 8)           \
    X(WINDOWS_CE_GUI, 9)           \
    X(EFI_APPLICATION, 10)         \
    X(EFI_BOOT_SERVICE_DRIVER, 11) \
    X(EFI_RUNTIME_DRIVER, 12)      \
    X(EFI_ROM, 13)                 \
    X(XBOX, 14)                    \
    X(WINDOWS_BOOT_APPLICATION, 16)

enum {
#define X(name, number) PE_SUBSYSTEM_##name = number,
    PE_SUBSYSTEM_LIST(X)
#undef X
};

/* [PE DLL Characteristics] of the optional header. */
#define PE_DLL_FLAG_LIST(X)    \
    X(HIGH_ENTROPY_VA, 0x0020) \
    X(DYNAMIC_BASE, 0x0040)    \
    X(FORCE_INTEGRITY, 0x0080) \
    X(NX_COMPAT, 0x0100)       \
    X(NO_ISOLATION, 0x0200)    \
    X(NO_SEH, 0x0400)          \
    X(NO_BIND, 0x0800)         \
    X(APPCONTAINER, 0x1000)    \
    X(WDM_DRIVER, 0x2000)      \
    X(GUARD_CF, 0x4000)        \
    X(TERMINAL_SERVER_AWARE, 0x8000)

enum {
#define X(name, bit) PE_DLL_##name = bit,
    PE_DLL_FLAG_LIST(X)
#undef X
};

/* Optional header magic. */
enum { PE_MAGIC_PE32 = 0x10B, PE_MAGIC_PE32_PLUS = 0x20B };

/* [PE Section Flags] without the alignments of object files. */
#define PE_SCN_FLAG_LIST(X)                \
    X(TYPE_NO_PAD, 0x00000008u)            \
    X(CNT_CODE, 0x00000020u)               \
    X(CNT_INITIALIZED_DATA, 0x00000040u)   \
    X(CNT_UNINITIALIZED_DATA, 0x00000080u) \
    X(LNK_OTHER, 0x00000100u)              \
    X(LNK_INFO, 0x00000200u)               \
    X(LNK_REMOVE, 0x00000800u)             \
    X(LNK_COMDAT, 0x00001000u)             \
    X(GPREL, 0x00008000u)                  \
    X(MEM_PURGEABLE, 0x00020000u)          \
    X(MEM_LOCKED, 0x00040000u)             \
    X(MEM_PRELOAD, 0x00080000u)            \
    X(LNK_NRELOC_OVFL, 0x01000000u)        \
    X(MEM_DISCARDABLE, 0x02000000u)        \
    X(MEM_NOT_CACHED, 0x04000000u)         \
    X(MEM_NOT_PAGED, 0x08000000u)          \
    X(MEM_SHARED, 0x10000000u)             \
    X(MEM_EXECUTE, 0x20000000u)            \
    X(MEM_READ, 0x40000000u)               \
    X(MEM_WRITE, 0x80000000u)

#define PE_SCN_CNT_CODE               0x00000020u
#define PE_SCN_CNT_INITIALIZED_DATA   0x00000040u
#define PE_SCN_CNT_UNINITIALIZED_DATA 0x00000080u
#define PE_SCN_MEM_DISCARDABLE        0x02000000u
#define PE_SCN_MEM_SHARED             0x10000000u
#define PE_SCN_MEM_EXECUTE            0x20000000u
#define PE_SCN_MEM_READ               0x40000000u
#define PE_SCN_MEM_WRITE              0x80000000u

/* The name of a single bit of the lists above, or of a subsystem; static. NULL when not listed. */
PE_API const char *pe_file_flag_name(uint32_t bit);
PE_API const char *pe_dll_flag_name(uint32_t bit);
PE_API const char *pe_section_flag_name(uint32_t bit);
PE_API const char *pe_subsystem_name(uint16_t subsystem);

/* [PE Optional Header Data Directories] */
typedef enum pe_directory_index {
    PE_DIRECTORY_EXPORT,
    PE_DIRECTORY_IMPORT,
    PE_DIRECTORY_RESOURCE,
    PE_DIRECTORY_EXCEPTION,
    PE_DIRECTORY_CERTIFICATE, /* its rva field is a file offset */
    PE_DIRECTORY_BASE_RELOCATION,
    PE_DIRECTORY_DEBUG,
    PE_DIRECTORY_ARCHITECTURE,
    PE_DIRECTORY_GLOBAL_POINTER,
    PE_DIRECTORY_TLS,
    PE_DIRECTORY_LOAD_CONFIG,
    PE_DIRECTORY_BOUND_IMPORT,
    PE_DIRECTORY_IAT,
    PE_DIRECTORY_DELAY_IMPORT,
    PE_DIRECTORY_CLR,
    PE_DIRECTORY_RESERVED,
    PE_DIRECTORY_COUNT
} pe_directory_index;

/* The specification's name of a directory, such as "import"; static. */
PE_API const char *pe_directory_name(pe_directory_index index);

/* Where a directory lies. Both 0 when the image has none or does not count that far. */
typedef struct pe_directory {
    pe_rva rva;
    uint32_t size;
} pe_directory;

/* [PE COFF File Header], and `offset` of the PE signature (the DOS header's e_lfanew). */
typedef struct pe_file_header {
    pe_offset offset;
    uint16_t machine;
    uint16_t section_count;
    uint32_t time_date_stamp;
    uint32_t symbol_table; /* file offset, 0 for none */
    uint32_t symbol_count;
    uint16_t optional_header_size;
    uint16_t characteristics;
} pe_file_header;

/* [PE Optional Header]. PE32 and PE32+ widened into one; `base_of_data` is 0 in PE32+. */
typedef struct pe_optional_header {
    pe_offset offset;
    uint16_t magic;
    uint8_t linker_major, linker_minor;
    uint32_t size_of_code;
    uint32_t size_of_initialized_data;
    uint32_t size_of_uninitialized_data;
    pe_rva entry_point;
    pe_rva base_of_code;
    pe_rva base_of_data;
    uint64_t image_base;
    uint32_t section_alignment;
    uint32_t file_alignment;
    uint16_t os_major, os_minor;
    uint16_t image_major, image_minor;
    uint16_t subsystem_major, subsystem_minor;
    uint32_t win32_version;
    uint32_t size_of_image;
    uint32_t size_of_headers;
    uint32_t checksum;
    uint16_t subsystem;
    uint16_t dll_characteristics;
    uint64_t stack_reserve, stack_commit;
    uint64_t heap_reserve, heap_commit;
    uint32_t loader_flags;
    uint32_t
        directory_count; /* NumberOfRvaAndSizes as stored; `directories` holds 16 at the most */
    pe_directory directories[PE_DIRECTORY_COUNT];
} pe_optional_header;

/* [PE Section Table] entry. `offset` is that of the entry itself; `name` is NUL-terminated. */
typedef struct pe_section {
    pe_offset offset;
    char name[9];
    uint32_t virtual_size;
    pe_rva rva;
    uint32_t raw_size;
    pe_offset raw;
    uint32_t characteristics;
} pe_section;

/* ---- Work budget ----
 *
 * Tables of a hostile image can be much longer than its file: they overlap, repeat each other, and
 * share names that are as long as the file. A budget bounds what reading them costs in all:
 *
 *   pe_budget budget = pe_budget_for(file_size);
 *   image.budget = &budget;
 *
 * From then on every function that reads through this image (or a copy of it, or an iterator) pays
 * before it reads, and says PE_BUDGET_SPENT once it cannot. Iterators say so again, as with every
 * error. An image without a budget is read without limit.
 */

/*
 * A unit is about a nanosecond: each record costs 16, finding the section of an RVA some more, a
 * byte of a name or of anything else that is lent 1. For one thread at a time: threads take a copy
 * of the image each, with a budget each.
 */
typedef struct pe_budget {
    uint64_t left; /* units */
    bool is_spent;
    uint64_t at; /* where it was to be read when it was spent: an RVA, or a file offset of what has
                  * none (symbols, certificates, raw data) */
} pe_budget;

/* How the bytes lie: as in the file, or as in memory at SizeOfImage. */
typedef enum pe_layout { PE_LAYOUT_FILE, PE_LAYOUT_MAPPED } pe_layout;

/*
 * Where the file holds the bytes of an RVA. Windows has the first two ways; an image that it
 * refuses for its alignments (rules A11, A62) is read as its section table says, byte for byte,
 * which is what EFI firmware does (rule H2).
 */
typedef enum pe_placement {
    PE_PLACED_BY_SECTOR, /* a section's raw data start and end at multiples of 512 */
    PE_PLACED_FLAT,      /* SectionAlignment below a page: an RVA is a file offset */
    PE_PLACED_EXACTLY,
} pe_placement;

/* What finding the place of an RVA would find out again each time: filled by pe_open. */
typedef struct pe_extents {
    uint64_t header_end;    /* of the header pages: an RVA (rules B2, B5, B6) */
    uint64_t image_end;     /* SizeOfImage rounded up to pages */
    uint32_t section_count; /* entries of the section table that lie inside the headers */
    bool are_apart;         /* no section starts before the one in front of it ends */
    uint32_t lookup_cost;   /* of finding the section of an RVA, in units of a budget */
} pe_extents;

/* Bytes of a region of an image, from the RVA `start` on. Iterators remember the one they read
 * last, so that it is looked up once and not for each item. */
typedef struct pe_window {
    uint64_t start;
    pe_span bytes;
} pe_window;

/*
 * An opened image: plain data, copied freely. `headers` holds the headers and the section table,
 * `bytes` everything else; for pe_open they are the same span.
 */
typedef struct pe_image {
    pe_span headers;
    pe_span bytes;
    pe_layout layout;
    pe_placement placement;
    pe_file_header file;
    pe_optional_header optional;
    pe_offset section_table;
    pe_extents extents;
    pe_budget *budget; /* the caller's, NULL for none */
} pe_image;

/*
 * Decodes the headers at the start of `bytes`. Lenient: asks only what is needed to read them
 * (MZ, PE signature, a known optional-header magic, all of it inside `bytes`); whether Windows
 * would take the image is pe_accept's question. Returns PE_OK, or PE_REFUSED with the diagnostic;
 * `diag` may be NULL. All of `bytes` must be readable: for a view, which has gaps, there is
 * pe_image_mapped.
 */
PE_API pe_status pe_open(pe_span bytes, pe_layout layout, pe_image *ret_image, pe_diag *diag);

/*
 * The same image, its headers as already decoded, with directories read from `mapped`: a view of it
 * at least SizeOfImage bytes long. Nothing in the view is trusted for the headers again, and only
 * pages of the headers and of sections with any access are touched.
 */
PE_API pe_image pe_image_mapped(const pe_image *image, pe_span mapped);

/*
 * How many bytes from the start of a file hold its headers and section table, as far as `prefix`
 * (the file's first bytes, 64 or more) tells: a number that grows until it is no larger than the
 * prefix. Never larger than `file_size`. For callers that copy headers before they read them.
 */
PE_API uint64_t pe_header_extent(pe_span prefix, uint64_t file_size);

/*
 * A budget for all tables of a file of `file_size` bytes: several times what any linker's output
 * needs, and on usual machines less than 50 ms for a file of 1 MB.
 */
PE_API pe_budget pe_budget_for(uint64_t file_size);

/*
 * Pays `units` for what the caller does with an item at `at`. PE_OK, also for an image without a
 * budget, or PE_BUDGET_SPENT.
 */
PE_API pe_status pe_charge(const pe_image *image, pe_rva at, uint64_t units);

/* True for PE32+ (64-bit fields). */
PE_API bool pe_is_64(const pe_image *image);

/* The entry `index` of the section table, or PE_NOT_FOUND / PE_OUT_OF_BOUNDS. */
PE_API pe_status pe_section_at(const pe_image *image, uint32_t index, pe_section *ret_section);

/* The section whose pages hold `rva`; PE_NOT_FOUND for the headers, gaps and beyond the image. */
PE_API pe_status pe_section_of(const pe_image *image, pe_rva rva, pe_section *ret_section);

/* The directory `index`, or {0, 0} when absent. */
PE_API pe_directory pe_directory_at(const pe_image *image, pe_directory_index index);

/* ---- Windows's verdict ---- */

/* Which Windows judges. Bits, so that a rule can name several. */
typedef enum pe_profile { PE_WIN10 = 1, PE_WIN7 = 2, PE_WINXP = 4 } pe_profile;

/*
 * What section creation (NtCreateSection with SEC_IMAGE) on a 64-bit Windows says of a file of
 * `file_size` bytes whose first bytes are `prefix` (at least pe_header_extent of them). The checks
 * run in Windows's order (rules A1 to A62). PE_OK, or PE_REFUSED with the first rule that does not
 * hold; `diag` may be NULL.
 */
PE_API pe_status pe_accept(pe_span prefix, uint64_t file_size, pe_profile profile, pe_diag *diag);

/* The machine that the judging Windows runs on: whose images it takes (rule A18). */
typedef enum pe_platform {
    PE_PLATFORM_X64 = 0,   /* i386 and AMD64 */
    PE_PLATFORM_ARM64 = 1, /* ARM64, ARM, i386 and AMD64 */
    PE_PLATFORM_ANY = 2,   /* for analysis: every machine, as if the system were made for it */
} pe_platform;

/* pe_accept by a Windows on another machine. */
PE_API pe_status pe_accept_on(pe_span prefix, uint64_t file_size, pe_profile profile,
                              pe_platform platform, pe_diag *diag);

/* ---- Reading at an RVA ---- */

/*
 * The bytes that are stored from `rva` to the end of its region (headers or one section): empty
 * when `rva` is outside the image, in a gap, or in zero fill. Borrowed from the image.
 */
PE_API pe_span pe_tail(const pe_image *image, pe_rva rva);

/*
 * Copies `size` bytes at `rva`, with zeros where the image is zero-filled. The bytes are read once.
 * PE_OUT_OF_BOUNDS outside the image or in a gap, PE_UNREADABLE in a section without any access
 * (mapped layout); then `ret_bytes` is untouched.
 */
PE_API pe_status pe_read(const pe_image *image, pe_rva rva, void *ret_bytes, size_t size);

PE_API pe_status pe_read_u16(const pe_image *image, pe_rva rva, uint16_t *ret_value);
PE_API pe_status pe_read_u32(const pe_image *image, pe_rva rva, uint32_t *ret_value);
PE_API pe_status pe_read_u64(const pe_image *image, pe_rva rva, uint64_t *ret_value);
/* Four bytes in PE32, eight in PE32+, widened. */
PE_API pe_status pe_read_pointer(const pe_image *image, pe_rva rva, uint64_t *ret_value);

/*
 * The NUL-terminated string at `rva` without its NUL, borrowed; it ends at the region's end at the
 * latest (PE_OUT_OF_BOUNDS when no NUL comes before the end of stored bytes and zero fill).
 */
PE_API pe_status pe_string(const pe_image *image, pe_rva rva, pe_span *ret_string);

/* The RVA of a virtual address for an image at `base`; PE_OUT_OF_BOUNDS outside SizeOfImage. */
PE_API pe_status pe_va_to_rva(const pe_image *image, uint64_t base, uint64_t va, pe_rva *ret_rva);

/*
 * Where a borrowed span lies in the bytes of the image: its file offset in file layout, its RVA in
 * mapped layout. The span is not empty.
 */
static inline pe_offset pe_offset_of_span(const pe_image *image, pe_span span)
{
    return (pe_offset){(uint64_t)(span.data - image->bytes.data)};
}

#ifdef __cplusplus
}
#endif

#endif
