#include "decoded.h"

enum { ICON_SIZE = 14, MESSAGE_BLOCK_SIZE = 12 };

static pe_status show_manifest(inspect_report *report, const pe_resource_item *item)
{
    static const char *const encodings[] = {
        [PE_TEXT_UTF8] = "UTF-8",
        [PE_TEXT_UTF16_LE] = "UTF-16LE",
        [PE_TEXT_UTF16_BE] = "UTF-16BE",
    };
    pe_manifest manifest;
    pe_status status = pe_manifest_open(&item->leaf, &manifest);
    if (status != PE_OK || !inspect_charge(report, manifest.text))
        return status != PE_OK ? status : PE_OUT_OF_BOUNDS;
    inspect_text(report, "encoding", encodings[manifest.encoding]);
    if (manifest.encoding == PE_TEXT_UTF8)
        inspect_span(report, "text", manifest.text);
    else
        inspect_dump(report, "bytes", manifest.text.data, (size_t)manifest.text.size);
    return PE_OK;
}

static void show_icon(inspect_report *report, const pe_icon *icon)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", icon->at.value, ICON_SIZE);
    inspect_number(report, "id", icon->id);
    inspect_number(report, "width", icon->width);
    inspect_number(report, "height", icon->height);
    inspect_number(report, "colors", icon->colors);
    inspect_number(report, "planes", icon->planes);
    inspect_number(report, "bit_count", icon->bit_count);
    inspect_number(report, "size", icon->size);
    inspect_close_record(report);
}

static pe_status show_icons(inspect_report *report, const pe_resource_item *item)
{
    pe_icon_group group;
    pe_icon icon;
    pe_status status = pe_icon_group_open(&item->leaf, &group);
    if (status != PE_OK)
        return status;
    inspect_bool(report, "is_cursor", group.is_cursor);
    inspect_open_list(report, "pictures");
    for (uint32_t i = 0; (status = pe_icon_at(&group, i, &icon)) == PE_OK; i++) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_icon(report, &icon);
    }
    inspect_close_list(report);
    return status == PE_NOT_FOUND ? PE_OK : status;
}

static pe_status show_strings(inspect_report *report, const pe_resource_item *item)
{
    pe_string_block_iter strings;
    pe_resource_string string;
    pe_status status;
    inspect_open_list(report, "strings");
    pe_string_block(&item->leaf, &item->path[1], &strings);
    while ((status = pe_string_block_next(&strings, &string)) == PE_OK) {
        if (string.text.length == 0)
            continue;
        if (!inspect_charge(report, string.text.bytes))
            break;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", string.text.at.value, 2 * (uint64_t)string.text.length);
        inspect_number(report, "id", string.id);
        inspect_utf16(report, "text", &string.text);
        inspect_close_record(report);
    }
    inspect_close_list(report);
    return status;
}

static void show_message(inspect_report *report, const pe_message *message)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", message->at.value, message->size);
    inspect_hex(report, "id", message->id, 8);
    inspect_hex(report, "flags", message->flags, 4);
    if (message->is_wide)
        inspect_utf16(report, "text", &message->wide);
    else
        inspect_span(report, "text", message->narrow);
    inspect_close_record(report);
}

static pe_status show_block(inspect_report *report, const pe_message_table *table,
                            const pe_message_block *block)
{
    pe_message_iter messages;
    pe_message message;
    pe_status status;
    pe_messages(table, block, &messages);
    while ((status = pe_message_next(&messages, &message)) == PE_OK) {
        if (!inspect_charge(report, message.is_wide ? message.wide.bytes : message.narrow))
            return PE_OUT_OF_BOUNDS;
        show_message(report, &message);
    }
    return status == PE_END ? PE_OK : status;
}

static pe_status show_messages(inspect_report *report, const pe_resource_item *item)
{
    pe_message_table table;
    pe_message_block block;
    pe_status status = pe_message_table_open(&item->leaf, &table);
    if (status != PE_OK)
        return status;
    inspect_open_list(report, "messages");
    for (uint32_t i = 0; (status = pe_message_block_at(&table, i, &block)) == PE_OK; i++) {
        status = show_block(report, &table, &block);
        if (status != PE_OK)
            break;
    }
    inspect_close_list(report);
    return status == PE_NOT_FOUND ? PE_OK : status;
}

typedef struct leaf_kind {
    const char *name;
    uint32_t types[2];
    pe_status (*show)(inspect_report *report, const pe_resource_item *item);
} leaf_kind;

static const leaf_kind kinds[] = {
    {"version", {PE_RT_VERSION}, inspect_show_version},
    {"manifests", {PE_RT_MANIFEST}, show_manifest},
    {"icon_groups", {PE_RT_GROUP_ICON, PE_RT_GROUP_CURSOR}, show_icons},
    {"strings", {PE_RT_STRING}, show_strings},
    {"messages", {PE_RT_MESSAGETABLE}, show_messages},
};

static bool is_of(const leaf_kind *kind, const pe_resource_item *item)
{
    const pe_resource_id *type = &item->path[0];
    return !type->is_named && item->depth > 1 &&
           (type->number == kind->types[0] || type->number == kind->types[1]);
}

static void show_id(inspect_report *report, const char *name, const pe_resource_id *id)
{
    if (id->is_named)
        inspect_utf16(report, name, &id->name);
    else
        inspect_number(report, name, id->number);
}

static void show_item(inspect_report *report, const leaf_kind *kind, const pe_resource_item *item)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", item->leaf.rva.value, item->leaf.size);
    show_id(report, "name", &item->path[1]);
    if (item->depth > 2)
        show_id(report, "language", &item->path[2]);
    inspect_table_status(report, kind->show(report, item));
    inspect_close_record(report);
}

static uint64_t show_kind(inspect_report *report, const leaf_kind *kind, pe_status *ret_status)
{
    pe_resource_walk walk;
    pe_resource_item item;
    uint64_t count = 0;
    pe_resource_walk_start(report->image, &walk);
    while ((*ret_status = pe_resource_walk_next(&walk, &item)) == PE_OK) {
        if (!is_of(kind, &item))
            continue;
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_item(report, kind, &item);
        count++;
    }
    return count;
}

void inspect_decoded(inspect_report *report)
{
    inspect_open_record(report, "decoded_resources", INSPECT_BLOCK);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        pe_status status;
        inspect_open_table(report, kinds[i].name);
        uint64_t count = show_kind(report, &kinds[i], &status);
        inspect_close_table(report, count, status == PE_NOT_PRESENT ? PE_OK : status);
    }
    inspect_close_record(report);
}
