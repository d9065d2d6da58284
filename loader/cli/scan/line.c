#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Files that shrink ---- */

/* Where a thread goes on when the file that it has mapped ends before its size did. */
static _Thread_local sigjmp_buf *on_shrinking;

static void handle_bus_error(int signal_number)
{
    if (on_shrinking != NULL)
        siglongjmp(*on_shrinking, 1);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void scan_catch_shrinking(void)
{
    struct sigaction action = {.sa_handler = handle_bus_error, .sa_flags = SA_NODEFER};
    sigaction(SIGBUS, &action, NULL);
}

/* ---- Mapping ---- */

static ldr_status map_open_file(int file, const char *path, pe_span *ret_bytes, ldr_diag *diag)
{
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode))
        return cli_fail(diag, LDR_NOT_A_FILE, PE_NT_INVALID_FILE_FOR_SECTION, path);
    *ret_bytes = (pe_span){0};
    if (about.st_size == 0)
        return LDR_OK;
    void *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED)
        return cli_fail(diag, LDR_IO_ERROR, PE_NT_NO_MEMORY, path);
    *ret_bytes = (pe_span){data, (uint64_t)about.st_size};
    return LDR_OK;
}

/* Not read but mapped: a scan looks at few of a file's bytes. */
static ldr_status map_file(const char *path, pe_span *ret_bytes, ldr_diag *diag)
{
    /* A pipe must not be waited for. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        bool is_missing = errno == ENOENT || errno == ENOTDIR;
        return cli_fail(diag, is_missing ? LDR_FILE_NOT_FOUND : LDR_IO_ERROR,
                        is_missing ? PE_NT_NO_SUCH_FILE : PE_NT_ACCESS_DENIED, path);
    }
    ldr_status status = map_open_file(file, path, ret_bytes, diag);
    close(file);
    return status;
}

/* ---- The line ---- */

static FILE *open_line(char **text, size_t *size, cli_json *ret_json)
{
    *text = NULL;
    FILE *out = open_memstream(text, size);
    *ret_json = (cli_json){.out = out};
    return out;
}

static char *close_line(FILE *out, char **text)
{
    if (fclose(out) == 0)
        return *text;
    free(*text);
    return NULL;
}

static char *failure_line(const char *path, const inspect_choice *choice, const ldr_diag *diag,
                          size_t *ret_size)
{
    char *text;
    cli_json json;
    FILE *out = open_line(&text, ret_size, &json);
    if (out == NULL)
        return NULL;
    inspect_write_failure(&json, path, choice, diag);
    return close_line(out, &text);
}

/* NULL, with errno EIO, if the file shrinks meanwhile. What is half written then is thrown away. */
static char *image_line(const char *path, pe_span bytes, const inspect_choice *choice,
                        size_t *ret_size)
{
    char *text;
    cli_json json;
    sigjmp_buf here;
    FILE *out = open_line(&text, ret_size, &json);
    if (out == NULL)
        return NULL;
    if (sigsetjmp(here, 0) == 0) {
        on_shrinking = &here;
        inspect_write(&json, path, bytes, choice);
        on_shrinking = NULL;
        return close_line(out, &text);
    }
    on_shrinking = NULL;
    fclose(out);
    free(text);
    errno = EIO;
    return NULL;
}

char *scan_line(const char *path, const inspect_choice *choice, size_t *ret_size)
{
    pe_span bytes;
    ldr_diag diag;
    if (map_file(path, &bytes, &diag) != LDR_OK)
        return failure_line(path, choice, &diag, ret_size);
    errno = 0;
    char *line = image_line(path, bytes, choice, ret_size);
    bool is_shrunk = line == NULL && errno == EIO;
    if (bytes.size > 0)
        munmap((void *)(uintptr_t)bytes.data, (size_t)bytes.size);
    if (!is_shrunk)
        return line;
    cli_fail(&diag, LDR_IO_ERROR, PE_NT_IN_PAGE_ERROR, path);
    return failure_line(path, choice, &diag, ret_size);
}
