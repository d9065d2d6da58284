#include "modules/module.h"
#include "section/diag.h"

static bool is_ready(ldr_module *module)
{
    ldr__table_lock(module->ctx);
    bool is_ready = module == module->ctx->main && module->state == LDR__INITIALISED;
    ldr__table_unlock(module->ctx);
    return is_ready;
}

ldr_status ldr_run(ldr_module *module, int argc, const char *const *argv, uint32_t *ret_exit_code,
                   ldr_diag *diag)
{
    if (!module || !ret_exit_code || argc < 1 || !argv)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, "ldr_run");
    ldr_context *ctx = module->ctx;
    if (!is_ready(module))
        return ldr__fail(diag, LDR_NOT_AN_EXE, PE_NT_INVALID_IMAGE_FORMAT, module->path);
    if (atomic_exchange(&ctx->has_run, true))
        return ldr__fail(diag, LDR_BUSY, PE_NT_INVALID_PARAMETER, module->path);
    uint32_t entry = ldr_view_image(module->view)->optional.entry_point.value;
    return ldr__default_environment.run(ctx->environment, module,
                                        (uint8_t *)ldr_module_base(module) + entry, argc, argv,
                                        ret_exit_code, diag);
}
