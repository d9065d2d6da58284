#include <string.h>

#include "image/imports.h"
#include "modules/module.h"
#include "modules/trace.h"
#include "section/diag.h"

/* One module being bound: what the callbacks of image/imports.h work on. */
typedef struct binding {
    ldr_module *module;
    const ldr_load_options *options;
    ldr__missing_list *missing;
    ldr_diag *diag;
    bool dll_missing;  /* the current DLL was not found */
    ldr_diag dll_diag; /* why */
} binding;

static bool is_missing(ldr_status status)
{
    return status == LDR_DLL_NOT_FOUND || status == LDR_EXPORT_NOT_FOUND;
}

/* Notes the first thing missing as the reason why the load fails. */
static void count_missing(binding *self, const ldr_diag *why)
{
    if (self->missing->count++ != 0)
        return;
    self->missing->first = *why;
    if (why->status == LDR_EXPORT_NOT_FOUND)
        self->missing->first.status = LDR_IMPORTS_MISSING;
}

static ldr_status fail_without_memory(const binding *self)
{
    return ldr__fail(self->diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, self->module->path);
}

/* Binds to a stub, or tells and counts. `function` is NULL for an import by ordinal. */
static ldr_status handle_missing(binding *self, const char *dll, const char *function,
                                 uint32_t ordinal, const ldr_diag *why, const void **ret_address)
{
    const ldr_load_options *options = self->options;
    ldr_missing_import import = {.importer = self->module->name,
                                 .dll = dll,
                                 .function = function,
                                 .ordinal = ordinal,
                                 .dll_missing = self->dll_missing};
    if (options->on_missing)
        options->on_missing(options->user, &import);
    *ret_address = NULL;
    if (options->missing == LDR_MISSING_STUB) {
        *ret_address = ldr__default_environment.stub_create(self->module->ctx->environment,
                                                            self->module, &import, options);
        self->module->has_stubs = true;
        return *ret_address ? LDR_OK : fail_without_memory(self);
    }
    count_missing(self, why);
    return LDR_OK;
}

static ldr_status report_missing(binding *self, const pe_import_dll *dll, const pe_import *import,
                                 const ldr_diag *why, const void **ret_address)
{
    char *dll_name = ldr__span_copy(dll->name);
    char *function = import->by_ordinal ? NULL : ldr__span_copy(import->name);
    ldr_status status;
    if (!dll_name || (!function && !import->by_ordinal))
        status = fail_without_memory(self);
    else
        status = handle_missing(self, dll_name, function, import->ordinal, why, ret_address);
    ldr__os_free(dll_name);
    ldr__os_free(function);
    return status;
}

static ldr_status find_dll(void *user, const pe_import_dll *dll, void **ret_provider)
{
    binding *self = user;
    ldr_module *module = self->module, *found = NULL;
    char *name = ldr__span_copy(dll->name);
    if (!name)
        return fail_without_memory(self);
    self->dll_diag = (ldr_diag){0};
    const ldr_module *asker = module->ctx->asker;
    module->ctx->asker = module;
    ldr_status status = ldr__find_dll(module->ctx, module, name, &found, &self->dll_diag);
    module->ctx->asker = asker;
    ldr__os_free(name);
    self->dll_missing = status == LDR_DLL_NOT_FOUND;
    if (self->dll_missing)
        return LDR_OK;
    if (status == LDR_OK && ldr__module_need(module, found) != LDR_OK)
        return fail_without_memory(self);
    if (status == LDR_OK)
        *ret_provider = found;
    else if (self->diag)
        *self->diag = self->dll_diag;
    return status;
}

/* Rule E11: an importer learns that it has got the wrong DLL. */
static void explain_without_exports(const ldr_module *provider, ldr_diag *why)
{
    if (provider->host || provider->exports.present)
        return;
    why->why.nt_status = PE_NT_INVALID_IMAGE_FORMAT;
    why->why.detail = "the DLL exports nothing";
}

static ldr_status find_address(binding *self, ldr_module *provider, const pe_import_dll *dll,
                               const pe_import *import, const void **ret_address)
{
    if (!provider)
        return report_missing(self, dll, import, &self->dll_diag, ret_address);
    ldr__request request = {.name = import->name,
                            .hint = import->hint,
                            .by_ordinal = import->by_ordinal,
                            .ordinal = import->ordinal};
    ldr_diag why; /* of failure: not worth being cleared for each import */
    ldr_status status = ldr__find_symbol(provider, self->module, &request, ret_address, &why);
    if (status == LDR_EXPORT_NOT_FOUND)
        explain_without_exports(provider, &why);
    if (is_missing(status))
        return report_missing(self, dll, import, &why, ret_address);
    if (status != LDR_OK && self->diag)
        *self->diag = why;
    return status;
}

static ldr_status find_function(void *user, void *provider, const pe_import_dll *dll,
                                const pe_import *import, const void **ret_address)
{
    binding *self = user;
    ldr_status status = find_address(self, provider, dll, import, ret_address);
    if (status == LDR_OK &&
        ldr__trace_bind(self->module, provider, dll, import, ret_address) != LDR_OK)
        return fail_without_memory(self);
    return status;
}

static const void *handle_of(void *user, const void *provider)
{
    (void)user;
    return ldr_module_base(provider);
}

ldr_status ldr__bind_module(ldr_module *module, const ldr_load_options *options,
                            ldr__missing_list *missing, ldr_diag *diag)
{
    binding self = {.module = module, .options = options, .missing = missing, .diag = diag};
    ldr__import_resolver resolver = {
        .dll = find_dll, .function = find_function, .handle = handle_of, .user = &self};
    ldr_status status = ldr__bind_imports(module->view, module->path, &resolver, diag);
    if (status == LDR_OK && options->delay == LDR_DELAY_EAGER)
        status = ldr__bind_delay_imports(module->view, module->path, &resolver, diag);
    if (status == LDR_OK)
        ldr__module_set_state(module, LDR__BOUND);
    return status;
}
