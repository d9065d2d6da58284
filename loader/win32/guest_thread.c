#include <semaphore.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "win32/start.h"
#include "win32/state.h"
#include "win32/wait.h"

enum {
    STATUS_DLL_INIT_FAILED = 0xC0000142,
    EXCEPTION_NONCONTINUABLE = 1,
    CREATE_SUSPENDED = 4,
    /* On top of what the guest asks for: host functions run on its stacks. */
    HOST_STACK = 0x40000,
    DEFAULT_STACK = 0x100000,
    /* How long ldr_run waits for threads of a process that has ended to notice, in ms. */
    GRACE = 200,
};

/* ---- The way out of guest code ---- */

/* A place that ExitThread and ExitProcess go back to. */
typedef struct exit_scope {
    void *jump[5];
    struct exit_scope *outer;
} exit_scope;

typedef struct guest_call {
    void *function, *a, *c;
    uint64_t b, result;
    uint32_t exception;
} guest_call;

/* A function of its own: what __builtin_setjmp returns to must stay on the stack. */
static __attribute__((noinline)) ldr__call_outcome call_in_scope(exit_scope *scope,
                                                                 guest_call *call)
{
    if (__builtin_setjmp(scope->jump) != 0)
        return LDR__CALL_EXITED;
    if (ldr__seh_call(call->function, call->a, call->b, call->c, &call->result, &call->exception))
        return LDR__CALL_RETURNED;
    return LDR__CALL_RAISED;
}

ldr__call_outcome ldr__guest_call(void *function, void *a, uint64_t b, void *c,
                                  uint64_t *ret_result, uint32_t *ret_exception)
{
    ldr__thread *thread = ldr__thread_self();
    guest_call call = {function, a, c, b, 0, 0};
    exit_scope scope = {.outer = thread->exit_jump};
    struct ldr__seh_frame *frames = thread->seh_frames;
    thread->exit_jump = &scope;
    ldr__call_outcome outcome = call_in_scope(&scope, &call);
    thread->exit_jump = scope.outer;
    if (outcome == LDR__CALL_EXITED) {
        thread->seh_frames = frames;
        ldr__crt_streams_leave(thread, (uintptr_t)__builtin_frame_address(0));
        *ret_result = thread->exit_code;
        thread->exit_pending = scope.outer != NULL;
    } else if (outcome == LDR__CALL_RETURNED) {
        *ret_result = call.result;
    } else {
        *ret_exception = call.exception;
    }
    return outcome;
}

static _Noreturn void jump_out(ldr__thread *thread)
{
    exit_scope *scope = thread->exit_jump;
    if (scope != NULL) {
        thread->exit_pending = true;
        __builtin_longjmp(scope->jump, 1);
    }
    ldr__seh_raise(STATUS_DLL_INIT_FAILED, EXCEPTION_NONCONTINUABLE, 0, NULL);
    abort();
}

void ldr__thread_continue_exit(void)
{
    ldr__thread *thread = ldr__thread_self();
    if (thread->exit_pending)
        jump_out(thread);
}

/* ---- The end of a process ---- */

/* True for the one thread that ends the process. */
static bool begin_process_end(ldr__thread *thread, DWORD exit_code)
{
    ldr__process *process = thread->process;
    ldr__thread *nobody = NULL;
    if (!atomic_compare_exchange_strong(&process->exit_thread, &nobody, thread))
        return false;
    atomic_store(&process->exit_code, exit_code);
    atomic_store(&process->exiting, true);
    ldr__wait_wake_all(process);
    pthread_mutex_lock(&process->lock);
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
    return true;
}

_Noreturn void ldr__process_exit(DWORD exit_code)
{
    ldr__thread *thread = ldr__thread_self();
    if (begin_process_end(thread, exit_code)) {
        ldr__fls_thread_detach(thread);
        ldr__modules_process_detach(thread->process->ctx);
    } else if (atomic_load(&thread->process->exit_thread) == thread) {
        atomic_store(&thread->process->exit_code, exit_code); /* in a DllMain that is told of it */
    }
    thread->exit_code = exit_code;
    jump_out(thread);
}

/* Without notifications, also when the context is destroyed. */
static void end_process_at_once(ldr__thread *thread, DWORD exit_code)
{
    ldr__modules_abandon(thread->process->ctx);
    begin_process_end(thread, exit_code);
}

_Noreturn void ldr__process_terminate(DWORD exit_code)
{
    ldr__thread *thread = ldr__thread_self();
    end_process_at_once(thread, exit_code);
    thread->exit_code = exit_code;
    jump_out(thread);
}

void ldr__thread_stop_if_exiting(void)
{
    ldr__thread *thread = ldr__thread_self();
    ldr__process *process = thread->process;
    if (!atomic_load(&process->exiting) || atomic_load(&process->exit_thread) == thread ||
        !thread->made_by_guest)
        return;
    thread->exit_code = atomic_load(&process->exit_code);
    jump_out(thread);
}

/* ---- The end of a thread ---- */

static void notify_thread_end(ldr__thread *thread)
{
    ldr__fls_thread_detach(thread);
    ldr__modules_thread_notify(thread->process->ctx, LDR__THREAD_DETACH);
}

/* With its last thread a program ends. */
static bool is_last_of_program(const ldr__thread *thread)
{
    return thread->made_by_guest && thread->process->is_running &&
           atomic_load(&thread->process->guest_threads) == 1;
}

_Noreturn void ldr__thread_exit(DWORD exit_code)
{
    ldr__thread *thread = ldr__thread_self();
    if (is_last_of_program(thread))
        ldr__process_exit(exit_code);
    notify_thread_end(thread);
    thread->exit_code = exit_code;
    jump_out(thread);
}

_Noreturn void ldr__thread_terminate(DWORD exit_code)
{
    ldr__thread *thread = ldr__thread_self();
    if (is_last_of_program(thread))
        ldr__process_terminate(exit_code);
    thread->exit_code = exit_code;
    jump_out(thread);
}

/* The last that a guest thread does with its process. */
static void finish_thread(ldr__thread *thread)
{
    ldr__process *process = thread->process;
    ldr__crt_thread_detach(thread);
    ldr__wait_abandon_mutexes(thread);
    thread->object->exit_code = thread->exit_code;
    pthread_mutex_lock(&process->lock);
    atomic_store(&thread->ended, true);
    atomic_fetch_sub(&process->guest_threads, 1);
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
    /* Last, so that who waits for the thread does not find the process still busy with it. Who
     * releases the process joins the thread first. */
    ldr__wait_lock(process);
    thread->object->ended = true;
    ldr__waitable_changed(&thread->object->waitable);
    ldr__wait_unlock(process);
}

/* ---- Guest threads ---- */

/* On the creator's stack until the new thread has said whether it has started. */
typedef struct start_request {
    ldr__process *process;
    ldr__thread_object *object;
    void *start, *parameter;
    ldr_module *program; /* for the main thread, whose return ends the process; else NULL */
    bool started;
    sem_t answered;
} start_request;

static void wait_until_resumed(ldr__thread *thread)
{
    ldr__process *process = thread->process;
    pthread_mutex_lock(&process->lock);
    while (thread->object->suspend_count > 0 && !atomic_load(&process->exiting))
        pthread_cond_wait(&process->changed, &process->lock);
    pthread_mutex_unlock(&process->lock);
}

/* The return of a thread's start function; in a scope, since notifications run guest code. */
static LDR_WINAPI uint64_t end_after_return(void *program, uint64_t code, void *unused)
{
    (void)unused;
    if (program != NULL)
        ldr__process_exit((DWORD)code);
    ldr__thread_exit((DWORD)code);
}

static void run_guest_thread(ldr__thread *thread, const start_request *request)
{
    uint64_t result = 0;
    uint32_t exception = 0;
    wait_until_resumed(thread);
    if (atomic_load(&thread->process->exiting))
        return;
    ldr__modules_thread_notify(thread->process->ctx, LDR__THREAD_ATTACH);
    if (request->program != NULL)
        ldr__modules_program_begins(request->program);
    ldr__call_outcome outcome =
        ldr__guest_call(request->start, request->parameter, 0, NULL, &result, &exception);
    if (outcome == LDR__CALL_RETURNED)
        outcome = ldr__guest_call((void *)end_after_return, request->program, result, NULL, &result,
                                  &exception);
    if (outcome == LDR__CALL_RAISED) {
        /* Nobody handled it: Windows ends the process with the exception's code. */
        thread->exit_code = exception;
        end_process_at_once(thread, exception);
    }
}

/* CreateProcess has told the id of the main thread before there was one: that of the process. */
static void take_known_id(ldr__thread *thread)
{
    thread->teb.thread_id = thread->teb.process_id;
    thread->object->id = (DWORD)thread->teb.process_id;
}

static void *guest_thread_main(void *user)
{
    start_request *shared = user, request = *shared;
    ldr__thread *thread = ldr__thread_new(request.process, request.object);
    shared->started = thread != NULL;
    sem_post(&shared->answered);
    if (thread == NULL)
        return NULL;
    if (request.program != NULL && request.process->start != NULL)
        take_known_id(thread);
    ldr__gs_set((uint64_t)(uintptr_t)thread);
    run_guest_thread(thread, &request);
    ldr__fault_thread_end(thread);
    finish_thread(thread);
    return NULL;
}

/* Creates the host's thread; it has its block when this returns. */
static DWORD start_thread(start_request *request, size_t stack_size)
{
    pthread_t host;
    pthread_attr_t attributes;
    ldr__process *process = request->process;
    if (stack_size > SIZE_MAX - HOST_STACK - 0x10000)
        return ERROR_NOT_ENOUGH_MEMORY;
    stack_size = (stack_size + HOST_STACK + 0xFFFF) & ~(size_t)0xFFFF;
    ldr__threads_reap(process);
    sem_init(&request->answered, 0, 0);
    pthread_attr_init(&attributes);
    int failed = pthread_attr_setstacksize(&attributes, stack_size);
    atomic_fetch_add(&process->guest_threads, 1);
    atomic_fetch_add(&request->object->waitable.object.references, 1);
    if (failed == 0)
        failed = pthread_create(&host, &attributes, guest_thread_main, request);
    if (failed != 0)
        ldr__object_release(&request->object->waitable.object);
    while (failed == 0 && sem_wait(&request->answered) != 0)
        continue; /* a signal handler ran */
    if (failed == 0 && !request->started)
        pthread_join(host, NULL);
    if (failed != 0 || !request->started)
        atomic_fetch_sub(&process->guest_threads, 1);
    pthread_attr_destroy(&attributes);
    sem_destroy(&request->answered);
    return failed == 0 && request->started ? ERROR_SUCCESS : ERROR_NOT_ENOUGH_MEMORY;
}

static size_t program_stack(ldr__process *process)
{
    ldr_module *program = ldr__module_main(process->ctx);
    const ldr_view *view = program ? ldr_module_view(program) : NULL;
    uint64_t reserve = view ? ldr_view_image(view)->optional.stack_reserve : 0;
    return reserve ? (size_t)reserve : DEFAULT_STACK;
}

/* A handle with a reference of its own; NULL when out of memory. */
static HANDLE handle_for(ldr__process *process, ldr__thread_object *object)
{
    atomic_fetch_add(&object->waitable.object.references, 1);
    return ldr__handle_new(process, &object->waitable.object);
}

DWORD ldr__thread_create(ldr__process *process, size_t stack_size, DWORD(LDR_WINAPI *start)(void *),
                         void *parameter, DWORD flags, HANDLE *ret_handle, DWORD *ret_thread_id)
{
    if (atomic_load(&process->exiting))
        return ERROR_ACCESS_DENIED; /* rule E65 */
    ldr__thread_object *object =
        ldr__waitable_new(process, LDR__OBJECT_THREAD, sizeof(ldr__thread_object));
    if (object == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    start_request request = {
        .process = process, .object = object, .start = (void *)start, .parameter = parameter};
    object->suspend_count = flags & CREATE_SUSPENDED ? 1 : 0;
    if (stack_size < DEFAULT_STACK)
        stack_size = stack_size ? DEFAULT_STACK : program_stack(process);
    /* Before the thread: once that runs, nothing may fail any more. */
    HANDLE handle = ret_handle ? handle_for(process, object) : NULL;
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    if (ret_handle == NULL || handle != NULL)
        error = start_thread(&request, stack_size);
    if (error == ERROR_SUCCESS && ret_thread_id != NULL)
        *ret_thread_id = object->id;
    if (error == ERROR_SUCCESS && ret_handle != NULL)
        *ret_handle = handle;
    else if (handle != NULL)
        ldr__handle_close(process, handle);
    ldr__object_release(&object->waitable.object);
    return error;
}

/* ---- ldr_run ---- */

/* Waits for the end of the program, and a moment for threads that are about to notice it. */
static void wait_for_program(ldr__process *process)
{
    struct timespec deadline;
    pthread_mutex_lock(&process->lock);
    while (atomic_load(&process->guest_threads) > 0 && !atomic_load(&process->exiting))
        pthread_cond_wait(&process->changed, &process->lock);
    /* The thread that ends the process has notifications to send: no deadline for it. */
    ldr__thread *last = atomic_load(&process->exit_thread);
    while (last != NULL && last->made_by_guest && !atomic_load(&last->ended))
        pthread_cond_wait(&process->changed, &process->lock);
    deadline = ldr__deadline_after(GRACE);
    while (atomic_load(&process->guest_threads) > 0)
        if (pthread_cond_timedwait(&process->changed, &process->lock, &deadline) != 0)
            break;
    pthread_mutex_unlock(&process->lock);
}

ldr_status ldr__run_program(ldr__process *process, ldr_module *module, void *entry,
                            uint32_t *ret_exit_code)
{
    ldr__thread_object *object =
        ldr__waitable_new(process, LDR__OBJECT_THREAD, sizeof(ldr__thread_object));
    if (object == NULL)
        return LDR_NO_MEMORY;
    process->peb->image_base = ldr_module_base(module);
    process->is_running = true;
    start_request request = {.process = process,
                             .object = object,
                             .start = entry,
                             .parameter = process->peb,
                             .program = module};
    if (process->start != NULL)
        ldr__start_wait_resumed(process->start);
    DWORD error = start_thread(&request, program_stack(process));
    if (error == ERROR_SUCCESS) {
        wait_for_program(process);
        if (!atomic_load(&process->exiting))
            ldr__modules_process_detach(process->ctx);
        *ret_exit_code =
            atomic_load(&process->exiting) ? atomic_load(&process->exit_code) : object->exit_code;
    }
    ldr__object_release(&object->waitable.object);
    return error == ERROR_SUCCESS ? LDR_OK : LDR_NO_MEMORY;
}
