#include "decoded.h"

enum { VERSION_FIXED_SIZE = 52 };

static void show_strings(inspect_report *report, const pe_version *version,
                         const pe_version_table *table)
{
    pe_version_iter strings;
    pe_version_string string;
    pe_status status;

    inspect_open_list(report, "strings");
    pe_version_strings(version, table, &strings);
    while ((status = pe_version_string_next(&strings, &string)) == PE_OK) {
        if (!inspect_charge(report, string.node.key.bytes) ||
            !inspect_charge(report, string.value.bytes))
            break;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", string.node.at.value, string.node.size);
        inspect_utf16(report, "name", &string.node.key);
        inspect_utf16(report, "value", &string.value);
        inspect_close_record(report);
    }
    inspect_close_list(report);
    inspect_table_status(report, status);
}

static void show_tables(inspect_report *report, const pe_version *version)
{
    pe_version_iter tables;
    pe_version_table table;

    inspect_open_list(report, "tables");
    pe_version_tables(version, &tables);
    while (pe_version_table_next(&tables, &table) == PE_OK) {
        if (!inspect_charge(report, table.node.key.bytes))
            break;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", table.node.at.value, table.node.size);
        inspect_utf16(report, "key", &table.node.key);
        if (table.has_language) {
            inspect_hex(report, "language", table.language, 4);
            inspect_number(report, "code_page", table.code_page);
        }
        show_strings(report, version, &table);
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

static void show_translations(inspect_report *report, const pe_version *version)
{
    pe_version_iter translations;
    pe_version_translation translation;

    inspect_open_list(report, "translations");
    pe_version_translations(version, &translations);
    while (pe_version_translation_next(&translations, &translation) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", translation.at.value, sizeof(uint32_t));
        inspect_hex(report, "language", translation.language, 4);
        inspect_number(report, "code_page", translation.code_page);
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

static void show_number(inspect_report *report, const char *name, const uint16_t parts[4])
{
    char text[4 * sizeof "65535"];
    snprintf(text, sizeof text, "%u.%u.%u.%u", parts[0], parts[1], parts[2], parts[3]);
    inspect_text(report, name, text);
}

static void show_fixed(inspect_report *report, const pe_version_fixed *fixed)
{
    inspect_open_record(report, "fixed", INSPECT_BLOCK);
    inspect_range(report, "rva", fixed->at.value, VERSION_FIXED_SIZE);
    inspect_hex(report, "struct_version", fixed->struct_version, 8);
    show_number(report, "file_version", fixed->file_version);
    show_number(report, "product_version", fixed->product_version);
    inspect_hex(report, "flags_mask", fixed->flags_mask, 8);
    inspect_hex(report, "flags", fixed->flags, 8);
    inspect_hex(report, "os", fixed->os, 8);
    inspect_number(report, "type", fixed->type);
    inspect_number(report, "subtype", fixed->subtype);
    inspect_hex(report, "date", fixed->date, 16);
    inspect_close_record(report);
}

pe_status inspect_show_version(inspect_report *report, const pe_resource_item *item)
{
    pe_version version;
    pe_status status = pe_version_open(&item->leaf, &version);
    if (status != PE_OK)
        return status;
    if (version.has_fixed)
        show_fixed(report, &version.fixed);
    show_tables(report, &version);
    show_translations(report, &version);
    return PE_OK;
}
