/* crt/process.c: other programs, and what a program says before it gives up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "win32/crt/file.h"
#include "win32/crt/stream.h"

/* The host's command processor runs the command; without one, whether there is a processor. */
static int LDR_WINAPI guest_system(const char *command)
{
    if (!command)
        return system(NULL) != 0;
    ldr__crt_streams_flush(ldr__crt_self());
    int status = system(command);
    if (status < 0)
        return ldr__crt_set_host_errno(errno);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int LDR_WINAPI guest__wsystem(const WCHAR *command)
{
    char *narrow = command ? ldr__utf8_from(command) : NULL;
    if (command && !narrow)
        return ldr__crt_set_errno(ENOMEM);
    int status = guest_system(narrow);
    free(narrow);
    return status;
}

/* ---- Assertions ---- */

static void fail(const char *expression, const char *file, uint32_t line)
{
    enum { ABORT_EXIT_CODE = 3 };
    char text[512];
    ldr__crt *crt = ldr__crt_self();
    snprintf(text, sizeof text, "Assertion failed: %.200s, file %.200s, line %u\n",
             expression ? expression : "", file ? file : "", line);
    ldr__crt_streams_flush(crt);
    ldr__crt_descriptor_write(crt, 2, text, strlen(text));
    ldr__process_terminate(ABORT_EXIT_CODE);
}

static void LDR_WINAPI guest__assert(const char *expression, const char *file, uint32_t line)
{
    fail(expression, file, line);
}

static void narrow(const WCHAR *text, char out[201])
{
    size_t length = text ? ldr__wcslen(text) : 0;
    out[ldr__utf16_to_utf8(text, length < 60 ? length : 60, out, 200)] = '\0';
}

static void LDR_WINAPI guest__wassert(const WCHAR *expression, const WCHAR *file, uint32_t line)
{
    char narrow_expression[201], narrow_file[201];
    narrow(expression, narrow_expression);
    narrow(file, narrow_file);
    fail(narrow_expression, narrow_file, line);
}

static const ldr_export shared[] = {LDR__FN(system), LDR__FN(_wsystem), LDR__FN(_assert),
                                    LDR__FN(_wassert)};
LDR__CRT_TABLES(ldr__crt_process, shared);
