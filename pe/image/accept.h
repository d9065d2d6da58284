/*
 * accept.h: the part of the verdict that walks the section table, for the sources of pe/ only.
 */
#ifndef PELOAD_PE_ACCEPT_H
#define PELOAD_PE_ACCEPT_H

#include <peload/pe.h>

/* Rules A43 to A52, for an image whose headers hold to the rules before them. */
pe_status pe__accept_paged_sections(const pe_image *image, uint64_t file_size, pe_profile profile,
                                    pe_diag *diag);

/* Rule A62, for images whose SectionAlignment is below a page. */
pe_status pe__accept_flat_sections(const pe_image *image, pe_diag *diag);

#endif
