/* needs.c: which modules a module needs, each once, however many ask for each other. */
#include <string.h>

#include "modules/module.h"

/* From this many on a table finds out whether one is there already. */
enum { SEARCHED_BY_TABLE = 16 };

static size_t slot_of(const ldr__needs_table *table, const ldr_module *other)
{
    uint64_t hash = (uintptr_t)other * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(hash >> 32) & (table->size - 1);
}

/* The slot that holds `other`, or the free one where it belongs. */
static const ldr_module **find_slot(const ldr__needs_table *table, const ldr_module *other)
{
    size_t slot = slot_of(table, other);
    while (table->slots[slot] && table->slots[slot] != other)
        slot = (slot + 1) & (table->size - 1);
    return &table->slots[slot];
}

/* A table with room for one more than there are, no more than half full. */
static bool make_table(ldr_module *module)
{
    ldr__needs_table table = {.size = 4 * SEARCHED_BY_TABLE};
    if (module->need_table.slots && module->need_count < module->need_table.size / 2)
        return true;
    while (table.size <= 2 * module->need_count)
        table.size *= 2;
    table.slots = ldr__os_alloc(table.size * sizeof(const ldr_module *));
    if (!table.slots)
        return false;
    for (size_t i = 0; i < module->need_count; i++)
        *find_slot(&table, module->needs[i]) = module->needs[i];
    ldr__needs_changed(module);
    module->need_table = table;
    return true;
}

void ldr__needs_changed(ldr_module *module)
{
    ldr__os_free(module->need_table.slots);
    module->need_table = (ldr__needs_table){0};
}

static bool is_needed(const ldr_module *module, const ldr_module *other)
{
    if (module->need_table.slots)
        return *find_slot(&module->need_table, other) != NULL;
    for (size_t i = 0; i < module->need_count; i++) {
        if (module->needs[i] == other)
            return true;
    }
    return false;
}

static bool make_room(ldr_module *module)
{
    if (module->need_count < module->need_capacity)
        return true;
    size_t capacity = module->need_capacity ? module->need_capacity * 2 : 8;
    void *grown = ldr__os_resize(module->needs, capacity * sizeof(*module->needs));
    if (!grown)
        return false;
    module->needs = grown;
    module->need_capacity = capacity;
    return true;
}

/* The dying keep nobody: what they need has been counted down already. */
static ldr_status need_locked(ldr_module *module, ldr_module *other)
{
    bool by_table = module->need_count >= SEARCHED_BY_TABLE;
    if (module->state == LDR__DYING) {
        ldr__suspect(other);
        return LDR_OK;
    }
    if (by_table && !make_table(module))
        return LDR_NO_MEMORY;
    if (other == module || is_needed(module, other))
        return LDR_OK;
    if (!make_room(module))
        return LDR_NO_MEMORY;
    if (by_table)
        *find_slot(&module->need_table, other) = other;
    module->needs[module->need_count++] = other;
    other->needed_by++;
    ldr__module_counted(other);
    return LDR_OK;
}

ldr_status ldr__module_need(ldr_module *module, ldr_module *other)
{
    ldr__table_lock(module->ctx);
    ldr_status status = need_locked(module, other);
    ldr__table_unlock(module->ctx);
    return status;
}
