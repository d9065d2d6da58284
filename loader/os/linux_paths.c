/* linux_paths.c: the part of os.h that finds files. */
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *join(const char *folder, const char *name)
{
    size_t folder_length = strlen(folder);
    size_t name_length = strlen(name);
    char *path = malloc(folder_length + name_length + 2);
    if (path == NULL)
        return NULL;
    memcpy(path, folder, folder_length);
    if (folder_length == 0 || folder[folder_length - 1] != '/')
        path[folder_length++] = '/';
    memcpy(path + folder_length, name, name_length + 1);
    return path;
}

static ldr_status status_of_path(void)
{
    return errno == ENOMEM ? LDR_NO_MEMORY : LDR_FILE_NOT_FOUND;
}

/* The folder is resolved, the file's own name is kept: a link is known by the name of the link. */
ldr_status ldr__os_path_absolute(const char *path, char **ret_path)
{
    if (access(path, F_OK) != 0)
        return status_of_path();
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return LDR_NO_MEMORY;
    char *resolved = realpath(folder, NULL);
    free(folder);
    if (resolved == NULL)
        return status_of_path();
    char *absolute = join(resolved, name);
    free(resolved);
    if (absolute == NULL)
        return LDR_NO_MEMORY;
    *ret_path = absolute;
    return LDR_OK;
}

static int ascii_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* strcasecmp follows the locale; file names must not. */
static bool equal_ignoring_case(const char *a, const char *b)
{
    while (*a != '\0' && ascii_lower((unsigned char)*a) == ascii_lower((unsigned char)*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

static bool is_file_at(int folder, const char *name)
{
    struct stat info;
    return fstatat(folder, name, &info, 0) == 0 && S_ISREG(info.st_mode);
}

/* The first in byte order among the names that differ from `name` by case only. */
static ldr_status find_ignoring_case(DIR *folder, const char *name, char **ret_name)
{
    char *best = NULL;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (!equal_ignoring_case(entry->d_name, name) || !is_file_at(dirfd(folder), entry->d_name))
            continue;
        if (best != NULL && strcmp(best, entry->d_name) <= 0)
            continue;
        free(best);
        best = strdup(entry->d_name);
        if (best == NULL)
            return LDR_NO_MEMORY;
    }
    if (best == NULL)
        return LDR_FILE_NOT_FOUND;
    *ret_name = best;
    return LDR_OK;
}

static ldr_status find_in(const char *folder, const char *name, char **ret_name)
{
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return status_of_path();
    ldr_status status = find_ignoring_case(entries, name, ret_name);
    closedir(entries);
    return status;
}

ldr_status ldr__os_folder_find(const char *folder, const char *name, char **ret_path)
{
    if (name[0] == '\0' || strchr(name, '/') != NULL)
        return LDR_FILE_NOT_FOUND;
    char *path = join(folder, name);
    if (path == NULL)
        return LDR_NO_MEMORY;
    if (is_file_at(AT_FDCWD, path)) {
        *ret_path = path;
        return LDR_OK;
    }
    free(path);
    char *found = NULL;
    ldr_status status = find_in(folder, name, &found);
    if (status != LDR_OK)
        return status;
    path = join(folder, found);
    free(found);
    if (path == NULL)
        return LDR_NO_MEMORY;
    *ret_path = path;
    return LDR_OK;
}
