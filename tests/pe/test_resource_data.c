/* What lies in leaves: manifests, icon groups, string tables, message tables. */
#include "layouts.h"
#include "leaves.h"

#include <criterion/criterion.h>

/* ---- Manifests --------------------------------------------------------------------------------
 */

static void expect_manifest(const char *start, uint32_t start_size, pe_text_encoding encoding,
                            uint32_t mark_size)
{
    leaf_bytes bytes = {0};
    put_bytes(&bytes, start, start_size);
    put_bytes(&bytes, "<a/>", 4);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_manifest manifest;
    cr_assert_eq(pe_manifest_open(&leaf, &manifest), PE_OK);
    cr_expect_eq(manifest.encoding, encoding);
    cr_expect_eq(manifest.mark_size, mark_size);
    cr_expect_eq(manifest.at.value, LEAF_RVA + mark_size);
    cr_expect_eq(manifest.size, bytes.size - mark_size);
    cr_expect_eq(manifest.text.size, manifest.size);
    leaf_free(&leaf);
}

Test(manifest, byte_order_mark_tells_the_encoding)
{
    expect_manifest("", 0, PE_TEXT_UTF8, 0);
    expect_manifest("\xEF\xBB\xBF", 3, PE_TEXT_UTF8, 3);
    expect_manifest("\xEF\xBB", 2, PE_TEXT_UTF8, 0);
    expect_manifest("\xFF\xFE", 2, PE_TEXT_UTF16_LE, 2);
    expect_manifest("\xFE\xFF", 2, PE_TEXT_UTF16_BE, 2);
}

Test(manifest, empty_leaf_is_an_empty_text)
{
    leaf_bytes bytes = {0};
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_manifest manifest;
    cr_assert_eq(pe_manifest_open(&leaf, &manifest), PE_OK);
    cr_expect_eq(manifest.size, 0);
    cr_expect_eq(manifest.mark_size, 0);
    leaf_free(&leaf);
}

Test(manifest, leaf_without_bytes_gives_its_status)
{
    pe_resource_leaf leaf = {.size = 10, .status = PE_OUT_OF_BOUNDS};
    pe_manifest manifest;
    cr_expect_eq(pe_manifest_open(&leaf, &manifest), PE_OUT_OF_BOUNDS);
}

/* ---- Icon and cursor groups -------------------------------------------------------------------
 */

static void put_group(leaf_bytes *bytes, uint16_t type, uint16_t count)
{
    put_u16(bytes, 0);
    put_u16(bytes, type);
    put_u16(bytes, count);
    for (uint16_t i = 0; i < 2; i++) {
        put_u16(bytes, 0x2030);
        put_u16(bytes, 0x0110);
        put_u16(bytes, 1);
        put_u16(bytes, 32);
        put_u32(bytes, 0x10A8);
        put_u16(bytes, (uint16_t)(7 + i));
    }
}

Test(icons, group_of_icons_names_its_pictures)
{
    leaf_bytes bytes = {0};
    put_group(&bytes, 1, 2);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_icon_group group;
    pe_icon icon;
    cr_assert_eq(pe_icon_group_open(&leaf, &group), PE_OK);
    cr_expect_eq(group.count, 2);
    cr_expect_not(group.is_cursor);
    cr_assert_eq(pe_icon_at(&group, 1, &icon), PE_OK);
    cr_expect_eq(icon.at.value, LEAF_RVA + 6 + 14);
    cr_expect_eq(icon.width, 0x30);
    cr_expect_eq(icon.height, 0x20);
    cr_expect_eq(icon.colors, 0x10);
    cr_expect_eq(icon.reserved, 1);
    cr_expect_eq(icon.planes, 1);
    cr_expect_eq(icon.bit_count, 32);
    cr_expect_eq(icon.size, 0x10A8);
    cr_expect_eq(icon.id, 8);
    cr_expect_eq(pe_icon_at(&group, 2, &icon), PE_NOT_FOUND);
    leaf_free(&leaf);
}

Test(icons, group_of_cursors_has_words_for_sizes)
{
    leaf_bytes bytes = {0};
    put_group(&bytes, 2, 2);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_icon_group group;
    pe_icon cursor;
    cr_assert_eq(pe_icon_group_open(&leaf, &group), PE_OK);
    cr_expect(group.is_cursor);
    cr_assert_eq(pe_icon_at(&group, 0, &cursor), PE_OK);
    cr_expect_eq(cursor.width, 0x2030);
    cr_expect_eq(cursor.height, 0x0110);
    cr_expect_eq(cursor.id, 7);
    leaf_free(&leaf);
}

Test(icons, group_of_another_type_is_refused)
{
    static const uint16_t types[] = {0, 3, 0xFFFF};
    for (size_t i = 0; i < 3; i++) {
        leaf_bytes bytes = {0};
        put_group(&bytes, types[i], 2);
        pe_resource_leaf leaf = leaf_make(&bytes);
        pe_icon_group group;
        cr_expect_eq(pe_icon_group_open(&leaf, &group), PE_BAD_FORMAT);
        leaf_free(&leaf);
    }
}

Test(icons, count_of_65535_ends_with_the_leaf)
{
    leaf_bytes bytes = {0};
    put_group(&bytes, 1, 0xFFFF);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_icon_group group;
    pe_icon icon;
    cr_assert_eq(pe_icon_group_open(&leaf, &group), PE_OK);
    cr_expect_eq(pe_icon_at(&group, 1, &icon), PE_OK);
    cr_expect_eq(pe_icon_at(&group, 2, &icon), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_icon_at(&group, 0xFFFE, &icon), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_icon_at(&group, 0xFFFF, &icon), PE_NOT_FOUND);
    cr_expect_eq(pe_icon_at(&group, UINT32_MAX, &icon), PE_NOT_FOUND);
    leaf_free(&leaf);
}

Test(icons, leaf_shorter_than_a_group_is_out_of_bounds)
{
    leaf_bytes bytes = {0};
    put_group(&bytes, 1, 2);
    bytes.size = 5;
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_icon_group group;
    cr_expect_eq(pe_icon_group_open(&leaf, &group), PE_OUT_OF_BOUNDS);
    leaf_free(&leaf);
}

/* ---- String tables ----------------------------------------------------------------------------
 */

static void put_block(leaf_bytes *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put_u16(bytes, i == 3 ? 5 : 0);
        if (i == 3)
            put_text(bytes, "third");
    }
}

static const pe_resource_id block_7 = {.number = 7};

static void expect_strings(const leaf_bytes *bytes, uint32_t count, pe_status status)
{
    pe_resource_leaf leaf = leaf_make(bytes);
    pe_string_block_iter iter;
    pe_resource_string string;
    uint32_t seen = 0;
    pe_string_block(&leaf, &block_7, &iter);
    while (pe_string_block_next(&iter, &string) == PE_OK)
        seen++;
    cr_expect_eq(seen, count);
    cr_expect_eq(pe_string_block_next(&iter, &string), status);
    leaf_free(&leaf);
}

Test(strings, block_holds_16_with_their_numbers)
{
    leaf_bytes bytes = {0};
    put_block(&bytes, 16);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_string_block_iter iter;
    pe_resource_string string;
    pe_string_block(&leaf, &block_7, &iter);
    for (uint32_t i = 0; i < 16; i++) {
        cr_assert_eq(pe_string_block_next(&iter, &string), PE_OK);
        cr_expect_eq(string.id, 96 + i);
        cr_expect(utf16_is(&string.text, i == 3 ? "third" : ""));
        if (i == 3)
            cr_expect_eq(string.text.at.value, LEAF_RVA + 8);
    }
    cr_expect_eq(pe_string_block_next(&iter, &string), PE_END);
    cr_expect_eq(pe_string_block_next(&iter, &string), PE_END);
    leaf_free(&leaf);
}

Test(strings, bytes_after_the_16th_are_not_looked_at)
{
    leaf_bytes bytes = {0};
    put_block(&bytes, 16);
    put_u16(&bytes, 0xFFFF);
    expect_strings(&bytes, 16, PE_END);
}

Test(strings, leaf_may_end_between_two)
{
    leaf_bytes bytes = {0};
    put_block(&bytes, 5);
    expect_strings(&bytes, 5, PE_END);
}

Test(strings, string_beyond_the_leaf_is_out_of_bounds)
{
    static const uint16_t lengths[] = {0xFFFF, 18, 0x7FFF};
    for (size_t i = 0; i < 3; i++) {
        leaf_bytes bytes = {0};
        put_block(&bytes, 16);
        set_u16(&bytes, 6, lengths[i]);
        expect_strings(&bytes, 3, PE_OUT_OF_BOUNDS);
    }
}

Test(strings, half_a_length_is_out_of_bounds)
{
    leaf_bytes bytes = {0};
    put_block(&bytes, 2);
    bytes.size--;
    expect_strings(&bytes, 1, PE_OUT_OF_BOUNDS);
}

Test(strings, block_without_a_usable_number_is_refused)
{
    static const pe_resource_id blocks[] = {
        {.number = 0}, {.number = 4097}, {.is_named = true, .number = 1}};
    for (size_t i = 0; i < 3; i++) {
        leaf_bytes bytes = {0};
        put_block(&bytes, 16);
        pe_resource_leaf leaf = leaf_make(&bytes);
        pe_string_block_iter iter;
        pe_resource_string string;
        pe_string_block(&leaf, &blocks[i], &iter);
        cr_expect_eq(pe_string_block_next(&iter, &string), PE_BAD_FORMAT);
        leaf_free(&leaf);
    }
}

Test(strings, last_block_holds_the_last_numbers)
{
    leaf_bytes bytes = {0};
    put_block(&bytes, 1);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_string_block_iter iter;
    pe_resource_string string;
    pe_string_block(&leaf, &(pe_resource_id){.number = 4096}, &iter);
    cr_assert_eq(pe_string_block_next(&iter, &string), PE_OK);
    cr_expect_eq(string.id, 0xFFF0);
    leaf_free(&leaf);
}

/* ---- Message tables ---------------------------------------------------------------------------
 */

enum { FIRST_MESSAGE = 28, SECOND_MESSAGE = 40, THIRD_MESSAGE = 52 };

/* IDs 1 and 2 (ANSI, Unicode) in one block, 0xC0000005 (UTF-8) in another. */
static void put_messages(leaf_bytes *bytes)
{
    static const uint32_t header[] = {
        2, 1, 2, FIRST_MESSAGE, 0xC0000005, 0xC0000005, THIRD_MESSAGE};
    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++)
        put_u32(bytes, header[i]);
    put_u16(bytes, 12);
    put_u16(bytes, 0);
    put_bytes(bytes, "ansi\r\n\0", 8);
    put_u16(bytes, 12);
    put_u16(bytes, PE_MESSAGE_UNICODE);
    put_text_z(bytes, "uni");
    put_u16(bytes, 8);
    put_u16(bytes, PE_MESSAGE_UTF8);
    put_bytes(bytes, "utf8", 4);
}

/* The messages of block `index` until they end with `status`. */
static void expect_messages(const leaf_bytes *bytes, uint32_t index, uint32_t count,
                            pe_status status)
{
    pe_resource_leaf leaf = leaf_make(bytes);
    pe_message_table table;
    pe_message_block block;
    pe_message_iter iter;
    pe_message message;
    uint32_t seen = 0;
    cr_assert_eq(pe_message_table_open(&leaf, &table), PE_OK);
    cr_assert_eq(pe_message_block_at(&table, index, &block), PE_OK);
    pe_messages(&table, &block, &iter);
    while (pe_message_next(&iter, &message) == PE_OK)
        seen++;
    cr_expect_eq(seen, count);
    cr_expect_eq(pe_message_next(&iter, &message), status);
    leaf_free(&leaf);
}

Test(messages, blocks_hold_messages_in_their_encodings)
{
    leaf_bytes bytes = {0};
    put_messages(&bytes);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_message_table table;
    pe_message_block block;
    pe_message_iter iter;
    pe_message message;
    cr_assert_eq(pe_message_table_open(&leaf, &table), PE_OK);
    cr_expect_eq(table.block_count, 2);
    cr_assert_eq(pe_message_block_at(&table, 0, &block), PE_OK);
    cr_expect_eq(block.at.value, LEAF_RVA + 4);
    cr_expect_eq(block.low_id, 1);
    cr_expect_eq(block.high_id, 2);
    pe_messages(&table, &block, &iter);
    cr_assert_eq(pe_message_next(&iter, &message), PE_OK);
    cr_expect_eq(message.at.value, LEAF_RVA + FIRST_MESSAGE);
    cr_expect_eq(message.id, 1);
    cr_expect_eq(message.size, 12);
    cr_expect_not(message.is_wide);
    cr_expect(span_is(message.narrow, "ansi\r\n"));
    cr_assert_eq(pe_message_next(&iter, &message), PE_OK);
    cr_expect_eq(message.id, 2);
    cr_expect(message.is_wide && utf16_is(&message.wide, "uni"));
    cr_expect_eq(message.narrow.size, 0);
    cr_expect_eq(pe_message_next(&iter, &message), PE_END);
    cr_assert_eq(pe_message_block_at(&table, 1, &block), PE_OK);
    pe_messages(&table, &block, &iter);
    cr_assert_eq(pe_message_next(&iter, &message), PE_OK);
    cr_expect_eq(message.id, 0xC0000005);
    cr_expect_eq(message.flags, PE_MESSAGE_UTF8);
    cr_expect(span_is(message.narrow, "utf8"));
    cr_expect_eq(pe_message_next(&iter, &message), PE_END);
    cr_expect_eq(pe_message_block_at(&table, 2, &block), PE_NOT_FOUND);
    leaf_free(&leaf);
}

Test(messages, count_of_blocks_beyond_the_leaf_ends_with_it)
{
    leaf_bytes bytes = {0};
    put_messages(&bytes);
    set_u32(&bytes, 0, 0xFFFFFFFF);
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_message_table table;
    pe_message_block block;
    cr_assert_eq(pe_message_table_open(&leaf, &table), PE_OK);
    cr_expect_eq(pe_message_block_at(&table, 5, &block), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_message_block_at(&table, 0xFFFFFFFE, &block), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_message_block_at(&table, 0xFFFFFFFF, &block), PE_NOT_FOUND);
    leaf_free(&leaf);
}

Test(messages, block_of_all_numbers_ends_with_the_leaf)
{
    leaf_bytes bytes = {0};
    put_messages(&bytes);
    set_u32(&bytes, 4, 0);
    set_u32(&bytes, 8, 0xFFFFFFFF);
    expect_messages(&bytes, 0, 3, PE_OUT_OF_BOUNDS);
}

Test(messages, block_whose_numbers_descend_is_empty)
{
    leaf_bytes bytes = {0};
    put_messages(&bytes);
    set_u32(&bytes, 4, 3);
    expect_messages(&bytes, 0, 0, PE_END);
}

Test(messages, message_shorter_than_its_header_is_refused)
{
    for (uint16_t size = 0; size < 4; size++) {
        leaf_bytes bytes = {0};
        put_messages(&bytes);
        set_u16(&bytes, SECOND_MESSAGE, size);
        expect_messages(&bytes, 0, 1, PE_BAD_FORMAT);
    }
}

Test(messages, message_beyond_the_leaf_is_out_of_bounds)
{
    leaf_bytes bytes = {0};
    put_messages(&bytes);
    set_u16(&bytes, THIRD_MESSAGE, 9);
    expect_messages(&bytes, 1, 0, PE_OUT_OF_BOUNDS);
    set_u32(&bytes, 24, 0xFFFFFFFF);
    expect_messages(&bytes, 1, 0, PE_OUT_OF_BOUNDS);
}

Test(messages, leaf_shorter_than_a_count_is_out_of_bounds)
{
    leaf_bytes bytes = {.size = 3};
    pe_resource_leaf leaf = leaf_make(&bytes);
    pe_message_table table;
    cr_expect_eq(pe_message_table_open(&leaf, &table), PE_OUT_OF_BOUNDS);
    leaf_free(&leaf);
}
