/*
 * system_call [--ret TYPE] FILE EXPORT ARG...: what `peload call` does, with the system's loader.
 */
#include "cli/call_values.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <windows.h>

enum { SLOTS_MIN = 4, PATH_SIZE = 0x1000 };

uint64_t cli_call_guest(void *function, const uint64_t *slots, size_t count, double *ret_real);

static void *find_function(const char *path, const char *name)
{
    wchar_t full[PATH_SIZE];
    uint16_t *wide = cli_utf16_copy(path);
    HMODULE module = NULL;
    if (wide != NULL && GetFullPathNameW(wide, PATH_SIZE, full, NULL) > 0)
        module = LoadLibraryExW(full, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
    free(wide);
    return module != NULL ? (void *)(uintptr_t)GetProcAddress(module, name) : NULL;
}

static void call(void *function, call_type type, call_value *values, size_t count)
{
    uint64_t slots[CALL_VALUES_MAX] = {0};
    call_result result = {0};
    size_t slot_count = count < SLOTS_MIN ? SLOTS_MIN : count + count % 2;
    for (size_t i = 0; i < count; i++)
        slots[i] = call_value_slot(&values[i]);
    result.integer = cli_call_guest(function, slots, slot_count, &result.real);
    call_result_print(&result, type);
    for (size_t i = 0; i < count; i++)
        call_value_print(&values[i], i + 1);
}

/* What is allocated stays so: the program ends. */
int wmain(int argc, wchar_t **argv)
{
    call_value values[CALL_VALUES_MAX];
    const char *ret = NULL;
    char *words[CALL_VALUES_MAX + 8];
    const cli_option table[] = {{"--ret", CLI_TEXT, &ret}};
    const cli_syntax syntax = {table, 1, false, 2, 2 + CALL_VALUES_MAX};
    call_type type;

    for (int i = 0; i < argc && i < CALL_VALUES_MAX + 8; i++)
        words[i] = cli_utf8_copy(argv[i]);
    int count = cli_parse(&syntax, argc, words) - 2;
    if (count < 0 || !call_type_parse(ret, &type))
        return 2;
    for (int i = 0; i < count; i++) {
        if (call_value_parse(words[3 + i], &values[i]) != CLI_DONE)
            return 2;
    }
    _setmode(_fileno(stdout), _O_BINARY);
    void *function = find_function(words[1], words[2]);
    if (function == NULL) {
        fprintf(stderr, "%s: error %lu\n", words[1], GetLastError());
        return 1;
    }
    call(function, type, values, (size_t)count);
    return 0;
}
