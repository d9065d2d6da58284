/* Unwind data that lies: refused, without a crash and without going round. */
#include "frame.h"

#include "support/image_builder.h"

static void refused(fake_frame *frame)
{
    cr_assert_not(frame_unwind(frame, 8));
}

Test(hostile, version_0_and_3_to_7_are_refused)
{
    for (uint8_t version = 0; version < 8; version++) {
        fake_frame frame;
        frame_start(&frame, 0, 0);
        frame.memory[INFO] = version;
        cr_assert_eq(frame_unwind(&frame, 8), version == 1 || version == 2);
    }
}

Test(hostile, unknown_operations_are_refused)
{
    for (uint32_t operation = PUSH_MACHFRAME + 1; operation < 16; operation++) {
        fake_frame frame;
        frame_start(&frame, 0, 0);
        frame_code(&frame, 0, operation, 0);
        refused(&frame);
    }
}

Test(hostile, alloc_large_of_an_unknown_form_is_refused)
{
    fake_frame frame;
    frame_start(&frame, 0, 0);
    frame_code(&frame, 0, ALLOC_LARGE, 2);
    frame_slot(&frame, 0);
    refused(&frame);
}

Test(hostile, last_code_without_its_slots_is_refused)
{
    fake_frame frame;
    frame_start(&frame, 0, 0);
    frame_code(&frame, 0, SAVE_NONVOL_FAR, RBX);
    frame_slot(&frame, 0);
    refused(&frame);
}

Test(hostile, chain_to_itself_is_refused)
{
    fake_frame frame;
    frame_start(&frame, UNW_FLAG_CHAININFO, 0);
    frame_after_codes(&frame, (uint32_t[]){FUNCTION, FUNCTION + 8, INFO}, 3);
    refused(&frame);
}

Test(hostile, registers_outside_the_stack_are_refused)
{
    fake_frame frame;
    frame_start(&frame, 0, 0);
    frame_code(&frame, 0, SAVE_NONVOL, RBX);
    frame_slot(&frame, STACK);
    refused(&frame);

    frame_start(&frame, 0, 0);
    frame_code(&frame, 0, ALLOC_LARGE, 1);
    frame_slot(&frame, 0xFFFF);
    frame_slot(&frame, 0xFFFF);
    refused(&frame);

    frame_start(&frame, 0, 0);
    frame_register(&frame, RBP, 0);
    frame_code(&frame, 0, SET_FPREG, 0);
    frame.context.gpr[RBP] = UINT64_MAX - 3;
    refused(&frame);
}

Test(hostile, frame_at_the_very_end_of_the_stack_is_refused)
{
    fake_frame frame;
    frame_start(&frame, 0, 0);
    frame.context.gpr[RSP] = frame_at(&frame, STACK);
    refused(&frame);
}

/* ---- In an image: nothing outside of it is read ---- */

enum { BASE = 0x40000000, CODE = 0x1000, DATA = 0x2000 };

typedef struct fake_image {
    img_image file;
    pe_image pe;
    uint64_t stack[STACK];
    CONTEXT context;
} fake_image;

/* A function at CODE; `info` is at the end of .data, which is 0x200 bytes long in memory. */
static void image_start(fake_image *image, const uint8_t *info, size_t size)
{
    uint8_t data[0x1000] = {0};
    memcpy(data + sizeof data - size, info, size);
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    img_add_section(&builder, ".data", IMG_RO, data, sizeof data, sizeof data);
    image->file = img_finish(&builder);
    pe_span bytes = {image->file.bytes, image->file.size};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &image->pe, NULL), PE_OK);
    memset(&image->context, 0, sizeof image->context);
    image->context.rip = BASE + CODE + 0x10;
    image->context.gpr[RSP] = (uintptr_t)image->stack;
}

static bool image_unwind(fake_image *image, uint32_t unwind_rva)
{
    ldr__unwind_source source = {BASE, &image->pe};
    ldr__function function = {CODE, CODE + 0x100, unwind_rva};
    ldr__stack_range stack = {(uintptr_t)image->stack, (uintptr_t)(image->stack + STACK)};
    ldr__unwound unwound;
    bool done = ldr__virtual_unwind(&source, &function, UNW_FLAG_EHANDLER, stack, &image->context,
                                    NULL, &unwound);
    img_free(&image->file);
    return done;
}

Test(hostile, unwind_information_inside_the_image_is_read)
{
    fake_image image;
    image_start(&image, (uint8_t[]){1, 0, 0, 0}, 4);
    cr_assert(image_unwind(&image, DATA + 0x1000 - 4));
}

Test(hostile, unwind_information_outside_the_image_is_refused)
{
    static const uint32_t rvas[] = {DATA + 0x1000 - 3, DATA + 0x1000, 0x7FFFFFFF, 0xFFFFFFFF,
                                    0xFFFFFFFD};
    for (size_t i = 0; i < sizeof rvas / sizeof rvas[0]; i++) {
        fake_image image;
        image_start(&image, (uint8_t[]){1, 0, 0, 0}, 4);
        cr_assert_not(image_unwind(&image, rvas[i]), "case %zu", i);
    }
}

Test(hostile, codes_beyond_the_image_are_refused)
{
    fake_image image;
    image_start(&image, (uint8_t[]){1, 0, 255, 0}, 4);
    cr_assert_not(image_unwind(&image, DATA + 0x1000 - 4));
}

/* A function with that handler is unwound or not. */
static void image_of_handler(uint32_t handler, bool accepted)
{
    uint8_t info[8] = {1 | 1 << 3};
    memcpy(info + 4, &handler, 4);
    fake_image image;
    image_start(&image, info, sizeof info);
    cr_assert_eq(image_unwind(&image, DATA + 0x1000 - 8), accepted);
}

Test(hostile, handler_beyond_the_image_is_refused)
{
    fake_image image;
    image_start(&image, (uint8_t[]){1 | 1 << 3, 0, 0, 0}, 4);
    cr_assert_not(image_unwind(&image, DATA + 0x1000 - 4));
}

Test(hostile, handler_outside_the_image_is_refused)
{
    image_of_handler(0x3000, false);
    image_of_handler(0xFFFFFFFF, false);
    image_of_handler(CODE + 0x80, true);
}

Test(hostile, chain_beyond_the_image_is_refused)
{
    fake_image image;
    image_start(&image, (uint8_t[]){1 | UNW_FLAG_CHAININFO << 3, 0, 0, 0}, 4);
    cr_assert_not(image_unwind(&image, DATA + 0x1000 - 4));
}

Test(hostile, function_that_ends_with_its_section_has_no_epilog_beyond)
{
    fake_image image;
    image_start(&image, (uint8_t[]){1, 0, 0, 0}, 4);
    image.context.rip = BASE + CODE + 0xFFF;
    image.stack[0] = RETURN_ADDRESS;
    cr_assert(image_unwind(&image, DATA + 0x1000 - 4));
    cr_assert_eq(image.context.rip, RETURN_ADDRESS);
}

/* ---- At random ---- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

Test(hostile, random_unwind_information_leads_nowhere_else)
{
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        fake_frame frame;
        frame_start(&frame, 0, 0);
        for (uint32_t i = INFO; i < MEMORY - 0x80; i++)
            frame.memory[i] = (uint8_t)next_random(&random);
        uint8_t *info = &frame.memory[INFO];
        info[0] = (uint8_t)(1 + next_random(&random) % 2 + 8 * (next_random(&random) % 4));
        info[2] = (uint8_t)(next_random(&random) % 64);
        for (uint32_t i = 0; i < 16; i++)
            frame.context.gpr[i] = frame_at(&frame, next_random(&random) % STACK);
        if (!frame_unwind(&frame, next_random(&random) % FUNCTION_LENGTH))
            continue;
        cr_assert_leq(frame.unwound.handler, UINT32_MAX + (uint64_t)(uintptr_t)frame.memory);
    }
}
