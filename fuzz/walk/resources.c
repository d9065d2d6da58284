/* The part of the parser's fuzz target that takes resources apart. */
#include "walk.h"

/*
 * Text may end in zero fill, which is stored in memory only. It may be gigabytes of that: the
 * library tells where it lies, and does not read it.
 */
static void note_text(struct walk *walk, const pe_utf16 *text)
{
    enum { UNITS_MAX = 0x1000 };
    uint32_t count = text->length < UNITS_MAX ? text->length : UNITS_MAX;
    REQUIRE(text->bytes.size <= 2 * (uint64_t)text->length);
    REQUIRE(lies_inside(text->bytes, walk->image->bytes));
    note(walk, text->at.value);
    note(walk, text->length);
    for (uint32_t i = 0; i < count; i++)
        note(walk, pe_utf16_unit(text, i));
}

static void note_leaf(struct walk *walk, const pe_resource_leaf *leaf)
{
    REQUIRE(leaf->bytes.size <= leaf->size);
    REQUIRE(lies_inside(leaf->bytes, walk->image->bytes));
    note(walk, leaf->entry.value);
    note(walk, leaf->rva.value);
    note(walk, leaf->size);
    note(walk, leaf->code_page);
    note(walk, leaf->status);
}

static void note_node(struct walk *walk, const pe_version_node *node)
{
    note(walk, node->at.value);
    note(walk, node->size);
    note(walk, node->type);
    note_text(walk, &node->key);
}

static void walk_version_strings(struct walk *walk, const pe_version *version,
                                 const pe_version_table *table)
{
    pe_version_iter iter;
    pe_version_string string;
    pe_version_strings(version, table, &iter);
    while (pe_version_string_next(&iter, &string) == PE_OK) {
        note_node(walk, &string.node);
        note_text(walk, &string.value);
    }
    note(walk, iter.status);
}

static void walk_version_tables(struct walk *walk, const pe_version *version)
{
    pe_version_iter iter;
    pe_version_table table;
    pe_version_tables(version, &iter);
    while (pe_version_table_next(&iter, &table) == PE_OK) {
        note_node(walk, &table.node);
        note(walk, table.has_language ? table.language : UINT32_MAX);
        walk_version_strings(walk, version, &table);
    }
    note(walk, iter.status);
    if (iter.status != PE_OK)
        REQUIRE(pe_version_table_next(&iter, &table) == iter.status);
}

static void decode_version(struct walk *walk, const pe_resource_leaf *leaf)
{
    pe_version version;
    pe_version_iter iter;
    pe_version_translation translation;
    pe_status status = pe_version_open(leaf, &version);
    note(walk, status);
    if (status != PE_OK)
        return;
    note_node(walk, &version.node);
    note(walk, version.has_fixed ? version.fixed.date ^ version.fixed.flags : 0);
    walk_version_tables(walk, &version);
    pe_version_translations(&version, &iter);
    while (pe_version_translation_next(&iter, &translation) == PE_OK)
        note(walk, (uint64_t)translation.language << 16 | translation.code_page);
    note(walk, iter.status);
}

static void decode_manifest(struct walk *walk, const pe_resource_leaf *leaf)
{
    pe_manifest manifest;
    pe_status status = pe_manifest_open(leaf, &manifest);
    note(walk, status);
    if (status != PE_OK)
        return;
    REQUIRE(manifest.mark_size + (uint64_t)manifest.size == leaf->size);
    REQUIRE(lies_inside(manifest.text, leaf->bytes));
    note(walk, manifest.encoding);
}

static void decode_icons(struct walk *walk, const pe_resource_leaf *leaf)
{
    pe_icon_group group;
    pe_icon icon;
    pe_status status = pe_icon_group_open(leaf, &group);
    note(walk, status);
    if (status != PE_OK)
        return;
    for (uint32_t i = 0; status == PE_OK; i++) {
        status = pe_icon_at(&group, i, &icon);
        note(walk, status);
        if (status == PE_OK)
            note(walk, (uint64_t)icon.id << 32 | icon.size);
    }
}

static void decode_strings(struct walk *walk, const pe_resource_item *item)
{
    uint32_t count = 0;
    pe_string_block_iter iter;
    pe_resource_string string;
    pe_string_block(&item->leaf, &item->path[item->depth - 1], &iter);
    while (pe_string_block_next(&iter, &string) == PE_OK) {
        REQUIRE(++count <= PE_STRINGS_PER_BLOCK);
        note(walk, string.id);
        note_text(walk, &string.text);
    }
    note(walk, iter.status);
    REQUIRE(pe_string_block_next(&iter, &string) == iter.status);
}

static void walk_messages(struct walk *walk, const pe_message_table *table,
                          const pe_message_block *block)
{
    pe_message_iter iter;
    pe_message message;
    pe_messages(table, block, &iter);
    while (pe_message_next(&iter, &message) == PE_OK) {
        note(walk, message.id);
        note(walk, message.flags);
        note_text(walk, &message.wide);
        note_span(walk, message.narrow);
    }
    note(walk, iter.status);
    if (iter.status != PE_OK)
        REQUIRE(pe_message_next(&iter, &message) == iter.status);
}

static void decode_messages(struct walk *walk, const pe_resource_leaf *leaf)
{
    pe_message_table table;
    pe_message_block block;
    pe_status status = pe_message_table_open(leaf, &table);
    note(walk, status);
    for (uint32_t i = 0; status == PE_OK; i++) {
        status = pe_message_block_at(&table, i, &block);
        note(walk, status);
        if (status == PE_OK)
            walk_messages(walk, &table, &block);
    }
}

/* As what its type says, or as everything that it could be. */
static void decode_leaf(struct walk *walk, const pe_resource_item *item)
{
    uint32_t type = item->path[0].is_named ? 0 : item->path[0].number;
    if (!walk->by_type || type == PE_RT_VERSION)
        decode_version(walk, &item->leaf);
    if (!walk->by_type || type == PE_RT_MANIFEST)
        decode_manifest(walk, &item->leaf);
    if (!walk->by_type || type == PE_RT_GROUP_ICON || type == PE_RT_GROUP_CURSOR)
        decode_icons(walk, &item->leaf);
    if (!walk->by_type || type == PE_RT_STRING)
        decode_strings(walk, item);
    if (!walk->by_type || type == PE_RT_MESSAGETABLE)
        decode_messages(walk, &item->leaf);
}

void walk_resources(struct walk *walk)
{
    pe_resource_walk leaves;
    pe_resource_item item;
    pe_resource_walk_start(walk->image, &leaves);
    while (pe_resource_walk_next(&leaves, &item) == PE_OK) {
        REQUIRE(item.depth >= 1 && item.depth <= PE_RESOURCE_DEPTH);
        for (uint32_t i = 0; i < item.depth; i++) {
            note(walk, item.path[i].is_named ? item.path[i].name_status : item.path[i].number);
            note_text(walk, &item.path[i].name);
        }
        note_leaf(walk, &item.leaf);
        decode_leaf(walk, &item);
    }
    note(walk, leaves.status);
    note(walk, leaves.problem.value);
    if (leaves.status != PE_OK)
        REQUIRE(pe_resource_walk_next(&leaves, &item) == leaves.status);
}
