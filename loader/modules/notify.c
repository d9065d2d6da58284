#include "modules/module.h"

static void notify_program(ldr_context *ctx, uint32_t reason)
{
    if (ctx->main && ctx->has_run)
        ldr__call_tls_callbacks(ctx->main, reason);
}

/* No module is released while the list is walked: what the guest unloads goes afterwards. */
static void notify_all(ldr_context *ctx, bool forward, uint32_t reason, void *reserved)
{
    ctx->visits++;
    ldr_module *module = forward ? ctx->attached_first : ctx->attached_last;
    while (module) {
        bool wanted = !module->no_thread_calls || reason == LDR__PROCESS_DETACH;
        if (module->state == LDR__INITIALISED && wanted)
            ldr__notify(module, reason, reserved);
        module = forward ? module->attached_after : module->attached_before;
    }
    notify_program(ctx, reason);
    ctx->visits--;
}

void ldr__modules_thread_notify(ldr_context *ctx, uint32_t reason)
{
    ldr__os_lock(ctx->lock);
    notify_all(ctx, reason == LDR__THREAD_ATTACH, reason, NULL);
    if (ctx->sweep_wanted)
        ldr__sweep(ctx);
    ldr__os_unlock(ctx->lock);
}

void ldr__modules_process_detach(ldr_context *ctx)
{
    ldr__os_lock(ctx->lock);
    if (!ctx->process_detached) {
        ctx->process_detached = true;
        notify_all(ctx, false, LDR__PROCESS_DETACH, ctx);
    }
    ldr__os_unlock(ctx->lock);
}
