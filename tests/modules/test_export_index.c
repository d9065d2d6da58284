/* Modules with many exports: an index by hash, which must find what ntdll's search would, also when
 * the tables are odd, hostile, or changed by the guest. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_environment.h"

enum { COUNT = 4000, NAME_COUNT = 24, NAMES = 32, MANY_SEARCHES = COUNT };

static char names[COUNT][16];

static void *at(const ldr_module *module, uint32_t rva)
{
    return (uint8_t *)ldr_module_base(module) + rva;
}

/* a.dll exports "f0000" to "f3999", number i at RVA 0x1000 + i with ordinal i + 1. */
static img_image many_exports(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "f%04d", i);
        img_add_export(&builder, names[i], (uint16_t)(i + 1), text + (uint32_t)i);
    }
    return img_finish(&builder);
}

static ldr_module *load_image(ldr_context *ctx, img_image *image)
{
    folder_write("a.dll", image->bytes, image->size);
    img_free(image);
    return folder_load(ctx, "a.dll");
}

/* The RVA of the name table. */
static uint32_t name_table(const ldr_module *module)
{
    pe_exports exports;
    cr_assert_eq(pe_exports_open(ldr_view_image(ldr_module_view(module)), &exports), PE_OK);
    return exports.names.value;
}

static uint64_t directory_field(const img_image *image, uint32_t field)
{
    uint32_t rva = img_get_u32(image, img_directory_at(image, PE_DIRECTORY_EXPORT));
    return img_offset_of(image, rva) + field;
}

static uint64_t name_entry(const img_image *image, uint32_t index)
{
    return img_offset_of(image, img_get_u32(image, directory_field(image, NAMES))) + 4 * index;
}

/* As the guest does it. */
static void make_writable(const ldr_module *module)
{
    void *base = ldr_module_base(module);
    cr_assert_eq(mprotect(base, ldr_module_size(module), PROT_READ | PROT_WRITE), 0);
}

/* So often that an index is made, if one is to be made. */
static void warm_up(ldr_module *module)
{
    for (int i = 0; i < MANY_SEARCHES; i++)
        ldr_symbol(module, names[i % COUNT]);
}

Test(export_index, every_name_is_found_before_and_after_the_index_is_made)
{
    img_image image = many_exports();
    ldr_context *ctx = fake_context();
    ldr_module *a = load_image(ctx, &image);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++)
            cr_assert_eq(ldr_symbol(a, names[i]), at(a, 0x1000 + (uint32_t)i), "%s", names[i]);
        cr_assert_null(ldr_symbol(a, "f4000"));
        cr_assert_null(ldr_symbol(a, "f000"));
        cr_assert_null(ldr_symbol(a, "f00000"));
        cr_assert_null(ldr_symbol(a, "F0000"));
        cr_assert_null(ldr_symbol(a, ""));
    }
    ldr_context_destroy(ctx);
}

Test(export_index, unsorted_table_hides_names_however_often_it_is_asked)
{
    img_image image = many_exports();
    /* The last name first: the search looks for it at the end. */
    uint32_t last = img_get_u32(&image, name_entry(&image, COUNT - 1));
    img_set_u32(&image, name_entry(&image, 0), last);
    img_set_u32(&image, name_entry(&image, COUNT - 1), last - 6);
    ldr_context *ctx = fake_context();
    ldr_module *a = load_image(ctx, &image);
    warm_up(a);
    cr_assert_null(ldr_symbol(a, "f3999"));
    cr_assert_eq(ldr_symbol(a, "f2000"), at(a, 0x1000 + 2000));
    ldr_context_destroy(ctx);
}

Test(export_index, of_equal_names_the_search_decides)
{
    img_image image = many_exports();
    uint32_t name = img_get_u32(&image, name_entry(&image, 2000));
    for (uint32_t i = 1990; i < 2010; i++)
        img_set_u32(&image, name_entry(&image, i), name);
    ldr_context *ctx = fake_context();
    ldr_module *a = load_image(ctx, &image);
    void *first = ldr_symbol(a, "f2000");
    cr_assert_not_null(first);
    warm_up(a);
    cr_assert_eq(ldr_symbol(a, "f2000"), first);
    ldr_context_destroy(ctx);
}

Test(export_index, renamed_export_is_found_by_its_new_name_only)
{
    img_image image = many_exports();
    ldr_context *ctx = fake_context();
    ldr_module *a = load_image(ctx, &image);
    warm_up(a);
    make_writable(a);
    uint32_t *table = at(a, name_table(a));
    strcpy(at(a, table[7]), "f0006x"); /* over the first letter of the next name, which is gone */
    cr_assert_null(ldr_symbol(a, "f0007"));
    cr_assert_eq(ldr_symbol(a, "f0006x"), at(a, 0x1007));
    cr_assert_null(ldr_symbol(a, "f0008"));
    cr_assert_eq(ldr_symbol(a, "f0009"), at(a, 0x1009));
    ldr_context_destroy(ctx);
}

Test(export_index, table_that_moves_is_followed)
{
    img_image image = many_exports();
    ldr_context *ctx = fake_context();
    ldr_module *a = load_image(ctx, &image);
    warm_up(a);
    make_writable(a);
    uint8_t *directory =
        at(a, pe_directory_at(ldr_view_image(ldr_module_view(a)), PE_DIRECTORY_EXPORT).rva.value);
    uint32_t count = 10, moved = name_table(a) + 4;
    memcpy(directory + NAME_COUNT, &count, sizeof(count));
    memcpy(directory + NAMES, &moved, sizeof(moved));
    cr_assert_eq(ldr_symbol(a, "f0001"), at(a, 0x1000), "names move, their slots do not");
    cr_assert_null(ldr_symbol(a, "f0000"));
    cr_assert_null(ldr_symbol(a, "f0011"));
    ldr_context_destroy(ctx);
}

Test(export_index, two_thousand_million_names_cost_a_search)
{
    img_image image = many_exports();
    img_set_u32(&image, directory_field(&image, NAME_COUNT), 0x80000000);
    ldr_context *ctx = fake_context();
    ldr_module *a = load_image(ctx, &image);
    for (int i = 0; i < MANY_SEARCHES; i++)
        cr_assert_null(ldr_symbol(a, "f0000"));
    ldr_context_destroy(ctx);
}

Test(export_index, names_of_a_megabyte_are_not_indexed, .timeout = 20)
{
    enum { LONG = 1 << 20, HEAD = 16 };
    static char name[LONG + 1];
    img_image image = many_exports();
    size_t end = image.size;
    /* A section for the name, behind the others. */
    img_free(&image);
    img_builder builder;
    memset(name, 'g', LONG);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    for (int i = 0; i < COUNT; i++)
        img_add_export(&builder, names[i], (uint16_t)(i + 1), text + (uint32_t)i);
    img_add_export(&builder, name, COUNT + 1, text);
    image = img_finish(&builder);
    cr_assert_gt(image.size, end);
    uint32_t long_name = img_get_u32(&image, name_entry(&image, COUNT));
    for (uint32_t i = 1000; i < COUNT; i++)
        img_set_u32(&image, name_entry(&image, i), long_name + HEAD * i);
    ldr_context *ctx = fake_context();
    ldr_module *a = load_image(ctx, &image);
    warm_up(a);
    cr_assert_eq(ldr_symbol(a, "f0500"), at(a, 0x1000 + 500));
    cr_assert_eq(ldr_symbol(a, name), at(a, 0x1000));
    ldr_context_destroy(ctx);
}

/* ---- Threads ---- */

static atomic_bool stop;
static ldr_module *asked;

static void *ask(void *argument)
{
    unsigned i = (unsigned)(uintptr_t)argument;
    while (!atomic_load(&stop)) {
        uint8_t *address = ldr_symbol(asked, names[i % COUNT]);
        if (address != NULL)
            cr_assert_lt((size_t)(address - (uint8_t *)ldr_module_base(asked)), UINT64_C(1) << 32);
        i += 17;
    }
    return NULL;
}

static void *change(void *argument)
{
    uint32_t *table = at(asked, name_table(asked));
    uint32_t random = 1;
    (void)argument;
    for (int i = 0; i < 300000; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t at_random = (random >> 8) % COUNT;
        ((volatile uint32_t *)table)[at_random] = random % 3 == 0 ? random : table[random % COUNT];
    }
    return NULL;
}

Test(export_index, tables_that_change_while_they_are_read_do_no_harm, .timeout = 60)
{
    enum { ASKING = 3 };
    pthread_t asking[ASKING], changing;
    img_image image = many_exports();
    ldr_context *ctx = fake_context();
    asked = load_image(ctx, &image);
    make_writable(asked);
    for (uintptr_t i = 0; i < ASKING; i++)
        pthread_create(&asking[i], NULL, ask, (void *)i);
    pthread_create(&changing, NULL, change, NULL);
    pthread_join(changing, NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < ASKING; i++)
        pthread_join(asking[i], NULL);
    ldr_context_destroy(ctx);
}

static void *ask_once(void *argument)
{
    (void)argument;
    return ldr_symbol(asked, "fn");
}

static void *found_meanwhile;

static void ask_from_another_thread(ldr_module *module, uint32_t reason)
{
    pthread_t other;
    (void)module;
    if (reason != LDR__PROCESS_ATTACH)
        return;
    pthread_create(&other, NULL, ask_once, NULL);
    pthread_join(other, &found_meanwhile);
}

Test(export_index, lookup_does_not_wait_for_a_running_dllmain, .timeout = 20)
{
    folder_dll("a", "");
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    asked = folder_load(ctx, "a.dll");
    fake_on_call(ask_from_another_thread);
    folder_load(ctx, "b.dll");
    fake_on_call(NULL);
    cr_assert_eq(found_meanwhile, at(asked, 0x1000));
    ldr_context_destroy(ctx);
}

Test(export_index, forwarder_to_what_is_there_does_not_wait_for_a_running_dllmain, .timeout = 20)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_forwarder(&builder, "fn", 1, "c.fn");
    folder_image("a", &builder);
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    asked = folder_load(ctx, "a.dll");
    ldr_module *c = folder_load(ctx, "c.dll");
    fake_on_call(ask_from_another_thread);
    folder_load(ctx, "b.dll");
    fake_on_call(NULL);
    cr_assert_eq(found_meanwhile, at(c, 0x1000));
    ldr_unload(c);
    cr_assert_eq(ldr_module_find(ctx, "c.dll"), c, "a needs it now");
    ldr_context_destroy(ctx);
}

/* ---- Reasons ---- */

static ldr_status why_not(ldr_module *module, const char *name, uint32_t ordinal, ldr_diag *diag)
{
    void *address = &stop;
    ldr_status status = ldr_symbol_find(module, name, ordinal, &address, diag);
    cr_assert_eq(address, &stop, "the output is untouched on failure");
    return status;
}

Test(export_index, failure_says_what_was_not_found)
{
    folder_dll("a", "");
    img_image plain = img_plain(IMG_PE32_PLUS);
    folder_write("plain.exe", plain.bytes, plain.size);
    img_free(&plain);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    ldr_diag diag;
    void *address;
    cr_assert_eq(ldr_symbol_find(a, "fn", 0, &address, &diag), LDR_OK);
    cr_assert_eq(address, at(a, 0x1000));
    cr_assert_eq(ldr_symbol_find(a, NULL, 2, &address, NULL), LDR_OK);
    cr_assert_eq(address, at(a, 0x2000));
    cr_assert_eq(why_not(a, "none", 0, &diag), LDR_EXPORT_NOT_FOUND);
    cr_assert_eq(diag.why.nt_status, PE_NT_ENTRYPOINT_NOT_FOUND);
    cr_assert_str_eq(diag.subject, "a.dll!none");
    cr_assert_eq(why_not(a, NULL, 9, &diag), LDR_EXPORT_NOT_FOUND);
    cr_assert_eq(diag.why.nt_status, PE_NT_ORDINAL_NOT_FOUND);
    cr_assert_str_eq(diag.subject, "a.dll!#9");
    cr_assert_eq(why_not(folder_load(ctx, "plain.exe"), "fn", 0, &diag), LDR_EXPORT_NOT_FOUND);
    cr_assert_eq(why_not(NULL, "fn", 0, &diag), LDR_INVALID_ARGUMENT);
    ldr_context_destroy(ctx);
}
