/*
 * symbol.h: what the sources of pe/coff share.
 */
#ifndef PELOAD_PE_COFF_SYMBOL_H
#define PELOAD_PE_COFF_SYMBOL_H

#include <peload/pe.h>

enum { COFF_SYMBOL_SIZE = 18, COFF_SHORT_NAME = 8 };

/* A name padded with NULs to `size` bytes, without them. */
pe_span pe__coff_short_name(const uint8_t *name, uint32_t size);

#endif
