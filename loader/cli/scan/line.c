#include "scan.h"

#include <stdlib.h>

/* What the bytes of the file say, or why there are none. */
static char *write_line(const char *path, pe_span bytes, const ldr_diag *failure,
                        const inspect_choice *choice, size_t *ret_size)
{
    cli_line line = {0};
    cli_json json = {.line = &line};
    if (failure != NULL)
        inspect_write_failure(&json, path, choice, failure);
    else
        inspect_write(&json, path, bytes, choice);
    if (line.has_failed) {
        free(line.text);
        return NULL;
    }
    *ret_size = line.size;
    return line.text;
}

char *scan_line(const char *path, const inspect_choice *choice, size_t *ret_size)
{
    pe_span bytes = {0};
    ldr_diag diag;
    if (cli_bytes_open(path, &bytes, &diag) != LDR_OK)
        return write_line(path, bytes, &diag, choice, ret_size);
    char *line = write_line(path, bytes, NULL, choice, ret_size);
    if (cli_bytes_release(bytes))
        return line;
    free(line);
    cli_fail(&diag, LDR_IO_ERROR, PE_NT_IN_PAGE_ERROR, path);
    return write_line(path, bytes, &diag, choice, ret_size);
}
