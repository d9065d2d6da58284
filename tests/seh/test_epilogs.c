/* Functions that are returning: "x64 exception handling", Epilog code and Unwind procedure. */
#include "frame.h"

/* push rbx; push r12; sub rsp, 0x20, with a handler. */
static void start(fake_frame *frame)
{
    frame_start(frame, 3, 7);
    frame_code(frame, 7, ALLOC_SMALL, 3);
    frame_code(frame, 3, PUSH_NONVOL, R12);
    frame_code(frame, 1, PUSH_NONVOL, RBX);
    frame_after_codes(frame, (uint32_t[]){0x123}, 1);
    memcpy(frame->stack, (uint64_t[]){0, 0, 0, 0, 12, 3, RETURN_ADDRESS}, 56);
}

/* Unwinds from `offset` with rsp at `slot`; the epilog starts 0x20 bytes into the function. */
static void unwind_from(fake_frame *frame, const void *epilog, size_t size, uint32_t offset,
                        size_t slot)
{
    start(frame);
    frame_instructions(frame, 0x20, epilog, size);
    frame->context.gpr[RSP] = frame_at(frame, slot);
    frame->context.gpr[RBX] = frame->context.gpr[R12] = 1;
    cr_assert(frame_unwind(frame, 0x20 + offset));
}

Test(epilogs, each_position_does_the_rest)
{
    /* add rsp, 0x20; pop r12; pop rbx; ret */
    static const uint8_t code[] = {0x48, 0x83, 0xC4, 0x20, 0x41, 0x5C, 0x5B, 0xC3};
    static const struct {
        uint32_t offset;
        size_t slot;
        uint64_t r12, rbx;
    } cases[] = {{0, 0, 12, 3}, {4, 4, 12, 3}, {6, 5, 1, 3}, {7, 6, 1, 1}};
    for (size_t i = 0; i < 4; i++) {
        fake_frame frame;
        unwind_from(&frame, code, sizeof code, cases[i].offset, cases[i].slot);
        ASSERT_CALLER(frame, 7);
        cr_assert_eq(frame.context.gpr[R12], cases[i].r12);
        cr_assert_eq(frame.context.gpr[RBX], cases[i].rbx);
        cr_assert_eq(frame.unwound.handler, 0, "no handler for a function that is returning");
    }
}

Test(epilogs, every_way_to_leave_is_known)
{
    static const struct {
        const char *code;
        size_t size;
        bool leaves;
    } cases[] = {
        {"\xC3", 1, true},                             /* ret */
        {"\xC2\x08\x00", 3, true},                     /* ret 8 */
        {"\xF3\xC3", 2, true},                         /* rep ret */
        {"\xE9\x00\x10\x00\x00", 5, true},             /* jmp out of the function */
        {"\xE9\xDB\xFF\xFF\xFF", 5, true},             /* jmp to its start */
        {"\xE9\x00\x00\x00\x00", 5, false},            /* jmp inside it */
        {"\xEB\x10", 2, false},                        /* jmp short, inside */
        {"\xFF\x25\x00\x00\x00\x00", 6, true},         /* jmp [rip] */
        {"\x48\xFF\xE0", 3, true},                     /* rex.w jmp rax */
        {"\xFF\xE0", 2, false},                        /* jmp rax: a switch */
        {"\x48\x81\xC4\x00\x00\x00\x00\xC3", 8, true}, /* add rsp, imm32; ret */
        {"\x48\x83\xC4\x00\x90\xC3", 6, false},        /* something in between */
        {"\x48\x8D\x65\x00\xC3", 5, false},            /* lea from no frame register */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_frame frame;
        unwind_from(&frame, cases[i].code, cases[i].size, 0, cases[i].leaves ? 6 : 0);
        ASSERT_CALLER(frame, 7);
        cr_assert_eq(frame.unwound.handler == 0, cases[i].leaves, "case %zu", i);
    }
}

Test(epilogs, frame_register_is_left_by_lea)
{
    static const struct {
        uint32_t reg;
        const char *code;
        size_t size;
        size_t register_slot;
    } cases[] = {
        {RBP, "\x48\x8D\x65\x10\x5B\xC3", 6, 3},             /* lea rsp, [rbp + 0x10] */
        {RBP, "\x48\x8D\xA5\x10\x00\x00\x00\x5B\xC3", 9, 3}, /* the same with 32 bits */
        {RBX, "\x48\x8D\x23\x5B\xC3", 5, 5},                 /* lea rsp, [rbx] */
        {R12, "\x49\x8D\x64\x24\x08\x5B\xC3", 7, 4},         /* lea rsp, [r12 + 8] */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_frame frame;
        start(&frame);
        frame_register(&frame, cases[i].reg, 0);
        frame_instructions(&frame, 0x20, cases[i].code, cases[i].size);
        frame.context.gpr[cases[i].reg] = frame_at(&frame, cases[i].register_slot);
        cr_assert(frame_unwind(&frame, 0x20));
        ASSERT_CALLER(frame, 7);
        cr_assert_eq(frame.unwound.handler, 0, "case %zu", i);
    }
}

/* Version 2 with an epilog of 4 bytes at the end of the function and one 0x40 bytes before that. */
static void start_version_2(fake_frame *frame)
{
    start(frame);
    uint8_t *info = &frame->memory[INFO];
    info[0] = 2 | 3 << 3;
    info[2] = 0;
    frame_code(frame, 4, EPILOG, 1);
    frame_code(frame, 0x40, EPILOG, 0);
    frame_code(frame, 7, ALLOC_SMALL, 3);
    frame_code(frame, 3, PUSH_NONVOL, R12);
    frame_code(frame, 1, PUSH_NONVOL, RBX);
    frame_after_codes(frame, (uint32_t[]){0x123}, 1);
    static const uint8_t epilog[] = {0x41, 0x5C, 0x5B, 0xC3}; /* pop r12; pop rbx; ret */
    frame_instructions(frame, FUNCTION_LENGTH - 4, epilog, 4);
    frame_instructions(frame, FUNCTION_LENGTH - 0x40, epilog, 4);
    frame_instructions(frame, 0x20, epilog, 4);
}

Test(epilogs, version_2_lists_where_they_are)
{
    static const struct {
        uint32_t offset;
        size_t slot;
        bool epilog;
    } cases[] = {
        {FUNCTION_LENGTH - 4, 4, true},    {FUNCTION_LENGTH - 2, 5, true},
        {FUNCTION_LENGTH - 1, 6, true},    {FUNCTION_LENGTH - 0x40, 4, true},
        {FUNCTION_LENGTH - 0x3D, 6, true}, {FUNCTION_LENGTH - 0x3C, 0, false},
        {FUNCTION_LENGTH - 5, 0, false},   {0x20, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_frame frame;
        start_version_2(&frame);
        frame.context.gpr[RSP] = frame_at(&frame, cases[i].slot);
        cr_assert(frame_unwind(&frame, cases[i].offset));
        ASSERT_CALLER(frame, 7);
        cr_assert_eq(frame.unwound.handler == 0, cases[i].epilog, "case %zu", i);
    }
}

Test(epilogs, version_2_epilog_codes_are_no_operations)
{
    fake_frame frame;
    start_version_2(&frame);
    cr_assert(frame_unwind(&frame, 0x30));
    ASSERT_CALLER(frame, 7);
    cr_assert_eq(frame.context.gpr[R12], 12);
}
