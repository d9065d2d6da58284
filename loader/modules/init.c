#include "modules/module.h"
#include "modules/trace.h"
#include "section/diag.h"

ldr_status ldr__announce(ldr_module *module, ldr_diag *diag)
{
    void *environment = module->ctx->environment;
    ldr_status status = ldr__default_environment.module_added(environment, module);
    if (status != LDR_OK)
        return ldr__fail(diag, status, PE_NT_NO_MEMORY, module->path);
    module->in_environment = true;
    if (!module->tls.present || module->is_bare)
        return LDR_OK;
    ldr__tls_template tls = {.data = module->tls.template_data,
                             .data_size = module->tls.template_size,
                             .zero_size = module->tls.zero_size,
                             .characteristics = module->tls.characteristics};
    status = ldr__default_environment.tls_add(environment, &tls, &module->tls_slot);
    if (status != LDR_OK)
        return ldr__fail(diag, status, PE_NT_NO_MEMORY, module->path);
    module->has_tls_slot = true;
    status = ldr__tls_write_index(module->view, &module->tls, module->tls_slot);
    if (status != LDR_OK)
        return ldr__fail(diag, status, PE_NT_ACCESS_VIOLATION, module->path);
    return LDR_OK;
}

/* A host module that `module` needs and that the environment does not know yet, or NULL. */
static ldr_module *next_host(const ldr_module *module)
{
    ldr_module *host = NULL;
    ldr__table_lock(module->ctx);
    for (size_t i = 0; i < module->need_count && !host; i++) {
        ldr_module *other = module->needs[i];
        host = other->host && !other->in_environment ? other : NULL;
    }
    ldr__table_unlock(module->ctx);
    return host;
}

ldr_status ldr__announce_hosts(ldr_module *module, ldr_diag *diag)
{
    ldr_module *host = module->host && !module->in_environment ? module : next_host(module);
    ldr_status status = LDR_OK;
    for (; host && status == LDR_OK; host = next_host(module))
        status = ldr__announce(host, diag);
    return status;
}

/*
 * Whether calling an address of the guest can succeed: it lies in code of some module. Elsewhere
 * Windows raises an access violation.
 */
static bool is_callable(ldr_context *ctx, const void *address)
{
    const ldr_module *module = ldr_module_at(ctx, address);
    if (!module)
        return false;
    const pe_image *image = ldr_view_image(module->view);
    uintptr_t rva = (uintptr_t)address - (uintptr_t)ldr_module_base(module);
    bool is_flat = image->optional.section_alignment < 0x1000;
    return is_flat || ldr__is_code(image, (pe_rva){(uint32_t)rva});
}

/* False when the function raised an exception instead of returning. */
static bool call(ldr_module *module, void *function, uint32_t reason, void *reserved,
                 uint32_t *ret_result, uint32_t *ret_exception)
{
    *ret_exception = PE_NT_ACCESS_VIOLATION;
    if (!is_callable(module->ctx, function))
        return false;
    uint64_t number = ldr__trace_entry(module, function, reason, reserved);
    bool returned = ldr__default_environment.call_entry(module->ctx->environment, function,
                                                        ldr_module_base(module), reason, reserved,
                                                        ret_result, ret_exception);
    ldr__trace_entry_end(module, function, number, returned,
                         returned ? *ret_result : *ret_exception);
    return returned;
}

/* An exception ends the round and is not heard of again (rule F12). */
void ldr__call_tls_callbacks(ldr_module *module, uint32_t reason)
{
    uint32_t result, exception;
    void *callback;
    if (!module->tls.present)
        return;
    for (uint32_t i = 0; (callback = ldr__tls_callback(module->view, &module->tls, i)); i++) {
        if (!call(module, callback, reason, NULL, &result, &exception))
            return;
    }
}

static void *entry_point(const ldr_module *module)
{
    const pe_image *image = ldr_view_image(module->view);
    if (image->optional.entry_point.value == 0 || !(image->file.characteristics & PE_FILE_DLL))
        return NULL;
    return (uint8_t *)ldr_module_base(module) + image->optional.entry_point.value;
}

void ldr__notify(ldr_module *module, uint32_t reason, void *reserved)
{
    uint32_t result, exception;
    void *entry = entry_point(module);
    ldr__call_tls_callbacks(module, reason);
    if (entry)
        call(module, entry, reason, reserved, &result, &exception);
}

static ldr_status fail_attach(ldr_module *module, bool returned, uint32_t value, ldr_diag *diag)
{
    pe_diag why = {.nt_status = PE_NT_DLL_INIT_FAILED,
                   .rule = returned ? "E61" : "E63",
                   .offset = ldr_view_image(module->view)->optional.entry_point.value,
                   .value = value,
                   .allowed = 1,
                   .detail = returned ? "it returned FALSE" : "it raised an exception"};
    return ldr__fail_why(diag, LDR_INIT_FAILED, &why, module->path);
}

/*
 * An EXE has no DllMain; its TLS callbacks run with its main thread. After FALSE the module gets
 * its PROCESS_DETACH at once (rule E61), after an exception none (rule E63).
 */
static ldr_status attach(ldr_module *module, void *reserved, ldr_diag *diag)
{
    uint32_t result = 1, exception = 0;
    void *entry = entry_point(module);
    bool is_dll = ldr_view_image(module->view)->file.characteristics & PE_FILE_DLL;
    /* What is loaded while the process ends is not told of anything any more. */
    if (!is_dll || module->is_bare || atomic_load(&module->ctx->process_detached)) {
        ldr__module_set_state(module, LDR__INITIALISED);
        return LDR_OK;
    }
    ldr__attached(module);
    ldr__default_environment.module_begins(module->ctx->environment, module);
    ldr__call_tls_callbacks(module, LDR__PROCESS_ATTACH);
    bool returned =
        !entry || call(module, entry, LDR__PROCESS_ATTACH, reserved, &result, &exception);
    if (returned && result != 0) {
        ldr__module_set_state(module, LDR__INITIALISED);
        return LDR_OK;
    }
    if (returned)
        ldr__notify(module, LDR__PROCESS_DETACH, NULL);
    ldr__default_environment.module_ended(module->ctx->environment, module);
    ldr__detached(module);
    return fail_attach(module, returned, returned ? result : exception, diag);
}

/* The next module that `module` needs and that nobody has begun to initialise. */
static ldr_module *next_needed(ldr_module *module)
{
    ldr_module *next = NULL;
    ldr__table_lock(module->ctx);
    while (!next && module->walk_next < module->need_count) {
        ldr_module *other = module->needs[module->walk_next++];
        if (other->state == LDR__BOUND)
            next = other;
    }
    ldr__table_unlock(module->ctx);
    return next;
}

static void enter(ldr_module *module, ldr_module *parent)
{
    ldr__module_set_state(module, LDR__INITIALISING);
    module->walk_parent = parent;
    module->walk_next = 0;
}

/* Depth first without recursion: a chain of DLLs may be as long as memory holds. */
ldr_status ldr__initialise(ldr_module *module, void *reserved, ldr_diag *diag)
{
    ldr_status status = LDR_OK;
    if (module->state != LDR__BOUND)
        return LDR_OK;
    enter(module, NULL);
    while (module && status == LDR_OK) {
        ldr_module *needed = next_needed(module);
        if (needed) {
            enter(needed, module);
            module = needed;
        } else {
            status = attach(module, reserved, diag);
            if (status == LDR_OK)
                module = module->walk_parent;
        }
    }
    for (; module; module = module->walk_parent)
        ldr__module_set_state(module, LDR__BOUND);
    return status;
}
