#include "cli/system.h"

#include <fts.h>
#include <string.h>

/* A cli_folder is an FTS. */

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

cli_folder *cli_folder_open(const char *path)
{
    char *roots[] = {(char *)(uintptr_t)path, NULL}; /* which are copied */
    return (cli_folder *)fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
}

void cli_folder_close(cli_folder *folder)
{
    if (folder != NULL)
        fts_close((FTS *)folder);
}

/* A root that is no folder is a file, whatever it is: its line tells. */
static bool is_file(const FTSENT *entry)
{
    return entry->fts_info == FTS_F || (entry->fts_level == FTS_ROOTLEVEL &&
                                        entry->fts_info != FTS_D && entry->fts_info != FTS_DP);
}

char *cli_folder_next(cli_folder *folder)
{
    FTSENT *entry;
    while ((entry = fts_read((FTS *)folder)) != NULL) {
        if (is_file(entry))
            return strdup(entry->fts_path);
    }
    return NULL;
}
