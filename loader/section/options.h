/* options.h: how options structs that may grow are read. */
#ifndef PELOAD_OPTIONS_H
#define PELOAD_OPTIONS_H

#include <stddef.h>
#include <string.h>

/*
 * Fills `ret_options` (`size` bytes, as this library knows the struct) from the caller's, which
 * starts with its own size_t size and may have fewer fields, or more: what the caller does not
 * know is zero, the default. NULL is all zeros.
 */
static inline void ldr__options_read(const void *options, void *ret_options, size_t size)
{
    size_t known = 0;
    memset(ret_options, 0, size);
    if (options == NULL)
        return;
    memcpy(&known, options, sizeof known);
    memcpy(ret_options, options, known < size ? known : size);
}

#endif
