#include "cases.h"

#define REFUSED(id, nt)           .rules = {#id, #id, #id}, .nt_status = PE_NT_INVALID_##nt
#define BAD_FORMAT(id)            REFUSED(id, IMAGE_FORMAT)
#define BAD_FORMAT_3(xp, w7, w10) .rules = {xp, w7, w10}, .nt_status = PE_NT_INVALID_IMAGE_FORMAT
#define HIGH                      H(IMAGE_BASE, 0x80000000) /* must be relocated */

enum { EMPTY = -1, DATA_SIZE = 0x200 /* of .text, and of .data */ };

const struct test_case test_cases[] = {
    {.name = "base"},
    {.name = "base64_64", .kind = IMG_PE32_PLUS},

    /* File, DOS header, signature */
    {.name = "empty", .file_size = EMPTY, REFUSED(A1, FILE_FOR_SECTION)},
    {.name = "one_byte", .file_size = 1, REFUSED(A3, IMAGE_NOT_MZ)},
    {.name = "no_mz", .edits = {H(DOS_MAGIC, 0)}, REFUSED(A3, IMAGE_NOT_MZ)},
    {.name = "lfanew_eof", .edits = {H(LFANEW, 0x600)}, REFUSED(A5, IMAGE_PROTECT)},
    {.name = "lfanew_neg",
     .edits = {H(LFANEW, 0xFFFFFFF0)},
     .rules = {"A5", "A5", "A4"},
     .nt_status = PE_NT_INVALID_IMAGE_PROTECT},
    {.name = "lfanew_odd2", .lfanew = 0x82, BAD_FORMAT(A9)},
    {.name = "lfanew_odd1", .lfanew = 0x81, BAD_FORMAT(A9)},
    {.name = "lfanew_0x40", .lfanew = 0x40},
    {.name = "lfanew_page1", .lfanew = 0x1000, .header_size = 0x1200},
    {.name = "nthdr_crosses_page", .lfanew = 0xFC0, .header_size = 0x1200},
    {.name = "sectbl_crosses_page", .lfanew = 0xEE0, .header_size = 0x1200},
    {.name = "sectbl_on_page", .lfanew = 0xF08, .header_size = 0x1200},
    {.name = "sig_ne", .edits = {H(SIGNATURE, 0x454E)}, REFUSED(A6, IMAGE_NE_FORMAT)},
    {.name = "sig_ne_win", /* what follows is ne_exetyp */
     .edits = {H(SIGNATURE, 0x454E), AT(0x80 + 0x36, 2)},
     REFUSED(A6, IMAGE_WIN_16)},
    {.name = "sig_ne_dos",
     .edits = {H(SIGNATURE, 0x454E), AT(0x80 + 0x36, 5)},
     REFUSED(A6, IMAGE_PROTECT)},
    {.name = "sig_le", .edits = {H(SIGNATURE, 0x454C)}, REFUSED(A6, IMAGE_PROTECT)},
    {.name = "trunc_nt", .file_size = 0x80 + 0xF7, REFUSED(A5, IMAGE_PROTECT)},
    /* A 32-bit kernel would go on to the section table and refuse that. */
    {.name = "trunc_nt_f8", .file_size = 0x80 + 0xF8, REFUSED(A5, IMAGE_PROTECT)},

    /* File header */
    {.name = "mach_0", .edits = {H(MACHINE, 0)}, BAD_FORMAT(A18)},
    {.name = "mach_0_soh_0", .edits = {H(MACHINE, 0), H(OPTIONAL_SIZE, 0)}, BAD_FORMAT(A7)},
    {.name = "mach_arm64", .edits = {H(MACHINE, 0xAA64)}, BAD_FORMAT(A18)},
    {.name = "mach_amd64_pe32", .edits = {H(MACHINE, 0x8664)}, BAD_FORMAT(A18)},
    {.name = "not_exec", .edits = {H(CHARACTERISTICS, 0x100)}, BAD_FORMAT(A8)},
    {.name = "no_32bit_flag", .edits = {H(CHARACTERISTICS, 0x2)}},
    {.name = "dll_flag", .edits = {H(CHARACTERISTICS, 0x2102)}},
    {.name = "system_flag", .edits = {H(CHARACTERISTICS, 0x1102)}},
    {.name = "up_only", .edits = {H(CHARACTERISTICS, 0x4102)}},
    {.name = "soh_0", .edits = {H(OPTIONAL_SIZE, 0)}, BAD_FORMAT(A43)},
    {.name = "soh_e8", .optional_size = 0xE8},
    {.name = "soh_odd", .optional_size = 0xE1},
    {.name = "soh_big", .optional_size = 0x400, .header_size = 0x600},
    {.name = "soh_ffff", .edits = {H(OPTIONAL_SIZE, 0xFFFF)}, BAD_FORMAT_3("A31", "A33", "A31")},
    {.name = "soh_page_at_eof",
     .file_size = 0x1000,
     .edits = {H(OPTIONAL_SIZE, 0xF68)},
     BAD_FORMAT_3("A31", "A44", "A31")},
    {.name = "soh_60", .optional_size = 0x60, .edits = {H(DIRECTORY_COUNT, 0)}},
    {.name = "sect_0_img3", .edits = {H(SECTION_COUNT, 0)}, BAD_FORMAT(A42)},
    {.name = "sect_behind_file", .edits = {H(SECTION_COUNT, 50)}, BAD_FORMAT(A32)},
    {.name = "sect_96", .section_count = 96},
    {.name = "sect_97", .section_count = 97, BAD_FORMAT_3("A17", NULL, NULL)},
    {.name = "sect_65535", .section_count = 65535, BAD_FORMAT_3("A17", NULL, NULL)},
    {.name = "sect_more_than_file",
     .edits = {H(SECTION_COUNT, 100)},
     BAD_FORMAT_3("A17", "A32", "A32")},

    /* Optional header */
    {.name = "magic_0", .edits = {H(MAGIC, 0)}, BAD_FORMAT(A10)},
    {.name = "magic_107", .edits = {H(MAGIC, 0x107)}, BAD_FORMAT(A10)},
    {.name = "magic_20b", .edits = {H(MAGIC, 0x20B)}, BAD_FORMAT(A18)},
    {.name = "rva_0", .edits = {H(DIRECTORY_COUNT, 0)}},
    {.name = "rva_17", .edits = {H(DIRECTORY_COUNT, 17)}},
    {.name = "rva_ffffffff", .edits = {H(DIRECTORY_COUNT, 0xFFFFFFFF)}},
    {.name = "falign_0", .edits = {H(FILE_ALIGNMENT, 0)}, BAD_FORMAT(A12)},
    {.name = "falign_100", .edits = {H(FILE_ALIGNMENT, 0x100)}, BAD_FORMAT(A11)},
    {.name = "falign_600", .edits = {H(FILE_ALIGNMENT, 0x600)}, BAD_FORMAT(A14)},
    {.name = "falign_200", .edits = {H(FILE_ALIGNMENT, 0x200)}},
    {.name = "falign_1000", .edits = {H(FILE_ALIGNMENT, 0x1000)}},
    {.name = "falign_10000",
     .edits = {H(FILE_ALIGNMENT, 0x10000), H(SECTION_ALIGNMENT, 0x10000), S(0, RVA, 0x10000),
               S(1, RVA, 0x20000), H(SIZE_OF_IMAGE, 0x30000)}},
    {.name = "salign_0", .edits = {H(SECTION_ALIGNMENT, 0)}, BAD_FORMAT(A15)},
    {.name = "salign_800", .edits = {H(SECTION_ALIGNMENT, 0x800)}, BAD_FORMAT(A62)},
    {.name = "salign_1800", .edits = {H(SECTION_ALIGNMENT, 0x1800)}, BAD_FORMAT(A13)},
    {.name = "salign_3000", .edits = {H(SECTION_ALIGNMENT, 0x3000)}, BAD_FORMAT(A13)},
    {.name = "salign_10000", .edits = {H(SECTION_ALIGNMENT, 0x10000)}, BAD_FORMAT(A41)},
    {.name = "salign_2000",
     .edits = {H(SECTION_ALIGNMENT, 0x2000), S(0, RVA, 0x2000), S(1, RVA, 0x4000),
               H(SIZE_OF_IMAGE, 0x6000)}},
    {.name = "salign_2000_short",
     .edits = {H(SECTION_ALIGNMENT, 0x2000), S(0, RVA, 0x2000), S(1, RVA, 0x4000),
               H(SIZE_OF_IMAGE, 0x5000)},
     BAD_FORMAT(A46)},
    {.name = "salign_2000_slack",
     .edits = {H(SECTION_ALIGNMENT, 0x2000), S(0, RVA, 0x2000), S(1, RVA, 0x4000),
               H(SIZE_OF_IMAGE, 0x7000)}},
    {.name = "soi_0", .edits = {H(SIZE_OF_IMAGE, 0)}, BAD_FORMAT_3("A20", "A19", "A19")},
    {.name = "soi_short", .edits = {H(SIZE_OF_IMAGE, 0x2000)}, BAD_FORMAT(A46)},
    {.name = "soi_long", .edits = {H(SIZE_OF_IMAGE, 0x4000)}, BAD_FORMAT(A52)},
    {.name = "soi_max", .edits = {H(SIZE_OF_IMAGE, 0x77000001)}, BAD_FORMAT(A16)},
    {.name = "soi_limit", .edits = {H(SIZE_OF_IMAGE, 0x77000000)}, BAD_FORMAT(A52)},
    {.name = "hdrs_0", .edits = {H(SIZE_OF_HEADERS, 0)}, BAD_FORMAT(A40)},
    {.name = "hdrs_1", .edits = {H(SIZE_OF_HEADERS, 1)}},
    {.name = "hdrs_0x80", .edits = {H(SIZE_OF_HEADERS, 0x80)}},
    {.name = "hdrs_1000", .edits = {H(SIZE_OF_HEADERS, 0x1000)}},
    {.name = "hdrs_1001", .edits = {H(SIZE_OF_HEADERS, 0x1001)}, BAD_FORMAT(A43)},
    {.name = "hdrs_eq_soi", .edits = {H(SIZE_OF_HEADERS, 0x3000)}, BAD_FORMAT(A19)},
    {.name = "hdrs_gt_soi", .edits = {H(SIZE_OF_HEADERS, 0x4000)}, BAD_FORMAT(A19)},
    {.name = "hdrs_ffffffff", .edits = {H(SIZE_OF_HEADERS, 0xFFFFFFFF)}, BAD_FORMAT(A19)},
    {.name = "hdrs_past_eof",
     .edits = {H(SIZE_OF_HEADERS, 0x2000), H(SIZE_OF_IMAGE, 0x4000), S(0, RVA, 0x2000),
               S(1, RVA, 0x3000)}},
    {.name = "base_0", .edits = {H(IMAGE_BASE, 0)}},
    {.name = "base_10000", .edits = {H(IMAGE_BASE, 0x10000)}},
    {.name = "base_odd", .edits = {H(IMAGE_BASE, 0x401000)}, BAD_FORMAT(A21)},
    {.name = "base_kernel_stripped",
     .edits = {H(IMAGE_BASE, 0x80000000), H(CHARACTERISTICS, 0x103)}},
    {.name = "ep_hdr", .edits = {H(ENTRY_POINT, 0x100)}},
    {.name = "ep_beyond", .edits = {H(ENTRY_POINT, 0x10000000)}},
    {.name = "sub_0", .edits = {H(SUBSYSTEM, 0)}},
    {.name = "sub_1", .edits = {H(SUBSYSTEM, 1)}},
    {.name = "sub_2", .edits = {H(SUBSYSTEM, 2)}},
    {.name = "subver_309", .edits = {H(SUBSYSTEM_MAJOR, 3), H(SUBSYSTEM_MINOR, 9)}},
    {.name = "subver_52", .edits = {H(SUBSYSTEM_MAJOR, 5), H(SUBSYSTEM_MINOR, 2)}},
    {.name = "subver_63", .edits = {H(SUBSYSTEM_MAJOR, 6), H(SUBSYSTEM_MINOR, 3)}},
    {.name = "subver_100", .edits = {H(SUBSYSTEM_MAJOR, 10), H(SUBSYSTEM_MINOR, 0)}},
    {.name = "subver_101", .edits = {H(SUBSYSTEM_MAJOR, 10), H(SUBSYSTEM_MINOR, 1)}},
    {.name = "force_integrity", .edits = {H(DLL_CHARACTERISTICS, 0x80)}},
    {.name = "stack_0", .edits = {H(STACK_RESERVE, 0)}},

    /* Sections of page-aligned images */
    {.name = "gap", .edits = {S(1, RVA, 0x3000), H(SIZE_OF_IMAGE, 0x4000)}, BAD_FORMAT(A43)},
    {.name = "swapped", .edits = {S(0, RVA, 0x2000), S(1, RVA, 0x1000)}, BAD_FORMAT(A43)},
    {.name = "va_unaligned", .edits = {S(0, RVA, 0x1010)}, BAD_FORMAT(A43)},
    {.name = "first_va_2000",
     .edits = {S(0, RVA, 0x2000), S(1, RVA, 0x3000), H(SIZE_OF_IMAGE, 0x4000)},
     BAD_FORMAT(A43)},
    {.name = "vs_0", .edits = {S(1, VIRTUAL_SIZE, 0)}},
    {.name = "vs_0_first", .edits = {S(0, VIRTUAL_SIZE, 0)}},
    {.name = "both_sizes_0", .edits = {S(1, VIRTUAL_SIZE, 0), S(1, RAW_SIZE, 0)}, BAD_FORMAT(A44)},
    {.name = "vs_small_rs_big",
     .file_size = 0x1800,
     .edits = {S(0, RAW_SIZE, 0x1400), S(1, RAW, 0x1600)}},
    {.name = "vs_big", .edits = {S(1, VIRTUAL_SIZE, 0x5000), H(SIZE_OF_IMAGE, 0x7000)}},
    {.name = "vs_fffff001", .edits = {S(1, VIRTUAL_SIZE, 0xFFFFF001)}, BAD_FORMAT(A45)},
    {.name = "vs_fffff000", .edits = {S(1, VIRTUAL_SIZE, 0xFFFFF000)}, BAD_FORMAT(A46)},
    {.name = "bss", .file_size = 0x400, .edits = {S(1, RAW_SIZE, 0), S(1, RAW, 0)}},
    {.name = "bss_ptr", .edits = {S(1, RAW_SIZE, 0), S(1, RAW, 0x400)}},
    {.name = "bss_ptr_not_on_sector", .edits = {S(1, RAW_SIZE, 0), S(1, RAW, 0x41F)}},
    {.name = "ptr_0_rs", .edits = {S(1, RAW, 0)}},
    {.name = "ptr_0_rs_big", .edits = {S(1, RAW, 0), S(1, RAW_SIZE, 0x2000)}},
    {.name = "rs_unaligned", .edits = {S(0, RAW_SIZE, 0x1F0)}},
    {.name = "ptr_not_on_sector", .edits = {S(0, RAW, 0x3F0), S(1, RAW, 0x301)}},
    {.name = "ptr_in_headers", .edits = {S(0, RAW, 0x1)}},
    {.name = "vs_10", .edits = {S(0, VIRTUAL_SIZE, 0x10), S(1, VIRTUAL_SIZE, 0x10)}},
    {.name = "rs_1", .file_size = 0x401, .edits = {S(1, RAW_SIZE, 1)}},
    {.name = "rs_past_eof_1", .file_size = 0x5FF, BAD_FORMAT(A51)},
    {.name = "rs_past_eof_first", .edits = {S(0, RAW_SIZE, 0x2000)}},
    {.name = "ptr_past_eof_first", .edits = {S(0, RAW, 0x10000)}, BAD_FORMAT_3(NULL, "A49", NULL)},
    {.name = "ptr_past_eof_last", .edits = {S(1, RAW, 0x10000)}, BAD_FORMAT_3("A51", "A49", "A51")},
    {.name = "vs_0_raw_past_eof_first", /* Windows 7 alone looks at it */
     .edits = {S(0, VIRTUAL_SIZE, 0), S(0, RAW_SIZE, 0x1000)},
     BAD_FORMAT_3(NULL, "A50", NULL)},
    {.name = "rs_huge_first", .edits = {S(0, RAW_SIZE, 0xFFFF0200)}},
    {.name = "rs_wrap", .edits = {S(0, RAW_SIZE, 0xFFFFFF00)}, BAD_FORMAT(A47)},
    {.name = "rs_huge_first_in_file", /* as far as it is read */
     .file_size = 0x1600,
     .edits = {S(0, RAW_SIZE, 0xFFFF0200)}},
    {.name = "rs_wrap_in_file",
     .file_size = 0x2000,
     .edits = {S(1, RAW_SIZE, 0xFFFFFE00)},
     BAD_FORMAT(A47)},
    {.name = "rs_wrap_align_in_file",
     .file_size = 0x2000,
     .edits = {S(0, RAW_SIZE, 0xFFFFFC00), S(0, RAW, 0x300)},
     BAD_FORMAT_3("A48", NULL, "A48")},
    {.name = "rs_wrap_to_0", .edits = {S(0, RAW_SIZE, 0xFFFFFE00)}, BAD_FORMAT(A47)},
    {.name = "rs_wrap_align",
     .edits = {S(0, RAW_SIZE, 0xFFFFFC00), S(0, RAW, 0x300)},
     BAD_FORMAT_3("A48", NULL, "A48")},
    {.name = "name_bad", .edits = {S(0, NAME, 0xFFFFFFFF)}},
    {.name = "relocs_ptr", /* PointerToRelocations and what follows it, of .text */
     .edits = {AT(0x178 + 24, 0xFFFFFFFF), AT(0x178 + 28, 0xFFFFFFFF), AT(0x178 + 32, 0xFFFFFFFF)}},

    /* Protection of a section's pages */
    {.name = "prot_none", .edits = {S(1, CHARACTERISTICS, 0x00000040)}},
    {.name = "prot_r", .edits = {S(1, CHARACTERISTICS, 0x40000040)}},
    {.name = "prot_w", .edits = {S(1, CHARACTERISTICS, 0x80000040)}},
    {.name = "prot_rw", .edits = {S(1, CHARACTERISTICS, 0xC0000040)}},
    {.name = "prot_x", .edits = {S(1, CHARACTERISTICS, 0x20000040)}},
    {.name = "prot_rx", .edits = {S(1, CHARACTERISTICS, 0x60000040)}},
    {.name = "prot_wx", .edits = {S(1, CHARACTERISTICS, 0xA0000040)}},
    {.name = "prot_rwx", .edits = {S(1, CHARACTERISTICS, 0xE0000040)}},
    {.name = "prot_shared_r", .edits = {S(1, CHARACTERISTICS, 0x50000040)}},
    {.name = "prot_shared_w", .edits = {S(1, CHARACTERISTICS, 0x90000040)}},
    {.name = "prot_shared_rw", .edits = {S(1, CHARACTERISTICS, 0xD0000040)}},
    {.name = "prot_shared_rx", .edits = {S(1, CHARACTERISTICS, 0x70000040)}},
    {.name = "prot_shared_rwx", .edits = {S(1, CHARACTERISTICS, 0xF0000040)}},
    {.name = "prot_shared_w_past_eof",
     .edits = {S(0, CHARACTERISTICS, 0xD0000040), S(0, RAW_SIZE, 0x2000)}},
    {.name = "prot_discard", .edits = {S(1, CHARACTERISTICS, 0xC2000040)}},
    {.name = "prot_0", .edits = {S(1, CHARACTERISTICS, 0x00000000)}},

    /* Flat images */
    {.name = "flat", .kind = IMG_FLAT_PE32},
    {.name = "flat_64", .kind = IMG_FLAT_PE32_PLUS},
    {.name = "flat_200",
     .kind = IMG_FLAT_PE32,
     .edits = {H(SECTION_ALIGNMENT, 0x200), H(FILE_ALIGNMENT, 0x200)}},
    {.name = "flat_400_200",
     .kind = IMG_FLAT_PE32,
     .edits = {H(SECTION_ALIGNMENT, 0x400), H(FILE_ALIGNMENT, 0x200)}},
    {.name = "flat_40_20",
     .kind = IMG_FLAT_PE32,
     .edits = {H(SECTION_ALIGNMENT, 0x40)},
     BAD_FORMAT(A11)},
    {.name = "flat_vs_gt_rs",
     .kind = IMG_FLAT_PE32,
     .edits = {S(1, VIRTUAL_SIZE, 0x1000), H(SIZE_OF_IMAGE, 0x1400)},
     BAD_FORMAT(A62)},
    {.name = "flat_vs_lt_rs", .kind = IMG_FLAT_PE32, .edits = {S(1, VIRTUAL_SIZE, 0x10)}},
    {.name = "flat_sect_gap",
     .kind = IMG_FLAT_PE32,
     .file_size = 0x700,
     .edits = {S(1, RVA, 0x500), S(1, RAW, 0x500), H(SIZE_OF_IMAGE, 0x700)}},
    {.name = "flat_sect_desc",
     .kind = IMG_FLAT_PE32,
     .edits = {S(0, RVA, 0x400), S(0, RAW, 0x400), S(1, RVA, 0x200), S(1, RAW, 0x200)}},
    {.name = "flat_raw_eof", .kind = IMG_FLAT_PE32, .edits = {S(1, RAW_SIZE, 0x800)}},
    {.name = "flat_raw_wraps",
     .kind = IMG_FLAT_PE32,
     .edits = {S(1, RAW_SIZE, 0xFFFFFF00)},
     BAD_FORMAT(A62)},
    {.name = "flat_hdrs_40", .kind = IMG_FLAT_PE32, .edits = {H(SIZE_OF_HEADERS, 0x40)}},
    {.name = "flat_arm64_64",
     .kind = IMG_FLAT_PE32_PLUS,
     .edits = {H(MACHINE, 0xAA64)},
     BAD_FORMAT(A18)},

    /* Headers that overlap the DOS header */
    {.name = "tiny_lfanew4", .tiny = true},
    {.name = "tiny_lfanew4_soi2000", .tiny = true, .edits = {H(SIZE_OF_IMAGE, 0x2000)}},
    {.name = "tiny_lfanew4_97",
     .tiny = true,
     .file_size = 97,
     .edits = {H(SIZE_OF_IMAGE, 0x2000)},
     REFUSED(A5, IMAGE_PROTECT)},
    {.name = "tiny_soi_40",
     .tiny = true,
     .file_size = 268,
     .edits = {H(SIZE_OF_IMAGE, 0x40), H(SIZE_OF_HEADERS, 0)}},

    /* Directories, at which section creation does not look */
    {.name = "loadcfg_odd", .edits = {D(LOAD_CONFIG, 0x2001, 0x40)}},
    {.name = "loadcfg_outside", .edits = {D(LOAD_CONFIG, 0x10000, 0x40)}},
    {.name = "tls_outside", .edits = {D(TLS, 0xFFFFFFF0, 0x18)}},
    {.name = "tls_beyond", .edits = {D(TLS, 0x20000000, 0x18)}},
    {.name = "rel_ok_high", .relocs = {{0x2010, PE_REL_HIGHLOW}}, .edits = {HIGH}},
    {.name = "rel_type5_high", .relocs = {{0x2010, 5}}, .edits = {HIGH}},
    {.name = "rel_type6_high", .relocs = {{0x2010, 6}}, .edits = {HIGH}},
    {.name = "rel_type7_high", .relocs = {{0x2010, 7}}, .edits = {HIGH}},
    {.name = "rel_type8_high", .relocs = {{0x2010, 8}}, .edits = {HIGH}},
    {.name = "rel_type9_high", .relocs = {{0x2010, 9}}, .edits = {HIGH}},
    {.name = "rel_type11_high", .relocs = {{0x2010, 11}}, .edits = {HIGH}},
    {.name = "rel_type4_high", /* HIGHADJ and its parameter, 0x1234 */
     .relocs = {{0x2010, 4}, {0x2234, 1}},
     .edits = {HIGH}},
    {.name = "rel_mz_high", .relocs = {{0, PE_REL_HIGHLOW}}, .edits = {HIGH}},
    {.name = "rel_size0_high",
     .relocs = {{0x2010, PE_REL_HIGHLOW}},
     .edits = {HIGH, D(BASE_RELOCATION, 0x3000, 0)}},
    {.name = "rel_rva5_high",
     .relocs = {{0x2010, PE_REL_HIGHLOW}},
     .edits = {HIGH, H(DIRECTORY_COUNT, 5)}},

    /* PE32+ */
    {.name = "unsup_arm64_64",
     .kind = IMG_PE32_PLUS,
     .edits = {H(MACHINE, 0xAA64)},
     BAD_FORMAT(A18)},
    {.name = "sup_arm64_64",
     .kind = IMG_PE32_PLUS,
     .edits = {H(MACHINE, 0xAA64), H(DLL_CHARACTERISTICS, 0x140)},
     BAD_FORMAT(A18)},
    {.name = "base_high_64",
     .kind = IMG_PE32_PLUS,
     .edits = {H(IMAGE_BASE, 0x140000000), H(DLL_CHARACTERISTICS, 0x160)}},
    {.name = "base_kernel_64", .kind = IMG_PE32_PLUS, .edits = {H(IMAGE_BASE, 0xFFFFF80000000000)}},
};

const size_t test_case_count = sizeof test_cases / sizeof test_cases[0];

/* Bytes that differ from sector to sector: a view must show the right ones. */
static void fill(img_image *image, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        if (image->bytes[i] == 0)
            image->bytes[i] = (uint8_t)(7 * i + 31 * (i >> 9) + 1);
    }
}

/* The smallest header there is: e_lfanew 4, so that SectionAlignment is e_lfanew. */
static img_image build_tiny(void)
{
    img_image image = {.nt = 4, .optional_size = 8};
    img_resize(&image, 0x200);
    img_set(&image, IMG_DOS_MAGIC, 0x5A4D);
    img_set(&image, IMG_SIGNATURE, 0x4550);
    img_set(&image, IMG_MACHINE, PE_MACHINE_I386);
    img_set(&image, IMG_OPTIONAL_SIZE, 8);
    img_set(&image, IMG_CHARACTERISTICS, 0x102);
    img_set(&image, IMG_MAGIC, PE_MAGIC_PE32);
    img_set(&image, IMG_IMAGE_BASE, 0x400000);
    img_set(&image, IMG_SECTION_ALIGNMENT, 4);
    img_set(&image, IMG_FILE_ALIGNMENT, 4);
    img_set(&image, IMG_SIZE_OF_IMAGE, 0x200000);
    img_set(&image, IMG_SIZE_OF_HEADERS, 0x40);
    fill(&image, 0xC0, image.size);
    return image;
}

/* Sections of one page. */
static void add_sections(img_builder *builder, uint32_t count)
{
    builder->header_size = (0x200 + 40 * count + 0x1FF) & ~0x1FFu;
    for (uint32_t i = 0; i < count; i++)
        img_add_section(builder, "s", IMG_RX, NULL, 0, 0x1000);
}

/* Sections as usual, and a third one with relocations. */
static void add_relocs(img_builder *builder, const struct case_reloc *relocs)
{
    img_add_section(builder, ".text", IMG_RX, NULL, DATA_SIZE, 0x1000);
    img_add_section(builder, ".data", IMG_RW, NULL, DATA_SIZE, 0x1000);
    for (size_t i = 0; i < CASE_RELOCS && (relocs[i].rva != 0 || relocs[i].type != 0); i++)
        img_add_reloc(builder, relocs[i].rva, relocs[i].type);
}

static img_image build_usual(const struct test_case *test)
{
    img_builder builder;
    img_start(&builder, test->kind);
    builder.lfanew = test->lfanew != 0 ? test->lfanew : builder.lfanew;
    builder.header_size = test->header_size != 0 ? test->header_size : builder.header_size;
    builder.optional_size = test->optional_size != 0 ? test->optional_size : builder.optional_size;
    if (test->section_count != 0)
        add_sections(&builder, test->section_count);
    else if (test->relocs[0].type != 0)
        add_relocs(&builder, test->relocs);
    size_t data = builder.header_size;
    img_image image = img_finish(&builder);
    if (test->section_count == 0)
        fill(&image, data, data + 2 * DATA_SIZE);
    return image;
}

img_image case_build(const struct test_case *test)
{
    img_image image = test->tiny ? build_tiny() : build_usual(test);
    edit_apply(&image, test->edits, sizeof test->edits / sizeof test->edits[0]);
    if (test->file_size != 0)
        img_resize(&image, test->file_size == EMPTY ? 0 : (size_t)test->file_size);
    return image;
}
