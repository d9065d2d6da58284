/*
 * findings.h: what is odd about an image, as codes. Part of pe.h.
 *
 *   pe_finding_iter findings;
 *   pe_finding finding;
 *   pe_findings(&image, &findings);
 *   while (pe_finding_next(&findings, &finding) == PE_OK) ...
 *
 * A finding is a fact that the bytes prove, never a guess at what they are for. Whether Windows
 * would take the image is pe_accept's question and not repeated here.
 */
#ifndef PELOAD_PE_FINDINGS_H
#define PELOAD_PE_FINDINGS_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How much a finding matters to who has to rely on the image. */
typedef enum pe_severity {
    PE_NOTICE,  /* unusual, and harmless by itself */
    PE_WARNING, /* linkers do not write this, or it gives up a protection */
    PE_ERROR,   /* a structure is broken or points to nothing */
} pe_severity;

/*
 * X(NAME, NUMBER, SEVERITY, TEXT). Stable, appended to, never reused. What `index`, `value` and
 * `expected` of a finding are is said behind the text, where they are not 0: s is a section's
 * index, d a directory's.
 */
#define PE_FINDING_LIST(X)                                                                        \
    X(LFANEW_IN_DOS_HEADER, 1, WARNING, "the PE signature lies in the DOS header")                \
    X(RICH_CHECKSUM_WRONG, 2, WARNING, "the Rich header's key is not its checksum")               \
    X(CHECKSUM_WRONG, 3, NOTICE, "the stored checksum is not 0 and not that of the file")         \
    X(DIRECTORY_COUNT_UNUSUAL, 4, NOTICE, "the image does not count 16 directories")              \
    X(OPTIONAL_HEADER_SIZE_UNUSUAL, 5, NOTICE,                                                    \
      "SizeOfOptionalHeader is not the size of its fields and directories")                       \
    X(SIZE_OF_IMAGE_WRONG, 6, WARNING, "SizeOfImage is not where the last section ends")          \
    X(SIZE_OF_HEADERS_SMALL, 7, ERROR, "the section table goes beyond SizeOfHeaders")             \
    X(RELOCS_STRIPPED_BUT_DYNAMIC_BASE, 8, NOTICE,                                                \
      "the image asks for a random base without relocations")                                     \
    X(ENTRY_POINT_OUTSIDE_CODE, 9, WARNING, "the entry point is in no executable section")        \
    X(ENTRY_POINT_OUTSIDE_IMAGE, 10, ERROR, "the entry point is beyond SizeOfImage")              \
    X(ENTRY_POINT_WRITABLE, 11, WARNING, "the entry point is in a writable section")              \
    X(ENTRY_POINT_MISSING, 12, NOTICE, "a native EXE has no entry point")                         \
    X(OVERLAY, 13, NOTICE, "bytes behind the sections are neither certificates nor symbols")      \
    X(CERTIFICATES_NOT_LAST, 14, WARNING, "bytes follow the certificate table")                   \
    X(SECTION_IN_HEADERS, 15, WARNING, "a section starts inside the headers in memory")           \
    X(SECTIONS_OVERLAP, 16, ERROR, "a section starts before the one before it ends")              \
    X(SECTION_OUTSIDE_IMAGE, 17, ERROR, "a section ends beyond SizeOfImage")                      \
    X(RAW_DATA_OUTSIDE_FILE, 18, ERROR, "a section's raw data end beyond the file")               \
    X(RAW_DATA_IN_HEADERS, 19, WARNING, "a section's raw data lie inside the headers")            \
    X(RAW_DATA_OVERLAP, 20, WARNING, "a section's raw data lie in another section's, too")        \
    X(RAW_DATA_UNALIGNED, 21, NOTICE, "PointerToRawData is no multiple of FileAlignment")         \
    X(SECTION_WRITE_EXECUTE, 22, WARNING, "a section is writable and executable")                 \
    X(SECTION_WRITE_SHARED, 23, WARNING, "a section is writable and shared by all processes")     \
    X(SECTION_NAME_EMPTY, 24, NOTICE, "a section has no name")                                    \
    X(SECTION_NAME_UNPRINTABLE, 25, NOTICE, "a section's name is not printable ASCII")            \
    X(SECTION_NAME_REPEATED, 26, NOTICE, "a section has the name of an earlier one")              \
    X(SECTION_NAME_LOST, 27, NOTICE, "a section's long name is not in the string table")          \
    X(SECTION_VIRTUAL_SIZE_ZERO, 28, NOTICE, "a section's VirtualSize is 0")                      \
    X(CODE_ENTROPY_HIGH, 29, NOTICE, "an executable section is compressed or encrypted")          \
    X(DIRECTORY_OUTSIDE_IMAGE, 30, ERROR, "a directory ends beyond SizeOfImage or the file")      \
    X(DIRECTORY_UNMAPPED, 31, ERROR, "a directory starts where nothing is mapped")                \
    X(DIRECTORY_WITHOUT_RVA, 32, NOTICE, "a directory has a size and no place")                   \
    X(DIRECTORY_WITHOUT_SIZE, 33, NOTICE, "a directory has a place and no size")                  \
    X(TABLE_BROKEN, 34, ERROR, "a table cannot be read to its end")                               \
    X(EXPORT_NAMES_UNSORTED, 35, WARNING, "exports cannot be found by name: names do not ascend") \
    X(FUNCTIONS_UNSORTED, 36, WARNING,                                                            \
      "unwind information cannot be found: functions do not ascend")

typedef enum pe_finding_code {
#define X(name, number, severity, text) PE_FINDING_##name = number,
    PE_FINDING_LIST(X)
#undef X
} pe_finding_code;

/* "SECTIONS_OVERLAP" and so on, and its text; static. NULL for a number that is no code. */
PE_API const char *pe_finding_name(uint32_t code);
PE_API const char *pe_finding_text(uint32_t code);

/* "notice", "warning", "error"; static. NULL beyond. */
PE_API const char *pe_severity_name(pe_severity severity);

/* What a finding is about, beside the image as a whole. */
typedef enum pe_subject { PE_ABOUT_IMAGE, PE_ABOUT_SECTION, PE_ABOUT_DIRECTORY } pe_subject;

/* `offset` is in the file and that of the field or header which shows it (of the bytes themselves
 * for OVERLAY and CERTIFICATES_NOT_LAST). */
typedef struct pe_finding {
    pe_finding_code code;
    pe_severity severity;
    pe_subject subject;
    uint32_t index; /* of the section or directory */
    pe_offset offset;
    uint64_t value; /* what was found: a field, an RVA, an entropy; for TABLE_BROKEN a pe_status */
    uint64_t expected; /* what it disagrees with, or the limit; 0 where there is none */
} pe_finding;

typedef struct pe_finding_iter {
    const pe_image *image;
    uint32_t check;        /* of findings.c's list */
    uint32_t index;        /* of the next section or directory it looks at */
    bool without_contents; /* the caller may set it: leaves out what all bytes must be read for,
                            * CHECKSUM_WRONG and CODE_ENTROPY_HIGH */
    pe_budget budget;      /* for an image that has none */
    pe_status status;
} pe_finding_iter;

/* The findings of an image: first about the image, then section by section, then the directories.
 */
PE_API void pe_findings(const pe_image *image, pe_finding_iter *ret_iter);

/*
 * PE_OK with the next finding, PE_END, or PE_BUDGET_SPENT where not everything could be looked at;
 * said again. What needs the file (checksum, overlay, raw data) is not looked at in mapped layout.
 * Sections are compared with the 96 before them. An image without a budget is looked at with the
 * one that pe_budget_for gives.
 */
PE_API pe_status pe_finding_next(pe_finding_iter *iter, pe_finding *ret_finding);

#ifdef __cplusplus
}
#endif

#endif
