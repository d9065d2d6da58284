#include "modules/module.h"
#include "section/diag.h"

ldr_status ldr_run(ldr_module *module, int argc, const char *const *argv, uint32_t *ret_exit_code,
                   ldr_diag *diag)
{
    if (!module || !ret_exit_code || argc < 1 || !argv)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, "ldr_run");
    ldr_context *ctx = module->ctx;
    if (module != ctx->main || module->state != LDR__INITIALISED)
        return ldr__fail(diag, LDR_NOT_AN_EXE, PE_NT_INVALID_IMAGE_FORMAT, module->path);
    ldr__os_lock(ctx->lock);
    bool again = ctx->has_run;
    ctx->has_run = true;
    ldr__os_unlock(ctx->lock);
    if (again)
        return ldr__fail(diag, LDR_BUSY, PE_NT_INVALID_PARAMETER, module->path);
    uint32_t entry = ldr_view_image(module->view)->optional.entry_point.value;
    return ldr__default_environment.run(ctx->environment, module,
                                        (uint8_t *)ldr_module_base(module) + entry, argc, argv,
                                        ret_exit_code, diag);
}
