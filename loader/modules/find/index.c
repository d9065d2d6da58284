#include "modules/find/index.h"

#include <string.h>

#include "modules/module.h"

/* ---- Buckets ---- */

static uint64_t hash_id(const ldr__index *index, ldr__file_id id)
{
    uint64_t hash = (index->seed ^ id.inode) * UINT64_C(0x9E3779B97F4A7C15);
    return ((hash ^ id.device) * UINT64_C(0x9E3779B97F4A7C15)) >> 32;
}

static ldr__bucket *name_bucket(const ldr__index *index, uint64_t hash)
{
    return &index->names[hash & (index->size - 1)];
}

static ldr__bucket *id_bucket(const ldr__index *index, ldr__file_id id)
{
    return &index->ids[hash_id(index, id) & (index->size - 1)];
}

static void append_name(ldr__index *index, ldr_module *module)
{
    ldr__bucket *bucket = name_bucket(index, module->index.name_hash);
    module->index.next_name = NULL;
    module->index.previous_name = bucket->last;
    *(bucket->last ? &bucket->last->index.next_name : &bucket->first) = module;
    bucket->last = module;
}

static void append_id(ldr__index *index, ldr_module *module)
{
    ldr__bucket *bucket = id_bucket(index, module->id);
    module->index.next_id = NULL;
    module->index.previous_id = bucket->last;
    *(bucket->last ? &bucket->last->index.next_id : &bucket->first) = module;
    bucket->last = module;
}

static void remove_name(ldr__index *index, ldr_module *module)
{
    ldr__bucket *bucket = name_bucket(index, module->index.name_hash);
    ldr_module *before = module->index.previous_name, *after = module->index.next_name;
    *(before ? &before->index.next_name : &bucket->first) = after;
    *(after ? &after->index.previous_name : &bucket->last) = before;
}

static void remove_id(ldr__index *index, ldr_module *module)
{
    ldr__bucket *bucket = id_bucket(index, module->id);
    ldr_module *before = module->index.previous_id, *after = module->index.next_id;
    *(before ? &before->index.next_id : &bucket->first) = after;
    *(after ? &after->index.previous_id : &bucket->last) = before;
}

/* More buckets for more modules. When there is no memory for them, finding gets slower. */
static void grow(ldr__index *index, const ldr_context *ctx)
{
    size_t size = index->size * 4;
    ldr__bucket *buckets = ldr__os_alloc(2 * size * sizeof(*buckets));
    if (!buckets)
        return;
    ldr__os_free(index->grown);
    index->grown = index->names = buckets;
    index->ids = buckets + size;
    index->size = size;
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->index.has_name)
            append_name(index, m);
        if (m->index.has_id)
            append_id(index, m);
    }
}

/* ---- Addresses ---- */

/* How many modules are placed at or below `address`. */
static size_t count_below(const ldr__index *index, uintptr_t address)
{
    size_t low = 0, high = index->placed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)ldr_module_base(index->placed[middle]) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(ldr__index *index)
{
    if (index->placed_count < index->placed_capacity)
        return true;
    size_t capacity = index->placed_capacity ? index->placed_capacity * 2 : 64;
    void *grown = ldr__os_resize(index->placed, capacity * sizeof(ldr_module *));
    if (!grown)
        return false;
    index->placed = grown;
    index->placed_capacity = capacity;
    return true;
}

ldr_status ldr__index_place(ldr__index *index, ldr_module *module)
{
    if (!make_room(index))
        return LDR_NO_MEMORY;
    size_t at = count_below(index, (uintptr_t)ldr_module_base(module));
    memmove(&index->placed[at + 1], &index->placed[at],
            (index->placed_count - at) * sizeof(ldr_module *));
    index->placed[at] = module;
    index->placed_count++;
    module->index.has_place = true;
    return LDR_OK;
}

static void remove_place(ldr__index *index, const ldr_module *module)
{
    size_t at = count_below(index, (uintptr_t)ldr_module_base(module)) - 1;
    index->placed_count--;
    memmove(&index->placed[at], &index->placed[at + 1],
            (index->placed_count - at) * sizeof(ldr_module *));
}

ldr_module *ldr__index_below(const ldr__index *index, const void *address)
{
    size_t count = count_below(index, (uintptr_t)address);
    return count != 0 ? index->placed[count - 1] : NULL;
}

/* ---- Modules ---- */

void ldr__index_create(ldr__index *index)
{
    index->seed = ldr__os_process_key();
    index->names = index->first_names;
    index->ids = index->first_ids;
    index->size = LDR__INDEX_START;
}

void ldr__index_destroy(ldr__index *index)
{
    ldr__os_free(index->grown);
    ldr__os_free(index->placed);
}

void ldr__index_add(ldr__index *index, ldr_module *module)
{
    module->index.name_hash = ldr__name_hash(module->name, index->seed);
    module->index.has_name = true;
    append_name(index, module);
    if (++index->count > index->size)
        grow(index, module->ctx);
}

void ldr__index_add_id(ldr__index *index, ldr_module *module, ldr__file_id id)
{
    module->id = id;
    module->index.has_id = true;
    append_id(index, module);
}

void ldr__index_remove(ldr__index *index, ldr_module *module)
{
    if (module->index.has_name) {
        remove_name(index, module);
        index->count--;
    }
    if (module->index.has_id)
        remove_id(index, module);
    if (module->index.has_place)
        remove_place(index, module);
    module->index = (ldr__index_entry){0};
}

ldr_module *ldr__index_named(const ldr__index *index, const char *name, const ldr_module *after)
{
    uint64_t hash = after ? after->index.name_hash : ldr__name_hash(name, index->seed);
    ldr_module *m = after ? after->index.next_name : name_bucket(index, hash)->first;
    while (m &&
           (m->index.name_hash != hash || m->state == LDR__DYING || !ldr__same_name(m->name, name)))
        m = m->index.next_name;
    return m;
}

ldr_module *ldr__index_with_id(const ldr__index *index, ldr__file_id id)
{
    ldr_module *m = id_bucket(index, id)->first;
    while (m && (m->state == LDR__DYING || m->id.device != id.device || m->id.inode != id.inode))
        m = m->index.next_id;
    return m;
}
