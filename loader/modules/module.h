/*
 * module.h: what the files of the resolver share: the context, its modules, and the steps of
 * loading.
 *
 * All modules of a context are in one list in load order, host modules first. Who keeps whom: a
 * module stays while it has references of its own (ldr_load, LoadLibrary), is pinned, or is needed,
 * directly or not, by one that stays. Everything else is swept (unload.c); cycles need no care.
 * The functions below expect the context's lock to be held.
 */
#ifndef PELOAD_MODULES_MODULE_H
#define PELOAD_MODULES_MODULE_H

#include "image/exports.h"
#include <stdatomic.h>

#include "image/tls.h"
#include "modules/environment.h"
#include "modules/find/index.h"
#include "modules/find/names.h"
#include "modules/find/search.h"
#include "modules/host.h"
#include "os/os.h"

/* How far a module has come. */
typedef enum ldr__state {
    LDR__MAPPED,       /* mapped and relocated; imports not bound yet */
    LDR__BOUND,        /* ready to be initialised */
    LDR__INITIALISING, /* its DllMain(PROCESS_ATTACH) is running, or that of one it needs */
    LDR__INITIALISED,
    LDR__DYING, /* being unloaded: not found by anybody any more */
} ldr__state;

/* Which of a module's needs are there already: open addressing, NULL for free; see needs.c. */
typedef struct ldr__needs_table {
    const ldr_module **slots;
    size_t size;
} ldr__needs_table;

struct ldr_module {
    ldr_context *ctx;
    ldr_module *previous, *next; /* load order */
    char *name;                  /* base name */
    char *path;                  /* absolute, or the name */
    ldr__file_id id;
    ldr__index_entry index;
    ldr__host *host; /* of a host module; then there is no view */
    ldr_view *view;
    ldr__exports exports;
    ldr__tls tls;
    uint32_t tls_slot;
    bool has_tls_slot, in_environment, has_stubs, is_traced;
    bool is_bundled;          /* it came from the context's bundle */
    uint32_t dependent_flags; /* LDR_SEARCH_* for its own imports, or 0 */

    ldr__state state;
    uint64_t load; /* number of the ldr_load that brought it in */
    uint32_t references;
    bool pinned, no_thread_calls, reachable;
    ldr_module **needs;
    size_t need_count, need_capacity;
    ldr__needs_table need_table;

    bool attached; /* in the list of those to be detached */
    ldr_module *attached_before, *attached_after;
    ldr_module *walk_parent, *sweep_parent; /* of the walk in progress: init.c, unload.c */
    size_t walk_next, sweep_next;
};

/* Where the load in progress looks for DLLs. */
typedef struct ldr__load_search {
    uint32_t flags;   /* LDR_SEARCH_*, completed */
    const char *path; /* of the DLL that is loaded, if by a path */
} ldr__load_search;

struct ldr_context {
    ldr__lock *lock;
    ldr_module *first, *last;
    ldr__index index; /* of the same modules */
    ldr_section_options section;
    ldr__search search;
    const ldr__load_search *load_search; /* of the innermost load that still binds, or NULL */
    void *environment;
    bool entered;
    ldr_thread_scope creator;
    ldr_module *main; /* the first EXE loaded */
    bool has_run, process_detached;
    uint64_t loads, current_load; /* count, and the number of the innermost one in progress */
    ldr_module *attached_first, *attached_last; /* in the order of DllMain(PROCESS_ATTACH) */
    uint32_t visits; /* walks of the attached list in progress: no module is released meanwhile */
    bool sweep_wanted;
    void (*trace)(void *user, const ldr_trace_event *event); /* or NULL */
    void *trace_user;
    atomic_uint_fast64_t trace_events; /* so far */
    uint64_t trace_start;              /* ldr__os_time then */
    const ldr_module *asker;           /* that a DLL is looked for on behalf of; or NULL */
};

/* ---- module.c ---- */

/* A module at the end of the list, without a view. Copies its strings. LDR_NO_MEMORY. */
ldr_status ldr__module_create(ldr_context *ctx, const char *name, const char *path,
                              ldr_module **ret_module);
/* Takes a module out of the list and releases it with all it has; does not call its code. */
void ldr__module_destroy(ldr_module *module);
/* Into and out of the list of those to be told of threads and to be detached. */
void ldr__attached(ldr_module *module);
void ldr__detached(ldr_module *module);
/* The living module of that base name that was loaded first, NULL if there is none. */
ldr_module *ldr__module_by_name(ldr_context *ctx, const char *name);

/* A span over the characters of a string. */
pe_span ldr__span_of(const char *text);
/* Allocated copies (ldr__os_free), NULL when out of memory. */
char *ldr__text_copy(const char *text);
char *ldr__span_copy(pe_span text);

/* ---- needs.c ---- */

/* `module` needs `other` from now on. LDR_NO_MEMORY. */
ldr_status ldr__module_need(ldr_module *module, ldr_module *other);
/* To be called by who has changed `needs` in another way. */
void ldr__needs_changed(ldr_module *module);

/* ---- find/find.c ---- */

/*
 * The module called `name` as `importer` (NULL: the program) and the load in progress mean it, from
 * wherever the context's policy finds it; it is mapped unless it is there already.
 * LDR_DLL_NOT_FOUND, or what mapping it returns.
 */
ldr_status ldr__find_dll(ldr_context *ctx, const ldr_module *importer, const char *name,
                         ldr_module **ret_module, ldr_diag *diag);

/* ---- map.c ---- */

/* Maps and relocates the image at `path` unless that file is loaded already. `base` as in options.
 */
ldr_status ldr__map_file(ldr_context *ctx, const char *path, uint64_t base, ldr_module **ret_module,
                         ldr_diag *diag);
ldr_status ldr__map_memory(ldr_context *ctx, const char *name, const void *bytes, size_t size,
                           uint64_t base, ldr_module **ret_module, ldr_diag *diag);

/* ---- symbol.c ---- */

/* What an importer asks for: a name (with hint), or an ordinal when `by_ordinal`. */
typedef struct ldr__request {
    pe_span name;
    uint32_t hint;
    bool by_ordinal;
    uint32_t ordinal;
} ldr__request;

/*
 * The address of an export, forwarders followed; the modules they lead to are mapped (not bound,
 * not initialised) and needed by `holder` from then on. LDR_EXPORT_NOT_FOUND, LDR_FORWARDER_LOOP,
 * or what finding a forwarder's DLL returns.
 */
ldr_status ldr__find_symbol(ldr_module *module, ldr_module *holder, const ldr__request *request,
                            const void **ret_address, ldr_diag *diag);

/* ---- bind.c ---- */

/* Counts what is missing over a whole load. */
typedef struct ldr__missing_list {
    uint64_t count;
    ldr_status status; /* of the first one */
    ldr_diag first;
} ldr__missing_list;

/*
 * Finds the DLLs that `module` needs (mapping new ones, which join the list behind it) and binds
 * its imports. What is missing is reported and counted, or bound to stubs, as `options` says.
 */
ldr_status ldr__bind_module(ldr_module *module, const ldr_load_options *options,
                            ldr__missing_list *missing, ldr_diag *diag);

/* ---- init.c ---- */

/* Tells the environment of a bound module and takes its TLS slot. */
ldr_status ldr__announce(ldr_module *module, ldr_diag *diag);
/*
 * Initialises all that `module` needs, then itself; `reserved` is DllMain's third argument. Runs
 * guest code. LDR_INIT_FAILED.
 */
ldr_status ldr__initialise(ldr_module *module, void *reserved, ldr_diag *diag);
/* TLS callbacks, then DllMain, with a reason other than PROCESS_ATTACH. */
void ldr__notify(ldr_module *module, uint32_t reason, void *reserved);

/* ---- load.c, unload.c ---- */

/* A load in progress; loads nest when a DllMain loads. */
typedef struct ldr__load {
    uint64_t number, outer;
    const ldr__load_search *outer_search;
} ldr__load;
ldr__load ldr__load_begin(ldr_context *ctx);
/* What comes in from now on does not belong to the load. */
void ldr__load_end_finding(ldr_context *ctx, ldr__load load);
/*
 * From mapped to initialised, for all modules that this load has mapped. `root` (NULL for a load
 * on behalf of a forwarder) has its reference already. On failure the whole load is undone.
 */
ldr_status ldr__load_finish(ldr_context *ctx, ldr__load load, ldr_module *root,
                            const ldr_load_options *options, ldr_status status, ldr_diag *diag);

/* Unloads every module that nothing keeps. Runs guest code (DLL_PROCESS_DETACH). */
void ldr__sweep(ldr_context *ctx);
/* Undoes load number `load`: what it mapped goes, however far it has come. */
void ldr__roll_back(ldr_context *ctx, uint64_t load);

#endif
