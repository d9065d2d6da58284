/* linux_paths.c: the part of os.h that finds files. */
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

static bool is_kind_at(int folder, const char *name, mode_t kind)
{
    struct stat info;
    return fstatat(folder, name, &info, 0) == 0 && (info.st_mode & S_IFMT) == kind;
}

/* One part of a path that is looked for: its name, and whether it is a file or a folder. */
typedef struct part {
    const char *name;
    mode_t kind;
    bool (*same)(const char *a, const char *b);
} part;

/* The first in byte order among the names that are the same. */
static ldr_status find_same(DIR *folder, const part *wanted, char **ret_name)
{
    char *best = NULL;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (!wanted->same(entry->d_name, wanted->name) ||
            !is_kind_at(dirfd(folder), entry->d_name, wanted->kind))
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

static ldr_status find_in(const char *folder, const part *wanted, char **ret_name)
{
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return status_of_path();
    ldr_status status = find_same(entries, wanted, ret_name);
    closedir(entries);
    return status;
}

/* No file's name in another case is longer: a letter has 3 bytes at the most where another has 1.
 */
enum { LONGEST_NAME = 3 * NAME_MAX };

/* What most files are called, whatever they are asked for as: saves reading the folder. */
static char *lower_case(const char *name)
{
    char *lower = strdup(name);
    for (char *c = lower; lower != NULL && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 'a' - 'A');
    return lower;
}

/* The path of a part that is called exactly `name`; LDR_FILE_NOT_FOUND if there is none. */
static ldr_status find_exactly(const char *folder, const char *name, mode_t kind, char **ret_path)
{
    char *path = join(folder, name);
    if (path == NULL)
        return LDR_NO_MEMORY;
    if (!is_kind_at(AT_FDCWD, path, kind)) {
        free(path);
        return LDR_FILE_NOT_FOUND;
    }
    *ret_path = path;
    return LDR_OK;
}

static ldr_status find_in_lower_case(const char *folder, const part *wanted, char **ret_path)
{
    char *lower = lower_case(wanted->name);
    if (lower == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = LDR_FILE_NOT_FOUND;
    if (strcmp(lower, wanted->name) != 0 && wanted->same(lower, wanted->name))
        status = find_exactly(folder, lower, wanted->kind, ret_path);
    free(lower);
    return status;
}

/* The path of one part in `folder`. */
static ldr_status find_part(const char *folder, const part *wanted, char **ret_path)
{
    char *found = NULL;
    if (strlen(wanted->name) > LONGEST_NAME)
        return LDR_FILE_NOT_FOUND;
    ldr_status status = find_exactly(folder, wanted->name, wanted->kind, ret_path);
    if (status == LDR_FILE_NOT_FOUND)
        status = find_in_lower_case(folder, wanted, ret_path);
    if (status != LDR_FILE_NOT_FOUND)
        return status;
    status = find_in(folder, wanted, &found);
    if (status != LDR_OK)
        return status;
    *ret_path = join(folder, found);
    free(found);
    return *ret_path != NULL ? LDR_OK : LDR_NO_MEMORY;
}

/* Part by part. `rest` is the path below `folder`, and is cut up. */
static ldr_status find_parts(const char *folder, char *rest, part *wanted, char **ret_path)
{
    char *path = strdup(folder), *next = NULL;
    ldr_status status = path != NULL ? LDR_OK : LDR_NO_MEMORY;
    for (char *name = rest; name != NULL && status == LDR_OK; name = next) {
        char *longer = NULL;
        next = strchr(name, '/');
        if (next != NULL)
            *next++ = '\0';
        if (name[0] == '\0' || strcmp(name, ".") == 0)
            continue;
        wanted->name = name;
        wanted->kind = next != NULL ? S_IFDIR : S_IFREG;
        status = find_part(path, wanted, &longer);
        if (status != LDR_OK)
            break;
        free(path);
        path = longer;
    }
    if (status == LDR_OK)
        *ret_path = path;
    else
        free(path);
    return status;
}

ldr_status ldr__os_folder_find(const char *folder, const char *name,
                               bool (*same)(const char *a, const char *b), char **ret_path)
{
    size_t length = strlen(name);
    if (length == 0 || name[length - 1] == '/')
        return LDR_FILE_NOT_FOUND;
    char *rest = strdup(name);
    if (rest == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = find_parts(folder, rest, &(part){.same = same}, ret_path);
    free(rest);
    return status;
}
