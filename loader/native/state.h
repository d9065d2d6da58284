/*
 * state.h: what native/ keeps for a context, and what its files do for each other.
 *
 * On Windows the guest runs in the process as it is: its threads, its kernel32.dll, its thread
 * blocks are the system's own. What is added here is what the system's loader does for the modules
 * that it has loaded itself, by documented means only:
 *
 *   system.c       its DLLs, found and loaded, and their exports
 *   overrides.c    functions of them that the guest gets another one of: those that ask for a
 *   guest_*.c      module, which can be one of a context (loader, handles), or for the image that
 *   throw.c        an exception is thrown from
 *   unwind.c       function tables, and the security cookie
 *   entry.c        calls of DllMain that an exception may end (guard.S)
 *   tls.c          static TLS, through the system's loader (carrier.c, tls_threads.c)
 *   contexts.c     the contexts of the process, and who tells them of threads
 *   run.c          programs
 *   stubs.c        functions in place of missing imports
 *   paths.c        paths and PATH
 *
 * Control Flow Guard takes nothing: pages that become executable by VirtualProtect are valid
 * targets, all of them, and those of an image section are what its own table says.
 */
#ifndef PELOAD_NATIVE_STATE_H
#define PELOAD_NATIVE_STATE_H

#include <windows.h>

#include <stdatomic.h>

#include "modules/environment.h"

typedef struct ldr__stub ldr__stub;
typedef struct ldr__stub_block ldr__stub_block;
typedef struct ldr__carrier ldr__carrier;

typedef struct ldr__native {
    ldr_context *ctx;
    struct ldr__native *next; /* contexts.c: of the process's contexts */
    unsigned users;           /* threads that are telling its modules of themselves */
    atomic_uint attached;     /* DLLs, and a program, that want to be told */
    SRWLOCK lock;             /* of the following */
    uint32_t *owed;           /* threads whose attach is still to be told; `owed_count` */
    size_t owed_room;
    atomic_size_t owed_count;
    ldr__carrier *carriers, *idle;
    size_t idle_count;
    ldr__stub *stubs;
    ldr__stub_block *stub_blocks;
    _Atomic(const void *) exception_address;
} ldr__native;

/* ---- text.c: all allocated (ldr__os_free), NULL when out of memory ---- */

/* UTF-16 of UTF-8, and that of a path with its '\'. */
wchar_t *ldr__wide_of(const char *text);
wchar_t *ldr__wide_path_of(const char *path);
/* The path behind the prefix of long ones, "\\?\", if it has a drive; inside `path`. */
const wchar_t *ldr__path_without_prefix(const wchar_t *path);
/* UTF-8, and that of a path with '/', without the prefix where there is another form. */
char *ldr__text_of(const wchar_t *wide);
char *ldr__path_of(const wchar_t *wide);
/* UTF-8 of what the A functions take. */
char *ldr__text_of_ansi(const char *ansi);

/* ---- system.c ---- */

ldr_status ldr__system_find(const char *name, ldr__system_place place, bool loads,
                            ldr__system_dll *ret_dll);
void ldr__system_release(void *handle);
const void *ldr__system_symbol(void *handle, pe_span name, uint32_t ordinal);
/* Between the two a thread may wait for the system's loader lock. */
void ldr__system_enter(void);
void ldr__system_leave(void);
/* Whether any thread is between the two. */
bool ldr__system_is_entered(void);
/* The path of a module that the system's loader has; allocated. NULL when out of memory. */
wchar_t *ldr__system_path(HMODULE module);

/* ---- overrides.c ---- */

/* What the guest gets for `found`, an export of a DLL of the system: itself, or another one. */
const void *ldr__override(HMODULE module, const char *name, const void *found);

/* ---- contexts.c ---- */

void ldr__contexts_add(ldr__native *native);
/* Waits for threads that are telling its modules of themselves. */
void ldr__contexts_remove(ldr__native *native);
/* The context that has an image at `address`, or NULL. It stays while code of that image runs. */
ldr_context *ldr__context_at(const void *address);
/* The calling thread is inside the context from now on: it is attached if that is still to be
 * done. LDR_BUSY. */
ldr_status ldr__thread_settle(ldr__native *native);

/* ---- unwind.c ---- */

ldr_status ldr__unwind_added(ldr_module *module);
void ldr__unwind_removed(ldr_module *module);

/* ---- entry.c ---- */

/* One call of guest code; the order of the first members is guard.S's. */
typedef struct ldr__guarded {
    void *function;
    void *arguments[3];
    uint32_t result;
    uint32_t exception;
    const void *address; /* where it was raised */
    bool asks_filter;    /* the process's unhandled-exception filter first */
} ldr__guarded;

/* False when an exception has ended the call. */
bool ldr__call_guarded(ldr__guarded *call);

/* ---- tls.c ---- */

ldr_status ldr__tls_add(ldr__native *native, const ldr__tls_template *tls, uint32_t *ret_slot);
void ldr__tls_remove(ldr__native *native, uint32_t slot);
/* A thread that comes may have got its copies while a template was changed: it gets them again. */
void ldr__tls_thread_begins(ldr__native *native);
/* Releases what is kept; nothing has a slot any more. */
void ldr__tls_destroy(ldr__native *native);

/* ---- tls_threads.c ---- */

/* Before any of the others; where the system has no room for it no copy is filled anew. What it
 * takes is the process's, and given back with the library. */
void ldr__tls_threads_open(void);
void ldr__tls_threads_close(void);
/* The calling thread is told that it comes, or goes. */
void ldr__tls_threads_say(bool ends);
/* Every thread's copy of the template at `slot` becomes these bytes. False: maybe not all. */
bool ldr__tls_threads_refill(uint32_t slot, const void *bytes, size_t size);
/* The same of the calling thread. */
void ldr__tls_threads_refill_own(uint32_t slot, const void *bytes, size_t size);

/* ---- carrier.c ---- */

/* The bytes of a DLL that has nothing but a TLS directory with that template; allocated. NULL when
 * out of memory, or too large. */
void *ldr__carrier_build(const ldr__tls_template *tls, size_t *ret_size);
/* Where the index variable of such a DLL is, and its template; both can be written to. */
enum { LDR__CARRIER_INDEX = 0x1040, LDR__CARRIER_TEMPLATE = 0x2000 };

/* ---- run.c ---- */

ldr_status ldr__run_program(ldr__native *native, ldr_module *module, void *entry,
                            uint32_t *ret_exit_code);

/* ---- stubs.c ---- */

void *ldr__stub_create(ldr__native *native, const ldr_module *importer,
                       const ldr_missing_import *import, const ldr_load_options *options);
void ldr__stubs_release(ldr__native *native, const ldr_module *importer);
void ldr__stubs_destroy(ldr__native *native);

/* ---- paths.c ---- */

ldr_status ldr__paths_each_folder(bool (*visit)(void *user, const char *folder), void *user);
ldr_status ldr__paths_to_host(const char *guest_path, char **ret_path);
size_t ldr__paths_root(const char *path);

#endif
