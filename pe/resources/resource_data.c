#include "resource_data.h"

#include "pe/image/address.h"
#include "pe/image/headers.h"

pe_span pe__leaf_span(const pe_resource_leaf *leaf, uint64_t offset, uint64_t size)
{
    if (!pe_range_ok(leaf->size, offset, size) || offset >= leaf->bytes.size)
        return (pe_span){0};
    return (pe_span){leaf->bytes.data + offset, pe__min(size, leaf->bytes.size - offset)};
}

pe_status pe__leaf_read(const pe_resource_leaf *leaf, uint64_t offset, void *ret_bytes, size_t size)
{
    if (leaf->status != PE_OK)
        return leaf->status;
    if (!pe_range_ok(leaf->size, offset, size))
        return PE_OUT_OF_BOUNDS;
    if (!pe__pay(leaf->budget, leaf->rva.value + offset, PE__COST_RECORD + size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    pe__copy_at(leaf->bytes, offset, ret_bytes, size);
    return PE_OK;
}

pe_status pe__leaf_u16(const pe_resource_leaf *leaf, uint64_t offset, uint16_t *ret_value)
{
    uint8_t raw[2];
    pe_status status = pe__leaf_read(leaf, offset, raw, sizeof raw);
    if (status == PE_OK)
        *ret_value = pe__load_u16(raw);
    return status;
}

pe_rva pe__leaf_rva(const pe_resource_leaf *leaf, uint64_t offset)
{
    return (pe_rva){(uint32_t)(leaf->rva.value + offset)};
}

pe_status pe__leaf_utf16(const pe_resource_leaf *leaf, uint64_t offset, uint64_t length,
                         pe_utf16 *ret_text)
{
    if (leaf->status != PE_OK)
        return leaf->status;
    if (length > UINT32_MAX / 2 || !pe_range_ok(leaf->size, offset, 2 * length))
        return PE_OUT_OF_BOUNDS;
    if (!pe__pay(leaf->budget, leaf->rva.value + offset, PE__COST_RECORD + 2 * length))
        return PE_BUDGET_SPENT;
    *ret_text = (pe_utf16){
        .at = pe__leaf_rva(leaf, offset),
        .length = (uint32_t)length,
        .bytes = pe__leaf_span(leaf, offset, 2 * length),
    };
    return PE_OK;
}

uint64_t pe__leaf_utf16_length(const pe_resource_leaf *leaf, uint64_t offset, uint64_t end)
{
    pe_span stored = pe__leaf_span(leaf, offset, end < offset ? 0 : end - offset);
    uint64_t length = 0;
    while (2 * length + 1 < stored.size && pe__load_u16(stored.data + 2 * length) != 0)
        length++;
    /* Half a unit is stored, the other half is zero fill. */
    bool is_half = 2 * length + 1 == stored.size && stored.data[2 * length] != 0;
    return length + (is_half && end - offset > stored.size);
}
