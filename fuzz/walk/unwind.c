/* The part of the parser's fuzz target that takes load configurations and exceptions apart. */
#include "walk.h"

static void walk_guard_table(struct walk *walk, const pe_load_config *config, unsigned table)
{
    pe_guard_iter iter;
    pe_guard_entry entry;
    pe_guard_entries(walk->image, config, table, &iter);
    while (pe_guard_next(&iter, &entry) == PE_OK) {
        note(walk, entry.at.value);
        note(walk, entry.target.value);
        note(walk, entry.metadata[0]);
    }
    note(walk, iter.status);
    if (iter.status != PE_OK)
        REQUIRE(pe_guard_next(&iter, &entry) == iter.status);
}

void walk_load_config(struct walk *walk)
{
    pe_load_config config;
    pe_status status = pe_load_config_open(walk->image, &config);
    note(walk, status);
    if (status != PE_OK)
        return;
    for (unsigned i = 0; i <= PE_LC_COUNT; i++) {
        uint64_t value = 0;
        note(walk, pe_load_config_value(&config, i, &value));
        note(walk, value);
    }
    for (unsigned i = 0; i <= PE_GUARD_TABLE_COUNT; i++)
        walk_guard_table(walk, &config, i);
}

static void walk_codes(struct walk *walk, const pe_x64_unwind *unwind)
{
    uint32_t slots = 0;
    pe_x64_code_iter codes;
    pe_x64_code code;
    pe_x64_codes(unwind, &codes);
    while (pe_x64_code_next(&codes, &code) == PE_OK) {
        slots += code.slot_count;
        note(walk, code.operation * 16u + code.info);
        note(walk, code.value);
    }
    REQUIRE(slots <= unwind->slot_count);
    REQUIRE(codes.status != PE_END || slots == unwind->slot_count);
    note(walk, codes.status);
}

static void walk_chain(struct walk *walk, const pe_x64_function *function)
{
    uint32_t links = 0;
    pe_x64_chain_iter chain;
    pe_x64_function link;
    pe_x64_unwind unwind;
    pe_x64_chain(walk->image, function, &chain);
    while (pe_x64_chain_next(&chain, &link, &unwind) == PE_OK) {
        links++;
        REQUIRE(links <= PE_X64_CHAIN_LIMIT && !link.is_indirect);
        note(walk, unwind.handler.value);
        walk_codes(walk, &unwind);
    }
    note(walk, chain.status);
    REQUIRE(pe_x64_chain_next(&chain, &link, &unwind) == chain.status);
}

void walk_exceptions(struct walk *walk)
{
    pe_x64_function_iter iter;
    pe_x64_function function;
    pe_x64_functions(walk->image, &iter);
    while (pe_x64_function_next(&iter, &function) == PE_OK) {
        note(walk, function.at.value ^ function.begin.value ^ function.end.value);
        walk_chain(walk, &function);
    }
    note(walk, iter.status);
    if (iter.status != PE_OK)
        REQUIRE(pe_x64_function_next(&iter, &function) == iter.status);
}
