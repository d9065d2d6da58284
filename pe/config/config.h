/*
 * config.h: the load configuration and the tables behind it: guards, dynamic value relocations,
 * CHPE and volatile metadata, enclaves. Part of pe.h.
 */
#ifndef PELOAD_PE_CONFIG_H
#define PELOAD_PE_CONFIG_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* The name of a single bit; static. NULL if it has none. */
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
#define PE_GUARD_METADATA_SIZE 0xF0000000u
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

/* ---- Dynamic value relocations: what is patched once the machine or the system is known ----
 *
 *   pe_dynamic_table table;
 *   pe_dynamic_iter entries;
 *   pe_dynamic_entry entry;
 *   if (pe_dynamic_table_open(&image, &config, &table) == PE_OK) {
 *       pe_dynamic_entries(&image, &table, &entries);
 *       while (pe_dynamic_next(&entries, &entry) == PE_OK) ...
 *   }
 *
 * The specification has only the fields that lead to the table; layouts and names are those of
 * winnt.h (IMAGE_DYNAMIC_RELOCATION_TABLE and what follows it there).
 */

/* Symbols with a meaning of their own; any other is the address that is patched in. */
#define PE_DYNAMIC_SYMBOL_LIST(X)       \
    X(GUARD_RF_PROLOGUE, 1)             \
    X(GUARD_RF_EPILOGUE, 2)             \
    X(GUARD_IMPORT_CONTROL_TRANSFER, 3) \
    X(GUARD_INDIR_CONTROL_TRANSFER, 4)  \
    X(GUARD_SWITCHTABLE_BRANCH, 5)      \
    X(ARM64X, 6)                        \
    X(FUNCTION_OVERRIDE, 7)             \
    X(ARM64_KERNEL_IMPORT_CALL_TRANSFER, 8)

enum {
#define X(name, number) PE_DYNAMIC_##name = number,
    PE_DYNAMIC_SYMBOL_LIST(X)
#undef X
        PE_DYNAMIC_ADDRESS = 0x10000, /* symbols from here on are addresses */
};

/* "ARM64X" and so on; NULL for a symbol that is not listed. Static. */
PE_API const char *pe_dynamic_symbol_name(uint64_t symbol);

typedef struct pe_dynamic_table {
    pe_rva at;
    uint32_t version;
    pe_directory entries; /* what follows the header, as the table says */
} pe_dynamic_table;

/*
 * The table that DYNAMIC_VALUE_RELOC_TABLE_SECTION (a number from 1) and its offset say, or that is
 * at the address DYNAMIC_VALUE_RELOC_TABLE where the section is 0. PE_NOT_PRESENT without either,
 * PE_OUT_OF_BOUNDS for a section that does not exist, or the status of reading the header.
 */
PE_API pe_status pe_dynamic_table_open(const pe_image *image, const pe_load_config *config,
                                       pe_dynamic_table *ret_table);

/* What is patched with one symbol. */
typedef struct pe_dynamic_entry {
    pe_rva at;
    uint64_t symbol;
    uint32_t header_size; /* in bytes: the fixups follow */
    pe_directory fixups;  /* blocks, or what the symbol alone knows */
    uint32_t group;       /* version 2 */
    uint32_t flags;       /* version 2 */
} pe_dynamic_entry;

typedef struct pe_dynamic_iter {
    const pe_image *image;
    pe_directory table;
    uint32_t version;
    uint32_t next; /* offset in the table */
    pe_status status;
} pe_dynamic_iter;

PE_API void pe_dynamic_entries(const pe_image *image, const pe_dynamic_table *table,
                               pe_dynamic_iter *ret_iter);
/*
 * PE_OK with the next entry, PE_END, PE_BAD_FORMAT for a version other than 1 and 2 or a header
 * size that does not hold the header, PE_OUT_OF_BOUNDS for an entry that leaves the table, or the
 * status of reading it; all but PE_OK are said again.
 */
PE_API pe_status pe_dynamic_next(pe_dynamic_iter *iter, pe_dynamic_entry *ret_entry);

/* A block: the fixups of one page. */
typedef struct pe_dynamic_block {
    pe_rva at;
    pe_rva page;
    uint64_t symbol;
    pe_directory records; /* what follows the block's header of 8 bytes */
} pe_dynamic_block;

typedef struct pe_dynamic_block_iter {
    const pe_image *image;
    pe_directory fixups;
    uint64_t symbol;
    uint32_t next; /* offset in the fixups */
    pe_status status;
} pe_dynamic_block_iter;

/*
 * The blocks of an entry. PE_NOT_FOUND for the symbols whose fixups are no blocks or are not known
 * publicly (GUARD_RF_*, FUNCTION_OVERRIDE, ARM64_KERNEL_IMPORT_CALL_TRANSFER, unlisted small
 * numbers): entry.fixups tells where they are.
 */
PE_API void pe_dynamic_blocks(const pe_image *image, const pe_dynamic_entry *entry,
                              pe_dynamic_block_iter *ret_iter);
/*
 * PE_OK with the next block, PE_END, PE_BAD_FORMAT for a size that does not hold the block's
 * header, PE_OUT_OF_BOUNDS for a block that leaves the fixups, or the status of reading it; all but
 * PE_OK are said again.
 */
PE_API pe_status pe_dynamic_block_next(pe_dynamic_block_iter *iter, pe_dynamic_block *ret_block);

/* Types of ARM64X records. */
#define PE_ARM64X_TYPE_LIST(X) \
    X(ZEROFILL, 0)             \
    X(VALUE, 1)                \
    X(DELTA, 2)

enum {
#define X(name, number) PE_ARM64X_##name = number,
    PE_ARM64X_TYPE_LIST(X)
#undef X
};

/* "ZEROFILL" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_arm64x_type_name(uint32_t type);

/* Types of the records that a FUNCTION_OVERRIDE has, named as IMAGE_FUNCTION_OVERRIDE_NAME. */
#define PE_OVERRIDE_TYPE_LIST(X) \
    X(INVALID, 0)                \
    X(X64_REL32, 1)              \
    X(ARM64_BRANCH26, 2)         \
    X(ARM64_THUNK, 3)

enum {
#define X(name, number) PE_OVERRIDE_##name = number,
    PE_OVERRIDE_TYPE_LIST(X)
#undef X
};

/* "X64_REL32" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_override_type_name(uint32_t type);

/* Where a GUARD_IMPORT_CONTROL_TRANSFER names no slot: of x86-64, and of ARM64. */
enum { PE_DYNAMIC_NO_IAT_INDEX = 0x7FFFF, PE_DYNAMIC_NO_IAT_INDEX_ARM64 = 0x7FFF };

/*
 * A record of a block. Which fields mean something depends on the block's symbol; the others are 0.
 * IMPORT: GUARD_IMPORT_CONTROL_TRANSFER, in the form that ARM64 images have if the image is one;
 * INDIR: GUARD_INDIR_CONTROL_TRANSFER; SWITCH: GUARD_SWITCHTABLE_BRANCH.
 */
typedef struct pe_dynamic_record {
    pe_rva at;
    uint32_t size;       /* bytes that the record takes */
    uint32_t target;     /* RVA that is patched: the block's page and the record's offset */
    uint32_t raw;        /* its first 2 bytes as stored; IMPORT: 4 bytes */
    uint32_t type;       /* ARM64X, FUNCTION_OVERRIDE; of an address: as of base relocations */
    bool is_call;        /* IMPORT, INDIR: a call, not a jump */
    bool has_rex_w;      /* INDIR */
    bool has_cfg_check;  /* INDIR */
    bool is_delay;       /* IMPORT of ARM64: a delay-load import */
    uint8_t register_no; /* SWITCH, IMPORT of ARM64 */
    uint32_t iat_index;  /* IMPORT */
    uint32_t width;      /* ARM64X: bytes that are patched */
    uint64_t value;      /* ARM64X, VALUE: what is stored there */
    int32_t delta;       /* ARM64X, DELTA: what is added there */
} pe_dynamic_record;

typedef struct pe_dynamic_record_iter {
    const pe_image *image;
    pe_dynamic_block block;
    uint32_t next; /* offset in the records */
    pe_status status;
} pe_dynamic_record_iter;

PE_API void pe_dynamic_records(const pe_image *image, const pe_dynamic_block *block,
                               pe_dynamic_record_iter *ret_iter);
/*
 * PE_OK with the next record, PE_END, PE_BAD_FORMAT for an ARM64X record of no known type or a
 * value of one byte, PE_OUT_OF_BOUNDS for a record that leaves the block, or the status of reading
 * it; all but PE_OK are said again. Two zero bytes at the end of an ARM64X block are padding.
 */
PE_API pe_status pe_dynamic_record_next(pe_dynamic_record_iter *iter,
                                        pe_dynamic_record *ret_record);

/* ---- FUNCTION_OVERRIDE: functions of which the system chooses one of several ---- */

/* A function that may be replaced. */
typedef struct pe_override {
    pe_rva at;
    pe_rva original;
    uint32_t bdd_offset; /* in bytes, from the start of the decision diagrams */
    pe_directory rvas;   /* of the replacements: 4 bytes each */
    pe_directory relocs; /* blocks of the places that refer to the function */
} pe_override;

typedef struct pe_override_iter {
    const pe_image *image;
    pe_directory overrides;
    pe_directory diagrams; /* what follows them in the fixups */
    uint32_t next;         /* offset in the overrides */
    pe_status status;
} pe_override_iter;

/* The overrides of an entry: PE_NOT_FOUND for one of another symbol, PE_OUT_OF_BOUNDS where the
 * fixups do not hold as many bytes as they say. */
PE_API void pe_overrides(const pe_image *image, const pe_dynamic_entry *entry,
                         pe_override_iter *ret_iter);
/* PE_OK with the next override, PE_END, PE_OUT_OF_BOUNDS for one that leaves the overrides, or the
 * status of reading it; all but PE_OK are said again. */
PE_API pe_status pe_override_next(pe_override_iter *iter, pe_override *ret_override);

/* Replacement `index`; PE_NOT_FOUND from their number (rvas.size / 4) on. */
PE_API pe_status pe_override_rva(const pe_image *image, const pe_override *override, uint32_t index,
                                 pe_rva *ret_rva);

/* The blocks of override->relocs, for pe_dynamic_block_next and pe_dynamic_records. */
PE_API void pe_override_blocks(const pe_image *image, const pe_override *override,
                               pe_dynamic_block_iter *ret_iter);

/* A binary decision diagram: nodes that lead to a value, by which a replacement is chosen. */
typedef struct pe_bdd {
    pe_rva at;
    uint32_t version;
    pe_directory nodes; /* 8 bytes each */
} pe_bdd;

typedef struct pe_bdd_node {
    uint16_t left, right; /* indices of nodes */
    uint32_t value;
} pe_bdd_node;

/* The diagram at `offset` of the iterator's diagrams. PE_OUT_OF_BOUNDS for one that leaves them, or
 * the status of reading it. */
PE_API pe_status pe_bdd_open(const pe_override_iter *iter, uint32_t offset, pe_bdd *ret_bdd);

/* Node `index`; PE_NOT_FOUND from their number (nodes.size / 8) on. Nodes may name each other in
 * circles: who follows them keeps count. */
PE_API pe_status pe_bdd_node_at(const pe_image *image, const pe_bdd *bdd, uint32_t index,
                                pe_bdd_node *ret_node);

/* ---- CHPE: images with code of two architectures ---- */

/*
 * The fields of ARM64EC and ARM64X images: X(NAME, VERSION) in the order of
 * IMAGE_ARM64EC_METADATA, 4 bytes each; VERSION is the first that has the field. All but VERSION
 * and the counts and sizes are RVAs.
 */
#define PE_CHPE_ARM64EC_LIST(X)                \
    X(VERSION, 1)                              \
    X(CODE_MAP, 1)                             \
    X(CODE_MAP_COUNT, 1)                       \
    X(CODE_RANGES_TO_ENTRY_POINTS, 1)          \
    X(REDIRECTION_METADATA, 1)                 \
    X(DISPATCH_CALL_NO_REDIRECT, 1)            \
    X(DISPATCH_RET, 1)                         \
    X(DISPATCH_CALL, 1)                        \
    X(DISPATCH_ICALL, 1)                       \
    X(DISPATCH_ICALL_CFG, 1)                   \
    X(ALTERNATE_ENTRY_POINT, 1)                \
    X(AUXILIARY_IAT, 1)                        \
    X(CODE_RANGES_TO_ENTRY_POINTS_COUNT, 1)    \
    X(REDIRECTION_METADATA_COUNT, 1)           \
    X(GET_X64_INFORMATION_FUNCTION_POINTER, 1) \
    X(SET_X64_INFORMATION_FUNCTION_POINTER, 1) \
    X(EXTRA_RFE_TABLE, 1)                      \
    X(EXTRA_RFE_TABLE_SIZE, 1)                 \
    X(DISPATCH_FPTR, 1)                        \
    X(AUXILIARY_IAT_COPY, 1)                   \
    X(AUXILIARY_DELAYLOAD_IAT, 2)              \
    X(AUXILIARY_DELAYLOAD_IAT_COPY, 2)         \
    X(HYBRID_IMAGE_INFO_BITFIELD, 2)

/* The same of x86 images with ARM64 code, in the order of IMAGE_CHPE_METADATA_X86. */
#define PE_CHPE_X86_LIST(X)                          \
    X(VERSION, 1)                                    \
    X(CODE_ADDRESS_RANGE_OFFSET, 1)                  \
    X(CODE_ADDRESS_RANGE_COUNT, 1)                   \
    X(WOWA64_EXCEPTION_HANDLER_FUNCTION, 1)          \
    X(WOWA64_DISPATCH_CALL_FUNCTION, 1)              \
    X(WOWA64_DISPATCH_INDIRECT_CALL_FUNCTION, 1)     \
    X(WOWA64_DISPATCH_INDIRECT_CALL_CFG_FUNCTION, 1) \
    X(WOWA64_DISPATCH_RET_FUNCTION, 1)               \
    X(WOWA64_DISPATCH_RET_LEAF_FUNCTION, 1)          \
    X(WOWA64_DISPATCH_JUMP_FUNCTION, 1)              \
    X(COMPILER_IAT, 2)                               \
    X(WOWA64_RDTSC_FUNCTION, 3)

/* Indices of pe_chpe.values. */
typedef enum pe_chpe_arm64ec_field {
#define X(name, version) PE_CHPE_##name,
    PE_CHPE_ARM64EC_LIST(X)
#undef X
        PE_CHPE_VALUE_COUNT
} pe_chpe_arm64ec_field;

typedef enum pe_chpe_x86_field {
#define X(name, version) PE_CHPE_X86_##name,
    PE_CHPE_X86_LIST(X)
#undef X
        PE_CHPE_X86_VALUE_COUNT
} pe_chpe_x86_field;

/* The metadata. Value `i` is at 4 * i from `at`. */
typedef struct pe_chpe {
    pe_rva at;
    bool is_x86;                          /* by the machine of the image's headers */
    uint32_t count;                       /* values that the metadata's version has */
    uint32_t values[PE_CHPE_VALUE_COUNT]; /* as stored; 0 from `count` on */
} pe_chpe;

/* What CHPE_METADATA of the load configuration points to. PE_OK, PE_NOT_PRESENT without it, or the
 * status of reading it. */
PE_API pe_status pe_chpe_open(const pe_image *image, const pe_load_config *config,
                              pe_chpe *ret_chpe);

/* "CODE_MAP" and so on; NULL from the number of fields that are known on. Static. */
PE_API const char *pe_chpe_value_name(const pe_chpe *chpe, uint32_t index);

/* What code a range holds: IMAGE_CHPE_RANGE_NAME. X86 has a number of our own. */
#define PE_CHPE_RANGE_LIST(X) \
    X(ARM64, 0)               \
    X(ARM64EC, 1)             \
    X(AMD64, 2)               \
    X(X86, 4)

typedef enum pe_chpe_range_kind {
#define X(name, number) PE_CHPE_RANGE_##name = number,
    PE_CHPE_RANGE_LIST(X)
#undef X
} pe_chpe_range_kind;

/* "ARM64" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_chpe_range_name(uint32_t kind);

/* An entry of the code map: `length` bytes of one kind of code. */
typedef struct pe_chpe_range {
    pe_rva at;
    pe_rva start;
    uint32_t length;
    uint32_t kind;
} pe_chpe_range;

/* A range of x86-64 code, [start, end), and the ARM64EC entry point for it. */
typedef struct pe_chpe_entry_point {
    pe_rva at;
    pe_rva start, end;
    pe_rva entry_point;
} pe_chpe_entry_point;

/* An x86-64 function (an export thunk) and the ARM64EC function that stands for it. */
typedef struct pe_chpe_redirection {
    pe_rva at;
    pe_rva source, destination;
} pe_chpe_redirection;

/* Of any of the three tables. */
typedef struct pe_chpe_iter {
    const pe_image *image;
    pe_rva table;
    uint32_t next, count; /* entries, as the metadata count them */
    bool is_x86;
    pe_status status;
} pe_chpe_iter;

/*
 * The tables; PE_NOT_PRESENT for one whose RVA or count is 0, as the last two always are in x86
 * images. Each is read with its own function of the three below.
 */
PE_API void pe_chpe_ranges(const pe_image *image, const pe_chpe *chpe, pe_chpe_iter *ret_iter);
PE_API void pe_chpe_entry_points(const pe_image *image, const pe_chpe *chpe,
                                 pe_chpe_iter *ret_iter);
PE_API void pe_chpe_redirections(const pe_image *image, const pe_chpe *chpe,
                                 pe_chpe_iter *ret_iter);

/* PE_OK with the next entry, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_chpe_range_next(pe_chpe_iter *iter, pe_chpe_range *ret_range);
PE_API pe_status pe_chpe_entry_point_next(pe_chpe_iter *iter, pe_chpe_entry_point *ret_entry_point);
PE_API pe_status pe_chpe_redirection_next(pe_chpe_iter *iter, pe_chpe_redirection *ret_redirection);

/* ---- Volatile metadata: accesses to memory that emulated x86 code must order ---- */

/* IMAGE_VOLATILE_METADATA: 24 bytes. Linkers write the same version twice, such as 0x8003. */
typedef struct pe_volatile {
    pe_rva at;
    uint32_t size; /* in bytes, as stored */
    uint16_t minimum_version, maximum_version;
    pe_directory accesses; /* 4 bytes for each instruction */
    pe_directory ranges;   /* 8 bytes for each range */
} pe_volatile;

/* What VOLATILE_METADATA of the load configuration points to. PE_OK, PE_NOT_PRESENT without it,
 * PE_BAD_FORMAT for a size that does not hold the fields, or the status of reading it. */
PE_API pe_status pe_volatile_open(const pe_image *image, const pe_load_config *config,
                                  pe_volatile *ret_volatile);

/* Code, [rva, rva + size), of which `accesses` tells all accesses that need order. */
typedef struct pe_volatile_range {
    pe_rva at;
    pe_rva rva;
    uint32_t size;
} pe_volatile_range;

typedef struct pe_volatile_iter {
    const pe_image *image;
    pe_directory table;
    uint32_t next, count; /* entries: as many as the table's size holds */
    pe_status status;
} pe_volatile_iter;

/* Each table: PE_NOT_PRESENT where its RVA or its size is 0. */
PE_API void pe_volatile_accesses(const pe_image *image, const pe_volatile *metadata,
                                 pe_volatile_iter *ret_iter);
PE_API void pe_volatile_ranges(const pe_image *image, const pe_volatile *metadata,
                               pe_volatile_iter *ret_iter);

/* PE_OK with the next entry, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_volatile_access_next(pe_volatile_iter *iter, pe_rva *ret_instruction);
PE_API pe_status pe_volatile_range_next(pe_volatile_iter *iter, pe_volatile_range *ret_range);

/* ---- Enclaves: IMAGE_ENCLAVE_CONFIG32 and IMAGE_ENCLAVE_CONFIG64 ---- */

/* Bits of the policy: X(NAME, BIT), named as IMAGE_ENCLAVE_POLICY_NAME. */
#define PE_ENCLAVE_POLICY_LIST(X) \
    X(DEBUGGABLE, 0x1u)           \
    X(STRICT_MEMORY, 0x2u)

enum {
#define X(name, bit) PE_ENCLAVE_POLICY_##name = bit,
    PE_ENCLAVE_POLICY_LIST(X)
#undef X
};

/* The name of a single bit; static. NULL if it has none. */
PE_API const char *pe_enclave_policy_name(uint32_t bit);

enum { PE_ENCLAVE_ID_SIZE = 16, PE_ENCLAVE_AUTHOR_SIZE = 32, PE_ENCLAVE_PRIMARY_IMAGE = 1 };

typedef struct pe_enclave {
    pe_rva at;
    uint32_t size;         /* in bytes, as stored */
    uint32_t minimum_size; /* that a system must know of the structure */
    uint32_t policy;
    uint32_t import_count;
    pe_rva imports;
    uint32_t import_size; /* in bytes, of each */
    uint8_t family_id[PE_ENCLAVE_ID_SIZE];
    uint8_t image_id[PE_ENCLAVE_ID_SIZE];
    uint32_t image_version;
    uint32_t security_version;
    uint64_t enclave_size; /* in bytes */
    uint32_t threads;
    uint32_t flags; /* PE_ENCLAVE_PRIMARY_IMAGE; 0 where `size` does not cover it */
} pe_enclave;

/* What ENCLAVE_CONFIGURATION of the load configuration points to. PE_OK, PE_NOT_PRESENT without it,
 * PE_BAD_FORMAT for a size that does not hold all fields before `flags`, or the status of reading
 * it. */
PE_API pe_status pe_enclave_open(const pe_image *image, const pe_load_config *config,
                                 pe_enclave *ret_enclave);

/* By what an imported image is known: IMAGE_ENCLAVE_IMPORT_MATCH_NAME. */
#define PE_ENCLAVE_MATCH_LIST(X) \
    X(NONE, 0)                   \
    X(UNIQUE_ID, 1)              \
    X(AUTHOR_ID, 2)              \
    X(FAMILY_ID, 3)              \
    X(IMAGE_ID, 4)

enum {
#define X(name, number) PE_ENCLAVE_MATCH_##name = number,
    PE_ENCLAVE_MATCH_LIST(X)
#undef X
};

/* "UNIQUE_ID" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_enclave_match_name(uint32_t match);

/* IMAGE_ENCLAVE_IMPORT: an image that may be loaded into the enclave. */
typedef struct pe_enclave_import {
    pe_rva at;
    uint32_t match;
    uint32_t minimum_security_version;
    uint8_t unique_or_author_id[PE_ENCLAVE_AUTHOR_SIZE];
    uint8_t family_id[PE_ENCLAVE_ID_SIZE];
    uint8_t image_id[PE_ENCLAVE_ID_SIZE];
    pe_rva name_rva;
    pe_status name_status; /* PE_OK, or why the name cannot be read */
    pe_span name;          /* borrowed */
} pe_enclave_import;

typedef struct pe_enclave_iter {
    const pe_image *image;
    pe_rva table;
    uint32_t next, count;
    uint32_t entry_size;
    pe_status status;
} pe_enclave_iter;

/* The imports: PE_NOT_PRESENT with an RVA or a count of 0, PE_BAD_FORMAT for entries that do not
 * hold their fields. */
PE_API void pe_enclave_imports(const pe_image *image, const pe_enclave *enclave,
                               pe_enclave_iter *ret_iter);
/* PE_OK with the next import, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_enclave_import_next(pe_enclave_iter *iter, pe_enclave_import *ret_import);

#ifdef __cplusplus
}
#endif

#endif
