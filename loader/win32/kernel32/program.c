#include "win32/kernel32/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "win32/kernel32/files.h"

enum { ERROR_EXE_MACHINE_TYPE_MISMATCH = 216, HEADERS_MAX = 0x100000, IMAGE_FILE_DLL = 0x2000 };

/* ---- Whether it can be run ---- */

/* Of headers that pe_accept has taken: the fields that processes are about. */
static DWORD check_kind(const uint8_t *headers, size_t size)
{
    pe_image image;
    pe_span bytes = {headers, size};
    if (pe_open(bytes, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return ERROR_BAD_EXE_FORMAT;
    if (image.file.machine != PE_MACHINE_AMD64)
        return ERROR_EXE_MACHINE_TYPE_MISMATCH;
    return image.file.characteristics & IMAGE_FILE_DLL ? ERROR_BAD_EXE_FORMAT : ERROR_SUCCESS;
}

static DWORD check_headers(int fd, uint64_t file_size)
{
    size_t size = file_size < HEADERS_MAX ? (size_t)file_size : HEADERS_MAX;
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    ssize_t count = pread(fd, bytes, size, 0);
    pe_span prefix = {bytes, count > 0 ? (size_t)count : 0};
    DWORD error = ERROR_BAD_EXE_FORMAT;
    if (prefix.size >= 64 && pe_accept(prefix, file_size, PE_WIN10, NULL) == PE_OK)
        error = check_kind(bytes, prefix.size);
    free(bytes);
    return error;
}

static DWORD check_image(const char *path)
{
    struct stat host;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ldr__error_from_errno(errno);
    DWORD error = ERROR_ACCESS_DENIED;
    if (fstat(fd, &host) == 0 && S_ISREG(host.st_mode))
        error = check_headers(fd, (uint64_t)host.st_size);
    close(fd);
    return error;
}

/* ---- Where it is ---- */

static bool exists(const char *path)
{
    struct stat host;
    return stat(path, &host) == 0 && !S_ISDIR(host.st_mode);
}

static const char *base_name(const char *name)
{
    const char *base = name;
    for (const char *c = name; *c; c++)
        if (*c == '/' || *c == '\\' || *c == ':')
            base = c + 1;
    return base;
}

/* folder + "/" + name + extension as an absolute path if there is such a file; allocated. */
static char *try_path(const char *folder, const char *name, const char *extension)
{
    char *path = NULL, *absolute = NULL;
    const char *slash = folder[0] == 0 || name[0] == '/' ? "" : "/";
    if (asprintf(&path, "%s%s%s%s", name[0] == '/' ? "" : folder, slash, name, extension) < 0)
        return NULL;
    if (exists(path)) {
        char *current = path[0] == '/' ? NULL : getcwd(NULL, 0);
        if (asprintf(&absolute, "%s%s%s", current ? current : "", current ? "/" : "", path) < 0)
            absolute = NULL;
        free(current);
    }
    free(path);
    return absolute;
}

static char *find_beside_program(ldr__process *process, const char *name, const char *extension)
{
    ldr_module *program = ldr__module_main(process->ctx);
    const char *path = program ? ldr_module_path(program) : "";
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    char *found = folder ? try_path(folder, name, extension) : NULL;
    free(folder);
    return found;
}

/* A program that is looked for in the folders of PATH. */
typedef struct path_search {
    const char *name, *extension;
    char *found;
} path_search;

static bool look_in_folder(void *user, const char *folder)
{
    path_search *wanted = user;
    wanted->found = try_path(folder, wanted->name, wanted->extension);
    return wanted->found != NULL;
}

static char *find_on_path(ldr__process *process, const char *name, const char *extension)
{
    path_search wanted = {.name = name, .extension = extension};
    ldr__path_folders_each(process, look_in_folder, &wanted);
    return wanted.found;
}

/* A name without a folder is looked for as Windows does, beside the program first; ".exe" is
 * added to a name without an extension. NULL if there is no such file. */
static char *search(ldr__process *process, const char *guest_name)
{
    const char *base = base_name(guest_name);
    const char *extension = strchr(base, '.') == NULL ? ".exe" : "";
    if (base != guest_name) {
        char *host = ldr__path_to_host(guest_name);
        char *found = host ? try_path("", host, "") : NULL;
        if (found == NULL && host != NULL && extension[0] != 0)
            found = try_path("", host, extension);
        free(host);
        return found;
    }
    char *found = find_beside_program(process, guest_name, extension);
    if (found == NULL)
        found = try_path("", guest_name, extension);
    return found ? found : find_on_path(process, guest_name, extension);
}

/* ---- What is meant ---- */

/* Why there is no such file: its folder is missing, or it is one itself. */
static DWORD missing(const char *guest_name)
{
    struct stat host_file;
    char *host = guest_name[0] ? ldr__path_to_host(guest_name) : NULL;
    DWORD error = ERROR_PATH_NOT_FOUND;
    if (host != NULL && stat(host, &host_file) == 0 && S_ISDIR(host_file.st_mode)) {
        error = ERROR_ACCESS_DENIED;
    } else if (host != NULL) {
        char *slash = strrchr(host, '/');
        if (slash != NULL)
            slash[slash == host ? 1 : 0] = 0;
        error = slash == NULL || stat(host, &host_file) == 0 ? ERROR_FILE_NOT_FOUND
                                                             : ERROR_PATH_NOT_FOUND;
    }
    free(host);
    return error;
}

static DWORD find_application(const char *application, char **ret_image)
{
    char *host = application[0] ? ldr__path_to_host(application) : NULL;
    *ret_image = host ? try_path("", host, "") : NULL;
    free(host);
    return *ret_image ? ERROR_SUCCESS : missing(application);
}

/*
 * The first word of the command line; without quotes, what ends at the first space, then at the
 * next, until there is such a file. `*ret_length` is how much of the line that is when it has
 * spaces and no quotes, else 0.
 */
static DWORD find_word(ldr__process *process, const char *line, char **ret_image,
                       size_t *ret_length)
{
    bool quoted = line[0] == '"';
    const char *start = line + quoted;
    size_t length = 0;
    DWORD error = ERROR_SUCCESS;
    *ret_length = 0;
    *ret_image = NULL;
    while (error == ERROR_SUCCESS || (!quoted && start[length] != 0)) {
        length += error == ERROR_SUCCESS ? 0 : strspn(start + length, " \t");
        length += strcspn(start + length, quoted ? "\"" : " \t");
        char *name = strndup(start, length);
        *ret_image = name ? search(process, name) : NULL;
        if (*ret_image != NULL)
            *ret_length = error != ERROR_SUCCESS ? length : 0;
        else if (error == ERROR_SUCCESS)
            error = name ? missing(name) : ERROR_NOT_ENOUGH_MEMORY;
        free(name);
        if (*ret_image != NULL)
            return ERROR_SUCCESS;
    }
    return error;
}

/* The line with its first `length` characters in quotes, so that the program does not take them for
 * several arguments. */
static char *quoted_line(const char *line, size_t length)
{
    char *copy = NULL;
    if (length == 0)
        return strdup(line);
    return asprintf(&copy, "\"%.*s\"%s", (int)length, line, line + length) < 0 ? NULL : copy;
}

DWORD ldr__program_find(ldr__process *process, const char *application, const char *command_line,
                        ldr__program *ret_program)
{
    ldr__program program = {NULL, NULL};
    size_t length = 0;
    if (application == NULL && command_line == NULL)
        return ERROR_INVALID_PARAMETER;
    DWORD error = application ? find_application(application, &program.image)
                              : find_word(process, command_line, &program.image, &length);
    if (error != ERROR_SUCCESS)
        return error;
    const char *line = command_line ? command_line : application;
    if (command_line == NULL && strchr(application, ' ') != NULL)
        length = strlen(application);
    error = check_image(program.image);
    if (error == ERROR_SUCCESS && (program.command_line = quoted_line(line, length)) == NULL)
        error = ERROR_NOT_ENOUGH_MEMORY;
    if (error == ERROR_SUCCESS)
        *ret_program = program;
    else
        free(program.image);
    return error;
}
