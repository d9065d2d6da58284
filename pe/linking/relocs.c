#include "pe/image/address.h"
#include "pe/image/bytes.h"
#include "pe/image/rules.h"

enum {
    BLOCK_SIZE_FIELD = 4,
    BLOCK_HEADER = 8,
    ENTRY_SIZE = 2,
};

bool pe_has_relocs(const pe_image *image)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_BASE_RELOCATION);
    return directory.rva.value != 0 && directory.size != 0;
}

/* An absent directory is an empty one. */
void pe_relocs(const pe_image *image, pe_reloc_iter *ret_iter)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_BASE_RELOCATION);
    *ret_iter = (pe_reloc_iter){
        .image = image,
        .next = directory.rva.value,
        .end = (uint64_t)directory.rva.value + directory.size,
        .status = pe_has_relocs(image) ? PE_OK : PE_END,
    };
}

static pe_status fail(pe_reloc_iter *iter, pe_status status, pe__rule rule, uint64_t value,
                      uint64_t allowed)
{
    pe__violation(rule, iter->next + BLOCK_SIZE_FIELD, value, allowed, &iter->diag);
    iter->status = status;
    return status;
}

/* Where a block does not lie inside one region: its size, and how much of the image follows. */
static pe_status fail_bounds(pe_reloc_iter *iter, pe_status status, uint64_t size)
{
    uint64_t image_size = iter->image->optional.size_of_image;
    uint64_t rest = iter->next < image_size ? image_size - iter->next : 0;
    return fail(iter, status, PE__RULE_D1, size, rest);
}

/* The block at `at` of `size` bytes, 8 or more, all of it in one region. Entries that lie in zero
 * fill say ABSOLUTE and are not stored. */
static pe_status borrow_block(const pe_image *image, pe_rva at, uint32_t size,
                              pe_reloc_block *block)
{
    pe__region region;
    pe_status status = pe__readable_region(image, at.value, &region);
    if (status != PE_OK)
        return status;
    if (size > region.end - at.value)
        return PE_OUT_OF_BOUNDS;
    block->at = at;
    block->count = (size - BLOCK_HEADER) / ENTRY_SIZE;
    if (block->count != 0)
        block->entries = pe_tail(image, (pe_rva){at.value + BLOCK_HEADER});
    block->entries.size = pe__min(block->entries.size, (uint64_t)block->count * ENTRY_SIZE);
    return PE_OK;
}

/*
 * The next block if it lies in the region of the one before it and nothing is wrong with it: a
 * region is looked up once and not for each of its blocks.
 */
static bool take_ahead(pe_reloc_iter *iter, pe_reloc_block *ret_block)
{
    if (iter->ahead.size < BLOCK_HEADER)
        return false;
    const uint8_t *data = iter->ahead.data;
    uint32_t size = pe__load_u32(data + BLOCK_SIZE_FIELD);
    if (size < BLOCK_HEADER || size > iter->ahead.size || size > iter->end - iter->next)
        return false;
    uint32_t count = (size - BLOCK_HEADER) / ENTRY_SIZE;
    *ret_block = (pe_reloc_block){
        .at = {(uint32_t)iter->next},
        .page = {pe__load_u32(data)},
        .entries = {data + BLOCK_HEADER, (uint64_t)count * ENTRY_SIZE},
        .count = count,
    };
    iter->next += size;
    iter->ahead = (pe_span){data + size, iter->ahead.size - size};
    return true;
}

/* The next block with every check; after it, `ahead` is what follows it. */
static pe_status find_block(pe_reloc_iter *iter, pe_reloc_block *ret_block)
{
    uint8_t header[BLOCK_HEADER];
    uint64_t rest = iter->end - iter->next;
    if (iter->next > UINT32_MAX)
        return fail_bounds(iter, PE_OUT_OF_BOUNDS, BLOCK_HEADER);
    pe_rva at = {(uint32_t)iter->next};
    pe_status status = pe_read(iter->image, at, header, sizeof header);
    if (status != PE_OK)
        return fail_bounds(iter, status, BLOCK_HEADER);
    uint32_t size = pe__load_u32(header + BLOCK_SIZE_FIELD);
    if (size < BLOCK_HEADER)
        return fail(iter, PE_BAD_FORMAT, PE__RULE_D3, size, BLOCK_HEADER);
    if (size > rest)
        return fail(iter, PE_BAD_FORMAT, PE__RULE_D2, size, rest);
    pe_reloc_block block = {.page = {pe__load_u32(header)}};
    status = borrow_block(iter->image, at, size, &block);
    if (status != PE_OK)
        return fail_bounds(iter, status, size);
    iter->next += size;
    iter->ahead = iter->next <= UINT32_MAX ? pe_tail(iter->image, (pe_rva){(uint32_t)iter->next})
                                           : (pe_span){0};
    *ret_block = block;
    return PE_OK;
}

/* Rules D1 to D3. Less than a header at the end of the directory is padding, as in Wine. */
pe_status pe_reloc_next(pe_reloc_iter *iter, pe_reloc_block *ret_block)
{
    if (iter->status == PE_OK && iter->end - iter->next < BLOCK_HEADER)
        iter->status = PE_END;
    if (iter->status != PE_OK)
        return iter->status;
    pe_reloc_block block;
    pe_status status = take_ahead(iter, &block) ? PE_OK : find_block(iter, &block);
    if (status != PE_OK)
        return status;
    if (!pe__pay(iter->image->budget, block.at.value, PE__COST_RECORD + block.count))
        return fail_bounds(iter, PE_BUDGET_SPENT, 0);
    *ret_block = block;
    return PE_OK;
}
