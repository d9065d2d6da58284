/*
 * pointer.h: following an address of the load configuration, for the sources of config/ only.
 */
#ifndef PELOAD_PE_CONFIG_POINTER_H
#define PELOAD_PE_CONFIG_POINTER_H

#include <peload/pe.h>

/* The RVA of what `field` (a VA) points to. PE_NOT_PRESENT where the structure does not have the
 * field or it is 0, PE_OUT_OF_BOUNDS for an address outside SizeOfImage. */
static inline pe_status pe__config_pointer(const pe_image *image, const pe_load_config *config,
                                           pe_load_config_field field, pe_rva *ret_rva)
{
    uint64_t address;
    if (pe_load_config_value(config, field, &address) != PE_OK || address == 0)
        return PE_NOT_PRESENT;
    return pe_va_to_rva(image, config->base, address, ret_rva);
}

#endif
