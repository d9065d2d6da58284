#include "pe/image/bytes.h"
#include "resource_data.h"

enum { LENGTH_SIZE = 2 };

void pe_string_block(const pe_resource_leaf *leaf, const pe_resource_id *block,
                     pe_string_block_iter *ret_iter)
{
    bool is_block = !block->is_named && block->number >= 1 && block->number <= PE_STRING_BLOCKS;
    *ret_iter = (pe_string_block_iter){.leaf = *leaf, .status = leaf->status};
    if (is_block)
        ret_iter->first_id = (block->number - 1) * PE_STRINGS_PER_BLOCK;
    else
        ret_iter->status = PE_BAD_FORMAT;
}

pe_status pe_string_block_next(pe_string_block_iter *iter, pe_resource_string *ret_string)
{
    uint16_t length;
    pe_utf16 text = {0};
    if (iter->status != PE_OK)
        return iter->status;
    if (iter->index == PE_STRINGS_PER_BLOCK || iter->next == iter->leaf.size)
        return iter->status = PE_END;
    iter->status = pe__leaf_u16(&iter->leaf, iter->next, &length);
    if (iter->status == PE_OK)
        iter->status =
            pe__leaf_utf16(&iter->leaf, (uint64_t)iter->next + LENGTH_SIZE, length, &text);
    if (iter->status != PE_OK)
        return iter->status;
    *ret_string =
        (pe_resource_string){.id = (uint16_t)(iter->first_id + iter->index), .text = text};
    iter->index++;
    iter->next += LENGTH_SIZE + 2 * text.length;
    return PE_OK;
}
