/* symbols.h: names for the functions of a module, for debuggers and profilers. */
#ifndef PELOAD_MODULES_DEBUG_SYMBOLS_H
#define PELOAD_MODULES_DEBUG_SYMBOLS_H

#include "modules/module.h"

typedef struct ldr__code_symbol {
    uint32_t rva, size; /* bytes */
    uint32_t name;      /* in the list's names */
} ldr__code_symbol;

/* Ascending by RVA. All zeros is the empty list. */
typedef struct ldr__code_symbols {
    ldr__code_symbol *items;
    uint32_t count, capacity;
    char *names; /* NUL-terminated, one behind the other; the first is "" */
    uint32_t names_size, names_capacity;
} ldr__code_symbols;

/* The module's image, whose tables are read as far as `ret_budget` pays for: one for its file. */
pe_image ldr__debug_image(const ldr_module *module, pe_budget *ret_budget);

/*
 * Exports of code, "zlib1!crc32", and functions that only the unwind table knows, "zlib1!+0x1230".
 * How long an export is says the unwind table; else it goes up to the next. Characters that are not
 * printable ASCII become '?', long names are cut. LDR_NO_MEMORY. Release in every case.
 */
ldr_status ldr__code_symbols_make(const ldr_module *module, ldr__code_symbols *ret_symbols);
void ldr__code_symbols_release(ldr__code_symbols *symbols);

#endif
