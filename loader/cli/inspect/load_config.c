#include "report.h"

enum { TARGET_SIZE = 4 };

static void show_field(inspect_report *report, const pe_load_config *config,
                       pe_load_config_field field, uint64_t value)
{
    pe_rva at;
    uint32_t size;
    pe_load_config_place(config, field, &at, &size);
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", at.value, size);
    inspect_hex(report, "value", value, 2 * (int)size);
    inspect_text(report, "name", pe_load_config_field_name(field));
    if (field == PE_LC_GUARD_FLAGS)
        inspect_flags(report, "flags", (uint32_t)value & ~PE_GUARD_METADATA_SIZE,
                      pe_guard_flag_name);
    inspect_close_record(report);
}

/* The fields that the structure is long enough for. */
static uint64_t show_fields(inspect_report *report, const pe_load_config *config)
{
    uint64_t count = 0, value;
    for (int i = 0; i < PE_LC_COUNT; i++) {
        if (pe_load_config_value(config, (pe_load_config_field)i, &value) != PE_OK)
            continue;
        show_field(report, config, (pe_load_config_field)i, value);
        count++;
    }
    return count;
}

static void show_entry(inspect_report *report, const pe_guard_entry *entry)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", entry->at.value, entry->size);
    inspect_rva(report, "target", entry->target);
    if (entry->size > TARGET_SIZE)
        inspect_dump(report, "metadata", entry->metadata, entry->size - TARGET_SIZE);
    inspect_close_record(report);
}

static void show_table(inspect_report *report, const pe_load_config *config, const char *name,
                       pe_guard_table table)
{
    pe_guard_iter entries;
    pe_guard_entry entry;
    pe_status status;
    uint64_t count = 0;

    pe_guard_entries(report->image, config, table, &entries);
    if (entries.status == PE_NOT_PRESENT)
        return;
    inspect_open_table(report, name);
    while ((status = pe_guard_next(&entries, &entry)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0})) {
            status = PE_OUT_OF_BOUNDS;
            break;
        }
        show_entry(report, &entry);
        count++;
    }
    inspect_close_table(report, count, status);
}

static void show_tables(inspect_report *report, const pe_load_config *config)
{
    static const char *const names[PE_GUARD_TABLE_COUNT] = {
        [PE_GUARD_CF_FUNCTIONS] = "cf_functions",
        [PE_GUARD_ADDRESS_TAKEN_IAT] = "address_taken_iat",
        [PE_GUARD_LONG_JUMPS] = "long_jumps",
        [PE_GUARD_EH_CONTINUATIONS] = "eh_continuations",
        [PE_GUARD_SE_HANDLERS] = "se_handlers",
    };
    for (int i = 0; i < PE_GUARD_TABLE_COUNT; i++)
        show_table(report, config, names[i], (pe_guard_table)i);
}

void inspect_load_config(inspect_report *report)
{
    pe_load_config config;
    pe_status status = pe_load_config_open(report->image, &config);
    bool is_there = status == PE_OK;
    uint64_t count = 0;

    inspect_open_table(report, "load_config");
    if (is_there)
        count = show_fields(report, &config);
    inspect_close_items(report, count);
    if (is_there) {
        inspect_range(report, "rva", config.directory.rva.value, config.size);
        show_tables(report, &config);
    }
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
