#include "pe/image/address.h"

enum {
    FUNCTION_END = 4,
    FUNCTION_UNWIND = 8,
    FUNCTION_SIZE = 12,
    FUNCTION_INDIRECT = 1,
    UNWIND_HEADER = 4,
    SLOT_SIZE = 2,
    HANDLER_SIZE = 4,
};

/* Decoding the codes is paid for with the record that holds them. */
enum { UNWIND_COST = 32, SLOT_COST = 8 };

/* ---- Functions ---- */

void pe_x64_functions_in(const pe_image *image, pe_directory table, pe_x64_function_iter *ret_iter)
{
    *ret_iter = (pe_x64_function_iter){
        .image = image,
        .next = table.rva.value,
        .end = (uint64_t)table.rva.value + table.size,
        .status = table.rva.value != 0 ? PE_OK : PE_NOT_PRESENT,
    };
}

void pe_x64_functions(const pe_image *image, pe_x64_function_iter *ret_iter)
{
    pe_x64_functions_in(image, pe_directory_at(image, PE_DIRECTORY_EXCEPTION), ret_iter);
    if (image->file.machine != PE_MACHINE_AMD64)
        ret_iter->status = PE_NOT_PRESENT;
}

static inline void decode_function(const uint8_t *raw, pe_rva rva, pe_x64_function *ret_function)
{
    uint32_t unwind = pe__load_u32(raw + FUNCTION_UNWIND);
    ret_function->at = rva;
    ret_function->begin.value = pe__load_u32(raw);
    ret_function->end.value = pe__load_u32(raw + FUNCTION_END);
    ret_function->unwind.value = unwind & ~(uint32_t)FUNCTION_INDIRECT;
    ret_function->is_indirect = unwind & FUNCTION_INDIRECT;
}

static pe_status read_function(const pe_image *image, pe_window *window, pe_rva rva,
                               pe_x64_function *ret_function)
{
    uint8_t raw[FUNCTION_SIZE];
    pe_status status = pe__fetch(image, window, rva.value, raw, sizeof raw);
    if (status == PE_OK)
        decode_function(raw, rva, ret_function);
    return status;
}

pe_status pe_x64_function_at(const pe_image *image, pe_rva rva, pe_x64_function *ret_function)
{
    pe_window unused = {0};
    return read_function(image, &unused, rva, ret_function);
}

/* Less than an entry at the end of the directory is none. */
PE__SLOW static pe_status find_function(pe_x64_function_iter *iter, pe_x64_function *ret_function)
{
    if (iter->status == PE_OK && iter->end - iter->next < FUNCTION_SIZE)
        iter->status = PE_END;
    else if (iter->status == PE_OK && iter->next > UINT32_MAX)
        iter->status = PE_OUT_OF_BOUNDS;
    if (iter->status != PE_OK)
        return iter->status;
    iter->status =
        read_function(iter->image, &iter->window, (pe_rva){(uint32_t)iter->next}, ret_function);
    if (iter->status == PE_OK)
        iter->next += FUNCTION_SIZE;
    return iter->status;
}

pe_status pe_x64_function_next(pe_x64_function_iter *iter, pe_x64_function *ret_function)
{
    uint64_t at = iter->next;
    const uint8_t *raw = NULL;
    if (iter->status == PE_OK && iter->end - at >= FUNCTION_SIZE)
        raw = pe__take(iter->image, &iter->window, at, FUNCTION_SIZE);
    if (raw == NULL)
        return find_function(iter, ret_function);
    decode_function(raw, (pe_rva){(uint32_t)at}, ret_function);
    iter->next = at + FUNCTION_SIZE;
    return PE_OK;
}

/* ---- Unwind information ---- */

static void decode_header(const uint8_t *raw, pe_rva rva, pe_x64_unwind *unwind)
{
    unwind->at = rva;
    unwind->size = UNWIND_HEADER;
    unwind->version = raw[0] & 7;
    unwind->flags = raw[0] >> 3;
    unwind->prolog_size = raw[1];
    unwind->slot_count = raw[2];
    unwind->frame_register = raw[3] & 15;
    unwind->frame_offset = (uint8_t)(raw[3] & 0xF0);
    unwind->is_known = unwind->version == 1 || unwind->version == 2;
}

/* What follows the slots, whose number is padded to an even one: a chained entry or a handler. */
static pe_status read_tail(const pe_image *image, pe_x64_unwind *unwind)
{
    pe_rva tail;
    uint32_t padded = (unwind->slot_count + 1u) & ~1u;
    uint32_t handlers = PE_X64_EXCEPTION_HANDLER | PE_X64_TERMINATION_HANDLER;
    unwind->size += padded * SLOT_SIZE;
    if ((unwind->flags & (handlers | PE_X64_CHAINED)) == 0)
        return PE_OK;
    if (!pe__element(unwind->at, unwind->size, 1, &tail))
        return PE_OUT_OF_BOUNDS;
    unwind->is_chained = (unwind->flags & PE_X64_CHAINED) != 0;
    unwind->has_handler = !unwind->is_chained;
    unwind->size += unwind->is_chained ? FUNCTION_SIZE : HANDLER_SIZE;
    if (unwind->is_chained)
        return pe_x64_function_at(image, tail, &unwind->parent);
    unwind->language_data = (pe_rva){tail.value + HANDLER_SIZE};
    return pe_read_u32(image, tail, &unwind->handler.value);
}

pe_status pe_x64_unwind_at(const pe_image *image, pe_rva rva, pe_x64_unwind *ret_unwind)
{
    uint8_t raw[UNWIND_HEADER];
    pe_rva slots;
    pe_x64_unwind unwind = {0};
    pe_status status = pe_read(image, rva, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    decode_header(raw, rva, &unwind);
    if (unwind.is_known) {
        if (!pe__element(rva, UNWIND_HEADER, 1, &slots))
            return PE_OUT_OF_BOUNDS;
        if (!pe__pay(image->budget, rva.value,
                     UNWIND_COST + SLOT_COST * (uint64_t)unwind.slot_count))
            return PE_BUDGET_SPENT;
        status = pe_read(image, slots, unwind.slots, (size_t)unwind.slot_count * SLOT_SIZE);
        if (status == PE_OK)
            status = read_tail(image, &unwind);
    }
    if (status == PE_OK)
        *ret_unwind = unwind;
    return status;
}

/* ---- Chains ---- */

void pe_x64_chain(const pe_image *image, const pe_x64_function *function,
                  pe_x64_chain_iter *ret_iter)
{
    *ret_iter = (pe_x64_chain_iter){.image = image, .next = *function, .status = PE_OK};
}

/* One entry more, or an error once the limit is reached. */
static pe_status take_step(pe_x64_chain_iter *iter)
{
    return iter->steps++ < PE_X64_CHAIN_LIMIT ? PE_OK : PE_BAD_FORMAT;
}

static pe_status follow_indirect(pe_x64_chain_iter *iter)
{
    pe_status status = PE_OK;
    while (status == PE_OK && iter->next.is_indirect) {
        status = take_step(iter);
        if (status == PE_OK)
            status = pe_x64_function_at(iter->image, iter->next.unwind, &iter->next);
    }
    return status;
}

pe_status pe_x64_chain_next(pe_x64_chain_iter *iter, pe_x64_function *ret_function,
                            pe_x64_unwind *ret_unwind)
{
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = follow_indirect(iter);
    if (iter->status == PE_OK)
        iter->status = take_step(iter);
    if (iter->status == PE_OK)
        iter->status = pe_x64_unwind_at(iter->image, iter->next.unwind, ret_unwind);
    if (iter->status != PE_OK)
        return iter->status;
    *ret_function = iter->next;
    iter->next = ret_unwind->parent;
    iter->status = ret_unwind->is_chained ? PE_OK : PE_END;
    return PE_OK;
}
