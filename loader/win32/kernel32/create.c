#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "win32/children.h"
#include "win32/kernel32/files.h"
#include "win32/kernel32/program.h"

/* CreateProcess. */

enum {
    DEBUG_PROCESS = 0x1,
    DEBUG_ONLY_THIS_PROCESS = 0x2,
    CREATE_SUSPENDED = 0x4,
    CREATE_UNICODE_ENVIRONMENT = 0x400,
    EXTENDED_STARTUPINFO_PRESENT = 0x80000,
    /* The others say what windows, priority or group the process has, which changes nothing here.
     */
    REFUSED = DEBUG_PROCESS | DEBUG_ONLY_THIS_PROCESS | EXTENDED_STARTUPINFO_PRESENT,
};

typedef struct PROCESS_INFORMATION {
    HANDLE process, thread;
    DWORD process_id, thread_id;
} PROCESS_INFORMATION;

/* The arguments of CreateProcess, texts in UTF-8; `environment` may be NULL. */
typedef struct create_request {
    const char *application, *command_line, *folder;
    const char *environment; /* "NAME=value" with NULs, one NUL more */
    bool inherits, inherit_process, inherit_thread;
    DWORD flags;
    const STARTUPINFO *startup;
} create_request;

/* ---- Environment ---- */

/* The variables of a block as an array that points into it; NULL when out of memory. */
static char **split_environment(char *block)
{
    size_t count = 0, at = 0;
    for (const char *text = block; *text; text += strlen(text) + 1)
        count++;
    char **variables = malloc((count + 1) * sizeof *variables);
    if (variables == NULL)
        return NULL;
    for (char *text = block; *text; text += strlen(text) + 1)
        variables[at++] = text;
    variables[at] = NULL;
    return variables;
}

static size_t block_size(const char *block)
{
    const char *end = block;
    while (*end != 0)
        end += strlen(end) + 1;
    return (size_t)(end - block) + 1;
}

/* The guest's block, or this process's variables, allocated; NULL when out of memory. */
static char *copy_environment(ldr__process *process, const char *given)
{
    if (given == NULL)
        return ldr__environment_block(process);
    size_t size = block_size(given);
    char *copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, given, size);
    return copy;
}

/* ---- Starting ---- */

static DWORD check_folder(const char *folder, char **ret_host)
{
    struct stat host;
    if (folder == NULL)
        return ERROR_SUCCESS;
    char *path = folder[0] ? ldr__path_to_host(folder) : NULL;
    if (path == NULL || stat(path, &host) != 0 || !S_ISDIR(host.st_mode)) {
        free(path);
        return ERROR_DIRECTORY;
    }
    *ret_host = path;
    return ERROR_SUCCESS;
}

static void choose_standard(ldr__process *process, const STARTUPINFO *startup,
                            ldr__child_request *request)
{
    request->standard_given = (startup->flags & STARTF_USESTDHANDLES) != 0;
    for (int i = 0; i < 3; i++)
        request->standard[i] =
            request->standard_given ? startup->standard[i] : atomic_load(&process->standard[i]);
}

static DWORD start(ldr__process *process, const create_request *from, const ldr__program *program,
                   ldr__child **ret_child, ldr__thread_object **ret_thread)
{
    char *folder = NULL;
    char *block = copy_environment(process, from->environment);
    char **variables = block ? split_environment(block) : NULL;
    DWORD error = variables ? check_folder(from->folder, &folder) : ERROR_NOT_ENOUGH_MEMORY;
    ldr__child_request request = {.image = program->image,
                                  .command_line = program->command_line,
                                  .environment = variables,
                                  .folder = folder,
                                  .inherits = from->inherits,
                                  .suspended = (from->flags & CREATE_SUSPENDED) != 0};
    choose_standard(process, from->startup, &request);
    if (error == ERROR_SUCCESS)
        error = ldr__child_start(process, &request, ret_child, ret_thread);
    free(variables);
    free(block);
    free(folder);
    return error;
}

/* Two handles, or none: then the process is ended. */
static DWORD hand_over(ldr__process *process, const create_request *from, ldr__child *child,
                       ldr__thread_object *thread, PROCESS_INFORMATION *ret_info)
{
    const ldr__handle_facts facts = {LDR__ALL_ACCESS, from->inherit_process};
    const ldr__handle_facts thread_facts = {LDR__ALL_ACCESS, from->inherit_thread};
    PROCESS_INFORMATION info = {.process_id = child->id, .thread_id = child->id};
    atomic_fetch_add(&child->waitable.object.references, 1); /* to end it with */
    info.process = ldr__handle_new_with(process, &child->waitable.object, &facts);
    info.thread = ldr__handle_new_with(process, &thread->waitable.object, &thread_facts);
    bool handed = info.process != NULL && info.thread != NULL;
    if (handed) {
        *ret_info = info;
    } else {
        ldr__child_terminate(child, ERROR_NOT_ENOUGH_MEMORY);
        ldr__handle_close(process, info.process);
        ldr__handle_close(process, info.thread);
    }
    ldr__object_release(&child->waitable.object);
    return handed ? ERROR_SUCCESS : ERROR_NOT_ENOUGH_MEMORY;
}

static BOOL create(const create_request *from, PROCESS_INFORMATION *ret_info)
{
    ldr__process *process = ldr__process_self();
    ldr__program program;
    ldr__child *child;
    ldr__thread_object *thread;
    if (from->flags & REFUSED)
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    DWORD error = ldr__program_find(process, from->application, from->command_line, &program);
    if (error != ERROR_SUCCESS)
        return ldr__win_error(error);
    error = start(process, from, &program, &child, &thread);
    free(program.image);
    free(program.command_line);
    if (error == ERROR_SUCCESS)
        error = hand_over(process, from, child, thread, ret_info);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

/* ---- The two forms ---- */

/* A block of UTF-16 as one of UTF-8, allocated; NULL when out of memory. */
static char *narrow_environment(const WCHAR *block)
{
    const WCHAR *end = block;
    while (*end != 0)
        end += ldr__wcslen(end) + 1;
    size_t units = (size_t)(end - block) + 1, size = ldr__utf16_to_utf8(block, units, NULL, 0);
    char *narrow = malloc(size);
    if (narrow != NULL)
        ldr__utf16_to_utf8(block, units, narrow, size);
    return narrow;
}

static create_request request_from(const SECURITY_ATTRIBUTES *process,
                                   const SECURITY_ATTRIBUTES *thread, BOOL inherits, DWORD flags,
                                   const STARTUPINFO *startup)
{
    return (create_request){.inherits = inherits,
                            .inherit_process = ldr__inherits(process),
                            .inherit_thread = ldr__inherits(thread),
                            .flags = flags,
                            .startup = startup};
}

static BOOL LDR_WINAPI guest_CreateProcessA(const char *application, char *command_line,
                                            const SECURITY_ATTRIBUTES *process,
                                            const SECURITY_ATTRIBUTES *thread, BOOL inherits,
                                            DWORD flags, const void *environment,
                                            const char *folder, const STARTUPINFO *startup,
                                            PROCESS_INFORMATION *ret_info)
{
    char *narrow = NULL;
    create_request request = request_from(process, thread, inherits, flags, startup);
    bool is_wide = environment != NULL && (flags & CREATE_UNICODE_ENVIRONMENT) != 0;
    if (is_wide && (narrow = narrow_environment(environment)) == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    request.application = application;
    request.command_line = command_line;
    request.folder = folder;
    request.environment = is_wide ? narrow : environment;
    BOOL done = create(&request, ret_info);
    free(narrow);
    return done;
}

/* False when a text could not be converted. */
static bool narrow_text(const WCHAR *text, char **ret_narrow)
{
    *ret_narrow = text ? ldr__utf8_from(text) : NULL;
    return text == NULL || *ret_narrow != NULL;
}

static BOOL LDR_WINAPI guest_CreateProcessW(const WCHAR *application, WCHAR *command_line,
                                            const SECURITY_ATTRIBUTES *process,
                                            const SECURITY_ATTRIBUTES *thread, BOOL inherits,
                                            DWORD flags, const void *environment,
                                            const WCHAR *folder, const STARTUPINFO *startup,
                                            PROCESS_INFORMATION *ret_info)
{
    char *name, *line, *place;
    bool narrowed = narrow_text(application, &name);
    narrowed = narrow_text(command_line, &line) && narrowed;
    narrowed = narrow_text(folder, &place) && narrowed;
    BOOL done = narrowed ? guest_CreateProcessA(name, line, process, thread, inherits, flags,
                                                environment, place, startup, ret_info)
                         : ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    free(name);
    free(line);
    free(place);
    return done;
}

static const ldr_export lines[] = {LDR__FN(CreateProcessA), LDR__FN(CreateProcessW)};

LDR__TABLE(ldr__kernel32_create, "kernel32.dll", lines);
