#include "win32/seh/seh.h"

#include <stdlib.h>

ldr_status ldr__seh_new(ldr__seh **ret_seh)
{
    ldr__seh *seh = calloc(1, sizeof *seh);
    if (seh == NULL)
        return LDR_NO_MEMORY;
    if (pthread_mutex_init(&seh->lock, NULL) != 0) {
        free(seh);
        return LDR_NO_MEMORY;
    }
    *ret_seh = seh;
    return LDR_OK;
}

void ldr__seh_free(ldr__seh *seh)
{
    if (seh == NULL)
        return;
    ldr__seh_functions_release(seh);
    ldr__seh_vectored_release(seh);
    pthread_mutex_destroy(&seh->lock);
    free(seh);
}

ldr_status ldr__seh_create(ldr__process *process)
{
    return ldr__seh_new(&process->seh);
}

void ldr__seh_destroy(ldr__process *process)
{
    ldr__seh_free(process->seh);
    process->seh = NULL;
}
