#include "pe/image/address.h"
#include "resource_data.h"

#include <string.h>

enum {
    TABLE_BLOCK_COUNT = 0,
    TABLE_BLOCKS = 4,
    BLOCK_LOW = 0,
    BLOCK_HIGH = 4,
    BLOCK_ENTRIES = 8,
    BLOCK_SIZE = 12,
    MESSAGE_LENGTH = 0,
    MESSAGE_FLAGS = 2,
    MESSAGE_TEXT = 4,
};

pe_status pe_message_table_open(const pe_resource_leaf *leaf, pe_message_table *ret_table)
{
    uint8_t raw[TABLE_BLOCKS];
    pe_status status = pe__leaf_read(leaf, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    *ret_table = (pe_message_table){
        .leaf = *leaf,
        .block_count = pe__load_u32(raw + TABLE_BLOCK_COUNT),
    };
    return PE_OK;
}

pe_status pe_message_block_at(const pe_message_table *table, uint32_t index,
                              pe_message_block *ret_block)
{
    uint8_t raw[BLOCK_SIZE];
    uint64_t offset = TABLE_BLOCKS + (uint64_t)BLOCK_SIZE * index;
    if (index >= table->block_count)
        return PE_NOT_FOUND;
    pe_status status = pe__leaf_read(&table->leaf, offset, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    *ret_block = (pe_message_block){
        .at = pe__leaf_rva(&table->leaf, offset),
        .low_id = pe__load_u32(raw + BLOCK_LOW),
        .high_id = pe__load_u32(raw + BLOCK_HIGH),
        .entries = pe__load_u32(raw + BLOCK_ENTRIES),
    };
    return PE_OK;
}

/* A block whose IDs descend holds none. */
void pe_messages(const pe_message_table *table, const pe_message_block *block,
                 pe_message_iter *ret_iter)
{
    *ret_iter = (pe_message_iter){
        .leaf = table->leaf,
        .id = block->low_id,
        .end = (uint64_t)block->high_id + 1,
        .next = block->entries,
        .status = table->leaf.status,
    };
}

/* The text of `size` bytes at `offset` up to its NUL. */
static pe_status read_text(const pe_resource_leaf *leaf, uint64_t offset, uint64_t size,
                           pe_message *message)
{
    message->is_wide = (message->flags & PE_MESSAGE_UNICODE) != 0;
    if (message->is_wide) {
        uint64_t length = pe__leaf_utf16_length(leaf, offset, offset + size);
        return pe__leaf_utf16(leaf, offset, length, &message->wide);
    }
    if (!pe__pay(leaf->budget, leaf->rva.value + offset, size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    message->narrow = pe__leaf_span(leaf, offset, size);
    if (message->narrow.size == 0)
        return PE_OK;
    const uint8_t *nul = memchr(message->narrow.data, 0, message->narrow.size);
    if (nul != NULL)
        message->narrow.size = (uint64_t)(nul - message->narrow.data);
    return PE_OK;
}

static pe_status read_message(const pe_resource_leaf *leaf, uint32_t offset, pe_message *message)
{
    uint8_t raw[MESSAGE_TEXT];
    pe_status status = pe__leaf_read(leaf, offset, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    message->at = pe__leaf_rva(leaf, offset);
    message->size = pe__load_u16(raw + MESSAGE_LENGTH);
    message->flags = pe__load_u16(raw + MESSAGE_FLAGS);
    if (message->size < MESSAGE_TEXT)
        return PE_BAD_FORMAT;
    if (!pe_range_ok(leaf->size, offset, message->size))
        return PE_OUT_OF_BOUNDS;
    return read_text(leaf, (uint64_t)offset + MESSAGE_TEXT, message->size - MESSAGE_TEXT, message);
}

pe_status pe_message_next(pe_message_iter *iter, pe_message *ret_message)
{
    pe_message message = {.id = (uint32_t)iter->id};
    if (iter->status == PE_OK && iter->id >= iter->end)
        iter->status = PE_END;
    if (iter->status == PE_OK)
        iter->status = read_message(&iter->leaf, iter->next, &message);
    if (iter->status != PE_OK)
        return iter->status;
    iter->id++;
    iter->next += message.size;
    *ret_message = message;
    return PE_OK;
}
