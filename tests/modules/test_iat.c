/* Import address tables: what is written to them, where, and with which protection afterwards. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_environment.h"
#include "support/faulty_os.h"

enum { LOOKUP = 0, STAMP = 4, CHAIN = 8, NAME = 12, ADDRESS = 16 };

static void *at(const ldr_module *module, uint32_t rva)
{
    return (uint8_t *)ldr_module_base(module) + rva;
}

static void *value_at(const ldr_module *module, uint32_t rva)
{
    void *value;
    memcpy(&value, at(module, rva), sizeof(value));
    return value;
}

/* a.dll imports "fn" and "data" of b.dll; `builder` may add to it. */
static void start_importer(img_builder *builder)
{
    img_start(builder, IMG_PE32_PLUS);
    builder->characteristics |= PE_FILE_DLL;
    builder->entry_point = img_add_section(builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_import(builder, "b.dll", "fn");
    img_add_import(builder, "b.dll", "data");
}

static uint64_t descriptor_of(const img_image *image)
{
    return img_offset_of(image, img_get_u32(image, img_directory_at(image, PE_DIRECTORY_IMPORT)));
}

static void write_a(img_image *image)
{
    folder_write("a.dll", image->bytes, image->size);
    img_free(image);
}

static void expect_protect(const ldr_module *module, uint32_t rva, uint32_t protect)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(ldr_module_view(module), rva, &region), LDR_OK);
    cr_expect_eq(region.protect, protect, "at 0x%x: %s", rva, ldr_protect_name(region.protect));
}

/* The kernel's word for it. */
static bool is_writable(const void *address)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof(line), maps)) {
        unsigned long start, end;
        char rights[8];
        sscanf(line, "%lx-%lx %7s", &start, &end, rights);
        if ((uintptr_t)address >= start && (uintptr_t)address < end)
            found = rights[1] == 'w';
    }
    fclose(maps);
    return found;
}

/* Where the IAT of a.dll is moved to: the descriptor's FirstThunk becomes `rva`. */
static void move_iat(img_image *image, uint32_t rva)
{
    img_set_u32(image, descriptor_of(image) + ADDRESS, rva);
}

Test(iat, table_in_constant_pages_is_written_and_closed_again)
{
    img_builder builder;
    start_importer(&builder);
    uint32_t constants = img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x200, 0x1000);
    img_image image = img_finish(&builder);
    move_iat(&image, constants + 0x40);
    write_a(&image);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    cr_assert_eq(value_at(a, constants + 0x40), at(b, 0x1000));
    cr_assert_eq(value_at(a, constants + 0x48), at(b, 0x2000));
    expect_protect(a, constants, LDR_PAGE_READONLY);
    cr_assert_not(is_writable(at(a, constants)));
    ldr_context_destroy(ctx);
}

Test(iat, table_in_code_is_written_and_code_again_afterwards)
{
    img_builder builder;
    start_importer(&builder);
    uint32_t text = builder.entry_point;
    img_image image = img_finish(&builder);
    move_iat(&image, text + 0x100);
    write_a(&image);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    cr_assert_eq(value_at(a, text + 0x100), at(b, 0x1000));
    expect_protect(a, text, LDR_PAGE_EXECUTE_READ);
    cr_assert_not(is_writable(at(a, text)));
    ldr_context_destroy(ctx);
}

/* A slot may cross from constants to code: both have their rights back. */
Test(iat, table_that_spans_sections_is_written_and_both_are_closed)
{
    img_builder builder;
    start_importer(&builder);
    uint32_t constants = img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x1000, 0x1000);
    uint32_t code = img_add_section(&builder, ".more", IMG_RX, NULL, 0x1000, 0x1000);
    cr_assert_eq(code, constants + 0x1000);
    img_image image = img_finish(&builder);
    move_iat(&image, code - 12);
    write_a(&image);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    cr_assert_eq(value_at(a, code - 12), at(b, 0x1000));
    cr_assert_eq(value_at(a, code - 4), at(b, 0x2000));
    expect_protect(a, constants, LDR_PAGE_READONLY);
    expect_protect(a, code, LDR_PAGE_EXECUTE_READ);
    cr_assert_not(is_writable(at(a, constants)));
    cr_assert_not(is_writable(at(a, code)));
    ldr_context_destroy(ctx);
}

Test(iat, table_in_the_headers_is_written_and_they_are_closed_again)
{
    img_builder builder;
    start_importer(&builder);
    builder.header_size = 0x400;
    img_image image = img_finish(&builder);
    move_iat(&image, 0x3C0);
    write_a(&image);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    cr_assert_eq(value_at(a, 0x3C8), at(b, 0x2000));
    expect_protect(a, 0, LDR_PAGE_READONLY);
    ldr_context_destroy(ctx);
}

Test(iat, table_where_the_image_has_no_pages_is_refused)
{
    static const uint32_t places[] = {0x7FFFFFF0, 0xFFFFFFF8};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        img_builder builder;
        ldr_diag diag;
        ldr_module *module;
        start_importer(&builder);
        img_image image = img_finish(&builder);
        move_iat(&image, places[i]);
        write_a(&image);
        folder_dll("b", "");
        ldr_context *ctx = fake_context();
        ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, &diag);
        cr_expect_eq(status, LDR_IMAGE_REFUSED);
        cr_expect_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
        cr_expect_str_eq(diag.why.rule, "E2");
        cr_expect_eq(fake_modules(), 0);
        ldr_context_destroy(ctx);
    }
}

/* What is written over descriptors and names has been read by then. */
Test(iat, table_over_descriptors_and_names_is_bound_as_it_was)
{
    img_builder builder;
    start_importer(&builder);
    img_add_import(&builder, "c.dll", "fn");
    img_image image = img_finish(&builder);
    uint32_t directory = img_get_u32(&image, img_directory_at(&image, PE_DIRECTORY_IMPORT));
    move_iat(&image, directory + 16);
    write_a(&image);
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    cr_assert_eq(value_at(a, directory + 16), at(b, 0x1000));
    cr_assert_eq(value_at(a, directory + 24), at(b, 0x2000));
    cr_assert_not_null(ldr_module_find(ctx, "c.dll"));
    ldr_context_destroy(ctx);
}

static void expect_bound(ldr_context *ctx, const ldr_module *a)
{
    const pe_image *image = ldr_view_image(ldr_module_view(a));
    ldr_module *b = ldr_module_find(ctx, "b.dll");
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_imports(image, &dlls);
    cr_assert_eq(pe_import_next(&dlls, &dll), PE_OK);
    cr_assert_eq(value_at(a, dll.address_table.value), at(b, 0x1000));
    cr_assert_eq(value_at(a, dll.address_table.value + 8), at(b, 0x2000));
}

/* Old style: the stamp of the DLL; new style: -1, and directory 11 has it. */
Test(iat, bound_imports_are_resolved_all_the_same)
{
    static const uint32_t stamps[] = {0, 0x12345678, UINT32_MAX};
    for (size_t i = 0; i < sizeof(stamps) / sizeof(*stamps); i++) {
        img_builder builder;
        start_importer(&builder);
        img_image image = img_finish(&builder);
        uint64_t descriptor = descriptor_of(&image);
        uint64_t slots = img_offset_of(&image, img_get_u32(&image, descriptor + ADDRESS));
        img_set_u32(&image, descriptor + STAMP, stamps[i]);
        img_set_u32(&image, descriptor + CHAIN, UINT32_MAX);
        img_set_u64(&image, slots, 0x4010AB);
        img_set_u64(&image, slots + 8, 0x4010CD);
        write_a(&image);
        folder_dll("b", "");
        ldr_context *ctx = fake_context();
        expect_bound(ctx, folder_load(ctx, "a.dll"));
        ldr_context_destroy(ctx);
    }
}

Test(iat, broken_directory_of_bound_imports_does_not_matter)
{
    static const pe_directory places[] = {
        {{0x7FFFFFF0}, 8}, {{0x1FF0}, UINT32_MAX}, {{4}, 0}, {{0x1000}, 0x200}};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        img_builder builder;
        start_importer(&builder);
        img_image image = img_finish(&builder);
        img_set_directory_entry(&image, PE_DIRECTORY_BOUND_IMPORT, places[i].rva.value,
                                places[i].size);
        write_a(&image);
        folder_dll("b", "");
        ldr_context *ctx = fake_context();
        expect_bound(ctx, folder_load(ctx, "a.dll"));
        ldr_context_destroy(ctx);
    }
}

Test(iat, program_may_import_its_own_exports)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_export(&builder, "own", 1, builder.entry_point + 4);
    img_add_import(&builder, "prog.exe", "own");
    img_image image = img_finish(&builder);
    uint32_t slot = img_get_u32(&image, descriptor_of(&image) + ADDRESS);
    folder_write("prog.exe", image.bytes, image.size);
    img_free(&image);
    ldr_context *ctx = fake_context();
    ldr_module *program = folder_load(ctx, "prog.exe");
    cr_assert_eq(value_at(program, slot), at(program, 0x1004));
    ldr_context_destroy(ctx);
}

Test(iat, variables_are_imported_as_functions_are)
{
    img_builder builder;
    start_importer(&builder);
    folder_image("a", &builder);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    ldr_module *b = ldr_module_find(ctx, "b.dll");
    cr_assert_eq(value_at(b, 0x2000), at(b, 0x2000), "the variable itself, with its address in it");
    ldr_context_destroy(ctx);
}

static ldr_status why_not(const char *name, ldr_diag *ret_diag)
{
    ldr_module *module;
    ldr_context *ctx = fake_context();
    ldr_status status = ldr_load(ctx, folder_path(name), NULL, &module, ret_diag);
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
    return status;
}

Test(iat, import_of_a_missing_ordinal_is_ordinal_not_found)
{
    img_builder builder;
    ldr_diag diag;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import_ordinal(&builder, "b.dll", 99);
    folder_image("a", &builder);
    folder_dll("b", "");
    cr_assert_eq(why_not("a.dll", &diag), LDR_IMPORTS_MISSING);
    cr_assert_eq(diag.why.nt_status, PE_NT_ORDINAL_NOT_FOUND);
    cr_assert_str_eq(diag.subject, "b.dll!#99");
}

Test(iat, imports_of_a_dll_that_exports_nothing_are_invalid_image_format)
{
    img_builder builder;
    ldr_diag diag;
    folder_dll("a", "b");
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    folder_image("b", &builder);
    cr_assert_eq(why_not("a.dll", &diag), LDR_IMPORTS_MISSING);
    cr_assert_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
    cr_assert_str_eq(diag.subject, "b.dll!fn");
}

Test(iat, dll_with_ordinals_only_is_bound_by_them)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import_ordinal(&builder, "b.dll", 7);
    img_image image = img_finish(&builder);
    uint32_t slot = img_get_u32(&image, descriptor_of(&image) + ADDRESS);
    write_a(&image);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_export(&builder, NULL, 5, text);
    img_add_export(&builder, NULL, 7, text + 7);
    folder_image("b", &builder);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    cr_assert_eq(value_at(a, slot), at(b, text + 7));
    cr_assert_null(ldr_symbol(b, "x"));
    ldr_context_destroy(ctx);
}

/* A megabyte that all of 50,000 imports share as their name. */
Test(iat, imports_that_are_more_work_than_their_file_is_worth_are_refused, .timeout = 20)
{
    enum { LONG = 1 << 20, COUNT = 50000 };
    static char name[LONG + 1];
    img_builder builder;
    ldr_diag diag;
    memset(name, 'n', LONG);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "b.dll", name);
    for (int i = 1; i < COUNT; i++)
        img_add_import(&builder, "b.dll", "n");
    img_image image = img_finish(&builder);
    uint64_t lookup = img_offset_of(&image, img_get_u32(&image, descriptor_of(&image) + LOOKUP));
    uint32_t long_name = img_get_u32(&image, lookup);
    for (uint32_t i = 0; i < COUNT; i++)
        img_set_u64(&image, lookup + 8 * (uint64_t)i, long_name + i);
    write_a(&image);
    folder_dll("b", "");
    cr_assert_eq(why_not("a.dll", &diag), LDR_IMAGE_REFUSED);
    cr_assert_str_eq(diag.why.rule, "S3");
    cr_assert_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
}

Test(iat, one_name_of_a_megabyte_is_looked_for_and_told_in_part)
{
    enum { LONG = 1 << 20 };
    static char name[LONG + 1];
    img_builder builder;
    ldr_diag diag;
    memset(name, 'n', LONG);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "b.dll", name);
    folder_image("a", &builder);
    folder_dll("b", "");
    cr_assert_eq(why_not("a.dll", &diag), LDR_IMPORTS_MISSING);
    cr_assert_eq(diag.why.nt_status, PE_NT_ENTRYPOINT_NOT_FOUND);
    cr_assert_eq(strncmp(diag.subject, "b.dll!nnnn", 10), 0);
}

/* Whatever call fails while a table in constant pages is bound: none of them stays open. */
Test(iat, constant_pages_are_closed_whichever_call_fails)
{
    img_builder builder;
    start_importer(&builder);
    uint32_t constants = img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x2000, 0x2000);
    img_image image = img_finish(&builder);
    move_iat(&image, constants + 0xFF8);
    write_a(&image);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    bool failed = true;
    for (unsigned call = 0; failed; call++) {
        ldr_module *module = NULL;
        faulty_os_fail_at(call, false);
        ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, NULL);
        failed = faulty_os_stop() > call;
        if (status == LDR_OK) {
            cr_assert_not(is_writable(at(module, constants)), "call %u", call);
            cr_assert_not(is_writable(at(module, constants + 0x1000)), "call %u", call);
        }
        ldr_unload(module);
        cr_assert_eq(fake_modules(), 0);
    }
    ldr_context_destroy(ctx);
}
