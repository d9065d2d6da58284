/*
 * The order of the stages, from a file to initialised code:
 *
 *   map and relocate (map.c) -> find needed DLLs and bind (bind.c) -> announce to the environment
 *   and initialise, dependencies first (init.c); or undo all of it (unload.c).
 */
#include <string.h>

#include "modules/module.h"
#include "section/diag.h"
#include "section/options.h"

ldr__load ldr__load_begin(ldr_context *ctx)
{
    ldr__load load = {.number = ++ctx->loads,
                      .outer = ctx->current_load,
                      .before = ctx->last,
                      .outer_search = ctx->load_search};
    ctx->current_load = load.number;
    ctx->forwarders = 0;
    ctx->load_search = NULL;
    ldr__table_lock(ctx);
    load.is_outermost = ctx->open_load == 0;
    if (load.is_outermost)
        ctx->open_load = load.number;
    ldr__table_unlock(ctx);
    return load;
}

/* What comes in from now on does not belong to the load. */
static void end_finding(ldr_context *ctx, ldr__load load)
{
    ctx->current_load = load.outer;
    ctx->load_search = load.outer_search;
}

/* It cannot be undone any more. */
static void end_load(ldr_context *ctx, ldr__load load)
{
    if (!load.is_outermost)
        return;
    ldr__table_lock(ctx);
    ctx->open_load = 0;
    ldr__table_unlock(ctx);
}

void ldr__load_drop(ldr_context *ctx, ldr__load load)
{
    end_finding(ctx, load);
    end_load(ctx, load);
}

/* The first module that the load has brought in, if any. No guest code has run since it began. */
static ldr_module *first_of(const ldr_context *ctx, const ldr__load *load)
{
    return load->before ? load->before->next : ctx->first;
}

/* Modules that binding maps join the list behind those being walked, and have their turn. */
static ldr_status bind_all(ldr_context *ctx, const ldr__load *load, const ldr_load_options *options,
                           ldr_diag *diag)
{
    ldr__missing_list missing = {0};
    ldr_status status = LDR_OK;
    for (ldr_module *m = first_of(ctx, load); m && status == LDR_OK; m = m->next) {
        if (m->state == LDR__MAPPED && m->is_bare)
            ldr__module_set_state(m, LDR__BOUND);
        else if (m->state == LDR__MAPPED)
            status = ldr__bind_module(m, options, &missing, diag);
    }
    if (status != LDR_OK || missing.count == 0)
        return status;
    if (diag)
        *diag = missing.first;
    return missing.first.status;
}

static ldr_status announce_all(ldr_context *ctx, const ldr__load *load, ldr_diag *diag)
{
    ldr_status status = LDR_OK;
    for (ldr_module *m = first_of(ctx, load); m && status == LDR_OK; m = m->next) {
        if (m->state == LDR__BOUND)
            status = ldr__announce(m, diag);
        if (status == LDR_OK)
            status = ldr__announce_hosts(m, diag);
    }
    return status;
}

/* Without a root (a forwarder's load) every module that came in is initialised in load order. */
static ldr_status initialise_all(ldr_context *ctx, uint64_t load, ldr_module *root,
                                 const ldr_load_options *options, ldr_diag *diag)
{
    /* DllMain learns whether it is part of the program or loaded later (rule F.4). */
    void *reserved = root && root == ctx->main ? root : NULL;
    ldr_status status = LDR_OK;
    if (options->no_initialise)
        return LDR_OK;
    if (root)
        return ldr__initialise(root, reserved, diag);
    for (ldr_module *m = ctx->first; m && status == LDR_OK; m = m->next) {
        if (m->load == load)
            status = ldr__initialise(m, NULL, diag);
    }
    return status;
}

/* Binding reads and writes the pages of views, which a file may lose meanwhile. */
static ldr_status bind_and_announce(ldr_context *ctx, const ldr__load *load,
                                    const ldr_load_options *options, ldr_diag *diag)
{
    ldr__os_guard_begin();
    ldr_status status = bind_all(ctx, load, options, diag);
    if (status == LDR_OK)
        status = announce_all(ctx, load, diag);
    bool is_cut = ldr__os_guard_end();
    return is_cut ? ldr__fail(diag, LDR_IO_ERROR, ldr__nt_status_of(LDR_IO_ERROR), NULL) : status;
}

ldr_status ldr__load_finish(ldr_context *ctx, ldr__load load, ldr_module *root,
                            const ldr_load_options *options, ldr_status status, ldr_diag *diag)
{
    if (status == LDR_OK)
        status = bind_and_announce(ctx, &load, options, diag);
    end_finding(ctx, load);
    if (status == LDR_OK && root && root == ctx->main)
        ldr__modules_stay(ctx, load.number);
    if (status == LDR_OK)
        status = initialise_all(ctx, load.number, root, options, diag);
    if (status != LDR_OK) {
        if (root)
            ldr__module_let_go(root);
        ldr__roll_back(ctx, load.number);
    }
    end_load(ctx, load);
    return status;
}

/* What is to be loaded: a file, a DLL that the guest names, or a buffer. */
typedef struct source {
    const char *name;
    bool search; /* by name, as the program's imports are */
    bool is_guests;
    bool is_bare; /* DONT_RESOLVE_DLL_REFERENCES */
    const void *bytes;
    size_t size;
} source;

static ldr_status map_source(ldr_context *ctx, const source *from, uint64_t base,
                             ldr_module **ret_module, ldr_diag *diag)
{
    if (from->bytes)
        return ldr__map_memory(ctx, from->name, from->bytes, from->size, base, ret_module, diag);
    if (from->search)
        return ldr__find_dll(ctx, ctx->main, from->name, ret_module, diag);
    /* There is one kernel32.dll in a process, and so on. */
    ldr_status status =
        ldr__system_module(ctx, from->name, LDR__SYSTEM_PATH, true, ret_module, NULL);
    if (status == LDR_FILE_NOT_FOUND)
        return ldr__map_file(ctx, from->name, base, ret_module, diag);
    return status == LDR_OK ? LDR_OK
                            : ldr__fail(diag, status, ldr__nt_status_of(status), from->name);
}

/* How the load finds `from` and what it needs. */
static ldr_status plan_search(ldr_context *ctx, const source *from, const ldr_load_options *options,
                              ldr__load_search *ret_search, ldr_diag *diag)
{
    const char *name = from->search ? from->name : "/";
    ldr_status status =
        ldr__search_flags(&ctx->search, options->search_flags, name, &ret_search->flags);
    if (status != LDR_OK)
        return ldr__fail(diag, status, PE_NT_INVALID_PARAMETER, from->name);
    return LDR_OK;
}

/* A program that the guest loads as a library is mapped and no more (rule E67). */
static bool is_bare(const ldr_context *ctx, const source *from, const ldr_module *root)
{
    bool is_dll = ldr_view_image(root->view)->file.characteristics & PE_FILE_DLL;
    return from->is_guests && root != ctx->main && (from->is_bare || !is_dll);
}

static ldr_status load_locked(ldr_context *ctx, const source *from, const ldr_load_options *options,
                              ldr_module **ret_module, ldr_diag *diag)
{
    ldr_module *root = NULL;
    ldr__load_search search = {0};
    ldr__load load = ldr__load_begin(ctx);
    ctx->load_search = &search;
    ldr_status status = plan_search(ctx, from, options, &search, diag);
    if (status == LDR_OK)
        status = map_source(ctx, from, options->base, &root, diag);
    if (status == LDR_OK) {
        ldr__module_keep(root);
        if (root->state == LDR__MAPPED && is_bare(ctx, from, root))
            ldr__module_set_bare(root);
        if (!from->search || strchr(from->name, '/') || ldr__path_root_length(from->name) != 0)
            search.path = root->path;
        if (root->host)
            status = ldr__announce_hosts(root, diag);
    }
    status = ldr__load_finish(ctx, load, root, options, status, diag);
    if (status == LDR_OK)
        *ret_module = root;
    return status;
}

static ldr_status load_entered(ldr_context *ctx, const source *from,
                               const ldr_load_options *options, ldr_module **ret_module,
                               ldr_diag *diag)
{
    ldr_status status = ldr__loader_lock_for(ctx, from->is_guests);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), from->name);
    status = load_locked(ctx, from, options, ret_module, diag);
    if (status != LDR_OK && ctx->main == NULL)
        ldr__default_environment.load_failed(ctx->environment, diag->why.nt_status);
    ldr__loader_leave(ctx);
    return status;
}

static ldr_status load(ldr_context *ctx, const source *from, const ldr_load_options *options,
                       ldr_module **ret_module, ldr_diag *diag)
{
    ldr_diag unused;
    ldr_load_options all;
    ldr_thread_scope scope;
    diag = diag != NULL ? diag : &unused;
    ldr__options_read(options, &all, sizeof(all));
    if (!ctx || !from->name || !ret_module)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, from->name);
    ldr_status status = ldr_thread_enter(ctx, &scope);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), from->name);
    status = load_entered(ctx, from, &all, ret_module, diag);
    ldr_thread_leave(&scope);
    return status;
}

ldr_status ldr_load(ldr_context *ctx, const char *path, const ldr_load_options *options,
                    ldr_module **ret_module, ldr_diag *diag)
{
    return load(ctx, &(source){.name = path}, options, ret_module, diag);
}

ldr_status ldr_load_name(ldr_context *ctx, const char *name, const ldr_load_options *options,
                         ldr_module **ret_module, ldr_diag *diag)
{
    return load(ctx, &(source){.name = name, .search = true}, options, ret_module, diag);
}

ldr_status ldr_load_memory(ldr_context *ctx, const char *name, const void *bytes, size_t size,
                           const ldr_load_options *options, ldr_module **ret_module, ldr_diag *diag)
{
    if (!bytes && size != 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    /* An empty buffer is an empty image, not the absence of one. */
    source from = {.name = name, .bytes = size != 0 ? bytes : "", .size = size};
    return load(ctx, &from, options, ret_module, diag);
}

ldr_status ldr__guest_load(ldr_context *ctx, const char *name, uint32_t flags,
                           ldr_module **ret_module, ldr_diag *diag)
{
    const ldr_load_options options = {.size = sizeof(options),
                                      .search_flags = flags & ~(uint32_t)LDR__GUEST_LOAD_BARE};
    source from = {
        .name = name, .search = true, .is_guests = true, .is_bare = flags & LDR__GUEST_LOAD_BARE};
    return load(ctx, &from, &options, ret_module, diag);
}
