#include "pe/image/address.h"
#include "pe/image/bytes.h"

/* IMAGE_FUNCTION_OVERRIDE_HEADER, IMAGE_FUNCTION_OVERRIDE_DYNAMIC_RELOCATION, IMAGE_BDD_INFO and
 * IMAGE_BDD_DYNAMIC_RELOCATION. */
enum {
    OVERRIDES_HEADER = 4,
    OVERRIDE_ORIGINAL = 0,
    OVERRIDE_BDD = 4,
    OVERRIDE_RVA_SIZE = 8,
    OVERRIDE_RELOC_SIZE = 12,
    OVERRIDE_HEADER = 16,
    RVA_SIZE = 4,
    BDD_HEADER = 8,
    NODE_SIZE = 8,
};

/* The `size` bytes at `offset` of `whole`. */
static pe_status part_of(pe_directory whole, uint64_t offset, uint64_t size, pe_directory *ret_part)
{
    pe_rva rva;
    if (!pe_range_ok(whole.size, offset, size) || !pe__element(whole.rva, offset, 1, &rva))
        return PE_OUT_OF_BOUNDS;
    *ret_part = (pe_directory){rva, (uint32_t)size};
    return PE_OK;
}

/* The overrides come first, after their size; the diagrams are all that is left. */
static pe_status split(const pe_dynamic_entry *entry, pe_override_iter *iter)
{
    uint8_t raw[OVERRIDES_HEADER];
    if (entry->symbol != PE_DYNAMIC_FUNCTION_OVERRIDE)
        return PE_NOT_FOUND;
    pe_status status = pe__read_within(iter->image, entry->fixups, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint32_t size = pe__load_u32(raw);
    uint64_t rest = OVERRIDES_HEADER + (uint64_t)size;
    status = part_of(entry->fixups, OVERRIDES_HEADER, size, &iter->overrides);
    if (status == PE_OK)
        status = part_of(entry->fixups, rest, entry->fixups.size - rest, &iter->diagrams);
    return status;
}

void pe_overrides(const pe_image *image, const pe_dynamic_entry *entry, pe_override_iter *ret_iter)
{
    pe_override_iter iter = {.image = image};
    iter.status = split(entry, &iter);
    *ret_iter = iter;
}

static pe_status read_override(const pe_override_iter *iter, pe_override *ret_override)
{
    uint8_t raw[OVERRIDE_HEADER];
    pe_status status = pe__read_within(iter->image, iter->overrides, iter->next, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint64_t start = (uint64_t)iter->next + OVERRIDE_HEADER;
    uint32_t rva_size = pe__load_u32(raw + OVERRIDE_RVA_SIZE);
    pe_override override = {
        .at = {iter->overrides.rva.value + iter->next},
        .original = {pe__load_u32(raw + OVERRIDE_ORIGINAL)},
        .bdd_offset = pe__load_u32(raw + OVERRIDE_BDD),
    };
    status = part_of(iter->overrides, start, rva_size, &override.rvas);
    if (status == PE_OK)
        status = part_of(iter->overrides, start + rva_size, pe__load_u32(raw + OVERRIDE_RELOC_SIZE),
                         &override.relocs);
    if (status == PE_OK)
        *ret_override = override;
    return status;
}

/* An override takes at least its header, so that the walk ends. */
pe_status pe_override_next(pe_override_iter *iter, pe_override *ret_override)
{
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = iter->next == iter->overrides.size ? PE_END : read_override(iter, ret_override);
    if (iter->status == PE_OK)
        iter->next += OVERRIDE_HEADER + ret_override->rvas.size + ret_override->relocs.size;
    return iter->status;
}

pe_status pe_override_rva(const pe_image *image, const pe_override *override, uint32_t index,
                          pe_rva *ret_rva)
{
    uint8_t raw[RVA_SIZE];
    if (index >= override->rvas.size / RVA_SIZE)
        return PE_NOT_FOUND;
    pe_status status =
        pe__read_within(image, override->rvas, (uint64_t)index * RVA_SIZE, raw, sizeof raw);
    if (status == PE_OK)
        *ret_rva = (pe_rva){pe__load_u32(raw)};
    return status;
}

pe_status pe_bdd_open(const pe_override_iter *iter, uint32_t offset, pe_bdd *ret_bdd)
{
    uint8_t raw[BDD_HEADER];
    pe_directory nodes;
    pe_status status = pe__read_within(iter->image, iter->diagrams, offset, raw, sizeof raw);
    if (status == PE_OK)
        status =
            part_of(iter->diagrams, (uint64_t)offset + BDD_HEADER, pe__load_u32(raw + 4), &nodes);
    if (status != PE_OK)
        return status;
    *ret_bdd = (pe_bdd){
        .at = {iter->diagrams.rva.value + offset},
        .version = pe__load_u32(raw),
        .nodes = nodes,
    };
    return PE_OK;
}

pe_status pe_bdd_node_at(const pe_image *image, const pe_bdd *bdd, uint32_t index,
                         pe_bdd_node *ret_node)
{
    uint8_t raw[NODE_SIZE];
    if (index >= bdd->nodes.size / NODE_SIZE)
        return PE_NOT_FOUND;
    pe_status status =
        pe__read_within(image, bdd->nodes, (uint64_t)index * NODE_SIZE, raw, sizeof raw);
    if (status == PE_OK)
        *ret_node = (pe_bdd_node){
            .left = pe__load_u16(raw),
            .right = pe__load_u16(raw + 2),
            .value = pe__load_u32(raw + 4),
        };
    return status;
}
