/* map.h: what the parts of `peload map` share. */
#ifndef PELOAD_CLI_MAP_H
#define PELOAD_CLI_MAP_H

#include "cli/cli.h"

/* An entry of the section table; without a name for an index below 0, what is in no PE section. */
pe_section map_section_at(const ldr_view *view, int32_t index);

#endif
