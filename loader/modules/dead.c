/*
 * dead.c: which modules nobody keeps any more.
 *
 * Only those can be dead that have lost a reference or somebody who needs them since the last look,
 * and what they need. So a look costs as much as those need, however many modules there are.
 */
#include "modules/module.h"

/* How far a module has come in the look in progress. */
enum { UNTOUCHED, DOUBTED, KEPT };

/* ---- Sets ---- */

void ldr__set_leave(ldr_module *module)
{
    ldr_module *before = module->set_before, *after = module->set_after;
    if (!module->set)
        return;
    *(before ? &before->set_after : &module->set->first) = after;
    if (after)
        after->set_before = before;
    module->set = NULL;
}

static void enter_set(ldr_module *module, ldr__module_set *set)
{
    ldr__set_leave(module);
    module->set = set;
    module->set_before = NULL;
    module->set_after = set->first;
    if (set->first)
        set->first->set_before = module;
    set->first = module;
}

/* Both lists are sorted. */
static ldr_module *merge(ldr_module *a, ldr_module *b, ldr__goes_first *goes_first)
{
    ldr_module *merged = NULL, **end = &merged;
    while (a && b) {
        ldr_module **from = goes_first(b, a) ? &b : &a;
        *end = *from;
        end = &(*from)->set_after;
        *from = *end;
    }
    *end = a ? a : b;
    return merged;
}

/* The first `count` of the list. */
static ldr_module *sort(ldr_module *list, size_t count, ldr__goes_first *goes_first)
{
    ldr_module *middle = list;
    if (count == 1)
        list->set_after = NULL;
    if (count <= 1)
        return list;
    for (size_t i = 0; i < count / 2; i++)
        middle = middle->set_after;
    middle = sort(middle, count - count / 2, goes_first);
    return merge(sort(list, count / 2, goes_first), middle, goes_first);
}

void ldr__sort_dying(ldr_context *ctx, ldr__goes_first *goes_first)
{
    size_t count = 0;
    ldr_module *before = NULL;
    ldr__table_lock(ctx);
    for (ldr_module *m = ctx->dying.first; m; m = m->set_after)
        count++;
    ctx->dying.first = sort(ctx->dying.first, count, goes_first);
    for (ldr_module *m = ctx->dying.first; m; m = m->set_after) {
        m->set_before = before;
        before = m;
    }
    ldr__table_unlock(ctx);
}

/* ---- Losing ---- */

void ldr__suspect(ldr_module *module)
{
    if (module->state != LDR__DYING)
        enter_set(module, &module->ctx->suspects);
}

void ldr__need_no_more(ldr_module *other)
{
    other->needed_by--;
    ldr__suspect(other);
    ldr__module_counted(other);
}

void ldr__set_dying(ldr_module *module)
{
    if (module->state == LDR__DYING)
        return;
    module->state = LDR__DYING;
    enter_set(module, &module->ctx->dying);
    for (size_t i = 0; i < module->need_count; i++)
        ldr__need_no_more(module->needs[i]);
}

/* ---- A look ---- */

/* Whatever its DllMain gives back, its code runs. */
static bool is_running(const ldr_module *module)
{
    return module->state == LDR__INITIALISING || module->visitors != 0;
}

/* What is dying does not come back to life by a reference that its own DllMain takes. */
static bool is_root(const ldr_module *module)
{
    if (module->state == LDR__DYING)
        return false;
    return module->references != 0 || module->pinned || is_running(module);
}

static void reach(ldr_module *module, ldr_module *parent, uint32_t mark, ldr_module **doubted)
{
    if (mark == DOUBTED) {
        module->sweep.needed_within = 0;
        module->sweep.below = *doubted;
        *doubted = module;
    }
    module->sweep.mark = mark;
    module->sweep.parent = parent;
    module->sweep.next = 0;
}

/* The next module needed by `module` that has not come as far as `mark`. */
static ldr_module *next_unreached(ldr_module *module, uint32_t mark)
{
    while (module->sweep.next < module->need_count) {
        ldr_module *other = module->needs[module->sweep.next++];
        if (other->sweep.mark < mark)
            return other;
    }
    return NULL;
}

/* Brings `module` and all that it needs as far as `mark`. */
static void mark_from(ldr_module *module, uint32_t mark, ldr_module **doubted)
{
    reach(module, NULL, mark, doubted);
    while (module) {
        ldr_module *other = next_unreached(module, mark);
        if (other)
            reach(other, module, mark, doubted);
        module = other ? other : module->sweep.parent;
    }
}

/* The suspects and all that they need, linked by `below`. */
static ldr_module *doubt(ldr_context *ctx)
{
    ldr_module *doubted = NULL;
    for (ldr_module *m = ctx->suspects.first; m; m = m->set_after) {
        if (m->sweep.mark == UNTOUCHED)
            mark_from(m, DOUBTED, &doubted);
    }
    for (ldr_module *m = doubted; m; m = m->sweep.below) {
        for (size_t i = 0; i < m->need_count; i++)
            m->needs[i]->sweep.needed_within++;
    }
    return doubted;
}

/* Whoever is not in doubt stays, and what it needs does. */
static void keep(ldr_module *doubted)
{
    for (ldr_module *m = doubted; m; m = m->sweep.below) {
        bool is_kept = is_root(m) || m->needed_by > m->sweep.needed_within;
        if (is_kept && m->sweep.mark == DOUBTED)
            mark_from(m, KEPT, NULL);
    }
}

/* What its DllMain may be all that keeps is looked at again. */
static void settle(ldr_module *doubted)
{
    for (ldr_module *m = doubted; m; m = m->sweep.below) {
        if (m->sweep.mark == DOUBTED)
            ldr__set_dying(m);
    }
    for (ldr_module *m = doubted; m; m = m->sweep.below) {
        m->sweep.mark = UNTOUCHED;
        if (is_running(m))
            ldr__suspect(m);
        else if (m->state != LDR__DYING)
            ldr__set_leave(m);
    }
}

bool ldr__find_dead(ldr_context *ctx)
{
    ldr__table_lock(ctx);
    ldr_module *doubted = doubt(ctx);
    keep(doubted);
    settle(doubted);
    bool any = ctx->dying.first != NULL;
    ldr__table_unlock(ctx);
    return any;
}
