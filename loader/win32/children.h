/*
 * children.h: the processes that a guest process has started, and the objects that stand for
 * processes.
 */
#ifndef PELOAD_WIN32_CHILDREN_H
#define PELOAD_WIN32_CHILDREN_H

#include "win32/start.h"
#include "win32/wait.h"

/* LDR__OBJECT_PROCESS: a process that this one has started, or this one itself. */
typedef struct ldr__child {
    ldr__waitable waitable;
    DWORD id;
    int pidfd; /* -1 for the process itself */
    ldr__start_block *block;
    size_t block_size;
    ldr__thread_object *main_thread; /* until it ends */
    bool ended;
    DWORD exit_code;
    struct ldr__child *next; /* of those that run */
} ldr__child;

/* What a new process gets. Strings are UTF-8 and borrowed. */
typedef struct ldr__child_request {
    const char *image;        /* absolute host path */
    const char *command_line; /* as the guest sees it */
    char *const *environment; /* "NAME=value", NULL at the end */
    const char *folder;       /* host path, NULL for that of this process */
    HANDLE standard[3];
    bool standard_given; /* else they are those of this process, whether it inherits or not */
    bool inherits;
    bool suspended;
} ldr__child_request;

/*
 * Starts a process. The caller owns a reference to each of the two objects. A Win32 error:
 * ERROR_NOT_SUPPORTED when the embedder has given no command for it.
 */
DWORD ldr__child_start(ldr__process *process, const ldr__child_request *request,
                       ldr__child **ret_child, ldr__thread_object **ret_thread);
/* TerminateProcess. ERROR_ACCESS_DENIED when it has ended. */
DWORD ldr__child_terminate(ldr__child *child, DWORD exit_code);
/* False while it runs. */
bool ldr__child_exit_code(ldr__child *child, DWORD *ret_exit_code);
/* One suspension less for the main thread, which begins with the last; how many there were. */
DWORD ldr__child_resume(ldr__child *child);
/* A process of that id that this one has started and that runs, or this one itself, with one
 * reference more; NULL with a Win32 error. */
ldr__child *ldr__child_find(ldr__process *process, DWORD id, DWORD *ret_error);
/* Stops watching; children go on. */
void ldr__children_destroy(ldr__process *process);

#endif
