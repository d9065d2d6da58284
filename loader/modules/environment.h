/*
 * environment.h: what the resolver asks of the environment that guest code runs in.
 *
 * win32/ implements it on Linux, native/ on Windows. The resolver knows this table only, so that it
 * can be tested with an environment that records instead of running.
 */
#ifndef PELOAD_ENVIRONMENT_H
#define PELOAD_ENVIRONMENT_H

#include <peload/loader.h>

/* The thread-local template of a module, as its TLS directory says. */
typedef struct ldr__tls_template {
    const void *data;         /* inside the module's view */
    size_t data_size;         /* bytes to copy */
    size_t zero_size;         /* bytes of zeros after them */
    uint32_t characteristics; /* of the directory: the alignment */
} ldr__tls_template;

/*
 * An import that is traced: who calls what through it. Or, without an importer, a function that
 * GetProcAddress has found, which everybody calls in the same way.
 */
typedef struct ldr__trace_site {
    const ldr_module *importer; /* NULL also once it has gone */
    const char *importer_name;
    const ldr_module *target;   /* that has the function; or NULL */
    const char *dll, *function; /* as in the import, or asked for; function NULL: by ordinal */
    uint32_t ordinal;
    const char *provider; /* or NULL */
    const void *address;
} ldr__trace_site;

/* Where the system's own loader is asked for a DLL. */
typedef enum ldr__system_place {
    LDR__SYSTEM_LOADED, /* among what it has loaded already */
    LDR__SYSTEM_KNOWN,  /* contracts, and what it takes from nowhere but its own folder */
    LDR__SYSTEM_FOLDER, /* in its own folder */
    LDR__SYSTEM_PATH,   /* by an absolute path, which must lead into its own folder */
} ldr__system_place;

/* What it has found. */
typedef struct ldr__system_dll {
    void *handle; /* its base, with a reference for system_release; NULL: it is not loaded */
    size_t size;  /* bytes of the image, if it is */
    char *path;   /* the host's path, allocated (ldr__os_free) */
    bool is_own;  /* it belongs to the system, and not to some program */
} ldr__system_dll;

typedef struct ldr__environment {
    /* Makes the environment's state for a context and adds its host modules (ldr_host_module_add).
       Of the options, which it copies, the environment's part is about processes. */
    ldr_status (*create)(ldr_context *ctx, const ldr_context_options *options, void **ret_state);
    /* Releases the state; NULL is allowed. No guest code runs after it. */
    void (*destroy)(void *state);

    /* Calls `visit` with the host's path of each folder of the guest's PATH, until one says true.
       LDR_NO_MEMORY when not all could be told. NULL: there is no PATH. */
    ldr_status (*path_folders)(void *state, bool (*visit)(void *user, const char *folder),
                               void *user);
    /* The host's path ("a/b", "/a/b", "./a") for a guest's ("a\b", "Z:\a\b", "Z:a"), allocated
       with ldr__os_alloc. LDR_FILE_NOT_FOUND (no such drive), LDR_NO_MEMORY. */
    ldr_status (*host_path)(void *state, const char *guest_path, char **ret_path);

    /* True while threads that the guest made still run. */
    bool (*busy)(void *state);

    /* ldr_thread_enter and ldr_thread_leave, for this state. */
    ldr_status (*thread_enter)(void *state, ldr_thread_scope *ret_scope);
    void (*thread_leave)(void *state, ldr_thread_scope *scope);

    /*
     * Takes a TLS slot and gives every live thread its copy of the template. The template stays
     * valid until the slot is released. LDR_NO_MEMORY.
     */
    ldr_status (*tls_add)(void *state, const ldr__tls_template *tls, uint32_t *ret_slot);
    void (*tls_remove)(void *state, uint32_t slot);

    /*
     * A module enters the guest's lists (in load order) after it is relocated, and leaves them
     * before it is unmapped: here the environment notes its unwind table and the like. A host
     * module enters them when it is loaded, or a module needs it, for the first time, and stays.
     */
    ldr_status (*module_added)(void *state, ldr_module *module);
    void (*module_removed)(void *state, ldr_module *module);

    /*
     * Before a DLL's first TLS callback or DllMain, and after its last, with the loader locked and
     * the calling thread inside the context: those who want to know are told, in the guest.
     */
    void (*module_begins)(void *state, ldr_module *module);
    void (*module_ended)(void *state, ldr_module *module);
    /* What ldr__module_facts_of says of a module with an entry may have changed; the table is
       locked, and nothing may be waited for. */
    void (*module_counted)(void *state, ldr_module *module);

    /*
     * Calls guest code: a TLS callback or DllMain, with the calling thread inside the context.
     * `ret_result` is what it returned (1 for a TLS callback); false when it did not return because
     * of an exception, whose code is in *ret_exception.
     */
    bool (*call_entry)(void *state, void *function, void *base, uint32_t reason, void *reserved,
                       uint32_t *ret_result, uint32_t *ret_exception);

    /*
     * ldr_run: on a new main thread, THREAD_ATTACH for the DLLs, PROCESS_ATTACH for the module's
     * TLS callbacks, then `entry`, until it returns or the guest exits the process.
     */
    ldr_status (*run)(void *state, ldr_module *module, void *entry, int argc,
                      const char *const *argv, uint32_t *ret_exit_code, ldr_diag *diag);

    /* Where the latest exception was raised that nobody has handled, NULL for none. */
    const void *(*exception_address)(void *state);

    /* The start of the native function that `address` lies in, NULL when that is not known. */
    const void *(*function_at)(void *state, const void *address);

    /* A load has failed (an NTSTATUS) while the context had no program: for who waits for one. */
    void (*load_failed)(void *state, uint32_t nt_status);

    /*
     * A function for the guest to call in place of a missing import, NULL when out of memory. It
     * reports through `options`; both are copied. stubs_release releases those of an importer,
     * which nobody can call any more.
     */
    void *(*stub_create)(void *state, ldr_module *importer, const ldr_missing_import *import,
                         const ldr_load_options *options);
    void (*stubs_release)(void *state, ldr_module *importer);

    /*
     * Tracing; all three may be NULL. A function that tells of the call (ldr__trace_emit) and goes
     * on to the site's address, NULL when out of memory; the site is copied. For sites without an
     * importer of the same address it is always the same. trace_release is for a module that goes:
     * those of its functions are released, which nobody will call any more (calls under way still
     * return through them), and those of its imports once that is true of them too. trace_depth:
     * traced calls that the calling thread is in.
     */
    void *(*trace_create)(void *state, const ldr__trace_site *site);
    void (*trace_release)(void *state, const ldr_module *module);
    uint32_t (*trace_depth)(void *state);

    /*
     * The system's own loader, where it can load what the guest needs; NULL, all three, where it
     * cannot. Finds the DLL of the file name, or contract, or path `name`; with `loads` it is
     * loaded as well. LDR_FILE_NOT_FOUND, LDR_NO_MEMORY, LDR_OS_ERROR (it is there, and does not
     * load).
     */
    ldr_status (*system_find)(const char *name, ldr__system_place place, bool loads,
                              ldr__system_dll *ret_dll);
    void (*system_release)(void *handle);
    /* An export of such a DLL, by its name or, when `ordinal` is not 0, by that. NULL: none. */
    const void *(*system_symbol)(void *handle, pe_span name, uint32_t ordinal);

    /* Bytes at the start of an absolute path, of the host's or the guest's, up to and with the
       slash of its root; 0 for other paths. NULL: those that start with a '/' are absolute. */
    size_t (*path_root)(const char *path);
} ldr__environment;

/* The environment of this build: win32/ on Linux, native/ on Windows. */
extern const ldr__environment ldr__default_environment;

/* The state that `create` made for a context. */
void *ldr__context_environment(const ldr_context *ctx);

/* ---- What the environment asks of the resolver, in the name of the guest ---- */

/*
 * LoadLibraryEx. `name` is the guest's, or a host path with a '/' that the environment has made of
 * it already; `flags` are LDR_SEARCH_*. LDR_INVALID_ARGUMENT when they contradict each other.
 * LDR__GUEST_LOAD_BARE is DONT_RESOLVE_DLL_REFERENCES: neither imports nor DllMain.
 */
enum { LDR__GUEST_LOAD_BARE = 1 };
ldr_status ldr__guest_load(ldr_context *ctx, const char *name, uint32_t flags,
                           ldr_module **ret_module, ldr_diag *diag);

/* LoadLibraryEx for data: ldr_find without options. */
ldr_status ldr__guest_find(ldr_context *ctx, const char *name, ldr_found *ret_found,
                           ldr_diag *diag);

/* GetProcAddress: ldr_symbol_find, but the guest waits however long it takes. No argument may be
 * NULL but `name` and `diag`. */
ldr_status ldr__guest_symbol(ldr_module *module, const char *name, uint32_t ordinal,
                             void **ret_address, ldr_diag *diag);

/* What becomes of the references of a module that the guest asks for. */
typedef enum ldr__keep {
    LDR__KEEP_NOT,
    LDR__KEEP_REFERENCE, /* one more, which ldr__guest_unload gives back */
    LDR__KEEP_PINNED,    /* it stays until the context ends */
} ldr__keep;

/*
 * GetModuleHandleEx: the module that a load by this name would find loaded, or that has this path;
 * nothing is looked for in folders. One that is being unloaded is there for its own DllMain. Found
 * and kept in one step. Waits for no DllMain. Borrowed. LDR_DLL_NOT_FOUND, LDR_NO_MEMORY.
 */
ldr_status ldr__guest_module(ldr_context *ctx, const char *name, ldr__keep how,
                             ldr_module **ret_module);

/* SetDefaultDllDirectories. LDR_INVALID_ARGUMENT. */
ldr_status ldr__guest_set_default_flags(ldr_context *ctx, uint32_t flags);
/* SetDllDirectory and GetDllDirectory with the guest's path: NULL takes back, "" is no folder, and
 * what is returned is allocated (ldr__os_free). LDR_NO_MEMORY. */
ldr_status ldr__guest_set_folder(ldr_context *ctx, const char *folder);
ldr_status ldr__guest_folder(ldr_context *ctx, char **ret_folder);
/* AddDllDirectory and RemoveDllDirectory with a host path. LDR_NO_MEMORY; false for no cookie. */
ldr_status ldr__guest_add_folder(ldr_context *ctx, const char *folder, void **ret_cookie);
bool ldr__guest_remove_folder(ldr_context *ctx, const void *cookie);
/* ldr_context_options.system_folder and windows_folder, borrowed; NULL if there are none. */
const char *ldr__context_system_folder(const ldr_context *ctx);
const char *ldr__context_windows_folder(const ldr_context *ctx);

/* The module of that HMODULE (base address), NULL if none. */
ldr_module *ldr__module_from_base(ldr_context *ctx, const void *base);

/* The module that ldr_run runs, or NULL. */
ldr_module *ldr__module_main(ldr_context *ctx);

/* The module's view, for what the guest does to its own pages; NULL for host modules. */
ldr_view *ldr__module_view(ldr_module *module);

/* The same by an address in it, or at its base. */
ldr_module *ldr__guest_find_at(ldr_context *ctx, const void *address, bool only_base,
                               ldr__keep how);

/*
 * FreeLibrary: as ldr_unload, but the guest waits however long it takes, the program is not the
 * guest's to unload, and nothing is while the process ends (rule E65).
 */
void ldr__guest_unload(ldr_module *module);

/* What the guest sees of a module in ntdll's lists. */
typedef struct ldr__module_facts {
    int32_t count; /* references and modules that need it; -1: it stays */
    bool is_dll, is_bare, is_attached, no_thread_calls;
} ldr__module_facts;
/* The table is locked. */
ldr__module_facts ldr__module_facts_of(const ldr_module *module);
/* The environment's own word about a module, NULL at first. */
void *ldr__module_guest_entry(const ldr_module *module);
void ldr__module_set_guest_entry(ldr_module *module, void *entry);
bool ldr__module_has_tls(const ldr_module *module);

/*
 * LdrLockLoaderLock: nobody else's DllMain runs, nothing is loaded or unloaded by others until
 * it is given back. `waits`: as long as it takes; else false when another thread has it.
 */
bool ldr__guest_lock(ldr_context *ctx, bool waits);
void ldr__guest_unlock(ldr_context *ctx);

/*
 * Stores a pointer in a module, whatever the protection of its page, and tells what was there
 * before: one thread at a time. LDR_INVALID_ARGUMENT when there is no such place in any module, or
 * it is not aligned; LDR_IO_ERROR, LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__module_store(ldr_context *ctx, void **slot, void *value, void **ret_before);

/* DisableThreadLibraryCalls. */
void ldr__module_no_thread_calls(ldr_module *module);

/*
 * Calls every initialised DLL with DLL_THREAD_ATTACH (in order) or _DETACH (in reverse), then the
 * TLS callbacks of the program if it runs.
 */
void ldr__modules_thread_notify(ldr_context *ctx, uint32_t reason);

/* The same, but LDR_BUSY, with nobody told, when another thread keeps the loader for longer. */
ldr_status ldr__modules_thread_notify_within(ldr_context *ctx, uint32_t reason,
                                             uint32_t milliseconds);

/* The first DLL_THREAD_ATTACH of a thread of the host; LDR_BUSY, with nobody told, when another
 * thread keeps the loader for longer than the context allows. */
ldr_status ldr__modules_host_attach(ldr_context *ctx);

/*
 * The same when the process itself ends, and its other threads have been stopped already, wherever
 * they were: nobody is told where one of them has left the context locked.
 */
void ldr__modules_process_exit(ldr_context *ctx);

/* The process has ended without notifications: no DllMain is called any more. */
void ldr__modules_abandon(ldr_context *ctx);

/* PROCESS_ATTACH for the program's TLS callbacks, on its main thread. From then on they are told of
 * other threads, and of the end. */
void ldr__modules_program_begins(ldr_module *program);

/*
 * ExitProcess: calls every initialised DLL with DLL_PROCESS_DETACH, reserved not NULL, then the TLS
 * callbacks of the program if it runs; once.
 */
void ldr__modules_process_detach(ldr_context *ctx);

/* The context's own copy of a host module's exported variable, or NULL. */
void *ldr__host_data(ldr_context *ctx, const char *module, const char *name);

/* Whether somebody listens (ldr_context_options.trace). */
bool ldr__trace_is_on(const ldr_context *ctx);

/*
 * If so: tells that a delay import has been found. *address becomes that of a thunk, which tells of
 * each call; without memory for one it stays. `function` is NULL for an import by ordinal.
 */
void ldr__trace_delayed(ldr_module *importer, const ldr_module *provider, const char *dll,
                        const char *function, uint32_t ordinal, const void **address);

/*
 * What the guest gets for the address of an export that it has asked `module` for: if somebody
 * listens and it is a function, a thunk, the same for everybody; without memory for one, and in all
 * other cases, `address`. `function` is NULL for an ordinal.
 */
const void *ldr__trace_found(ldr_module *module, const char *function, uint32_t ordinal,
                             const void *address);

/* For who has asked that: fills in size, sequence number, time and thread, and tells. The sequence
 * number. */
uint64_t ldr__trace_emit(ldr_context *ctx, ldr_trace_event *event);

enum {
    LDR__PROCESS_DETACH = 0,
    LDR__PROCESS_ATTACH = 1,
    LDR__THREAD_ATTACH = 2,
    LDR__THREAD_DETACH = 3
};

#endif
