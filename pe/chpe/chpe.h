/*
 * chpe.h: metadata of images with code of two architectures. Part of pe.h.
 */
#ifndef PELOAD_PE_CHPE_H
#define PELOAD_PE_CHPE_H

#include <peload/pe/config.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
