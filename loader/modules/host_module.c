#include "modules/module.h"

/* It is whole when it is listed: others look for modules, and ask them, without the loader lock.
 * Takes over `host`, also on failure. */
static ldr_status list_host(ldr_context *ctx, const char *name, const char *path, ldr__host *host,
                            ldr_module **ret_module)
{
    ldr_module *module;
    ldr_status status = ldr__module_create(ctx, name, path, &module);
    if (status != LDR_OK) {
        ldr__host_destroy(host);
        return status;
    }
    module->host = host;
    module->state = LDR__INITIALISED;
    module->pinned = true;
    module->load = 0; /* it stays, whatever becomes of the load in progress */
    status = ldr__module_list(module, NULL);
    if (status != LDR_OK) {
        ldr__module_destroy(module);
        return status;
    }
    *ret_module = module;
    return LDR_OK;
}

ldr_status ldr__host_module_of_system(ldr_context *ctx, const char *name, ldr__system_dll *dll,
                                      ldr_module **ret_module)
{
    ldr__host *host = NULL;
    ldr_status status = ldr__host_create_on(dll->handle, dll->size, &host);
    if (status == LDR_OK)
        status = list_host(ctx, name, dll->path, host, ret_module);
    ldr__os_free(dll->path);
    return status;
}

/* The module that the system's loader has under this name is behind the table, if there is one. */
static ldr_status create_host(ldr_context *ctx, const char *name, const ldr_export *exports,
                              size_t count)
{
    ldr__host *host = NULL;
    ldr_module *module = NULL;
    ldr_status status = ldr__system_module_for(ctx, name, &module);
    if (status == LDR_OK)
        return ldr__host_add(module->host, exports, count);
    if (status != LDR_FILE_NOT_FOUND)
        return status;
    status = ldr__host_create(&host);
    if (status == LDR_OK)
        status = ldr__host_add(host, exports, count);
    if (status != LDR_OK) {
        ldr__host_destroy(host);
        return status;
    }
    return list_host(ctx, name, name, host, &module);
}

static ldr_status add_locked(ldr_context *ctx, const char *name, const ldr_export *exports,
                             size_t count)
{
    const ldr_module *known = ldr__module_by_name(ctx, name);
    if (!known)
        return create_host(ctx, name, exports, count);
    return known->host ? ldr__host_add(known->host, exports, count) : LDR_INVALID_ARGUMENT;
}

ldr_status ldr_host_module_add(ldr_context *ctx, const char *name, const ldr_export *exports,
                               size_t count)
{
    if (!ctx || !name || name[0] == '\0' || (!exports && count != 0))
        return LDR_INVALID_ARGUMENT;
    ldr_status status = ldr__loader_lock_host(ctx);
    if (status != LDR_OK)
        return status;
    status = add_locked(ctx, name, exports, count);
    ldr__loader_leave_outside(ctx);
    return status;
}

void *ldr__host_data(ldr_context *ctx, const char *module, const char *name)
{
    ldr__table_lock(ctx);
    ldr_module *found = ldr__module_by_name(ctx, module);
    const void *data = NULL;
    if (found && found->host)
        data = ldr__host_by_name(found->host, ldr__span_of(name));
    ldr__table_unlock(ctx);
    return (void *)(uintptr_t)data;
}
