#include "layouts.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SECTION = 0x1000, DATA = SECTION + 0x100, ENTRY = 28 };

static void put_u32(img_builder *builder, uint32_t rva, uint32_t value)
{
    uint8_t raw[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                      (uint8_t)(value >> 24)};
    img_put(builder, rva, raw, sizeof raw);
}

/* An image whose debug directory has one entry of `type` with `size` bytes at `rva`. */
static layouts with_entry(uint32_t type, uint32_t rva, const void *data, uint32_t size)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    uint32_t at = img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x200, 0x1000);
    cr_assert_eq(at, SECTION);
    put_u32(&builder, at + 4, 0x11223344);
    put_u32(&builder, at + 12, type);
    put_u32(&builder, at + 16, size);
    put_u32(&builder, at + 20, rva);
    put_u32(&builder, at + 24, 0x300);
    if (data != NULL)
        img_put(&builder, DATA, data, size);
    img_set_directory(&builder, PE_DIRECTORY_DEBUG, at, ENTRY);
    return layouts_open(img_finish(&builder));
}

static pe_debug_entry only_entry(const pe_image *image)
{
    pe_debug_iter entries;
    pe_debug_entry entry, unused;
    pe_debug_entries(image, &entries);
    cr_assert_eq(pe_debug_next(&entries, &entry), PE_OK);
    cr_expect_eq(pe_debug_next(&entries, &unused), PE_END);
    cr_expect_eq(pe_debug_next(&entries, &unused), PE_END);
    return entry;
}

Test(debug, rsds_entry_names_its_pdb_in_both_layouts)
{
    static const char data[] = "RSDS0123456789abcdef\2\0\0\0a.pdb";
    layouts both = with_entry(PE_DEBUG_CODEVIEW, DATA, data, sizeof data);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_codeview pdb;
        pe_debug_entry entry = only_entry(&both.image[l]);
        cr_expect_eq(entry.at.value, SECTION);
        cr_expect_eq(entry.time_date_stamp, 0x11223344);
        cr_expect_eq(entry.raw.value, 0x300);
        cr_assert_eq(pe_codeview_open(&entry, &pdb), PE_OK);
        cr_expect_eq(pdb.signature, PE_CODEVIEW_RSDS);
        cr_expect_arr_eq(pdb.guid, "0123456789abcdef", PE_GUID_SIZE);
        cr_expect_eq(pdb.age, 2);
        cr_expect(span_is(pdb.path, "a.pdb"));
    }
    layouts_close(&both);
}

Test(debug, nb10_entry_has_a_time_stamp)
{
    static const char data[] = "NB10\0\0\0\0\1\0\0\0\3\0\0\0b.pdb";
    layouts both = with_entry(PE_DEBUG_CODEVIEW, DATA, data, sizeof data);
    pe_codeview pdb;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_assert_eq(pe_codeview_open(&entry, &pdb), PE_OK);
    cr_expect_eq(pdb.signature, PE_CODEVIEW_NB10);
    cr_expect_eq(pdb.time_date_stamp, 1);
    cr_expect_eq(pdb.age, 3);
    cr_expect(span_is(pdb.path, "b.pdb"));
    layouts_close(&both);
}

Test(debug, codeview_of_unknown_signature_is_bad_format)
{
    layouts both = with_entry(PE_DEBUG_CODEVIEW, DATA, "NB09....", 8);
    pe_codeview pdb;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_expect_eq(pe_codeview_open(&entry, &pdb), PE_BAD_FORMAT);
    layouts_close(&both);
}

Test(debug, codeview_shorter_than_its_header_is_out_of_bounds)
{
    layouts both = with_entry(PE_DEBUG_CODEVIEW, DATA, "RSDS....", 8);
    pe_codeview pdb;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_expect_eq(pe_codeview_open(&entry, &pdb), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(debug, data_beyond_the_section_are_the_entrys_matter)
{
    layouts both = with_entry(PE_DEBUG_CODEVIEW, DATA, NULL, 0xFFFFFFFF);
    pe_codeview pdb;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_expect_eq(entry.status, PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_codeview_open(&entry, &pdb), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(debug, data_without_rva_are_read_from_the_file_only)
{
    layouts both = with_entry(PE_DEBUG_EX_DLLCHARACTERISTICS, 0, "\1\0\0\0", 4);
    uint32_t flags;
    pe_debug_entry file = only_entry(&both.image[0]), mapped = only_entry(&both.image[1]);
    cr_assert_eq(pe_ex_dll_characteristics(&file, &flags), PE_OK);
    cr_expect_eq(flags, PE_EX_DLL_CET_COMPAT);
    cr_expect_eq(mapped.status, PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(debug, pogo_parts_are_told_in_order)
{
    static const char data[] = "LTCG\0\20\0\0\20\0\0\0.text$mn\0\0\0\0\0\40\0\0\4\0\0\0.a\0";
    layouts both = with_entry(PE_DEBUG_POGO, DATA, data, sizeof data);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_pogo_iter parts;
        pe_pogo part;
        pe_debug_entry entry = only_entry(&both.image[l]);
        pe_pogo_entries(&entry, &parts);
        cr_expect_eq(parts.signature, 0x4743544C);
        cr_assert_eq(pe_pogo_next(&parts, &part), PE_OK);
        cr_expect_eq(part.rva.value, 0x1000);
        cr_expect_eq(part.size, 16);
        cr_expect(span_is(part.name, ".text$mn"));
        cr_assert_eq(pe_pogo_next(&parts, &part), PE_OK);
        cr_expect_eq(part.rva.value, 0x2000);
        cr_expect(span_is(part.name, ".a"));
        cr_expect_eq(pe_pogo_next(&parts, &part), PE_END);
        cr_expect_eq(pe_pogo_next(&parts, &part), PE_END);
    }
    layouts_close(&both);
}

Test(debug, pogo_part_that_leaves_its_data_is_out_of_bounds)
{
    layouts both = with_entry(PE_DEBUG_POGO, DATA, "LTCG\1\1\1\1", 8);
    pe_pogo_iter parts;
    pe_pogo part;
    pe_debug_entry entry = only_entry(&both.image[0]);
    pe_pogo_entries(&entry, &parts);
    cr_expect_eq(pe_pogo_next(&parts, &part), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_pogo_next(&parts, &part), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(debug, repro_hash_longer_than_its_data_is_out_of_bounds)
{
    layouts both = with_entry(PE_DEBUG_REPRO, DATA, "\2\0\0\0xyz", 5);
    pe_span hash;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_expect_eq(pe_repro_open(&entry, &hash), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(debug, repro_without_data_has_an_empty_hash)
{
    layouts both = with_entry(PE_DEBUG_REPRO, 0, NULL, 0);
    pe_span hash = {NULL, 1};
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_assert_eq(pe_repro_open(&entry, &hash), PE_OK);
    cr_expect_eq(hash.size, 0);
    layouts_close(&both);
}

Test(debug, pdb_checksum_has_algorithm_and_hash)
{
    layouts both = with_entry(PE_DEBUG_PDB_CHECKSUM, DATA, "SHA256\0\1\2\3", 10);
    pe_pdb_checksum checksum;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_assert_eq(pe_pdb_checksum_open(&entry, &checksum), PE_OK);
    cr_expect(span_is(checksum.algorithm, "SHA256"));
    cr_expect(span_is(checksum.hash, "\1\2\3"));
    layouts_close(&both);
}

Test(debug, embedded_pdb_tells_its_size)
{
    layouts both = with_entry(PE_DEBUG_EMBEDDED_PDB, DATA, "MPDB\0\1\0\0abcd", 12);
    pe_embedded_pdb pdb;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_assert_eq(pe_embedded_pdb_open(&entry, &pdb), PE_OK);
    cr_expect_eq(pdb.uncompressed_size, 0x100);
    cr_expect(span_is(pdb.compressed, "abcd"));
    layouts_close(&both);
}

Test(debug, fpo_bits_are_taken_apart)
{
    static const uint8_t data[16] = {0x10, 0, 0, 0, 0x20, 0, 0, 0, 3, 0, 0, 0, 2, 0, 5, 0xDA};
    layouts both = with_entry(PE_DEBUG_FPO, DATA, data, sizeof data);
    pe_fpo fpo;
    pe_debug_entry entry = only_entry(&both.image[0]);
    cr_assert_eq(pe_fpo_at(&entry, 0, &fpo), PE_OK);
    cr_expect_eq(fpo.start, 0x10);
    cr_expect_eq(fpo.size, 0x20);
    cr_expect_eq(fpo.locals, 3);
    cr_expect_eq(fpo.params, 2);
    cr_expect_eq(fpo.prolog, 5);
    cr_expect_eq(fpo.saved_registers, 2);
    cr_expect(fpo.has_seh && fpo.uses_ebp);
    cr_expect_eq(fpo.frame, 3);
    cr_expect_eq(pe_fpo_at(&entry, 1, &fpo), PE_NOT_FOUND);
    layouts_close(&both);
}

Test(debug, directory_outside_the_image_is_out_of_bounds)
{
    img_image image = img_plain(IMG_PE32);
    img_set_directory_entry(&image, PE_DIRECTORY_DEBUG, 0xFFFFFFF0, 0xFFFFFFFF);
    layouts both = layouts_open(image);
    pe_debug_iter entries;
    pe_debug_entry entry;
    pe_debug_entries(&both.image[0], &entries);
    cr_expect_eq(pe_debug_next(&entries, &entry), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_debug_next(&entries, &entry), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(debug, image_without_directory_has_none)
{
    layouts both = layouts_open(img_plain(IMG_PE32));
    pe_debug_iter entries;
    pe_debug_entry entry;
    pe_debug_entries(&both.image[0], &entries);
    cr_expect_eq(pe_debug_next(&entries, &entry), PE_NOT_PRESENT);
    layouts_close(&both);
}
