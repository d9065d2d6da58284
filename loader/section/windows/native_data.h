/* native_data.h: sections that the system has by name, or that are no images. */
#ifndef PELOAD_NATIVE_DATA_H
#define PELOAD_NATIVE_DATA_H

#include "os/native.h"
#include "section/object.h"

/* ldr__native_status for what was asked for by the name of a section: such names have no folders
 * (rule H16). */
ldr_status ldr__native_data_status(uint32_t nt_status);

/* As ldr__data_make; the name of the options counts. *ret_existed: the system had one of that
 * name, and `section` has its handle and nothing else. */
ldr_status ldr__native_data_make(ldr_section *section, const ldr_create_options *options,
                                 bool *ret_existed, ldr_diag *diag);

/* What the section is whose handle it has, as far as the system tells. LDR_NO_MEMORY,
 * LDR_OS_ERROR, LDR_IMAGE_REFUSED. */
ldr_status ldr__native_attach(ldr_section *section, ldr_diag *diag);

#endif
