/*
 * checks.h: the checks of pe/findings, one function for each code.
 */
#ifndef PELOAD_PE_CHECKS_H
#define PELOAD_PE_CHECKS_H

#include <peload/pe.h>

/* What a check has found: the finding's own members. */
typedef struct pe__evidence {
    uint64_t offset, value, expected;
} pe__evidence;

typedef bool pe__image_check(const pe_image *image, pe__evidence *ret_evidence);
typedef bool pe__section_check(const pe_image *image, uint32_t index, const pe_section *section,
                               pe__evidence *ret_evidence);
typedef bool pe__directory_check(const pe_image *image, pe_directory_index index,
                                 pe__evidence *ret_evidence);

#define PE__IMAGE_CHECKS(X)             \
    X(LFANEW_IN_DOS_HEADER)             \
    X(RICH_CHECKSUM_WRONG)              \
    X(CHECKSUM_WRONG)                   \
    X(DIRECTORY_COUNT_UNUSUAL)          \
    X(OPTIONAL_HEADER_SIZE_UNUSUAL)     \
    X(SIZE_OF_IMAGE_WRONG)              \
    X(SIZE_OF_HEADERS_SMALL)            \
    X(RELOCS_STRIPPED_BUT_DYNAMIC_BASE) \
    X(ENTRY_POINT_OUTSIDE_CODE)         \
    X(ENTRY_POINT_OUTSIDE_IMAGE)        \
    X(ENTRY_POINT_WRITABLE)             \
    X(ENTRY_POINT_MISSING)              \
    X(OVERLAY)                          \
    X(CERTIFICATES_NOT_LAST)            \
    X(EXPORT_NAMES_UNSORTED)            \
    X(FUNCTIONS_UNSORTED)

#define PE__SECTION_CHECKS(X)    \
    X(SECTION_IN_HEADERS)        \
    X(SECTIONS_OVERLAP)          \
    X(SECTION_OUTSIDE_IMAGE)     \
    X(RAW_DATA_OUTSIDE_FILE)     \
    X(RAW_DATA_IN_HEADERS)       \
    X(RAW_DATA_OVERLAP)          \
    X(RAW_DATA_UNALIGNED)        \
    X(SECTION_WRITE_EXECUTE)     \
    X(SECTION_WRITE_SHARED)      \
    X(SECTION_NAME_EMPTY)        \
    X(SECTION_NAME_UNPRINTABLE)  \
    X(SECTION_NAME_REPEATED)     \
    X(SECTION_NAME_LOST)         \
    X(SECTION_VIRTUAL_SIZE_ZERO) \
    X(CODE_ENTROPY_HIGH)

#define PE__DIRECTORY_CHECKS(X) \
    X(DIRECTORY_OUTSIDE_IMAGE)  \
    X(DIRECTORY_UNMAPPED)       \
    X(DIRECTORY_WITHOUT_RVA)    \
    X(DIRECTORY_WITHOUT_SIZE)   \
    X(TABLE_BROKEN)

#define X(name) pe__image_check pe__check_##name;
PE__IMAGE_CHECKS(X)
#undef X
#define X(name) pe__section_check pe__check_##name;
PE__SECTION_CHECKS(X)
#undef X
#define X(name) pe__directory_check pe__check_##name;
PE__DIRECTORY_CHECKS(X)
#undef X

#endif
