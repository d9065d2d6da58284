#include "leaves.h"

#include <criterion/criterion.h>

/* Offsets in the leaf that tests break. */
struct version_places {
    uint32_t root, fixed, string_info, table, first, second, var_info, translation;
};

static uint32_t start_node(leaf_bytes *bytes, uint16_t value_length, uint16_t type, const char *key)
{
    put_alignment(bytes, 4);
    uint32_t start = put_u16(bytes, 0);
    put_u16(bytes, value_length);
    put_u16(bytes, type);
    put_text_z(bytes, key);
    put_alignment(bytes, 4);
    return start;
}

static void end_node(leaf_bytes *bytes, uint32_t start)
{
    set_u16(bytes, start, (uint16_t)(bytes->size - start));
}

static uint32_t put_string(leaf_bytes *bytes, const char *key, const char *value)
{
    uint32_t length = 0;
    while (value[length] != '\0')
        length++;
    uint32_t start = start_node(bytes, (uint16_t)(length + 1), 1, key);
    put_text_z(bytes, value);
    end_node(bytes, start);
    return start;
}

static void put_fixed(leaf_bytes *bytes)
{
    static const uint32_t fields[] = {0xFEEF04BD, 0x00010000, 0x00060001, 0x1DB1446A, 0x000A0000,
                                      0x4A610001, 0x3F,       2,          0x40004,    1,
                                      0,          0x01020304, 0x05060708};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        put_u32(bytes, fields[i]);
}

static struct version_places put_version(leaf_bytes *bytes)
{
    struct version_places at;
    at.root = start_node(bytes, 52, 0, "VS_VERSION_INFO");
    at.fixed = bytes->size;
    put_fixed(bytes);
    at.string_info = start_node(bytes, 0, 1, "StringFileInfo");
    at.table = start_node(bytes, 0, 1, "040904b0");
    at.first = put_string(bytes, "CompanyName", "Nobody");
    at.second = put_string(bytes, "Comments", "None");
    end_node(bytes, at.table);
    end_node(bytes, at.string_info);
    at.var_info = start_node(bytes, 0, 1, "VarFileInfo");
    at.translation = start_node(bytes, 8, 0, "Translation");
    put_u32(bytes, 0x04B00409);
    put_u32(bytes, 0x04E40407);
    end_node(bytes, at.translation);
    end_node(bytes, at.var_info);
    end_node(bytes, at.root);
    return at;
}

/* How many strings all tables hold, and what ended the last walk. */
static uint32_t count_strings(const pe_version *version, pe_status *ret_tables,
                              pe_status *ret_strings)
{
    uint32_t count = 0;
    pe_version_iter tables, strings;
    pe_version_table table;
    pe_version_string string;
    *ret_strings = PE_END;
    pe_version_tables(version, &tables);
    while (pe_version_table_next(&tables, &table) == PE_OK) {
        pe_version_strings(version, &table, &strings);
        while (pe_version_string_next(&strings, &string) == PE_OK)
            count++;
        *ret_strings = pe_version_string_next(&strings, &string);
    }
    *ret_tables = pe_version_table_next(&tables, &table);
    return count;
}

static void expect_strings(const leaf_bytes *bytes, uint32_t count, pe_status in_tables,
                           pe_status in_strings)
{
    pe_resource_leaf leaf = leaf_make(bytes);
    pe_version version;
    pe_status tables, strings;
    cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
    cr_expect_eq(count_strings(&version, &tables, &strings), count);
    cr_expect_eq(tables, in_tables);
    cr_expect_eq(strings, in_strings);
    leaf_free(&leaf);
}

static void expect_open(const leaf_bytes *bytes, pe_status status)
{
    pe_resource_leaf leaf = leaf_make(bytes);
    pe_version version;
    cr_expect_eq(pe_version_open(&leaf, &version), status);
    leaf_free(&leaf);
}

Test(version, fixed_information_is_decoded)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_version version;
    cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
    cr_expect_eq(version.node.at.value, LEAF_RVA);
    cr_expect_eq(version.node.size, bytes.size);
    cr_assert(version.has_fixed);
    const pe_version_fixed *fixed = &version.fixed;
    cr_expect_eq(fixed->at.value, LEAF_RVA + at.fixed);
    cr_expect_arr_eq(fixed->file_version, ((uint16_t[]){6, 1, 7601, 17514}), 8);
    cr_expect_arr_eq(fixed->product_version, ((uint16_t[]){10, 0, 19041, 1}), 8);
    cr_expect_eq(fixed->flags_mask, 0x3F);
    cr_expect_eq(fixed->flags, 2);
    cr_expect_eq(fixed->os, 0x40004);
    cr_expect_eq(fixed->type, 1);
    cr_expect_eq(fixed->date, UINT64_C(0x0102030405060708));
    leaf_free(&leaf);
}

Test(version, tables_and_strings_are_told)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_version version;
    pe_version_iter tables, strings;
    pe_version_table table;
    pe_version_string string;
    cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
    pe_version_tables(&version, &tables);
    cr_assert_eq(pe_version_table_next(&tables, &table), PE_OK);
    cr_expect_eq(table.node.at.value, LEAF_RVA + at.table);
    cr_expect(table.has_language);
    cr_expect_eq(table.language, 0x0409);
    cr_expect_eq(table.code_page, 0x04B0);
    pe_version_strings(&version, &table, &strings);
    cr_assert_eq(pe_version_string_next(&strings, &string), PE_OK);
    cr_expect_eq(string.node.at.value, LEAF_RVA + at.first);
    cr_expect(utf16_is(&string.node.key, "CompanyName"));
    cr_expect(utf16_is(&string.value, "Nobody"));
    cr_assert_eq(pe_version_string_next(&strings, &string), PE_OK);
    cr_expect(utf16_is(&string.node.key, "Comments"));
    cr_expect(utf16_is(&string.value, "None"));
    cr_expect_eq(pe_version_string_next(&strings, &string), PE_END);
    cr_expect_eq(pe_version_table_next(&tables, &table), PE_END);
    leaf_free(&leaf);
}

Test(version, translations_are_told)
{
    leaf_bytes bytes = {0};
    put_version(&bytes);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_version version;
    pe_version_iter iter;
    pe_version_translation translation;
    cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
    pe_version_translations(&version, &iter);
    cr_assert_eq(pe_version_translation_next(&iter, &translation), PE_OK);
    cr_expect_eq(translation.at.value, LEAF_RVA + bytes.size - 8);
    cr_expect_eq(translation.language, 0x0409);
    cr_expect_eq(translation.code_page, 0x04B0);
    cr_assert_eq(pe_version_translation_next(&iter, &translation), PE_OK);
    cr_expect_eq(translation.language, 0x0407);
    cr_expect_eq(pe_version_translation_next(&iter, &translation), PE_END);
    cr_expect_eq(pe_version_translation_next(&iter, &translation), PE_END);
    leaf_free(&leaf);
}

Test(version, wrong_signature_means_no_fixed_information)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    set_u32(&bytes, at.fixed, 0xFEEF04BC);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_version version;
    cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
    cr_expect_not(version.has_fixed);
    leaf_free(&leaf);
    expect_strings(&bytes, 2, PE_END, PE_END);
}

Test(version, root_of_another_name_is_refused)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    set_u16(&bytes, at.root + 6, 'v');
    expect_open(&bytes, PE_BAD_FORMAT);
}

Test(version, root_shorter_than_its_header_is_refused)
{
    for (uint16_t length = 0; length < 6; length++) {
        leaf_bytes bytes = {0};
        struct version_places at = put_version(&bytes);
        set_u16(&bytes, at.root, length);
        expect_open(&bytes, PE_BAD_FORMAT);
    }
}

Test(version, leaf_shorter_than_a_header_is_out_of_bounds)
{
    leaf_bytes bytes = {0};
    put_version(&bytes);
    bytes.size = 5;
    expect_open(&bytes, PE_OUT_OF_BOUNDS);
}

Test(version, leaf_without_bytes_gives_its_status)
{
    pe_resource_leaf leaf = {.size = 100, .status = PE_UNREADABLE};
    pe_version version;
    cr_expect_eq(pe_version_open(&leaf, &version), PE_UNREADABLE);
}

/* Every cut is safe; nothing is told of what is not there. */
Test(version, leaf_cut_anywhere_ends_with_a_status)
{
    leaf_bytes bytes = {0};
    put_version(&bytes);
    for (uint32_t size = bytes.size; size > 0; size--) {
        leaf_bytes cut = bytes;
        cut.size = size - 1;
        pe_resource_leaf leaf = leaf_make(&cut);
        pe_version version;
        pe_status tables, strings;
        if (pe_version_open(&leaf, &version) == PE_OK)
            cr_expect_leq(count_strings(&version, &tables, &strings), 2);
        leaf_free(&leaf);
    }
}

Test(version, length_beyond_the_parent_is_cut)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    set_u16(&bytes, at.second, 0xFFFF);
    expect_strings(&bytes, 2, PE_END, PE_END);
    set_u16(&bytes, at.root, 0xFFFF);
    expect_strings(&bytes, 2, PE_END, PE_END);
}

Test(version, string_of_length_zero_ends_its_table)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    set_u16(&bytes, at.second, 0);
    expect_strings(&bytes, 1, PE_END, PE_END);
}

Test(version, string_shorter_than_its_header_is_refused)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    set_u16(&bytes, at.second, 5);
    expect_strings(&bytes, 1, PE_END, PE_BAD_FORMAT);
}

Test(version, table_shorter_than_its_header_is_refused)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    set_u16(&bytes, at.table, 1);
    expect_strings(&bytes, 0, PE_BAD_FORMAT, PE_END);
}

Test(version, key_of_another_form_says_no_language)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    set_u16(&bytes, at.table + 6, 'x');
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_version version;
    pe_version_iter tables;
    pe_version_table table;
    cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
    pe_version_tables(&version, &tables);
    cr_assert_eq(pe_version_table_next(&tables, &table), PE_OK);
    cr_expect_not(table.has_language);
    cr_expect(utf16_is(&table.node.key, "x40904b0"));
    leaf_free(&leaf);
}

/* Rule R6. */
Test(version, value_ends_with_its_nul_whatever_its_length_says)
{
    static const uint16_t lengths[] = {0, 1, 7, 14, 0xFFFF};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        leaf_bytes bytes = {0};
        struct version_places at = put_version(&bytes);
        set_u16(&bytes, at.first + 2, lengths[i]);
        pe_resource_leaf leaf = leaf_make(&bytes);
        pe_version version;
        pe_version_iter tables, strings;
        pe_version_table table;
        pe_version_string string;
        cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
        pe_version_tables(&version, &tables);
        cr_assert_eq(pe_version_table_next(&tables, &table), PE_OK);
        pe_version_strings(&version, &table, &strings);
        cr_assert_eq(pe_version_string_next(&strings, &string), PE_OK);
        cr_expect_eq(string.node.value_length, lengths[i]);
        cr_expect(utf16_is(&string.value, "Nobody"));
        leaf_free(&leaf);
    }
}

/* Rule R5: the same at an RVA that is no multiple of 4. */
Test(version, parts_are_aligned_from_the_start_of_the_leaf)
{
    leaf_bytes bytes = {0};
    put_version(&bytes);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_version version;
    pe_status tables, strings;
    leaf.rva.value += 2;
    cr_assert_eq(pe_version_open(&leaf, &version), PE_OK);
    cr_expect(version.has_fixed);
    cr_expect_eq(count_strings(&version, &tables, &strings), 2);
    leaf_free(&leaf);
}

Test(version, zero_fill_reads_as_zeros)
{
    leaf_bytes bytes = {0};
    struct version_places at = put_version(&bytes);
    /* The last string is cut in the middle of its second unit: 'N' and half an 'o'. */
    uint32_t value = at.second + 6 + 2 * 9;
    for (uint32_t i = value + 3; i < bytes.size; i++)
        bytes.data[i] = 0;
    pe_resource_leaf whole = leaf_make(&bytes), filled = leaf_make_filled(&bytes, value + 3);
    for (int i = 0; i < 2; i++) {
        pe_version version;
        pe_status tables, strings;
        cr_assert_eq(pe_version_open(i == 0 ? &whole : &filled, &version), PE_OK);
        cr_expect_eq(count_strings(&version, &tables, &strings), 2);
    }
    leaf_free(&whole);
    leaf_free(&filled);
}
