#include "modules/module.h"

static bool attached_later(const ldr_module *one, const ldr_module *other)
{
    return one->attached_number > other->attached_number;
}

static bool listed_later(const ldr_module *one, const ldr_module *other)
{
    return one->listed_number > other->listed_number;
}

/* DLL_PROCESS_DETACH for the dying, those that were attached last first. */
static void detach_dying(ldr_context *ctx)
{
    ldr__sort_dying(ctx, attached_later);
    for (ldr_module *m = ctx->dying.first; m; m = m->set_after) {
        if (!m->attached)
            continue;
        if (!atomic_load(&ctx->process_detached)) {
            ldr__notify(m, LDR__PROCESS_DETACH, NULL);
            ldr__default_environment.module_ended(ctx->environment, m);
        }
        ldr__detached(m);
    }
}

/* A load that failed during the detach may have condemned others, whose detach is still to come. */
static void destroy_dying(ldr_context *ctx)
{
    ldr__sort_dying(ctx, listed_later);
    for (ldr_module *m = ctx->dying.first; m;) {
        ldr_module *after = m->set_after;
        if (!m->attached)
            ldr__module_destroy(m);
        m = after;
    }
}

/* A DllMain that unloads while it is being told of a detach has its wish met by the next round. */
void ldr__sweep(ldr_context *ctx)
{
    ctx->sweep_wanted = true;
    if (ctx->visits != 0)
        return;
    while (ctx->sweep_wanted) {
        ctx->sweep_wanted = false;
        if (!ldr__find_dead(ctx))
            return;
        ctx->visits++;
        detach_dying(ctx);
        ctx->visits--;
        destroy_dying(ctx);
    }
}

static void unload_now(ldr_context *ctx, bool is_guests)
{
    if (ldr__loader_lock_for(ctx, is_guests) != LDR_OK)
        return;
    if (atomic_exchange(&ctx->is_sweep_left, false))
        ldr__sweep(ctx);
    ldr__loader_leave(ctx);
}

/* Who has the lock for longer than the context allows does it when it is done, and so has to know
 * of it before this thread gives up. */
static void unload(ldr_module *module, bool is_guests)
{
    ldr_context *ctx = module->ctx;
    ldr_thread_scope scope;
    ldr__module_let_go(module);
    atomic_store(&ctx->is_sweep_left, true);
    if (ldr_thread_enter(ctx, &scope) != LDR_OK)
        return;
    unload_now(ctx, is_guests);
    ldr_thread_leave(&scope);
}

void ldr_unload(ldr_module *module)
{
    if (module)
        unload(module, false);
}

void ldr__guest_unload(ldr_module *module)
{
    ldr_context *ctx = module->ctx;
    if (module != ldr__module_main(ctx) && !atomic_load(&ctx->process_detached))
        unload(module, true);
}
