#include "report.h"

enum { FUNCTION_SIZE = 8, EPILOG_SIZE = 4 };

static void show_packed(inspect_report *report, const pe_arm_function *function)
{
    pe_arm_packed packed;
    if (pe_arm_packed_of(function, &packed) != PE_OK)
        return;
    inspect_open_record(report, "packed", INSPECT_ROW);
    inspect_bool(report, "is_fragment", function->flag == PE_ARM_PACKED_FRAGMENT);
    inspect_number(report, "length", packed.length);
    inspect_bool(report, "homes_parameters", packed.homes_parameters);
    inspect_number(report, "registers", packed.registers);
    inspect_number(report, "chain", packed.chain);
    if (function->is_64) {
        inspect_number(report, "float_registers", packed.float_registers);
        inspect_number(report, "frame_size", packed.frame_size);
    } else {
        inspect_number(report, "returns", packed.returns);
        inspect_bool(report, "saves_float", packed.saves_float);
        inspect_bool(report, "saves_lr", packed.saves_lr);
        inspect_hex(report, "stack_adjust", packed.stack_adjust, 3);
    }
    inspect_close_record(report);
}

static void show_code(inspect_report *report, const pe_arm_code *code)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", code->at.value, code->size);
    inspect_hex(report, "bits", code->bits, 2 * (int)code->size);
    inspect_text(report, "operation_name", pe_arm_operation_name(code->operation));
    inspect_hex(report, "value", code->value, 1);
    if (code->first != 0 || code->kind != '\0')
        inspect_number(report, "register", code->first);
    if (code->registers != 0)
        inspect_hex(report, "registers", code->registers, 4);
    if (code->kind != '\0') {
        inspect_text(report, "kind", (const char[]){code->kind, '\0'});
        inspect_bool(report, "is_pair", code->is_pair);
        inspect_bool(report, "is_writeback", code->is_writeback);
    }
    inspect_close_record(report);
}

/* The codes from `start` on as the list `name`, with how they ended. */
static pe_status show_codes(inspect_report *report, const char *name, const pe_arm_xdata *xdata,
                            uint32_t start)
{
    pe_arm_code_iter codes;
    pe_arm_code code;
    pe_status status;
    inspect_open_list(report, name);
    pe_arm_codes(report->image, xdata, start, &codes);
    while ((status = pe_arm_code_next(&codes, &code)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_code(report, &code);
    }
    inspect_close_list(report);
    return status == PE_END ? PE_OK : status;
}

static void show_epilogs(inspect_report *report, const pe_arm_xdata *xdata)
{
    pe_arm_epilog epilog;
    inspect_open_list(report, "epilogs");
    for (uint32_t i = 0; pe_arm_epilog_at(report->image, xdata, i, &epilog) == PE_OK; i++) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", epilog.at.value, EPILOG_SIZE);
        inspect_hex(report, "start", epilog.start, 1);
        if (!xdata->is_64)
            inspect_number(report, "condition", epilog.condition);
        inspect_number(report, "code", epilog.code);
        inspect_status(report, show_codes(report, "codes", xdata, epilog.code));
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

static void show_header(inspect_report *report, const pe_arm_xdata *xdata)
{
    inspect_range(report, "rva", xdata->at.value, xdata->size);
    inspect_number(report, "length", xdata->length);
    inspect_number(report, "version", xdata->version);
    inspect_number(report, "code_size", xdata->code_size);
    if (!xdata->is_64)
        inspect_bool(report, "is_fragment", xdata->is_fragment);
    if (xdata->is_packed)
        inspect_number(report, "packed_epilog", xdata->first_epilog);
    if (xdata->has_handler) {
        inspect_rva(report, "handler", xdata->handler);
        inspect_rva(report, "language_data", xdata->language_data);
    }
}

static void show_xdata(inspect_report *report, const pe_arm_function *function)
{
    pe_arm_xdata xdata;
    pe_status status = pe_arm_xdata_open(report->image, function, &xdata);
    inspect_open_record(report, "xdata", INSPECT_ROW);
    if (status == PE_OK) {
        show_header(report, &xdata);
        status = show_codes(report, "prolog", &xdata, 0);
        show_epilogs(report, &xdata);
    }
    inspect_status(report, status);
    inspect_close_record(report);
}

static void show_function(inspect_report *report, const pe_arm_function *function)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", function->at.value, FUNCTION_SIZE);
    inspect_rva(report, "begin", function->begin);
    inspect_hex(report, "word", function->word, 8);
    if (function->flag == PE_ARM_XDATA)
        show_xdata(report, function);
    else
        show_packed(report, function);
    inspect_close_record(report);
}

uint64_t inspect_show_arm_functions(inspect_report *report, pe_arm_function_iter *functions,
                                    pe_status *ret_status)
{
    pe_arm_function function;
    uint64_t count = 0;
    while ((*ret_status = pe_arm_function_next(functions, &function)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0})) {
            *ret_status = PE_OUT_OF_BOUNDS;
            break;
        }
        show_function(report, &function);
        count++;
    }
    return count;
}
