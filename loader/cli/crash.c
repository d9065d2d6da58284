#include "cli.h"

#include <string.h>

/* The exit codes that Windows gives a program which has ended with an exception. */
static const struct {
    uint32_t code;
    const char *text;
} exceptions[] = {
    {0x80000001, "guard page touched"},
    {0x80000002, "operand not aligned"},
    {0x80000003, "breakpoint"},
    {0x80000004, "single step"},
    {0xC0000005, "invalid memory access"},
    {0xC0000006, "a page of a file could not be read"},
    {0xC000001D, "invalid instruction"},
    {0xC000008D, "floating point: denormal operand"},
    {0xC000008E, "floating point: division by zero"},
    {0xC000008F, "floating point: inexact result"},
    {0xC0000090, "floating point: invalid operation"},
    {0xC0000091, "floating point: overflow"},
    {0xC0000092, "floating point: stack"},
    {0xC0000093, "floating point: underflow"},
    {0xC0000094, "integer division by zero"},
    {0xC0000095, "integer overflow"},
    {0xC0000096, "privileged instruction"},
    {0xC00000FD, "stack overflow"},
    {0xC0000409, "it found itself damaged (fast fail)"},
    {0x20474343, "C++ exception that nobody caught"},
    {0xE06D7363, "C++ exception that nobody caught"},
};

enum { EXCEPTION_COUNT = sizeof exceptions / sizeof exceptions[0] };

const char *cli_crash_place(ldr_context *ctx, const void *address, char *text, size_t size)
{
    static const char start[] = " in ";
    ldr_symbol_place place;
    text[0] = '\0';
    if (ctx == NULL || address == NULL || ldr_symbol_at(ctx, address, &place) != LDR_OK)
        return text;
    memcpy(text, start, sizeof start);
    ldr_symbol_place_text(&place, text + strlen(start), size - strlen(start));
    return text;
}

const char *cli_exception_text(uint32_t code)
{
    for (size_t i = 0; i < EXCEPTION_COUNT; i++) {
        if (exceptions[i].code == code)
            return exceptions[i].text;
    }
    return NULL;
}

bool cli_report_exit(ldr_context *ctx, uint32_t exit_code)
{
    char place[CLI_PLACE_SIZE];
    const char *text = cli_exception_text(exit_code);
    const void *address = ctx != NULL ? ldr_exception_address(ctx) : NULL;
    if (text != NULL)
        fprintf(stderr, "peload: the image crashed: %s (exception 0x%08X)%s\n", text, exit_code,
                cli_crash_place(ctx, address, place, sizeof place));
    return text != NULL;
}
