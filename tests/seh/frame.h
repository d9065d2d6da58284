/*
 * frame.h: a function with hand-made unwind information, and a stack to unwind it on.
 *
 *   fake_frame frame;
 *   frame_start(&frame, 0, 4);                       // no flags, a prolog of 4 bytes
 *   frame_code(&frame, 4, PUSH_NONVOL, RBX);
 *   frame.stack[0] = 7;                              // what rsp points at
 *   cr_assert(frame_unwind(&frame, 8));              // rip 8 bytes into the function
 *
 * `memory` is the image: the function is at FUNCTION, its unwind information at INFO, CHAIN_INFO is
 * for a second one. Instructions are 0x90 until a test writes others.
 */
#ifndef PELOAD_TESTS_SEH_FRAME_H
#define PELOAD_TESTS_SEH_FRAME_H

#include <criterion/criterion.h>

#include "win32/seh/seh.h"

enum {
    FUNCTION = 0x10,
    FUNCTION_LENGTH = 0x100,
    INFO = 0x200,
    CHAIN_INFO = 0x300,
    MEMORY = 0x400,
    STACK = 64,
};

enum {
    PUSH_NONVOL,
    ALLOC_LARGE,
    ALLOC_SMALL,
    SET_FPREG,
    SAVE_NONVOL,
    SAVE_NONVOL_FAR,
    EPILOG,
    SPARE,
    SAVE_XMM128,
    SAVE_XMM128_FAR,
    PUSH_MACHFRAME,
};

enum { RBX = 3, RSP = 4, RBP = 5, RSI = 6, R12 = 12 };

enum { RETURN_ADDRESS = 0x7777 };

typedef struct fake_frame {
    uint8_t memory[MEMORY];
    uint64_t stack[STACK];
    uint32_t info; /* where frame_code adds */
    uint32_t handler_type;
    CONTEXT context;
    KNONVOLATILE_CONTEXT_POINTERS pointers;
    ldr__unwound unwound;
} fake_frame;

/* A version 1 function whose rsp is at the start of the stack. */
static inline void frame_start(fake_frame *frame, uint8_t flags, uint8_t prolog_size)
{
    memset(frame, 0, sizeof *frame);
    memset(frame->memory, 0x90, sizeof frame->memory);
    frame->info = INFO;
    frame->handler_type = UNW_FLAG_EHANDLER;
    frame->context.gpr[RSP] = (uintptr_t)frame->stack;
    memcpy(&frame->memory[INFO], (uint8_t[4]){(uint8_t)(1 | flags << 3), prolog_size, 0, 0}, 4);
}

/* Adds a 16-bit slot. */
static inline void frame_slot(fake_frame *frame, uint32_t value)
{
    uint8_t *info = &frame->memory[frame->info];
    info[4 + 2 * info[2]] = (uint8_t)value;
    info[5 + 2 * info[2]] = (uint8_t)(value >> 8);
    info[2]++;
}

static inline void frame_code(fake_frame *frame, uint32_t offset, uint32_t operation, uint32_t info)
{
    frame_slot(frame, offset | operation << 8 | info << 12);
}

/* What follows the codes. */
static inline void frame_after_codes(fake_frame *frame, const uint32_t *values, size_t count)
{
    uint8_t *info = &frame->memory[frame->info];
    memcpy(info + 4 + 2 * ((info[2] + 1) & ~1), values, count * sizeof *values);
}

static inline void frame_register(fake_frame *frame, uint32_t reg, uint32_t scaled_offset)
{
    frame->memory[frame->info + 3] = (uint8_t)(reg | scaled_offset << 4);
}

static inline void frame_instructions(fake_frame *frame, uint32_t offset, const void *bytes,
                                      size_t size)
{
    memcpy(&frame->memory[FUNCTION + offset], bytes, size);
}

static inline uint64_t frame_rip(const fake_frame *frame, uint32_t offset)
{
    return (uintptr_t)frame->memory + FUNCTION + offset;
}

/* The address of a slot of the stack. */
static inline uint64_t frame_at(const fake_frame *frame, size_t slot)
{
    return (uintptr_t)&frame->stack[slot];
}

static inline bool frame_unwind(fake_frame *frame, uint32_t offset)
{
    ldr__unwind_source source = {(uintptr_t)frame->memory, NULL};
    ldr__function function = {FUNCTION, FUNCTION + FUNCTION_LENGTH, INFO};
    ldr__stack_range stack = {frame_at(frame, 0), frame_at(frame, STACK)};
    frame->context.rip = frame_rip(frame, offset);
    return ldr__virtual_unwind(&source, &function, frame->handler_type, stack, &frame->context,
                               &frame->pointers, &frame->unwound);
}

/* The caller is at RETURN_ADDRESS and its rsp `slots` above the start of the stack. */
#define ASSERT_CALLER(frame, slots)                                                         \
    do {                                                                                    \
        cr_assert_eq((frame).context.rip, RETURN_ADDRESS, "rip %#lx", (frame).context.rip); \
        cr_assert_eq((frame).context.gpr[RSP], frame_at(&(frame), slots), "rsp slot %ld",   \
                     (long)((frame).context.gpr[RSP] - frame_at(&(frame), 0)) / 8);         \
    } while (0)

#endif
