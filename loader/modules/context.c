#include "modules/module.h"
#include "modules/trace.h"
#include "section/options.h"

static ldr_status start(ldr_context *ctx, const ldr_context_options *options)
{
    ctx->section = options->section;
    ctx->section.size = sizeof(ctx->section);
    ldr__index_create(&ctx->index);
    ldr__trace_start(ctx, options);
    ctx->debug = options->debug;
    ctx->busy_after = options->busy_after;
    ldr_status status = ldr__os_lock_create(&ctx->lock);
    if (status == LDR_OK)
        status = ldr__os_lock_create(&ctx->table);
    if (status == LDR_OK)
        status = ldr__search_create(&ctx->search, options);
    if (status == LDR_OK)
        status = ldr__default_environment.create(ctx, options, &ctx->environment);
    if (status == LDR_OK)
        status = ldr_thread_enter(ctx, &ctx->creator);
    ctx->entered = status == LDR_OK;
    return status;
}

ldr_status ldr_context_create(const ldr_context_options *options, ldr_context **ret_ctx)
{
    ldr_context_options all;
    if (!ret_ctx)
        return LDR_INVALID_ARGUMENT;
    ldr__options_read(options, &all, sizeof(all));
    ldr_context *ctx = ldr__os_alloc(sizeof(*ctx));
    if (!ctx)
        return LDR_NO_MEMORY;
    ldr_status status = start(ctx, &all);
    if (status != LDR_OK) {
        ldr_context_destroy(ctx);
        return status;
    }
    *ret_ctx = ctx;
    return LDR_OK;
}

static void sweep_all(ldr_context *ctx)
{
    ldr__loader_lock(ctx);
    ldr__table_lock(ctx);
    for (ldr_module *m = ctx->first; m; m = m->next) {
        m->references = 0;
        m->pinned = m->host != NULL;
        ldr__suspect(m);
    }
    ldr__table_unlock(ctx);
    ldr__sweep(ctx);
    ldr__loader_unlock(ctx);
}

/*
 * Entered anew: the creator may be inside another context by now. What a DllMain loads while it is
 * detached goes in a second round, which runs no guest code and so cannot bring in more.
 */
static void unload_all(ldr_context *ctx)
{
    ldr_thread_scope scope;
    if (ldr_thread_enter(ctx, &scope) == LDR_OK) {
        sweep_all(ctx);
        ldr_thread_leave(&scope);
    }
    atomic_store(&ctx->process_detached, true);
    sweep_all(ctx);
}

void ldr_context_destroy(ldr_context *ctx)
{
    if (!ctx)
        return;
    bool busy = ctx->environment && ldr__default_environment.busy(ctx->environment);
    if (ctx->entered && !busy)
        unload_all(ctx);
    if (ctx->entered)
        ldr_thread_leave(&ctx->creator);
    if (busy)
        return;
    ldr__default_environment.destroy(ctx->environment);
    while (ctx->last)
        ldr__module_destroy(ctx->last);
    ldr__search_destroy(&ctx->search);
    ldr__index_destroy(&ctx->index);
    ldr__os_lock_destroy(ctx->table);
    ldr__os_lock_destroy(ctx->lock);
    ldr__os_free(ctx);
}

void *ldr__context_environment(const ldr_context *ctx)
{
    return ctx->environment;
}
