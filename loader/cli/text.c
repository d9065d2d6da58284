#include "cli.h"
#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 1024 };

ldr_status cli_fail(ldr_diag *diag, ldr_status status, uint32_t nt_status, const char *subject)
{
    *diag = (ldr_diag){.status = status, .why = {.nt_status = nt_status}};
    snprintf(diag->subject, sizeof diag->subject, "%s", subject);
    return status;
}

ldr_status cli_fail_open(ldr_diag *diag, const char *path)
{
    bool is_missing = errno == ENOENT || errno == ENOTDIR;
    return is_missing ? cli_fail(diag, LDR_FILE_NOT_FOUND, PE_NT_NO_SUCH_FILE, path)
                      : cli_fail(diag, LDR_IO_ERROR, PE_NT_ACCESS_DENIED, path);
}

ldr_status cli_read_file(const char *path, uint8_t **ret_bytes, size_t *ret_size, ldr_diag *diag)
{
    FILE *file = NULL;
    size_t size = 0;
    ldr_status status = cli_open_regular(path, &file, &size, diag);
    if (status != LDR_OK)
        return status;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    /* The file may have shrunk since: what was read counts. */
    size_t got = bytes != NULL ? fread(bytes, 1, size, file) : 0;
    if (bytes == NULL)
        status = cli_fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, path);
    else if (ferror(file))
        status = cli_fail(diag, LDR_IO_ERROR, PE_NT_IN_PAGE_ERROR, path);
    fclose(file);
    if (status != LDR_OK) {
        free(bytes);
        return status;
    }
    *ret_bytes = bytes;
    *ret_size = got;
    return LDR_OK;
}

/* Letters of all languages are printed as they are, control characters (C0, DEL, C1) are not. */
void cli_print_bytes(FILE *out, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size;) {
        uint32_t code_point = 0; /* stays so for what is not UTF-8 */
        size_t length = cli_utf8_decode(at + i, size - i, &code_point);
        bool is_control = code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
        if (is_control) {
            fprintf(out, "\\x%02x", at[i++]);
            continue;
        }
        fwrite(at + i, 1, length, out);
        i += length;
    }
}

void cli_print_hex(FILE *out, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        fprintf(out, "%02x", at[i]);
}

void cli_report(const ldr_diag *diag)
{
    char line[LINE_SIZE];
    ldr_diag_text(diag, line, sizeof line);
    fputs("peload: ", stderr);
    cli_print_bytes(stderr, line, strlen(line));
    fputc('\n', stderr);
}
