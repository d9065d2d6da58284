#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "win32/fault/fault.h"

enum { MAX_LENGTH = 15 };

/* An instruction up to its opcode. */
typedef struct instruction {
    const uint8_t *start, *at; /* `at` is behind the opcode */
    uint8_t rex;
    bool word; /* operand size prefix */
    uint8_t opcode;
    bool two_bytes; /* 0F before the opcode */
} instruction;

static bool is_legacy_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2E:
    case 0x36:
    case 0x3E:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xF0:
    case 0xF2:
    case 0xF3:
        return true;
    default:
        return false;
    }
}

/* Reads byte by byte, as the processor has done: what follows may be in a page that is not there.
 */
static bool read_opcode(const CONTEXT *context, instruction *ret_instruction)
{
    const uint8_t *start = (const uint8_t *)(uintptr_t)context->rip, *at = start;
    instruction found = {.start = start};
    while (at - start < MAX_LENGTH && is_legacy_prefix(*at))
        found.word |= *at++ == 0x66;
    if (at - start < MAX_LENGTH && (*at & 0xF0) == 0x40)
        found.rex = *at++;
    found.two_bytes = at - start < MAX_LENGTH && *at == 0x0F;
    at += found.two_bytes;
    if (at - start >= MAX_LENGTH)
        return false;
    found.opcode = *at++;
    found.at = at;
    *ret_instruction = found;
    return true;
}

/* ---- Privileged instructions ---- */

/* 0F 01: by the operation in the ModRM byte. LGDT, LIDT, LMSW, INVLPG, and some of the others. */
static bool is_privileged_0f01(uint8_t modrm)
{
    uint8_t operation = modrm >> 3 & 7;
    if (modrm < 0xC0)
        return operation == 2 || operation == 3 || operation == 6 || operation == 7;
    return operation == 6 || modrm == 0xD1 || modrm == 0xF8; /* lmsw, xsetbv, swapgs */
}

static bool is_privileged_0f(const instruction *found)
{
    switch (found->opcode) {
    case 0x00: /* lldt, ltr */
        return (*found->at >> 3 & 7) == 2 || (*found->at >> 3 & 7) == 3;
    case 0x01:
        return is_privileged_0f01(*found->at);
    case 0x06: /* clts */
    case 0x07: /* sysret */
    case 0x08: /* invd */
    case 0x09: /* wbinvd */
    case 0x20: /* mov to and from control and debug registers */
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x30: /* wrmsr */
    case 0x32: /* rdmsr */
    case 0x33: /* rdpmc */
    case 0x35: /* sysexit */
        return true;
    default:
        return false;
    }
}

bool ldr__instruction_is_privileged(const CONTEXT *context)
{
    instruction found;
    if (!read_opcode(context, &found))
        return false;
    if (found.two_bytes)
        return is_privileged_0f(&found);
    switch (found.opcode) {
    case 0x6C: /* ins, outs */
    case 0x6D:
    case 0x6E:
    case 0x6F:
    case 0xE4: /* in, out */
    case 0xE5:
    case 0xE6:
    case 0xE7:
    case 0xEC:
    case 0xED:
    case 0xEE:
    case 0xEF:
    case 0xF4: /* hlt */
    case 0xFA: /* cli, sti */
    case 0xFB:
        return true;
    default:
        return false;
    }
}

bool ldr__instruction_is_interrupt(const CONTEXT *context, uint8_t number)
{
    instruction found;
    return read_opcode(context, &found) && !found.two_bytes && found.opcode == 0xCD &&
           *found.at == number;
}

/* ---- Divisors ---- */

/* The memory operand of a ModRM byte at `at`: Intel SDM volume 2, tables 2-2 and 2-3. */
static uint64_t operand_address(const CONTEXT *context, const uint8_t *at, uint8_t rex)
{
    uint8_t modrm = *at++, mode = modrm >> 6, base = modrm & 7;
    uint64_t address = 0;
    int8_t near;
    int32_t far = 0;
    if (base == 4) {
        uint8_t sib = *at++, index = (uint8_t)((sib >> 3 & 7) | (rex & 2) << 2);
        base = sib & 7;
        if (index != 4)
            address = context->gpr[index] << (sib >> 6);
    }
    bool has_base = mode != 0 || base != 5;
    if (has_base)
        address += context->gpr[base | (rex & 1) << 3];
    if (mode == 1) {
        memcpy(&near, at, sizeof near);
        return address + (uint64_t)(int64_t)near;
    }
    if (mode == 2 || !has_base) {
        memcpy(&far, at, sizeof far);
        at += sizeof far;
    }
    if (mode == 0 && (modrm & 7) == 5)
        address = (uintptr_t)at; /* relative to the next instruction */
    return address + (uint64_t)(int64_t)far;
}

static uint64_t register_operand(const CONTEXT *context, uint8_t modrm, uint8_t rex, size_t size)
{
    uint32_t number = (modrm & 7u) | (rex & 1u) << 3;
    if (size == 1 && rex == 0 && number >= 4)
        return context->gpr[number - 4] >> 8 & 0xFF; /* ah, ch, dh, bh */
    return size == 8 ? context->gpr[number]
                     : context->gpr[number] & ((UINT64_C(1) << 8 * size) - 1);
}

/* By the kernel: meanwhile another thread may have taken the page away. */
static bool read_memory(uint64_t address, void *ret_bytes, size_t size)
{
    struct iovec here = {ret_bytes, size};
    struct iovec there = {(void *)(uintptr_t)address, size};
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size;
}

bool ldr__instruction_divides_by_nonzero(const CONTEXT *context)
{
    instruction found;
    if (!read_opcode(context, &found) || found.two_bytes || (found.opcode & 0xFE) != 0xF6)
        return false;
    size_t size = found.opcode == 0xF6 ? 1 : (found.rex & 8) != 0 ? 8 : found.word ? 2 : 4;
    uint64_t divisor = 0;
    if (*found.at >= 0xC0)
        divisor = register_operand(context, *found.at, found.rex, size);
    else if (!read_memory(operand_address(context, found.at, found.rex), &divisor, size))
        return false;
    return divisor != 0;
}
