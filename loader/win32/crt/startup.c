/* crt/startup.c: what start-up code asks of the runtime before main: arguments, initialisers. */
#include "win32/crt/startup.h"

#include <stdlib.h>
#include <string.h>

#include "win32/crt/environment.h"

/* ---- Arguments ---- */

static bool copy_arguments(ldr__crt *crt, int argc, const char *const *argv)
{
    ldr__crt_strings *vectors = &crt->arguments;
    vectors->narrow = calloc((size_t)argc + 1, sizeof *vectors->narrow);
    vectors->wide = calloc((size_t)argc + 1, sizeof *vectors->wide);
    if (!vectors->narrow || !vectors->wide)
        return false;
    for (int i = 0; i < argc; i++) {
        vectors->narrow[i] = strdup(argv[i]);
        vectors->wide[i] = ldr__utf16_from(argv[i]);
        if (!vectors->narrow[i] || !vectors->wide[i])
            return false;
    }
    crt->argc = argc;
    return true;
}

static char *program_path(ldr__crt *crt)
{
    ldr_module *module = ldr__module_main(crt->process->ctx);
    if (module)
        return ldr__path_to_guest(ldr_module_path(module));
    return strdup(crt->process->argc > 0 ? crt->process->argv[0] : "");
}

static void publish(ldr__crt *crt, const char *name, const void *value, size_t size)
{
    void *data = ldr__crt_data(crt, name);
    if (data)
        memcpy(data, value, size);
}

static void publish_arguments(ldr__crt *crt)
{
    publish(crt, "__argc", &crt->argc, sizeof crt->argc);
    publish(crt, "__argv", &crt->arguments.narrow, sizeof(char **));
    publish(crt, "__wargv", &crt->arguments.wide, sizeof(WCHAR **));
    publish(crt, "_acmdln", &crt->command_line, sizeof(char *));
    publish(crt, "_wcmdln", &crt->wide_command_line, sizeof(WCHAR *));
    publish(crt, "_pgmptr", &crt->program, sizeof(char *));
    publish(crt, "_wpgmptr", &crt->wide_program, sizeof(WCHAR *));
    ldr__crt_environment_publish(crt);
}

static bool make_arguments(ldr__crt *crt)
{
    static const char *const nobody[] = {""};
    const ldr__process *process = crt->process;
    int argc = process->argc > 0 ? process->argc : 1;
    const char *const *argv = process->argc > 0 ? process->argv : nobody;
    crt->command_line = strdup(ldr__command_line(process));
    crt->program = program_path(crt);
    crt->wide_command_line = crt->command_line ? ldr__utf16_from(crt->command_line) : NULL;
    crt->wide_program = crt->program ? ldr__utf16_from(crt->program) : NULL;
    return crt->wide_command_line && crt->wide_program && copy_arguments(crt, argc, argv);
}

bool ldr__crt_arguments_prepare(ldr__crt *crt)
{
    ldr__crt_lock(crt);
    /* DLLs may have asked before ldr_run set the program's own arguments. */
    bool stale =
        crt->arguments.narrow && (crt->argc < crt->process->argc ||
                                  (crt->argc == crt->process->argc &&
                                   strcmp(crt->arguments.narrow[0], crt->process->argv[0]) != 0));
    if (stale)
        ldr__crt_arguments_destroy(crt);
    bool ready = crt->arguments.narrow || make_arguments(crt);
    if (ready)
        publish_arguments(crt);
    else
        ldr__crt_arguments_destroy(crt);
    ldr__crt_unlock(crt);
    return ready;
}

void ldr__crt_arguments_destroy(ldr__crt *crt)
{
    for (size_t i = 0; crt->arguments.narrow && crt->arguments.narrow[i]; i++)
        free(crt->arguments.narrow[i]);
    for (size_t i = 0; crt->arguments.wide && crt->arguments.wide[i]; i++)
        free(crt->arguments.wide[i]);
    free(crt->arguments.narrow);
    free(crt->arguments.wide);
    crt->arguments = (ldr__crt_strings){NULL, NULL};
    free(crt->command_line);
    free(crt->wide_command_line);
    free(crt->program);
    free(crt->wide_program);
    crt->command_line = crt->program = NULL;
    crt->wide_command_line = crt->wide_program = NULL;
}

/* ---- msvcrt's start-up ---- */

/* Wildcards are not expanded: the host's shell has done that. */
static int LDR_WINAPI guest___getmainargs(int *ret_argc, char ***ret_argv, char ***ret_environment,
                                          int expand, const int *new_mode)
{
    (void)expand;
    ldr__crt *crt = ldr__crt_self();
    if (!ldr__crt_arguments_prepare(crt))
        return ldr__crt_set_errno(ENOMEM);
    *ret_argc = crt->argc;
    *ret_argv = crt->arguments.narrow;
    *ret_environment = crt->environment.narrow;
    if (new_mode)
        crt->new_mode = *new_mode != 0;
    return 0;
}

static int LDR_WINAPI guest___wgetmainargs(int *ret_argc, WCHAR ***ret_argv,
                                           WCHAR ***ret_environment, int expand,
                                           const int *new_mode)
{
    (void)expand;
    ldr__crt *crt = ldr__crt_self();
    if (!ldr__crt_arguments_prepare(crt))
        return ldr__crt_set_errno(ENOMEM);
    *ret_argc = crt->argc;
    *ret_argv = crt->arguments.wide;
    *ret_environment = crt->environment.wide;
    if (new_mode)
        crt->new_mode = *new_mode != 0;
    return 0;
}

/* Start-up code calls it first, then reads _acmdln. */
static void LDR_WINAPI guest___set_app_type(int type)
{
    ldr__crt *crt = ldr__crt_self();
    crt->application_type = type;
    ldr__crt_arguments_prepare(crt);
}

static void LDR_WINAPI guest___setusermatherr(void *handler)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    crt->math_error_handler = handler;
    ldr__crt_unlock(crt);
}

static void LDR_WINAPI guest__initterm(const ldr__crt_void_function *first,
                                       const ldr__crt_void_function *last)
{
    for (; first < last; first++)
        if (*first)
            (*first)();
}

typedef int(LDR_WINAPI *initialiser)(void);

static int LDR_WINAPI guest__initterm_e(const initialiser *first, const initialiser *last)
{
    int failed = 0;
    for (; first < last && failed == 0; first++)
        if (*first)
            failed = (*first)();
    return failed;
}

/* ---- The universal runtime's start-up ---- */

static int LDR_WINAPI guest__configure_argv(int mode)
{
    (void)mode; /* whether to expand wildcards: the host's shell has done that */
    return ldr__crt_arguments_prepare(ldr__crt_self()) ? 0 : ENOMEM;
}

static int *LDR_WINAPI guest___p___argc(void)
{
    return &ldr__crt_self()->argc;
}

static char ***LDR_WINAPI guest___p___argv(void)
{
    return &ldr__crt_self()->arguments.narrow;
}

static WCHAR ***LDR_WINAPI guest___p___wargv(void)
{
    return &ldr__crt_self()->arguments.wide;
}

static char **LDR_WINAPI guest___p__acmdln(void)
{
    ldr__crt_arguments_prepare(ldr__crt_self());
    return &ldr__crt_self()->command_line;
}

static WCHAR **LDR_WINAPI guest___p__wcmdln(void)
{
    ldr__crt_arguments_prepare(ldr__crt_self());
    return &ldr__crt_self()->wide_command_line;
}

static char **LDR_WINAPI guest___p__pgmptr(void)
{
    ldr__crt_arguments_prepare(ldr__crt_self());
    return &ldr__crt_self()->program;
}

static WCHAR **LDR_WINAPI guest___p__wpgmptr(void)
{
    ldr__crt_arguments_prepare(ldr__crt_self());
    return &ldr__crt_self()->wide_program;
}

/* The command line behind the program's name, for WinMain. */
static char *LDR_WINAPI guest__get_narrow_winmain_command_line(void)
{
    char *text = *guest___p__acmdln();
    bool quoted = false;
    for (; text && *text && (quoted || *text > ' '); text++)
        if (*text == '"')
            quoted = !quoted;
    while (text && *text && *text <= ' ')
        text++;
    return text;
}

static WCHAR *LDR_WINAPI guest__get_wide_winmain_command_line(void)
{
    WCHAR *text = *guest___p__wcmdln();
    bool quoted = false;
    for (; text && *text && (quoted || *text > ' '); text++)
        if (*text == '"')
            quoted = !quoted;
    while (text && *text && *text <= ' ')
        text++;
    return text;
}

static int LDR_WINAPI guest__query_app_type(void)
{
    return ldr__crt_self()->application_type;
}

static const ldr_export shared[] = {
    LDR__FN(_initterm),    LDR__FN(_initterm_e),      LDR__FN(__p___argc),  LDR__FN(__p___argv),
    LDR__FN(__p___wargv),  LDR__FN(__p__acmdln),      LDR__FN(__p__wcmdln), LDR__FN(__p__pgmptr),
    LDR__FN(__p__wpgmptr), LDR__FN(__setusermatherr),
};
LDR__CRT_TABLES(ldr__crt_startup, shared);

static const ldr_export ucrt_lines[] = {
    LDR__FN_AS("_configure_narrow_argv", guest__configure_argv),
    LDR__FN_AS("_configure_wide_argv", guest__configure_argv),
    LDR__FN_AS("_set_app_type", guest___set_app_type),
    LDR__FN(_query_app_type),
    LDR__FN(_get_narrow_winmain_command_line),
    LDR__FN(_get_wide_winmain_command_line),
};
LDR__TABLE(ldr__crt_startup_ucrt_only, "ucrtbase.dll", ucrt_lines);

static void *const nothing = NULL;
static const int zero = 0;
static const ldr_export msvcrt_lines[] = {
    LDR__FN(__getmainargs),         LDR__FN(__wgetmainargs),       LDR__FN(__set_app_type),
    LDR__DATA("__argc", zero),      LDR__DATA("__argv", nothing),  LDR__DATA("__wargv", nothing),
    LDR__DATA("_acmdln", nothing),  LDR__DATA("_wcmdln", nothing), LDR__DATA("_pgmptr", nothing),
    LDR__DATA("_wpgmptr", nothing),
};
LDR__TABLE(ldr__crt_startup_msvcrt_only, "msvcrt.dll", msvcrt_lines);
