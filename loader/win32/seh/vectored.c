#include "win32/seh/seh.h"

#include <stdlib.h>

/*
 * A handler stays in its list while it runs, also if it is removed meanwhile: so that the walk
 * through the list, which does not hold the lock, finds the next one.
 */
struct ldr__vectored_handler {
    ldr__vectored_handler *next;
    ldr__seh_filter function;
    uint32_t users; /* walks that are at it */
    bool removed;
};

/* Takes out what was removed and is at rest. With the lock held. */
static void sweep(ldr__vectored_handler **link)
{
    while (*link != NULL) {
        ldr__vectored_handler *handler = *link;
        if (handler->removed && handler->users == 0) {
            *link = handler->next;
            free(handler);
        } else {
            link = &handler->next;
        }
    }
}

static ldr__vectored_handler *first_live(ldr__vectored_handler *handler)
{
    while (handler != NULL && handler->removed)
        handler = handler->next;
    if (handler != NULL)
        handler->users++;
    return handler;
}

/* The next handler to call after `previous` (NULL: the first), which is let go. */
static ldr__vectored_handler *advance(ldr__seh *seh, uint32_t list, ldr__vectored_handler *previous)
{
    pthread_mutex_lock(&seh->lock);
    ldr__vectored_handler *handler =
        first_live(previous == NULL ? seh->vectored[list] : previous->next);
    if (previous != NULL)
        previous->users--;
    sweep(&seh->vectored[list]);
    pthread_mutex_unlock(&seh->lock);
    return handler;
}

static void let_go(ldr__seh *seh, ldr__vectored_handler *handler)
{
    pthread_mutex_lock(&seh->lock);
    handler->users--;
    pthread_mutex_unlock(&seh->lock);
}

bool ldr__seh_call_vectored(uint32_t list, EXCEPTION_POINTERS *pointers, const CONTEXT *origin)
{
    ldr__seh *seh = ldr__process_self()->seh;
    ldr__vectored_handler *handler = NULL;
    while ((handler = advance(seh, list, handler)) != NULL) {
        ldr__seh_frame frame = {.kind = LDR__SEH_DISPATCH, .context = origin};
        uint64_t answer =
            ldr__seh_enter(&frame, (void *)handler->function, (uintptr_t)pointers, 0, 0, 0);
        if ((int32_t)answer == EXCEPTION_CONTINUE_EXECUTION) {
            let_go(seh, handler);
            return true;
        }
    }
    return false;
}

void ldr__seh_vectored_release(ldr__seh *seh)
{
    for (uint32_t list = 0; list < LDR__VECTORED_LISTS; list++) {
        while (seh->vectored[list] != NULL) {
            ldr__vectored_handler *next = seh->vectored[list]->next;
            free(seh->vectored[list]);
            seh->vectored[list] = next;
        }
    }
}

/* ---- Exports ---- */

static void *add_handler(uint32_t list, DWORD first, ldr__seh_filter function)
{
    ldr__seh *seh = ldr__process_self()->seh;
    ldr__vectored_handler *handler = malloc(sizeof *handler);
    if (handler == NULL) {
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    *handler = (ldr__vectored_handler){.function = function};
    pthread_mutex_lock(&seh->lock);
    ldr__vectored_handler **link = &seh->vectored[list];
    while (first == 0 && *link != NULL)
        link = &(*link)->next;
    handler->next = *link;
    *link = handler;
    pthread_mutex_unlock(&seh->lock);
    return handler;
}

static DWORD remove_handler(uint32_t list, const void *handle)
{
    ldr__seh *seh = ldr__process_self()->seh;
    pthread_mutex_lock(&seh->lock);
    ldr__vectored_handler *handler = seh->vectored[list];
    while (handler != NULL && (handler != handle || handler->removed))
        handler = handler->next;
    if (handler != NULL)
        handler->removed = true;
    sweep(&seh->vectored[list]);
    pthread_mutex_unlock(&seh->lock);
    return handler != NULL;
}

void *LDR_WINAPI ldr__seh_add_exception_handler(DWORD first, ldr__seh_filter function)
{
    return add_handler(LDR__VECTORED_EXCEPTION, first, function);
}

DWORD LDR_WINAPI ldr__seh_remove_exception_handler(const void *handle)
{
    return remove_handler(LDR__VECTORED_EXCEPTION, handle);
}

void *LDR_WINAPI ldr__seh_add_continue_handler(DWORD first, ldr__seh_filter function)
{
    return add_handler(LDR__VECTORED_CONTINUE, first, function);
}

DWORD LDR_WINAPI ldr__seh_remove_continue_handler(const void *handle)
{
    return remove_handler(LDR__VECTORED_CONTINUE, handle);
}

ldr__seh_filter LDR_WINAPI ldr__seh_set_filter(ldr__seh_filter filter)
{
    return atomic_exchange(&ldr__process_self()->seh->filter, filter);
}

/* Without a filter: as where no debugger and no error reporting are installed, the program ends. */
LONG LDR_WINAPI ldr__seh_unhandled_filter(EXCEPTION_POINTERS *pointers)
{
    ldr__seh_filter filter = atomic_load(&ldr__process_self()->seh->filter);
    return filter != NULL ? filter(pointers) : EXCEPTION_EXECUTE_HANDLER;
}
