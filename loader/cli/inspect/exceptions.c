#include "report.h"

enum { FUNCTION_SIZE = 12, SLOT_SIZE = 2 };

/* The register that a code pushes or saves, if it does. */
static void show_register(inspect_report *report, const pe_x64_code *code)
{
    char name[sizeof "XMM15"];
    switch (code->operation) {
    case PE_X64_PUSH_NONVOL:
    case PE_X64_SAVE_NONVOL:
    case PE_X64_SAVE_NONVOL_FAR:
        inspect_text(report, "register", pe_x64_register_name(code->info));
        break;
    case PE_X64_SAVE_XMM128:
    case PE_X64_SAVE_XMM128_FAR:
        snprintf(name, sizeof name, "XMM%u", code->info & 15u);
        inspect_text(report, "register", name);
        break;
    default:
        break;
    }
}

static void show_code(inspect_report *report, const pe_x64_code *code)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", code->at.value, SLOT_SIZE * code->slot_count);
    inspect_hex(report, "prolog_offset", code->prolog_offset, 2);
    inspect_number(report, "info", code->info);
    inspect_number(report, "operand", code->operand);
    inspect_hex(report, "value", code->value, 1);
    inspect_number(report, "operation", code->operation);
    inspect_text(report, "operation_name", pe_x64_operation_name(code->operation));
    show_register(report, code);
    inspect_close_record(report);
}

static void show_codes(inspect_report *report, const pe_x64_unwind *unwind)
{
    pe_x64_code_iter codes;
    pe_x64_code code;
    pe_status status;

    inspect_open_list(report, "codes");
    pe_x64_codes(unwind, &codes);
    while ((status = pe_x64_code_next(&codes, &code)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_code(report, &code);
    }
    inspect_close_list(report);
    inspect_status(report, status == PE_END ? PE_OK : status);
}

static void show_fields(inspect_report *report, const pe_x64_unwind *unwind)
{
    inspect_range(report, "rva", unwind->at.value, unwind->size);
    inspect_number(report, "version", unwind->version);
    inspect_hex(report, "flags", unwind->flags, 2);
    inspect_number(report, "prolog_size", unwind->prolog_size);
    inspect_number(report, "slot_count", unwind->slot_count);
    if (unwind->frame_register != 0)
        inspect_text(report, "frame_register", pe_x64_register_name(unwind->frame_register));
    if (unwind->frame_register != 0)
        inspect_number(report, "frame_offset", unwind->frame_offset);
    if (unwind->has_handler) {
        inspect_rva(report, "handler", unwind->handler);
        inspect_rva(report, "language_data", unwind->language_data);
    }
    if (unwind->is_chained) {
        inspect_rva(report, "parent_begin", unwind->parent.begin);
        inspect_rva(report, "parent_end", unwind->parent.end);
        inspect_rva(report, "parent_unwind", unwind->parent.unwind);
    }
}

static void show_unwind(inspect_report *report, const pe_x64_function *function)
{
    pe_x64_unwind unwind;
    pe_status status = pe_x64_unwind_at(report->image, function->unwind, &unwind);
    inspect_open_record(report, "unwind_info", INSPECT_ROW);
    if (status == PE_OK) {
        show_fields(report, &unwind);
        show_codes(report, &unwind);
    } else {
        inspect_status(report, status);
    }
    inspect_close_record(report);
}

static void show_function(inspect_report *report, const pe_x64_function *function)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", function->at.value, FUNCTION_SIZE);
    inspect_rva(report, "begin", function->begin);
    inspect_rva(report, "end", function->end);
    inspect_rva(report, "unwind", function->unwind);
    inspect_bool(report, "is_indirect", function->is_indirect);
    if (!function->is_indirect)
        show_unwind(report, function);
    inspect_close_record(report);
}

static uint64_t show_x64_functions(inspect_report *report, pe_x64_function_iter *functions,
                                   pe_status *ret_status)
{
    pe_x64_function function;
    uint64_t count = 0;
    while ((*ret_status = pe_x64_function_next(functions, &function)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0})) {
            *ret_status = PE_OUT_OF_BOUNDS;
            break;
        }
        if (!report->without_items)
            show_function(report, &function);
        count++;
    }
    return count;
}

/* The functions of `table` as those of x64, or of ARM64 or ARM. */
static uint64_t show_functions(inspect_report *report, pe_directory table, bool is_x64,
                               pe_status *ret_status)
{
    pe_x64_function_iter of_x64;
    pe_arm_function_iter of_arm;
    if (is_x64) {
        pe_x64_functions_in(report->image, table, &of_x64);
        return show_x64_functions(report, &of_x64, ret_status);
    }
    pe_arm_functions_in(report->image, table, report->image->file.machine != PE_MACHINE_ARMNT,
                        &of_arm);
    return inspect_show_arm_functions(report, &of_arm, ret_status);
}

/* Images with code of two architectures have a second table, of the other one. */
static void show_other_functions(inspect_report *report, bool is_x64)
{
    pe_load_config config;
    pe_chpe chpe;
    pe_status status;
    if (pe_load_config_open(report->image, &config) != PE_OK ||
        pe_chpe_open(report->image, &config, &chpe) != PE_OK || chpe.is_x86)
        return;
    pe_directory table = {{chpe.values[PE_CHPE_EXTRA_RFE_TABLE]},
                          chpe.values[PE_CHPE_EXTRA_RFE_TABLE_SIZE]};
    if (table.rva.value == 0)
        return;
    inspect_open_table(report, "other_architecture");
    uint64_t count = show_functions(report, table, !is_x64, &status);
    inspect_close_table(report, count, status);
}

static bool has_functions(uint16_t machine)
{
    return machine == PE_MACHINE_AMD64 || machine == PE_MACHINE_ARM64 ||
           machine == PE_MACHINE_ARM64X || machine == PE_MACHINE_ARMNT;
}

void inspect_exceptions(inspect_report *report)
{
    uint16_t machine = report->image->file.machine;
    bool is_x64 = machine == PE_MACHINE_AMD64;
    pe_status status = PE_NOT_PRESENT;
    uint64_t count = 0;
    inspect_open_table(report, "exceptions");
    if (has_functions(machine))
        count = show_functions(report, pe_directory_at(report->image, PE_DIRECTORY_EXCEPTION),
                               is_x64, &status);
    inspect_close_items(report, count);
    if (has_functions(machine))
        show_other_functions(report, is_x64);
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
