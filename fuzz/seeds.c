#include "seeds.h"

/* A version with one string, and a translation. */
static const uint16_t version[] = {
    0xB8, 0,   1,    'V', 'S',  '_', 'V',  'E', 'R', 'S', 'I',   'O',   'N', '_', 'I', 'N',
    'F',  'O', 0,    0,   0x4C, 0,   1,    'S', 't', 'r', 'i',   'n',   'g', 'F', 'i', 'l',
    'e',  'I', 'n',  'f', 'o',  0,   0x28, 0,   1,   '0', '4',   '0',   '9', '0', '4', 'B',
    '0',  0,   0x10, 2,   1,    'K', 0,    0,   'v', 0,   0x44,  0,     1,   'V', 'a', 'r',
    'F',  'i', 'l',  'e', 'I',  'n', 'f',  'o', 0,   0,   0x24,  4,     0,   'T', 'r', 'a',
    'n',  's', 'l',  'a', 't',  'i', 'o',  'n', 0,   0,   0x409, 0x4B0,
};

static const uint16_t icons[] = {0, 1, 1, 0x2020, 0, 1, 32, 16, 0, 1};
static const uint16_t strings[16] = {2, 'h', 'i'};
/* One block, message 5, in UTF-16. */
static const uint16_t messages[] = {1, 0, 5, 0, 5, 0, 16, 0, 12, 1, 'm', 's', 'g', 0};

static void add_resources(img_builder *builder)
{
    img_name one = {NULL, 1};
    img_add_resource(builder, (img_name){"CONFIG", 0}, (img_name){"MAIN", 0}, 0x409, "data", 4);
    img_add_resource(builder, (img_name){NULL, PE_RT_STRING}, one, 0x409, strings, sizeof strings);
    img_add_resource(builder, (img_name){NULL, PE_RT_STRING}, one, 0x407, strings, sizeof strings);
    img_add_resource(builder, (img_name){NULL, PE_RT_MESSAGETABLE}, one, 0x409, messages,
                     sizeof messages);
    img_add_resource(builder, (img_name){NULL, PE_RT_GROUP_ICON}, one, 0x409, icons, sizeof icons);
    img_add_resource(builder, (img_name){NULL, PE_RT_VERSION}, one, 0x409, version, sizeof version);
    img_add_resource(builder, (img_name){NULL, PE_RT_MANIFEST}, one, 0x409, "<assembly/>", 11);
}

/* Every table that the parser knows. */
static img_image with_everything(img_kind kind)
{
    static const uint8_t code[16] = {0xC3};
    img_builder builder;
    img_start(&builder, kind);
    builder.header_size = 0x400;
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, code, sizeof code, 0);
    uint32_t data = img_add_section(&builder, ".data", IMG_RW, NULL, 64, 64);
    img_put_pointer(&builder, data, text);
    img_put_pointer(&builder, data + 16, data);
    img_add_tls(&builder, "template", 8, 24, &text, 1);
    img_add_export(&builder, "alpha", 3, text);
    img_add_export(&builder, "beta", 4, data);
    img_add_forwarder(&builder, "gamma", 6, "other.delta");
    img_add_export(&builder, NULL, 8, text);
    img_add_import(&builder, "kernel32.dll", "ExitProcess");
    img_add_import_ordinal(&builder, "kernel32.dll", 7);
    img_add_import(&builder, "msvcrt.dll", "strlen");
    add_resources(&builder);
    return img_finish(&builder);
}

/* Functions with unwind information: a chain, a handler, an indirect entry. */
static img_image with_exceptions(void)
{
    static const uint32_t functions[] = {0x1000, 0x1010, 0x2040, 0x1010, 0x1020,
                                         0x2060, 0x1020, 0x1030, 0x2001};
    static const uint8_t primary[] = {0x19, 8, 4, 0x25, 8, 0xF2, 6, 0x34, 3, 0, 1, 0x30, 0, 0x10};
    static const uint8_t chained[] = {0x22, 4,  4, 0, 4,  0x16, 0, 0x06, 4,    0x11, 0, 1,
                                      0,    16, 0, 0, 16, 16,   0, 0,    0x40, 0x20, 0, 0};
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x30, 0);
    uint32_t pdata = img_add_section(&builder, ".pdata", IMG_RO, NULL, 0x100, 0);
    img_put(&builder, pdata, functions, sizeof functions);
    img_put(&builder, pdata + 0x40, primary, sizeof primary);
    img_put(&builder, pdata + 0x60, chained, sizeof chained);
    img_set_directory(&builder, PE_DIRECTORY_EXCEPTION, pdata, sizeof functions);
    return img_finish(&builder);
}

/* Functions of ARM64 or ARM: packed, with an epilog, with a second word of counts and a handler. */
static img_image with_arm_exceptions(bool is_64)
{
    static const uint32_t functions[] = {0x1000, 0x2040, 0x1010, 0x2060, 0x1020, 0x01F7F0C5};
    static const uint32_t of_arm64[] = {0x10400004, 0x00C00003,       0xC8E481E1,
                                        0xE4810221, [8] = 0x00100004, 0x00020000,
                                        0x81E52202, 0xE4C014E7,       0x00001000};
    static const uint32_t of_arm[] = {0x20800008, 0x00E00006,       0xFFD7F702,
                                      0xFFFFFF01, [8] = 0x00100008, 0x00020000,
                                      0x13F50FA0, 0xFFFFFF04,       0x00001000};
    img_builder builder;
    img_start(&builder, is_64 ? IMG_PE32_PLUS : IMG_PE32);
    builder.machine = is_64 ? PE_MACHINE_ARM64 : PE_MACHINE_ARMNT;
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x30, 0);
    uint32_t pdata = img_add_section(&builder, ".pdata", IMG_RO, NULL, 0x100, 0);
    img_put(&builder, pdata, functions, sizeof functions);
    if (is_64)
        img_put(&builder, pdata + 0x40, of_arm64, sizeof of_arm64);
    else
        img_put(&builder, pdata + 0x40, of_arm, sizeof of_arm);
    img_set_directory(&builder, PE_DIRECTORY_EXCEPTION, pdata, sizeof functions);
    return img_finish(&builder);
}

/* A load configuration with a table of CF functions, one metadata byte each. */
static img_image with_load_config(void)
{
    static const uint8_t table[] = {0, 16, 0, 0, 1, 8, 16, 0, 0, 0};
    static const uint32_t size = 328, guard_flags = 0x10000500;
    static const uint64_t count = 2;
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x30, 0);
    uint32_t data = img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x200, 0);
    img_put(&builder, data, &size, sizeof size);
    img_put_pointer(&builder, data + 128, data + 0x180);
    img_put(&builder, data + 136, &count, sizeof count);
    img_put(&builder, data + 144, &guard_flags, sizeof guard_flags);
    img_put(&builder, data + 0x180, table, sizeof table);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, data, size);
    return img_finish(&builder);
}

/* A CLR header with one vtable fixup, and metadata with tables. */
static img_image with_clr(void)
{
    static const uint32_t header[18] = {72,         0x00050002,    0x1080, 0x60,   1,
                                        0x06000001, [12] = 0x1060, 8,      0x1070, 8};
    static const uint32_t vtable[] = {0x1070, 0x00050001, 0, 0, 0x06000002};
    static const uint8_t metadata[] = {
        'B', 'S', 'J', 'B', 1,  0, 1, 0, 0,   0,   0, 0, 4, 0, 0, 0, 'v', '4', 0, 0, 0, 0, 1, 0,
        40,  0,   0,   0,   36, 0, 0, 0, '#', '~', 0, 0, 0, 0, 0, 0, 0,   0,   0, 0, 2, 0, 0, 1,
        5,   0,   0,   0,   0,  0, 0, 0, 0,   0,   0, 0, 0, 0, 0, 0, 1,   0,   0, 0, 2, 0, 0, 0};
    img_builder builder;
    img_start(&builder, IMG_PE32);
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_put(&builder, text, header, sizeof header);
    img_put(&builder, text + 0x60, vtable, sizeof vtable);
    img_put(&builder, text + 0x80, metadata, sizeof metadata);
    img_set_directory(&builder, PE_DIRECTORY_CLR, text, 72);
    return img_finish(&builder);
}

/* Blocks: an import call, and ARM64X records (a value, a delta, zeros). */
static const uint32_t import_call[] = {0x1000, 12, 0x7004};
static const uint32_t arm64x[] = {0x1000, 20, 0x56789010, 0x60181234, 0x80200002};
/* One function with one replacement, one place that calls it, and a diagram of one node. */
static const uint32_t override[] = {32, 0x1000,     0, 4, 12,         0x1010, 0x1000,
                                    12, 0x10081004, 1, 8, 0x00010000, 5};

/* An entry of version 1. Returns where the next one goes. */
static uint32_t put_dynamic(img_builder *builder, uint32_t at, uint32_t symbol,
                            const uint32_t *fixups, uint32_t size)
{
    uint32_t wide = builder->is_64 ? 4 : 0;
    img_put(builder, at, &symbol, sizeof symbol);
    img_put(builder, at + 4 + wide, &size, sizeof size);
    img_put(builder, at + 8 + wide, fixups, size);
    return at + 8 + wide + size;
}

static void put_dynamic_table(img_builder *builder, uint32_t at)
{
    uint32_t end = put_dynamic(builder, at + 8, 3, import_call, sizeof import_call);
    end = put_dynamic(builder, end, 6, arm64x, sizeof arm64x);
    end = put_dynamic(builder, end, 7, override, sizeof override);
    uint32_t header[] = {1, end - at - 8};
    img_put(builder, at, header, sizeof header);
}

/* A load configuration whose pointers all lead somewhere. */
static img_image with_config_pointers(img_kind kind)
{
    static const uint32_t size = 328, volatiles[] = {24, 0x80038003, 0x2600, 4, 0x2610, 8};
    static const uint32_t chpe[20] = {1, 0x2620, 1, 0x2628, 0x2634, [12] = 1, 1};
    static const uint32_t enclave[20] = {80, 76, 1, 1, 0x2700, 80};
    static const uint32_t import[20] = {1, [18] = 0x2780};
    bool is_64 = kind == IMG_PE32_PLUS;
    img_builder builder;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x30, 0);
    uint32_t data = img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x800, 0);
    img_put(&builder, data, &size, sizeof size);
    img_put_pointer(&builder, data + (is_64 ? 192 : 120), data + 0x200);
    img_put_pointer(&builder, data + (is_64 ? 200 : 124), data + 0x400);
    img_put_pointer(&builder, data + (is_64 ? 248 : 156), data + 0x500);
    img_put_pointer(&builder, data + (is_64 ? 256 : 160), data + 0x580);
    put_dynamic_table(&builder, data + 0x200);
    img_put(&builder, data + 0x400, chpe, sizeof chpe);
    img_put(&builder, data + 0x500, enclave, sizeof enclave);
    img_put(&builder, data + 0x580, volatiles, sizeof volatiles);
    img_put(&builder, data + 0x700, import, sizeof import);
    img_put(&builder, data + 0x780, "a.dll", 6);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, data, size);
    return img_finish(&builder);
}

/* Gaps between sections, one section without access, one that is zero fill only. */
static img_image with_gaps(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.section_alignment = 0x4000;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, "\xC3", 1, 0);
    img_add_section(&builder, ".none", 0, "hidden", 6, 0);
    img_add_section(&builder, ".bss", IMG_RW, NULL, 0, 0x2000);
    img_add_export(&builder, "start", 1, text);
    return img_finish(&builder);
}

img_image seed_make(size_t index)
{
    switch (index) {
    case 0:
        return with_everything(IMG_PE32);
    case 1:
        return with_everything(IMG_PE32_PLUS);
    case 2:
        return with_everything(IMG_FLAT_PE32);
    case 3:
        return with_everything(IMG_FLAT_PE32_PLUS);
    case 4:
        return with_gaps();
    case 5:
        return with_exceptions();
    case 6:
        return with_load_config();
    case 7:
        return with_clr();
    case 8:
        return with_config_pointers(IMG_PE32);
    case 9:
        return with_config_pointers(IMG_PE32_PLUS);
    case 10:
        return with_arm_exceptions(true);
    case 11:
        return with_arm_exceptions(false);
    default:
        return img_plain(IMG_PE32);
    }
}
