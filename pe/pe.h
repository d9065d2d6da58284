/*
 * pe.h: facts about a Portable Executable image, read from bytes.
 *
 * This is the whole public interface of the parser. It is freestanding C17: it allocates nothing,
 * does no input or output, and keeps no state. An image is opened over bytes that the caller owns;
 * everything handed out borrows those bytes and is valid as long as they are.
 *
 *   pe_image image;
 *   pe_diag diag;
 *   if (pe_open((pe_span){bytes, size}, PE_LAYOUT_FILE, &image, &diag) != PE_OK) ...
 *   pe_import_iter dlls;
 *   pe_import_dll dll;
 *   pe_imports(&image, &dlls);
 *   while (pe_import_next(&dlls, &dll) == PE_OK) ...
 *
 * The bytes are either a file as it lies on disk or an image as it lies in memory (pe_layout);
 * everything below works on both. A broken directory never fails the image: each iterator has a
 * status of its own. Sources: "PE Format" (Microsoft, MicrosoftDocs/win32 pe-format.md), quoted as
 * [PE section]; rules with an ID are in pe/RULES.md.
 */
#ifndef PELOAD_PE_H
#define PELOAD_PE_H

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
    X(NAME_TOO_LONG, 8, "a name is longer than the caller's buffer")

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
    X(IMAGE_NOT_AT_BASE, 0x40000003u)           \
    X(IMAGE_MACHINE_TYPE_MISMATCH, 0x4000000Eu) \
    X(UNSUCCESSFUL, 0xC0000001u)                \
    X(ACCESS_VIOLATION, 0xC0000005u)            \
    X(IN_PAGE_ERROR, 0xC0000006u)               \
    X(INVALID_PARAMETER, 0xC000000Du)           \
    X(NO_SUCH_FILE, 0xC000000Fu)                \
    X(NO_MEMORY, 0xC0000017u)                   \
    X(CONFLICTING_ADDRESSES, 0xC0000018u)       \
    X(INVALID_FILE_FOR_SECTION, 0xC0000020u)    \
    X(ACCESS_DENIED, 0xC0000022u)               \
    X(INVALID_PAGE_PROTECTION, 0xC0000045u)     \
    X(PROCEDURE_NOT_FOUND, 0xC000007Au)         \
    X(INVALID_IMAGE_FORMAT, 0xC000007Bu)        \
    X(INVALID_IMAGE_NE_FORMAT, 0xC000011Bu)     \
    X(INVALID_IMAGE_LE_FORMAT, 0xC000011Cu)     \
    X(INVALID_IMAGE_NOT_MZ, 0xC000012Fu)        \
    X(INVALID_IMAGE_PROTECT, 0xC0000130u)       \
    X(INVALID_IMAGE_WIN_16, 0xC0000131u)        \
    X(DLL_NOT_FOUND, 0xC0000135u)               \
    X(ORDINAL_NOT_FOUND, 0xC0000138u)           \
    X(ENTRYPOINT_NOT_FOUND, 0xC0000139u)        \
    X(DLL_INIT_FAILED, 0xC0000142u)             \
    X(MAPPED_ALIGNMENT, 0xC0000220u)

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

/* [PE Machine Types], the ones that the loader names. Unknown codes pass through as numbers. */
enum {
    PE_MACHINE_UNKNOWN = 0,
    PE_MACHINE_I386 = 0x14C,
    PE_MACHINE_ARMNT = 0x1C4,
    PE_MACHINE_AMD64 = 0x8664,
    PE_MACHINE_ARM64 = 0xAA64,
};

/* [PE Characteristics] of the file header. */
enum {
    PE_FILE_RELOCS_STRIPPED = 0x0001,
    PE_FILE_EXECUTABLE_IMAGE = 0x0002,
    PE_FILE_LARGE_ADDRESS_AWARE = 0x0020,
    PE_FILE_DLL = 0x2000,
};

/* Optional header magic. */
enum { PE_MAGIC_PE32 = 0x10B, PE_MAGIC_PE32_PLUS = 0x20B };

/* [PE Section Flags], the ones with a meaning in an image. */
#define PE_SCN_CNT_CODE               0x00000020u
#define PE_SCN_CNT_INITIALIZED_DATA   0x00000040u
#define PE_SCN_CNT_UNINITIALIZED_DATA 0x00000080u
#define PE_SCN_MEM_DISCARDABLE        0x02000000u
#define PE_SCN_MEM_SHARED             0x10000000u
#define PE_SCN_MEM_EXECUTE            0x20000000u
#define PE_SCN_MEM_READ               0x40000000u
#define PE_SCN_MEM_WRITE              0x80000000u

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

/* How the bytes lie: as in the file, or as in memory at SizeOfImage. */
typedef enum pe_layout { PE_LAYOUT_FILE, PE_LAYOUT_MAPPED } pe_layout;

/*
 * An opened image: plain data, copied freely. `headers` holds the headers and the section table,
 * `bytes` everything else; for pe_open they are the same span.
 */
typedef struct pe_image {
    pe_span headers;
    pe_span bytes;
    pe_layout layout;
    pe_file_header file;
    pe_optional_header optional;
    pe_offset section_table;
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

/* ---- Exports: [PE The .edata Section] ---- */

typedef struct pe_exports {
    pe_directory directory;
    pe_rva name; /* the DLL's own name */
    uint32_t time_date_stamp;
    uint32_t ordinal_base;
    uint32_t slot_count;
    uint32_t name_count;
    pe_rva slots, names, name_ordinals;
} pe_exports;

/* One slot. `name` is empty when asked for by ordinal. A forwarder's text is "DLL.name" or
 * "DLL.#n". */
typedef struct pe_export {
    uint32_t ordinal; /* as importers write it: slot + ordinal base */
    pe_rva rva;
    pe_span name;
    bool is_forwarder; /* rva lies inside the export directory */
    pe_span forwarder;
} pe_export;

/* PE_OK, PE_NOT_PRESENT, or the status of reading the directory. */
PE_API pe_status pe_exports_open(const pe_image *image, pe_exports *ret_exports);

/* The slot of `ordinal`. PE_NOT_FOUND beyond the table or where the slot is 0. */
PE_API pe_status pe_export_by_ordinal(const pe_image *image, const pe_exports *exports,
                                      uint32_t ordinal, pe_export *ret_export);

/*
 * The export called `name`: first the name at index `hint`, then binary search by bytes, as ntdll
 * does (an unsorted table makes names unfindable except by hint). PE_NOT_FOUND if there is none.
 */
PE_API pe_status pe_export_by_name(const pe_image *image, const pe_exports *exports, pe_span name,
                                   uint32_t hint, pe_export *ret_export);

/* The name at `index` (0 <= index < name_count) of the name table, with the slot it names. */
PE_API pe_status pe_export_name_at(const pe_image *image, const pe_exports *exports, uint32_t index,
                                   pe_export *ret_export);

/* ---- Imports: [PE The .idata Section] ---- */

typedef struct pe_import_dll {
    pe_rva descriptor;
    pe_span name;
    uint32_t time_date_stamp;
    pe_rva lookup_table;  /* ILT: OriginalFirstThunk if usable, else the IAT (rule E5) */
    pe_rva address_table; /* IAT: FirstThunk */
} pe_import_dll;

typedef struct pe_import_iter {
    const pe_image *image;
    pe_rva next;
    pe_status status;
} pe_import_iter;

/* One imported function. `slot` is its IAT entry. */
typedef struct pe_import {
    pe_rva slot;
    bool by_ordinal;
    uint16_t ordinal; /* when by_ordinal */
    uint16_t hint;    /* when by name */
    pe_span name;     /* when by name */
} pe_import;

typedef struct pe_thunk_iter {
    const pe_image *image;
    pe_rva lookup, slot;
    pe_status status;
} pe_thunk_iter;

PE_API void pe_imports(const pe_image *image, pe_import_iter *ret_iter);
/* PE_OK with the next DLL, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_import_next(pe_import_iter *iter, pe_import_dll *ret_dll);

PE_API void pe_thunks(const pe_image *image, const pe_import_dll *dll, pe_thunk_iter *ret_iter);
PE_API pe_status pe_thunk_next(pe_thunk_iter *iter, pe_import *ret_import);

/* ---- Delay imports: [PE Delay-Load Import Tables]
 * ------------------------------------------------
 */

/* Attributes: the tables hold RVAs. Without it (version 1, 32-bit linkers before 2002) they hold
 * addresses, also those of names. */
#define PE_DELAY_RVA 0x00000001u

/* A descriptor of 32 bytes at `descriptor`. RVAs in both versions; 0 where there is none. */
typedef struct pe_delay_dll {
    pe_rva descriptor;
    uint32_t attributes; /* as stored */
    bool is_rva;         /* false: version 1, stored as addresses */
    pe_span name;
    pe_rva module_handle;
    pe_rva address_table, name_table;
    pe_rva bound_table, unload_table;
    uint32_t time_date_stamp;
} pe_delay_dll;

typedef struct pe_delay_iter {
    const pe_image *image;
    uint64_t base;
    pe_rva next;
    pe_status status;
} pe_delay_iter;

typedef struct pe_delay_thunk_iter {
    const pe_image *image;
    uint64_t base;
    bool is_rva;
    pe_rva lookup, slot;
    pe_status status;
} pe_delay_thunk_iter;

/*
 * The DLLs that are loaded at the first call. `base` is what the addresses of version 1 count from:
 * ImageBase, or the view's base once relocations have been applied. The walk ends at a descriptor
 * without a DLL name; the directory's size is not looked at.
 */
PE_API void pe_delay_imports(const pe_image *image, uint64_t base, pe_delay_iter *ret_iter);
/* PE_OK with the next DLL, PE_END, or an error that is said again: PE_OUT_OF_BOUNDS for a
 * descriptor, name or address outside the image, PE_UNREADABLE as for pe_read. */
PE_API pe_status pe_delay_next(pe_delay_iter *iter, pe_delay_dll *ret_dll);

/* The functions of a DLL that `iter` gave. Items are as those of pe_thunk_next, same statuses. */
PE_API void pe_delay_thunks(const pe_delay_iter *iter, const pe_delay_dll *dll,
                            pe_delay_thunk_iter *ret_iter);
PE_API pe_status pe_delay_thunk_next(pe_delay_thunk_iter *iter, pe_import *ret_import);

/* ---- Base relocations: [PE The .reloc Section] ---- */

/* Types as in [PE Base Relocation Types]. */
enum {
    PE_REL_ABSOLUTE = 0,
    PE_REL_HIGH = 1,
    PE_REL_LOW = 2,
    PE_REL_HIGHLOW = 3,
    PE_REL_HIGHADJ = 4,
    PE_REL_DIR64 = 10,
};

/* A block: 16-bit entries (type in bits 12-15, offset from `page` in bits 0-11), little-endian. */
typedef struct pe_reloc_block {
    pe_rva at; /* of the block itself */
    pe_rva page;
    pe_span entries; /* 2 * count bytes, borrowed; fewer where the rest is zero fill */
    uint32_t count;
} pe_reloc_block;

typedef struct pe_reloc_iter {
    const pe_image *image;
    uint64_t next, end; /* RVAs, widened */
    pe_span ahead;      /* what is stored from `next` on, once a block has been found */
    pe_status status;
    pe_diag diag; /* filled when status is an error */
} pe_reloc_iter;

/* True if the image has a usable relocation directory: counted, RVA and size not 0 (rule D.1). */
PE_API bool pe_has_relocs(const pe_image *image);

PE_API void pe_relocs(const pe_image *image, pe_reloc_iter *ret_iter);
/* PE_OK with the next block, PE_END, or an error (rules D2, D3) that is said again. */
PE_API pe_status pe_reloc_next(pe_reloc_iter *iter, pe_reloc_block *ret_block);

/* Entry `index` (< count) of a block; 0 (ABSOLUTE) in zero fill. */
static inline uint16_t pe_reloc_entry(const pe_reloc_block *block, uint32_t index)
{
    uint64_t start = 2 * (uint64_t)index;
    if (start >= block->entries.size)
        return 0;
    const uint8_t *at = block->entries.data + start;
    uint8_t high = start + 1 < block->entries.size ? at[1] : 0;
    return (uint16_t)(at[0] | high << 8);
}

/* ---- Thread-local storage: [PE The .tls Section] ---- */

/* Addresses are virtual addresses for the image at its (current) base, as the directory holds them.
 */
typedef struct pe_tls {
    pe_rva directory;
    uint64_t data_start, data_end; /* the template */
    uint64_t index;                /* address of a u32 */
    uint64_t callbacks;            /* address of a 0-terminated array of addresses, or 0 */
    uint32_t zero_fill;            /* bytes of zeros after the template */
    uint32_t characteristics;
} pe_tls;

/* PE_OK, PE_NOT_PRESENT, or the status of reading the directory. */
PE_API pe_status pe_tls_open(const pe_image *image, pe_tls *ret_tls);

/* The RVA of a virtual address for an image at `base`; PE_OUT_OF_BOUNDS outside SizeOfImage. */
PE_API pe_status pe_va_to_rva(const pe_image *image, uint64_t base, uint64_t va, pe_rva *ret_rva);

/* ---- Load configuration: [PE The Load Configuration Structure] ---- */

/*
 * The fields: X(NAME, KIND, OFFSET IN PE32, IN PE32+), named as in IMAGE_LOAD_CONFIG_DIRECTORY.
 * KIND is U16, U32, SIZE (a number as wide as a pointer) or VA (an address, or 0). The structure
 * grew over the years; its own Size says which fields an image has.
 */
#define PE_LOAD_CONFIG_FIELDS(X)                            \
    X(SIZE, U32, 0, 0)                                      \
    X(TIME_DATE_STAMP, U32, 4, 4)                           \
    X(MAJOR_VERSION, U16, 8, 8)                             \
    X(MINOR_VERSION, U16, 10, 10)                           \
    X(GLOBAL_FLAGS_CLEAR, U32, 12, 12)                      \
    X(GLOBAL_FLAGS_SET, U32, 16, 16)                        \
    X(CRITICAL_SECTION_DEFAULT_TIMEOUT, U32, 20, 20)        \
    X(DE_COMMIT_FREE_BLOCK_THRESHOLD, SIZE, 24, 24)         \
    X(DE_COMMIT_TOTAL_FREE_THRESHOLD, SIZE, 28, 32)         \
    X(LOCK_PREFIX_TABLE, VA, 32, 40)                        \
    X(MAXIMUM_ALLOCATION_SIZE, SIZE, 36, 48)                \
    X(VIRTUAL_MEMORY_THRESHOLD, SIZE, 40, 56)               \
    X(PROCESS_AFFINITY_MASK, SIZE, 48, 64)                  \
    X(PROCESS_HEAP_FLAGS, U32, 44, 72)                      \
    X(CSD_VERSION, U16, 52, 76)                             \
    X(DEPENDENT_LOAD_FLAGS, U16, 54, 78)                    \
    X(EDIT_LIST, VA, 56, 80)                                \
    X(SECURITY_COOKIE, VA, 60, 88)                          \
    X(SE_HANDLER_TABLE, VA, 64, 96)                         \
    X(SE_HANDLER_COUNT, SIZE, 68, 104)                      \
    X(GUARD_CF_CHECK_FUNCTION, VA, 72, 112)                 \
    X(GUARD_CF_DISPATCH_FUNCTION, VA, 76, 120)              \
    X(GUARD_CF_FUNCTION_TABLE, VA, 80, 128)                 \
    X(GUARD_CF_FUNCTION_COUNT, SIZE, 84, 136)               \
    X(GUARD_FLAGS, U32, 88, 144)                            \
    X(CODE_INTEGRITY_FLAGS, U16, 92, 148)                   \
    X(CODE_INTEGRITY_CATALOG, U16, 94, 150)                 \
    X(CODE_INTEGRITY_CATALOG_OFFSET, U32, 96, 152)          \
    X(CODE_INTEGRITY_RESERVED, U32, 100, 156)               \
    X(GUARD_ADDRESS_TAKEN_IAT_TABLE, VA, 104, 160)          \
    X(GUARD_ADDRESS_TAKEN_IAT_COUNT, SIZE, 108, 168)        \
    X(GUARD_LONG_JUMP_TABLE, VA, 112, 176)                  \
    X(GUARD_LONG_JUMP_COUNT, SIZE, 116, 184)                \
    X(DYNAMIC_VALUE_RELOC_TABLE, VA, 120, 192)              \
    X(CHPE_METADATA, VA, 124, 200)                          \
    X(GUARD_RF_FAILURE_ROUTINE, VA, 128, 208)               \
    X(GUARD_RF_FAILURE_FUNCTION, VA, 132, 216)              \
    X(DYNAMIC_VALUE_RELOC_TABLE_OFFSET, U32, 136, 224)      \
    X(DYNAMIC_VALUE_RELOC_TABLE_SECTION, U16, 140, 228)     \
    X(RESERVED_2, U16, 142, 230)                            \
    X(GUARD_RF_VERIFY_STACK_POINTER_FUNCTION, VA, 144, 232) \
    X(HOT_PATCH_TABLE_OFFSET, U32, 148, 240)                \
    X(RESERVED_3, U32, 152, 244)                            \
    X(ENCLAVE_CONFIGURATION, VA, 156, 248)                  \
    X(VOLATILE_METADATA, VA, 160, 256)                      \
    X(GUARD_EH_CONTINUATION_TABLE, VA, 164, 264)            \
    X(GUARD_EH_CONTINUATION_COUNT, SIZE, 168, 272)          \
    X(GUARD_XFG_CHECK_FUNCTION, VA, 172, 280)               \
    X(GUARD_XFG_DISPATCH_FUNCTION, VA, 176, 288)            \
    X(GUARD_XFG_TABLE_DISPATCH_FUNCTION, VA, 180, 296)      \
    X(CAST_GUARD_OS_DETERMINED_FAILURE_MODE, VA, 184, 304)  \
    X(GUARD_MEMCPY_FUNCTION, VA, 188, 312)                  \
    X(UMA_FUNCTIONS, VA, 192, 320)

typedef enum pe_load_config_field {
#define X(name, kind, offset_32, offset_64) PE_LC_##name,
    PE_LOAD_CONFIG_FIELDS(X)
#undef X
        PE_LC_COUNT
} pe_load_config_field;

/* The largest structure that is known: up to UMA_FUNCTIONS, in PE32+. */
enum { PE_LOAD_CONFIG_MAX = 328 };

/*
 * A load configuration, copied out of the image. `base` is what its addresses are relative to: the
 * ImageBase of the headers. For the bytes of an image that was relocated, set it to the new base.
 */
typedef struct pe_load_config {
    pe_directory directory; /* its size is not looked at */
    bool is_64;
    uint32_t size;     /* the structure's own Size, as stored */
    uint32_t raw_size; /* bytes of `raw` that are valid: `size`, or what is known of it */
    uint64_t base;
    uint8_t raw[PE_LOAD_CONFIG_MAX];
} pe_load_config;

/* PE_OK, PE_NOT_PRESENT, or the status of reading the structure. */
PE_API pe_status pe_load_config_open(const pe_image *image, pe_load_config *ret_config);

/* The value of a field; PE_NOT_PRESENT where Size ends before it does. */
PE_API pe_status pe_load_config_value(const pe_load_config *config, pe_load_config_field field,
                                      uint64_t *ret_value);

/* Where a field is and how many bytes it has, present or not. PE_NOT_FOUND if there is none. */
PE_API pe_status pe_load_config_place(const pe_load_config *config, pe_load_config_field field,
                                      pe_rva *ret_rva, uint32_t *ret_size);

/* "GUARD_FLAGS" and so on, "UNKNOWN" beyond the list; static. */
PE_API const char *pe_load_config_field_name(pe_load_config_field field);

/* Bits of GUARD_FLAGS: X(NAME, BIT), named as IMAGE_GUARD_NAME. */
#define PE_GUARD_FLAG_LIST(X)                          \
    X(CF_INSTRUMENTED, 0x00000100u)                    \
    X(CFW_INSTRUMENTED, 0x00000200u)                   \
    X(CF_FUNCTION_TABLE_PRESENT, 0x00000400u)          \
    X(SECURITY_COOKIE_UNUSED, 0x00000800u)             \
    X(PROTECT_DELAYLOAD_IAT, 0x00001000u)              \
    X(DELAYLOAD_IAT_IN_ITS_OWN_SECTION, 0x00002000u)   \
    X(CF_EXPORT_SUPPRESSION_INFO_PRESENT, 0x00004000u) \
    X(CF_ENABLE_EXPORT_SUPPRESSION, 0x00008000u)       \
    X(CF_LONGJUMP_TABLE_PRESENT, 0x00010000u)          \
    X(RF_INSTRUMENTED, 0x00020000u)                    \
    X(RF_ENABLE, 0x00040000u)                          \
    X(RF_STRICT, 0x00080000u)                          \
    X(RETPOLINE_PRESENT, 0x00100000u)                  \
    X(EH_CONTINUATION_TABLE_PRESENT, 0x00400000u)      \
    X(XFG_ENABLED, 0x00800000u)                        \
    X(CASTGUARD_PRESENT, 0x01000000u)                  \
    X(MEMCPY_PRESENT, 0x02000000u)

enum {
#define X(name, bit) PE_GUARD_##name = bit,
    PE_GUARD_FLAG_LIST(X)
#undef X
};

/* The name of a single bit, "UNKNOWN" if it has none; static. */
PE_API const char *pe_guard_flag_name(uint32_t bit);

/* The tables of addresses behind the load configuration. */
typedef enum pe_guard_table {
    PE_GUARD_CF_FUNCTIONS,
    PE_GUARD_ADDRESS_TAKEN_IAT,
    PE_GUARD_LONG_JUMPS,
    PE_GUARD_EH_CONTINUATIONS,
    PE_GUARD_SE_HANDLERS, /* SafeSEH, of x86 */
    PE_GUARD_TABLE_COUNT
} pe_guard_table;

/* Metadata of a CF function: the first of the bytes after its RVA. */
enum {
    PE_GUARD_FID_SUPPRESSED = 1,
    PE_GUARD_EXPORT_SUPPRESSED = 2,
    PE_GUARD_FID_LANGUAGE_EXCEPTION_HANDLER = 4,
    PE_GUARD_FID_XFG = 8,
};

/* Bits 28 to 31 of GUARD_FLAGS: metadata bytes of each entry. Not in SafeSEH's table. */
enum { PE_GUARD_MAX_METADATA = 15 };

typedef struct pe_guard_entry {
    pe_rva at;
    uint32_t size; /* bytes: 4 and the metadata */
    pe_rva target;
    uint8_t metadata[PE_GUARD_MAX_METADATA]; /* size - 4 of them, then zeros */
} pe_guard_entry;

typedef struct pe_guard_iter {
    const pe_image *image;
    uint64_t next; /* RVA, widened */
    uint64_t count;
    uint64_t left;
    uint32_t entry_size;
    pe_status status;
} pe_guard_iter;

/* The entries of `table`: `count` in all, as the image says. PE_NOT_PRESENT without its fields, or
 * with an address or a count of 0. */
PE_API void pe_guard_entries(const pe_image *image, const pe_load_config *config,
                             pe_guard_table table, pe_guard_iter *ret_iter);
/* PE_OK with the next entry, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_guard_next(pe_guard_iter *iter, pe_guard_entry *ret_entry);

/* ---- Exceptions of x64: [PE The .pdata Section] and "x64 exception handling" -------------------
 */

/* A RUNTIME_FUNCTION: 12 bytes. */
typedef struct pe_x64_function {
    pe_rva at; /* of the entry itself */
    pe_rva begin, end;
    pe_rva unwind;    /* of its UNWIND_INFO; if indirect, of another RUNTIME_FUNCTION */
    bool is_indirect; /* bit 0 of the stored value, which `unwind` is without */
} pe_x64_function;

typedef struct pe_x64_function_iter {
    const pe_image *image;
    uint64_t next, end; /* RVAs, widened */
    pe_status status;
} pe_x64_function_iter;

/*
 * The functions of the exception directory: as many as its size holds, in the order of the table.
 * PE_NOT_PRESENT without a directory, and for machines other than x64.
 */
PE_API void pe_x64_functions(const pe_image *image, pe_x64_function_iter *ret_iter);
/* PE_OK with the next function, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_x64_function_next(pe_x64_function_iter *iter, pe_x64_function *ret_function);

/* The RUNTIME_FUNCTION at `rva`, wherever that is; an indirect one is not followed. */
PE_API pe_status pe_x64_function_at(const pe_image *image, pe_rva rva,
                                    pe_x64_function *ret_function);

/* Flags of UNWIND_INFO. */
enum {
    PE_X64_EXCEPTION_HANDLER = 1,
    PE_X64_TERMINATION_HANDLER = 2,
    PE_X64_CHAINED = 4,
};

/* Slots that the count byte of UNWIND_INFO can tell. */
enum { PE_X64_MAX_SLOTS = 255 };

/*
 * An UNWIND_INFO, copied out of the image. Versions 1 and 2 are known; of any other, the first
 * four bytes are all that is decoded (`is_known` is false, `size` is 4).
 */
typedef struct pe_x64_unwind {
    pe_rva at;
    uint32_t size; /* bytes: header, slots with padding, handler RVA or chained entry */
    bool is_known;
    uint8_t version, flags;
    uint8_t prolog_size;
    uint8_t slot_count;     /* a code takes 1 to 3 slots of 2 bytes */
    uint8_t frame_register; /* 0: none */
    uint8_t frame_offset;   /* of the frame register from RSP, in bytes (scaled by 16) */
    bool has_handler;       /* one of the two handler flags, and not chained */
    pe_rva handler;
    pe_rva language_data; /* what follows the handler's RVA; its shape is the handler's own */
    bool is_chained;      /* takes precedence over the handler flags */
    pe_x64_function parent;
    uint8_t slots[2 * PE_X64_MAX_SLOTS];
} pe_x64_unwind;

/* Reads the UNWIND_INFO at `rva`: PE_OK, or the status of reading it. */
PE_API pe_status pe_x64_unwind_at(const pe_image *image, pe_rva rva, pe_x64_unwind *ret_unwind);

/* Unwind operations. 6 and 7 are what they are in version 2; version 1 has SAVE_XMM and
 * SAVE_XMM_FAR, of which nothing but their 2 and 3 slots is documented. */
#define PE_X64_OPERATION_LIST(X) \
    X(PUSH_NONVOL, 0)            \
    X(ALLOC_LARGE, 1)            \
    X(ALLOC_SMALL, 2)            \
    X(SET_FPREG, 3)              \
    X(SAVE_NONVOL, 4)            \
    X(SAVE_NONVOL_FAR, 5)        \
    X(EPILOG, 6)                 \
    X(SPARE_CODE, 7)             \
    X(SAVE_XMM128, 8)            \
    X(SAVE_XMM128_FAR, 9)        \
    X(PUSH_MACHFRAME, 10)

typedef enum pe_x64_operation {
#define X(name, number) PE_X64_##name = number,
    PE_X64_OPERATION_LIST(X)
#undef X
} pe_x64_operation;

/* "PUSH_NONVOL" and so on, "UNKNOWN" beyond the list; static. */
PE_API const char *pe_x64_operation_name(uint32_t operation);

/* "RAX" to "R15" for 0 to 15, "UNKNOWN" beyond; static. */
PE_API const char *pe_x64_register_name(uint32_t number);

/*
 * One unwind code. `value` is in bytes, and by operation:
 *   ALLOC_*          the size of the allocation
 *   SET_FPREG        the offset of the frame register from RSP
 *   SAVE_*           where the register `info` is saved, from RSP after the prolog
 *   EPILOG           the first one: the length of each epilog, one of which ends the function if
 *                    bit 0 of `info` is set; others: how far before the end of the function an
 *                    epilog starts, 0 for padding
 *   the others       0 (PUSH_NONVOL names its register in `info`; PUSH_MACHFRAME says there whether
 *                    an error code was pushed)
 */
typedef struct pe_x64_code {
    pe_rva at;
    uint32_t slot_count; /* 1 to 3, of 2 bytes each */
    uint8_t prolog_offset;
    uint8_t operation, info;
    uint32_t operand; /* the slots after the first, as stored */
    uint32_t value;
} pe_x64_code;

typedef struct pe_x64_code_iter {
    const pe_x64_unwind *unwind;
    uint32_t next; /* slot */
    pe_status status;
} pe_x64_code_iter;

/* The codes of `unwind`; PE_NOT_PRESENT if its version is not known. */
PE_API void pe_x64_codes(const pe_x64_unwind *unwind, pe_x64_code_iter *ret_iter);
/* PE_OK with the next code, PE_END, or PE_BAD_FORMAT (an operation that does not exist or whose
 * slots are not all there), said again by every later call. */
PE_API pe_status pe_x64_code_next(pe_x64_code_iter *iter, pe_x64_code *ret_code);

/* Entries of one chain that are followed: a chain that loops has no end. */
enum { PE_X64_CHAIN_LIMIT = 32 };

/* The entries that describe one function: its own, then those it is chained to. */
typedef struct pe_x64_chain_iter {
    const pe_image *image;
    pe_x64_function next;
    uint32_t steps;
    pe_status status;
} pe_x64_chain_iter;

PE_API void pe_x64_chain(const pe_image *image, const pe_x64_function *function,
                         pe_x64_chain_iter *ret_iter);
/*
 * PE_OK with the next link (`ret_function`, to which an indirect entry has led, and its unwind
 * information), PE_END after the last, or an error that is said again: that of reading it, or
 * PE_BAD_FORMAT after PE_X64_CHAIN_LIMIT entries, as in a chain that loops. Each indirect entry
 * counts as one.
 */
PE_API pe_status pe_x64_chain_next(pe_x64_chain_iter *iter, pe_x64_function *ret_function,
                                   pe_x64_unwind *ret_unwind);

/* ---- Resources: [PE The .rsrc Section] ----------------------------------------------------------
 *
 * A tree: the root's entries are types, theirs names, theirs languages, and below a language is a
 * leaf. Two ways through it: entry by entry,
 *
 *   pe_resource_iter types, names;
 *   pe_resource_entry type;
 *   pe_resources(&image, &types);
 *   while (pe_resource_next(&types, &type) == PE_OK)
 *       if (type.is_directory) pe_resource_children(&image, &type, &names);
 *
 * and leaf by leaf with pe_resource_walk. What a leaf holds is decoded by the sections below.
 */

/* Text in UTF-16, little-endian. `at` is where its first unit lies. */
typedef struct pe_utf16 {
    pe_rva at;
    uint32_t length; /* in units of 2 bytes, without a terminator */
    pe_span bytes;   /* borrowed: 2 * length bytes; fewer where the rest is zero fill */
} pe_utf16;

/* Unit `index` (< length) of a text; 0 in zero fill. */
static inline uint16_t pe_utf16_unit(const pe_utf16 *text, uint32_t index)
{
    uint64_t start = 2 * (uint64_t)index;
    if (start >= text->bytes.size)
        return 0;
    uint8_t high = start + 1 < text->bytes.size ? text->bytes.data[start + 1] : 0;
    return (uint16_t)(text->bytes.data[start] | high << 8);
}

/*
 * Where a borrowed span lies in the bytes of the image: its file offset in file layout, its RVA in
 * mapped layout. The span is not empty.
 */
static inline pe_offset pe_offset_of_span(const pe_image *image, pe_span span)
{
    return (pe_offset){(uint64_t)(span.data - image->bytes.data)};
}

/* Predefined resource types: number and name as in winuser.h, without the RT_. */
#define PE_RESOURCE_TYPE_LIST(X) \
    X(CURSOR, 1)                 \
    X(BITMAP, 2)                 \
    X(ICON, 3)                   \
    X(MENU, 4)                   \
    X(DIALOG, 5)                 \
    X(STRING, 6)                 \
    X(FONTDIR, 7)                \
    X(FONT, 8)                   \
    X(ACCELERATOR, 9)            \
    X(RCDATA, 10)                \
    X(MESSAGETABLE, 11)          \
    X(GROUP_CURSOR, 12)          \
    X(GROUP_ICON, 14)            \
    X(VERSION, 16)               \
    X(DLGINCLUDE, 17)            \
    X(PLUGPLAY, 19)              \
    X(VXD, 20)                   \
    X(ANICURSOR, 21)             \
    X(ANIICON, 22)               \
    X(HTML, 23)                  \
    X(MANIFEST, 24)

enum {
#define X(name, number) PE_RT_##name = number,
    PE_RESOURCE_TYPE_LIST(X)
#undef X
};

/* "RT_ICON" for 3, and so on; NULL for a number that is not predefined. Static. */
PE_API const char *pe_resource_type_name(uint32_t type);

/* [PE Resource Directory Table] without its entries, which follow it. */
typedef struct pe_resource_directory {
    pe_rva at; /* 16 bytes */
    uint32_t characteristics;
    uint32_t time_date_stamp;
    uint16_t major, minor;
    uint16_t named_count, id_count;
} pe_resource_directory;

/* What an entry is called: a name or a number. */
typedef struct pe_resource_id {
    bool is_named;
    uint32_t number;       /* unless named; 16 bits in what resource compilers write */
    pe_status name_status; /* PE_OK, or why the name cannot be read: it is empty then */
    pe_utf16 name;         /* when named; the length word lies 2 bytes before name.at */
} pe_resource_id;

/* [PE Resource Directory Entries] */
typedef struct pe_resource_entry {
    pe_rva at; /* 8 bytes */
    uint32_t name_field, offset_field;
    pe_resource_id id;
    bool is_directory;
    pe_rva target; /* a directory table or a data entry; 0xFFFFFFFF beyond that */
} pe_resource_entry;

/* The entries of one directory table. */
typedef struct pe_resource_iter {
    const pe_image *image;
    pe_resource_directory directory; /* unless `status` is an error from the beginning */
    uint32_t next;                   /* index of the next entry */
    pe_status status;
} pe_resource_iter;

/* [PE Resource Data Entry] and the bytes it names. */
typedef struct pe_resource_leaf {
    pe_rva entry; /* 16 bytes */
    pe_rva rva;   /* of the bytes */
    uint32_t size;
    uint32_t code_page;
    uint32_t reserved;
    pe_status status; /* PE_OK, or why the bytes cannot be read: there are none then */
    pe_span bytes;    /* borrowed; shorter than `size` where the rest is zero fill */
} pe_resource_leaf;

/* The root's entries. The size of the directory is ignored (rule R1). */
PE_API void pe_resources(const pe_image *image, pe_resource_iter *ret_iter);

/* The entries of the directory that `entry` names; iter->status is PE_BAD_FORMAT for a leaf. */
PE_API void pe_resource_children(const pe_image *image, const pe_resource_entry *entry,
                                 pe_resource_iter *ret_iter);

/*
 * PE_OK with the next entry, PE_END, PE_NOT_PRESENT (the image has no resources), or an error; all
 * but PE_OK are said again. A name that cannot be read is the entry's matter (id.name_status).
 * A tree may loop: who goes down by hand counts levels, or lets pe_resource_walk_next do it.
 */
PE_API pe_status pe_resource_next(pe_resource_iter *iter, pe_resource_entry *ret_entry);

/*
 * The leaf that `entry` names. PE_BAD_FORMAT for a directory, or the status of reading the data
 * entry; the bytes have a status of their own. They lie in one section, or they are out of bounds.
 */
PE_API pe_status pe_resource_leaf_open(const pe_image *image, const pe_resource_entry *entry,
                                       pe_resource_leaf *ret_leaf);

/* Levels that a walk goes down: Windows knows three. */
enum { PE_RESOURCE_DEPTH = 8 };

/* A leaf and the way to it. path[0] is its type, path[1] its name, path[2] its language. */
typedef struct pe_resource_item {
    uint32_t depth; /* 1 to PE_RESOURCE_DEPTH; 3 in a usual image */
    pe_resource_id path[PE_RESOURCE_DEPTH];
    pe_resource_leaf leaf;
} pe_resource_item;

/*
 * All leaves, depth first. A part that cannot be read, that is its own ancestor (rule R3) or that
 * lies too deep (rule R4) is left out, and the walk goes on: `status` is the first such error once
 * all leaves are told, and `problem` the RVA of the directory or data entry it was met at.
 */
typedef struct pe_resource_walk {
    const pe_image *image;
    pe_resource_iter levels[PE_RESOURCE_DEPTH];
    pe_resource_id path[PE_RESOURCE_DEPTH];
    uint32_t depth;  /* levels in use */
    uint64_t budget; /* entries that may still be visited (rule R3) */
    pe_status error; /* the first error, PE_OK for none so far */
    pe_rva problem;
    pe_status status;
} pe_resource_walk;

PE_API void pe_resource_walk_start(const pe_image *image, pe_resource_walk *ret_walk);
/*
 * PE_OK with the next leaf; then PE_END if everything was told, PE_NOT_PRESENT without resources,
 * or the first error (PE_BAD_FORMAT for loops and depth); said again by every later call.
 */
PE_API pe_status pe_resource_walk_next(pe_resource_walk *walk, pe_resource_item *ret_item);

/* ---- Version information: a leaf of PE_RT_VERSION [VS_VERSIONINFO] ------------------------------
 *
 *   pe_version version;
 *   pe_version_iter tables, strings;
 *   pe_version_table table;
 *   pe_version_string string;
 *   if (pe_version_open(&item.leaf, &version) != PE_OK) ...
 *   pe_version_tables(&version, &tables);
 *   while (pe_version_table_next(&tables, &table) == PE_OK) {
 *       pe_version_strings(&version, &table, &strings);
 *       while (pe_version_string_next(&strings, &string) == PE_OK) ...
 *   }
 */

/* What all parts have in common; they lie in each other. Lengths and type as stored. */
typedef struct pe_version_node {
    pe_rva at;
    uint32_t size; /* of the node: `length`, or what its parent has left if that is less */
    uint16_t length, value_length;
    uint16_t type; /* 1: text; the value's length then counts units, if written by the book */
    pe_utf16 key;
} pe_version_node;

/* [VS_FIXEDFILEINFO], 52 bytes. Versions are most significant first, as in 6.1.7601.17514. */
typedef struct pe_version_fixed {
    pe_rva at;
    uint32_t struct_version;
    uint16_t file_version[4], product_version[4];
    uint32_t flags_mask, flags;
    uint32_t os, type, subtype;
    uint64_t date;
} pe_version_fixed;

typedef struct pe_version {
    pe_resource_leaf leaf;
    pe_version_node node; /* its key is VS_VERSION_INFO */
    bool has_fixed;       /* the value is long enough and has the signature 0xFEEF04BD */
    pe_version_fixed fixed;
    uint32_t children; /* offset in the leaf */
} pe_version;

/* A StringTable. Its key says language and code page in hexadecimal, such as 040904B0. */
typedef struct pe_version_table {
    pe_version_node node;
    bool has_language; /* the key is eight hexadecimal digits */
    uint16_t language, code_page;
    uint32_t children; /* offset in the leaf */
} pe_version_table;

/* A String: node.key is its name, the value ends at its NUL or with the node (rule R6). */
typedef struct pe_version_string {
    pe_version_node node;
    pe_utf16 value;
} pe_version_string;

/* An element of a Translation: 4 bytes. */
typedef struct pe_version_translation {
    pe_rva at;
    uint16_t language, code_page;
} pe_version_translation;

/* Offsets in the leaf: where the next node is looked for, and where the last one ends. */
typedef struct pe_version_range {
    uint32_t next, end;
} pe_version_range;

typedef struct pe_version_iter {
    pe_resource_leaf leaf;
    pe_version_range outer, inner, values;
    pe_status status;
} pe_version_iter;

/*
 * PE_OK, or PE_BAD_FORMAT (the root does not hold its own header, or is not called
 * VS_VERSION_INFO), PE_OUT_OF_BOUNDS (the leaf is too short), or leaf->status.
 */
PE_API pe_status pe_version_open(const pe_resource_leaf *leaf, pe_version *ret_version);

/* The tables of each StringFileInfo, the strings of a table, the elements of each Translation. */
PE_API void pe_version_tables(const pe_version *version, pe_version_iter *ret_iter);
PE_API void pe_version_strings(const pe_version *version, const pe_version_table *table,
                               pe_version_iter *ret_iter);
PE_API void pe_version_translations(const pe_version *version, pe_version_iter *ret_iter);

/*
 * PE_OK with the next item, PE_END, or PE_BAD_FORMAT for a node that is shorter than its header;
 * said again. Zeros where a node would start, or too few bytes for one, are padding.
 */
PE_API pe_status pe_version_table_next(pe_version_iter *iter, pe_version_table *ret_table);
PE_API pe_status pe_version_string_next(pe_version_iter *iter, pe_version_string *ret_string);
PE_API pe_status pe_version_translation_next(pe_version_iter *iter,
                                             pe_version_translation *ret_translation);

/* ---- Manifests: a leaf of PE_RT_MANIFEST --------------------------------------------------------
 */

typedef enum pe_text_encoding {
    PE_TEXT_UTF8, /* also what has no byte-order mark */
    PE_TEXT_UTF16_LE,
    PE_TEXT_UTF16_BE,
} pe_text_encoding;

/* Resource IDs of manifests that Windows looks for: of an EXE, of a DLL. */
enum { PE_MANIFEST_PROCESS = 1, PE_MANIFEST_ISOLATION = 2 };

/* The XML text behind the byte-order mark. */
typedef struct pe_manifest {
    pe_text_encoding encoding;
    uint32_t mark_size; /* bytes of the byte-order mark, 0 for none */
    pe_rva at;
    uint32_t size; /* in bytes */
    pe_span text;  /* borrowed; shorter than `size` where the rest is zero fill */
} pe_manifest;

/* PE_OK, or leaf->status. */
PE_API pe_status pe_manifest_open(const pe_resource_leaf *leaf, pe_manifest *ret_manifest);

/* ---- Icon and cursor groups: a leaf of PE_RT_GROUP_ICON or PE_RT_GROUP_CURSOR -------------------
 */

typedef struct pe_icon_group {
    pe_resource_leaf leaf;
    uint16_t reserved;
    uint16_t type; /* 1: icons, 2: cursors */
    bool is_cursor;
    uint16_t count;
} pe_icon_group;

/* One picture of a group: 14 bytes. The group's own leaf does not hold it. */
typedef struct pe_icon {
    pe_rva at;
    uint16_t width, height; /* as stored: an icon's 0 is 256, a cursor's height is twice its own */
    uint8_t colors, reserved; /* of an icon */
    uint16_t planes, bit_count;
    uint32_t size; /* of the picture in bytes */
    uint16_t id;   /* name of the leaf of PE_RT_ICON or PE_RT_CURSOR that holds it */
} pe_icon;

/* PE_OK, PE_BAD_FORMAT (the type is neither), PE_OUT_OF_BOUNDS, or leaf->status. */
PE_API pe_status pe_icon_group_open(const pe_resource_leaf *leaf, pe_icon_group *ret_group);

/* The picture `index`: PE_NOT_FOUND from `count` on, PE_OUT_OF_BOUNDS beyond the leaf. */
PE_API pe_status pe_icon_at(const pe_icon_group *group, uint32_t index, pe_icon *ret_icon);

/* ---- String tables: a leaf of PE_RT_STRING ------------------------------------------------------
 */

enum { PE_STRINGS_PER_BLOCK = 16, PE_STRING_BLOCKS = 0x1000 };

/* A string of a block; an empty one is one that is not there. `text.at` - 2 is its length word. */
typedef struct pe_resource_string {
    uint16_t id;
    pe_utf16 text;
} pe_resource_string;

typedef struct pe_string_block_iter {
    pe_resource_leaf leaf;
    uint32_t first_id;
    uint32_t index; /* of the next string in the block */
    uint32_t next;  /* offset in the leaf */
    pe_status status;
} pe_string_block_iter;

/*
 * The strings of a leaf whose name in the tree (path[1]) is `block`: number n holds the IDs from
 * 16 * (n - 1) on. iter->status is PE_BAD_FORMAT for a block with a name or outside 1 to 4096.
 */
PE_API void pe_string_block(const pe_resource_leaf *leaf, const pe_resource_id *block,
                            pe_string_block_iter *ret_iter);
/*
 * PE_OK with the next string, PE_END after 16 or where the leaf ends between two,
 * PE_OUT_OF_BOUNDS for one that leaves the leaf, or leaf->status; said again.
 */
PE_API pe_status pe_string_block_next(pe_string_block_iter *iter, pe_resource_string *ret_string);

/* ---- Message tables: a leaf of PE_RT_MESSAGETABLE [MESSAGE_RESOURCE_DATA] -----------------------
 */

/* Flags of a message. */
enum { PE_MESSAGE_UNICODE = 1, PE_MESSAGE_UTF8 = 2 };

typedef struct pe_message_table {
    pe_resource_leaf leaf;
    uint32_t block_count;
} pe_message_table;

/* A run of messages with consecutive IDs: 12 bytes. */
typedef struct pe_message_block {
    pe_rva at;
    uint32_t low_id, high_id; /* both included */
    uint32_t entries;         /* offset of the first message in the leaf */
} pe_message_block;

/* A message, up to its NUL: `wide` if its flags say UNICODE, else `narrow` (code page or UTF-8). */
typedef struct pe_message {
    pe_rva at;
    uint32_t id;
    uint16_t size; /* as stored: header of 4 bytes, text and padding */
    uint16_t flags;
    bool is_wide;
    pe_utf16 wide;
    pe_span narrow;
} pe_message;

typedef struct pe_message_iter {
    pe_resource_leaf leaf;
    uint64_t id, end; /* of the next message; behind the last */
    uint32_t next;    /* offset in the leaf */
    pe_status status;
} pe_message_iter;

/* PE_OK, PE_OUT_OF_BOUNDS, or leaf->status. */
PE_API pe_status pe_message_table_open(const pe_resource_leaf *leaf, pe_message_table *ret_table);

/* The block `index`: PE_NOT_FOUND from block_count on, PE_OUT_OF_BOUNDS beyond the leaf. */
PE_API pe_status pe_message_block_at(const pe_message_table *table, uint32_t index,
                                     pe_message_block *ret_block);

PE_API void pe_messages(const pe_message_table *table, const pe_message_block *block,
                        pe_message_iter *ret_iter);
/*
 * PE_OK with the next message, PE_END, PE_BAD_FORMAT for one that is shorter than its header,
 * PE_OUT_OF_BOUNDS for one that leaves the leaf; said again.
 */
PE_API pe_status pe_message_next(pe_message_iter *iter, pe_message *ret_message);

#ifdef __cplusplus
}
#endif

#endif
