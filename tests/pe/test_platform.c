/* Which machines' images the Windows of a platform takes (rules A18, A22, A23). */
#include "support/image_builder.h"

#include <criterion/criterion.h>

static img_image image_for(uint16_t machine, img_kind kind, uint16_t dll_characteristics)
{
    img_builder builder;
    img_start(&builder, kind);
    builder.machine = machine;
    builder.dll_characteristics = dll_characteristics;
    return img_finish(&builder);
}

/* The rule that refuses, "" if none does. */
static const char *judge(uint16_t machine, img_kind kind, uint16_t flags, pe_platform platform,
                         pe_profile profile)
{
    pe_diag diag = {0};
    img_image image = image_for(machine, kind, flags);
    pe_status status =
        pe_accept_on((pe_span){image.bytes, image.size}, image.size, profile, platform, &diag);
    img_free(&image);
    return status == PE_OK ? "" : diag.rule;
}

#define SAFE (PE_DLL_NX_COMPAT | PE_DLL_DYNAMIC_BASE)

Test(platform, machines_are_those_that_the_system_runs)
{
    static const struct {
        uint16_t machine;
        img_kind kind;
        const char *rule[3]; /* x64, ARM64, any */
    } rows[] = {
        {PE_MACHINE_I386, IMG_PE32, {"", "", ""}},
        {PE_MACHINE_AMD64, IMG_PE32_PLUS, {"", "", ""}},
        {PE_MACHINE_ARM64, IMG_PE32_PLUS, {"A18", "", ""}},
        {PE_MACHINE_ARMNT, IMG_PE32, {"A18", "", ""}},
        {PE_MACHINE_RISCV64, IMG_PE32_PLUS, {"A18", "A18", ""}},
        {PE_MACHINE_R4000, IMG_PE32, {"A18", "A18", ""}},
        {PE_MACHINE_ARM64, IMG_PE32, {"A18", "A18", "A18"}},
        {PE_MACHINE_ARMNT, IMG_PE32_PLUS, {"A18", "A18", "A18"}},
        {PE_MACHINE_I386, IMG_PE32_PLUS, {"A18", "A18", "A18"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int platform = 0; platform < 3; platform++)
            cr_expect_str_eq(
                judge(rows[i].machine, rows[i].kind, SAFE, (pe_platform)platform, PE_WIN10),
                rows[i].rule[platform], "row %zu, platform %d", i, platform);
    }
}

Test(platform, arm_images_need_their_flags_on_10)
{
    pe_platform arm = PE_PLATFORM_ARM64;
    cr_expect_str_eq(judge(PE_MACHINE_ARM64, IMG_PE32_PLUS, PE_DLL_NX_COMPAT, arm, PE_WIN10),
                     "A22");
    cr_expect_str_eq(judge(PE_MACHINE_ARMNT, IMG_PE32, PE_DLL_DYNAMIC_BASE, arm, PE_WIN10), "A22");
    cr_expect_str_eq(judge(PE_MACHINE_ARMNT, IMG_PE32, 0, arm, PE_WIN7), "");
    cr_expect_str_eq(judge(PE_MACHINE_AMD64, IMG_PE32_PLUS, 0, arm, PE_WIN10), "");
}

Test(platform, flat_image_of_another_machine_is_refused)
{
    pe_platform any = PE_PLATFORM_ANY;
    cr_expect_str_eq(judge(PE_MACHINE_ARM64, IMG_FLAT_PE32_PLUS, SAFE, any, PE_WIN10), "A23");
    cr_expect_str_eq(judge(PE_MACHINE_R4000, IMG_FLAT_PE32, 0, any, PE_WINXP), "A23");
    cr_expect_str_eq(judge(PE_MACHINE_I386, IMG_FLAT_PE32, 0, any, PE_WIN10), "");
}
