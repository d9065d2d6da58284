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

/* The RVA of what `field` (a VA) points to. PE_NOT_PRESENT where the structure does not have the
 * field or it is 0, PE_OUT_OF_BOUNDS for an address outside SizeOfImage. */
PE_API pe_status pe_load_config_target(const pe_image *image, const pe_load_config *config,
                                       pe_load_config_field field, pe_rva *ret_rva);

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
