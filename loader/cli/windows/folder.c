/* folder.c: a walk as fts makes it on Linux. */
#include "cli/system.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* One of a folder's entries. */
typedef struct entry {
    char *path;
    bool is_folder;
} entry;

/* A folder that is being gone through; entries before `next` have been. */
typedef struct level {
    struct level *above;
    entry *entries;
    size_t count, next;
} level;

struct cli_folder {
    level *deepest;
    char separator;
};

/* ---- Levels ---- */

static void drop_level(cli_folder *folder)
{
    level *gone = folder->deepest;
    folder->deepest = gone->above;
    for (size_t i = 0; i < gone->count; i++)
        free(gone->entries[i].path);
    free(gone->entries);
    free(gone);
}

/* Makes room for one more: the array doubles at the powers of 2. False: out of memory. */
static bool make_room(level *self)
{
    if ((self->count & (self->count - 1)) != 0)
        return true;
    size_t capacity = self->count > 0 ? 2 * self->count : 1;
    entry *larger = realloc(self->entries, capacity * sizeof *larger);
    if (larger != NULL)
        self->entries = larger;
    return larger != NULL;
}

/* Takes over the path. False: out of memory. */
static bool add_entry(level *self, char *path, bool is_folder)
{
    if (path == NULL || !make_room(self)) {
        free(path);
        return false;
    }
    self->entries[self->count++] = (entry){path, is_folder};
    return true;
}

static level *push_level(cli_folder *folder)
{
    level *added = calloc(1, sizeof *added);
    if (added == NULL)
        return NULL;
    added->above = folder->deepest;
    folder->deepest = added;
    return added;
}

/* ---- Listing ---- */

static char *join(const char *path, char separator, const char *name)
{
    size_t length = strlen(path);
    bool has_separator = length > 0 && strchr("/\\:", path[length - 1]) != NULL;
    char *joined = malloc(length + 1 + strlen(name) + 1);
    if (joined == NULL)
        return NULL;
    memcpy(joined, path, length);
    if (!has_separator)
        joined[length++] = separator;
    strcpy(joined + length, name);
    return joined;
}

/* As strcmp, since all have one folder in front. */
static int by_path(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->path, ((const entry *)b)->path);
}

static HANDLE find_first(const char *path, char separator, WIN32_FIND_DATAW *ret_found)
{
    char *pattern = join(path, separator, "*");
    uint16_t *wide = pattern != NULL ? cli_utf16_copy(pattern) : NULL;
    HANDLE search = wide != NULL ? FindFirstFileW(wide, ret_found) : INVALID_HANDLE_VALUE;
    free(pattern);
    free(wide);
    return search;
}

/* False: out of memory. Links and devices are left out. */
static bool note_found(level *self, const char *path, char separator, const WIN32_FIND_DATAW *found)
{
    DWORD special = FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DEVICE;
    if ((found->dwFileAttributes & special) != 0 || wcscmp(found->cFileName, L".") == 0 ||
        wcscmp(found->cFileName, L"..") == 0)
        return true;
    char *name = cli_utf8_copy(found->cFileName);
    char *joined = name != NULL ? join(path, separator, name) : NULL;
    free(name);
    return add_entry(self, joined, (found->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0);
}

/* What cannot be listed is empty. False: out of memory. */
static bool list(cli_folder *folder, const char *path)
{
    WIN32_FIND_DATAW found;
    level *self = push_level(folder);
    if (self == NULL)
        return false;
    HANDLE search = find_first(path, folder->separator, &found);
    if (search == INVALID_HANDLE_VALUE)
        return true;
    bool is_fine;
    do
        is_fine = note_found(self, path, folder->separator, &found);
    while (is_fine && FindNextFileW(search, &found));
    FindClose(search);
    if (self->count > 0)
        qsort(self->entries, self->count, sizeof *self->entries, by_path);
    return is_fine;
}

/* ---- The walk ---- */

static bool is_folder(const char *path)
{
    uint16_t *wide = cli_utf16_copy(path);
    DWORD attributes = wide != NULL ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
    free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

/* The slash that the path itself has, if it has any: some paths know only one of them. */
static char separator_of(const char *path)
{
    const char *slash = path + strlen(path);
    while (slash > path && *slash != '/' && *slash != '\\')
        slash--;
    return *slash == '\\' ? '\\' : '/';
}

cli_folder *cli_folder_open(const char *path)
{
    cli_folder *folder = calloc(1, sizeof *folder);
    level *root = folder != NULL ? push_level(folder) : NULL;
    if (root != NULL) {
        folder->separator = separator_of(path);
        if (add_entry(root, strdup(path), is_folder(path)))
            return folder;
    }
    cli_folder_close(folder);
    return NULL;
}

void cli_folder_close(cli_folder *folder)
{
    while (folder != NULL && folder->deepest != NULL)
        drop_level(folder);
    free(folder);
}

char *cli_folder_next(cli_folder *folder)
{
    while (folder->deepest != NULL) {
        level *self = folder->deepest;
        if (self->next == self->count) {
            drop_level(folder);
            continue;
        }
        entry *found = &self->entries[self->next++];
        char *path = found->path;
        if (!found->is_folder) {
            found->path = NULL; /* the caller's now */
            return path;
        }
        if (!list(folder, path))
            return NULL;
    }
    return NULL;
}
