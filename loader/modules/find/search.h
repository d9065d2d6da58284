/*
 * search.h: where DLLs are found: what a context knows of it (policy.c), and the search (search.c).
 *
 * The functions expect the loader lock to be held.
 */
#ifndef PELOAD_MODULES_FIND_SEARCH_H
#define PELOAD_MODULES_FIND_SEARCH_H

#include <peload/loader.h>

/* Longer names, in bytes, are nobody's: Windows's strings end there. */
enum { LDR__NAME_MAX = 0x7FFF };

typedef struct ldr__texts {
    char **items;
    size_t count;
} ldr__texts;

/* A folder of the guest's AddDllDirectory; its address is the cookie. */
typedef struct ldr__added_folder {
    struct ldr__added_folder *next;
    char *path;
} ldr__added_folder;

typedef struct ldr__search {
    ldr_place *places;
    size_t place_count;
    ldr__texts folders, known;
    char *system, *windows;
    bool (*bundle)(void *user, const char *name, ldr_bundle_file *ret_file);
    void *bundle_user;
    char *set_folder; /* "" when the guest wants none, NULL when it has not called */
    ldr__added_folder *added;
    uint32_t default_flags;
} ldr__search;

/* LDR_NO_MEMORY, LDR_INVALID_ARGUMENT; to be destroyed in every case. */
ldr_status ldr__search_create(ldr__search *search, const ldr_context_options *options);
void ldr__search_destroy(ldr__search *search);

/* One request. Paths whose folders count; NULL, or without a '/', when there is none. */
typedef struct ldr__lookup {
    const char *importer, *program, *loaded;
    uint32_t flags; /* as ldr__search_flags has given them */
    bool loads;     /* the system's own DLLs too, which are then host modules, and no files */
} ldr__lookup;

/*
 * LoadLibraryEx's flags, completed by what SetDefaultDllDirectories has set, for `name`, a host
 * path or a bare name. LDR_INVALID_ARGUMENT when they contradict each other (see LDR_SEARCH_*).
 */
ldr_status ldr__search_flags(const ldr__search *search, uint32_t flags, const char *name,
                             uint32_t *ret_flags);

/* LDR_SEARCH_DEFAULT spelled out. */
uint32_t ldr__search_spell_out(uint32_t flags);

/*
 * The file that the guest or an image means by `name`: a bare name or a host path, with its
 * extension; allocated. Needs no lock. LDR_FILE_NOT_FOUND (no name, another drive), LDR_NO_MEMORY.
 */
ldr_status ldr__search_file_name(ldr_context *ctx, const char *name, char **ret_name);

/*
 * Where the DLL is that the guest or an image calls `name`. `ret_file_name` gets the file that it
 * stands for, as above. LDR_DLL_NOT_FOUND, LDR_NO_MEMORY; *ret_found is to be released.
 */
ldr_status ldr__search_find(ldr_context *ctx, const ldr__lookup *lookup, const char *name,
                            ldr_found *ret_found, char **ret_file_name, ldr_diag *diag);

/*
 * The module that the search would find without looking at any file: a host module or an image that
 * is loaded, where the policy has these in front of all other places. NULL when the search would
 * have to go on, or `name` is a path. The table lock is enough.
 */
ldr_module *ldr__search_loaded(ldr_context *ctx, const char *name);

#endif
