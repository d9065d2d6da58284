#include "modules/module.h"

/* It is whole when it is listed: others look for modules, and ask them, without the loader lock. */
static ldr_status create_host(ldr_context *ctx, const char *name, const ldr_export *exports,
                              size_t count)
{
    ldr_module *module;
    ldr_status status = ldr__module_create(ctx, name, name, &module);
    if (status != LDR_OK)
        return status;
    module->state = LDR__INITIALISED;
    module->pinned = true;
    status = ldr__host_create(&module->host);
    if (status == LDR_OK)
        status = ldr__host_add(module->host, exports, count);
    if (status == LDR_OK)
        status = ldr__module_list(module, NULL);
    if (status != LDR_OK)
        ldr__module_destroy(module);
    return status;
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
