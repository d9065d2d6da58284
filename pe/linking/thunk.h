/*
 * thunk.h: what imports and delay imports have in common, for the sources of pe/ only.
 */
#ifndef PELOAD_PE_THUNK_H
#define PELOAD_PE_THUNK_H

#include <peload/pe.h>

/* Moves `rva` on; running out of RVAs is an error for the item after this one. */
pe_status pe__advance(pe_rva *rva, uint32_t size);

/* True if the thunk holds an ordinal instead of the RVA of a hint and a name. */
bool pe__is_ordinal(const pe_image *image, uint64_t thunk);

/* Fills in what the thunk says (rule E7), or nothing; `names` is the window that hints and names
 * are read by. */
pe_status pe__decode_thunk(const pe_image *image, pe_window *names, uint64_t thunk,
                           pe_import *ret_import);

#endif
