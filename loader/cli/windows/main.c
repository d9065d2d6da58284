/* Arguments are UTF-16 here, and what is printed is UTF-8, with line ends as on Linux. */
#include "cli/windows/program.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <windows.h>

static void free_texts(char **texts, int count)
{
    for (int i = 0; texts != NULL && i < count; i++)
        free(texts[i]);
    free(texts);
}

/* NULL when out of memory. */
static char **narrow(int count, wchar_t **wide)
{
    char **texts = calloc((size_t)count + 1, sizeof *texts);
    for (int i = 0; texts != NULL && i < count; i++) {
        texts[i] = cli_utf8_copy(wide[i]);
        if (texts[i] == NULL) {
            free_texts(texts, count);
            return NULL;
        }
    }
    return texts;
}

static UINT code_page; /* as others use it; 0: not known */

void cli_guest_leaves(void)
{
    code_page = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    _setmode(_fileno(stdout), _O_BINARY);
}

void cli_guest_enters(void)
{
    fflush(stdout);
    _setmode(_fileno(stdout), _O_TEXT);
    if (code_page != 0)
        SetConsoleOutputCP(code_page);
}

/* Words are taken as they are: mingw's start would put the names of files for "*". */
int _dowildcard = 0;

/* The command's words; what is allocated stays so. False: out of memory. */
static bool read_words(int *argc, wchar_t **wide, char ***ret_argv)
{
    *ret_argv = narrow(*argc, wide);
    return *ret_argv != NULL && cli_program_words(argc, ret_argv);
}

int wmain(int argc, wchar_t **argv)
{
    char **words;
    if (!read_words(&argc, argv, &words))
        return CLI_FAILED;
    cli_guest_leaves();
    int status = cli_main(argc, words);
    cli_guest_enters();
    return status;
}
