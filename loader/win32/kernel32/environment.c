#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"
#include "win32/start.h"

/* Environment variables and the command line. */

extern char **environ;

/* Variables are kept as "NAME=value" in UTF-8, in a NULL-terminated array. */
struct ldr__strings {
    pthread_mutex_t lock;
    char **variables;
    size_t count, capacity;
    char *command_line;
    WCHAR *command_line_w;
    const char *name_only[2];
};

/* ---- Variables ---- */

static size_t name_length(const char *variable)
{
    /* A name may begin with '=': "=Z:" holds the drive's folder. */
    const char *end = variable[0] ? strchr(variable + 1, '=') : NULL;
    return end ? (size_t)(end - variable) : strlen(variable);
}

static size_t find_variable(const struct ldr__strings *strings, const char *name, size_t length)
{
    size_t i = 0;
    while (i < strings->count && (name_length(strings->variables[i]) != length ||
                                  strncasecmp(strings->variables[i], name, length) != 0))
        i++;
    return i;
}

static bool reserve_variable(struct ldr__strings *strings)
{
    if (strings->count + 1 < strings->capacity)
        return true;
    size_t capacity = strings->capacity ? strings->capacity * 2 : 64;
    char **variables = realloc(strings->variables, capacity * sizeof *variables);
    if (variables == NULL)
        return false;
    strings->variables = variables;
    strings->capacity = capacity;
    return true;
}

static bool copy_host_environment(struct ldr__strings *strings)
{
    for (char **at = environ; at && *at; at++) {
        if (!reserve_variable(strings))
            return false;
        if ((strings->variables[strings->count] = strdup(*at)) == NULL)
            return false;
        strings->count++;
    }
    return true;
}

/* "NAME=value", allocated; NULL when out of memory. */
static char *variable_text(const char *name, size_t length, const char *value)
{
    char *text = malloc(length + strlen(value) + 2);
    if (text == NULL)
        return NULL;
    memcpy(text, name, length);
    text[length] = '=';
    strcpy(text + length + 1, value);
    return text;
}

/* Takes `text` over if it succeeds; NULL removes. Returns a Win32 error. */
static DWORD set_variable(struct ldr__strings *strings, const char *name, size_t length, char *text)
{
    size_t index = find_variable(strings, name, length);
    if (text == NULL) {
        if (index == strings->count)
            return ERROR_ENVVAR_NOT_FOUND;
        free(strings->variables[index]);
        strings->variables[index] = strings->variables[--strings->count];
        return ERROR_SUCCESS;
    }
    if (!reserve_variable(strings))
        return ERROR_NOT_ENOUGH_MEMORY;
    if (index == strings->count)
        strings->count++;
    else
        free(strings->variables[index]);
    strings->variables[index] = text;
    return ERROR_SUCCESS;
}

DWORD ldr__environment_set(ldr__process *process, const char *name, const char *value)
{
    struct ldr__strings *strings = process->strings;
    if (name == NULL || name[0] == 0 || strchr(name + 1, '=') != NULL)
        return ERROR_INVALID_PARAMETER;
    /* The guest's texts are read before the lock is taken: a guest that gave a bad pointer gets an
     * exception, and may go on from there. */
    size_t length = strlen(name);
    char *text = value != NULL ? variable_text(name, length, value) : NULL;
    if (value != NULL && text == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    pthread_mutex_lock(&strings->lock);
    DWORD error = set_variable(strings, name, length, text);
    pthread_mutex_unlock(&strings->lock);
    if (error != ERROR_SUCCESS)
        free(text);
    return error;
}

static BOOL LDR_WINAPI guest_SetEnvironmentVariableA(const char *name, const char *value)
{
    DWORD error = ldr__environment_set(ldr__process_self(), name, value);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

static BOOL LDR_WINAPI guest_SetEnvironmentVariableW(const WCHAR *name, const WCHAR *value)
{
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    char *narrow_value = value ? ldr__utf8_from(value) : NULL;
    BOOL done = (name && !narrow) || (value && !narrow_value)
                    ? ldr__win_error(ERROR_NOT_ENOUGH_MEMORY)
                    : guest_SetEnvironmentVariableA(narrow, narrow_value);
    free(narrow);
    free(narrow_value);
    return done;
}

char *ldr__environment_get(ldr__process *process, const char *name)
{
    struct ldr__strings *strings = process->strings;
    char *value = NULL;
    size_t length = strlen(name); /* before the lock, as above */
    pthread_mutex_lock(&strings->lock);
    size_t index = find_variable(strings, name, length);
    if (index < strings->count) {
        const char *variable = strings->variables[index];
        value = strdup(variable[length] ? variable + length + 1 : "");
        if (value == NULL)
            errno = ENOMEM;
    } else {
        errno = ENOENT;
    }
    pthread_mutex_unlock(&strings->lock);
    return value;
}

static DWORD no_variable(void)
{
    ldr__set_last_error(errno == ENOMEM ? ERROR_NOT_ENOUGH_MEMORY : ERROR_ENVVAR_NOT_FOUND);
    return 0;
}

DWORD ldr__answer_text(const char *text, char *ret_text, DWORD size)
{
    size_t length = strlen(text);
    if (length >= size || ret_text == NULL)
        return (DWORD)length + 1;
    memcpy(ret_text, text, length + 1);
    return (DWORD)length;
}

DWORD ldr__answer_text_w(const char *text, WCHAR *ret_text, DWORD size)
{
    size_t length = strlen(text), units = ldr__utf8_to_utf16(text, length, NULL, 0);
    if (units >= size || ret_text == NULL)
        return (DWORD)units + 1;
    ldr__utf8_to_utf16(text, length, ret_text, units);
    ret_text[units] = 0;
    return (DWORD)units;
}

static DWORD LDR_WINAPI guest_GetEnvironmentVariableA(const char *name, char *ret_value, DWORD size)
{
    char *value = ldr__environment_get(ldr__process_self(), name);
    if (value == NULL)
        return no_variable();
    DWORD result = ldr__answer_text(value, ret_value, size);
    ldr__set_last_error(ERROR_SUCCESS);
    free(value);
    return result;
}

static DWORD LDR_WINAPI guest_GetEnvironmentVariableW(const WCHAR *name, WCHAR *ret_value,
                                                      DWORD size)
{
    char *narrow = ldr__utf8_from(name);
    char *value = narrow ? ldr__environment_get(ldr__process_self(), narrow) : NULL;
    free(narrow);
    if (value == NULL)
        return no_variable();
    DWORD result = ldr__answer_text_w(value, ret_value, size);
    ldr__set_last_error(ERROR_SUCCESS);
    free(value);
    return result;
}

/* Writes `text` with its %NAME% replaced; what is no variable stays as it is. False when out of
 * memory. */
static bool expand(ldr__process *process, const char *text, FILE *out)
{
    bool known = true;
    while (*text != 0 && known) {
        const char *end = *text == '%' ? strchr(text + 1, '%') : NULL;
        char *name = end ? strndup(text + 1, (size_t)(end - text - 1)) : NULL;
        char *value = name ? ldr__environment_get(process, name) : NULL;
        known = value != NULL || (name != NULL ? errno != ENOMEM : end == NULL);
        if (value != NULL)
            fputs(value, out);
        else
            fputc(*text, out);
        text = value ? end + 1 : text + 1;
        free(name);
        free(value);
    }
    return known;
}

static DWORD LDR_WINAPI guest_ExpandEnvironmentStringsA(const char *text, char *ret_text,
                                                        DWORD size)
{
    char *full = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&full, &length);
    bool done = out != NULL && expand(ldr__process_self(), text, out);
    if (out != NULL && fclose(out) != 0)
        done = false;
    if (!done) {
        free(full);
        return (DWORD)ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    }
    DWORD result = ldr__answer_text(full, ret_text, size);
    free(full);
    return result < size ? result + 1 : result;
}

/* All variables one after the other with their NULs, and one NUL more. */
static char *join_variables(const struct ldr__strings *strings, size_t *ret_size)
{
    size_t size = 1, at = 0;
    for (size_t i = 0; i < strings->count; i++)
        size += strlen(strings->variables[i]) + 1;
    char *block = malloc(size + 1);
    for (size_t i = 0; block != NULL && i < strings->count; i++) {
        strcpy(block + at, strings->variables[i]);
        at += strlen(strings->variables[i]) + 1;
    }
    if (block != NULL)
        block[at] = 0;
    *ret_size = size;
    return block;
}

char *ldr__environment_block(ldr__process *process)
{
    size_t size;
    pthread_mutex_lock(&process->strings->lock);
    char *block = join_variables(process->strings, &size);
    pthread_mutex_unlock(&process->strings->lock);
    return block;
}

static WCHAR *LDR_WINAPI guest_GetEnvironmentStringsW(void)
{
    ldr__process *process = ldr__process_self();
    size_t size = 0;
    pthread_mutex_lock(&process->strings->lock);
    char *block = join_variables(process->strings, &size);
    pthread_mutex_unlock(&process->strings->lock);
    size_t units = block ? ldr__utf8_to_utf16(block, size, NULL, 0) : 0;
    WCHAR *wide = block ? ldr__heap_alloc(process, units * sizeof *wide) : NULL;
    if (wide != NULL)
        ldr__utf8_to_utf16(block, size, wide, units);
    else
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    free(block);
    return wide;
}

static BOOL LDR_WINAPI guest_FreeEnvironmentStringsW(WCHAR *block)
{
    return ldr__heap_free(ldr__process_self(), block) ? true
                                                      : ldr__win_error(ERROR_INVALID_PARAMETER);
}

/* ---- Command line ---- */

const char *ldr__command_line(const ldr__process *process)
{
    return process->strings->command_line;
}

ldr_status ldr__strings_set_arguments(ldr__process *process)
{
    struct ldr__strings *strings = process->strings;
    char *line = process->start ? strdup(ldr__start_command_line(process->start))
                                : ldr__command_line_join(process->argc, process->argv);
    WCHAR *wide = line ? ldr__utf16_from(line) : NULL;
    if (wide == NULL) {
        free(line);
        return LDR_NO_MEMORY;
    }
    free(strings->command_line);
    free(strings->command_line_w);
    strings->command_line = line;
    strings->command_line_w = wide;
    return LDR_OK;
}

static char *LDR_WINAPI guest_GetCommandLineA(void)
{
    return ldr__process_self()->strings->command_line;
}

static WCHAR *LDR_WINAPI guest_GetCommandLineW(void)
{
    return ldr__process_self()->strings->command_line_w;
}

static void LDR_WINAPI guest_GetStartupInfoW(STARTUPINFO *ret_info)
{
    ldr__process *process = ldr__process_self();
    *ret_info = (STARTUPINFO){.size = sizeof *ret_info, .flags = STARTF_USESTDHANDLES};
    for (int i = 0; i < 3; i++)
        ret_info->standard[i] = atomic_load(&process->standard[i]);
}

/* ---- State ---- */

ldr_status ldr__strings_create(ldr__process *process)
{
    struct ldr__strings *strings = calloc(1, sizeof *strings);
    if (strings == NULL)
        return LDR_NO_MEMORY;
    pthread_mutex_init(&strings->lock, NULL);
    strings->name_only[0] = program_invocation_name;
    process->strings = strings;
    process->argc = 1;
    process->argv = strings->name_only;
    if (process->start != NULL)
        process->argv = ldr__start_arguments(process->start, &process->argc);
    return copy_host_environment(strings) ? ldr__strings_set_arguments(process) : LDR_NO_MEMORY;
}

void ldr__strings_destroy(ldr__process *process)
{
    struct ldr__strings *strings = process->strings;
    if (strings == NULL)
        return;
    while (strings->count > 0)
        free(strings->variables[--strings->count]);
    free(strings->variables);
    free(strings->command_line);
    free(strings->command_line_w);
    pthread_mutex_destroy(&strings->lock);
    free(strings);
    process->strings = NULL;
}

static const ldr_export lines[] = {
    LDR__FN(SetEnvironmentVariableA),
    LDR__FN(SetEnvironmentVariableW),
    LDR__FN(GetEnvironmentVariableA),
    LDR__FN(GetEnvironmentVariableW),
    LDR__FN(ExpandEnvironmentStringsA),
    LDR__FN(GetEnvironmentStringsW),
    LDR__FN(FreeEnvironmentStringsW),
    LDR__FN(GetCommandLineA),
    LDR__FN(GetCommandLineW),
    LDR__FN(GetStartupInfoW),
    /* The texts in it are all NULL, so that both forms are the same. */
    LDR__FN_AS("GetStartupInfoA", guest_GetStartupInfoW),
};

LDR__TABLE(ldr__kernel32_environment, "kernel32.dll", lines);
