/*
 * loader.h: load PE images and call them.
 *
 *   ldr_context *ctx;
 *   ldr_module *zlib;
 *   ldr_diag diag;
 *   if (ldr_context_create(NULL, &ctx) != LDR_OK) ...
 *   if (ldr_load(ctx, "zlib1.dll", NULL, &zlib, &diag) != LDR_OK) ...
 *   uint32_t (LDR_WINAPI *crc32)(uint32_t, const void *, uint32_t) = ldr_symbol(zlib, "crc32");
 *
 * Loading runs the image's code (TLS callbacks, DllMain) with all rights of the process; for
 * looking without running, see section.h. The library never prints, never exits (ldr_thread_enter
 * tells of the one case where it cannot go on), and keeps its state in the context; two contexts do
 * not know of each other. The one thing it changes outside is the GS base of threads that run guest
 * code (see ldr_thread_enter).
 *
 * Threads: a context serialises its own loads and unloads, and the calls of DllMain that go with
 * them or with a thread's coming and going, as Windows does with its loader lock: a thread at a
 * time, which may load and unload from inside DllMain. Guest code may be called from any thread
 * that has entered the context.
 *
 * What only looks never waits for that: ldr_symbol of an export that a loaded module has itself (or
 * forwards to another that is loaded), ldr_module_find, ldr_module_at, ldr_module_*. So a DllMain
 * may wait for a thread that calls these. One that waits for a thread which calls ldr_load, or
 * which enters the context for the first time, waits for ever, as on Windows, unless the context
 * has a `busy_after`: that thread then gets LDR_BUSY, and can try again later. With one, ldr_unload
 * also waits no longer: it leaves the unloading to the thread that is busy. Guest code always
 * waits.
 */
#ifndef PELOAD_LOADER_H
#define PELOAD_LOADER_H

#include <peload/section.h>

/* The calling convention of guest code on x86-64: for pointers to its functions and for callbacks.
 */
#if defined(_WIN32)
#define LDR_WINAPI
#else
#define LDR_WINAPI __attribute__((ms_abi))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ldr_context ldr_context;
typedef struct ldr_module ldr_module;

/* Zero is the default for every field but `size`. Strings are copied. */
typedef struct ldr_context_options {
    size_t size;
    const char *const *search_folders; /* looked in after the folder of the loading image */
    size_t search_folder_count;
    /* For every image; its `size` may be 0 for the defaults. A file that is cut off while it is
       loaded is LDR_IO_ERROR; its code gets an exception (EXCEPTION_IN_PAGE_ERROR) when it is
       running then, unless the source is LDR_SOURCE_SNAPSHOT. */
    ldr_section_options section;
    /*
     * What the guest's CreateProcess runs on the host: these words (the first is the absolute path
     * of a program), then the number of a descriptor, then the host path of an EXE. That program
     * makes a context with the number as its `process_start`, loads the EXE into it and runs it
     * (ldr_run, whose arguments do not count then).
     * Who started it learns the exit code from ldr_run, or, when the EXE cannot be loaded and the
     * context is destroyed, the load's NTSTATUS; of a program that ends before either, with a
     * status that is not 0, STATUS_DLL_INIT_FAILED. None: CreateProcess fails with
     * ERROR_NOT_SUPPORTED.
     */
    const char *const *process_command;
    size_t process_command_count;
    int process_start; /* the descriptor, which the context takes over; 0: started by no guest */
    /*
     * Milliseconds that a thread of the host waits for another one that is loading or unloading, or
     * whose DllMain takes its time, before it gives up with LDR_BUSY; 0: as long as it takes. See
     * "Threads" above.
     */
    uint32_t busy_after;
} ldr_context_options;

/*
 * A context with the built-in host modules (kernel32, ntdll, C runtimes). The calling thread enters
 * it (ldr_thread_enter) until the context is destroyed. `options` may be NULL.
 *
 * The first context gives the process handlers of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP,
 * which stay: what code of an image does that raises them becomes a Windows exception there. All
 * others, those of the program's own functions among them, go to the handlers that were there
 * before; so do those that the image does not handle, where the program has called it directly. A
 * program with handlers of its own installs them before, or passes on what is not for it.
 *
 * LDR_NO_MEMORY, LDR_OS_ERROR, LDR_INVALID_ARGUMENT (`process_start` is no such descriptor).
 */
LDR_API ldr_status ldr_context_create(const ldr_context_options *options, ldr_context **ret_ctx);

/*
 * Unloads every module (DLL_PROCESS_DETACH in reverse order of initialisation) and releases the
 * context. To be called by the thread that created it, which gets its GS base back. NULL is
 * allowed. While a thread that the guest made still runs, the modules stay mapped: they cannot be
 * pulled from under it.
 */
LDR_API void ldr_context_destroy(ldr_context *ctx);

/* ---- Host modules ---- */

/*
 * One line of a host module's table. A function has `data_size` 0. Data (an exported variable) has
 * its size in bytes and `address` at its initial value: each context gets a copy of its own.
 * `ordinal` is 0 for exports that have a name only.
 */
typedef struct ldr_export {
    const char *name;
    const void *address;
    uint32_t ordinal;
    uint32_t data_size;
} ldr_export;

/*
 * Adds a module that the host provides under `name` ("host.exe"; case-insensitive). Its exports
 * come before those already provided under the same name. The table is borrowed until the context
 * is destroyed. LDR_NO_MEMORY, LDR_INVALID_ARGUMENT.
 */
LDR_API ldr_status ldr_host_module_add(ldr_context *ctx, const char *name,
                                       const ldr_export *exports, size_t count);

/* ---- Loading ---- */

/* What to do about an import that nobody provides. */
typedef enum ldr_missing {
    LDR_MISSING_REFUSE = 0, /* LDR_IMPORTS_MISSING, after all of them have been reported */
    LDR_MISSING_STUB,       /* bind it to a stub that reports its name when it is called */
} ldr_missing;

/*
 * A missing import: `importer` asks for `function` (or for `ordinal`, when function is NULL) of
 * `dll`, which itself was not found when `dll_missing`. Strings are valid during the call.
 */
typedef struct ldr_missing_import {
    const char *importer;
    const char *dll;
    const char *function;
    uint32_t ordinal;
    bool dll_missing;
} ldr_missing_import;

/* Zero is the default for every field but `size`. */
typedef struct ldr_load_options {
    size_t size;
    uint64_t base; /* of the named image, not of its dependencies; see ldr_view_options */
    ldr_missing missing;
    bool no_initialise; /* map, relocate and bind; run nothing */
    /* Called once for each missing import, before ldr_load returns; it must not load anything. */
    void (*on_missing)(void *user, const ldr_missing_import *import);
    /* Called when the guest calls a stub; does not return control to the guest's caller by itself:
       when it returns, the stub returns 0. NULL: the stub raises an exception in the guest. */
    void (*on_stub_call)(void *user, const char *dll, const char *function);
    void *user;
} ldr_load_options;

/*
 * Loads the image at `path` (UTF-8) with every DLL it needs, and initialises them: dependencies
 * before dependents, TLS callbacks before DllMain. A file already loaded in this context counts one
 * reference more. On any failure everything that this call brought in is undone.
 * Besides the statuses of section.h: LDR_WRONG_MACHINE, LDR_NOT_RELOCATABLE, LDR_BAD_RELOCATIONS,
 * LDR_DLL_NOT_FOUND, LDR_IMPORTS_MISSING, LDR_FORWARDER_LOOP, LDR_INIT_FAILED.
 */
LDR_API ldr_status ldr_load(ldr_context *ctx, const char *path, const ldr_load_options *options,
                            ldr_module **ret_module, ldr_diag *diag);

/* The same from a buffer, which is copied. `name` is the module's name; it has no folder of its
 * own. */
LDR_API ldr_status ldr_load_memory(ldr_context *ctx, const char *name, const void *bytes,
                                   size_t size, const ldr_load_options *options,
                                   ldr_module **ret_module, ldr_diag *diag);

/*
 * Gives back one reference. With the last one the module and the dependencies that only it needed
 * are detached in reverse order of initialisation and unmapped. NULL is allowed.
 */
LDR_API void ldr_unload(ldr_module *module);

/* ---- Modules ---- */

/*
 * The address of an export (forwarders followed), or NULL. It converts to a function pointer with
 * LDR_WINAPI or to a data pointer, and is valid until the module is unloaded. A forwarder may lead
 * to a DLL that is not loaded yet: it is loaded and initialised then, and kept by the module.
 */
LDR_API void *ldr_symbol(ldr_module *module, const char *name);
LDR_API void *ldr_symbol_ordinal(ldr_module *module, uint32_t ordinal);

/* The module of that base name ("zlib1.dll", case-insensitive), borrowed, or NULL. */
LDR_API ldr_module *ldr_module_find(ldr_context *ctx, const char *name);

/* The module whose image holds `address`, borrowed, or NULL: host modules have no image. */
LDR_API ldr_module *ldr_module_at(ldr_context *ctx, const void *address);

LDR_API const char *ldr_module_name(const ldr_module *module); /* base name, as first asked for */
LDR_API const char *
ldr_module_path(const ldr_module *module); /* absolute; the name if from memory */
LDR_API void *ldr_module_base(const ldr_module *module);
LDR_API size_t ldr_module_size(const ldr_module *module);
LDR_API const ldr_view *ldr_module_view(const ldr_module *module); /* NULL for host modules */

/* ---- Running ---- */

/*
 * Runs a loaded EXE's entry point as the main thread of a process with the arguments `argv` (UTF-8;
 * argv[0] is the program), on a thread of its own with the stack that the image asks for, until it
 * returns or calls ExitProcess; then its DLLs get DLL_PROCESS_DETACH. Once for a context.
 * LDR_NOT_AN_EXE for a DLL, LDR_BUSY the second time, LDR_OS_ERROR, LDR_NO_MEMORY.
 */
LDR_API ldr_status ldr_run(ldr_module *module, int argc, const char *const *argv,
                           uint32_t *ret_exit_code, ldr_diag *diag);

/*
 * Guest code finds its thread block (TEB) behind GS. A thread must have entered the context before
 * it calls guest code; the creator of a context has. Enter may be nested, also with other contexts:
 * leave restores what was there. The first enter of a thread sends DLL_THREAD_ATTACH.
 * LDR_NO_MEMORY, LDR_BUSY (see "Threads" at the top).

 *
 * A guest function that the host has called itself must return: there is nothing else to come back
 * to. If it raises an exception that the guest does not handle, this process is ended with abort(),
 * or by the signal of the processor's exception (see ldr_context_create);
 * ending its thread or process raises STATUS_DLL_INIT_FAILED there. Functions that may do so belong
 * into a program (ldr_run).
 */
typedef struct ldr_thread_scope {
    ldr_context *ctx;
    uint64_t previous_gs;
} ldr_thread_scope;

LDR_API ldr_status ldr_thread_enter(ldr_context *ctx, ldr_thread_scope *ret_scope);
LDR_API void ldr_thread_leave(ldr_thread_scope *scope);

#ifdef __cplusplus
}
#endif

#endif
