#include "modules/module.h"

/*
 * What is being initialised stays, whatever its DllMain gives back: its code runs. What is dying
 * does not come back to life by a reference that its own DllMain takes.
 */
static bool is_root(const ldr_module *module)
{
    if (module->state == LDR__DYING)
        return false;
    return module->references != 0 || module->pinned || module->state == LDR__INITIALISING;
}

/* The next module needed by `module` that has not been reached yet. */
static ldr_module *next_unreached(ldr_module *module)
{
    while (module->sweep_next < module->need_count) {
        ldr_module *other = module->needs[module->sweep_next++];
        if (!other->reachable)
            return other;
    }
    return NULL;
}

static void reach(ldr_module *module, ldr_module *parent)
{
    module->reachable = true;
    module->sweep_parent = parent;
    module->sweep_next = 0;
}

static void mark_from(ldr_module *module)
{
    reach(module, NULL);
    while (module) {
        ldr_module *other = next_unreached(module);
        if (other)
            reach(other, module);
        module = other ? other : module->sweep_parent;
    }
}

static void need_no_more(ldr_module *other)
{
    other->needed_by--;
    ldr__module_counted(other);
}

/* The table is locked. Nobody is needed by the dying. */
static void set_dying(ldr_module *module)
{
    if (module->state == LDR__DYING)
        return;
    module->state = LDR__DYING;
    for (size_t i = 0; i < module->need_count; i++)
        need_no_more(module->needs[i]);
}

/* Marks all that nothing keeps as dying; true if there is any. */
static bool find_dead_locked(ldr_context *ctx)
{
    bool any = false;
    for (ldr_module *m = ctx->first; m; m = m->next)
        m->reachable = false;
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (is_root(m) && !m->reachable)
            mark_from(m);
    }
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (!m->reachable) {
            set_dying(m);
            any = true;
        }
    }
    return any;
}

/* In one step for those who look for modules, or keep some meanwhile. */
static bool find_dead(ldr_context *ctx)
{
    ldr__table_lock(ctx);
    bool any = find_dead_locked(ctx);
    ldr__table_unlock(ctx);
    return any;
}

/* DLL_PROCESS_DETACH for the dying, those that were attached last first. */
static void detach_dying(ldr_context *ctx)
{
    for (ldr_module *m = ctx->attached_last; m;) {
        ldr_module *before = m->attached_before;
        if (m->state == LDR__DYING) {
            if (!atomic_load(&ctx->process_detached)) {
                ldr__notify(m, LDR__PROCESS_DETACH, NULL);
                ldr__default_environment.module_ended(ctx->environment, m);
            }
            ldr__detached(m);
        }
        m = before;
    }
}

/* A load that failed during the detach may have condemned others, whose detach is still to come. */
static void destroy_dying(ldr_context *ctx)
{
    for (ldr_module *m = ctx->last; m;) {
        ldr_module *previous = m->previous;
        if (m->state == LDR__DYING && !m->attached)
            ldr__module_destroy(m);
        m = previous;
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
        if (!find_dead(ctx))
            return;
        ctx->visits++;
        detach_dying(ctx);
        ctx->visits--;
        destroy_dying(ctx);
    }
}

static void condemn(ldr_module *module)
{
    set_dying(module);
    module->references = 0;
    module->pinned = false;
}

/* Whether `module` must do without `other` when the load is undone: what was there before it loses
 * all that it brought in, also what was initialised already. */
static bool is_undone(const ldr_module *module, const ldr_module *other, uint64_t load)
{
    return other->state == LDR__DYING || (module->load < load && other->load == load);
}

static void forget_undone(ldr_module *module, uint64_t load)
{
    size_t kept = 0, walked = module->walk_next;
    for (size_t i = 0; i < module->need_count; i++) {
        if (!is_undone(module, module->needs[i], load)) {
            module->needs[kept++] = module->needs[i];
            continue;
        }
        need_no_more(module->needs[i]);
        if (i < walked)
            module->walk_next--;
    }
    module->need_count = kept;
    ldr__needs_changed(module);
}

static bool needs_undone(const ldr_module *module, uint64_t load)
{
    for (size_t i = 0; i < module->need_count; i++) {
        if (is_undone(module, module->needs[i], load))
            return true;
    }
    return false;
}

/*
 * What was loaded within the load, and needs a condemned module, goes with it; true if there was
 * any. What was there before has only followed a forwarder to it, and can do without.
 */
static bool condemn_dependents(ldr_context *ctx, uint64_t load)
{
    bool any = false;
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->state == LDR__DYING || !needs_undone(m, load))
            continue;
        if (m->load < load) {
            forget_undone(m, load);
        } else {
            condemn(m);
            any = true;
        }
    }
    return any;
}

static void condemn_load(ldr_context *ctx, uint64_t load)
{
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->load == load && m->state != LDR__INITIALISED)
            condemn(m);
    }
    while (condemn_dependents(ctx, load))
        continue;
}

void ldr__roll_back(ldr_context *ctx, uint64_t load)
{
    ldr__table_lock(ctx);
    condemn_load(ctx, load);
    ldr__table_unlock(ctx);
    ldr__sweep(ctx);
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
