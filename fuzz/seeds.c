#include "seeds.h"

static void add_resources(img_builder *builder)
{
    img_name icon = {NULL, PE_RT_ICON};
    img_add_resource(builder, (img_name){"CONFIG", 0}, (img_name){"MAIN", 0}, 0x409, "data", 4);
    img_add_resource(builder, icon, (img_name){NULL, 1}, 0x409, "icon", 4);
    img_add_resource(builder, icon, (img_name){NULL, 1}, 0x407, "icon", 4);
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
    default:
        return img_plain(IMG_PE32);
    }
}
