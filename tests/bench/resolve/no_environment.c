/*
 * An environment without a Windows in it: no host modules, nothing runs. Linked before the
 * library's own, so that all DLLs are those of the folder.
 */
#include "modules/environment.h"

static ldr_status create(ldr_context *ctx, const ldr_context_options *options, void **ret_state)
{
    (void)options;
    *ret_state = ctx;
    return LDR_OK;
}

static void destroy(void *state)
{
    (void)state;
}

static bool busy(void *state)
{
    (void)state;
    return false;
}

static ldr_status thread_enter(void *state, ldr_thread_scope *ret_scope)
{
    *ret_scope = (ldr_thread_scope){.ctx = state};
    return LDR_OK;
}

static void thread_leave(void *state, ldr_thread_scope *scope)
{
    (void)state;
    (void)scope;
}

static ldr_status tls_add(void *state, const ldr__tls_template *tls, uint32_t *ret_slot)
{
    (void)state;
    (void)tls;
    *ret_slot = 0;
    return LDR_OK;
}

static void tls_remove(void *state, uint32_t slot)
{
    (void)state;
    (void)slot;
}

static ldr_status module_added(void *state, ldr_module *module)
{
    (void)state;
    (void)module;
    return LDR_OK;
}

static void module_removed(void *state, ldr_module *module)
{
    (void)state;
    (void)module;
}

static bool call_entry(void *state, void *function, void *base, uint32_t reason, void *reserved,
                       uint32_t *ret_result, uint32_t *ret_exception)
{
    (void)state;
    (void)function;
    (void)base;
    (void)reason;
    (void)reserved;
    (void)ret_exception;
    *ret_result = 1;
    return true;
}

static void load_failed(void *state, uint32_t nt_status)
{
    (void)state;
    (void)nt_status;
}

const ldr__environment ldr__default_environment = {
    .create = create,
    .destroy = destroy,
    .busy = busy,
    .thread_enter = thread_enter,
    .thread_leave = thread_leave,
    .tls_add = tls_add,
    .tls_remove = tls_remove,
    .module_added = module_added,
    .module_removed = module_removed,
    .call_entry = call_entry,
    .load_failed = load_failed,
};
