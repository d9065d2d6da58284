#include "win32/seh/seh.h"

#include <string.h>

/* UNWIND_CODE operations: "x64 exception handling", Unwind operation code. */
enum {
    PUSH_NONVOL,
    ALLOC_LARGE,
    ALLOC_SMALL,
    SET_FPREG,
    SAVE_NONVOL,
    SAVE_NONVOL_FAR,
    EPILOG, /* version 2; in version 1 an early form of SAVE_XMM128, as the next */
    SPARE,
    SAVE_XMM128,
    SAVE_XMM128_FAR,
    PUSH_MACHFRAME,
};

enum { MAX_CODES = 255, MAX_CHAIN = 32, INFO_HEADER = 4, WHOLE_PROLOG = 256 };

typedef struct unwind_info {
    uint32_t rva;
    uint32_t version, flags, prolog_size, frame_register, frame_offset;
    uint32_t code_count;
    uint8_t codes[2 * MAX_CODES];
} unwind_info;

/* One code with the slots that belong to it. */
typedef struct unwind_code {
    uint32_t prolog_offset, operation, info;
    uint32_t slots;
    uint32_t operand; /* of the slots after the first, unscaled */
} unwind_code;

/* What stays the same while the codes of one frame are undone. */
typedef struct prolog_undo {
    ldr__stack_range stack;
    uint64_t frame; /* what saved registers are addressed from */
    CONTEXT *context;
    KNONVOLATILE_CONTEXT_POINTERS *pointers;
    bool machine_frame; /* the return address is already taken */
} prolog_undo;

/* ---- Stack ---- */

bool ldr__unwind_read_stack(ldr__stack_range stack, uint64_t address, void *ret_bytes, size_t size)
{
    if (address < stack.low || address > stack.high || stack.high - address < size)
        return false;
    memcpy(ret_bytes, (const void *)(uintptr_t)address, size);
    return true;
}

bool ldr__unwind_return(ldr__stack_range stack, CONTEXT *context)
{
    if (!ldr__unwind_read_stack(stack, context->gpr[LDR__RSP], &context->rip, sizeof context->rip))
        return false;
    context->rip = ldr__trace_caller(context->rip, context->gpr[LDR__RSP]);
    context->gpr[LDR__RSP] += 8;
    return true;
}

static bool load_register(ldr__stack_range stack, uint64_t address, uint32_t reg, CONTEXT *context,
                          KNONVOLATILE_CONTEXT_POINTERS *pointers)
{
    if (!ldr__unwind_read_stack(stack, address, &context->gpr[reg], sizeof context->gpr[reg]))
        return false;
    if (pointers != NULL)
        pointers->gpr[reg] = (void *)(uintptr_t)address;
    return true;
}

bool ldr__unwind_pop(ldr__stack_range stack, uint32_t reg, CONTEXT *context,
                     KNONVOLATILE_CONTEXT_POINTERS *pointers)
{
    uint64_t address = context->gpr[LDR__RSP];
    context->gpr[LDR__RSP] += 8;
    return load_register(stack, address, reg, context, pointers);
}

static bool load_xmm(const prolog_undo *unwinder, uint64_t address, uint32_t reg)
{
    CONTEXT *context = unwinder->context;
    if (!ldr__unwind_read_stack(unwinder->stack, address, &context->xmm[reg],
                                sizeof context->xmm[reg]))
        return false;
    if (unwinder->pointers != NULL)
        unwinder->pointers->xmm[reg] = (void *)(uintptr_t)address;
    return true;
}

/* What the processor pushes for an interrupt: rip, cs, flags, rsp, ss. */
static bool pop_machine_frame(prolog_undo *unwinder, bool error_code)
{
    uint64_t frame[5];
    uint64_t address = unwinder->context->gpr[LDR__RSP] + (error_code ? 8 : 0);
    if (!ldr__unwind_read_stack(unwinder->stack, address, frame, sizeof frame))
        return false;
    unwinder->context->rip = frame[0];
    unwinder->context->gpr[LDR__RSP] = frame[3];
    unwinder->machine_frame = true;
    return true;
}

/* ---- Unwind information ---- */

static bool read_info(const ldr__unwind_source *source, uint32_t rva, unwind_info *ret_info)
{
    uint8_t header[INFO_HEADER];
    if (!ldr__unwind_read(source, rva, header, sizeof header))
        return false;
    ret_info->rva = rva;
    ret_info->version = header[0] & 7;
    ret_info->flags = header[0] >> 3;
    ret_info->prolog_size = header[1];
    ret_info->code_count = header[2];
    ret_info->frame_register = header[3] & 15;
    ret_info->frame_offset = 16 * (uint32_t)(header[3] >> 4);
    if (ret_info->version < 1 || ret_info->version > 2 || rva > UINT32_MAX - INFO_HEADER)
        return false;
    return ldr__unwind_read(source, rva + INFO_HEADER, ret_info->codes,
                            2 * (size_t)ret_info->code_count);
}

/* What follows the codes: a handler, or the line that a fragment is chained to. */
static uint32_t rva_after_codes(const unwind_info *info)
{
    return info->rva + INFO_HEADER + 2 * ((info->code_count + 1) & ~1u);
}

static uint32_t slot(const unwind_info *info, uint32_t index)
{
    return (uint32_t)info->codes[2 * (size_t)index] | (uint32_t)info->codes[2 * (size_t)index + 1]
                                                          << 8;
}

static uint32_t slots_of(const unwind_info *info, uint32_t operation, uint32_t operation_info)
{
    static const uint8_t slots[] = {1, 2, 1, 1, 2, 3, 2, 3, 2, 3, 1};
    if (operation >= sizeof slots)
        return 0;
    if (operation == ALLOC_LARGE)
        return operation_info == 0 ? 2 : operation_info == 1 ? 3 : 0;
    return operation == EPILOG && info->version == 2 ? 1 : slots[operation];
}

/* The code at `index`; false if there is no such operation or it does not fit. */
static bool read_code(const unwind_info *info, uint32_t index, unwind_code *ret_code)
{
    uint32_t first = slot(info, index);
    unwind_code code = {first & 0xFF, first >> 8 & 15, first >> 12, 0, 0};
    code.slots = slots_of(info, code.operation, code.info);
    if (code.slots == 0 || code.slots > info->code_count - index)
        return false;
    if (code.slots > 1)
        code.operand = slot(info, index + 1);
    if (code.slots > 2)
        code.operand |= slot(info, index + 2) << 16;
    *ret_code = code;
    return true;
}

/* ---- Undoing a prolog ---- */

static bool undo(prolog_undo *unwinder, const unwind_info *info, const unwind_code *code)
{
    CONTEXT *context = unwinder->context;
    switch (code->operation) {
    case PUSH_NONVOL:
        return ldr__unwind_pop(unwinder->stack, code->info, context, unwinder->pointers);
    case ALLOC_LARGE:
        context->gpr[LDR__RSP] += code->slots == 2 ? 8 * (uint64_t)code->operand : code->operand;
        return true;
    case ALLOC_SMALL:
        context->gpr[LDR__RSP] += 8 * (uint64_t)code->info + 8;
        return true;
    case SET_FPREG:
        context->gpr[LDR__RSP] = context->gpr[info->frame_register] - info->frame_offset;
        return true;
    case SAVE_NONVOL:
        return load_register(unwinder->stack, unwinder->frame + 8 * (uint64_t)code->operand,
                             code->info, context, unwinder->pointers);
    case SAVE_NONVOL_FAR:
        return load_register(unwinder->stack, unwinder->frame + code->operand, code->info, context,
                             unwinder->pointers);
    case SAVE_XMM128:
        return load_xmm(unwinder, unwinder->frame + 16 * (uint64_t)code->operand, code->info);
    case SAVE_XMM128_FAR:
        return load_xmm(unwinder, unwinder->frame + code->operand, code->info);
    case PUSH_MACHFRAME:
        return pop_machine_frame(unwinder, code->info == 1);
    default: /* EPILOG, SPARE: nothing that a prolog does */
        return true;
    }
}

/* Undoes what the prolog has done up to `offset` bytes from its start. */
static bool undo_prolog(prolog_undo *unwinder, const unwind_info *info, uint32_t offset)
{
    unwind_code code;
    for (uint32_t i = 0; i < info->code_count; i += code.slots) {
        if (!read_code(info, i, &code))
            return false;
        if (code.prolog_offset <= offset && !undo(unwinder, info, &code))
            return false;
    }
    return true;
}

/* The next link of a chain, into `info`. */
static bool follow_chain(const ldr__unwind_source *source, unwind_info *info,
                         ldr__function *ret_function)
{
    ldr__function parent;
    if (!ldr__unwind_read_function(source, rva_after_codes(info), &parent) ||
        !read_info(source, parent.unwind, info))
        return false;
    *ret_function = parent;
    return true;
}

/* Undoes a fragment and then all of the prologs it is chained to; `info` becomes the last one. */
static bool undo_chain(prolog_undo *unwinder, const ldr__unwind_source *source, uint32_t offset,
                       unwind_info *info)
{
    ldr__function parent;
    for (uint32_t depth = 0; depth < MAX_CHAIN; depth++) {
        if (!undo_prolog(unwinder, info, offset))
            return false;
        if ((info->flags & UNW_FLAG_CHAININFO) == 0)
            return true;
        if (!follow_chain(source, info, &parent))
            return false;
        offset = WHOLE_PROLOG;
    }
    return false;
}

bool ldr__unwind_primary(const ldr__unwind_source *source, ldr__function function,
                         ldr__function *ret_primary)
{
    unwind_info info;
    if (!read_info(source, function.unwind, &info))
        return false;
    for (uint32_t depth = 0; depth < MAX_CHAIN; depth++) {
        if ((info.flags & UNW_FLAG_CHAININFO) == 0) {
            *ret_primary = function;
            return true;
        }
        if (!follow_chain(source, &info, &function))
            return false;
    }
    return false;
}

/* ---- One frame ---- */

/* True once the prolog, at `offset`, has set the frame register. */
static bool frame_register_set(const unwind_info *info, uint32_t offset)
{
    if (info->frame_register == 0)
        return false;
    if (offset >= info->prolog_size || (info->flags & UNW_FLAG_CHAININFO) != 0)
        return true;
    unwind_code code;
    for (uint32_t i = 0; i < info->code_count && read_code(info, i, &code); i += code.slots)
        if (code.operation == SET_FPREG)
            return code.prolog_offset <= offset;
    return false;
}

/*
 * Version 2 lists the epilogs: the first code has their length and says whether one is at the end
 * of the function, each further one the distance of another from the end. 0 is padding.
 */
static bool in_listed_epilog(const unwind_info *info, const ldr__function *function, uint32_t rva)
{
    uint32_t length = info->code_count != 0 ? info->codes[0] : 0;
    for (uint32_t i = 0; i < info->code_count; i++) {
        uint32_t code = slot(info, i);
        if ((code >> 8 & 15) != EPILOG)
            break;
        uint32_t distance = (code & 0xFF) | (code >> 12) << 8;
        if (i == 0)
            distance = (code >> 12 & 1) != 0 ? length : 0;
        uint32_t to_end = function->end - rva;
        if (to_end <= distance && distance - to_end < length)
            return true;
    }
    return false;
}

static bool in_epilog(const ldr__unwind_source *source, const ldr__function *function,
                      const unwind_info *info, const prolog_undo *unwinder)
{
    CONTEXT *context = unwinder->context;
    ldr__epilog_rules rules = {
        .function = *function, .primary = *function, .frame_register = info->frame_register};
    if (info->version == 2) {
        rules.known = in_listed_epilog(info, function, (uint32_t)(context->rip - source->base));
        if (!rules.known)
            return false;
    } else if (!ldr__unwind_primary(source, *function, &rules.primary)) {
        return false;
    }
    return ldr__unwind_epilog(source, &rules, unwinder->stack, context, unwinder->pointers);
}

/* The handler of the function that the chain ended with, if it is of the type. */
static bool find_handler(const ldr__unwind_source *source, const unwind_info *info,
                         uint32_t handler_type, ldr__unwound *unwound)
{
    if ((info->flags & UNW_FLAG_CHAININFO) != 0 || (info->flags & handler_type) == 0)
        return true;
    uint8_t bytes[4], first;
    uint32_t at = rva_after_codes(info);
    if (!ldr__unwind_read(source, at, bytes, sizeof bytes))
        return false;
    uint32_t handler = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                       (uint32_t)bytes[3] << 24;
    if (source->image != NULL && !ldr__unwind_read(source, handler, &first, sizeof first))
        return false; /* not in the image */
    unwound->handler = source->base + handler;
    unwound->handler_data = source->base + at + 4;
    return true;
}

bool ldr__virtual_unwind(const ldr__unwind_source *source, const ldr__function *function,
                         uint32_t handler_type, ldr__stack_range stack, CONTEXT *context,
                         KNONVOLATILE_CONTEXT_POINTERS *pointers, ldr__unwound *ret_unwound)
{
    unwind_info info;
    if (!read_info(source, function->unwind, &info))
        return false;
    uint32_t offset = (uint32_t)(context->rip - source->base) - function->begin;
    ldr__unwound unwound = {.establisher_frame = context->gpr[LDR__RSP]};
    if (frame_register_set(&info, offset))
        unwound.establisher_frame = context->gpr[info.frame_register] - info.frame_offset;
    prolog_undo unwinder = {stack, unwound.establisher_frame, context, pointers, false};
    bool handled = offset >= info.prolog_size;
    if (in_epilog(source, function, &info, &unwinder))
        handled = false;
    else if (!undo_chain(&unwinder, source, handled ? WHOLE_PROLOG : offset, &info))
        return false;
    if (handled && !find_handler(source, &info, handler_type, &unwound))
        return false;
    if (!unwinder.machine_frame && !ldr__unwind_return(stack, context))
        return false;
    *ret_unwound = unwound;
    return true;
}

/* ---- Export ---- */

void *LDR_WINAPI ldr__seh_rtl_virtual_unwind(DWORD handler_type, uint64_t image_base, uint64_t pc,
                                             const void *entry, CONTEXT *context,
                                             void **ret_handler_data, uint64_t *ret_frame,
                                             KNONVOLATILE_CONTEXT_POINTERS *pointers)
{
    static const ldr__stack_range anywhere = {0, UINT64_MAX};
    ldr__unwind_source source = ldr__seh_source_of(ldr__process_self()->seh, image_base);
    ldr__unwind_source line = {(uintptr_t)entry, NULL};
    ldr__function function;
    ldr__unwound unwound;
    context->rip = pc;
    if (!ldr__unwind_read_function(&line, 0, &function))
        return NULL;
    if (!ldr__virtual_unwind(&source, &function, handler_type, anywhere, context, pointers,
                             &unwound)) {
        context->rip = 0; /* what callers take for the end of the stack */
        return NULL;
    }
    *ret_frame = unwound.establisher_frame;
    if (unwound.handler != 0)
        *ret_handler_data = (void *)(uintptr_t)unwound.handler_data;
    return (void *)(uintptr_t)unwound.handler;
}
