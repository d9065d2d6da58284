/* DLLs from files and from memory, beside those of the system's loader. */
#include "native.h"
#include "support/image_builder.h"

#include <stdlib.h>
#include <windows.h>

typedef int (*int_function)(void);
typedef uint32_t (*crc32_function)(uint32_t crc, const void *bytes, uint32_t size);
typedef int (*compress_function)(void *to, unsigned long *size, const void *from,
                                 unsigned long from_size);

static int call(ldr_module *module, const char *name)
{
    int_function function = (int_function)(uintptr_t)ldr_symbol(module, name);
    CHECK(function != NULL);
    return function != NULL ? function() : -1;
}

static void dll_from_a_file_is_called(void)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = load_guest(ctx, "counter.dll");
    CHECK(module != NULL);
    if (module != NULL) {
        CHECK(call(module, "count") == 1);
        CHECK(call(module, "count") == 2);
        CHECK(call(module, "count_of_thread") == 1001);
    }
    ldr_unload(module);
    ldr_context_destroy(ctx);
}

static void one_dll_twice_has_two_sets_of_data(void)
{
    ldr_context *first = guest_context(), *second = guest_context();
    ldr_module *one = load_guest_from_memory(first, "counter.dll");
    ldr_module *other = load_guest_from_memory(second, "counter.dll");
    CHECK(one != NULL && other != NULL);
    if (one != NULL && other != NULL) {
        CHECK(call(one, "count") == 1);
        CHECK(call(one, "count") == 2);
        CHECK(call(other, "count") == 1);
        CHECK(call(one, "count_of_thread") == 1001);
        CHECK(call(other, "count_of_thread") == 1001);
    }
    ldr_context_destroy(second);
    ldr_context_destroy(first);
}

static uint32_t use_zlib(crc32_function crc32, compress_function compress,
                         compress_function uncompress)
{
    unsigned char text[4096], small[8192], back[4096];
    unsigned long small_size = sizeof small, back_size = sizeof back;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(i * i >> 5);
    CHECK(compress(small, &small_size, text, sizeof text) == 0);
    CHECK(uncompress(back, &back_size, small, small_size) == 0);
    CHECK(back_size == sizeof text && memcmp(back, text, sizeof text) == 0);
    return crc32(0, "123456789", 9) ^ crc32(0, small, (uint32_t)small_size);
}

static uint32_t use_module(ldr_module *zlib)
{
    return use_zlib((crc32_function)(uintptr_t)ldr_symbol(zlib, "crc32"),
                    (compress_function)(uintptr_t)ldr_symbol(zlib, "compress"),
                    (compress_function)(uintptr_t)ldr_symbol(zlib, "uncompress"));
}

static void zlib_does_what_it_does_for_the_system(void)
{
    if (!has_guest("zlib_copy.dll"))
        return;
    HMODULE theirs = LoadLibraryA(guest_path("zlib_copy.dll"));
    REQUIRE(theirs != NULL);
    uint32_t expected =
        use_zlib((crc32_function)(uintptr_t)GetProcAddress(theirs, "crc32"),
                 (compress_function)(uintptr_t)GetProcAddress(theirs, "compress"),
                 (compress_function)(uintptr_t)GetProcAddress(theirs, "uncompress"));
    ldr_context *ctx = guest_context(), *other = guest_context();
    ldr_module *from_file = load_guest(ctx, "zlib_copy.dll");
    ldr_module *from_memory = load_guest_from_memory(other, "zlib_copy.dll");
    CHECK(from_file != NULL && use_module(from_file) == expected);
    CHECK(from_memory != NULL && use_module(from_memory) == expected);
    CHECK(from_file == NULL || ldr_module_base(from_file) != (void *)theirs);
    ldr_context_destroy(other);
    ldr_context_destroy(ctx);
    FreeLibrary(theirs);
}

static void system_dlls_are_those_of_the_process(void)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = NULL;
    CHECK(ldr_load_name(ctx, "kernel32", NULL, &module, NULL) == LDR_OK);
    CHECK(module != NULL && ldr_module_base(module) == (void *)GetModuleHandleA("kernel32"));
    CHECK(module != NULL && ldr_module_view(module) == NULL && ldr_module_size(module) != 0);
    CHECK(module != NULL &&
          ldr_symbol(module, "GetTickCount") ==
              (void *)(uintptr_t)GetProcAddress(GetModuleHandleA("kernel32"), "GetTickCount"));
    CHECK(module != NULL && ldr_symbol(module, "NoSuchFunction") == NULL);
    ldr_context_destroy(ctx);
}

/* A DLL without relocations, of which there is nothing but a section of code. */
static img_image make_fixed(void)
{
    static const uint8_t code[] = {0xB8, 1, 0, 0, 0, 0xC3}; /* mov eax, 1; ret: DllMain */
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.image_base = UINT64_C(0x2A0000000);
    builder.characteristics |= PE_FILE_DLL | PE_FILE_RELOCS_STRIPPED;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, code, sizeof code, 0);
    return img_finish(&builder);
}

static void fixed_dll_is_refused_where_its_base_is_taken(void)
{
    img_image image = make_fixed();
    ldr_context *ctx = guest_context(), *other = guest_context();
    ldr_module *first = NULL, *second = NULL;
    ldr_diag diag = {0};
    CHECK(ldr_load_memory(ctx, "fixed.dll", image.bytes, image.size, NULL, &first, &diag) ==
          LDR_OK);
    CHECK(ldr_load_memory(other, "fixed.dll", image.bytes, image.size, NULL, &second, &diag) ==
          LDR_NOT_RELOCATABLE);
    CHECK(diag.why.nt_status == PE_NT_CONFLICTING_ADDRESSES);
    ldr_unload(first);
    CHECK(ldr_load_memory(other, "fixed.dll", image.bytes, image.size, NULL, &second, &diag) ==
          LDR_OK);
    ldr_context_destroy(other);
    ldr_context_destroy(ctx);
    img_free(&image);
}

const check_test tests_of_loading[] = {
    {"dll_from_a_file_is_called", dll_from_a_file_is_called},
    {"fixed_dll_is_refused_where_its_base_is_taken", fixed_dll_is_refused_where_its_base_is_taken},
    {"one_dll_twice_has_two_sets_of_data", one_dll_twice_has_two_sets_of_data},
    {"zlib_does_what_it_does_for_the_system", zlib_does_what_it_does_for_the_system},
    {"system_dlls_are_those_of_the_process", system_dlls_are_those_of_the_process},
    {NULL, NULL},
};
