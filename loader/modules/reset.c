/* reset.c: a module's pages as they were before. */
#include "modules/module.h"
#include "section/snapshot.h"

static ldr_status with_lock(ldr_module *module, ldr_status (*act)(ldr_view *view))
{
    if (module == NULL || module->view == NULL)
        return LDR_INVALID_ARGUMENT;
    ldr_context *ctx = module->ctx;
    ldr_status status = ldr__loader_lock_host(ctx);
    if (status != LDR_OK)
        return status;
    status = act(module->view);
    ldr__loader_leave_outside(ctx);
    return status;
}

ldr_status ldr_module_snapshot(ldr_module *module)
{
    return with_lock(module, ldr__snapshot_take);
}

ldr_status ldr_module_reset(ldr_module *module)
{
    return with_lock(module, ldr__snapshot_restore);
}
