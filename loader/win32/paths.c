#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "win32/win32.h"

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

/* Past "\\?\" and "\\.\", which say only that what follows is meant literally. */
static const char *skip_literal_prefix(const char *path)
{
    if (is_slash(path[0]) && is_slash(path[1]) && (path[2] == '?' || path[2] == '.') &&
        is_slash(path[3]))
        return path + 4;
    return path;
}

static bool is_null_device(const char *path)
{
    return strcasecmp(path, "NUL") == 0;
}

char *ldr__path_to_host(const char *guest_path)
{
    const char *path = skip_literal_prefix(guest_path);
    const char *root = "";
    if (is_null_device(path))
        return strdup("/dev/null");
    if (isalpha((unsigned char)path[0]) && path[1] == ':') {
        if (toupper((unsigned char)path[0]) != 'Z') {
            errno = ENOENT;
            return NULL;
        }
        path += 2;
        /* "Z:a" is relative to the current folder of drive Z:, the only one. */
        root = path[0] != 0 ? "" : ".";
    }
    char *host = malloc(strlen(root) + strlen(path) + 1);
    if (host == NULL)
        return NULL;
    strcpy(host, root);
    strcat(host, path);
    for (char *c = host; *c; c++)
        if (*c == '\\')
            *c = '/';
    return host;
}

char *ldr__path_to_host_w(const WCHAR *guest_path)
{
    char *path = ldr__utf8_from(guest_path);
    char *host = path ? ldr__path_to_host(path) : NULL;
    free(path);
    return host;
}

char *ldr__path_to_guest(const char *host_path)
{
    const char *drive = host_path[0] == '/' ? "Z:" : "";
    char *path = malloc(strlen(drive) + strlen(host_path) + 1);
    if (path == NULL)
        return NULL;
    strcpy(path, drive);
    strcat(path, host_path);
    for (char *c = path; *c; c++)
        if (*c == '/')
            *c = '\\';
    return path;
}
