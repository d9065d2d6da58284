/*
 * bytes.c: files are read, not mapped: a page of a view that cannot be read (a network, a device
 * that was pulled out) is an exception, which mingw's compiler cannot catch.
 */
#include "cli/system.h"

#include <stdlib.h>

ldr_status cli_bytes_open(const char *path, pe_span *ret_bytes, ldr_diag *diag)
{
    uint8_t *bytes;
    size_t size;
    ldr_status status = cli_read_file(path, &bytes, &size, diag);
    if (status == LDR_OK)
        *ret_bytes = (pe_span){bytes, size};
    return status;
}

bool cli_bytes_release(pe_span bytes)
{
    free((void *)(uintptr_t)bytes.data);
    return true;
}

void cli_catch_shrinking(void)
{
}
