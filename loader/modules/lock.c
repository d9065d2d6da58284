#include "modules/module.h"

void ldr__loader_lock(ldr_context *ctx)
{
    ldr__os_lock(ctx->lock);
    ctx->depth++;
}

ldr_status ldr__loader_lock_for(ldr_context *ctx, bool is_guests)
{
    if (is_guests || ctx->busy_after == 0) {
        ldr__loader_lock(ctx);
        return LDR_OK;
    }
    ldr_status status = ldr__os_lock_within(ctx->lock, ctx->busy_after);
    if (status == LDR_OK)
        ctx->depth++;
    return status;
}

ldr_status ldr__loader_lock_host(ldr_context *ctx)
{
    return ldr__loader_lock_for(ctx, false);
}

void ldr__loader_unlock(ldr_context *ctx)
{
    ctx->depth--;
    ldr__os_unlock(ctx->lock);
}

/* Who leaves a sweep says so first and then finds the lock taken: who has it looks afterwards. */
static void sweep_for_others(ldr_context *ctx)
{
    while (atomic_load(&ctx->is_sweep_left)) {
        if (ldr__os_lock_within(ctx->lock, 0) != LDR_OK)
            return;
        ctx->depth++;
        if (atomic_exchange(&ctx->is_sweep_left, false))
            ldr__sweep(ctx);
        ldr__loader_unlock(ctx);
    }
}

void ldr__loader_leave(ldr_context *ctx)
{
    bool is_last = ctx->depth == 1;
    ldr__loader_unlock(ctx);
    if (is_last)
        sweep_for_others(ctx);
}

/* Who cannot enter the context leaves the sweep where it is: to the next one. */
void ldr__loader_leave_outside(ldr_context *ctx)
{
    ldr_thread_scope scope;
    bool is_last = ctx->depth == 1;
    ldr__loader_unlock(ctx);
    if (!is_last || !atomic_load(&ctx->is_sweep_left) || ldr_thread_enter(ctx, &scope) != LDR_OK)
        return;
    sweep_for_others(ctx);
    ldr_thread_leave(&scope);
}

void ldr__table_lock(ldr_context *ctx)
{
    ldr__os_lock(ctx->table);
}

void ldr__table_unlock(ldr_context *ctx)
{
    ldr__os_unlock(ctx->table);
}

bool ldr__guest_lock(ldr_context *ctx, bool waits)
{
    if (!waits && ldr__os_lock_within(ctx->lock, 0) != LDR_OK)
        return false;
    if (waits)
        ldr__os_lock(ctx->lock);
    ctx->depth++;
    return true;
}

void ldr__guest_unlock(ldr_context *ctx)
{
    ldr__loader_leave(ctx);
}
