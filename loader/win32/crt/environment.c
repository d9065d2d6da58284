/* crt/environment.c: getenv, _putenv and the vectors behind _environ and _wenviron. */
#include "win32/crt/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "win32/kernel32/kernel32.h"

static size_t count_of(char *const *strings)
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

/* Room for `count` entries and their NULL in both vectors; new room is zero. */
static bool reserve(ldr__crt_strings *strings, size_t count, size_t before)
{
    char **narrow = realloc(strings->narrow, (count + 1) * sizeof *narrow);
    if (narrow)
        strings->narrow = narrow;
    WCHAR **wide = realloc(strings->wide, (count + 1) * sizeof *wide);
    if (wide)
        strings->wide = wide;
    if (!narrow || !wide)
        return false;
    for (size_t i = before; i <= count; i++) {
        narrow[i] = NULL;
        wide[i] = NULL;
    }
    return true;
}

ldr_status ldr__crt_environment_create(ldr__crt *crt)
{
    size_t count = count_of(environ);
    ldr__crt_strings *strings = &crt->environment;
    if (!reserve(strings, count, 0))
        return LDR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        strings->narrow[i] = strdup(environ[i]);
        strings->wide[i] = ldr__utf16_from(environ[i]);
        if (!strings->narrow[i] || !strings->wide[i])
            return LDR_NO_MEMORY;
    }
    return LDR_OK;
}

void ldr__crt_environment_destroy(ldr__crt *crt)
{
    ldr__crt_strings *strings = &crt->environment;
    for (size_t i = 0; strings->narrow && strings->wide && (strings->narrow[i] || strings->wide[i]);
         i++) {
        free(strings->narrow[i]);
        free(strings->wide[i]);
    }
    free(strings->narrow);
    free(strings->wide);
    *strings = (ldr__crt_strings){NULL, NULL};
}

void ldr__crt_environment_publish(ldr__crt *crt)
{
    static const char *const narrow_names[] = {"_environ", "__initenv"};
    static const char *const wide_names[] = {"_wenviron", "__winitenv"};
    for (int i = 0; i < 2; i++) {
        char ***narrow = ldr__crt_data(crt, narrow_names[i]);
        WCHAR ***wide = ldr__crt_data(crt, wide_names[i]);
        if (narrow)
            *narrow = crt->environment.narrow;
        if (wide)
            *wide = crt->environment.wide;
    }
}

/* ---- Looking up and changing ---- */

/* The index of a variable, whatever its case, or the count of variables. */
static size_t find(const ldr__crt_strings *strings, const char *name, size_t length)
{
    size_t i = 0;
    for (; strings->narrow[i]; i++)
        if (strncasecmp(strings->narrow[i], name, length) == 0 && strings->narrow[i][length] == '=')
            break;
    return i;
}

static void remove_entry(ldr__crt_strings *strings, size_t index)
{
    free(strings->narrow[index]);
    free(strings->wide[index]);
    size_t rest = count_of(strings->narrow + index + 1) + 1;
    memmove(strings->narrow + index, strings->narrow + index + 1, rest * sizeof(char *));
    memmove(strings->wide + index, strings->wide + index + 1, rest * sizeof(WCHAR *));
}

/* Puts "NAME=value" at `index`, the count of variables to append, where there is room. Takes over
 * both strings. */
static void put_entry(ldr__crt_strings *strings, size_t index, char *narrow, WCHAR *wide)
{
    free(strings->narrow[index]);
    free(strings->wide[index]);
    strings->narrow[index] = narrow;
    strings->wide[index] = wide;
}

/* GetEnvironmentVariable knows what the runtime sets; the other way round it does not. */
static bool tell_process(ldr__crt *crt, const char *name, size_t name_length, const char *value)
{
    char *copy = strndup(name, name_length);
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    if (copy)
        error = ldr__environment_set(crt->process, copy, value);
    free(copy);
    return error == ERROR_SUCCESS || error == ERROR_ENVVAR_NOT_FOUND;
}

static bool remove_variable(ldr__crt *crt, const char *name, size_t name_length)
{
    if (!tell_process(crt, name, name_length, NULL))
        return false;
    ldr__crt_lock(crt);
    size_t index = find(&crt->environment, name, name_length);
    if (crt->environment.narrow[index])
        remove_entry(&crt->environment, index);
    ldr__crt_environment_publish(crt);
    ldr__crt_unlock(crt);
    return true;
}

/* Takes over both strings if it succeeds, and else has changed nothing: the process, which can
 * fail, is told when nothing else can. */
static bool put_variable(ldr__crt *crt, size_t name_length, char *narrow, WCHAR *wide)
{
    ldr__crt_strings *strings = &crt->environment;
    ldr__crt_lock(crt);
    size_t index = find(strings, narrow, name_length);
    bool has_room = strings->narrow[index] || reserve(strings, index + 1, index);
    bool done = has_room && tell_process(crt, narrow, name_length, narrow + name_length + 1);
    if (done)
        put_entry(strings, index, narrow, wide);
    ldr__crt_environment_publish(crt);
    ldr__crt_unlock(crt);
    return done;
}

static bool add_variable(ldr__crt *crt, const char *name, size_t name_length, const char *value)
{
    char *narrow = malloc(name_length + strlen(value) + 2);
    if (narrow) {
        memcpy(narrow, name, name_length);
        narrow[name_length] = '=';
        strcpy(narrow + name_length + 1, value);
    }
    WCHAR *wide = narrow ? ldr__utf16_from(narrow) : NULL;
    if (wide && put_variable(crt, name_length, narrow, wide))
        return true;
    free(narrow);
    free(wide);
    return false;
}

static int set_variable(ldr__crt *crt, const char *name, size_t name_length, const char *value)
{
    bool done = *value ? add_variable(crt, name, name_length, value)
                       : remove_variable(crt, name, name_length);
    return done ? 0 : ldr__crt_set_errno(ENOMEM);
}

static const char *value_of(ldr__crt *crt, const char *name)
{
    size_t length = strlen(name);
    ldr__crt_lock(crt);
    const char *entry = crt->environment.narrow[find(&crt->environment, name, length)];
    ldr__crt_unlock(crt);
    return entry ? entry + length + 1 : NULL;
}

static const WCHAR *wide_value_of(ldr__crt *crt, const char *name)
{
    ldr__crt_lock(crt);
    const WCHAR *entry = crt->environment.wide[find(&crt->environment, name, strlen(name))];
    ldr__crt_unlock(crt);
    while (entry && *entry && *entry != '=')
        entry++;
    return entry && *entry ? entry + 1 : NULL;
}

/* ---- Exports ---- */

static char *LDR_WINAPI guest_getenv(const char *name)
{
    if (!name) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    return (char *)(uintptr_t)value_of(ldr__crt_self(), name);
}

static WCHAR *LDR_WINAPI guest__wgetenv(const WCHAR *name)
{
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    if (!narrow) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    const WCHAR *value = wide_value_of(ldr__crt_self(), narrow);
    free(narrow);
    return (WCHAR *)(uintptr_t)value;
}

static int LDR_WINAPI guest_getenv_s(size_t *ret_needed, char *buffer, size_t size,
                                     const char *name)
{
    if (!ret_needed || !name || (!buffer && size)) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    const char *value = value_of(ldr__crt_self(), name);
    *ret_needed = value ? strlen(value) + 1 : 0;
    if (buffer && size)
        *buffer = '\0';
    if (!value || size == 0)
        return 0;
    if (*ret_needed > size)
        return ERANGE;
    memcpy(buffer, value, *ret_needed);
    return 0;
}

static int LDR_WINAPI guest__dupenv_s(char **ret_value, size_t *ret_size, const char *name)
{
    if (!ret_value || !name) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    const char *value = value_of(ldr__crt_self(), name);
    char *copy = value ? strdup(value) : NULL;
    if (value && !copy)
        return ENOMEM;
    *ret_value = copy;
    if (ret_size)
        *ret_size = copy ? strlen(copy) + 1 : 0;
    return 0;
}

static int LDR_WINAPI guest__wdupenv_s(WCHAR **ret_value, size_t *ret_size, const WCHAR *name)
{
    if (!ret_value || !name) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    const WCHAR *value = guest__wgetenv(name);
    size_t size = value ? ldr__wcslen(value) + 1 : 0;
    WCHAR *copy = value ? malloc(size * sizeof *copy) : NULL;
    if (value && !copy)
        return ENOMEM;
    if (copy)
        memcpy(copy, value, size * sizeof *copy);
    *ret_value = copy;
    if (ret_size)
        *ret_size = size;
    return 0;
}

static int LDR_WINAPI guest__putenv(const char *text)
{
    const char *equals = text ? strchr(text, '=') : NULL;
    if (!equals || equals == text) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return set_variable(ldr__crt_self(), text, (size_t)(equals - text), equals + 1);
}

static int LDR_WINAPI guest__putenv_s(const char *name, const char *value)
{
    if (!name || !value || !*name) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    return set_variable(ldr__crt_self(), name, strlen(name), value) == 0 ? 0 : ENOMEM;
}

static int LDR_WINAPI guest__wputenv(const WCHAR *text)
{
    char *narrow = text ? ldr__utf8_from(text) : NULL;
    int result = guest__putenv(narrow);
    free(narrow);
    return result;
}

static int LDR_WINAPI guest__wputenv_s(const WCHAR *name, const WCHAR *value)
{
    char *narrow_name = name ? ldr__utf8_from(name) : NULL;
    char *narrow_value = value ? ldr__utf8_from(value) : NULL;
    int result = guest__putenv_s(narrow_name, narrow_value);
    free(narrow_name);
    free(narrow_value);
    return result;
}

static char ***LDR_WINAPI guest___p__environ(void)
{
    return &ldr__crt_self()->environment.narrow;
}

static WCHAR ***LDR_WINAPI guest___p__wenviron(void)
{
    return &ldr__crt_self()->environment.wide;
}

static char **LDR_WINAPI guest__get_initial_narrow_environment(void)
{
    return ldr__crt_self()->environment.narrow;
}

static WCHAR **LDR_WINAPI guest__get_initial_wide_environment(void)
{
    return ldr__crt_self()->environment.wide;
}

/* Both vectors are there from the start. */
static int LDR_WINAPI guest__initialize_environment(void)
{
    return 0;
}

static const ldr_export shared[] = {
    LDR__FN(getenv),     LDR__FN(_wgetenv),     LDR__FN(getenv_s),      LDR__FN(_dupenv_s),
    LDR__FN(_wdupenv_s), LDR__FN(_putenv),      LDR__FN(_putenv_s),     LDR__FN(_wputenv),
    LDR__FN(_wputenv_s), LDR__FN(__p__environ), LDR__FN(__p__wenviron),
};
LDR__CRT_TABLES(ldr__crt_environment, shared);

static const ldr_export ucrt_lines[] = {
    LDR__FN(_get_initial_narrow_environment),
    LDR__FN(_get_initial_wide_environment),
    LDR__FN_AS("_initialize_narrow_environment", guest__initialize_environment),
    LDR__FN_AS("_initialize_wide_environment", guest__initialize_environment),
};
LDR__TABLE(ldr__crt_environment_ucrt_only, "ucrtbase.dll", ucrt_lines);

static char **const no_strings = NULL;
static const ldr_export msvcrt_lines[] = {
    LDR__DATA("_environ", no_strings),
    LDR__DATA("_wenviron", no_strings),
    LDR__DATA("__initenv", no_strings),
    LDR__DATA("__winitenv", no_strings),
};
LDR__TABLE(ldr__crt_environment_msvcrt_only, "msvcrt.dll", msvcrt_lines);
