#include "modules/module.h"

#include <string.h>

const char *ldr__base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

bool ldr__same_name(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool ldr__name_starts(const char *name, const char *prefix)
{
    while (*prefix != '\0' && lower(*name) == lower(*prefix)) {
        name++;
        prefix++;
    }
    return *prefix == '\0';
}

char *ldr__span_copy(pe_span text)
{
    if (text.size >= SIZE_MAX)
        return NULL;
    char *copy = ldr__os_alloc((size_t)text.size + 1);
    if (copy && text.size != 0)
        memcpy(copy, text.data, (size_t)text.size);
    return copy;
}

pe_span ldr__span_of(const char *text)
{
    return (pe_span){(const uint8_t *)text, strlen(text)};
}

char *ldr__text_copy(const char *text)
{
    return ldr__span_copy(ldr__span_of(text));
}

static void append(ldr_context *ctx, ldr_module *module)
{
    module->previous = ctx->last;
    if (ctx->last)
        ctx->last->next = module;
    else
        ctx->first = module;
    ctx->last = module;
}

static void take_out(ldr_context *ctx, ldr_module *module)
{
    *(module->previous ? &module->previous->next : &ctx->first) = module->next;
    *(module->next ? &module->next->previous : &ctx->last) = module->previous;
}

ldr_status ldr__module_create(ldr_context *ctx, const char *name, const char *path,
                              ldr_module **ret_module)
{
    ldr_module *module = ldr__os_alloc(sizeof(*module));
    if (!module)
        return LDR_NO_MEMORY;
    module->ctx = ctx;
    module->name = ldr__text_copy(name);
    module->path = ldr__text_copy(path);
    module->load = ctx->current_load;
    append(ctx, module);
    if (!module->name || !module->path) {
        ldr__module_destroy(module);
        return LDR_NO_MEMORY;
    }
    *ret_module = module;
    return LDR_OK;
}

void ldr__attached(ldr_module *module)
{
    ldr_context *ctx = module->ctx;
    module->attached = true;
    module->attached_before = ctx->attached_last;
    *(ctx->attached_last ? &ctx->attached_last->attached_after : &ctx->attached_first) = module;
    ctx->attached_last = module;
}

void ldr__detached(ldr_module *module)
{
    ldr_context *ctx = module->ctx;
    ldr_module *before = module->attached_before, *after = module->attached_after;
    if (!module->attached)
        return;
    *(before ? &before->attached_after : &ctx->attached_first) = after;
    *(after ? &after->attached_before : &ctx->attached_last) = before;
    module->attached = false;
    module->attached_before = module->attached_after = NULL;
}

static void leave_environment(ldr_module *module)
{
    void *environment = module->ctx->environment;
    if (module->has_tls_slot)
        ldr__default_environment.tls_remove(environment, module->tls_slot);
    if (module->has_stubs)
        ldr__default_environment.stubs_release(environment, module);
    if (module->in_environment)
        ldr__default_environment.module_removed(environment, module);
}

void ldr__module_destroy(ldr_module *module)
{
    if (!module)
        return;
    leave_environment(module);
    ldr__detached(module);
    take_out(module->ctx, module);
    if (module->ctx->main == module)
        module->ctx->main = NULL;
    ldr__exports_release(&module->exports);
    ldr_view_unmap(module->view);
    ldr__host_destroy(module->host);
    ldr__os_free(module->needs);
    ldr__os_free(module->name);
    ldr__os_free(module->path);
    ldr__os_free(module);
}

ldr_status ldr__module_need(ldr_module *module, ldr_module *other)
{
    if (other == module)
        return LDR_OK;
    for (size_t i = 0; i < module->need_count; i++) {
        if (module->needs[i] == other)
            return LDR_OK;
    }
    if (module->need_count == module->need_capacity) {
        size_t capacity = module->need_capacity ? module->need_capacity * 2 : 8;
        void *grown = ldr__os_resize(module->needs, capacity * sizeof(*module->needs));
        if (!grown)
            return LDR_NO_MEMORY;
        module->needs = grown;
        module->need_capacity = capacity;
    }
    module->needs[module->need_count++] = other;
    return LDR_OK;
}

ldr_module *ldr__module_by_name(ldr_context *ctx, const char *name)
{
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->state != LDR__DYING && ldr__same_name(m->name, name))
            return m;
    }
    return NULL;
}

ldr_module *ldr__module_by_id(ldr_context *ctx, ldr__file_id id)
{
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->state != LDR__DYING && m->has_id && m->id.device == id.device &&
            m->id.inode == id.inode)
            return m;
    }
    return NULL;
}

const char *ldr_module_name(const ldr_module *module)
{
    return module->name;
}

const char *ldr_module_path(const ldr_module *module)
{
    return module->path;
}

void *ldr_module_base(const ldr_module *module)
{
    return module->view ? ldr_view_base(module->view) : ldr__host_base(module->host);
}

size_t ldr_module_size(const ldr_module *module)
{
    return module->view ? ldr_view_size(module->view) : 0;
}

ldr_view *ldr__module_view(ldr_module *module)
{
    return module->view;
}

const ldr_view *ldr_module_view(const ldr_module *module)
{
    return module->view;
}

static bool has_base(const ldr_module *module, uintptr_t address)
{
    return (uintptr_t)ldr_module_base(module) == address;
}

static bool holds(const ldr_module *module, uintptr_t address)
{
    return module->view && address - (uintptr_t)ldr_module_base(module) < ldr_module_size(module);
}

/* The first module of which `test` is true. */
static ldr_module *find_module(ldr_context *ctx, const void *address,
                               bool (*test)(const ldr_module *, uintptr_t))
{
    ldr__os_lock(ctx->lock);
    ldr_module *module = ctx->first;
    while (module && !test(module, (uintptr_t)address))
        module = module->next;
    ldr__os_unlock(ctx->lock);
    return module;
}

ldr_module *ldr__module_from_base(ldr_context *ctx, const void *base)
{
    return find_module(ctx, base, has_base);
}

ldr_module *ldr_module_at(ldr_context *ctx, const void *address)
{
    return find_module(ctx, address, holds);
}

ldr_module *ldr__module_main(ldr_context *ctx)
{
    return ctx->main;
}

void ldr__module_add_reference(ldr_module *module, bool pin)
{
    ldr__os_lock(module->ctx->lock);
    module->references++;
    module->pinned |= pin;
    ldr__os_unlock(module->ctx->lock);
}

void ldr__module_no_thread_calls(ldr_module *module)
{
    module->no_thread_calls = true;
}
