#include "pe/image/address.h"
#include "resource_tree.h"

/* Each entry of a tree is visited once: more than fit behind the root are visited in circles. */
static uint64_t count_limit(const pe_image *image, pe_rva root)
{
    enum { ENTRY_SIZE = 8 };
    pe__region region;
    if (!pe__region_at(image, root.value, &region))
        return 0;
    return (region.end - root.value) / ENTRY_SIZE;
}

void pe_resource_walk_start(const pe_image *image, pe_resource_walk *ret_walk)
{
    *ret_walk = (pe_resource_walk){.image = image, .depth = 1};
    pe_resource_iter *root = &ret_walk->levels[0];
    pe_resources(image, root);
    ret_walk->problem = root->directory.at;
    ret_walk->status = root->status;
    ret_walk->budget = count_limit(image, root->directory.at);
}

/* The first error is the one that is told. */
static void note_problem(pe_resource_walk *walk, pe_status status, pe_rva at)
{
    if (walk->error != PE_OK)
        return;
    walk->error = status;
    walk->problem = at;
}

static bool is_ancestor(const pe_resource_walk *walk, pe_rva directory)
{
    for (uint32_t i = 0; i < walk->depth; i++) {
        if (walk->levels[i].directory.at.value == directory.value)
            return true;
    }
    return false;
}

static void descend(pe_resource_walk *walk, const pe_resource_entry *entry)
{
    if (walk->depth == PE_RESOURCE_DEPTH || is_ancestor(walk, entry->target)) {
        note_problem(walk, PE_BAD_FORMAT, entry->target);
        return;
    }
    const pe_resource_iter *parent = &walk->levels[walk->depth - 1];
    pe__resource_children(parent, entry, &walk->levels[walk->depth++]);
}

/* Leaves the innermost directory, which has no more entries or cannot be read further. */
static void ascend(pe_resource_walk *walk)
{
    const pe_resource_iter *level = &walk->levels[--walk->depth];
    if (level->status != PE_END)
        note_problem(walk, level->status, level->directory.at);
}

static bool take_leaf(pe_resource_walk *walk, const pe_resource_entry *entry,
                      pe_resource_item *ret_item)
{
    pe_status status = pe__resource_leaf(&walk->levels[walk->depth - 1], entry, &ret_item->leaf);
    if (status != PE_OK) {
        note_problem(walk, status, entry->target);
        return false;
    }
    ret_item->depth = walk->depth;
    for (uint32_t i = 0; i < walk->depth; i++)
        ret_item->path[i] = walk->path[i];
    return true;
}

/* The next entry of the innermost directory; false if that was left instead. */
static bool visit(pe_resource_walk *walk, pe_resource_entry *ret_entry)
{
    pe_resource_iter *level = &walk->levels[walk->depth - 1];
    if (pe__resource_next(level, &walk->path[walk->depth - 1], ret_entry) == PE_OK)
        return true;
    ascend(walk);
    return false;
}

static pe_status finish(pe_resource_walk *walk)
{
    walk->status = walk->error != PE_OK ? walk->error : PE_END;
    return walk->status;
}

pe_status pe_resource_walk_next(pe_resource_walk *walk, pe_resource_item *ret_item)
{
    pe_resource_entry entry;
    if (walk->status != PE_OK)
        return walk->status;
    while (walk->depth != 0) {
        if (!visit(walk, &entry))
            continue;
        if (walk->budget == 0) {
            note_problem(walk, PE_BAD_FORMAT, entry.at);
            break;
        }
        walk->budget--;
        if (entry.is_directory)
            descend(walk, &entry);
        else if (take_leaf(walk, &entry, ret_item))
            return PE_OK;
    }
    return finish(walk);
}
