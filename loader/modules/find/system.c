/* system.c: DLLs that the system's own loader provides, as host modules. */
#include <string.h>

#include "modules/find/apiset.h"
#include "modules/module.h"

size_t ldr__path_root_length(const char *path)
{
    if (ldr__default_environment.path_root)
        return ldr__default_environment.path_root(path);
    return path[0] == '/' ? 1 : 0;
}

bool ldr__system_serves(const ldr_context *ctx)
{
    const ldr__search *known = &ctx->search;
    bool serves = false;
    for (size_t i = 0; i < known->place_count && !serves; i++)
        serves = known->places[i] == LDR_PLACE_HOST;
    return serves && ldr__default_environment.system_find;
}

/* A program's DLL that happens to be loaded is not what the guest means if the embedder has given
 * one of that name. */
static bool is_bundled(const ldr_context *ctx, const char *name)
{
    const ldr__search *known = &ctx->search;
    ldr_bundle_file file = {0};
    if (!known->bundle || !known->bundle(known->bundle_user, name, &file))
        return false;
    if (file.release)
        file.release(&file);
    return true;
}

static void release(const ldr__system_dll *dll)
{
    ldr__os_free(dll->path);
    if (dll->handle)
        ldr__default_environment.system_release(dll->handle);
}

/* Two names may lead to one DLL. */
static ldr_status take_loaded(ldr_context *ctx, ldr__system_dll *dll, ldr_module **ret_module)
{
    ldr_module *module = ldr__module_from_base(ctx, dll->handle);
    if (!module)
        return ldr__host_module_of_system(ctx, ldr__base_name(dll->path), dll, ret_module);
    release(dll);
    *ret_module = module;
    return LDR_OK;
}

ldr_status ldr__system_module(ldr_context *ctx, const char *name, ldr__system_place place,
                              bool loads, ldr_module **ret_module, char **ret_path)
{
    ldr__system_dll dll = {0};
    if (!ldr__system_serves(ctx))
        return LDR_FILE_NOT_FOUND;
    ldr_status status = ldr__default_environment.system_find(name, place, loads, &dll);
    if (status != LDR_OK)
        return status;
    if (!dll.is_own && is_bundled(ctx, name)) {
        release(&dll);
        return LDR_FILE_NOT_FOUND;
    }
    if (dll.handle)
        return take_loaded(ctx, &dll, ret_module);
    *ret_path = dll.path;
    return LDR_OK;
}

/* What cannot be loaded is as good as not there: the table is all there is. */
ldr_status ldr__system_module_for(ldr_context *ctx, const char *name, ldr_module **ret_module)
{
    static const ldr__system_place places[] = {LDR__SYSTEM_LOADED, LDR__SYSTEM_FOLDER};
    ldr__system_dll dll = {0};
    ldr_status status = LDR_FILE_NOT_FOUND;
    if (!ldr__system_serves(ctx) || ldr__apiset_is_contract(name))
        return LDR_FILE_NOT_FOUND;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && status != LDR_OK; i++)
        status = ldr__default_environment.system_find(name, places[i], true, &dll);
    if (status != LDR_OK)
        return status == LDR_NO_MEMORY ? status : LDR_FILE_NOT_FOUND;
    if (!ldr__module_from_base(ctx, dll.handle))
        return ldr__host_module_of_system(ctx, name, &dll, ret_module);
    release(&dll);
    return LDR_FILE_NOT_FOUND;
}
