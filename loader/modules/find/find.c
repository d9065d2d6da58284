/* find.c: a search in the name of an importer or of the embedder, and what is done with its end. */
#include <string.h>

#include "modules/find/apiset.h"
#include "modules/module.h"
#include "section/diag.h"
#include "section/options.h"

void ldr_found_release(ldr_found *found)
{
    if (!found)
        return;
    ldr__os_free(found->path);
    if (found->bundle.release)
        found->bundle.release(&found->bundle);
    *found = (ldr_found){0};
}

static ldr_status take_bundled(ldr_context *ctx, const ldr_bundle_file *file, const char *name,
                               ldr_module **ret_module, ldr_diag *diag)
{
    ldr_status status = ldr__map_memory(ctx, name, file->size != 0 ? file->bytes : "", file->size,
                                        0, ret_module, diag);
    if (status == LDR_OK)
        (*ret_module)->is_bundled = true;
    return status;
}

/* What was found as a module: it is mapped unless it is one already. */
static ldr_status take(ldr_context *ctx, const ldr_found *found, const char *name,
                       ldr_module **ret_module, ldr_diag *diag)
{
    if (found->path)
        return ldr__map_file(ctx, found->path, 0, ret_module, diag);
    if (!found->module)
        return take_bundled(ctx, &found->bundle, found->contract_host ? found->contract_host : name,
                            ret_module, diag);
    *ret_module = found->module;
    return LDR_OK;
}

static ldr_status find_and_take(ldr_context *ctx, const ldr__lookup *lookup, const char *name,
                                ldr_module **ret_module, ldr_diag *diag)
{
    ldr_found found;
    char *file_name = NULL;
    ldr_status status = ldr__search_find(ctx, lookup, name, &found, &file_name, diag);
    if (status != LDR_OK)
        return status;
    status = take(ctx, &found, file_name, ret_module, diag);
    ldr_found_release(&found);
    ldr__os_free(file_name);
    return status;
}

static const char *path_of(const ldr_module *module)
{
    return module ? module->path : NULL;
}

ldr_status ldr__find_dll(ldr_context *ctx, const ldr_module *importer, const char *name,
                         ldr_module **ret_module, ldr_diag *diag)
{
    const ldr__load_search *load = ctx->load_search;
    ldr__lookup lookup = {.importer = path_of(importer),
                          .program = path_of(ctx->main),
                          .loaded = load ? load->path : NULL,
                          .flags = load ? load->flags : 0,
                          .loads = true};
    if (!load)
        ldr__search_flags(&ctx->search, 0, name, &lookup.flags);
    if (importer && importer->dependent_flags != 0) {
        lookup.flags = importer->dependent_flags;
        lookup.loaded = importer->path;
    }
    return find_and_take(ctx, &lookup, name, ret_module, diag);
}

static ldr_status find_locked(ldr_context *ctx, const char *name, const ldr_find_options *options,
                              ldr_found *ret_found, ldr_diag *diag)
{
    char *file_name = NULL;
    const char *program = options->program, *loaded = options->loaded;
    ldr__lookup lookup = {.importer = options->importer,
                          .program = program ? program : path_of(ctx->main),
                          .loaded = loaded};
    ldr_status status = ldr__search_flags(&ctx->search, options->search_flags,
                                          loaded ? loaded : name, &lookup.flags);
    if (status != LDR_OK)
        return ldr__fail(diag, status, PE_NT_INVALID_PARAMETER, name);
    status = ldr__search_find(ctx, &lookup, name, ret_found, &file_name, diag);
    ldr__os_free(file_name);
    return status;
}

static ldr_status find(ldr_context *ctx, const char *name, const ldr_find_options *options,
                       bool is_guests, ldr_found *ret_found, ldr_diag *diag)
{
    ldr_status status = ldr__loader_lock_for(ctx, is_guests);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    status = find_locked(ctx, name, options, ret_found, diag);
    ldr__loader_leave_outside(ctx);
    return status;
}

ldr_status ldr_find(ldr_context *ctx, const char *name, const ldr_find_options *options,
                    ldr_found *ret_found, ldr_diag *diag)
{
    ldr_find_options all;
    ldr__options_read(options, &all, sizeof(all));
    if (!ctx || !name || !ret_found)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    return find(ctx, name, &all, false, ret_found, diag);
}

ldr_status ldr__guest_find(ldr_context *ctx, const char *name, ldr_found *ret_found, ldr_diag *diag)
{
    const ldr_find_options none = {.size = sizeof(none)};
    return find(ctx, name, &none, true, ret_found, diag);
}

/* ---- Modules that are loaded ---- */

/* Whether `path` is absolute and ends with all the parts of `end`. */
static bool ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), end_length = strlen(end);
    if (ldr__path_root_length(end) != 0)
        return ldr__same_name(path, end);
    return length > end_length && path[length - end_length - 1] == '/' &&
           ldr__same_name(path + length - end_length, end);
}

static ldr_module *with_path(ldr_context *ctx, const char *path)
{
    const char *name = ldr__base_name(path);
    ldr_module *module = ldr__index_named(&ctx->index, name, NULL);
    while (module && !ends_with(module->path, path))
        module = ldr__index_named(&ctx->index, name, module);
    return module;
}

/* The contract's host if it is loaded, or what stands for it; a contract may also be a file. */
static ldr_module *with_name(ldr_context *ctx, const char *name)
{
    const char *host = ldr__apiset_host(name);
    const char *stand_in = ldr__apiset_stand_in(name, host ? host : name);
    ldr_module *module = host ? ldr__module_by_name(ctx, host) : NULL;
    if (!module)
        module = ldr__module_by_name(ctx, name);
    if (!module && stand_in)
        module = ldr__module_by_name(ctx, stand_in);
    return module;
}

/* One that is being unloaded is still there for its own DllMain: the first in load order. */
static ldr_module *find_dying(const ldr_context *ctx, const char *name)
{
    ldr_module *found = NULL;
    for (ldr_module *m = ctx->dying.first; m; m = m->set_after) {
        if (ldr__same_name(m->name, name) && (!found || m->listed_number < found->listed_number))
            found = m;
    }
    return found;
}

ldr_status ldr__guest_module(ldr_context *ctx, const char *name, ldr__keep how,
                             ldr_module **ret_module)
{
    char *file = NULL;
    ldr_status status = ldr__search_file_name(ctx, name, &file);
    if (status != LDR_OK)
        return status == LDR_FILE_NOT_FOUND ? LDR_DLL_NOT_FOUND : status;
    ldr__table_lock(ctx);
    ldr_module *module = strchr(file, '/') ? with_path(ctx, file) : with_name(ctx, file);
    if (!module)
        module = find_dying(ctx, file);
    if (module)
        ldr__module_keep_as(module, how);
    ldr__table_unlock(ctx);
    ldr__os_free(file);
    if (!module)
        return LDR_DLL_NOT_FOUND;
    *ret_module = module;
    return LDR_OK;
}

/* The host's path of a file: among modules of its name, whatever links lead there. */
static ldr_module *with_host_path(ldr_context *ctx, const char *path)
{
    char *absolute = NULL;
    if (ldr__os_path_absolute(path, &absolute) != LDR_OK)
        return NULL;
    ldr__table_lock(ctx);
    ldr_module *module = with_path(ctx, absolute);
    ldr__table_unlock(ctx);
    ldr__os_free(absolute);
    return module;
}

ldr_module *ldr_module_find(ldr_context *ctx, const char *name)
{
    if (strchr(name, '/') || ldr__path_root_length(name) != 0)
        return with_host_path(ctx, name);
    ldr__table_lock(ctx);
    ldr_module *module = ldr__module_by_name(ctx, name);
    ldr__table_unlock(ctx);
    return module;
}
