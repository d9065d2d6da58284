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

static uint64_t show_x64_functions(inspect_report *report, pe_status *ret_status)
{
    pe_x64_function_iter functions;
    pe_x64_function function;
    uint64_t count = 0;
    pe_x64_functions(report->image, &functions);
    while ((*ret_status = pe_x64_function_next(&functions, &function)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0})) {
            *ret_status = PE_OUT_OF_BOUNDS;
            break;
        }
        show_function(report, &function);
        count++;
    }
    return count;
}

void inspect_exceptions(inspect_report *report)
{
    pe_status status;
    bool is_x64 = report->image->file.machine == PE_MACHINE_AMD64;
    inspect_open_table(report, "exceptions");
    uint64_t count =
        is_x64 ? show_x64_functions(report, &status) : inspect_show_arm_functions(report, &status);
    inspect_close_table(report, count, status == PE_NOT_PRESENT ? PE_OK : status);
}
