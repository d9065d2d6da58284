/*
 * state.h: the parts of an ldr__process that environment.c makes and releases, one pair of
 * functions per file. Each create sets its field of the process; each destroy takes a process whose
 * field was never set.
 */
#ifndef PELOAD_WIN32_STATE_H
#define PELOAD_WIN32_STATE_H

#include "win32/win32.h"

ldr_status ldr__handles_create(ldr__process *process);
void ldr__handles_destroy(ldr__process *process);
/* Calls `visit` for every open object, with the table locked. */
void ldr__handles_each(ldr__process *process, void (*visit)(ldr__object *object, void *user),
                       void *user);
/* The same for every handle that a new process inherits, until one says false. */
bool ldr__handles_each_inherited(ldr__process *process,
                                 bool (*visit)(HANDLE handle, ldr__object *object,
                                               const ldr__handle_facts *facts, void *user),
                                 void *user);
/* Opens the host's three standard streams as standard[], or what the process was started with. */
ldr_status ldr__standard_handles_create(ldr__process *process);

ldr_status ldr__memory_create(ldr__process *process);
void ldr__memory_destroy(ldr__process *process);

ldr_status ldr__heaps_create(ldr__process *process);
void ldr__heaps_destroy(ldr__process *process);

ldr_status ldr__strings_create(ldr__process *process);
void ldr__strings_destroy(ldr__process *process);
/* Builds the command line from process->argv. */
ldr_status ldr__strings_set_arguments(ldr__process *process);

ldr_status ldr__locale_create(ldr__process *process);
void ldr__locale_destroy(ldr__process *process);

ldr_status ldr__waits_create(ldr__process *process);
void ldr__waits_destroy(ldr__process *process);

/* stubs.c */
void *ldr__stub_create(ldr__process *process, const void *owner, const ldr_missing_import *import,
                       const ldr_load_options *options);
void ldr__stubs_release(ldr__process *process, const void *owner);
void ldr__stubs_destroy(ldr__process *process);

/* tls.c */
ldr_status ldr__tls_create(ldr__process *process);
void ldr__tls_destroy(ldr__process *process);
ldr_status ldr__tls_add(ldr__process *process, const ldr__tls_template *tls, uint32_t *ret_slot);
void ldr__tls_remove(ldr__process *process, uint32_t slot);
/* Gives a thread that is not in the list yet its static TLS; the process is locked. */
ldr_status ldr__tls_thread_attach(ldr__thread *thread);
/* Releases a thread's static TLS. */
void ldr__tls_thread_release(ldr__thread *thread);

/* kernel32/datafile.c */
void ldr__data_files_destroy(ldr__process *process);

/* kernel32/tls.c */
ldr_status ldr__dynamic_tls_create(ldr__process *process);
void ldr__dynamic_tls_destroy(ldr__process *process);
/* Calls the FLS callbacks of the calling thread's values. */
void ldr__fls_thread_detach(ldr__thread *thread);
/* Releases a thread's TlsAlloc and FlsAlloc values. */
void ldr__dynamic_tls_thread_release(ldr__thread *thread);

/* thread.c */
ldr_status ldr__thread_enter(ldr__process *process, ldr_thread_scope *ret_scope);
void ldr__thread_leave(ldr__process *process, ldr_thread_scope *scope);
/*
 * A block for the calling thread, in the process's list, without GS set. `object` is what handles
 * to it refer to (a reference is taken over), NULL for a thread of the host. NULL: out of memory.
 */
ldr__thread *ldr__thread_new(ldr__process *process, struct ldr__thread_object *object);
/*
 * live.c: the blocks in use, with the host thread of each. ldr__live_thread_here is the one that GS
 * points at if it is the calling thread's, else NULL; it may be called in a signal handler.
 */
bool ldr__live_thread_add(ldr__thread *thread);
void ldr__live_thread_remove(const ldr__thread *thread);
ldr__thread *ldr__live_thread_here(void);
/* Points the calling thread's GS at a thread block, and back. */
uint64_t ldr__gs_get(void);
void ldr__gs_set(uint64_t base);
/* Joins guest threads that have ended and forgets host threads that are gone. */
void ldr__threads_reap(ldr__process *process);
/* Releases every thread block; no guest thread runs any more. */
void ldr__threads_destroy(ldr__process *process);

/* guest_thread.c: ldr_run, once the arguments are set. */
ldr_status ldr__run_program(ldr__process *process, ldr_module *module, void *entry,
                            uint32_t *ret_exit_code);

#endif
