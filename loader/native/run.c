/* run.c: a program, on a thread of its own. */
#include "native/state.h"

#include <winternl.h>

NTSYSAPI PEB *NTAPI RtlGetCurrentPeb(void);

typedef struct start {
    ldr__native *native;
    ldr_module *module;
    void *entry;
} start;

/* What the guest gets is what a process's first thread gets: its PEB. */
static DWORD WINAPI run_thread(void *argument)
{
    start *self = argument;
    ldr__guarded call = {
        .function = self->entry, .arguments = {RtlGetCurrentPeb()}, .asks_filter = true};
    ldr__modules_program_begins(self->module);
    if (ldr__call_guarded(&call))
        return call.result;
    atomic_store(&self->native->exception_address, call.address);
    ldr__modules_abandon(self->native->ctx);
    return call.exception;
}

/* Of the program's threads its TLS callbacks are told, as long as it runs. */
ldr_status ldr__run_program(ldr__native *native, ldr_module *module, void *entry,
                            uint32_t *ret_exit_code)
{
    start self = {native, module, entry};
    DWORD exit_code = 0;
    atomic_fetch_add(&native->attached, 1);
    uint64_t stack = ldr_view_image(ldr_module_view(module))->optional.stack_reserve;
    HANDLE thread = CreateThread(NULL, (SIZE_T)stack, run_thread, &self,
                                 STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (thread == NULL) {
        atomic_fetch_sub(&native->attached, 1);
        return LDR_NO_MEMORY;
    }
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &exit_code);
    CloseHandle(thread);
    ldr__modules_process_detach(native->ctx);
    atomic_fetch_sub(&native->attached, 1);
    *ret_exit_code = exit_code;
    return LDR_OK;
}
