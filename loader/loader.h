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
 * not know of each other. The one thing it changes outside is, on Linux, the GS base of threads
 * that run guest code (see ldr_thread_enter).
 *
 * Threads: a context serialises its own loads and unloads, and the calls of DllMain that go with
 * them or with a thread's coming and going, as Windows does with its loader lock: a thread at a
 * time, which may load and unload from inside DllMain. Guest code may be called from any thread
 * that has entered the context.
 *
 * What only looks never waits for that: ldr_symbol of an export that a loaded module has itself (or
 * forwards to one that is initialised, and not part of a load that may still fail),
 * ldr_module_find, ldr_module_at, ldr_module_*. So a DllMain may wait for a thread that calls
 * these. One that waits for a thread which calls ldr_load or any other function of this header that
 * can return LDR_BUSY, or which enters the context for the first time, waits for ever, as on
 * Windows, unless the context has a `busy_after`: that thread then gets LDR_BUSY with nothing done,
 * and can try again later. With one, ldr_unload also waits no longer: it leaves the unloading to
 * the thread that is busy. Guest code always waits, and so does ldr_context_destroy.
 *
 * On Windows guest code runs in the process as it is, with its kernel32.dll, its threads and
 * handles. What the system's loader does for its own modules is done here for those of a context:
 * function tables, static TLS, thread notifications. Guests that import LoadLibrary, FreeLibrary,
 * GetProcAddress, GetModuleHandle, GetModuleFileName (also ...Ex, A and W), RtlPcToFileHeader or
 * VirtualProtect get functions that know the modules of their context. Where functions of the
 * system's DLLs ask for such things themselves, they know only the system's own modules.
 *
 * Threads: all may call guest code, and entering a context does next to nothing. DLLs are told of a
 * thread that begins and of its end, but not of those that were there before them. It waits for one
 * that is loading or unloading, a second at the most; then they are told of it when it enters the
 * context, if ever, and not of its end. The system's loader lock comes after that of a context:
 * functions that load or unload must not be called from a DllMain of the system's loader.
 *
 * Static TLS: the system's loader is given a DLL with the image's template and no code, a file in
 * the folder of temporary files. It is kept for the next such image, and goes with the context, its
 * name on NTFS at once; where the system does not know that, it is left if the process ends before.
 * Where such a DLL cannot be loaded (a process that may load signed ones only) images with static
 * TLS are refused with LDR_OS_ERROR.
 *
 * Ends: ExitProcess ends the process; DLLs of contexts that are there then get DLL_PROCESS_DETACH.
 * Nothing is known of what keeps a module but references: the guest's threads have to have ended
 * when it is unloaded, as with FreeLibrary.
 *
 * CreateProcess is the system's: `process_command` and `process_start` do not count. There are no
 * events of calls, returns and exceptions, nobody learns of modules by `debug`, and what is raised
 * in guest code goes to those who handle exceptions in the process.
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

/* ---- Seeing what happens ---- */

/* Appended to, never reused. */
typedef enum ldr_trace_kind {
    LDR_TRACE_LOAD = 1,  /* a module was mapped: module, path, base, module_size, asked_by */
    LDR_TRACE_UNLOAD,    /* it is being unmapped: the same but asked_by */
    LDR_TRACE_BIND,      /* an import was found: module, dll, function, ordinal, provider, address,
                            is_data */
    LDR_TRACE_ENTRY,     /* DllMain or a TLS callback is called: module, base, address,
                            is_tls_callback, reason, arguments */
    LDR_TRACE_ENTRY_END, /* and has come back: call, result or exception */
    LDR_TRACE_CALL,      /* a call through an import, or of what GetProcAddress has found: module
                            (NULL: the host, of the latter), dll, function, ordinal, provider,
                            address, arguments, real_arguments, return_address, values */
    LDR_TRACE_RETURN,    /* and has returned: the same, call, result, real_result, values (of the
                            result: one or none) instead of arguments */
    LDR_TRACE_EXCEPTION, /* raised in the guest, before anybody handles it: module (where; may be
                            NULL), exception, address */
} ldr_trace_kind;

/* How a value whose type is known is to be read. */
typedef enum ldr_trace_type {
    LDR_TRACE_INT = 1, /* signed: (int64_t)bits */
    LDR_TRACE_UINT,
    LDR_TRACE_HEX, /* flags, codes */
    LDR_TRACE_BOOL,
    LDR_TRACE_POINTER, /* handles too */
    LDR_TRACE_REAL,    /* real */
    LDR_TRACE_STRING,  /* bits is its address; text is NULL where that cannot be read */
} ldr_trace_type;

/* An argument or a result whose type is known. */
typedef struct ldr_trace_value {
    const char *name; /* "result" for one */
    ldr_trace_type type;
    uint64_t bits; /* as in the register or on the stack, widened as the type is */
    double real;
    const char *text; /* the first bytes of the string as they are, or UTF-8 made from UTF-16 */
    size_t text_size;
    bool is_cut; /* there is more of it */
} ldr_trace_value;

/* What has happened. Fields that are not of its kind are 0 or NULL; all pointers are valid during
 * the call. New fields are appended, and `size` grows. */
typedef struct ldr_trace_event {
    size_t size;
    ldr_trace_kind kind;
    uint64_t sequence; /* 1, 2, 3: in a context; of several threads in no particular order */
    uint64_t time;     /* nanoseconds since the context was made */
    uint64_t thread;   /* the system's number of it */
    uint32_t depth;    /* calls through imports that this thread is inside of */
    const char *module;
    const char *path;
    const void *base;
    size_t module_size;
    const char *asked_by; /* the module that imports or forwards from it; NULL: ldr_load and the
                             like, LoadLibrary */
    const char *dll; /* as the import names it (GetProcAddress: the module that was asked), also
                        `function`: NULL for `ordinal` */
    const char *function;
    uint32_t ordinal;
    const char *provider; /* the module that has it, behind all forwarders; or NULL */
    const void *address;
    bool is_data; /* no function: it is bound as it is, and not told of any more */
    bool is_tls_callback;
    uint32_t reason;               /* DLL_PROCESS_ATTACH and so on */
    uint64_t arguments[4];         /* what the registers hold, whether they are arguments or not */
    double real_arguments[4];      /* the same of xmm0 to xmm3 */
    const void *return_address;    /* where the guest calls from */
    uint64_t call;                 /* sequence number of the event that this one ends */
    uint64_t result;               /* rax */
    double real_result;            /* xmm0 */
    uint32_t exception;            /* its code; of LDR_TRACE_ENTRY_END: 0, it has returned */
    const ldr_trace_value *values; /* where the function's prototype is known, else none */
    size_t value_count;
} ldr_trace_event;

/* Zero is the default for every field but `size`. Strings are copied. */

/* ---- Where DLLs are found ---- */

/*
 * A place where a DLL is looked for. A policy is a list of places, tried in order; the first that
 * has the DLL decides, even if it then cannot be loaded (on Windows too a DLL of the wrong machine
 * ends the search). The first five go by bare names only, the others are folders, in which relative
 * paths are looked for as well (rules E45, E.7).
 *
 * Names are compared by Windows's upper case, of files too, whatever the file system does; ".dll"
 * is added to a name without an extension, dots at its end are dropped (rules E40 to E44). Both
 * slashes separate, drive Z: is the host's root. An absolute path is looked for nowhere else. Two
 * paths to one file are one module; files of one name in two folders are two, and the bare name
 * means the one that was loaded first. Side-by-side assemblies and ".local" are not looked at.
 *
 * On Windows the system's own loader is behind LDR_PLACE_HOST, and behind nothing else: a policy
 * without it (LDR_POLICY_FILES) takes everything from files, as on Linux. With it there is one
 * kernel32.dll in the process, and so on: what the embedder adds comes first, function by function,
 * then what that loader has loaded already, contracts, and what it takes from its own folder
 * whatever else there is (KnownDLLs). LDR_PLACE_SYSTEM without a `system_folder` is that folder,
 * and paths that lead into it are its. What the context has an image of is not
 * asked for there, and a DLL that is loaded, but is not the system's, is passed over where the
 * bundle provides one. Such DLLs are host modules, with the base, size and path that they have,
 * until the context ends.
 */
typedef enum ldr_place {
    /* "api-ms-win-...", "ext-ms-...": what hosts the contract, from host modules, loaded images,
       the bundle, the system folder or the search folders. The last number of the name and the
       extension do not count. Contracts that are not known are names like any other (rule E.6). */
    LDR_PLACE_API_SETS = 1,
    /* Host modules. kernel32.dll and advapi32.dll also stand for kernelbase.dll and sechost.dll
       where there are none. */
    LDR_PLACE_HOST,
    LDR_PLACE_LOADED, /* images that are loaded, from files or from memory */
    LDR_PLACE_BUNDLE, /* what `bundle` provides */
    LDR_PLACE_KNOWN,  /* the system folder, for names in `known_dlls` */
    /* The folder of the image that asks, which Windows does not look in unless it is one of the
       others: it is what lets a plugin have its DLLs beside it. */
    LDR_PLACE_IMPORTER,
    /* The folder of the program (the first EXE loaded); with LDR_SEARCH_ALTERED, that of the DLL
       which is loaded. */
    LDR_PLACE_APPLICATION,
    LDR_PLACE_LOAD_FOLDER, /* the folder of the DLL that is loaded by its path */
    LDR_PLACE_SET_FOLDER,  /* what the guest has given to SetDllDirectory */
    LDR_PLACE_FOLDERS,     /* `search_folders`, in order */
    LDR_PLACE_ADDED,       /* what the guest has given to AddDllDirectory, the last one first */
    LDR_PLACE_SYSTEM,      /* `system_folder` */
    LDR_PLACE_WINDOWS,     /* `windows_folder` */
    LDR_PLACE_CURRENT,     /* the current folder, unless the guest has called SetDllDirectory */
    LDR_PLACE_PATH,        /* the guest's PATH, which is at first the host's */
} ldr_place;

typedef enum ldr_policy {
    /* API sets, host, loaded, bundle, known, importer, application, set folder, search folders,
       system, windows. For plugins: wider than Windows by the importer's folder, narrower by the
       current folder and PATH, where others may have put a DLL. */
    LDR_POLICY_PLUGIN = 0,
    /* Windows's order (SafeDllSearchMode on, as it is by default): API sets, host, loaded, bundle,
       known, application, set folder, search folders, system, windows, current folder, PATH. */
    LDR_POLICY_WINDOWS,
    /* The same with SafeDllSearchMode off: the current folder comes after the application's. */
    LDR_POLICY_WINDOWS_UNSAFE,
    /* LDR_POLICY_PLUGIN without host modules: everything comes from files. What it takes to load
       Windows's or Wine's own DLLs without running them (ldr_load_options.no_initialise). */
    LDR_POLICY_FILES,
} ldr_policy;

/* The places of a policy, static; NULL and 0 if it is none. */
LDR_API const ldr_place *ldr_policy_places(ldr_policy policy, size_t *ret_count);
/* "application", static; NULL if it is none. */
LDR_API const char *ldr_place_name(ldr_place place);

/*
 * For one load and the static imports that it brings in: LoadLibraryEx's flags, with its values.
 * The first lets the folder of a DLL that is loaded by its path take the program's place; the
 * others name the folders that are looked in, in this order, and no others are. An image's
 * DependentLoadFlags are such flags for its own imports. Not the first with others, and not
 * LDR_SEARCH_LOAD_FOLDER without an absolute path: STATUS_INVALID_PARAMETER.
 */
enum {
    LDR_SEARCH_ALTERED = 0x8,       /* LOAD_WITH_ALTERED_SEARCH_PATH */
    LDR_SEARCH_LOAD_FOLDER = 0x100, /* LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR: LDR_PLACE_LOAD_FOLDER */
    LDR_SEARCH_APPLICATION = 0x200, /* LOAD_LIBRARY_SEARCH_APPLICATION_DIR */
    LDR_SEARCH_USER = 0x400,     /* LOAD_LIBRARY_SEARCH_USER_DIRS: search, added and set folders */
    LDR_SEARCH_SYSTEM = 0x800,   /* LOAD_LIBRARY_SEARCH_SYSTEM32 */
    LDR_SEARCH_DEFAULT = 0x1000, /* LOAD_LIBRARY_SEARCH_DEFAULT_DIRS: the last three */
};

/* Bytes of an image that a bundle provides; `release`, which may be NULL, is called once with the
 * struct when they are not needed any more. */
typedef struct ldr_bundle_file {
    const void *bytes;
    size_t size;
    void (*release)(const struct ldr_bundle_file *file);
    void *user; /* the bundle's own */
} ldr_bundle_file;

/* ---- Contexts ---- */

/*
 * Who learns the names of functions in modules ("zlib1!crc32" for an export, "zlib1!+0x1230" for
 * another function): things that a process has only once, whatever the number of contexts.
 */
enum {
    /* GDB, by its interface for just-in-time compilers: names, and frames by the unwind tables. It
       finds the interface by the symbols __jit_debug_descriptor and __jit_debug_register_code,
       which must not be stripped. */
    LDR_DEBUG_GDB = 1,
    /* perf, by /tmp/perf-PID.map, which stays. Names of a module stay in it when that is unloaded.
       A file of that name that is there already is replaced. perf looks there for memory of no
       file only: code becomes a copy, which the process does not share. */
    LDR_DEBUG_PERF = 2,
};

/* Zero is the default for every field but `size`. Strings and lists are copied. */
typedef struct ldr_context_options {
    size_t size;
    const char *const *search_folders; /* LDR_PLACE_FOLDERS */
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
    ldr_policy policy;
    const ldr_place *places; /* a policy of the caller's own, in place of `policy` */
    size_t place_count;
    /* A System32 of Windows, or the x86_64-windows of Wine; NULL: there is none. */
    const char *system_folder;
    const char *windows_folder;
    const char *const *known_dlls; /* "kernel32.dll", ...: LDR_PLACE_KNOWN */
    size_t known_dll_count;
    /*
     * Provides the DLL called `name` ("foo.dll"), or returns false. Called with the context locked:
     * it must not use the context. The bytes are copied before the load returns.
     */
    bool (*bundle)(void *user, const char *name, ldr_bundle_file *ret_file);
    void *bundle_user;
    /*
     * Milliseconds that a thread of the host waits for another one that is loading or unloading, or
     * whose DllMain takes its time, before it gives up with LDR_BUSY; 0: as long as it takes. See
     * "Threads" above.
     */
    uint32_t busy_after;
    /*
     * Called for each event, if not NULL: on the thread where it happens, which may hold the
     * context's lock, and from several threads at once. It must neither call guest code nor
     * functions of the context.
     *
     * Without it code calls code directly. With it each import slot of a function holds a thunk of
     * its own, and GetProcAddress gives another, always the same for a function: no module is at
     * such an address, and those of different importers differ. Functions find the tracer's return
     * address on their stack in place of the caller's; debuggers and profilers do not see beyond
     * it. A call that is left by an exception, a long jump or the end of its thread has no
     * LDR_TRACE_RETURN, nor have those of setjmp, RtlCaptureContext and others that look at their
     * caller. Arguments in ymm registers are cut to 128 bits.
     */
    void (*trace)(void *user, const ldr_trace_event *event);
    void *trace_user;
    uint32_t debug; /* LDR_DEBUG_*: who else is told of modules */
} ldr_context_options;

/*
 * A context with the built-in host modules (kernel32, ntdll, C runtimes), or on Windows the
 * system's own. The calling thread enters it (ldr_thread_enter) until the context is destroyed.
 * `options` may be NULL.
 *
 * On Linux the first context gives the process handlers of SIGSEGV, SIGBUS, SIGFPE, SIGILL and
 * SIGTRAP, which stay: what code of an image does that raises them becomes a Windows exception
 * there. All others, those of the program's own functions among them, go to the handlers that were
 * there before; so do those that the image does not handle, where the program has called it
 * directly. A program with handlers of its own installs them before, or passes on what is not for
 * it.
 *
 * LDR_NO_MEMORY, LDR_OS_ERROR, LDR_INVALID_ARGUMENT (`process_start` is no such descriptor, or
 * there is no such policy or place).
 */
LDR_API ldr_status ldr_context_create(const ldr_context_options *options, ldr_context **ret_ctx);

/*
 * Unloads every module (DLL_PROCESS_DETACH in reverse order of initialisation) and releases the
 * context. To be called by the thread that created it, which gets its GS base back. NULL is
 * allowed. While a thread that the guest made still runs, the modules stay mapped: they cannot be
 * pulled from under it (on Linux; see the top for Windows).
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
 * is destroyed. LDR_NO_MEMORY, LDR_INVALID_ARGUMENT, LDR_BUSY (see "Threads" at the top).
 */
LDR_API ldr_status ldr_host_module_add(ldr_context *ctx, const char *name,
                                       const ldr_export *exports, size_t count);

/* ---- Finding without loading ---- */

/* Zero is the default for every field but `size`. */
typedef struct ldr_find_options {
    size_t size;
    const char *importer; /* paths whose folders count: of the image that asks, */
    const char *program;  /* of the program (NULL: the one that is loaded, if any), */
    const char *loaded;   /* and of the DLL that is loaded by its path */
    uint32_t search_flags;
} ldr_find_options;

/* Where a DLL is. All that is not said is NULL. */
typedef struct ldr_found {
    ldr_place place;           /* 0 for an absolute path */
    const char *contract_host; /* it is a contract, and this its host's name on Windows; valid as
                                  long as the context */
    ldr_module *module;        /* a host module or a loaded image, borrowed */
    char *path;                /* a file, absolute or as its folder was given */
    ldr_bundle_file bundle;    /* of a bundle */
} ldr_found;

/*
 * Where a load would take the DLL called `name` from, as an image's import or LoadLibrary names it.
 * Nothing is loaded. To be released with ldr_found_release. LDR_DLL_NOT_FOUND, LDR_NO_MEMORY,
 * LDR_INVALID_ARGUMENT (a wrong combination of flags), LDR_BUSY (see "Threads" at the top).
 */
LDR_API ldr_status ldr_find(ldr_context *ctx, const char *name, const ldr_find_options *options,
                            ldr_found *ret_found, ldr_diag *diag);
LDR_API void ldr_found_release(ldr_found *found);

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

/* When delay imports are bound. */
typedef enum ldr_delay {
    LDR_DELAY_LAZY = 0, /* by the image's own helper, at the first call */
    LDR_DELAY_EAGER,    /* with all others: their DLLs are loaded, and missing ones reported */
} ldr_delay;

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
    uint32_t search_flags; /* LDR_SEARCH_*; the path that is loaded is taken as absolute */
    ldr_delay delay;       /* of all images that this load brings in */
} ldr_load_options;

/*
 * Loads the image at `path` (UTF-8) with every DLL it needs, and initialises them: dependencies
 * before dependents, TLS callbacks before DllMain. A file already loaded in this context counts one
 * reference more. On any failure everything that this call brought in is undone.
 * Besides the statuses of section.h: LDR_WRONG_MACHINE, LDR_NOT_RELOCATABLE, LDR_BAD_RELOCATIONS,
 * LDR_DLL_NOT_FOUND, LDR_IMPORTS_MISSING, LDR_FORWARDER_LOOP, LDR_INIT_FAILED, LDR_BUSY (see
 * "Threads" at the top).
 */
LDR_API ldr_status ldr_load(ldr_context *ctx, const char *path, const ldr_load_options *options,
                            ldr_module **ret_module, ldr_diag *diag);

/* The same by name, as LoadLibraryEx does: "foo", "foo.dll", a path. It is looked for as the
 * imports of the program are, and may be loaded already; `base` does not count. LDR_DLL_NOT_FOUND.
 */
LDR_API ldr_status ldr_load_name(ldr_context *ctx, const char *name,
                                 const ldr_load_options *options, ldr_module **ret_module,
                                 ldr_diag *diag);

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
 * LDR_WINAPI or to a data pointer, and is valid until the module is unloaded; one that a DllMain
 * asks for, also until its own load fails. A forwarder may lead to a DLL that is not loaded yet: it
 * is loaded and initialised then, and kept by the module.
 */
LDR_API void *ldr_symbol(ldr_module *module, const char *name);
LDR_API void *ldr_symbol_ordinal(ldr_module *module, uint32_t ordinal);

/*
 * The same with a reason: the export called `name` or, when that is NULL, number `ordinal`. `diag`
 * may be NULL. LDR_EXPORT_NOT_FOUND (STATUS_ENTRYPOINT_NOT_FOUND, STATUS_ORDINAL_NOT_FOUND; subject
 * "module!name"), LDR_FORWARDER_LOOP, LDR_IO_ERROR (the file was cut off), LDR_INVALID_ARGUMENT,
 * and for a forwarder to a DLL that is not loaded yet what ldr_load returns.
 * Nobody waits here for a DllMain that is running, except for a forwarder to a DLL that is not
 * initialised yet, or came with a load that may still fail (LDR_BUSY; see "Threads" at the top).
 */
LDR_API ldr_status ldr_symbol_find(ldr_module *module, const char *name, uint32_t ordinal,
                                   void **ret_address, ldr_diag *diag);

/* The module of that base name ("zlib1.dll", in any case), the first one that was loaded; or that
 * of a file, by a path with a '/'. Borrowed; NULL if there is none. */
LDR_API ldr_module *ldr_module_find(ldr_context *ctx, const char *name);

/* The module whose image holds `address`, borrowed, or NULL: host modules have no image of ours. */
LDR_API ldr_module *ldr_module_at(ldr_context *ctx, const void *address);

LDR_API const char *ldr_module_name(const ldr_module *module); /* base name, as first asked for */
LDR_API const char *
ldr_module_path(const ldr_module *module); /* absolute; the name if from memory */
LDR_API void *ldr_module_base(const ldr_module *module);
LDR_API size_t ldr_module_size(const ldr_module *module);
LDR_API const ldr_view *ldr_module_view(const ldr_module *module); /* NULL for host modules */

/* ---- Resetting: for fuzzers and tests ---- */

/*
 * Notes what the module's pages hold and may do now, for ldr_module_reset. Straight after ldr_load
 * that is the state after loading: relocated, bound, and with what DllMain and the C runtime's
 * start have written, so that pointers in it to memory that they have allocated remain valid. A
 * later snapshot takes the place of an earlier one. Needs the memory of all pages that can be
 * written to once more as they are; no other thread may run code that writes to them meanwhile.
 *
 * From then on a query (ldr_view_query, the guest's VirtualQuery) tells of pages that were written
 * to before as if they were not: WRITECOPY, no private bytes.
 *
 * LDR_INVALID_ARGUMENT for a host module; LDR_BUSY (see "Threads" at the top); LDR_NO_MEMORY,
 * LDR_OS_ERROR (also when its file has been cut off): the module is as usable as before, and has no
 * snapshot.
 */
LDR_API ldr_status ldr_module_snapshot(ldr_module *module);

/*
 * Has the module's pages hold what they did at ldr_module_snapshot, with the protections of then,
 * in time proportional to the pages that were written to since, and two or three nanoseconds for
 * each page that can be (Linux before 6.7, or without userfaultfd: thirty for each that was ever
 * touched). Any number of times. No thread may be inside code of the
 * module, nor keep a result that lies in its pages.
 *
 * Not reset is what is not in its pages: memory that it has allocated since (which leaks), the C
 * runtime's state, open handles, thread-local variables, other modules, among them those that it
 * needs (each is reset by its own call); and PE sections that are SHARED, which other views use.
 *
 * LDR_INVALID_ARGUMENT: no snapshot. LDR_BUSY: see "Threads" at the top. LDR_NO_MEMORY,
 * LDR_OS_ERROR: some pages may not be reset; the module stays, and may be reset again, or unloaded.
 */
LDR_API ldr_status ldr_module_reset(ldr_module *module);

/* What lies at an address. Plain data: `module` is borrowed, the name is a copy. */
typedef struct ldr_symbol_place {
    ldr_module *module;
    const void *start;   /* the export's address, or the module's base if there is no export */
    size_t displacement; /* in bytes from `start` */
    bool has_export;
    uint32_t ordinal; /* of the export; 0 for one of a host module that has none */
    char name[256];   /* of the export, cut to fit; empty when it has none */
} ldr_symbol_place;

/*
 * The module that holds `address`, and its nearest export at or below it in the same PE section:
 * the function that code belongs to, as far as exports tell. For stack traces; it runs nothing and
 * may be asked from any thread. Of host modules, data is found by any of its addresses, and so is
 * a function as far as the program's unwind tables tell where it begins; else by its first address.
 * LDR_EXPORT_NOT_FOUND for an address of no module.
 */
LDR_API ldr_status ldr_symbol_at(ldr_context *ctx, const void *address,
                                 ldr_symbol_place *ret_place);

/* "zlib1.dll!crc32+0x12", "a.dll!#7" or "a.dll+0x1234", written to `text` (always NUL-terminated,
 * cut to fit); returns `text`. */
LDR_API const char *ldr_symbol_place_text(const ldr_symbol_place *place, char *text, size_t size);

/* ---- Running ---- */

/*
 * Runs a loaded EXE's entry point as the main thread of a process with the arguments `argv` (UTF-8;
 * argv[0] is the program), on a thread of its own with the stack that the image asks for, until it
 * returns or calls ExitProcess; then its DLLs get DLL_PROCESS_DETACH. Once for a context.
 * LDR_NOT_AN_EXE for a DLL, LDR_BUSY the second time, LDR_OS_ERROR, LDR_NO_MEMORY.
 *
 * On Windows the arguments do not count: the guest's command line is that of the process. An
 * exception that neither it nor its unhandled-exception filter handles is the exit code.
 */
LDR_API ldr_status ldr_run(ldr_module *module, int argc, const char *const *argv,
                           uint32_t *ret_exit_code, ldr_diag *diag);

/* Where the exception was raised that nobody has handled and that has ended the program or another
 * call of guest code, the latest one; NULL if there was none. For ldr_symbol_at. */
LDR_API const void *ldr_exception_address(ldr_context *ctx);

/*
 * On Linux guest code finds its thread block (TEB) behind GS. A thread must have entered the
 * context before it calls guest code; the creator of a context has. Enter may be nested, also with
 * other contexts: leave restores what was there. The first enter of a thread sends
 * DLL_THREAD_ATTACH. LDR_NO_MEMORY, LDR_BUSY (see "Threads" at the top).
 *
 * A guest function that the host has called itself must return: there is nothing else to come back
 * to. If it raises an exception that the guest does not handle, this process is ended with abort(),
 * or by the signal of the processor's exception (see ldr_context_create);
 * ending its thread or process raises STATUS_DLL_INIT_FAILED there. Functions that may do so belong
 * into a program (ldr_run). (On Windows all three are what they are for any function.)
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
