#include "image_bytes.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS = 3, TABLE = 16, ENTRY = 8, DATA_ENTRY = 16, DATA_ALIGNMENT = 8 };

#define TOP_BIT 0x80000000u

void img_add_resource(img_builder *builder, img_name type, img_name name, uint16_t language,
                      const void *data, size_t size)
{
    img_resource item = {.path = {type, name, {NULL, language}}, .data = data, .size = size};
    builder->resources = img_grow(builder->resources, builder->resource_count, sizeof item);
    builder->resources[builder->resource_count++] = item;
}

static bool same_name(const img_name *a, const img_name *b)
{
    if (a->text == NULL || b->text == NULL)
        return a->text == b->text && a->number == b->number;
    return strcmp(a->text, b->text) == 0;
}

/* How many of `count` resources, which share a path above `level`, share it there too. */
static size_t run_length(const img_resource *resources, size_t count, unsigned level)
{
    size_t length = 1;
    while (length < count && same_name(&resources[length].path[level], &resources[0].path[level]))
        length++;
    return length;
}

static uint32_t write_name(img_bytes *bytes, const img_name *name)
{
    if (name->text == NULL)
        return name->number;
    size_t start = img_append_u16(bytes, (uint16_t)strlen(name->text));
    for (const char *at = name->text; *at != '\0'; at++)
        img_append_u16(bytes, (uint8_t)*at);
    img_append(bytes, NULL, (4 - bytes->size % 4) % 4);
    return (uint32_t)start | TOP_BIT;
}

static size_t write_leaf(img_bytes *bytes, const img_resource *resource, uint32_t root)
{
    size_t entry = img_append(bytes, NULL, DATA_ENTRY);
    img_append(bytes, NULL, (DATA_ALIGNMENT - bytes->size % DATA_ALIGNMENT) % DATA_ALIGNMENT);
    size_t data = img_append(bytes, resource->data, resource->size);
    img_append(bytes, NULL, (4 - bytes->size % 4) % 4);
    img_store_u32(bytes->data + entry, root + (uint32_t)data);
    img_store_u32(bytes->data + entry + 4, (uint32_t)resource->size);
    return entry;
}

static void write_counts(img_bytes *bytes, size_t table, const img_resource *resources,
                         size_t count, unsigned level)
{
    uint16_t counts[2] = {0};
    for (size_t i = 0; i < count; i += run_length(resources + i, count - i, level))
        counts[resources[i].path[level].text == NULL]++;
    img_store_u16(bytes->data + table + 12, counts[0]);
    img_store_u16(bytes->data + table + 14, counts[1]);
    img_append(bytes, NULL, ENTRY * (size_t)(counts[0] + counts[1]));
}

/* The table of `count` resources at `level`, and what its entries name. */
static size_t write_level(img_bytes *bytes, const img_resource *resources, size_t count,
                          unsigned level, uint32_t root)
{
    size_t table = img_append(bytes, NULL, TABLE), entry = table + TABLE, length;
    write_counts(bytes, table, resources, count, level);
    for (size_t i = 0; i < count; i += length, entry += ENTRY) {
        length = run_length(resources + i, count - i, level);
        uint32_t name = write_name(bytes, &resources[i].path[level]), target;
        if (level + 1 < LEVELS)
            target = (uint32_t)write_level(bytes, resources + i, length, level + 1, root) | TOP_BIT;
        else
            target = (uint32_t)write_leaf(bytes, &resources[i], root);
        img_store_u32(bytes->data + entry, name);
        img_store_u32(bytes->data + entry + 4, target);
    }
    return table;
}

void img_write_resources(img_builder *builder)
{
    if (builder->resource_count == 0)
        return;
    img_bytes bytes = {0};
    uint32_t rva = img_next_rva(builder);
    write_level(&bytes, builder->resources, builder->resource_count, 0, rva);
    img_add_section(builder, ".rsrc", IMG_RO, bytes.data, bytes.size, 0);
    img_set_directory(builder, PE_DIRECTORY_RESOURCE, rva, (uint32_t)bytes.size);
    free(bytes.data);
}
