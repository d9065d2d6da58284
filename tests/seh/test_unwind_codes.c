/* RtlVirtualUnwind, operation by operation: "x64 exception handling", Unwind operation code. */
#include "frame.h"

Test(unwind_codes, none_pops_the_return_address)
{
    fake_frame frame;
    frame_start(&frame, 0, 0);
    frame.stack[0] = RETURN_ADDRESS;
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 1);
    cr_assert_eq(frame.unwound.establisher_frame, frame_at(&frame, 0));
    cr_assert_eq(frame.unwound.handler, 0);
}

Test(unwind_codes, push_restores_the_register)
{
    fake_frame frame;
    frame_start(&frame, 0, 4);
    frame_code(&frame, 3, PUSH_NONVOL, R12);
    frame_code(&frame, 1, PUSH_NONVOL, RBX);
    memcpy(frame.stack, (uint64_t[]){12, 3, RETURN_ADDRESS}, 24);
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 3);
    cr_assert_eq(frame.context.gpr[R12], 12);
    cr_assert_eq(frame.context.gpr[RBX], 3);
    cr_assert_eq(frame.pointers.gpr[RBX], &frame.stack[1]);
}

Test(unwind_codes, alloc_small_releases_8_to_128_bytes)
{
    for (uint32_t info = 0; info < 16; info++) {
        fake_frame frame;
        frame_start(&frame, 0, 4);
        frame_code(&frame, 4, ALLOC_SMALL, info);
        frame.stack[info + 1] = RETURN_ADDRESS;
        cr_assert(frame_unwind(&frame, 8));
        ASSERT_CALLER(frame, info + 2);
    }
}

Test(unwind_codes, alloc_large_has_a_scaled_and_an_unscaled_form)
{
    fake_frame frame;
    frame_start(&frame, 0, 7);
    frame_code(&frame, 7, ALLOC_LARGE, 0);
    frame_slot(&frame, 20);
    frame.stack[20] = RETURN_ADDRESS;
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 21);

    frame_start(&frame, 0, 7);
    frame_code(&frame, 7, ALLOC_LARGE, 1);
    frame_slot(&frame, 8 * 30);
    frame_slot(&frame, 0);
    frame.stack[30] = RETURN_ADDRESS;
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 31);
}

Test(unwind_codes, frame_register_finds_the_frame_below_dynamic_allocations)
{
    fake_frame frame;
    frame_start(&frame, 0, 8);
    frame_register(&frame, RBP, 2);
    frame_code(&frame, 8, SET_FPREG, 0);
    frame_code(&frame, 4, ALLOC_SMALL, 3);
    frame.context.gpr[RBP] = frame_at(&frame, 10 + 4);
    frame.stack[10 + 4] = RETURN_ADDRESS;
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 15);
    cr_assert_eq(frame.unwound.establisher_frame, frame_at(&frame, 10));
}

Test(unwind_codes, saved_registers_are_found_from_the_frame)
{
    fake_frame frame;
    frame_start(&frame, 0, 8);
    frame_code(&frame, 8, SAVE_NONVOL, RSI);
    frame_slot(&frame, 6);
    frame_code(&frame, 8, SAVE_NONVOL_FAR, RBX);
    frame_slot(&frame, 8 * 7);
    frame_slot(&frame, 0);
    frame_code(&frame, 4, ALLOC_SMALL, 3);
    memcpy(frame.stack, (uint64_t[]){0, 0, 0, 0, RETURN_ADDRESS, 0, 66, 33}, 64);
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 5);
    cr_assert_eq(frame.context.gpr[RSI], 66);
    cr_assert_eq(frame.context.gpr[RBX], 33);
    cr_assert_eq(frame.pointers.gpr[RSI], &frame.stack[6]);
}

Test(unwind_codes, saved_vector_registers_are_found_from_the_frame)
{
    fake_frame frame;
    frame_start(&frame, 0, 8);
    frame_code(&frame, 8, SAVE_XMM128, 6);
    frame_slot(&frame, 1);
    frame_code(&frame, 8, SAVE_XMM128_FAR, 15);
    frame_slot(&frame, 32);
    frame_slot(&frame, 0);
    frame_code(&frame, 4, ALLOC_SMALL, 6);
    memcpy(frame.stack, (uint64_t[]){0, 0, 1, 2, 3, 4, 0, RETURN_ADDRESS}, 64);
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 8);
    cr_assert_eq(frame.context.xmm[6].low, 1);
    cr_assert_eq(frame.context.xmm[6].high, 2);
    cr_assert_eq(frame.context.xmm[15].low, 3);
    cr_assert_eq(frame.pointers.xmm[15], &frame.stack[4]);
}

Test(unwind_codes, machine_frame_holds_rip_and_rsp)
{
    for (uint32_t error_code = 0; error_code < 2; error_code++) {
        fake_frame frame;
        frame_start(&frame, 0, 0);
        frame_code(&frame, 0, PUSH_MACHFRAME, error_code);
        frame.stack[error_code] = RETURN_ADDRESS;
        frame.stack[error_code + 3] = frame_at(&frame, 40);
        cr_assert(frame_unwind(&frame, 8));
        ASSERT_CALLER(frame, 40);
    }
}

Test(unwind_codes, reserved_slots_are_skipped)
{
    fake_frame frame;
    frame_start(&frame, 0, 8);
    frame_code(&frame, 8, SPARE, 0);
    frame_slot(&frame, 0xFFFF);
    frame_slot(&frame, 0xFFFF);
    frame_code(&frame, 4, PUSH_NONVOL, RBX);
    memcpy(frame.stack, (uint64_t[]){3, RETURN_ADDRESS}, 16);
    cr_assert(frame_unwind(&frame, 8));
    ASSERT_CALLER(frame, 2);
}

/* push rbx; sub rsp, 0x20; lea rbp, [rsp + 0x20] */
static void start_with_prolog(fake_frame *frame, uint8_t flags)
{
    frame_start(frame, flags, 10);
    frame_register(frame, RBP, 2);
    frame_code(frame, 10, SET_FPREG, 0);
    frame_code(frame, 5, ALLOC_SMALL, 3);
    frame_code(frame, 1, PUSH_NONVOL, RBX);
    frame_code(frame, 0, SPARE, 0);
    frame_slot(frame, 0);
    frame_slot(frame, 0);
    frame->context.gpr[RBP] = 0xBAD;
}

Test(unwind_codes, prolog_position_undoes_what_has_run)
{
    fake_frame frame;
    start_with_prolog(&frame, 0);
    frame.stack[0] = RETURN_ADDRESS;
    cr_assert(frame_unwind(&frame, 0));
    ASSERT_CALLER(frame, 1);

    start_with_prolog(&frame, 0);
    memcpy(frame.stack, (uint64_t[]){3, RETURN_ADDRESS}, 16);
    cr_assert(frame_unwind(&frame, 1));
    ASSERT_CALLER(frame, 2);
    cr_assert_eq(frame.context.gpr[RBX], 3);

    start_with_prolog(&frame, 0);
    memcpy(frame.stack, (uint64_t[]){0, 0, 0, 0, 3, RETURN_ADDRESS}, 48);
    cr_assert(frame_unwind(&frame, 5));
    ASSERT_CALLER(frame, 6);
    cr_assert_eq(frame.unwound.establisher_frame, frame_at(&frame, 0), "rbp is not set yet");
}

Test(unwind_codes, handler_is_found_after_the_prolog_and_of_its_type_only)
{
    static const struct {
        uint8_t flags;
        uint32_t type, offset;
        bool found;
    } cases[] = {
        {1, UNW_FLAG_EHANDLER, 20, true},
        {1, UNW_FLAG_UHANDLER, 20, false},
        {2, UNW_FLAG_UHANDLER, 20, true},
        {3, UNW_FLAG_EHANDLER, 20, true},
        {3, 0, 20, false},
        {3, UNW_FLAG_EHANDLER, 2, false},
        {0, UNW_FLAG_EHANDLER, 20, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_frame frame;
        frame_start(&frame, cases[i].flags, 4);
        frame_code(&frame, 4, ALLOC_SMALL, 0);
        frame_after_codes(&frame, (uint32_t[]){0x123, 0x456}, 2);
        frame.handler_type = cases[i].type;
        frame.stack[cases[i].offset == 2 ? 0 : 1] = RETURN_ADDRESS;
        cr_assert(frame_unwind(&frame, cases[i].offset));
        uint64_t base = (uintptr_t)frame.memory;
        cr_assert_eq(frame.unwound.handler, cases[i].found ? base + 0x123 : 0, "case %zu", i);
        if (cases[i].found)
            cr_assert_eq(frame.unwound.handler_data, base + INFO + 12);
    }
}

Test(unwind_codes, chain_undoes_the_whole_prolog_of_the_primary_function)
{
    fake_frame frame;
    frame_start(&frame, UNW_FLAG_CHAININFO, 4);
    frame_code(&frame, 4, SAVE_NONVOL, RSI);
    frame_slot(&frame, 5);
    frame_after_codes(&frame, (uint32_t[]){FUNCTION, FUNCTION + 8, CHAIN_INFO}, 3);
    memcpy(&frame.memory[CHAIN_INFO], (uint8_t[]){1 | 1 << 3, 5, 0, 0}, 4);
    frame.info = CHAIN_INFO;
    frame_code(&frame, 5, ALLOC_SMALL, 1);
    frame_code(&frame, 1, PUSH_NONVOL, RBX);
    frame_after_codes(&frame, (uint32_t[]){0x123}, 1);
    memcpy(frame.stack, (uint64_t[]){0, 0, 3, RETURN_ADDRESS, 0, 66}, 48);

    cr_assert(frame_unwind(&frame, 2));
    ASSERT_CALLER(frame, 4);
    cr_assert_eq(frame.context.gpr[RBX], 3);
    cr_assert_eq(frame.context.gpr[RSI], 0, "not saved yet");
    cr_assert_eq(frame.unwound.handler, 0, "in the prolog of the fragment");

    frame.context.gpr[RSP] = frame_at(&frame, 0);
    cr_assert(frame_unwind(&frame, 4));
    ASSERT_CALLER(frame, 4);
    cr_assert_eq(frame.context.gpr[RSI], 66);
    cr_assert_eq(frame.unwound.handler, (uintptr_t)frame.memory + 0x123);
}
