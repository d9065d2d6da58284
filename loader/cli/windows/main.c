/* Arguments are UTF-16 here, and what is printed is UTF-8, with line ends as on Linux. */
#include "cli/cli.h"

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

int wmain(int argc, wchar_t **argv)
{
    char **texts = narrow(argc, argv);
    if (texts == NULL)
        return CLI_FAILED;
    UINT code_page = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    _setmode(_fileno(stdout), _O_BINARY);
    int status = cli_main(argc, texts);
    SetConsoleOutputCP(code_page);
    free_texts(texts, argc);
    return status;
}
