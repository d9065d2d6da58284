#include "support/image_builder.h"

#include <criterion/criterion.h>
#include <string.h>

/* Room for a list behind the DOS header: the PE signature is at 0x100. */
enum { NT = 0x100, LIST = 0x80, KEY = 0x1234ABCD, DANS = 0x536E6144, RICH = 0x68636952 };

typedef struct opened {
    img_image file;
    pe_image image;
} opened;

static img_image with_room(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.lfanew = NT;
    return img_finish(&builder);
}

static opened open_file(img_image file)
{
    opened result = {.file = file};
    pe_span bytes = {result.file.bytes, result.file.size};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &result.image, NULL), PE_OK);
    return result;
}

/* A list of two entries under `key`. */
static opened with_list(uint32_t key)
{
    const uint32_t clear[] = {DANS, 0, 0, 0, 0x01048765, 3, 0x00010000, 40};
    img_image file = with_room();
    for (uint32_t i = 0; i < 8; i++)
        img_set_u32(&file, LIST + 4 * i, clear[i] ^ key);
    img_set_u32(&file, LIST + 32, RICH);
    img_set_u32(&file, LIST + 36, key);
    return open_file(file);
}

Test(dos, header_fields_are_where_winnt_h_has_them)
{
    img_image file = with_room();
    for (uint32_t i = 1; i < 30; i++)
        img_set_u16(&file, 2 * i, (uint16_t)(0x100 + i));
    opened it = open_file(file);
    pe_dos_header dos = pe_dos(&it.image);
    cr_expect_eq(dos.e_magic, 0x5A4D);
    cr_expect_eq(dos.e_cblp, 0x101);
    cr_expect_eq(dos.e_ovno, 0x10D);
    cr_expect_eq(dos.e_res[0], 0x10E);
    cr_expect_eq(dos.e_oemid, 0x112);
    cr_expect_eq(dos.e_oeminfo, 0x113);
    cr_expect_eq(dos.e_res2[9], 0x11D);
    cr_expect_eq(dos.e_lfanew, NT);
    img_free(&it.file);
}

Test(rich, entries_are_decoded_with_the_key)
{
    opened it = with_list(KEY);
    pe_rich rich;
    pe_rich_entry entry;
    cr_assert_eq(pe_rich_open(&it.image, &rich), PE_OK);
    cr_expect_eq(rich.offset.value, LIST);
    cr_expect_eq(rich.key, KEY);
    cr_assert_eq(rich.count, 2);
    cr_assert_eq(pe_rich_at(&rich, 0, &entry), PE_OK);
    cr_expect_eq(entry.offset.value, LIST + 16);
    cr_expect_eq(entry.product, 0x0104);
    cr_expect_eq(entry.build, 0x8765);
    cr_expect_eq(entry.count, 3);
    cr_assert_eq(pe_rich_at(&rich, 1, &entry), PE_OK);
    cr_expect_eq(entry.count, 40);
    cr_expect_eq(pe_rich_at(&rich, 2, &entry), PE_NOT_FOUND);
    img_free(&it.file);
}

Test(rich, checksum_that_the_linker_would_store_is_the_key)
{
    opened it = with_list(KEY);
    pe_rich rich;
    cr_assert_eq(pe_rich_open(&it.image, &rich), PE_OK);
    cr_expect_neq(rich.checksum, KEY);
    uint32_t right = rich.checksum;
    img_free(&it.file);
    it = with_list(right);
    cr_assert_eq(pe_rich_open(&it.image, &rich), PE_OK);
    cr_expect_eq(rich.checksum, rich.key);
    it.file.bytes[0x50] ^= 1; /* of the DOS stub */
    cr_assert_eq(pe_rich_open(&it.image, &rich), PE_OK);
    cr_expect_neq(rich.checksum, rich.key);
    img_free(&it.file);
}

Test(rich, clear_bytes_start_with_dans)
{
    opened it = with_list(KEY);
    pe_rich rich;
    char clear[4], part[2];
    cr_assert_eq(pe_rich_open(&it.image, &rich), PE_OK);
    cr_assert_eq(pe_rich_clear(&rich, 0, clear, sizeof clear), PE_OK);
    cr_expect_arr_eq(clear, "DanS", 4);
    cr_assert_eq(pe_rich_clear(&rich, 2, part, sizeof part), PE_OK);
    cr_expect_arr_eq(part, "nS", 2);
    cr_expect_eq(pe_rich_clear(&rich, rich.bytes.size - 1, part, sizeof part), PE_OUT_OF_BOUNDS);
    img_free(&it.file);
}

Test(rich, rich_without_dans_is_not_present)
{
    opened it = with_list(KEY);
    pe_rich rich;
    img_set_u32(&it.file, LIST, 0);
    cr_expect_eq(pe_rich_open(&it.image, &rich), PE_NOT_PRESENT);
    img_free(&it.file);
}

Test(rich, signature_inside_the_dos_header_is_not_present)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.lfanew = 0x40;
    opened it = open_file(img_finish(&builder));
    pe_rich rich;
    cr_expect_eq(pe_rich_open(&it.image, &rich), PE_NOT_PRESENT);
    img_free(&it.file);
}
