/* arm64x.h: an ARM64X image as the code of its other machine sees it (rule D.4). */
#ifndef PELOAD_ARM64X_H
#define PELOAD_ARM64X_H

#include "section/view.h"

/*
 * Applies the ARM64X entries of the dynamic value relocations, after which the headers in the view,
 * and view->image, are those for the other machine. LDR_WRONG_MACHINE if the image has none or they
 * do not lead to `machine`; LDR_BAD_RELOCATIONS; LDR_IO_ERROR, LDR_NO_MEMORY, LDR_OS_ERROR. The
 * first two fill `ret_why`.
 */
ldr_status ldr__arm64x_apply(ldr_view *view, uint16_t machine, pe_diag *ret_why);

#endif
