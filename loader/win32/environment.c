#include "modules/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "win32/children.h"
#include "win32/crt/tables.h"
#include "win32/kernel32/kernel32.h"
#include "win32/loader_data.h"
#include "win32/seh/seh.h"
#include "win32/seh/tables.h"
#include "win32/state.h"
#include "win32/tables.h"
#include "win32/trace/trace.h"

/* ---- Host modules ---- */

static ldr_status add_tables(ldr_context *ctx, const ldr__host_table *const *tables, size_t count)
{
    ldr_status status = LDR_OK;
    for (size_t i = 0; i < count && status == LDR_OK; i++)
        status = ldr_host_module_add(ctx, tables[i]->module, tables[i]->exports, tables[i]->count);
    return status;
}

static ldr_status add_host_modules(ldr_context *ctx)
{
    ldr_status status = add_tables(ctx, ldr__system_tables, ldr__system_table_count);
    if (status == LDR_OK)
        status = add_tables(ctx, ldr__crt_tables, ldr__crt_table_count);
    if (status == LDR_OK)
        status = add_tables(ctx, ldr__seh_host_tables, ldr__seh_host_table_count);
    return status;
}

/* ---- Other processes ---- */

static void free_command(ldr__process *process)
{
    for (size_t i = 0; i < process->command_count; i++)
        free(process->command[i]);
    free(process->command);
}

static ldr_status copy_command(ldr__process *process, const ldr_context_options *options)
{
    size_t count = options->process_command_count;
    if (count == 0)
        return LDR_OK;
    if ((process->command = calloc(count, sizeof *process->command)) == NULL)
        return LDR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        process->command[i] = strdup(options->process_command[i]);
        if (process->command[i] == NULL)
            return LDR_NO_MEMORY;
        process->command_count++;
    }
    return LDR_OK;
}

static ldr_status read_options(ldr__process *process, const ldr_context_options *options)
{
    ldr_status status = copy_command(process, options);
    if (status == LDR_OK && options->process_start != 0)
        status = ldr__start_open(process, options->process_start);
    return status;
}

/* ---- The state of a context ---- */

static void environment_destroy(void *state)
{
    ldr__process *process = state;
    if (process == NULL)
        return;
    ldr__threads_destroy(process);
    ldr__loader_data_destroy(process);
    if (process->crt != NULL)
        ldr__crt_destroy(process);
    if (process->seh != NULL)
        ldr__seh_destroy(process);
    ldr__data_files_destroy(process);
    ldr__children_destroy(process);
    ldr__handles_destroy(process);
    if (process->start != NULL && process->start_failure != 0)
        ldr__start_exit(process->start, process->start_failure);
    ldr__start_close(process);
    free_command(process);
    ldr__stubs_destroy(process);
    ldr__trace_destroy(process);
    ldr__heaps_destroy(process);
    ldr__memory_destroy(process);
    ldr__strings_destroy(process);
    ldr__dynamic_tls_destroy(process);
    ldr__tls_destroy(process);
    ldr__locale_destroy(process);
    ldr__waits_destroy(process);
    pthread_cond_destroy(&process->changed);
    pthread_mutex_destroy(&process->lock);
    free(process->peb);
    free(process);
}

static ldr__process *process_new(ldr_context *ctx)
{
    ldr__process *process = calloc(1, sizeof *process);
    ldr__peb *peb = calloc(1, sizeof *peb);
    pthread_condattr_t monotonic;
    if (process == NULL || peb == NULL) {
        free(process);
        free(peb);
        return NULL;
    }
    process->ctx = ctx;
    process->peb = peb;
    pthread_mutex_init(&process->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&process->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return process;
}

static ldr_status environment_create(ldr_context *ctx, const ldr_context_options *options,
                                     void **ret_state)
{
    static ldr_status (*const parts[])(ldr__process *) = {
        ldr__waits_create,       ldr__locale_create,  ldr__tls_create,
        ldr__dynamic_tls_create, ldr__strings_create, ldr__memory_create,
        ldr__heaps_create,       ldr__handles_create, ldr__standard_handles_create,
        ldr__seh_create,         ldr__crt_create,     ldr__loader_data_create,
    };
    ldr__faults_install();
    ldr__process *process = process_new(ctx);
    if (process == NULL)
        return LDR_NO_MEMORY;
    /* First: the C runtimes look for their variables in the context. */
    ldr_status status = add_host_modules(ctx);
    if (status == LDR_OK)
        status = read_options(process, options);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == LDR_OK; i++)
        status = parts[i](process);
    if (status != LDR_OK) {
        environment_destroy(process);
        return status;
    }
    *ret_state = process;
    return LDR_OK;
}

static ldr_status
environment_path_folders(void *state, bool (*visit)(void *user, const char *folder), void *user)
{
    return ldr__path_folders_each(state, visit, user);
}

/* "Z:a" is relative to the current folder, and no bare name. */
static ldr_status environment_host_path(void *state, const char *guest_path, char **ret_path)
{
    (void)state;
    char *host = ldr__path_to_host(guest_path);
    if (host == NULL)
        return errno == ENOMEM ? LDR_NO_MEMORY : LDR_FILE_NOT_FOUND;
    char *path = ldr__os_alloc(strlen(host) + sizeof "./");
    if (path != NULL) {
        strcpy(path, strchr(host, '/') != NULL ? "" : "./");
        strcat(path, host);
    }
    free(host);
    if (path == NULL)
        return LDR_NO_MEMORY;
    *ret_path = path;
    return LDR_OK;
}

static bool environment_busy(void *state)
{
    ldr__process *process = state;
    return atomic_load(&process->guest_threads) > 0;
}

/* ---- Threads, modules ---- */

static ldr_status environment_thread_enter(void *state, ldr_thread_scope *ret_scope)
{
    return ldr__thread_enter(state, ret_scope);
}

static void environment_thread_leave(void *state, ldr_thread_scope *scope)
{
    ldr__thread_leave(state, scope);
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
    ldr_status status = ldr__loader_data_added(state, module);
    if (status != LDR_OK)
        return status;
    status = ldr__seh_module_added(state, module);
    if (status != LDR_OK)
        ldr__loader_data_removed(state, module);
    return status;
}

static void environment_module_removed(void *state, ldr_module *module)
{
    ldr__seh_module_removed(state, module);
    ldr__loader_data_removed(state, module);
}

static void environment_module_begins(void *state, ldr_module *module)
{
    ldr__loader_data_begins(state, module);
}

static void environment_module_ended(void *state, ldr_module *module)
{
    ldr__loader_data_ended(state, module);
}

static void environment_module_counted(void *state, ldr_module *module)
{
    (void)state;
    ldr__loader_data_counted(module);
}

/* ---- Running ---- */

enum { STATUS_DLL_INIT_FAILED = 0xC0000142 };

static bool environment_call_entry(void *state, void *function, void *base, uint32_t reason,
                                   void *reserved, uint32_t *ret_result, uint32_t *ret_exception)
{
    uint64_t result = 0;
    uint32_t exception = 0;
    (void)state;
    switch (ldr__guest_call(function, base, reason, reserved, &result, &exception)) {
    case LDR__CALL_RETURNED:
        *ret_result = (uint32_t)result;
        return true;
    case LDR__CALL_RAISED:
        *ret_exception = exception;
        return false;
    default: /* it ended its thread or process */
        *ret_exception = STATUS_DLL_INIT_FAILED;
        return false;
    }
}

static ldr_status environment_run(void *state, ldr_module *module, void *entry, int argc,
                                  const char *const *argv, uint32_t *ret_exit_code, ldr_diag *diag)
{
    ldr__process *process = state;
    ldr_status status = LDR_OK;
    if (process->start == NULL) {
        process->argc = argc;
        process->argv = argv;
        status = ldr__strings_set_arguments(process);
    }
    if (status == LDR_OK)
        status = ldr__run_program(process, module, entry, ret_exit_code);
    if (status == LDR_OK && process->start != NULL)
        ldr__start_exit(process->start, *ret_exit_code);
    if (status != LDR_OK && diag != NULL)
        *diag = (ldr_diag){.status = status, .why.nt_status = PE_NT_NO_MEMORY};
    return status;
}

static const void *environment_exception_address(void *state)
{
    ldr__process *process = state;
    return (const void *)(uintptr_t)atomic_load(&process->exception_address);
}

static const void *environment_function_at(void *state, const void *address)
{
    (void)state;
    return (const void *)(uintptr_t)ldr__host_function_at((uintptr_t)address);
}

/* A program that ends while it is loaded has chosen its exit code. */
static void environment_load_failed(void *state, uint32_t nt_status)
{
    ldr__process *process = state;
    process->start_failure =
        atomic_load(&process->exiting) ? atomic_load(&process->exit_code) : nt_status;
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

static void *environment_trace_create(void *state, const ldr__trace_site *site)
{
    return ldr__trace_create(state, site);
}

static void environment_trace_release(void *state, const ldr_module *module)
{
    ldr__trace_release(state, module);
}

/* Host modules are added before any thread has entered. */
static uint32_t environment_trace_depth(void *state)
{
    (void)state;
    return ldr__live_thread_here() != NULL ? ldr__trace_depth() : 0;
}

const ldr__environment ldr__default_environment = {
    .create = environment_create,
    .destroy = environment_destroy,
    .busy = environment_busy,
    .path_folders = environment_path_folders,
    .host_path = environment_host_path,
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
    .trace_create = environment_trace_create,
    .trace_release = environment_trace_release,
    .trace_depth = environment_trace_depth,
};
