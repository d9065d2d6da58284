/* trace.c: what the resolver does, told as events. */
#include "modules/trace.h"

#include <string.h>

bool ldr__trace_is_on(const ldr_context *ctx)
{
    return ctx->trace != NULL;
}

uint64_t ldr__trace_emit(ldr_context *ctx, ldr_trace_event *event)
{
    event->size = sizeof *event;
    event->sequence = atomic_fetch_add(&ctx->trace_events, 1) + 1;
    event->time = ldr__os_time() - ctx->trace_start;
    event->thread = ldr__os_thread_id();
    ctx->trace(ctx->trace_user, event);
    return event->sequence;
}

static uint64_t emit(ldr_context *ctx, ldr_trace_event *event)
{
    if (ldr__default_environment.trace_depth != NULL)
        event->depth = ldr__default_environment.trace_depth(ctx->environment);
    return ldr__trace_emit(ctx, event);
}

void ldr__trace_start(ldr_context *ctx, const ldr_context_options *options)
{
    ctx->trace = options->trace;
    ctx->trace_user = options->trace_user;
    if (ctx->trace != NULL)
        ctx->trace_start = ldr__os_time();
}

/* ---- Loads ---- */

void ldr__trace_load(ldr_module *module, const ldr_module *asker)
{
    if (!ldr__trace_is_on(module->ctx))
        return;
    module->is_traced = true;
    emit(module->ctx, &(ldr_trace_event){
                          .kind = LDR_TRACE_LOAD,
                          .module = module->name,
                          .path = module->path,
                          .base = ldr_module_base(module),
                          .module_size = ldr_module_size(module),
                          .asked_by = asker != NULL && asker != module ? asker->name : NULL,
                      });
}

void ldr__trace_unload(const ldr_module *module)
{
    if (module->is_traced)
        emit(module->ctx, &(ldr_trace_event){.kind = LDR_TRACE_UNLOAD,
                                             .module = module->name,
                                             .path = module->path,
                                             .base = ldr_view_base(module->view),
                                             .module_size = ldr_view_size(module->view)});
}

/* ---- Imports ---- */

static bool host_has(const ldr_module *module, const void *address, bool *ret_is_data)
{
    const void *start;
    const ldr_export *line =
        module->host != NULL ? ldr__host_at(module->host, address, &start) : NULL;
    if (line != NULL)
        *ret_is_data = line->data_size != 0;
    return line != NULL;
}

static const ldr_module *host_with(const ldr_context *ctx, const void *address, bool *ret_is_data)
{
    const ldr_module *module = ctx->first;
    while (module != NULL && !host_has(module, address, ret_is_data))
        module = module->next;
    return module;
}

/* The table is locked. */
static const ldr_module *find_owner(ldr_context *ctx, const ldr_module *asked, const void *address,
                                    bool *ret_is_data)
{
    const ldr_module *owner = ldr_module_at(ctx, address);
    uintptr_t offset = owner ? (uintptr_t)address - (uintptr_t)ldr_module_base(owner) : 0;
    *ret_is_data = false;
    if (owner != NULL)
        *ret_is_data = !ldr__is_code(ldr_view_image(owner->view), (pe_rva){(uint32_t)offset});
    else if (asked != NULL && host_has(asked, address, ret_is_data))
        owner = asked;
    else if (asked != NULL)
        owner = host_with(ctx, address, ret_is_data);
    /* A DLL of the system's. */
    return owner != NULL ? owner : ldr__guest_find_at(ctx, address, false, LDR__KEEP_NOT);
}

/* Who really has what an import leads to: forwarders lead on. It stays as long as `asked` does. */
static const ldr_module *owner_of(ldr_context *ctx, const ldr_module *asked, const void *address,
                                  bool *ret_is_data)
{
    ldr__table_lock(ctx);
    const ldr_module *owner = find_owner(ctx, asked, address, ret_is_data);
    ldr__table_unlock(ctx);
    return owner;
}

static ldr_status wrap(ldr_context *ctx, const ldr__trace_site *site, const void **address)
{
    if (ldr__default_environment.trace_create == NULL)
        return LDR_OK;
    const void *thunk = ldr__default_environment.trace_create(ctx->environment, site);
    if (thunk == NULL)
        return LDR_NO_MEMORY;
    *address = thunk;
    return LDR_OK;
}

static ldr_status bind(ldr_module *importer, const ldr_module *asked, ldr__trace_site *site,
                       const void **address)
{
    bool is_data = false;
    ldr_context *ctx = importer->ctx;
    const ldr_module *owner = owner_of(ctx, asked, *address, &is_data);
    site->target = owner;
    site->provider = owner != NULL ? owner->name : NULL;
    emit(ctx, &(ldr_trace_event){.kind = LDR_TRACE_BIND,
                                 .module = importer->name,
                                 .dll = site->dll,
                                 .function = site->function,
                                 .ordinal = site->ordinal,
                                 .provider = site->provider,
                                 .address = *address,
                                 .is_data = is_data});
    return is_data ? LDR_OK : wrap(ctx, site, address);
}

ldr_status ldr__trace_bind(ldr_module *importer, const ldr_module *provider,
                           const pe_import_dll *dll, const pe_import *import, const void **address)
{
    if (!ldr__trace_is_on(importer->ctx) || *address == NULL)
        return LDR_OK;
    char *dll_name = ldr__span_copy(dll->name);
    char *function = import->by_ordinal ? NULL : ldr__span_copy(import->name);
    ldr__trace_site site = {.importer = importer,
                            .importer_name = importer->name,
                            .dll = dll_name,
                            .function = function,
                            .ordinal = import->by_ordinal ? import->ordinal : 0,
                            .address = *address};
    ldr_status status = LDR_NO_MEMORY;
    if (dll_name != NULL && (function != NULL || import->by_ordinal))
        status = bind(importer, provider, &site, address);
    ldr__os_free(dll_name);
    ldr__os_free(function);
    return status;
}

void ldr__trace_delayed(ldr_module *importer, const ldr_module *provider, const char *dll,
                        const char *function, uint32_t ordinal, const void **address)
{
    ldr__trace_site site = {.importer = importer,
                            .dll = dll,
                            .function = function,
                            .ordinal = ordinal,
                            .address = *address};
    if (importer == NULL || !ldr__trace_is_on(importer->ctx))
        return;
    site.importer_name = importer->name;
    bind(importer, provider, &site, address);
}

const void *ldr__trace_found(ldr_module *module, const char *function, uint32_t ordinal,
                             const void *address)
{
    bool is_data = false;
    if (!ldr__trace_is_on(module->ctx) || address == NULL)
        return address;
    const ldr_module *owner = owner_of(module->ctx, module, address, &is_data);
    const ldr__trace_site site = {.target = owner,
                                  .dll = module->name,
                                  .function = function,
                                  .ordinal = ordinal,
                                  .provider = owner != NULL ? owner->name : NULL,
                                  .address = address};
    if (owner != NULL && !is_data)
        wrap(module->ctx, &site, &address);
    return address;
}

/* ---- Entry points ---- */

static bool is_entry_point(const ldr_module *module, const void *function)
{
    uint64_t rva = (uintptr_t)function - (uintptr_t)ldr_module_base(module);
    return rva == ldr_view_image(module->view)->optional.entry_point.value;
}

uint64_t ldr__trace_entry(ldr_module *module, const void *function, uint32_t reason,
                          const void *reserved)
{
    if (!ldr__trace_is_on(module->ctx))
        return 0;
    return emit(module->ctx,
                &(ldr_trace_event){.kind = LDR_TRACE_ENTRY,
                                   .module = module->name,
                                   .base = ldr_module_base(module),
                                   .address = function,
                                   .is_tls_callback = !is_entry_point(module, function),
                                   .reason = reason,
                                   .arguments = {(uintptr_t)ldr_module_base(module), reason,
                                                 (uintptr_t)reserved}});
}

void ldr__trace_entry_end(ldr_module *module, const void *function, uint64_t call, bool returned,
                          uint32_t result)
{
    if (call == 0)
        return;
    emit(module->ctx, &(ldr_trace_event){.kind = LDR_TRACE_ENTRY_END,
                                         .module = module->name,
                                         .base = ldr_module_base(module),
                                         .address = function,
                                         .is_tls_callback = !is_entry_point(module, function),
                                         .call = call,
                                         .result = returned ? result : 0,
                                         .exception = returned ? 0 : result});
}
