#include "layouts.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SYMBOL = 18, FILE_SYMBOL_TABLE = 12, FILE_SYMBOL_COUNT = 16 };

static const char strings[] = "\0\0\0\0a_name_of_more_than_eight\0.debug_info";

/* A plain image with `count` empty symbols and the strings behind them. */
static img_image with_symbols(uint32_t count)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    uint32_t table = (uint32_t)file.size, end = table + count * SYMBOL;
    img_resize(&file, end + sizeof strings);
    memcpy(file.bytes + end, strings, sizeof strings);
    img_set_u32(&file, end, sizeof strings);
    img_set_u32(&file, file.nt + FILE_SYMBOL_TABLE, table);
    img_set_u32(&file, file.nt + FILE_SYMBOL_COUNT, count);
    return file;
}

static uint64_t symbol_at(const img_image *file, uint32_t index)
{
    return img_get_u32(file, file->nt + FILE_SYMBOL_TABLE) + (uint64_t)SYMBOL * index;
}

static pe_image opened(const img_image *file)
{
    pe_image image;
    pe_span bytes = {file->bytes, file->size};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &image, NULL), PE_OK);
    return image;
}

Test(coff, symbols_have_short_and_long_names)
{
    img_image file = with_symbols(3);
    uint64_t first = symbol_at(&file, 0), third = symbol_at(&file, 2);
    memcpy(file.bytes + first, "_mainCRT", 8);
    img_set_u32(&file, first + 8, 0x1234);
    img_set_u16(&file, first + 12, 0xFFFF);
    img_set_u16(&file, first + 14, 0x20);
    file.bytes[first + 16] = 2;
    file.bytes[first + 17] = 1;
    img_set_u32(&file, third + 4, 4);
    img_set_u16(&file, third + 12, 1);
    pe_image image = opened(&file);
    pe_coff_iter symbols;
    pe_coff_symbol symbol;
    pe_coff_symbols(&image, &symbols);
    cr_assert_eq(pe_coff_next(&symbols, &symbol), PE_OK);
    cr_expect(span_is(symbol.name, "_mainCRT"));
    cr_expect_eq(symbol.value, 0x1234);
    cr_expect_eq(symbol.section, PE_COFF_ABSOLUTE);
    cr_expect_eq(symbol.type, 0x20);
    cr_expect_str_eq(pe_coff_class_name(symbol.storage_class), "EXTERNAL");
    cr_expect_eq(symbol.auxiliary.size, SYMBOL);
    cr_assert_eq(pe_coff_next(&symbols, &symbol), PE_OK);
    cr_expect_eq(symbol.index, 2);
    cr_expect_eq(symbol.section, 1);
    cr_expect(span_is(symbol.name, "a_name_of_more_than_eight"));
    cr_expect_eq(pe_coff_next(&symbols, &symbol), PE_END);
    cr_expect_eq(pe_coff_next(&symbols, &symbol), PE_END);
    img_free(&file);
}

Test(coff, auxiliary_records_beyond_the_table_are_out_of_bounds)
{
    img_image file = with_symbols(2);
    file.bytes[symbol_at(&file, 0) + 17] = 2;
    pe_image image = opened(&file);
    pe_coff_iter symbols;
    pe_coff_symbol symbol;
    pe_coff_symbols(&image, &symbols);
    cr_expect_eq(pe_coff_next(&symbols, &symbol), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_coff_next(&symbols, &symbol), PE_OUT_OF_BOUNDS);
    img_free(&file);
}

Test(coff, table_beyond_the_file_is_out_of_bounds)
{
    img_image file = with_symbols(1);
    img_set_u32(&file, file.nt + FILE_SYMBOL_COUNT, 0xFFFFFFFF);
    pe_image image = opened(&file);
    pe_coff_iter symbols;
    pe_coff_symbol symbol = {0};
    pe_coff_symbols(&image, &symbols);
    cr_assert_eq(pe_coff_next(&symbols, &symbol), PE_OK);
    cr_expect_eq(symbol.name_status, PE_OUT_OF_BOUNDS);
    pe_status status = PE_OK;
    while (status == PE_OK)
        status = pe_coff_next(&symbols, &symbol);
    cr_expect_eq(status, PE_OUT_OF_BOUNDS);
    img_free(&file);
}

Test(coff, image_without_symbols_has_none)
{
    img_image file = img_plain(IMG_PE32);
    pe_image image = opened(&file);
    pe_coff_iter symbols;
    pe_coff_symbol symbol;
    pe_coff_strings table;
    pe_coff_symbols(&image, &symbols);
    cr_expect_eq(pe_coff_next(&symbols, &symbol), PE_NOT_PRESENT);
    cr_expect_eq(pe_coff_strings_open(&image, &table), PE_NOT_PRESENT);
    img_free(&file);
}

Test(coff, string_needs_its_nul_inside_the_table)
{
    img_image file = with_symbols(0);
    pe_image image = opened(&file);
    pe_coff_strings table;
    pe_span string;
    cr_assert_eq(pe_coff_strings_open(&image, &table), PE_OK);
    cr_expect_eq(pe_coff_string(&table, 3, &string), PE_BAD_FORMAT);
    cr_expect_eq(pe_coff_string(&table, sizeof strings, &string), PE_OUT_OF_BOUNDS);
    img_set_u32(&file, table.offset.value, sizeof strings - 1);
    cr_assert_eq(pe_coff_strings_open(&image, &table), PE_OK);
    cr_expect_eq(pe_coff_string(&table, 30, &string), PE_OUT_OF_BOUNDS);
    img_free(&file);
}

/* The name that the first section has when `stored` are the 8 bytes in its header. */
static pe_status name_of(const char stored[8], img_image *file, pe_span *ret_name)
{
    pe_section section;
    memcpy(file->bytes + img_section_at(file, 0, IMG_SCN_NAME), stored, 8);
    pe_image image = opened(file);
    cr_assert_eq(pe_section_at(&image, 0, &section), PE_OK);
    return pe_section_name(&image, &section, ret_name);
}

Test(coff, section_name_lies_in_the_string_table)
{
    img_image file = with_symbols(0);
    pe_span name;
    cr_assert_eq(name_of("/30\0\0\0\0", &file, &name), PE_OK);
    cr_expect(span_is(name, ".debug_info"));
    cr_assert_eq(name_of("//AAAAAe", &file, &name), PE_OK); /* e is 30 in base 64 */
    cr_expect(span_is(name, ".debug_info"));
    cr_assert_eq(name_of(".textbss", &file, &name), PE_OK);
    cr_expect(span_is(name, ".textbss"));
    cr_expect_eq(name_of("/3x\0\0\0\0", &file, &name), PE_BAD_FORMAT);
    cr_expect_eq(name_of("/\0\0\0\0\0\0", &file, &name), PE_BAD_FORMAT);
    cr_expect_eq(name_of("/9999999", &file, &name), PE_OUT_OF_BOUNDS);
    cr_expect_eq(name_of("////////", &file, &name), PE_OUT_OF_BOUNDS);
    img_free(&file);
}

Test(coff, long_section_name_without_strings_is_not_present)
{
    img_image file = img_plain(IMG_PE32);
    pe_span name;
    cr_expect_eq(name_of("/4\0\0\0\0\0", &file, &name), PE_NOT_PRESENT);
    img_free(&file);
}
