#include "image_hostile.h"

#include <stdlib.h>
#include <string.h>

/* Every image but those of many sections: one section of nearly 1 MB at RVA 0x1000, raw data at
 * 0x200. */
enum { DATA = 0x1000, RAW = 0x200, SIZE = 0xFF000, DATA_END = DATA + SIZE };

enum {
    DESCRIPTOR = 20,
    DELAY_DESCRIPTOR = 32,
    FUNCTION = 12,
    SYMBOL = 18,
    SECTION = 40,
    DEBUG_ENTRY = 28,
    MESSAGE_BLOCK = 12,
    MANY_SECTIONS = 65535,
};

const char *hostile_name(hostile_kind kind)
{
    static const char *const names[] = {
#define X(name) #name,
        HOSTILE_LIST(X)
#undef X
    };
    return names[kind];
}

static void put32(img_image *image, uint32_t rva, uint32_t value)
{
    img_set_u32(image, (uint64_t)rva - DATA + RAW, value);
}

static void fill(img_image *image, uint32_t rva, uint32_t size, int byte)
{
    memset(image->bytes + (rva - DATA + RAW), byte, size);
}

static void set_directory(img_image *image, pe_directory_index index, uint32_t size)
{
    img_set_directory_entry(image, index, DATA, size);
}

static img_image of_zeros(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".data", IMG_RW, NULL, SIZE, 0);
    return img_finish(&builder);
}

/* ---- Resources ---- */

/* A directory of as many entries as fit, each of which names `target` (with its top bit). */
static void put_resources(img_image *image, uint32_t count, uint32_t target)
{
    img_set_u16(image, RAW + 14, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put32(image, DATA + 16 + 8 * i, i);
        put32(image, DATA + 16 + 8 * i + 4, target);
    }
    set_directory(image, PE_DIRECTORY_RESOURCE, SIZE);
}

static void resources_that_loop(img_image *image)
{
    put_resources(image, UINT16_MAX, 0x80000000);
}

/* Root, then directories of type and name which have all the same entries, then one leaf. */
static void put_shared_leaf(img_image *image, uint32_t type, uint32_t leaf_rva, uint32_t leaf_size)
{
    enum { COUNT = 0x6000, SECOND = 16 + 8 * COUNT, LEAF = SECOND + 24 };
    put_resources(image, COUNT, 0x80000000 | SECOND);
    for (uint32_t i = 0; i < COUNT; i++)
        put32(image, DATA + 16 + 8 * i, type);
    img_set_u16(image, RAW + SECOND + 14, 1);
    put32(image, DATA + SECOND + 16, 1);
    put32(image, DATA + SECOND + 20, LEAF);
    put32(image, DATA + LEAF, leaf_rva);
    put32(image, DATA + LEAF + 4, leaf_size);
}

static void resources_of_one_leaf(img_image *image)
{
    put_shared_leaf(image, PE_RT_MANIFEST, DATA + 0x40000, SIZE - 0x40000);
}

/* Blocks that all hold the same messages: the block table is as long as the messages are many. */
static void messages_of_one_text(img_image *image)
{
    enum { LEAF = 0x40000, BLOCKS = 0x6000, MESSAGES = 4 + MESSAGE_BLOCK * BLOCKS };
    put_shared_leaf(image, PE_RT_MESSAGETABLE, DATA + LEAF, SIZE - LEAF);
    put32(image, DATA + LEAF, BLOCKS);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        put32(image, DATA + LEAF + 4 + MESSAGE_BLOCK * i + 4, UINT32_MAX);
        put32(image, DATA + LEAF + 4 + MESSAGE_BLOCK * i + 8, MESSAGES);
    }
    for (uint32_t at = DATA + LEAF + MESSAGES; at + 4 <= DATA_END; at += 4)
        put32(image, at, 4);
}

/* ---- Relocations ---- */

static void put_relocs(img_image *image, uint32_t block_size)
{
    for (uint32_t at = DATA; at + 8 <= DATA_END; at += 8)
        put32(image, at + 4, block_size);
    set_directory(image, PE_DIRECTORY_BASE_RELOCATION, SIZE);
}

static void relocation_blocks_of_size_0(img_image *image)
{
    put_relocs(image, 0);
}

static void relocation_blocks_of_size_4(img_image *image)
{
    put_relocs(image, 4);
}

static void relocation_blocks_that_wrap(img_image *image)
{
    put_relocs(image, 0xFFFFFFF8);
}

static void relocation_blocks_of_8(img_image *image)
{
    put_relocs(image, 8);
}

/* ---- Exports ---- */

static void put_exports(img_image *image, uint32_t count, uint32_t names, uint32_t slots)
{
    put32(image, DATA + 16, 1);
    put32(image, DATA + 20, count);
    put32(image, DATA + 24, count);
    put32(image, DATA + 28, slots);
    put32(image, DATA + 32, names);
    put32(image, DATA + 36, slots);
    set_directory(image, PE_DIRECTORY_EXPORT, 40);
}

static void exports_without_end(img_image *image)
{
    put_exports(image, 0x80000000, DATA + 40, DATA + 40);
}

static void exports_of_one_long_name(img_image *image)
{
    enum { COUNT = 0x10000, NAMES = DATA + 0x1000, NAME = NAMES + 4 * COUNT };
    put_exports(image, COUNT, NAMES, DATA + 0x100);
    put32(image, DATA + 0x100, DATA);
    for (uint32_t i = 0; i < COUNT; i++)
        put32(image, NAMES + 4 * i, NAME);
    fill(image, NAME, DATA_END - NAME - 1, 'A');
}

/* ---- Imports ---- */

/* As many descriptors as fit into 0x60000 bytes, of one name and one table. */
static void put_imports(img_image *image, uint32_t name, uint32_t table)
{
    for (uint32_t at = DATA; at + DESCRIPTOR <= DATA + 0x60000; at += DESCRIPTOR) {
        put32(image, at, table);
        put32(image, at + 12, name);
        put32(image, at + 16, table);
    }
    set_directory(image, PE_DIRECTORY_IMPORT, 0x60000);
}

static void imports_of_one_table(img_image *image)
{
    enum { TABLE = DATA + 0x60100, END = DATA + 0x98000, NAME = END + 0x100 };
    put_imports(image, NAME, TABLE);
    for (uint32_t at = TABLE; at < END; at += 8)
        put32(image, at, NAME);
    fill(image, NAME, 16, 'n');
}

static void imports_of_one_long_name(img_image *image)
{
    enum { TABLE = DATA + 0x60100, END = TABLE + 0x10000, NAME = END + 0x100 };
    put_imports(image, NAME, TABLE);
    for (uint32_t at = TABLE; at < END; at += 8)
        put32(image, at, NAME);
    fill(image, NAME, DATA_END - NAME - 1, 'n');
}

static void import_names_without_nul(img_image *image)
{
    imports_of_one_long_name(image);
    image->bytes[image->size - 1] = 'n';
}

static void delay_imports_of_one_table(img_image *image)
{
    enum { END = DATA + 0x60000, TABLE = END + 0x100, NAME = DATA + 0x98100 };
    for (uint32_t at = DATA; at < END; at += DELAY_DESCRIPTOR) {
        put32(image, at, PE_DELAY_RVA);
        put32(image, at + 4, NAME);
        put32(image, at + 12, TABLE);
        put32(image, at + 16, TABLE);
    }
    for (uint32_t at = TABLE; at + 8 < NAME; at += 8)
        put32(image, at, NAME);
    fill(image, NAME, 16, 'n');
    set_directory(image, PE_DIRECTORY_DELAY_IMPORT, 0x60000);
}

/* ---- Sections and symbols ---- */

/* `count` sections behind the headers, a page each. `raw` and `raw_size` are of all of them. */
static img_image with_sections(uint32_t count, const char *name, uint32_t raw, uint32_t raw_size)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    uint64_t table = img_section_at(&image, 0, IMG_SCN_NAME);
    uint64_t end = table + (uint64_t)SECTION * count;
    img_resize(&image, (size_t)(end > 0x100000 ? end : 0x100000));
    img_set(&image, IMG_SECTION_COUNT, count);
    img_set(&image, IMG_SIZE_OF_IMAGE, 0xFFFFF000);
    img_set(&image, IMG_SIZE_OF_HEADERS, end);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(image.bytes + img_section_at(&image, i, IMG_SCN_NAME), name, strlen(name) + 1);
        img_set_section(&image, i, IMG_SCN_VIRTUAL_SIZE, 0x1000);
        img_set_section(&image, i, IMG_SCN_RVA, 0x300000 + 0x1000 * i);
        img_set_section(&image, i, IMG_SCN_RAW_SIZE, raw_size);
        img_set_section(&image, i, IMG_SCN_RAW, raw);
        img_set_section(&image, i, IMG_SCN_CHARACTERISTICS, IMG_RX);
    }
    return image;
}

/* At 0x90000: a string table with one string up to the end of the file. */
static void put_string(img_image *image, uint32_t symbol_count)
{
    enum { TABLE = 0x90000 };
    uint32_t strings = TABLE + SYMBOL * symbol_count;
    img_set_u32(image, image->nt + 12, TABLE);
    img_set_u32(image, image->nt + 16, symbol_count);
    img_set_u32(image, strings, (uint32_t)image->size - strings);
    memset(image->bytes + strings + 4, 's', image->size - strings - 5);
    image->bytes[image->size - 1] = 0;
}

static img_image section_names_of_one_string(void)
{
    img_image image = with_sections(12000, "/4", 0, 0);
    put_string(&image, 0);
    return image;
}

static void symbols_of_one_long_name(img_image *image)
{
    enum { COUNT = 0x4000 };
    put_string(image, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        img_set_u32(image, 0x90000 + SYMBOL * (uint64_t)i + 4, 4);
}

/* ---- Certificates ---- */

static void put_certificates(img_image *image, uint32_t length)
{
    for (uint32_t at = RAW; at < RAW + 0x80000; at += 8)
        img_set_u32(image, at, length);
    img_set_directory_entry(image, PE_DIRECTORY_CERTIFICATE, RAW, 0x80000);
}

static void certificate_length_0(img_image *image)
{
    put_certificates(image, 0);
}

static void certificate_length_negative(img_image *image)
{
    put_certificates(image, 0xFFFFFFF8);
}

static void certificates_of_8(img_image *image)
{
    put_certificates(image, 8);
}

/* ---- Functions ---- */

/* Functions in the first half, all with the unwind information at `unwind`. */
static void put_functions(img_image *image, uint32_t unwind)
{
    for (uint32_t at = DATA; at + FUNCTION <= DATA + 0x80000; at += FUNCTION) {
        put32(image, at, at);
        put32(image, at + 4, at + 1);
        put32(image, at + 8, unwind);
    }
    set_directory(image, PE_DIRECTORY_EXCEPTION, 0x80000);
}

/* Unwind information whose parent is itself. */
static void unwind_chains_that_loop(img_image *image)
{
    enum { UNWIND = DATA + 0x90000 };
    put_functions(image, UNWIND);
    put32(image, UNWIND, 0x21);
    put32(image, UNWIND + 4, DATA);
    put32(image, UNWIND + 12, UNWIND);
}

static void unwind_codes_of_one_record(img_image *image)
{
    enum { UNWIND = DATA + 0x90000 };
    put_functions(image, UNWIND);
    put32(image, UNWIND, 0x00FF0001);
}

/* ---- TLS and debug data ---- */

static void put_tls(img_image *image, uint64_t index, uint64_t callbacks)
{
    img_set_u64(image, RAW + 16, index);
    img_set_u64(image, RAW + 24, callbacks);
    set_directory(image, PE_DIRECTORY_TLS, 40);
}

static void tls_callbacks_nowhere(img_image *image)
{
    put_tls(image, UINT64_MAX, 0xDEAD00000000);
}

/* The index variable, which a loader writes, is the name of the first DLL. */
static void imports_over_tls_index(img_image *image)
{
    enum { TABLE = DATA + 0x100, THUNKS = DATA + 0x200, NAME = DATA + 0x300 };
    put_tls(image, 0x400000 + NAME, 0);
    put32(image, TABLE, THUNKS);
    put32(image, TABLE + 12, NAME);
    put32(image, TABLE + 16, THUNKS);
    put32(image, THUNKS, NAME);
    fill(image, NAME, 8, 'k');
    img_set_directory_entry(image, PE_DIRECTORY_IMPORT, TABLE, 2 * DESCRIPTOR);
}

static void debug_entries_of_one_block(img_image *image)
{
    for (uint32_t at = DATA; at + DEBUG_ENTRY <= DATA + 0x80000; at += DEBUG_ENTRY) {
        put32(image, at + 12, PE_DEBUG_FPO);
        put32(image, at + 16, 0x7F000);
        put32(image, at + 20, DATA + 0x80000);
    }
    set_directory(image, PE_DIRECTORY_DEBUG, 0x80000);
}

/* ---- All of them ---- */

static void (*const changes[HOSTILE_COUNT])(img_image *) = {
    [HOSTILE_RESOURCES_THAT_LOOP] = resources_that_loop,
    [HOSTILE_RESOURCES_OF_ONE_LEAF] = resources_of_one_leaf,
    [HOSTILE_MESSAGES_OF_ONE_TEXT] = messages_of_one_text,
    [HOSTILE_RELOCATION_BLOCKS_OF_SIZE_0] = relocation_blocks_of_size_0,
    [HOSTILE_RELOCATION_BLOCKS_OF_SIZE_4] = relocation_blocks_of_size_4,
    [HOSTILE_RELOCATION_BLOCKS_THAT_WRAP] = relocation_blocks_that_wrap,
    [HOSTILE_RELOCATION_BLOCKS_OF_8] = relocation_blocks_of_8,
    [HOSTILE_EXPORTS_WITHOUT_END] = exports_without_end,
    [HOSTILE_EXPORTS_OF_ONE_LONG_NAME] = exports_of_one_long_name,
    [HOSTILE_IMPORTS_OF_ONE_TABLE] = imports_of_one_table,
    [HOSTILE_IMPORTS_OF_ONE_LONG_NAME] = imports_of_one_long_name,
    [HOSTILE_IMPORT_NAMES_WITHOUT_NUL] = import_names_without_nul,
    [HOSTILE_DELAY_IMPORTS_OF_ONE_TABLE] = delay_imports_of_one_table,
    [HOSTILE_SYMBOLS_OF_ONE_LONG_NAME] = symbols_of_one_long_name,
    [HOSTILE_CERTIFICATE_LENGTH_0] = certificate_length_0,
    [HOSTILE_CERTIFICATE_LENGTH_NEGATIVE] = certificate_length_negative,
    [HOSTILE_CERTIFICATES_OF_8] = certificates_of_8,
    [HOSTILE_UNWIND_CHAINS_THAT_LOOP] = unwind_chains_that_loop,
    [HOSTILE_UNWIND_CODES_OF_ONE_RECORD] = unwind_codes_of_one_record,
    [HOSTILE_TLS_CALLBACKS_NOWHERE] = tls_callbacks_nowhere,
    [HOSTILE_IMPORTS_OVER_TLS_INDEX] = imports_over_tls_index,
    [HOSTILE_DEBUG_ENTRIES_OF_ONE_BLOCK] = debug_entries_of_one_block,
};

img_image hostile_make(hostile_kind kind)
{
    if (kind == HOSTILE_SECTIONS_65535)
        return with_sections(MANY_SECTIONS, "many", 0, 0);
    if (kind == HOSTILE_SECTIONS_OF_THE_SAME_BYTES)
        return with_sections(12000, "same", 0x200, 0xFFE00);
    if (kind == HOSTILE_SECTION_NAMES_OF_ONE_STRING)
        return section_names_of_one_string();
    img_image image = of_zeros();
    changes[kind](&image);
    return image;
}
