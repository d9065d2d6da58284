/*
 * module.h: what the files of the resolver share: the context, its modules, and the steps of
 * loading.
 *
 * All modules of a context are in one list in load order, host modules first. Who keeps whom: a
 * module stays while it has references of its own (ldr_load, LoadLibrary), is pinned, or is needed,
 * directly or not, by one that stays. Everything else is swept (unload.c, dead.c), cycles too.
 *
 * Locks, in the order in which they are taken:
 *
 * 1. The loader lock (`lock`): whoever brings modules in, takes them out, or tells their code of
 *    something holds it, so that guest code may keep it for as long as it likes. Recursive: that
 *    code may load and unload.
 * 2. The table lock (`table`), held for moments and never while guest code runs: what is needed to
 *    find a module and to keep it. Nobody who only asks for a module waits for a DllMain.
 * 3. Those of the environment, of an import table's host module, and of sections.
 *
 * The lock of the system's own loader, where it is asked, comes after the first and before the
 * second: nothing is asked of it with the table locked.
 *
 * Who changes the list of modules, the index, `main` or a module's state holds both locks, so that
 * who reads them needs one of the two. A module's references, `pinned` and needs belong to the
 * table lock alone, as does `open_load`. A module is listed once it is whole; what is not named
 * here stays as it is from then on or belongs to the loader lock. The functions below expect the
 * loader lock to be held, unless said.
 */
#ifndef PELOAD_MODULES_MODULE_H
#define PELOAD_MODULES_MODULE_H

#include "image/exports.h"
#include "image/tls.h"
#include "modules/environment.h"
#include "modules/find/index.h"
#include "modules/find/names.h"
#include "modules/find/search.h"
#include "modules/host.h"
#include "os/os.h"

#include <stdatomic.h>

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

/* Of a look for dead modules, or a roll-back, in progress; table lock. */
typedef struct ldr__sweep_notes {
    ldr_module *parent, *below;
    size_t next;            /* of the needs */
    uint32_t mark;          /* dead.c: 0 but during a look */
    uint32_t needed_within; /* by how many of those that are in doubt */
    uint64_t order, low;    /* roll_back.c */
    bool is_stacked, is_doomed;
} ldr__sweep_notes;

/* Modules, each in one set at the most; table lock. */
typedef struct ldr__module_set {
    ldr_module *first;
} ldr__module_set;

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
    uint32_t needed_by; /* living modules that need it */
    uint32_t visitors;  /* rounds of thread notifications that are at it; table lock */
    bool is_static;     /* came with the program: the guest cannot free it */
    bool is_bare;       /* mapped and no more: the guest wanted neither imports nor DllMain */
    void *guest_entry;  /* the environment's: see ldr__module_guest_entry */
    bool pinned;
    atomic_bool no_thread_calls;
    struct ldr__debug *debug; /* debug/debug.c: what a debugger knows of it, or NULL */
    ldr_module **needs;
    size_t need_count, need_capacity;
    ldr__needs_table need_table;

    bool listed, attached; /* in the list of modules; of those to be detached */
    ldr_module *attached_before, *attached_after;
    uint64_t listed_number, attached_number; /* these grow along both lists */
    ldr_module *walk_parent;                 /* of the walk in progress: init.c */
    size_t walk_next;
    ldr__sweep_notes sweep;
    ldr__module_set *set; /* that it is in, or NULL */
    ldr_module *set_before, *set_after;
};

/* Where the load in progress looks for DLLs. */
typedef struct ldr__load_search {
    uint32_t flags;   /* LDR_SEARCH_*, completed */
    const char *path; /* of the DLL that is loaded, if by a path */
} ldr__load_search;

struct ldr_context {
    ldr__lock *lock, *table;
    uint32_t busy_after; /* milliseconds that the host waits for the loader lock; 0: for ever */
    uint32_t depth;      /* how often the thread that has the loader lock has taken it */
    atomic_bool is_sweep_left; /* for who has the loader lock: somebody could not wait for it */
    ldr_module *first, *last;
    uint64_t listed_count, attached_count; /* so far */
    ldr__module_set suspects;              /* they have lost a reference, or who needs them */
    ldr__module_set dying;                 /* those that are not released yet */
    ldr__index index;                      /* of the same modules */
    ldr_section_options section;
    ldr__search search;
    const ldr__load_search *load_search; /* of the innermost load that still binds, or NULL */
    void *environment;
    bool entered;
    ldr_thread_scope creator;
    ldr_module *main; /* the first EXE loaded */
    atomic_bool has_run;
    atomic_bool has_begun; /* its TLS callbacks know of the process */
    atomic_bool process_detached;
    uint64_t loads, current_load; /* count, and the number of the innermost one in progress */
    uint64_t open_load;  /* of the outermost one that may still be undone, or 0; table lock */
    uint32_t forwarders; /* long chains' steps that the innermost load has followed */
    ldr_module *attached_first, *attached_last; /* in the order of DllMain(PROCESS_ATTACH) */
    uint32_t visits; /* walks of the attached list in progress: no module is released meanwhile */
    bool sweep_wanted;
    void (*trace)(void *user, const ldr_trace_event *event); /* or NULL */
    void *trace_user;
    atomic_uint_fast64_t trace_events; /* so far */
    uint64_t trace_start;              /* ldr__os_time then */
    uint32_t debug;                    /* LDR_DEBUG_* */
    const ldr_module *asker;           /* that a DLL is looked for on behalf of; or NULL */
};

/* ---- lock.c ---- */

/* The loader lock, however long it takes. */
void ldr__loader_lock(ldr_context *ctx);
/* The same for calls of the host: LDR_BUSY when it takes longer than the context allows. */
ldr_status ldr__loader_lock_host(ldr_context *ctx);
/* The one or the other. */
ldr_status ldr__loader_lock_for(ldr_context *ctx, bool is_guests);
/* Gives it back, without unloading anything. */
void ldr__loader_unlock(ldr_context *ctx);
/*
 * The same for threads that can run guest code, with nothing locked behind them: they sweep for
 * those who could not wait.
 */
void ldr__loader_leave(ldr_context *ctx);
/* The same for threads that need not be inside the context; they enter it where there is cause. */
void ldr__loader_leave_outside(ldr_context *ctx);
/* The table lock; recursive too, for moments. */
void ldr__table_lock(ldr_context *ctx);
void ldr__table_unlock(ldr_context *ctx);

/* ---- module.c ---- */

/* A module that is not listed yet, without a view. Copies its strings. LDR_NO_MEMORY. */
ldr_status ldr__module_create(ldr_context *ctx, const char *name, const char *path,
                              ldr_module **ret_module);
/* Into the list, at its end, and the index; `id` of its file, or NULL. LDR_NO_MEMORY. */
ldr_status ldr__module_list(ldr_module *module, const ldr__file_id *id);
/* Takes the table lock for the change. */
void ldr__module_set_state(ldr_module *module, ldr__state state);
/* For the guest, as it asks; the table is locked. */
void ldr__module_keep_as(ldr_module *module, ldr__keep how);
/* It is mapped and no more; takes the table lock. */
void ldr__module_set_bare(ldr_module *module);
/* The environment learns what has changed of a module's count or flags; the table is locked. */
void ldr__module_counted(ldr_module *module);
/* What load number `load` has brought in came with the program. */
void ldr__modules_stay(ldr_context *ctx, uint64_t load);
/* One reference more or less; take the table lock. */
void ldr__module_keep(ldr_module *module);
void ldr__module_let_go(ldr_module *module);
/* Takes a module out of the list and releases it with all it has; does not call its code. */
void ldr__module_destroy(ldr_module *module);
/* Into and out of the list of those to be told of threads and to be detached. */
void ldr__attached(ldr_module *module);
void ldr__detached(ldr_module *module);
/* The living module of that base name that was loaded first, NULL if there is none. */
ldr_module *ldr__module_by_name(ldr_context *ctx, const char *name);

/* Whether `rva` lies in a section of code. */
bool ldr__is_code(const pe_image *image, pe_rva rva);

/* A span over the characters of a string. */
pe_span ldr__span_of(const char *text);
/* Allocated copies (ldr__os_free), NULL when out of memory. */
char *ldr__text_copy(const char *text);
char *ldr__span_copy(pe_span text);

/* ---- needs.c ---- */

/* `module` needs `other` from now on; takes the table lock. LDR_NO_MEMORY. */
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

/* ---- find/system.c ---- */

/* Whether the context's policy lets modules of the system's own loader in. */
bool ldr__system_serves(const ldr_context *ctx);
/*
 * The module called `name` that the system's loader has at `place`, as a host module. Without
 * `loads`, where it is not loaded yet, its path (allocated) instead. LDR_FILE_NOT_FOUND, also when
 * the system is not asked at all; LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__system_module(ldr_context *ctx, const char *name, ldr__system_place place,
                              bool loads, ldr_module **ret_module, char **ret_path);
/* A new host module for the table that the embedder gives under a name: what the system has of that
 * name, loaded if need be. LDR_FILE_NOT_FOUND, LDR_NO_MEMORY. */
ldr_status ldr__system_module_for(ldr_context *ctx, const char *name, ldr_module **ret_module);
/* Bytes of an absolute path's root, "/" or "C:/"; 0 for other paths. */
size_t ldr__path_root_length(const char *path);

/* ---- host_module.c ---- */

/* Lists a DLL of the system as a host module called `name`; takes over all of `dll`, also on
 * failure. LDR_NO_MEMORY. */
ldr_status ldr__host_module_of_system(ldr_context *ctx, const char *name, ldr__system_dll *dll,
                                      ldr_module **ret_module);

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

/* In the order of their list, until one raises an exception. */
void ldr__call_tls_callbacks(ldr_module *module, uint32_t reason);

/* Tells the environment of a bound module and takes its TLS slot. */
ldr_status ldr__announce(ldr_module *module, ldr_diag *diag);
/* The same of the host modules that `module` needs, and of itself if it is one: once for each. */
ldr_status ldr__announce_hosts(ldr_module *module, ldr_diag *diag);
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
    bool is_outermost;
    ldr_module *before; /* the last module that was there; NULL for none */
    const ldr__load_search *outer_search;
} ldr__load;
ldr__load ldr__load_begin(ldr_context *ctx);
/* Ends one that has brought nothing in. */
void ldr__load_drop(ldr_context *ctx, ldr__load load);
/*
 * From mapped to initialised, for all modules that this load has mapped. `root` (NULL for a load
 * on behalf of a forwarder) has its reference already. On failure the whole load is undone.
 */
ldr_status ldr__load_finish(ldr_context *ctx, ldr__load load, ldr_module *root,
                            const ldr_load_options *options, ldr_status status, ldr_diag *diag);

/* Unloads every module that nothing keeps. Runs guest code (DLL_PROCESS_DETACH). */
void ldr__sweep(ldr_context *ctx);

/* ---- dead.c ---- */

/* The next look asks whether anybody keeps the module; the table is locked. */
void ldr__suspect(ldr_module *module);
/* Somebody who needed it is no more, or has forgotten it; the table is locked. */
void ldr__need_no_more(ldr_module *other);
/* Nobody is needed by the dying; the table is locked. */
void ldr__set_dying(ldr_module *module);
/* Takes it out of its set, if it is in one; the table is locked. */
void ldr__set_leave(ldr_module *module);
/* All suspects that nobody keeps are dying, and what only they need, in one step for those who look
 * for modules or keep some meanwhile. True if any is dying. */
bool ldr__find_dead(ldr_context *ctx);
/* Takes the table lock. */
typedef bool ldr__goes_first(const ldr_module *one, const ldr_module *other);
void ldr__sort_dying(ldr_context *ctx, ldr__goes_first *goes_first);

/* ---- roll_back.c ---- */

/* Undoes load number `load`: what it mapped goes, however far it has come. */
void ldr__roll_back(ldr_context *ctx, uint64_t load);

#endif
