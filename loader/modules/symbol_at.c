/* symbol_at.c: what lies at an address. */
#include <inttypes.h>
#include <stdio.h>

#include "modules/module.h"
#include "section/diag.h"

static void copy_name(pe_span name, ldr_symbol_place *place)
{
    size_t room = sizeof(place->name) - 1;
    size_t length = name.size < room ? (size_t)name.size : room;
    for (size_t i = 0; i < length; i++)
        place->name[i] = (char)name.data[i];
    place->name[length] = '\0';
}

/* Without an export that is near, the place in the module. */
static void describe_in_image(ldr_module *module, const void *address, ldr_symbol_place *ret_place)
{
    pe_export nearest;
    const uint8_t *base = ldr_module_base(module);
    uint32_t rva = (uint32_t)((const uint8_t *)address - base);
    ldr_symbol_place place = {.module = module, .start = base, .displacement = rva};
    ldr__os_guard_begin();
    if (ldr__export_at(&module->exports, (pe_rva){rva}, &nearest) == PE_OK) {
        place.has_export = true;
        place.start = base + nearest.rva.value;
        place.displacement = rva - nearest.rva.value;
        place.ordinal = nearest.ordinal;
        copy_name(nearest.name, &place);
    }
    ldr__os_guard_end(); /* names that were cut off are empty */
    *ret_place = place;
}

/* `at` is where the line is looked for: `address`, or the start of the function around it. */
static bool describe_in_host(ldr_module *module, const void *at, const void *address,
                             ldr_symbol_place *ret_place)
{
    const void *start;
    const ldr_export *line = module->host ? ldr__host_at(module->host, at, &start) : NULL;
    if (!line)
        return false;
    *ret_place = (ldr_symbol_place){
        .module = module,
        .start = start,
        .displacement = (size_t)((const uint8_t *)address - (const uint8_t *)start),
        .has_export = true,
        .ordinal = line->ordinal,
    };
    copy_name(ldr__span_of(line->name), ret_place);
    return true;
}

static bool describe_in_hosts(ldr_context *ctx, const void *at, const void *address,
                              ldr_symbol_place *ret_place)
{
    for (ldr_module *module = ctx->first; module; module = module->next) {
        if (describe_in_host(module, at, address, ret_place))
            return true;
    }
    return false;
}

/* A DLL of the system's, whose exports are not looked at. */
static bool describe_in_system(ldr_context *ctx, const void *address, ldr_symbol_place *ret_place)
{
    ldr_module *module = ldr__guest_find_at(ctx, address, false, LDR__KEEP_NOT);
    if (!module)
        return false;
    const uint8_t *base = ldr_module_base(module);
    *ret_place = (ldr_symbol_place){
        .module = module, .start = base, .displacement = (size_t)((const uint8_t *)address - base)};
    return true;
}

static bool describe(ldr_context *ctx, const void *address, ldr_symbol_place *ret_place)
{
    ldr_module *module = ldr_module_at(ctx, address);
    if (!module)
        return describe_in_hosts(ctx, address, address, ret_place);
    describe_in_image(module, address, ret_place);
    return true;
}

static bool describe_around(ldr_context *ctx, const void *function, const void *address,
                            ldr_symbol_place *ret_place)
{
    if (function && describe_in_hosts(ctx, function, address, ret_place))
        return true;
    return describe_in_system(ctx, address, ret_place);
}

/* The environment may ask the system, which it cannot with the table locked. */
static bool find_place(ldr_context *ctx, const void *address, ldr_symbol_place *ret_place)
{
    ldr__table_lock(ctx);
    bool found = describe(ctx, address, ret_place);
    ldr__table_unlock(ctx);
    if (found)
        return true;
    const void *function = ldr__default_environment.function_at(ctx->environment, address);
    ldr__table_lock(ctx);
    found = describe_around(ctx, function, address, ret_place);
    ldr__table_unlock(ctx);
    return found;
}

ldr_status ldr_symbol_at(ldr_context *ctx, const void *address, ldr_symbol_place *ret_place)
{
    if (!ctx || !ret_place)
        return LDR_INVALID_ARGUMENT;
    return find_place(ctx, address, ret_place) ? LDR_OK : LDR_EXPORT_NOT_FOUND;
}

static void write_export(const ldr_symbol_place *place, char *text, size_t size)
{
    const char *module = ldr_module_name(place->module);
    if (place->name[0] != '\0')
        snprintf(text, size, "%s!%s", module, place->name);
    else if (place->has_export)
        snprintf(text, size, "%s!#%" PRIu32, module, place->ordinal);
    else
        snprintf(text, size, "%s", module);
}

const char *ldr_symbol_place_text(const ldr_symbol_place *place, char *text, size_t size)
{
    char name[sizeof(place->name) + 256];
    write_export(place, name, sizeof(name));
    if (place->displacement != 0 || !place->has_export)
        snprintf(text, size, "%s+0x%zx", name, place->displacement);
    else
        snprintf(text, size, "%s", name);
    return text;
}

const void *ldr_exception_address(ldr_context *ctx)
{
    return ldr__default_environment.exception_address(ctx->environment);
}
