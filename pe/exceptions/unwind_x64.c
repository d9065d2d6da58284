#include "pe/image/bytes.h"

const char *pe_x64_operation_name(uint32_t operation)
{
    switch (operation) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_X64_OPERATION_LIST(X)
#undef X
    default:
        return "UNKNOWN";
    }
}

const char *pe_x64_register_name(uint32_t number)
{
    static const char *const names[] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                        "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};
    return number < sizeof names / sizeof names[0] ? names[number] : "UNKNOWN";
}

static uint32_t load_slot(const pe_x64_unwind *unwind, uint32_t index)
{
    return pe__load_u16(unwind->slots + 2 * (size_t)index);
}

/* Slots of an operation; 0 if there is no such operation. */
static uint32_t slots_of(uint32_t version, uint32_t operation, uint32_t info)
{
    static const uint8_t counts[] = {1, 2, 1, 1, 2, 3, 2, 3, 2, 3, 1};
    if (operation >= sizeof counts)
        return 0;
    if (operation == PE_X64_ALLOC_LARGE)
        return info == 0 ? 2 : info == 1 ? 3 : 0;
    return operation == PE_X64_EPILOG && version == 2 ? 1 : counts[operation];
}

/* Operands of two slots are not scaled. */
static uint32_t value_of(const pe_x64_unwind *unwind, const pe_x64_code *code, bool is_first)
{
    switch (code->operation) {
    case PE_X64_ALLOC_LARGE:
        return code->info == 0 ? 8 * code->operand : code->operand;
    case PE_X64_ALLOC_SMALL:
        return 8u * code->info + 8;
    case PE_X64_SET_FPREG:
        return unwind->frame_offset;
    case PE_X64_SAVE_NONVOL:
        return 8 * code->operand;
    case PE_X64_SAVE_XMM128:
        return 16 * code->operand;
    case PE_X64_SAVE_NONVOL_FAR:
    case PE_X64_SAVE_XMM128_FAR:
        return code->operand;
    case PE_X64_EPILOG:
        if (unwind->version == 1)
            return 0;
        return is_first ? code->prolog_offset : code->prolog_offset | (uint32_t)code->info << 8;
    default:
        return 0;
    }
}

void pe_x64_codes(const pe_x64_unwind *unwind, pe_x64_code_iter *ret_iter)
{
    *ret_iter =
        (pe_x64_code_iter){.unwind = unwind, .status = unwind->is_known ? PE_OK : PE_NOT_PRESENT};
}

static pe_x64_code decode(const pe_x64_unwind *unwind, uint32_t index)
{
    uint32_t first = load_slot(unwind, index);
    pe_x64_code code = {
        .at = {unwind->at.value + 4 + 2 * index},
        .prolog_offset = (uint8_t)first,
        .operation = first >> 8 & 15,
        .info = (uint8_t)(first >> 12),
    };
    code.slot_count = slots_of(unwind->version, code.operation, code.info);
    return code;
}

pe_status pe_x64_code_next(pe_x64_code_iter *iter, pe_x64_code *ret_code)
{
    const pe_x64_unwind *unwind = iter->unwind;
    if (iter->status == PE_OK && iter->next >= unwind->slot_count)
        iter->status = PE_END;
    if (iter->status != PE_OK)
        return iter->status;
    pe_x64_code code = decode(unwind, iter->next);
    if (code.slot_count == 0 || code.slot_count > unwind->slot_count - iter->next) {
        iter->status = PE_BAD_FORMAT;
        return iter->status;
    }
    if (code.slot_count > 1)
        code.operand = load_slot(unwind, iter->next + 1);
    if (code.slot_count > 2)
        code.operand |= load_slot(unwind, iter->next + 2) << 16;
    code.value = value_of(unwind, &code, iter->next == 0);
    iter->next += code.slot_count;
    *ret_code = code;
    return PE_OK;
}
