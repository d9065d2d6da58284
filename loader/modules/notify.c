#include "modules/module.h"

static void notify_program(ldr_context *ctx, uint32_t reason)
{
    if (ctx->main && atomic_load(&ctx->has_run))
        ldr__call_tls_callbacks(ctx->main, reason);
}

/* No module is released while the list is walked: what the guest unloads goes afterwards. */
static void notify_all(ldr_context *ctx, bool forward, uint32_t reason, void *reserved)
{
    ctx->visits++;
    ldr_module *module = forward ? ctx->attached_first : ctx->attached_last;
    while (module) {
        bool wanted = !atomic_load(&module->no_thread_calls) || reason == LDR__PROCESS_DETACH;
        if (module->state == LDR__INITIALISED && wanted)
            ldr__notify(module, reason, reserved);
        module = forward ? module->attached_after : module->attached_before;
    }
    notify_program(ctx, reason);
    ctx->visits--;
}

static void notify_locked(ldr_context *ctx, uint32_t reason)
{
    notify_all(ctx, reason == LDR__THREAD_ATTACH, reason, NULL);
    if (ctx->sweep_wanted)
        ldr__sweep(ctx);
}

void ldr__modules_thread_notify(ldr_context *ctx, uint32_t reason)
{
    ldr__loader_lock(ctx);
    notify_locked(ctx, reason);
    ldr__loader_leave(ctx);
}

ldr_status ldr__modules_host_attach(ldr_context *ctx)
{
    ldr_status status = ldr__loader_lock_host(ctx);
    if (status != LDR_OK)
        return status;
    notify_locked(ctx, LDR__THREAD_ATTACH);
    ldr__loader_leave(ctx);
    return LDR_OK;
}

void ldr__modules_process_detach(ldr_context *ctx)
{
    ldr__loader_lock(ctx);
    if (!atomic_exchange(&ctx->process_detached, true))
        notify_all(ctx, false, LDR__PROCESS_DETACH, ctx);
    ldr__loader_unlock(ctx);
}

void ldr__modules_abandon(ldr_context *ctx)
{
    atomic_store(&ctx->process_detached, true);
}
