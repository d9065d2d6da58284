#include "report.h"

enum { SYMBOL_SIZE = 18 };

static void show_symbol(inspect_report *report, const pe_coff_symbol *symbol)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "offset", symbol->offset.value,
                  SYMBOL_SIZE * (1 + (uint64_t)symbol->auxiliary_count));
    inspect_number(report, "index", symbol->index);
    inspect_hex(report, "value", symbol->value, 8);
    inspect_signed(report, "section", symbol->section);
    inspect_hex(report, "type", symbol->type, 2);
    inspect_number(report, "storage_class", symbol->storage_class);
    inspect_text(report, "storage_class_name", pe_coff_class_name(symbol->storage_class));
    inspect_number(report, "auxiliary_count", symbol->auxiliary_count);
    if (symbol->name_status == PE_OK)
        inspect_span(report, "name", symbol->name);
    inspect_status(report, symbol->name_status);
    inspect_close_record(report);
}

static void show_strings(inspect_report *report)
{
    pe_coff_strings strings;
    if (pe_coff_strings_open(report->image, &strings) != PE_OK)
        return;
    inspect_open_record(report, "strings", INSPECT_ROW);
    inspect_range(report, "offset", strings.offset.value, strings.bytes.size);
    inspect_number(report, "size", strings.size);
    inspect_close_record(report);
}

void inspect_symbols(inspect_report *report)
{
    pe_coff_iter symbols;
    pe_coff_symbol symbol;
    pe_status status;
    uint64_t count = 0;

    inspect_open_table(report, "symbols");
    pe_coff_symbols(report->image, &symbols);
    while ((status = pe_coff_next(&symbols, &symbol)) == PE_OK) {
        if (!inspect_charge(report, symbol.name)) {
            status = PE_OUT_OF_BOUNDS;
            break;
        }
        show_symbol(report, &symbol);
        count++;
    }
    inspect_close_items(report, count);
    show_strings(report);
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
