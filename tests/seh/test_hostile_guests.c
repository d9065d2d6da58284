/* Real guests whose unwind data lies: their exceptions end at the call, and nothing crashes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/traced.h"
#include "win32/seh/seh.h"

enum { CODE = 0xE0000001, EXCEPTION_DIRECTORY = 112 + 8 * PE_DIRECTORY_EXCEPTION };

typedef struct file_bytes {
    uint8_t *data;
    size_t size;
    pe_image image;
} file_bytes;

/* Reads try.dll, or skips the test where it could not be built. */
static file_bytes read_guest(void)
{
    file_bytes file = {.data = malloc(1 << 20)};
    FILE *stream = fopen(PELOAD_GUESTS "/try.dll", "rb");
    if (stream == NULL) {
        free(file.data);
        cr_skip_test("try.dll was not built: its compiler is missing");
    }
    file.size = fread(file.data, 1, 1 << 20, stream);
    fclose(stream);
    pe_span bytes = {file.data, file.size};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &file.image, NULL), PE_OK);
    return file;
}

/* Raises an exception in the guest, which may or may not be handled there, and releases the file.
 */
static void raise_in(file_bytes *file)
{
    ldr_context *context;
    ldr_module *module;
    ldr_diag diag;
    uint64_t result = CODE;
    uint32_t exception = CODE;
    cr_assert_eq(ldr_context_create(traced_options(), &context), LDR_OK);
    cr_assert_eq(ldr_load_memory(context, "try.dll", file->data, file->size, NULL, &module, &diag),
                 LDR_OK);
    ldr__seh_call(ldr_symbol(module, "seh_except"), (void *)(uintptr_t)CODE, 0, NULL, &result,
                  &exception);
    cr_assert(result == CODE && exception == CODE);
    ldr_unload(module);
    ldr_context_destroy(context);
    free(file->data);
}

Test(hostile_guests, exception_directory_anywhere_does_not_crash)
{
    static const uint32_t directories[][2] = {
        {0, 0}, {0, 0xFFFFFFFF}, {0xFFFFFFF0, 0xFFFFFFFF}, {0x7FFFFFFF, 0x1000}, {0x40, 0x3C0},
    };
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        file_bytes file = read_guest();
        memcpy(file.data + file.image.optional.offset.value + EXCEPTION_DIRECTORY, directories[i],
               8);
        raise_in(&file);
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Overwrites bytes of the function table or, through it, of unwind information. */
static void damage(file_bytes *file, uint32_t *random)
{
    pe_directory directory = pe_directory_at(&file->image, PE_DIRECTORY_EXCEPTION);
    uint32_t line = next_random(random) % (directory.size / 12) * 12, unwind;
    pe_rva rva = {directory.rva.value + line};
    cr_assert_eq(pe_read_u32(&file->image, (pe_rva){rva.value + 8}, &unwind), PE_OK);
    if (next_random(random) % 2 == 0)
        rva.value = unwind;
    pe_span bytes = pe_tail(&file->image, rva);
    uint64_t at = (uint64_t)(bytes.data - file->data) + next_random(random) % 12;
    if (at < file->size)
        file->data[at] = (uint8_t)next_random(random);
}

/* Unwinds every function of the table from a place inside it. Runs nothing: handlers may be lies.
 */
static void unwind_all(const file_bytes *file, uint32_t *random)
{
    uint64_t words[64] = {0};
    ldr__stack_range stack = {(uintptr_t)words, (uintptr_t)(words + 64)};
    ldr__unwind_source source = {0x40000000, &file->image};
    pe_directory directory = pe_directory_at(&file->image, PE_DIRECTORY_EXCEPTION);
    for (uint32_t line = 0; line + 12 <= directory.size; line += 12) {
        ldr__function function;
        ldr__unwound unwound;
        CONTEXT context = {0};
        cr_assert(ldr__unwind_read_function(&source, directory.rva.value + line, &function));
        for (uint32_t i = 0; i < 16; i++)
            context.gpr[i] = (uintptr_t)&words[next_random(random) % 64];
        context.rip = source.base + function.begin + next_random(random) % 64;
        if (ldr__virtual_unwind(&source, &function, UNW_FLAG_EHANDLER, stack, &context, NULL,
                                &unwound) &&
            unwound.handler != 0)
            cr_assert_leq(unwound.handler, source.base + UINT32_MAX);
    }
}

Test(hostile_guests, damaged_unwind_data_does_not_crash)
{
    uint32_t random = 7;
    for (int round = 0; round < 100; round++) {
        file_bytes file = read_guest();
        for (int i = 0; i < 40; i++)
            damage(&file, &random);
        unwind_all(&file, &random);
        free(file.data);
    }
}
