#include "report.h"

#include <stdlib.h>
#include <string.h>

enum { DATA_ENTRY_SIZE = 16 };

static void id_json(cli_json *json, const pe_resource_id *id)
{
    if (!id->is_named) {
        cli_json_number(json, NULL, id->number);
        return;
    }
    char *name = inspect_utf8(&id->name);
    cli_json_text(json, NULL, name);
    free(name);
}

static void id_text(const pe_resource_id *id, bool is_type)
{
    const char *type = is_type && !id->is_named ? pe_resource_type_name(id->number) : NULL;
    char *name = id->is_named ? inspect_utf8(&id->name) : NULL;
    if (name != NULL)
        cli_print_bytes(stdout, name, strlen(name));
    else if (type != NULL)
        printf("%s", type);
    else if (!id->is_named)
        printf("%u", id->number);
    free(name);
}

static void leaf_json(cli_json *json, const pe_resource_item *item)
{
    const pe_resource_leaf *leaf = &item->leaf;
    const pe_resource_id *type = &item->path[0];
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "rva", leaf->entry.value, DATA_ENTRY_SIZE);
    cli_json_text(json, "type", type->is_named ? NULL : pe_resource_type_name(type->number));
    cli_json_open(json, "path", '[');
    for (uint32_t i = 0; i < item->depth; i++)
        id_json(json, &item->path[i]);
    cli_json_close(json, ']');
    cli_json_number(json, "rva", leaf->rva.value);
    cli_json_number(json, "size", leaf->size);
    cli_json_number(json, "code_page", leaf->code_page);
    cli_json_text(json, "status", pe_status_text(leaf->status));
    cli_json_close(json, '}');
}

static void leaf_text(const pe_resource_item *item)
{
    const pe_resource_leaf *leaf = &item->leaf;
    printf("  0x%08x  0x%08x  ", leaf->rva.value, leaf->size);
    for (uint32_t i = 0; i < item->depth; i++) {
        if (i > 0)
            putchar('/');
        id_text(&item->path[i], i == 0);
    }
    if (leaf->status != PE_OK)
        printf("  (%s)", pe_status_text(leaf->status));
    putchar('\n');
}

/* What showing a leaf costs: the names on the way to it are shown again for each. */
static bool charge_path(inspect_report *report, const pe_resource_item *item)
{
    for (uint32_t i = 0; i < item->depth; i++) {
        if (!inspect_charge(report,
                            item->path[i].is_named ? item->path[i].name.bytes : (pe_span){0}))
            return false;
    }
    return true;
}

void inspect_resources(inspect_report *report)
{
    pe_resource_walk walk;
    pe_resource_item item;
    pe_status status;
    uint64_t count = 0;

    inspect_open_table(report, "resources");
    pe_resource_walk_start(report->image, &walk);
    while ((status = pe_resource_walk_next(&walk, &item)) == PE_OK) {
        if (!charge_path(report, &item)) {
            status = PE_OUT_OF_BOUNDS;
            break;
        }
        if (report->json != NULL)
            leaf_json(report->json, &item);
        else
            leaf_text(&item);
        count++;
    }
    inspect_close_table(report, count, status == PE_NOT_PRESENT ? PE_OK : status);
}
