#include <stdio.h>

#include "modules/module.h"
#include "section/diag.h"

/* Longest chain of forwarders that is followed; Windows has no limit and overflows its stack. */
enum { FORWARDER_LIMIT = 32 };

static ldr_status not_found(const ldr_module *module, const ldr__request *request, ldr_diag *diag)
{
    char subject[sizeof(diag->subject)];
    uint64_t size = request->name.size;
    int length = size < sizeof(subject) ? (int)size : (int)sizeof(subject);
    if (request->by_ordinal)
        snprintf(subject, sizeof(subject), "%s!#%u", module->name, request->ordinal);
    else
        snprintf(subject, sizeof(subject), "%s!%.*s", module->name, length,
                 (const char *)request->name.data);
    return ldr__fail(diag, LDR_EXPORT_NOT_FOUND,
                     request->by_ordinal ? PE_NT_ORDINAL_NOT_FOUND : PE_NT_ENTRYPOINT_NOT_FOUND,
                     subject);
}

static pe_status look_up(const ldr_module *module, const ldr__request *request, pe_export *ret)
{
    const pe_image *image = ldr_view_image(module->view);
    if (module->exports.slot_count == 0)
        return PE_NOT_FOUND;
    if (request->by_ordinal)
        return pe_export_by_ordinal(image, &module->exports, request->ordinal, ret);
    return pe_export_by_name(image, &module->exports, request->name, request->hint, ret);
}

static const void *look_up_host(const ldr_module *module, const ldr__request *request)
{
    if (request->by_ordinal)
        return ldr__host_by_ordinal(module->host, request->ordinal);
    return ldr__host_by_name(module->host, request->name);
}

static ldr_status follow(ldr_module *module, ldr_module *holder, pe_span text, int depth,
                         const void **ret_address, ldr_diag *diag);

static ldr_status find(ldr_module *module, ldr_module *holder, const ldr__request *request,
                       int depth, const void **ret_address, ldr_diag *diag)
{
    pe_export found;
    if (module->host) {
        const void *address = look_up_host(module, request);
        if (!address)
            return not_found(module, request, diag);
        *ret_address = address;
        return LDR_OK;
    }
    if (look_up(module, request, &found) != PE_OK)
        return not_found(module, request, diag);
    if (found.is_forwarder)
        return follow(module, holder, found.forwarder, depth + 1, ret_address, diag);
    *ret_address = (const uint8_t *)ldr_module_base(module) + found.rva.value;
    return LDR_OK;
}

static ldr_status follow_to(ldr_module *module, ldr_module *holder, const char *dll,
                            const ldr__request *request, int depth, const void **ret_address,
                            ldr_diag *diag)
{
    ldr_module *target;
    ldr_status status = ldr__find_dll(module->ctx, module, dll, &target, diag);
    if (status != LDR_OK)
        return status;
    status = ldr__module_need(holder, target);
    if (status != LDR_OK)
        return ldr__fail(diag, status, PE_NT_NO_MEMORY, dll);
    return find(target, holder, request, depth, ret_address, diag);
}

static ldr_status follow(ldr_module *module, ldr_module *holder, pe_span text, int depth,
                         const void **ret_address, ldr_diag *diag)
{
    pe_forwarder forwarder;
    if (depth > FORWARDER_LIMIT)
        return ldr__fail(diag, LDR_FORWARDER_LOOP, PE_NT_ENTRYPOINT_NOT_FOUND, module->name);
    if (pe_forwarder_parse(text, &forwarder) != PE_OK)
        return ldr__fail(diag, LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND, module->name);
    char *dll = ldr__span_copy(forwarder.dll);
    if (!dll)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, module->name);
    ldr__request request = {
        .name = forwarder.name, .by_ordinal = forwarder.by_ordinal, .ordinal = forwarder.ordinal};
    ldr_status status = follow_to(module, holder, dll, &request, depth, ret_address, diag);
    ldr__os_free(dll);
    return status;
}

ldr_status ldr__find_symbol(ldr_module *module, ldr_module *holder, const ldr__request *request,
                            const void **ret_address, ldr_diag *diag)
{
    return find(module, holder, request, 0, ret_address, diag);
}
