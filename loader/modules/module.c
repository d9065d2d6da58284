#include "modules/module.h"
#include "modules/debug/debug.h"
#include "modules/trace.h"

#include <string.h>

char *ldr__span_copy(pe_span text)
{
    if (text.size >= SIZE_MAX)
        return NULL;
    char *copy = ldr__os_alloc((size_t)text.size + 1);
    if (copy && text.size != 0)
        memcpy(copy, text.data, (size_t)text.size);
    return copy;
}

bool ldr__is_code(const pe_image *image, pe_rva rva)
{
    pe_section section;
    return pe_section_of(image, rva, &section) == PE_OK &&
           (section.characteristics & PE_SCN_MEM_EXECUTE) != 0;
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
    module->listed_number = ++ctx->listed_count;
    module->previous = ctx->last;
    if (ctx->last)
        ctx->last->next = module;
    else
        ctx->first = module;
    ctx->last = module;
}

static void take_out(ldr_context *ctx, ldr_module *module)
{
    if (!module->listed)
        return;
    ldr__table_lock(ctx);
    *(module->previous ? &module->previous->next : &ctx->first) = module->next;
    *(module->next ? &module->next->previous : &ctx->last) = module->previous;
    ldr__index_remove(&ctx->index, module);
    ldr__set_leave(module);
    if (ctx->main == module)
        ctx->main = NULL;
    ldr__table_unlock(ctx);
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
    if (!module->name || !module->path) {
        ldr__module_destroy(module);
        return LDR_NO_MEMORY;
    }
    *ret_module = module;
    return LDR_OK;
}

static ldr_status list_locked(ldr_context *ctx, ldr_module *module, const ldr__file_id *id)
{
    ldr_status status = ldr__index_place(&ctx->index, module);
    if (status != LDR_OK)
        return status;
    append(ctx, module);
    ldr__index_add(&ctx->index, module);
    if (id)
        ldr__index_add_id(&ctx->index, module, *id);
    if (!ctx->main && module->view &&
        !(ldr_view_image(module->view)->file.characteristics & PE_FILE_DLL))
        ctx->main = module;
    module->listed = true;
    return LDR_OK;
}

ldr_status ldr__module_list(ldr_module *module, const ldr__file_id *id)
{
    ldr__table_lock(module->ctx);
    ldr_status status = list_locked(module->ctx, module, id);
    ldr__table_unlock(module->ctx);
    return status;
}

void ldr__module_set_state(ldr_module *module, ldr__state state)
{
    ldr__table_lock(module->ctx);
    module->state = state;
    ldr__table_unlock(module->ctx);
}

void ldr__module_set_bare(ldr_module *module)
{
    ldr__table_lock(module->ctx);
    module->is_bare = true;
    ldr__table_unlock(module->ctx);
}

void ldr__module_keep(ldr_module *module)
{
    ldr__table_lock(module->ctx);
    module->references++;
    ldr__module_counted(module);
    ldr__table_unlock(module->ctx);
}

void ldr__module_let_go(ldr_module *module)
{
    ldr__table_lock(module->ctx);
    if (module->references != 0 && --module->references == 0)
        ldr__suspect(module);
    ldr__module_counted(module);
    ldr__table_unlock(module->ctx);
}

void ldr__module_counted(ldr_module *module)
{
    if (module->guest_entry)
        ldr__default_environment.module_counted(module->ctx->environment, module);
}

void ldr__modules_stay(ldr_context *ctx, uint64_t load)
{
    ldr__table_lock(ctx);
    for (ldr_module *m = ctx->first; m; m = m->next) {
        if (m->load == load) {
            m->is_static = true;
            ldr__module_counted(m);
        }
    }
    ldr__table_unlock(ctx);
}

void ldr__attached(ldr_module *module)
{
    ldr_context *ctx = module->ctx;
    ldr__table_lock(ctx);
    module->attached = true;
    ldr__module_counted(module);
    ldr__table_unlock(ctx);
    module->attached_number = ++ctx->attached_count;
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
    ldr__table_lock(ctx);
    module->attached = false;
    ldr__module_counted(module);
    ldr__table_unlock(ctx);
    module->attached_before = module->attached_after = NULL;
}

static void leave_environment(ldr_module *module)
{
    void *environment = module->ctx->environment;
    if (module->has_tls_slot)
        ldr__default_environment.tls_remove(environment, module->tls_slot);
    if (module->is_traced && ldr__default_environment.trace_release)
        ldr__default_environment.trace_release(environment, module);
    if (module->has_stubs)
        ldr__default_environment.stubs_release(environment, module);
    if (module->in_environment && !module->host) /* which stays as long as the environment */
        ldr__default_environment.module_removed(environment, module);
}

void ldr__module_destroy(ldr_module *module)
{
    if (!module)
        return;
    ldr__trace_unload(module);
    ldr__debug_unload(module);
    leave_environment(module);
    ldr__detached(module);
    take_out(module->ctx, module);
    ldr__exports_release(&module->exports);
    ldr_view_unmap(module->view);
    ldr__host_destroy(module->host);
    ldr__needs_changed(module);
    ldr__os_free(module->needs);
    ldr__os_free(module->name);
    ldr__os_free(module->path);
    ldr__os_free(module);
}

ldr_module *ldr__module_by_name(ldr_context *ctx, const char *name)
{
    return ldr__index_named(&ctx->index, name, NULL);
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
    return module->view ? ldr_view_size(module->view) : ldr__host_size(module->host);
}

ldr_view *ldr__module_view(ldr_module *module)
{
    return module->view;
}

const ldr_view *ldr_module_view(const ldr_module *module)
{
    return module->view;
}

static bool holds(const ldr_module *module, const void *address)
{
    return (uintptr_t)address - (uintptr_t)ldr_module_base(module) < ldr_module_size(module);
}

/* The table is locked. */
static ldr_module *find_at(const ldr_context *ctx, const void *address, bool only_base)
{
    ldr_module *module = ldr__index_below(&ctx->index, address);
    bool is_it =
        module && (ldr_module_base(module) == address || (!only_base && holds(module, address)));
    return is_it ? module : NULL;
}

ldr_module *ldr__module_from_base(ldr_context *ctx, const void *base)
{
    return ldr__guest_find_at(ctx, base, true, LDR__KEEP_NOT);
}

ldr_module *ldr_module_at(ldr_context *ctx, const void *address)
{
    ldr_module *module = ldr__guest_find_at(ctx, address, false, LDR__KEEP_NOT);
    return module && module->view ? module : NULL;
}

ldr_module *ldr__module_main(ldr_context *ctx)
{
    ldr__table_lock(ctx);
    ldr_module *module = ctx->main;
    ldr__table_unlock(ctx);
    return module;
}

bool ldr__module_has_tls(const ldr_module *module)
{
    return module->tls.present;
}

/* ---- For the guest ---- */

void *ldr__module_guest_entry(const ldr_module *module)
{
    return module->guest_entry;
}

void ldr__module_set_guest_entry(ldr_module *module, void *entry)
{
    ldr__table_lock(module->ctx);
    module->guest_entry = entry;
    if (entry)
        ldr__module_counted(module);
    ldr__table_unlock(module->ctx);
}

ldr__module_facts ldr__module_facts_of(const ldr_module *module)
{
    bool stays = module->pinned || module->is_static;
    uint64_t count = (uint64_t)module->references + module->needed_by;
    const pe_image *image = module->view ? ldr_view_image(module->view) : NULL;
    return (ldr__module_facts){
        .count = stays ? -1 : (int32_t)(count < INT16_MAX ? count : INT16_MAX),
        .is_dll = !image || image->file.characteristics & PE_FILE_DLL,
        .is_bare = module->is_bare,
        .is_attached = module->attached || module->host,
        .no_thread_calls = atomic_load(&module->no_thread_calls),
    };
}

void ldr__module_keep_as(ldr_module *module, ldr__keep how)
{
    if (how == LDR__KEEP_NOT)
        return;
    if (how == LDR__KEEP_PINNED)
        module->pinned = true;
    else
        module->references++;
    ldr__module_counted(module);
}

ldr_module *ldr__guest_find_at(ldr_context *ctx, const void *address, bool only_base, ldr__keep how)
{
    ldr__table_lock(ctx);
    ldr_module *module = find_at(ctx, address, only_base);
    if (module)
        ldr__module_keep_as(module, how);
    ldr__table_unlock(ctx);
    return module;
}

void ldr__module_no_thread_calls(ldr_module *module)
{
    ldr__table_lock(module->ctx);
    atomic_store(&module->no_thread_calls, true);
    ldr__module_counted(module);
    ldr__table_unlock(module->ctx);
}
