/* roll_back.c: what goes with a load that has failed. */
#include "modules/module.h"

static void condemn(ldr_module *module)
{
    ldr__set_dying(module);
    module->references = 0;
    module->pinned = false;
}

/* ---- Those that came with the load ---- */

/*
 * Who needs a condemned module, directly or not, goes with it, and so do all of a cycle or none.
 * Cycles are found by Tarjan's algorithm, which looks at each need once: `low` is the first module
 * of the walk that is known to be in a cycle with this one.
 */
typedef struct cycles {
    uint64_t load, count;
    ldr_module *stacked; /* those whose cycle is not complete, linked by `below` */
} cycles;

static void enter(cycles *self, ldr_module *module, ldr_module *parent)
{
    module->sweep.parent = parent;
    module->sweep.next = 0;
    module->sweep.order = module->sweep.low = ++self->count;
    module->sweep.is_stacked = true;
    module->sweep.is_doomed = false;
    module->sweep.below = self->stacked;
    self->stacked = module;
}

/* The next module that `module` needs and that has not been entered. */
static ldr_module *next_needed(const cycles *self, ldr_module *module)
{
    while (module->sweep.next < module->need_count) {
        ldr_module *other = module->needs[module->sweep.next++];
        if (other->state == LDR__DYING)
            module->sweep.is_doomed = true;
        else if (other->load >= self->load && other->sweep.order == 0)
            return other;
        else if (other->sweep.is_stacked && other->sweep.order < module->sweep.low)
            module->sweep.low = other->sweep.order;
    }
    return NULL;
}

/* All of the cycle that `module` has begun have been seen: `module` is doomed if any of them is. */
static void complete(cycles *self, const ldr_module *module)
{
    bool is_last;
    do {
        ldr_module *member = self->stacked;
        self->stacked = member->sweep.below;
        member->sweep.is_stacked = false;
        if (module->sweep.is_doomed)
            condemn(member);
        is_last = member == module;
    } while (!is_last);
}

/* Returns to who needs `module`, which shares its fate. */
static ldr_module *leave(cycles *self, ldr_module *module)
{
    ldr_module *parent = module->sweep.parent;
    if (module->sweep.low == module->sweep.order)
        complete(self, module);
    if (parent && module->sweep.low < parent->sweep.low)
        parent->sweep.low = module->sweep.low;
    if (parent && module->sweep.is_doomed)
        parent->sweep.is_doomed = true;
    return parent;
}

static void condemn_dependents(ldr_context *ctx, uint64_t load)
{
    cycles self = {.load = load};
    for (ldr_module *m = ctx->first; m; m = m->next)
        m->sweep.order = 0;
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->state == LDR__DYING || m->load < load || m->sweep.order != 0)
            continue;
        enter(&self, m, NULL);
        for (ldr_module *at = m; at;) {
            ldr_module *needed = next_needed(&self, at);
            if (needed)
                enter(&self, needed, at);
            at = needed ? needed : leave(&self, at);
        }
    }
}

/* ---- Those that were there before ---- */

/* They lose all that the load has brought in, also what was initialised already: they have only
 * followed a forwarder to it, and can do without. */
static bool is_undone(const ldr_module *other, uint64_t load)
{
    return other->state == LDR__DYING || other->load == load;
}

static void forget_undone(ldr_module *module, uint64_t load)
{
    size_t kept = 0, walked = module->walk_next;
    for (size_t i = 0; i < module->need_count; i++) {
        if (!is_undone(module->needs[i], load)) {
            module->needs[kept++] = module->needs[i];
            continue;
        }
        ldr__need_no_more(module->needs[i]);
        if (i < walked)
            module->walk_next--;
    }
    if (kept == module->need_count)
        return;
    module->need_count = kept;
    ldr__needs_changed(module);
}

/* ---- All of it ---- */

static void condemn_load(ldr_context *ctx, uint64_t load)
{
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->load != load)
            continue;
        if (m->state == LDR__INITIALISED)
            ldr__suspect(m);
        else
            condemn(m);
    }
    condemn_dependents(ctx, load);
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->load < load && m->state != LDR__DYING)
            forget_undone(m, load);
    }
}

void ldr__roll_back(ldr_context *ctx, uint64_t load)
{
    ldr__table_lock(ctx);
    condemn_load(ctx, load);
    ldr__table_unlock(ctx);
    ldr__sweep(ctx);
}
