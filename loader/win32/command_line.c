#include <stdlib.h>
#include <string.h>

#include "win32/win32.h"

/* ---- From arguments to a line ---- */

/* Appends an argument at out[at] and returns the end; `out` NULL measures. */
static size_t quote(const char *argument, char *out, size_t at)
{
    size_t backslashes = 0;
    bool quotes = argument[0] == 0 || strpbrk(argument, " \t\"") != NULL;
#define PUT(c)           \
    do {                 \
        if (out)         \
            out[at] = c; \
        at++;            \
    } while (0)
    if (quotes)
        PUT('"');
    for (const char *c = argument;; c++) {
        /* Backslashes count double before a quote, and only there. */
        if (*c == '"' || (*c == 0 && quotes))
            for (; backslashes > 0; backslashes--)
                PUT('\\');
        if (*c == 0)
            break;
        if (*c == '"')
            PUT('\\');
        backslashes = *c == '\\' ? backslashes + 1 : 0;
        PUT(*c);
    }
    if (quotes)
        PUT('"');
#undef PUT
    return at;
}

char *ldr__command_line_join(int argc, const char *const *argv)
{
    size_t size = 1, at = 0;
    for (int i = 0; i < argc; i++)
        size = quote(argv[i], NULL, size) + 1;
    char *line = malloc(size);
    for (int i = 0; line != NULL && i < argc; i++) {
        if (i > 0)
            line[at++] = ' ';
        at = quote(argv[i], line, at);
    }
    if (line != NULL)
        line[at] = 0;
    return line;
}

/* ---- And back ---- */

/* Where the arguments go: the array at the start of a block, their texts behind it. */
typedef struct split {
    char **argv;
    char *text;
    int argc;
} split;

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The program's name: quotes only switch spaces off and on, backslashes are what they are. */
static const char *take_program(const char *line, split *into)
{
    bool quoted = false;
    into->argv[into->argc++] = into->text;
    for (; *line != 0 && (quoted || !is_space(*line)); line++) {
        if (*line == '"')
            quoted = !quoted;
        else
            *into->text++ = *line;
    }
    *into->text++ = 0;
    return line;
}

/* 2n backslashes and a quote are n backslashes and a quote that counts, one more backslash makes it
 * a quote in the text; two quotes inside quotes are one in the text. */
static const char *take_argument(const char *line, split *into)
{
    bool quoted = false;
    into->argv[into->argc++] = into->text;
    while (*line != 0 && (quoted || !is_space(*line))) {
        size_t backslashes = strspn(line, "\\");
        bool at_quote = line[backslashes] == '"';
        line += backslashes;
        memset(into->text, '\\', at_quote ? backslashes / 2 : backslashes);
        into->text += at_quote ? backslashes / 2 : backslashes;
        if (at_quote && (backslashes % 2 != 0 || (quoted && line[1] == '"'))) {
            line += backslashes % 2 != 0 ? 1 : 2;
            *into->text++ = '"';
        } else if (at_quote) {
            quoted = !quoted;
            line++;
        } else if (backslashes == 0) {
            *into->text++ = *line++;
        }
    }
    *into->text++ = 0;
    return line;
}

char **ldr__command_line_split(const char *line, int *ret_argc)
{
    /* An argument takes two characters of the line at least, and the first one more. */
    size_t length = strlen(line), most = length / 2 + 2;
    char **argv = malloc((most + 1) * sizeof *argv + length + most + 1);
    if (argv == NULL)
        return NULL;
    split into = {argv, (char *)(argv + most + 1), 0};
    for (line = take_program(line, &into);; line = take_argument(line, &into)) {
        while (is_space(*line))
            line++;
        if (*line == 0)
            break;
    }
    argv[into.argc] = NULL;
    *ret_argc = into.argc;
    return argv;
}
