#include "walk.h"

static void walk_records(struct walk *walk, const pe_dynamic_block *block)
{
    pe_dynamic_record_iter records;
    pe_dynamic_record record;
    pe_dynamic_records(walk->image, block, &records);
    while (pe_dynamic_record_next(&records, &record) == PE_OK) {
        REQUIRE(record.size >= 2 && record.size <= 10);
        REQUIRE(record.at.value >= block->records.rva.value);
        note(walk, record.target ^ record.raw ^ record.iat_index);
        note(walk, record.value ^ (uint32_t)record.delta);
    }
    note(walk, (uint64_t)records.status);
    if (records.status != PE_OK)
        REQUIRE(pe_dynamic_record_next(&records, &record) == records.status);
}

static void walk_blocks(struct walk *walk, pe_dynamic_block_iter *blocks)
{
    pe_dynamic_block block;
    while (pe_dynamic_block_next(blocks, &block) == PE_OK) {
        REQUIRE(block.records.size <= blocks->fixups.size);
        note(walk, block.page.value ^ block.records.size);
        walk_records(walk, &block);
    }
    note(walk, (uint64_t)blocks->status);
    if (blocks->status != PE_OK)
        REQUIRE(pe_dynamic_block_next(blocks, &block) == blocks->status);
}

static void walk_bdd(struct walk *walk, const pe_override_iter *overrides, uint32_t offset)
{
    pe_bdd bdd;
    pe_bdd_node node;
    if (pe_bdd_open(overrides, offset, &bdd) != PE_OK)
        return;
    REQUIRE(bdd.nodes.size <= overrides->diagrams.size);
    note(walk, bdd.version);
    for (uint32_t i = 0; pe_bdd_node_at(walk->image, &bdd, i, &node) == PE_OK; i++)
        note(walk, node.left ^ node.right ^ node.value);
}

static void walk_overrides(struct walk *walk, const pe_dynamic_entry *entry)
{
    pe_override_iter overrides;
    pe_override override;
    pe_overrides(walk->image, entry, &overrides);
    while (pe_override_next(&overrides, &override) == PE_OK) {
        pe_dynamic_block_iter blocks;
        pe_rva rva = {0};
        REQUIRE(override.rvas.size + (uint64_t) override.relocs.size <= overrides.overrides.size);
        for (uint32_t i = 0; pe_override_rva(walk->image, &override, i, &rva) == PE_OK; i++)
            note(walk, rva.value);
        walk_bdd(walk, &overrides, override.bdd_offset);
        pe_override_blocks(walk->image, &override, &blocks);
        walk_blocks(walk, &blocks);
    }
    note(walk, (uint64_t)overrides.status);
    if (overrides.status != PE_OK)
        REQUIRE(pe_override_next(&overrides, &override) == overrides.status);
}

static void walk_dynamic(struct walk *walk, const pe_load_config *config)
{
    pe_dynamic_table table;
    pe_dynamic_iter entries;
    pe_dynamic_entry entry;
    pe_status status = pe_dynamic_table_open(walk->image, config, &table);
    note(walk, (uint64_t)status);
    if (status != PE_OK)
        return;
    pe_dynamic_entries(walk->image, &table, &entries);
    while (pe_dynamic_next(&entries, &entry) == PE_OK) {
        pe_dynamic_block_iter blocks;
        REQUIRE(entry.header_size + (uint64_t)entry.fixups.size <= table.entries.size);
        note(walk, entry.symbol ^ entry.fixups.size);
        pe_dynamic_blocks(walk->image, &entry, &blocks);
        walk_blocks(walk, &blocks);
        walk_overrides(walk, &entry);
    }
    note(walk, (uint64_t)entries.status);
    if (entries.status != PE_OK)
        REQUIRE(pe_dynamic_next(&entries, &entry) == entries.status);
}

static void walk_chpe(struct walk *walk, const pe_load_config *config)
{
    pe_chpe chpe;
    pe_chpe_iter iter;
    pe_chpe_range range;
    pe_chpe_entry_point entry_point;
    pe_chpe_redirection redirection;
    if (pe_chpe_open(walk->image, config, &chpe) != PE_OK)
        return;
    REQUIRE(chpe.count > 0 && chpe.count <= PE_CHPE_VALUE_COUNT);
    for (uint32_t i = 0; i < chpe.count; i++)
        REQUIRE(pe_chpe_value_name(&chpe, i) != NULL);
    pe_chpe_ranges(walk->image, &chpe, &iter);
    while (pe_chpe_range_next(&iter, &range) == PE_OK)
        note(walk, range.start.value ^ range.length ^ range.kind);
    note(walk, (uint64_t)iter.status);
    pe_chpe_entry_points(walk->image, &chpe, &iter);
    while (pe_chpe_entry_point_next(&iter, &entry_point) == PE_OK)
        note(walk, entry_point.start.value ^ entry_point.entry_point.value);
    pe_chpe_redirections(walk->image, &chpe, &iter);
    while (pe_chpe_redirection_next(&iter, &redirection) == PE_OK)
        note(walk, redirection.source.value ^ redirection.destination.value);
}

static void walk_volatile(struct walk *walk, const pe_load_config *config)
{
    pe_volatile metadata;
    pe_volatile_iter iter;
    pe_volatile_range range;
    pe_rva instruction;
    if (pe_volatile_open(walk->image, config, &metadata) != PE_OK)
        return;
    pe_volatile_accesses(walk->image, &metadata, &iter);
    while (pe_volatile_access_next(&iter, &instruction) == PE_OK)
        note(walk, instruction.value);
    note(walk, (uint64_t)iter.status);
    pe_volatile_ranges(walk->image, &metadata, &iter);
    while (pe_volatile_range_next(&iter, &range) == PE_OK)
        note(walk, range.rva.value ^ range.size);
    note(walk, (uint64_t)iter.status);
}

static void walk_enclave(struct walk *walk, const pe_load_config *config)
{
    pe_enclave enclave;
    pe_enclave_iter iter;
    pe_enclave_import import;
    if (pe_enclave_open(walk->image, config, &enclave) != PE_OK)
        return;
    note(walk, enclave.enclave_size ^ enclave.flags);
    pe_enclave_imports(walk->image, &enclave, &iter);
    while (pe_enclave_import_next(&iter, &import) == PE_OK) {
        note(walk, import.match);
        note_span(walk, import.name);
    }
    note(walk, (uint64_t)iter.status);
    if (iter.status != PE_OK)
        REQUIRE(pe_enclave_import_next(&iter, &import) == iter.status);
}

void walk_config_pointers(struct walk *walk)
{
    pe_load_config config;
    if (pe_load_config_open(walk->image, &config) != PE_OK)
        return;
    walk_dynamic(walk, &config);
    walk_chpe(walk, &config);
    walk_volatile(walk, &config);
    walk_enclave(walk, &config);
}
