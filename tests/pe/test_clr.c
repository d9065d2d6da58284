#include "layouts.h"

#include <criterion/criterion.h>
#include <string.h>

/* RVAs in the only section. */
enum { CLR = 0x1000, METADATA = 0x1080, VTABLES = 0x1180, SLOTS = 0x11C0, SECTION_END = 0x2000 };

/* Offsets in the metadata: root with a version of 12 bytes, two stream headers, two streams. */
enum {
    VERSION_SIZE = 12,
    STREAM_COUNT = 30,
    HEADERS = 32,
    FIRST_NAME = HEADERS + 8,
    SECOND = HEADERS + 12,
    SECOND_NAME = SECOND + 8,
    TABLES = 0x40,
    STRINGS = 0x70,
    METADATA_SIZE = 0x80,
};

static const uint8_t root[] = {
    'B',  'S', 'J', 'B', 1,    0, 1, 0, 0,   0,   0,   0,   12,  0,   0,   0, /* versions */
    'v',  '4', '.', '0', 0,    0, 0, 0, 0,   0,   0,   0,   7,   0,   2,   0, /* flags, streams */
    0x40, 0,   0,   0,   0x30, 0, 0, 0, '#', '~', 0,   0,                     /* tables */
    0x70, 0,   0,   0,   0x10, 0, 0, 0, '#', 'S', 't', 'r', 'i', 'n', 'g', 's', 0, /* strings */
};

/* Tables 0, 2 and 0x2C, and the extra data. */
static const uint8_t tables_stream[] = {
    0, 0,    0, 0, 2, 0, 0x41, 1, 5, 0, 0, 0, 0, 0x10, 0, 0, 0,    0,    0,    0,
    0, 0xFA, 1, 0, 1, 0, 0,    0, 3, 0, 0, 0, 9, 1,    0, 0, 0x78, 0x56, 0x34, 0x12,
};

static void put_u32(img_builder *builder, uint32_t rva, uint32_t value)
{
    uint8_t raw[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                      (uint8_t)(value >> 24)};
    img_put(builder, rva, raw, sizeof raw);
}

static void put_fixups(img_builder *builder)
{
    static const uint8_t entries[] = {0xC0, 0x11, 0, 0, 2, 0, 5, 0, 0xD0, 0x11, 0, 0, 1, 0, 2, 0};
    static const uint8_t slots[] = {1, 0, 0, 6, 2, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1};
    img_put(builder, VTABLES, entries, sizeof entries);
    img_put(builder, SLOTS, slots, sizeof slots);
    put_u32(builder, CLR + 48, VTABLES);
    put_u32(builder, CLR + 52, sizeof entries);
}

static img_image managed(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    put_u32(&builder, CLR, 72);
    put_u32(&builder, CLR + 4, 0x00050002);
    put_u32(&builder, CLR + 8, METADATA);
    put_u32(&builder, CLR + 12, METADATA_SIZE);
    put_u32(&builder, CLR + 16, PE_CLR_ILONLY | PE_CLR_32BITPREFERRED);
    put_u32(&builder, CLR + 20, 0x06000001);
    put_u32(&builder, CLR + 24, 0x1100);
    put_u32(&builder, CLR + 28, 0x10);
    put_u32(&builder, CLR + 64, 0x1110);
    put_u32(&builder, CLR + 68, 0x20);
    put_fixups(&builder);
    img_put(&builder, METADATA, root, sizeof root);
    img_put(&builder, METADATA + TABLES, tables_stream, sizeof tables_stream);
    img_put(&builder, METADATA + STRINGS, "\0<Module>", 9);
    img_set_directory(&builder, PE_DIRECTORY_CLR, CLR, 72);
    return img_finish(&builder);
}

/* The same with one 32-bit field changed. */
static layouts managed_with(uint32_t rva, uint32_t value)
{
    img_image file = managed();
    img_set_u32(&file, img_offset_of(&file, rva), value);
    return layouts_open(file);
}

static pe_clr open_clr(const pe_image *image)
{
    pe_clr clr;
    cr_assert_eq(pe_clr_open(image, &clr), PE_OK);
    return clr;
}

static pe_status open_metadata(const pe_image *image, pe_clr_metadata *ret_metadata)
{
    return pe_clr_metadata_open(image, open_clr(image).metadata, ret_metadata);
}

static pe_clr_metadata metadata_of(const pe_image *image)
{
    pe_clr_metadata metadata;
    cr_assert_eq(open_metadata(image, &metadata), PE_OK);
    return metadata;
}

static pe_status find(const pe_image *image, const char *name, pe_clr_stream *ret_stream)
{
    pe_clr_metadata metadata = metadata_of(image);
    return pe_clr_stream_find(&metadata, name, ret_stream);
}

/* What ends a walk along the streams; said twice. */
static pe_status walk_streams(const pe_image *image, uint32_t *ret_count)
{
    pe_clr_metadata metadata = metadata_of(image);
    pe_clr_stream_iter streams;
    pe_clr_stream stream;
    pe_clr_streams(&metadata, &streams);
    for (*ret_count = 0; pe_clr_stream_next(&streams, &stream) == PE_OK; ++*ret_count)
        continue;
    cr_expect_eq(pe_clr_stream_next(&streams, &stream), streams.status);
    return streams.status;
}

Test(clr, header_is_told_in_both_layouts)
{
    layouts both = layouts_open(managed());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_clr clr = open_clr(&both.image[l]);
        cr_expect_eq(clr.directory.rva.value, CLR);
        cr_expect_eq(clr.size, 72);
        cr_expect_eq(clr.runtime_major, 2);
        cr_expect_eq(clr.runtime_minor, 5);
        cr_expect_eq(clr.metadata.rva.value, METADATA);
        cr_expect_eq(clr.flags, 0x20001);
        cr_expect_eq(clr.entry_point, 0x06000001);
        cr_expect_eq(clr.resources.rva.value, 0x1100);
        cr_expect_eq(clr.strong_name_signature.rva.value, 0);
        cr_expect_eq(clr.managed_native_header.size, 0x20);
    }
    layouts_close(&both);
}

Test(clr, names_are_those_of_the_lists)
{
    cr_expect_str_eq(pe_clr_flag_name(PE_CLR_ILONLY), "ILONLY");
    cr_expect_null(pe_clr_flag_name(0x20));
    cr_expect_str_eq(pe_clr_vtable_flag_name(PE_CLR_VTABLE_32BIT), "32BIT");
    cr_expect_null(pe_clr_vtable_flag_name(0x20));
    cr_expect_str_eq(pe_clr_table_name(0x2C), "GenericParamConstraint");
    cr_expect_null(pe_clr_table_name(0x2D));
    cr_expect_null(pe_clr_table_name(0xFFFFFFFF));
}

Test(clr, image_without_directory_has_none)
{
    layouts both = layouts_open(img_plain(IMG_PE32_PLUS));
    pe_clr clr = {.size = 1};
    cr_expect_eq(pe_clr_open(&both.image[0], &clr), PE_NOT_PRESENT);
    cr_expect_eq(clr.size, 1);
    layouts_close(&both);
}

Test(clr, header_that_leaves_the_image_is_out_of_bounds)
{
    img_image file = managed();
    img_set_directory_entry(&file, PE_DIRECTORY_CLR, SECTION_END - 71, 72);
    layouts both = layouts_open(file);
    pe_clr clr;
    cr_expect_eq(pe_clr_open(&both.image[0], &clr), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(clr, vtable_fixups_have_slots_of_either_width)
{
    layouts both = layouts_open(managed());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_clr clr = open_clr(&both.image[l]);
        pe_clr_vtable_iter vtables;
        pe_clr_vtable vtable;
        uint64_t value = 0;
        pe_clr_vtables(&both.image[l], &clr, &vtables);
        cr_assert_eq(pe_clr_vtable_next(&vtables, &vtable), PE_OK);
        cr_expect_eq(vtable.at.value, VTABLES);
        cr_expect_eq(vtable.type, PE_CLR_VTABLE_32BIT | PE_CLR_VTABLE_FROM_UNMANAGED);
        cr_expect_eq(pe_clr_vtable_slot(&both.image[l], &vtable, 1, &value), PE_OK);
        cr_expect_eq(value, 0x06000002);
        cr_expect_eq(pe_clr_vtable_slot(&both.image[l], &vtable, 2, &value), PE_NOT_FOUND);
        cr_assert_eq(pe_clr_vtable_next(&vtables, &vtable), PE_OK);
        cr_expect_eq(vtable.slots.value, SLOTS + 16);
        cr_expect_eq(pe_clr_vtable_slot(&both.image[l], &vtable, 0, &value), PE_OK);
        cr_expect_eq(value, 0x0106000003);
        cr_expect_eq(pe_clr_vtable_next(&vtables, &vtable), PE_END);
        cr_expect_eq(pe_clr_vtable_next(&vtables, &vtable), PE_END);
    }
    layouts_close(&both);
}

Test(clr, vtable_fixups_that_leave_the_image_end_the_walk)
{
    layouts both = managed_with(CLR + 52, 0xFFFFFFFF);
    pe_clr clr = open_clr(&both.image[0]);
    pe_clr_vtable_iter vtables;
    pe_clr_vtable vtable;
    uint32_t count = 0;
    pe_clr_vtables(&both.image[0], &clr, &vtables);
    while (pe_clr_vtable_next(&vtables, &vtable) == PE_OK)
        count++;
    cr_expect_eq(vtables.status, PE_OUT_OF_BOUNDS);
    cr_expect_eq(count, (SECTION_END - VTABLES) / 8);
    layouts_close(&both);
}

Test(clr, vtable_slots_outside_the_image_are_out_of_bounds)
{
    layouts both = managed_with(VTABLES, 0xFFFFFFFE);
    pe_clr clr = open_clr(&both.image[0]);
    pe_clr_vtable_iter vtables;
    pe_clr_vtable vtable;
    uint64_t value;
    pe_clr_vtables(&both.image[0], &clr, &vtables);
    cr_assert_eq(pe_clr_vtable_next(&vtables, &vtable), PE_OK);
    cr_expect_eq(pe_clr_vtable_slot(&both.image[0], &vtable, 0, &value), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_clr_vtable_slot(&both.image[0], &vtable, 1, &value), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(clr, vtable_fixups_may_be_absent)
{
    layouts both = managed_with(CLR + 48, 0);
    pe_clr clr = open_clr(&both.image[0]);
    pe_clr_vtable_iter vtables;
    pe_clr_vtable vtable;
    pe_clr_vtables(&both.image[0], &clr, &vtables);
    cr_expect_eq(pe_clr_vtable_next(&vtables, &vtable), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(clr, metadata_root_is_told_in_both_layouts)
{
    layouts both = layouts_open(managed());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_clr_metadata metadata = metadata_of(&both.image[l]);
        cr_expect_eq(metadata.major, 1);
        cr_expect_eq(metadata.minor, 1);
        cr_expect_eq(metadata.version_size, 12);
        cr_expect(span_is(metadata.version, "v4.0"));
        cr_expect_eq(metadata.flags, 7);
        cr_expect_eq(metadata.stream_count, 2);
        cr_expect_eq(metadata.headers, HEADERS);
    }
    layouts_close(&both);
}

Test(clr, metadata_without_place_are_not_present)
{
    layouts both = managed_with(CLR + 12, 0);
    pe_clr_metadata metadata;
    cr_expect_eq(open_metadata(&both.image[0], &metadata), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(clr, metadata_without_signature_are_bad_format)
{
    layouts both = managed_with(METADATA, 0x424A5343);
    pe_clr_metadata metadata;
    cr_expect_eq(open_metadata(&both.image[0], &metadata), PE_BAD_FORMAT);
    layouts_close(&both);
}

Test(clr, metadata_shorter_than_the_root_are_out_of_bounds)
{
    static const uint32_t sizes[] = {1, 15, 16, 31};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        layouts both = managed_with(CLR + 12, sizes[i]);
        pe_clr_metadata metadata;
        cr_expect_eq(open_metadata(&both.image[0], &metadata), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(clr, version_that_leaves_the_metadata_is_out_of_bounds)
{
    static const uint32_t sizes[] = {METADATA_SIZE - 19, 0x7FFFFFFF, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        layouts both = managed_with(METADATA + VERSION_SIZE, sizes[i]);
        pe_clr_metadata metadata;
        cr_expect_eq(open_metadata(&both.image[0], &metadata), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(clr, version_may_be_empty)
{
    layouts both = managed_with(METADATA + VERSION_SIZE, 0);
    pe_clr_metadata metadata = metadata_of(&both.image[0]);
    cr_expect_eq(metadata.version.size, 0);
    cr_expect_eq(metadata.headers, 20);
    layouts_close(&both);
}

Test(clr, streams_are_told_in_order)
{
    layouts both = layouts_open(managed());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_clr_metadata metadata = metadata_of(&both.image[l]);
        pe_clr_stream_iter streams;
        pe_clr_stream stream;
        pe_clr_streams(&metadata, &streams);
        cr_assert_eq(pe_clr_stream_next(&streams, &stream), PE_OK);
        cr_expect_eq(stream.at.value, METADATA + HEADERS);
        cr_expect_str_eq(stream.name, "#~");
        cr_assert_eq(pe_clr_stream_next(&streams, &stream), PE_OK);
        cr_expect_eq(stream.offset, STRINGS);
        cr_expect_eq(stream.place.rva.value, METADATA + STRINGS);
        cr_expect_eq(stream.data.size, 16);
        cr_expect_arr_eq(stream.data.data, "\0<Module>", 9);
        cr_expect_str_eq(stream.name, "#Strings");
        cr_expect_eq(pe_clr_stream_next(&streams, &stream), PE_END);
        cr_expect_eq(pe_clr_stream_next(&streams, &stream), PE_END);
    }
    layouts_close(&both);
}

Test(clr, stream_count_beyond_the_metadata_ends_the_walk)
{
    img_image file = managed();
    img_set_u16(&file, img_offset_of(&file, METADATA + STREAM_COUNT), 0xFFFF);
    layouts both = layouts_open(file);
    uint32_t count;
    cr_expect_neq(walk_streams(&both.image[0], &count), PE_END);
    cr_expect_lt(count, METADATA_SIZE / 12);
    layouts_close(&both);
}

Test(clr, stream_name_without_nul_is_bad_format)
{
    img_image file = managed();
    memset(file.bytes + img_offset_of(&file, METADATA + FIRST_NAME), 'x', 32);
    layouts both = layouts_open(file);
    uint32_t count;
    cr_expect_eq(walk_streams(&both.image[0], &count), PE_BAD_FORMAT);
    cr_expect_eq(count, 0);
    layouts_close(&both);
}

Test(clr, stream_name_that_leaves_the_metadata_is_out_of_bounds)
{
    layouts both = managed_with(CLR + 12, SECOND_NAME + 8);
    uint32_t count;
    cr_expect_eq(walk_streams(&both.image[0], &count), PE_OUT_OF_BOUNDS);
    cr_expect_eq(count, 1);
    layouts_close(&both);
}

Test(clr, stream_data_outside_the_metadata_are_the_streams_matter)
{
    static const uint32_t fields[][2] = {
        {SECOND, METADATA_SIZE - 15}, {SECOND, 0xFFFFFFFF}, {SECOND + 4, 0x11}, {SECOND + 4, ~0u}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        layouts both = managed_with(METADATA + fields[i][0], fields[i][1]);
        pe_clr_stream stream;
        cr_assert_eq(find(&both.image[0], "#Strings", &stream), PE_OK);
        cr_expect_eq(stream.status, PE_OUT_OF_BOUNDS);
        cr_expect_eq(stream.data.size, 0);
        cr_expect_eq(stream.place.size, 0);
        layouts_close(&both);
    }
}

Test(clr, stream_is_found_by_its_whole_name)
{
    layouts both = layouts_open(managed());
    pe_clr_stream stream;
    cr_expect_eq(find(&both.image[0], "#Strings", &stream), PE_OK);
    cr_expect_eq(find(&both.image[0], "#String", &stream), PE_NOT_FOUND);
    cr_expect_eq(find(&both.image[0], "#Stringss", &stream), PE_NOT_FOUND);
    cr_expect_eq(find(&both.image[0], "#Blob", &stream), PE_NOT_FOUND);
    layouts_close(&both);
}

Test(clr, tables_have_row_counts_where_they_are_valid)
{
    layouts both = layouts_open(managed());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_clr_stream stream;
        pe_clr_tables tables;
        cr_assert_eq(find(&both.image[l], "#~", &stream), PE_OK);
        cr_assert_eq(pe_clr_tables_open(&both.image[l], &stream, &tables), PE_OK);
        cr_expect_eq(tables.major, 2);
        cr_expect_eq(tables.heap_sizes, PE_CLR_WIDE_STRINGS | PE_CLR_EXTRA_DATA);
        cr_expect_eq(tables.valid, UINT64_C(0x100000000005));
        cr_expect_eq(tables.sorted, UINT64_C(0x0001FA0000000000));
        cr_expect_eq(tables.rows[PE_CLR_TABLE_MODULE], 1);
        cr_expect_eq(tables.rows[PE_CLR_TABLE_TYPE_REF], 0);
        cr_expect_eq(tables.rows[PE_CLR_TABLE_TYPE_DEF], 3);
        cr_expect_eq(tables.rows[PE_CLR_TABLE_GENERIC_PARAM_CONSTRAINT], 0x109);
        cr_expect_eq(tables.extra_data, 0x12345678);
        cr_expect_eq(tables.data, 40);
    }
    layouts_close(&both);
}

Test(clr, row_counts_that_leave_the_stream_are_out_of_bounds)
{
    static const uint32_t sizes[] = {0, 23, 24, 35, 39};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        layouts both = managed_with(METADATA + HEADERS + 4, sizes[i]);
        pe_clr_stream stream;
        pe_clr_tables tables = {.data = 1};
        cr_assert_eq(find(&both.image[0], "#~", &stream), PE_OK);
        cr_expect_eq(pe_clr_tables_open(&both.image[0], &stream, &tables), PE_OUT_OF_BOUNDS);
        cr_expect_eq(tables.data, 1);
        layouts_close(&both);
    }
}

Test(clr, counts_of_all_64_tables_need_their_bytes)
{
    layouts both = managed_with(METADATA + TABLES + 8, 0xFFFFFFFF);
    pe_clr_stream stream;
    pe_clr_tables tables;
    cr_assert_eq(find(&both.image[0], "#~", &stream), PE_OK);
    cr_expect_eq(pe_clr_tables_open(&both.image[0], &stream, &tables), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(clr, stream_of_another_name_holds_no_tables)
{
    layouts both = layouts_open(managed());
    pe_clr_stream stream;
    pe_clr_tables tables;
    cr_assert_eq(find(&both.image[0], "#Strings", &stream), PE_OK);
    cr_expect_eq(pe_clr_tables_open(&both.image[0], &stream, &tables), PE_NOT_FOUND);
    layouts_close(&both);
}
