/*
 * rules.h: every rule that the parser knows, one line each, for the sources of pe/ only.
 *
 * X(ID, NTSTATUS, PROFILES, WHAT MUST HOLD, SOURCE). The text is the `detail` of the diagnostic.
 * pe/RULES.md shows the same list with remarks; a test compares the two.
 */
#ifndef PELOAD_PE_RULES_H
#define PELOAD_PE_RULES_H

#include <peload/pe.h>

#define PE__ALL (PE_WIN10 | PE_WIN7 | PE_WINXP)

#define PE__RULES(X)                                                                               \
    X(H1, INVALID_IMAGE_PROTECT, PE__ALL, "the NT headers lie inside the bytes", "PE")             \
    X(A1, INVALID_FILE_FOR_SECTION, PE__ALL, "the file is not empty", "WT, RT")                    \
    X(A2, INVALID_IMAGE_FORMAT, PE_WIN10, "the file is smaller than 4 GB", "M10 V1")               \
    X(A3, INVALID_IMAGE_NOT_MZ, PE__ALL, "the file starts with a DOS header that says MZ",         \
      "MX V1, M7 V1, M10 V2, WT")                                                                  \
    X(A4, INVALID_IMAGE_PROTECT, PE_WIN10, "e_lfanew and the NT headers end below 4 GB", "M10 V3") \
    X(A5, INVALID_IMAGE_PROTECT, PE__ALL, "the NT headers end inside the file",                    \
      "MX V2, M7 V2, M10 V4, COR")                                                                 \
    X(A6, INVALID_IMAGE_PROTECT, PE__ALL, "the signature at e_lfanew is PE",                       \
      "MX V3, M7 V3, M10 V7, WT")                                                                  \
    X(A7, INVALID_IMAGE_FORMAT, PE__ALL, "Machine and SizeOfOptionalHeader are not both 0",        \
      "MX V4, M7 V4, M10 V8")                                                                      \
    X(A8, INVALID_IMAGE_FORMAT, PE__ALL, "Characteristics has EXECUTABLE_IMAGE",                   \
      "MX V6, M7 V6, M10 V9")                                                                      \
    X(A9, INVALID_IMAGE_FORMAT, PE__ALL, "e_lfanew is a multiple of 4", "MX V7, M7 V7, M10 V10")   \
    X(A10, INVALID_IMAGE_FORMAT, PE__ALL, "the optional header is PE32 or PE32+",                  \
      "MX V8, M7 V8, M10 V11, WT")                                                                 \
    X(A11, INVALID_IMAGE_FORMAT, PE__ALL,                                                          \
      "FileAlignment is a multiple of 512 or equals SectionAlignment", "MX V9, M7 V9, M10 V12")    \
    X(A12, INVALID_IMAGE_FORMAT, PE__ALL, "FileAlignment is not 0", "MX V10, M7 V10, M10 V13")     \
    X(A13, INVALID_IMAGE_FORMAT, PE__ALL, "SectionAlignment is a power of two",                    \
      "MX V11, M7 V11, M10 V14")                                                                   \
    X(A14, INVALID_IMAGE_FORMAT, PE__ALL, "FileAlignment is a power of two",                       \
      "MX V12, M7 V12, M10 V15")                                                                   \
    X(A15, INVALID_IMAGE_FORMAT, PE__ALL, "SectionAlignment is not below FileAlignment",           \
      "MX V13, M7 V13, M10 V16")                                                                   \
    X(A16, INVALID_IMAGE_FORMAT, PE__ALL, "SizeOfImage is 0x77000000 at the most",                 \
      "MX V14, M7 V14, M10 V17")                                                                   \
    X(A17, INVALID_IMAGE_FORMAT, PE_WINXP, "the image has 96 sections at the most", "MX V15")      \
    X(A18, INVALID_IMAGE_FORMAT, PE__ALL,                                                          \
      "Machine is one the system runs: i386 in a PE32, AMD64 in a PE32+ optional header",          \
      "MX V16, M7 V16, M10 V18, WT")                                                               \
    X(A19, INVALID_IMAGE_FORMAT, PE__ALL, "SizeOfHeaders is below SizeOfImage",                    \
      "MX V19, M7 V17, M10 V19")                                                                   \
    X(A20, INVALID_IMAGE_FORMAT, PE__ALL, "SizeOfImage is not 0", "MX V17, M7 V18, M10 V25")       \
    X(A21, INVALID_IMAGE_FORMAT, PE__ALL, "ImageBase is a multiple of 64 KB",                      \
      "MX V18, M7 V19, M10 V20")                                                                   \
    X(A22, INVALID_IMAGE_FORMAT, PE_WIN10, "an ARM image has NX_COMPAT and DYNAMIC_BASE",          \
      "WN, WT")                                                                                    \
    X(A23, INVALID_IMAGE_FORMAT, PE__ALL, "a flat image is for x86 or x64", "M10 V33, WN")         \
    X(A31, INVALID_IMAGE_FORMAT, PE_WIN10 | PE_WINXP,                                              \
      "the page where the section table starts begins inside the file", "MX V37, M10 V29")         \
    X(A32, INVALID_IMAGE_FORMAT, PE__ALL, "the section table ends inside the file",                \
      "MX V38, M7 V98, M10 V30")                                                                   \
    X(A33, INVALID_IMAGE_FORMAT, PE_WIN10 | PE_WIN7,                                               \
      "headers and section table are smaller than SizeOfImage", "M7 V20, M10 V26-V28")             \
    X(A40, INVALID_IMAGE_FORMAT, PE__ALL, "SizeOfHeaders is not 0 and can be aligned",             \
      "MX V21 V22, M7 V22 V23, M10 V36")                                                           \
    X(A41, INVALID_IMAGE_FORMAT, PE__ALL, "the aligned headers lie inside SizeOfImage",            \
      "MX V99, M7 V24, M10 V37")                                                                   \
    X(A42, INVALID_IMAGE_FORMAT, PE__ALL, "a page-aligned image has a section", "MX V32, M10 V38") \
    X(A43, INVALID_IMAGE_FORMAT, PE__ALL,                                                          \
      "a section starts where the headers or the section before it end",                           \
      "MX V25, M7 V30, M10 V44")                                                                   \
    X(A44, INVALID_IMAGE_FORMAT, PE__ALL, "a section has a size", "MX V24, M7 V30, M10 V43")       \
    X(A45, INVALID_IMAGE_FORMAT, PE__ALL, "the size of a section can be aligned",                  \
      "MX V26, M7 V31, M10 V45")                                                                   \
    X(A46, INVALID_IMAGE_FORMAT, PE__ALL, "the pages of a section lie inside SizeOfImage",         \
      "MX V28, M7 V32, M10 V46")                                                                   \
    X(A47, INVALID_IMAGE_FORMAT, PE__ALL, "PointerToRawData + SizeOfRawData is below 4 GB",        \
      "MX V97, M7 V29 V34, M10 V42")                                                               \
    X(A48, INVALID_IMAGE_FORMAT, PE__ALL,                                                          \
      "the raw data, rounded to FileAlignment, ends after it starts", "MX V27, M7 V33, M10 V47")   \
    X(A49, INVALID_IMAGE_FORMAT, PE_WIN7, "PointerToRawData lies inside the file", "M7 V103")      \
    X(A50, INVALID_IMAGE_FORMAT, PE_WIN7,                                                          \
      "raw data of a section without VirtualSize ends inside the file", "M7 V104")                 \
    X(A51, INVALID_IMAGE_FORMAT, PE__ALL, "the raw data of the last section ends inside the file", \
      "MX V33, M7 V36, M10 V49")                                                                   \
    X(A52, INVALID_IMAGE_FORMAT, PE__ALL,                                                          \
      "less than one SectionAlignment of SizeOfImage is left after the last section",              \
      "MX V34, M7 V37, M10 V48")                                                                   \
    X(A62, INVALID_IMAGE_FORMAT, PE__ALL,                                                          \
      "a section of a flat image lies in memory as in the file",                                   \
      "MX V29-V31, M7 V29 V35, M10 V39 V40, COR")                                                  \
    X(D1, ACCESS_VIOLATION, PE__ALL, "a relocation block lies inside one region of the image",     \
      "PE, W8")                                                                                    \
    X(D2, INVALID_IMAGE_FORMAT, PE__ALL, "a relocation block ends inside the directory",           \
      "W8, M10u")                                                                                  \
    X(D3, INVALID_IMAGE_FORMAT, PE__ALL, "a relocation block holds its own header", "W8, PE")

typedef enum pe__rule {
#define X(id, nt, profiles, text, source) PE__RULE_##id,
    PE__RULES(X)
#undef X
        PE__RULE_COUNT
} pe__rule;

/* Fills `diag` (NULL is allowed) for a violation of `rule`. */
void pe__violation(pe__rule rule, uint64_t offset, uint64_t value, uint64_t allowed, pe_diag *diag);

#endif
