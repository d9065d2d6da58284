#include <stdio.h>

#include "modules/module.h"
#include "section/diag.h"

/*
 * Chains of forwarders may be as long as they like, and Windows follows a loop until its stack is
 * full. The limit is for guests that change their tables meanwhile, and for tables whose every
 * import leads down a long chain: what goes beyond a few steps counts for the whole load.
 */
enum { FORWARDERS_MAX = 1 << 17, FORWARDERS_FREE = 16 };

static ldr_status not_found(const ldr_module *module, const ldr__request *request, ldr_diag *diag)
{
    char subject[sizeof(diag->subject)];
    uint64_t size = request->name.size;
    int length = size < sizeof(subject) ? (int)size : (int)sizeof(subject);
    if (!diag)
        return LDR_EXPORT_NOT_FOUND;
    if (request->by_ordinal)
        snprintf(subject, sizeof(subject), "%s!#%u", module->name, request->ordinal);
    else
        snprintf(subject, sizeof(subject), "%s!%.*s", module->name, length,
                 (const char *)request->name.data);
    return ldr__fail(diag, LDR_EXPORT_NOT_FOUND,
                     request->by_ordinal ? PE_NT_ORDINAL_NOT_FOUND : PE_NT_ENTRYPOINT_NOT_FOUND,
                     subject);
}

/* ---- One module ---- */

/* What a module says of an export: its address, or where it forwards to. */
typedef struct answer {
    const void *address;
    bool is_forwarder;
    pe_span forwarder; /* in the module's view */
} answer;

static bool look_up_host(const ldr_module *module, const ldr__request *request, answer *ret)
{
    const void *address = request->by_ordinal ? ldr__host_by_ordinal(module->host, request->ordinal)
                                              : ldr__host_by_name(module->host, request->name);
    *ret = (answer){.address = address};
    return address != NULL;
}

/* Needs no lock: whoever asks a module keeps it, and its tables are read with care. */
static bool look_up(ldr_module *module, const ldr__request *request, answer *ret)
{
    pe_export found;
    if (module->host)
        return look_up_host(module, request, ret);
    pe_status status =
        request->by_ordinal
            ? ldr__export_by_ordinal(&module->exports, request->ordinal, &found)
            : ldr__export_by_name(&module->exports, request->name, request->hint, &found);
    if (status != PE_OK)
        return false;
    *ret = (answer){.address = (const uint8_t *)ldr_module_base(module) + found.rva.value,
                    .is_forwarder = found.is_forwarder,
                    .forwarder = found.forwarder};
    return true;
}

/* ---- Forwarders ---- */

/* A walk along forwarders, on behalf of `holder`. */
typedef struct walk {
    ldr_module *holder;
    ldr_module *module; /* the one that is asked */
    ldr__request request;
    char *dll;            /* allocated: the DLL of the last forwarder */
    char *name;           /* allocated: the request's, when it comes from a forwarder */
    const void *landmark; /* a forwarder passed before: to meet it again is to go round */
    uint32_t steps, next_landmark;
    bool is_quick; /* only as far as modules are ready, under the table lock */
    bool is_done;  /* or as far as a host module, which is asked without it */
    ldr_diag *diag;
} walk;

/* A quick walk is short, and does not have the loader lock that the count belongs to. */
static bool is_spent(walk *self)
{
    return !self->is_quick && self->steps >= FORWARDERS_FREE &&
           self->module->ctx->forwarders++ >= FORWARDERS_MAX;
}

/*
 * Whether a forwarder was passed before. Landmarks are set at growing distances: from one of them
 * on a loop is gone round once, and no more (Brent).
 */
static bool goes_round(walk *self, const void *forwarder)
{
    if (forwarder == self->landmark || is_spent(self))
        return true;
    if (self->steps++ == self->next_landmark) {
        self->landmark = forwarder;
        self->next_landmark = 2 * self->next_landmark + 1;
    }
    return false;
}

static ldr_status fail_step(const walk *self, ldr_status status, uint32_t nt_status)
{
    return ldr__fail(self->diag, status, nt_status, self->module->name);
}

/* Copies what the forwarder says: the guest may change it, and finding its DLL runs along. */
static ldr_status read_forwarder(walk *self, pe_span text)
{
    pe_forwarder forwarder;
    ldr__os_free(self->dll);
    char *copy = ldr__span_copy(text);
    self->dll = NULL;
    if (!copy)
        return fail_step(self, LDR_NO_MEMORY, PE_NT_NO_MEMORY);
    ldr__os_free(self->name);
    self->name = copy;
    if (pe_forwarder_parse((pe_span){(uint8_t *)copy, text.size}, &forwarder) != PE_OK)
        return fail_step(self, LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND);
    self->request = (ldr__request){.name = forwarder.name,
                                   .hint = UINT32_MAX,
                                   .by_ordinal = forwarder.by_ordinal,
                                   .ordinal = forwarder.ordinal};
    self->dll = ldr__span_copy(forwarder.dll);
    return self->dll ? LDR_OK : fail_step(self, LDR_NO_MEMORY, PE_NT_NO_MEMORY);
}

/*
 * Whether `target` stays for as long as `holder` needs it. A load that is undone takes what it has
 * brought in from those that were there before, also what is initialised; those that came with it,
 * or later, go as well.
 */
static bool is_there_to_stay(const ldr_module *target, const ldr_module *holder)
{
    uint64_t open = target->ctx->open_load;
    return target->state == LDR__INITIALISED &&
           (open == 0 || target->load < open || target->load <= holder->load);
}

/*
 * A quick walk goes over modules that are ready, since others may be in the middle of another
 * thread's load, and is short. LDR_DLL_NOT_FOUND: it does not get there.
 */
static ldr_status find_ready(walk *self, ldr_module **ret_target)
{
    enum { QUICK_STEPS = 64 };
    if (self->steps > QUICK_STEPS)
        return LDR_DLL_NOT_FOUND;
    ldr_module *target = ldr__search_loaded(self->module->ctx, self->dll);
    if (!target || !is_there_to_stay(target, self->holder))
        return LDR_DLL_NOT_FOUND;
    *ret_target = target;
    return LDR_OK;
}

static ldr_status find_target(walk *self, ldr_module **ret_target)
{
    ldr_context *ctx = self->module->ctx;
    if (self->is_quick)
        return find_ready(self, ret_target);
    const ldr_module *asker = ctx->asker;
    ctx->asker = self->module;
    ldr_status status = ldr__find_dll(ctx, self->module, self->dll, ret_target, self->diag);
    ctx->asker = asker;
    return status;
}

static ldr_status step(walk *self, const answer *from)
{
    ldr_module *target;
    if (goes_round(self, from->address))
        return fail_step(self, LDR_FORWARDER_LOOP, PE_NT_ENTRYPOINT_NOT_FOUND);
    ldr_status status = read_forwarder(self, from->forwarder);
    if (status != LDR_OK)
        return status;
    status = find_target(self, &target);
    if (status != LDR_OK)
        return status;
    status = ldr__module_need(self->holder, target);
    if (status != LDR_OK)
        return ldr__fail(self->diag, status, PE_NT_NO_MEMORY, self->dll);
    self->module = target;
    return LDR_OK;
}

static ldr_status ask(walk *self, answer *ret_found)
{
    if (look_up(self->module, &self->request, ret_found))
        return LDR_OK;
    return not_found(self->module, &self->request, self->diag);
}

static ldr_status go(walk *self, answer *ret_found)
{
    ldr_status status = LDR_OK;
    while (status == LDR_OK && !self->is_done && !(self->is_quick && self->module->host)) {
        status = ask(self, ret_found);
        self->is_done = status == LDR_OK && !ret_found->is_forwarder;
        if (status == LDR_OK && !self->is_done)
            status = step(self, ret_found);
    }
    return status;
}

static ldr_status end(walk *self, ldr_status status, const answer *found, const void **ret_address)
{
    ldr__os_free(self->dll);
    ldr__os_free(self->name);
    if (status == LDR_OK)
        *ret_address = found->address;
    return status;
}

ldr_status ldr__find_symbol(ldr_module *module, ldr_module *holder, const ldr__request *request,
                            const void **ret_address, ldr_diag *diag)
{
    answer found = {0};
    walk self = {.holder = holder, .module = module, .request = *request, .diag = diag};
    ldr_status status = go(&self, &found);
    return end(&self, status, &found, ret_address);
}

/* ---- For the program and the guest ---- */

/* A forwarder may lead to a DLL that is not loaded yet: a load of its own, on the module's account.
 */
static ldr_status find_locked(ldr_module *module, const ldr__request *request,
                              const void **ret_address, ldr_diag *diag)
{
    const ldr_load_options defaults = {0};
    const void *address = NULL;
    ldr_context *ctx = module->ctx;
    ldr_module *last = ctx->last;
    ldr__load load = ldr__load_begin(ctx);
    ldr__os_guard_begin();
    ldr_status status = ldr__find_symbol(module, module, request, &address, diag);
    if (ldr__os_guard_end())
        status = ldr__fail(diag, LDR_IO_ERROR, PE_NT_IN_PAGE_ERROR, module->path);
    if (status == LDR_OK)
        status = ldr__announce_hosts(module, diag);
    if (ctx->last == last) /* nearly always: nothing has come in that is to be finished */
        ldr__load_drop(ctx, load);
    else
        status = ldr__load_finish(ctx, load, NULL, &defaults, status, diag);
    if (status == LDR_OK)
        *ret_address = address;
    return status;
}

/*
 * Nearly always forwarders lead to what is there already. LDR_DLL_NOT_FOUND where they do not. A
 * host module at the end may have the system's loader look, whose lock comes before the table's.
 */
static ldr_status find_quickly(ldr_module *module, const ldr__request *request,
                               const void **ret_address, ldr_diag *diag)
{
    answer found = {0};
    walk self = {
        .holder = module, .module = module, .request = *request, .is_quick = true, .diag = diag};
    ldr__table_lock(module->ctx);
    ldr__os_guard_begin();
    ldr_status status = go(&self, &found);
    if (ldr__os_guard_end())
        status = ldr__fail(diag, LDR_IO_ERROR, PE_NT_IN_PAGE_ERROR, module->path);
    ldr__table_unlock(module->ctx);
    if (status == LDR_OK && !self.is_done)
        status = ask(&self, &found);
    return end(&self, status, &found, ret_address);
}

static ldr_status find_and_load(ldr_module *module, const ldr__request *request, bool is_guests,
                                const void **ret_address, ldr_diag *diag)
{
    ldr_thread_scope scope;
    ldr_context *ctx = module->ctx; /* which outlives a module that guest code unloads */
    ldr_status status = ldr_thread_enter(ctx, &scope);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), module->name);
    status = ldr__loader_lock_for(ctx, is_guests);
    if (status == LDR_OK) {
        status = find_locked(module, request, ret_address, diag);
        ldr__loader_leave(ctx);
    } else {
        ldr__fail(diag, status, ldr__nt_status_of(status), module->name);
    }
    ldr_thread_leave(&scope);
    return status;
}

static ldr_status find_forwarded(ldr_module *module, const ldr__request *request, bool is_guests,
                                 const void **ret_address, ldr_diag *diag)
{
    ldr_status status = find_quickly(module, request, ret_address, diag);
    if (status != LDR_DLL_NOT_FOUND)
        return status;
    return find_and_load(module, request, is_guests, ret_address, diag);
}

/*
 * What a module has itself is found without a lock, and forwarders to what is there without the
 * loader lock, which is held as long as some DllMain runs.
 */
static ldr_status find(ldr_module *module, const ldr__request *request, bool is_guests,
                       const void **ret_address, ldr_diag *diag)
{
    answer found;
    ldr__os_guard_begin();
    bool is_there = look_up(module, request, &found);
    if (ldr__os_guard_end())
        return ldr__fail(diag, LDR_IO_ERROR, PE_NT_IN_PAGE_ERROR, module->path);
    if (!is_there)
        return not_found(module, request, diag);
    if (found.is_forwarder)
        return find_forwarded(module, request, is_guests, ret_address, diag);
    *ret_address = found.address;
    return LDR_OK;
}

static ldr__request request_for(const char *name, uint32_t ordinal)
{
    if (!name)
        return (ldr__request){.by_ordinal = true, .ordinal = ordinal};
    return (ldr__request){.name = ldr__span_of(name), .hint = UINT32_MAX};
}

static ldr_status find_named(ldr_module *module, const char *name, uint32_t ordinal, bool is_guests,
                             void **ret_address, ldr_diag *diag)
{
    const void *address = NULL;
    ldr__request request = request_for(name, ordinal);
    ldr_status status = find(module, &request, is_guests, &address, diag);
    if (status == LDR_OK)
        *ret_address = (void *)(uintptr_t)address;
    return status;
}

ldr_status ldr_symbol_find(ldr_module *module, const char *name, uint32_t ordinal,
                           void **ret_address, ldr_diag *diag)
{
    if (!module || !ret_address)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    return find_named(module, name, ordinal, false, ret_address, diag);
}

ldr_status ldr__guest_symbol(ldr_module *module, const char *name, uint32_t ordinal,
                             void **ret_address, ldr_diag *diag)
{
    return find_named(module, name, ordinal, true, ret_address, diag);
}

void *ldr_symbol(ldr_module *module, const char *name)
{
    void *address = NULL;
    return name && ldr_symbol_find(module, name, 0, &address, NULL) == LDR_OK ? address : NULL;
}

void *ldr_symbol_ordinal(ldr_module *module, uint32_t ordinal)
{
    void *address = NULL;
    return ldr_symbol_find(module, NULL, ordinal, &address, NULL) == LDR_OK ? address : NULL;
}
