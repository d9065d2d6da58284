#include "modules/module.h"

static void notify_program(ldr_context *ctx, uint32_t reason)
{
    if (ctx->main && atomic_load(&ctx->has_begun))
        ldr__call_tls_callbacks(ctx->main, reason);
}

void ldr__modules_program_begins(ldr_module *program)
{
    atomic_store(&program->ctx->has_begun, true);
    ldr__call_tls_callbacks(program, LDR__PROCESS_ATTACH);
}

/* A module that is visited stays, whatever it gives back meanwhile: its code runs. */
static void begin_visit(ldr_module *module)
{
    ldr__table_lock(module->ctx);
    module->visitors++;
    ldr__table_unlock(module->ctx);
}

/* True if nobody may keep it any more. */
static bool end_visit(ldr_module *module)
{
    ldr__table_lock(module->ctx);
    module->visitors--;
    bool is_suspect = module->set == &module->ctx->suspects;
    ldr__table_unlock(module->ctx);
    return is_suspect;
}

/* What the guest unloads goes at once, but for the module whose code runs and the one behind it. */
static void notify_threads(ldr_context *ctx, uint32_t reason)
{
    bool forward = reason == LDR__THREAD_ATTACH;
    ldr_module *module = forward ? ctx->attached_first : ctx->attached_last;
    if (module)
        begin_visit(module);
    while (module) {
        if (module->state == LDR__INITIALISED && !atomic_load(&module->no_thread_calls))
            ldr__notify(module, reason, NULL);
        ldr_module *next = forward ? module->attached_after : module->attached_before;
        if (next)
            begin_visit(next);
        if (end_visit(module))
            ldr__sweep(ctx);
        module = next;
    }
    notify_program(ctx, reason);
}

/* Nothing is released any more. */
static void notify_end(ldr_context *ctx)
{
    ctx->visits++;
    for (ldr_module *m = ctx->attached_last; m; m = m->attached_before) {
        if (m->state == LDR__INITIALISED)
            ldr__notify(m, LDR__PROCESS_DETACH, ctx);
    }
    notify_program(ctx, LDR__PROCESS_DETACH);
    ctx->visits--;
}

void ldr__modules_thread_notify(ldr_context *ctx, uint32_t reason)
{
    ldr__loader_lock(ctx);
    notify_threads(ctx, reason);
    ldr__loader_leave(ctx);
}

ldr_status ldr__modules_thread_notify_within(ldr_context *ctx, uint32_t reason,
                                             uint32_t milliseconds)
{
    ldr_status status = ldr__os_lock_within(ctx->lock, milliseconds);
    if (status != LDR_OK)
        return status;
    ctx->depth++;
    notify_threads(ctx, reason);
    ldr__loader_unlock(ctx);
    return LDR_OK;
}

ldr_status ldr__modules_host_attach(ldr_context *ctx)
{
    ldr_status status = ldr__loader_lock_host(ctx);
    if (status != LDR_OK)
        return status;
    notify_threads(ctx, LDR__THREAD_ATTACH);
    ldr__loader_leave(ctx);
    return LDR_OK;
}

void ldr__modules_process_detach(ldr_context *ctx)
{
    ldr__loader_lock(ctx);
    if (!atomic_exchange(&ctx->process_detached, true))
        notify_end(ctx);
    ldr__loader_unlock(ctx);
}

void ldr__modules_process_exit(ldr_context *ctx)
{
    if (ldr__os_lock_within(ctx->table, 0) != LDR_OK)
        return;
    ldr__os_unlock(ctx->table);
    if (ldr__os_lock_within(ctx->lock, 0) != LDR_OK)
        return;
    ctx->depth++;
    if (!atomic_exchange(&ctx->process_detached, true))
        notify_end(ctx);
    ldr__loader_unlock(ctx);
}

void ldr__modules_abandon(ldr_context *ctx)
{
    atomic_store(&ctx->process_detached, true);
}
