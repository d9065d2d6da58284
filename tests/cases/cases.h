/*
 * cases.h: images that differ from a valid one in a field or two, each with the verdict of section
 * creation in each profile: the rule that refuses it, and the NTSTATUS. The verdicts are those of
 * published models of the Windows XP, 7 and 10 loaders and of tests run on Windows.
 *
 * The valid one has e_lfanew 0x80, SizeOfHeaders 0x200, .text at 0x1000 and .data at 0x2000, each
 * with a page in memory and 0x200 bytes in the file, which is 0x600 bytes long.
 */
#ifndef PELOAD_TESTS_CASES_H
#define PELOAD_TESTS_CASES_H

#include "support/edits.h"

enum { CASE_PROFILES = 3, CASE_EDITS = 6, CASE_RELOCS = 2 };

struct test_case {
    const char *name; /* no two have the same; fit for a file */
    img_kind kind;
    bool tiny;              /* e_lfanew 4, no sections; `kind` is not used */
    uint32_t lfanew;        /* 0: as usual */
    uint32_t header_size;   /* 0: as usual */
    uint16_t optional_size; /* 0: as usual */
    uint32_t section_count; /* 0: .text and .data */
    struct case_reloc {
        uint32_t rva;
        uint16_t type;
    } relocs[CASE_RELOCS]; /* none: no relocation directory */
    struct edit edits[CASE_EDITS];
    long file_size;                   /* after the edits; 0: as built */
    const char *rules[CASE_PROFILES]; /* that XP, 7 and 10 name; NULL: accepted */
    uint32_t nt_status;               /* where refused */
};

extern const struct test_case test_cases[];
extern const size_t test_case_count;

/* The caller releases the image with img_free. */
img_image case_build(const struct test_case *test);

#endif
