#include "native/state.h"

#include "os/os.h"

/* ---- Contexts ---- */

static ldr_status environment_create(ldr_context *ctx, const ldr_context_options *options,
                                     void **ret_state)
{
    ldr__native *native = ldr__os_alloc(sizeof *native);
    (void)options;
    if (native == NULL)
        return LDR_NO_MEMORY;
    native->ctx = ctx;
    InitializeSRWLock(&native->lock);
    ldr__tls_threads_open();
    ldr__contexts_add(native);
    *ret_state = native;
    return LDR_OK;
}

static void environment_destroy(void *state)
{
    ldr__native *native = state;
    if (native == NULL)
        return;
    ldr__contexts_remove(native);
    ldr__stubs_destroy(native);
    ldr__tls_destroy(native);
    ldr__os_free(native->owed);
    ldr__os_free(native);
}

static ldr_status
environment_path_folders(void *state, bool (*visit)(void *user, const char *folder), void *user)
{
    (void)state;
    return ldr__paths_each_folder(visit, user);
}

static ldr_status environment_host_path(void *state, const char *guest_path, char **ret_path)
{
    (void)state;
    return ldr__paths_to_host(guest_path, ret_path);
}

/* Threads are the system's: as with its own loader, the guest sees to it that they have ended. */
static bool environment_busy(void *state)
{
    (void)state;
    return false;
}

/* ---- Threads, modules ---- */

static ldr_status environment_thread_enter(void *state, ldr_thread_scope *ret_scope)
{
    ldr__native *native = state;
    ldr_status status = ldr__thread_settle(native);
    if (status == LDR_OK)
        *ret_scope = (ldr_thread_scope){.ctx = native->ctx};
    return status;
}

static void environment_thread_leave(void *state, ldr_thread_scope *scope)
{
    (void)state;
    (void)scope;
}

static ldr_status environment_tls_add(void *state, const ldr__tls_template *tls, uint32_t *ret_slot)
{
    return ldr__tls_add(state, tls, ret_slot);
}

static void environment_tls_remove(void *state, uint32_t slot)
{
    ldr__tls_remove(state, slot);
}

static ldr_status environment_module_added(void *state, ldr_module *module)
{
    (void)state;
    return ldr__unwind_added(module);
}

static void environment_module_removed(void *state, ldr_module *module)
{
    (void)state;
    ldr__unwind_removed(module);
}

static void environment_module_begins(void *state, ldr_module *module)
{
    ldr__native *native = state;
    (void)module;
    atomic_fetch_add(&native->attached, 1);
}

static void environment_module_ended(void *state, ldr_module *module)
{
    ldr__native *native = state;
    (void)module;
    atomic_fetch_sub(&native->attached, 1);
}

static void environment_module_counted(void *state, ldr_module *module)
{
    (void)state;
    (void)module;
}

/* ---- Running ---- */

static bool environment_call_entry(void *state, void *function, void *base, uint32_t reason,
                                   void *reserved, uint32_t *ret_result, uint32_t *ret_exception)
{
    ldr__native *native = state;
    ldr__guarded call = {.function = function,
                         .arguments = {base, (void *)(uintptr_t)reason, reserved}};
    bool returned = ldr__call_guarded(&call);
    if (returned) {
        *ret_result = call.result;
    } else {
        *ret_exception = call.exception;
        atomic_store(&native->exception_address, call.address);
    }
    return returned;
}

static ldr_status environment_run(void *state, ldr_module *module, void *entry, int argc,
                                  const char *const *argv, uint32_t *ret_exit_code, ldr_diag *diag)
{
    ldr_status status = ldr__run_program(state, module, entry, ret_exit_code);
    (void)argc; /* the guest asks the system for the command line, which is the process's */
    (void)argv;
    if (status != LDR_OK && diag != NULL)
        *diag = (ldr_diag){.status = status, .why.nt_status = PE_NT_NO_MEMORY};
    return status;
}

static const void *environment_exception_address(void *state)
{
    ldr__native *native = state;
    return atomic_load(&native->exception_address);
}

static const void *environment_function_at(void *state, const void *address)
{
    DWORD64 base = 0;
    (void)state;
    RUNTIME_FUNCTION *function = RtlLookupFunctionEntry((uintptr_t)address, &base, NULL);
    return function != NULL ? (const uint8_t *)(uintptr_t)base + function->BeginAddress : NULL;
}

/* Nobody waits: processes are started by the system. */
static void environment_load_failed(void *state, uint32_t nt_status)
{
    (void)state;
    (void)nt_status;
}

static void *environment_stub_create(void *state, ldr_module *importer,
                                     const ldr_missing_import *import,
                                     const ldr_load_options *options)
{
    return ldr__stub_create(state, importer, import, options);
}

static void environment_stubs_release(void *state, ldr_module *importer)
{
    ldr__stubs_release(state, importer);
}

const ldr__environment ldr__default_environment = {
    .create = environment_create,
    .destroy = environment_destroy,
    .path_folders = environment_path_folders,
    .host_path = environment_host_path,
    .busy = environment_busy,
    .thread_enter = environment_thread_enter,
    .thread_leave = environment_thread_leave,
    .tls_add = environment_tls_add,
    .tls_remove = environment_tls_remove,
    .module_added = environment_module_added,
    .module_removed = environment_module_removed,
    .module_begins = environment_module_begins,
    .module_ended = environment_module_ended,
    .module_counted = environment_module_counted,
    .call_entry = environment_call_entry,
    .run = environment_run,
    .exception_address = environment_exception_address,
    .function_at = environment_function_at,
    .load_failed = environment_load_failed,
    .stub_create = environment_stub_create,
    .stubs_release = environment_stubs_release,
    .system_find = ldr__system_find,
    .system_release = ldr__system_release,
    .system_symbol = ldr__system_symbol,
    .path_root = ldr__paths_root,
};
