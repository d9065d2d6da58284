#include "win32/seh/seh.h"

#include <string.h>

/*
 * The host's frames by the host's own unwind data: DWARF call frame information, which the x86-64
 * psABI asks of every function. It is as trustworthy as the code it describes. Expressions, which
 * compilers do not need for functions, are not supported.
 */

/* The run-time library's search for the description of a function (FDE). */
struct dwarf_eh_bases {
    void *text, *data, *function;
};
extern const uint8_t *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *ret_bases);

/* Register numbers of DWARF: 0 to 15 general (see gpr_of), 16 the return address, then xmm0 on. */
enum { RETURN_COLUMN = 16, XMM_COLUMN = 17, COLUMNS = 33, MAX_REMEMBERED = 4 };

/* Call frame instructions: DWARF 5, 7.24. */
enum {
    ADVANCE_LOC = 0x40,
    OFFSET = 0x80,
    RESTORE = 0xC0,
    NOP = 0x00,
    ADVANCE_LOC1 = 0x02,
    ADVANCE_LOC2 = 0x03,
    ADVANCE_LOC4 = 0x04,
    OFFSET_EXTENDED = 0x05,
    RESTORE_EXTENDED = 0x06,
    UNDEFINED = 0x07,
    SAME_VALUE = 0x08,
    REMEMBER_STATE = 0x0A,
    RESTORE_STATE = 0x0B,
    DEF_CFA = 0x0C,
    DEF_CFA_REGISTER = 0x0D,
    DEF_CFA_OFFSET = 0x0E,
    OFFSET_EXTENDED_SF = 0x11,
    GNU_ARGS_SIZE = 0x2E,
};

/* Where the caller's registers are at one place of a function: `cfa` is its stack pointer. */
typedef struct frame_rules {
    uint64_t cfa_register;
    int64_t cfa_offset;
    bool saved[COLUMNS];
    int64_t at[COLUMNS]; /* from the CFA */
} frame_rules;

/* The common part of descriptions (CIE), and the state of running its instructions. */
typedef struct frame_program {
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointer_encoding;
    bool has_augmentation;
    const uint8_t *initial, *initial_end;
    uint64_t pc, location;
    frame_rules now, start;
    frame_rules remembered[MAX_REMEMBERED];
    size_t remembered_count;
} frame_program;

/* ---- Bytes ---- */

static uint64_t read_unsigned(const uint8_t **at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, *at, size);
    *at += size;
    return value;
}

static uint64_t read_uleb(const uint8_t **at)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte;
    do {
        byte = *(*at)++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0);
    return value;
}

static int64_t read_sleb(const uint8_t **at)
{
    const uint8_t *start = *at;
    uint64_t value = read_uleb(at);
    uint32_t bits = 7 * (uint32_t)(*at - start);
    if (bits < 64 && ((*at)[-1] & 0x40) != 0)
        value |= UINT64_MAX << bits;
    return (int64_t)value;
}

/* The size of a pointer in encoding DW_EH_PE_*; 0 for those of variable size. */
static size_t encoded_size(uint8_t encoding)
{
    static const uint8_t sizes[8] = {8, 0, 2, 4, 8, 0, 0, 0};
    return sizes[encoding & 7];
}

/* ---- Descriptions ---- */

/* Reads the letters behind 'z': only the encoding of code addresses is of interest. */
static bool read_augmentation(frame_program *program, const char *letters, const uint8_t *at)
{
    for (; *letters != '\0'; letters++) {
        switch (*letters) {
        case 'R':
            program->pointer_encoding = *at++;
            break;
        case 'L':
            at++;
            break;
        case 'P':
            if (encoded_size(*at) == 0)
                return false;
            at += 1 + encoded_size(*at);
            break;
        case 'S':
        case 'B':
            break;
        default:
            return false;
        }
    }
    return true;
}

static bool read_common(frame_program *program, const uint8_t *cie)
{
    const uint8_t *at = cie;
    program->initial_end = cie + 4 + read_unsigned(&at, 4);
    at += 4; /* what tells a CIE */
    uint8_t version = *at++;
    const char *letters = (const char *)at;
    at += strlen(letters) + 1;
    program->code_align = read_uleb(&at);
    program->data_align = read_sleb(&at);
    uint64_t return_column = version == 1 ? *at++ : read_uleb(&at);
    program->has_augmentation = *letters == 'z';
    program->initial = at;
    if (return_column != RETURN_COLUMN || (*letters != '\0' && !program->has_augmentation))
        return false;
    if (!program->has_augmentation)
        return true;
    uint64_t size = read_uleb(&at);
    program->initial = at + size;
    return read_augmentation(program, letters + 1, at);
}

/* ---- Instructions ---- */

static void set_saved(frame_rules *rules, uint64_t column, int64_t at)
{
    if (column >= COLUMNS)
        return;
    rules->saved[column] = true;
    rules->at[column] = at;
}

static void set_as_in(frame_rules *rules, uint64_t column, bool saved, int64_t at)
{
    if (column >= COLUMNS)
        return;
    rules->saved[column] = saved;
    rules->at[column] = at;
}

static void restore_rule(frame_program *program, uint64_t column)
{
    if (column < COLUMNS)
        set_as_in(&program->now, column, program->start.saved[column], program->start.at[column]);
}

static bool remember(frame_program *program)
{
    if (program->remembered_count == MAX_REMEMBERED)
        return false;
    program->remembered[program->remembered_count++] = program->now;
    return true;
}

static bool recall(frame_program *program)
{
    if (program->remembered_count == 0)
        return false;
    program->now = program->remembered[--program->remembered_count];
    return true;
}

static void advance(frame_program *program, uint64_t distance)
{
    program->location += distance * program->code_align;
}

/* An instruction whose operation takes the whole byte. */
static bool run_extended(frame_program *program, uint8_t operation, const uint8_t **at)
{
    uint64_t column;
    switch (operation) {
    case NOP:
        return true;
    case ADVANCE_LOC1:
    case ADVANCE_LOC2:
    case ADVANCE_LOC4:
        advance(program, read_unsigned(at, (size_t)1 << (operation - ADVANCE_LOC1)));
        return true;
    case OFFSET_EXTENDED:
        column = read_uleb(at);
        set_saved(&program->now, column, (int64_t)read_uleb(at) * program->data_align);
        return true;
    case OFFSET_EXTENDED_SF:
        column = read_uleb(at);
        set_saved(&program->now, column, read_sleb(at) * program->data_align);
        return true;
    case RESTORE_EXTENDED:
        restore_rule(program, read_uleb(at));
        return true;
    case UNDEFINED:
    case SAME_VALUE:
        set_as_in(&program->now, read_uleb(at), false, 0);
        return true;
    case REMEMBER_STATE:
        return remember(program);
    case RESTORE_STATE:
        return recall(program);
    case DEF_CFA:
        program->now.cfa_register = read_uleb(at);
        program->now.cfa_offset = (int64_t)read_uleb(at);
        return true;
    case DEF_CFA_REGISTER:
        program->now.cfa_register = read_uleb(at);
        return true;
    case DEF_CFA_OFFSET:
        program->now.cfa_offset = (int64_t)read_uleb(at);
        return true;
    case GNU_ARGS_SIZE:
        read_uleb(at);
        return true;
    default:
        return false;
    }
}

/* Runs instructions until they are about code behind the pc. */
static bool run(frame_program *program, const uint8_t *at, const uint8_t *end)
{
    while (at < end && program->location <= program->pc) {
        uint8_t byte = *at++, operand = byte & 0x3F;
        switch (byte & 0xC0) {
        case ADVANCE_LOC:
            advance(program, operand);
            break;
        case OFFSET:
            set_saved(&program->now, operand, (int64_t)read_uleb(&at) * program->data_align);
            break;
        case RESTORE:
            restore_rule(program, operand);
            break;
        default:
            if (!run_extended(program, byte, &at))
                return false;
        }
    }
    return true;
}

static bool run_function(frame_program *program, const uint8_t *fde, uint64_t function)
{
    const uint8_t *at = fde;
    const uint8_t *end = fde + 4 + read_unsigned(&at, 4);
    const uint8_t *back = at;
    const uint8_t *cie = back - (int32_t)read_unsigned(&at, 4);
    if (!read_common(program, cie) || encoded_size(program->pointer_encoding) == 0)
        return false;
    at += 2 * encoded_size(program->pointer_encoding);
    if (program->has_augmentation) {
        uint64_t size = read_uleb(&at);
        at += size;
    }
    program->location = function;
    if (!run(program, program->initial, program->initial_end))
        return false;
    program->start = program->now;
    return run(program, at, end);
}

/* ---- One frame ---- */

/* Numbers of general registers in instructions, by their number in DWARF. */
static uint32_t gpr_of(uint64_t column)
{
    static const uint8_t numbers[8] = {LDR__RAX, LDR__RDX, LDR__RCX, LDR__RBX,
                                       LDR__RSI, LDR__RDI, LDR__RBP, LDR__RSP};
    return column < 8 ? numbers[column] : (uint32_t)column;
}

static bool load_caller(const frame_rules *rules, ldr__stack_range stack, CONTEXT *context)
{
    if (rules->cfa_register >= RETURN_COLUMN || !rules->saved[RETURN_COLUMN])
        return false;
    CONTEXT caller = *context;
    uint64_t cfa = context->gpr[gpr_of(rules->cfa_register)] + (uint64_t)rules->cfa_offset;
    caller.gpr[LDR__RSP] = cfa;
    for (uint32_t column = 0; column < COLUMNS; column++) {
        if (!rules->saved[column])
            continue;
        void *to = column < RETURN_COLUMN    ? (void *)&caller.gpr[gpr_of(column)]
                   : column == RETURN_COLUMN ? (void *)&caller.rip
                                             : (void *)&caller.xmm[column - XMM_COLUMN];
        size_t size = column < XMM_COLUMN ? sizeof(uint64_t) : sizeof(M128A);
        if (!ldr__unwind_read_stack(stack, cfa + (uint64_t)rules->at[column], to, size))
            return false;
    }
    if (cfa <= context->gpr[LDR__RSP])
        return false;
    caller.rip = ldr__trace_caller(caller.rip, cfa + (uint64_t)rules->at[RETURN_COLUMN]);
    caller.flags &= ~LDR__CONTEXT_AT_FAULT;
    *context = caller;
    return true;
}

/* A return address may be the first behind its function: the call before it is in it. */
static uint64_t function_pc(const CONTEXT *context)
{
    return (context->flags & LDR__CONTEXT_AT_FAULT) != 0 ? context->rip : context->rip - 1;
}

uint64_t ldr__host_function_at(uint64_t pc)
{
    struct dwarf_eh_bases bases;
    if (_Unwind_Find_FDE((void *)(uintptr_t)pc, &bases) == NULL)
        return 0;
    return (uintptr_t)bases.function;
}

uint64_t ldr__host_function(const CONTEXT *context)
{
    return ldr__host_function_at(function_pc(context));
}

bool ldr__unwind_host(ldr__stack_range stack, CONTEXT *context)
{
    struct dwarf_eh_bases bases;
    uint64_t pc = function_pc(context);
    const uint8_t *fde = _Unwind_Find_FDE((void *)(uintptr_t)pc, &bases);
    if (fde == NULL)
        return false;
    frame_program program = {.pc = pc};
    return run_function(&program, fde, (uintptr_t)bases.function) &&
           load_caller(&program.now, stack, context);
}
