/* elf.h: an ELF object that tells a debugger of a module. */
#ifndef PELOAD_MODULES_DEBUG_ELF_H
#define PELOAD_MODULES_DEBUG_ELF_H

#include "modules/debug/symbols.h"

/*
 * An object with the module's functions at their addresses, as GDB reads it of a just-in-time
 * compiler: sections .text (where the module is; no content), .symtab, .strtab, and .debug_frame
 * with what the unwind table says of each function (frames.h). Allocated; LDR_NO_MEMORY.
 */
ldr_status ldr__elf_make(const ldr_module *module, const ldr__code_symbols *symbols,
                         uint8_t **ret_object, uint64_t *ret_size);

#endif
