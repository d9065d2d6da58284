/* relocate_demand.h: base relocations of pages that are filled on demand. */
#ifndef PELOAD_RELOCATE_DEMAND_H
#define PELOAD_RELOCATE_DEMAND_H

#include "section/view.h"

/*
 * Has a view whose pages are filled on demand show pages that are relocated when they are filled,
 * and says so. Without that, for a view that was written to, or whose relocations are not for an
 * index (fixup_index.h) or broken, all pages of the view are filled: it can be relocated the eager
 * way. LDR_IO_ERROR, LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__relocate_on_demand(ldr_view *view, bool *ret_done);

#endif
