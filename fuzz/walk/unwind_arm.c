/* The part of the parser's fuzz target that takes exceptions of ARM64 and ARM apart. */
#include "walk.h"

enum { LONGEST = 4 * 255 }; /* bytes of codes that a record can count */

static void walk_codes(struct walk *walk, const pe_arm_xdata *xdata, uint32_t start)
{
    uint32_t bytes = 0;
    pe_arm_code_iter codes;
    pe_arm_code code;
    pe_arm_codes(walk->image, xdata, start, &codes);
    while (pe_arm_code_next(&codes, &code) == PE_OK) {
        REQUIRE(code.size >= 1 && code.size <= 4);
        REQUIRE(pe_arm_operation_name(code.operation) != NULL);
        bytes += code.size;
        note(walk, code.bits);
        note(walk, code.value ^ code.first ^ code.registers);
    }
    REQUIRE(bytes == 0 || start + bytes <= xdata->code_size);
    REQUIRE(codes.status != PE_END || bytes > 0);
    note(walk, codes.status);
    REQUIRE(pe_arm_code_next(&codes, &code) == codes.status);
}

static void walk_record(struct walk *walk, const pe_arm_function *function)
{
    pe_arm_xdata xdata;
    pe_arm_epilog epilog;
    pe_status status = pe_arm_xdata_open(walk->image, function, &xdata);
    note(walk, status);
    if (status != PE_OK)
        return;
    REQUIRE(xdata.code_size <= LONGEST);
    note(walk, xdata.handler.value ^ xdata.length);
    walk_codes(walk, &xdata, xdata.is_packed ? xdata.first_epilog : 0);
    for (uint32_t i = 0; i < 8 && pe_arm_epilog_at(walk->image, &xdata, i, &epilog) == PE_OK; i++)
        walk_codes(walk, &xdata, epilog.code);
}

static void walk_functions(struct walk *walk, pe_arm_function_iter *functions)
{
    pe_arm_function function;
    pe_arm_packed packed;
    while (pe_arm_function_next(functions, &function) == PE_OK) {
        note(walk, function.begin.value ^ function.word);
        if (pe_arm_packed_of(&function, &packed) == PE_OK)
            note(walk, packed.length ^ packed.frame_size ^ packed.stack_adjust);
        walk_record(walk, &function);
    }
    note(walk, functions->status);
    if (functions->status != PE_OK)
        REQUIRE(pe_arm_function_next(functions, &function) == functions->status);
}

void walk_arm_exceptions(struct walk *walk)
{
    pe_arm_function_iter functions;
    pe_arm_functions(walk->image, &functions);
    walk_functions(walk, &functions);
}

void walk_exceptions_as_arm(struct walk *walk)
{
    pe_arm_function_iter functions;
    pe_directory table = pe_directory_at(walk->image, PE_DIRECTORY_EXCEPTION);
    for (int is_64 = 0; is_64 < 2; is_64++) {
        pe_arm_functions_in(walk->image, table, is_64 != 0, &functions);
        walk_functions(walk, &functions);
    }
}
