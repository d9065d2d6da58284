#include "win32/seh/seh.h"

/*
 * "x64 exception handling", Unwind procedure: an epilog is `add rsp, n` or `lea rsp, n[frame]`,
 * then pops, then a return or a jump out of the function. Nothing else, so that what is left of it
 * can be told from the instructions.
 */

enum { MAX_POPS = 16 };

/* The instructions from rip on. */
typedef struct code_reader {
    pe_span bytes;
    uint64_t at;
} code_reader;

static bool open_code(const ldr__unwind_source *source, uint64_t rip, code_reader *ret_code)
{
    uint32_t rva = (uint32_t)(rip - source->base);
    uint8_t first;
    if (!ldr__unwind_read(source, rva, &first, sizeof first))
        return false;
    /* Without an image: bytes are read one instruction after the other, as the processor does. */
    pe_span bytes = {(const uint8_t *)(uintptr_t)rip, UINT32_MAX};
    if (source->image != NULL)
        bytes = pe_tail(source->image, (pe_rva){rva});
    *ret_code = (code_reader){bytes, 0};
    return true;
}

/* The byte `distance` on; an instruction that means nothing here beyond the end. */
static uint8_t peek(const code_reader *code, uint64_t distance)
{
    return pe_range_ok(code->bytes.size, code->at + distance, 1)
               ? code->bytes.data[code->at + distance]
               : 0xCC;
}

static int32_t peek_i32(const code_reader *code, uint64_t distance)
{
    uint32_t value = 0;
    for (uint64_t i = 0; i < 4; i++)
        value |= (uint32_t)peek(code, distance + i) << (8 * i);
    return (int32_t)value;
}

/* add rsp, imm8 or imm32. */
static bool step_add(code_reader *code, uint64_t *rsp)
{
    if (peek(code, 0) != 0x48 || peek(code, 2) != 0xC4)
        return false;
    if (peek(code, 1) == 0x83) {
        *rsp += (uint64_t)(int8_t)peek(code, 3);
        code->at += 4;
        return true;
    }
    if (peek(code, 1) == 0x81) {
        *rsp += (uint64_t)peek_i32(code, 3);
        code->at += 7;
        return true;
    }
    return false;
}

/* lea rsp, [frame], [frame + disp8] or [frame + disp32]. */
static bool step_lea(code_reader *code, uint32_t frame_register, const CONTEXT *context,
                     uint64_t *rsp)
{
    uint8_t rex = frame_register >= 8 ? 0x49 : 0x48, modrm = peek(code, 2);
    bool right_register = (modrm & 0x3F) == (0x20 | (frame_register & 7));
    if (frame_register == 0 || peek(code, 0) != rex || peek(code, 1) != 0x8D || !right_register)
        return false;
    uint64_t length = (frame_register & 7) == LDR__RSP ? 4 : 3; /* r12 needs a SIB byte */
    uint64_t address = context->gpr[frame_register];
    switch (modrm >> 6) {
    case 0:
        break;
    case 1:
        address += (uint64_t)(int8_t)peek(code, length);
        length += 1;
        break;
    case 2:
        address += (uint64_t)peek_i32(code, length);
        length += 4;
        break;
    default:
        return false;
    }
    *rsp = address;
    code->at += length;
    return true;
}

/* Counts pops and notes their registers. */
static uint32_t step_pops(code_reader *code, uint8_t *ret_registers)
{
    uint32_t count = 0;
    for (; count < MAX_POPS; count++) {
        bool extended = peek(code, 0) == 0x41;
        uint8_t opcode = peek(code, extended ? 1 : 0);
        if (opcode < 0x58 || opcode > 0x5F)
            break;
        ret_registers[count] = (uint8_t)((opcode - 0x58) | (extended ? 8 : 0));
        code->at += extended ? 2 : 1;
    }
    return count;
}

static bool is_return(const code_reader *code)
{
    uint8_t first = peek(code, 0);
    return first == 0xC3 || first == 0xC2 || (first == 0xF3 && peek(code, 1) == 0xC3);
}

/* jmp through memory, and jmp through a register, which is told from a switch by its REX.W. */
static bool is_indirect_jump(const code_reader *code)
{
    uint8_t first = peek(code, 0);
    if (first == 0xFF)
        return (peek(code, 1) & 0xF8) == 0x20;
    return (first & 0xF8) == 0x48 && peek(code, 1) == 0xFF && (peek(code, 2) & 0x38) == 0x20;
}

static bool inside(const ldr__function *function, uint32_t rva)
{
    return rva >= function->begin && rva < function->end;
}

/*
 * A direct jump ends the function unless it stays inside it. To its own start it is a tail call of
 * itself. Other fragments of the function are told by where their chains end.
 */
static bool leaves_function(const ldr__unwind_source *source, const ldr__epilog_rules *rules,
                            uint32_t target)
{
    if (target == rules->primary.begin)
        return true;
    if (inside(&rules->function, target) || inside(&rules->primary, target))
        return false;
    ldr__function other, primary;
    return !ldr__unwind_find_function(source, target, &other) ||
           !ldr__unwind_primary(source, other, &primary) || primary.begin != rules->primary.begin;
}

static bool is_direct_jump(const ldr__unwind_source *source, const ldr__epilog_rules *rules,
                           const code_reader *code, uint64_t rip)
{
    int64_t distance;
    if (peek(code, 0) == 0xEB)
        distance = 2 + (int8_t)peek(code, 1);
    else if (peek(code, 0) == 0xE9)
        distance = 5 + (int64_t)peek_i32(code, 1);
    else
        return false;
    uint64_t rva = rip + code->at + (uint64_t)distance - source->base;
    return rva > UINT32_MAX || leaves_function(source, rules, (uint32_t)rva);
}

bool ldr__unwind_epilog(const ldr__unwind_source *source, const ldr__epilog_rules *rules,
                        ldr__stack_range stack, CONTEXT *context,
                        KNONVOLATILE_CONTEXT_POINTERS *pointers)
{
    code_reader code;
    if (!open_code(source, context->rip, &code))
        return false;
    uint64_t rsp = context->gpr[LDR__RSP];
    if (!step_add(&code, &rsp))
        step_lea(&code, rules->frame_register, context, &rsp);
    uint8_t registers[MAX_POPS];
    uint32_t pops = step_pops(&code, registers);
    if (!rules->known && !is_return(&code) && !is_indirect_jump(&code) &&
        !is_direct_jump(source, rules, &code, context->rip))
        return false;
    context->gpr[LDR__RSP] = rsp;
    for (uint32_t i = 0; i < pops; i++)
        if (!ldr__unwind_pop(stack, registers[i], context, pointers))
            break; /* outside the stack, where the return address will not be found either */
    return true;
}
