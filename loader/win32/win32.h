/*
 * win32.h: what the files of the Windows environment share.
 *
 * One ldr__process stands for one guest process: everything of a context that Windows would keep
 * per process. One ldr__thread stands for one thread of it; its TEB is what GS points at. Host
 * functions run with GS so set and find both through ldr__thread_self().
 *
 * This folder holds what a process has whoever asks for it: threads, handles, text, paths, TLS.
 * What the guest imports is in the folders below, a file per topic: kernel32/ (and ntdll), crt/
 * (msvcrt, ucrtbase, vcruntime140), seh/ (exceptions and unwinding, for all of them), system/
 * (small parts of the other DLLs). A file's exports are lines of a table, an ldr__host_table; the
 * tables of each folder are listed in tables.c, crt/tables.c and seh/tables.c. fault/ is about the
 * exceptions that the processor raises in the guest.
 */
#ifndef PELOAD_WIN32_H
#define PELOAD_WIN32_H

#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>

#include "modules/environment.h"

/* ---- Guest types ---- */

/* Spelled as in Windows's headers where a signature is quoted; LLP64: long is 32 bits. */
typedef int32_t BOOL;
typedef uint32_t DWORD;
typedef int32_t LONG;
typedef uint32_t NTSTATUS;
typedef uint16_t WCHAR;
typedef void *HANDLE;
#define INVALID_HANDLE_VALUE ((HANDLE)(intptr_t)-1)

/* ---- Tables ---- */

typedef struct ldr__host_table {
    const char *module; /* "kernel32.dll" */
    const ldr_export *exports;
    size_t count;
} ldr__host_table;

#define LDR__FN(name)                           \
    {                                           \
#name, (const void *)guest_##name, 0, 0 \
    }
#define LDR__FN_AS(exported, function)           \
    {                                            \
        exported, (const void *)(function), 0, 0 \
    }
#define LDR__DATA(exported, initial)             \
    {                                            \
        exported, &(initial), 0, sizeof(initial) \
    }
#define LDR__TABLE(symbol, dll, lines) \
    const ldr__host_table symbol = {dll, lines, sizeof(lines) / sizeof((lines)[0])}

/* ---- Process ---- */

typedef struct ldr__thread ldr__thread;
typedef struct ldr__handles ldr__handles; /* handles.c */
typedef struct ldr__crt ldr__crt;         /* crt/state.c */
typedef struct ldr__seh ldr__seh; /* seh/state.c: unwind tables, vectored handlers, filters */

/* The start of the PEB, x64 offsets; what follows is zero. */
typedef struct ldr__peb {
    uint8_t inherited, read_image_options, being_debugged, bit_field;
    uint32_t padding;
    void *mutant;
    void *image_base; /* 0x10 */
    void *loader_data;
    void *process_parameters; /* 0x20 */
    void *sub_system_data;
    void *process_heap; /* 0x30 */
    uint8_t rest[0x7C8 - 0x38];
} ldr__peb;

typedef struct ldr__process {
    ldr_context *ctx;
    ldr__peb *peb;
    pthread_mutex_t lock;   /* guards threads, TLS slots */
    pthread_cond_t changed; /* a guest thread was resumed or ended, or the process is ending */
    ldr__thread *threads;   /* list */
    ldr__handles *handles;
    ldr__crt *crt;
    ldr__seh *seh;
    struct ldr__tls_slots *tls;            /* tls.c: those of modules */
    struct ldr__dynamic_tls *dynamic_tls;  /* kernel32/tls.c: TlsAlloc, FlsAlloc */
    struct ldr__waits *waits;              /* wait.c */
    struct ldr__data_file *data_files;     /* kernel32/datafile.c: list */
    struct ldr__loader_data *loader_data;  /* loader_data.c: PEB.Ldr */
    struct ldr__start *start;              /* start.c: what it was started with, or NULL */
    DWORD start_failure;                   /* why there is no program to run, or 0 */
    struct ldr__children *children;        /* children.c: the processes that it has started */
    struct ldr__memory *memory;            /* kernel32/pages.c */
    struct ldr__heap *heaps;               /* kernel32/heap.c: list, the process heap first */
    struct ldr__strings *strings;          /* kernel32/environment.c: variables and command line */
    struct ldr__stub *stubs;               /* stubs.c: list */
    struct ldr__stub_block *stub_blocks;   /* stubs.c: list */
    struct ldr__traced *traced;            /* trace/thunks.c: list, of those with an importer */
    struct ldr__traced *traced_alone;      /* trace/thunks.c: list, of the others */
    struct ldr__trace_block *trace_blocks; /* trace/thunks.c: list */
    locale_t locale;                       /* kernel32/locale.c: character kinds of Unicode */
    _Atomic(HANDLE) standard[3];           /* input, output, error */
    char **command;                        /* ldr_context_options.process_command */
    size_t command_count;
    int argc;
    const char *const *argv;  /* UTF-8; set by run, else the process name only */
    atomic_int guest_threads; /* that the guest made and that still run */
    bool is_running;          /* a program does: set before its main thread starts */
    atomic_bool exiting;
    _Atomic(ldr__thread *) exit_thread; /* the one that called ExitProcess, or NULL */
    atomic_uint exit_code;
    atomic_uintptr_t exception_address; /* where the latest was raised that nobody handled, or 0 */
} ldr__process;

/* ---- Threads ---- */

/* The TEB, x64 offsets, as far as code reads it from GS. */
typedef struct ldr__teb {
    void *exception_list;
    void *stack_base;  /* 0x08: highest address */
    void *stack_limit; /* 0x10 */
    void *sub_system_tib;
    void *fiber_data;
    void *arbitrary_user_pointer;
    struct ldr__teb *self; /* 0x30 */
    void *environment_pointer;
    uint64_t process_id; /* 0x40 */
    uint64_t thread_id;  /* 0x48 */
    void *active_rpc_handle;
    void **static_tls;   /* 0x58: ThreadLocalStoragePointer */
    ldr__peb *peb;       /* 0x60 */
    uint32_t last_error; /* 0x68 */
    uint8_t between[0x1478 - 0x6C];
    void *deallocation_stack; /* 0x1478: lowest address of the stack */
    void *tls_slots[64];      /* 0x1480 */
    void *tls_links[2];
    uint8_t after_links[0x1780 - 0x1690];
    void **tls_expansion; /* 0x1780 */
    uint8_t rest[0x2000 - 0x1788];
} ldr__teb;

struct ldr__thread {
    ldr__teb teb; /* first: GS points here */
    ldr__process *process;
    ldr__thread *next;
    pthread_t host; /* the thread it belongs to */
    uint32_t static_tls_capacity;
    int crt_errno;
    uint32_t crt_doserrno;
    void *crt;                            /* crt/state.c's own per-thread block, or NULL */
    struct ldr__crt_stream *held_streams; /* crt/stream.c's own: see there */
    void *fls;                            /* kernel32/tls.c's own: fiber-local values, or NULL */
    struct ldr__seh_frame *seh_frames;    /* seh/call.c's own: calls into the guest under way; who
                                             jumps out over some puts back what was there before */
    struct ldr__trace_calls *trace;       /* trace/calls.c's own: traced calls, or NULL */
    void *exit_jump; /* guest_thread.c's own: where ExitThread and ExitProcess unwind to, or NULL */
    uint32_t exit_code;
    bool exit_pending;              /* it is on its way out, through exit_jump after exit_jump */
    int64_t host_id;                /* the kernel's number of the thread */
    atomic_uint depth;              /* scopes entered and not left */
    bool made_by_guest;             /* else it is the host's */
    bool is_attached;               /* the host's: DLLs have been told of it, or are being told */
    bool pass_next_fault;           /* seh/call.c's and fault/handler.c's own: see there */
    bool stack_reserve_closed;      /* fault/stack.c's own: what an overflow opens */
    uint64_t mended_rip, mended_at; /* fault/dispatch.c's own: the last fault that was mended */
    uint32_t mended_times;
    uint32_t stack_guarantee;          /* SetThreadStackGuarantee, in bytes */
    void *alternate_stack;             /* fault/stack.c's own: for signal handlers, or NULL */
    atomic_bool ended;                 /* its last use of this block is over */
    struct ldr__thread_object *object; /* what handles to it refer to */
};

_Static_assert(offsetof(ldr__teb, self) == 0x30, "TEB layout");
_Static_assert(offsetof(ldr__teb, static_tls) == 0x58, "TEB layout");
_Static_assert(offsetof(ldr__teb, last_error) == 0x68, "TEB layout");
_Static_assert(offsetof(ldr__teb, tls_slots) == 0x1480, "TEB layout");
_Static_assert(offsetof(ldr__teb, tls_expansion) == 0x1780, "TEB layout");
_Static_assert(sizeof(ldr__teb) == 0x2000, "TEB size");

/* The thread that runs guest code here. Only for code called by the guest (GS is its TEB). */
static inline ldr__thread *ldr__thread_self(void)
{
    void *self;
    __asm__ volatile("movq %%gs:0x30, %0" : "=r"(self));
    return self;
}

static inline ldr__process *ldr__process_self(void)
{
    return ldr__thread_self()->process;
}

static inline void ldr__set_last_error(DWORD error)
{
    ldr__thread_self()->teb.last_error = error;
}

/* Win32 error codes used by more than one file. */
enum {
    ERROR_SUCCESS = 0,
    ERROR_INVALID_FUNCTION = 1,
    ERROR_FILE_NOT_FOUND = 2,
    ERROR_PATH_NOT_FOUND = 3,
    ERROR_TOO_MANY_OPEN_FILES = 4,
    ERROR_ACCESS_DENIED = 5,
    ERROR_INVALID_HANDLE = 6,
    ERROR_NOT_ENOUGH_MEMORY = 8,
    ERROR_BAD_FORMAT = 11,
    ERROR_INVALID_DATA = 13,
    ERROR_NO_MORE_FILES = 18,
    ERROR_NOT_READY = 21,
    ERROR_WRITE_FAULT = 29,
    ERROR_GEN_FAILURE = 31,
    ERROR_SHARING_VIOLATION = 32,
    ERROR_HANDLE_EOF = 38,
    ERROR_NOT_SUPPORTED = 50,
    ERROR_FILE_EXISTS = 80,
    ERROR_INVALID_PARAMETER = 87,
    ERROR_BROKEN_PIPE = 109,
    ERROR_DISK_FULL = 112,
    ERROR_CALL_NOT_IMPLEMENTED = 120,
    ERROR_INSUFFICIENT_BUFFER = 122,
    ERROR_INVALID_NAME = 123,
    ERROR_MOD_NOT_FOUND = 126,
    ERROR_PROC_NOT_FOUND = 127,
    ERROR_NEGATIVE_SEEK = 131,
    ERROR_DIR_NOT_EMPTY = 145,
    ERROR_NOT_LOCKED = 158,
    ERROR_ALREADY_EXISTS = 183,
    ERROR_BAD_EXE_FORMAT = 193,
    ERROR_ENVVAR_NOT_FOUND = 203,
    ERROR_FILENAME_EXCED_RANGE = 206,
    ERROR_MORE_DATA = 234,
    ERROR_DIRECTORY = 267,
    ERROR_NOT_OWNER = 288,
    ERROR_TOO_MANY_POSTS = 298,
    ERROR_INVALID_ADDRESS = 487,
    ERROR_DLL_INIT_FAILED = 1114,
    ERROR_NO_UNICODE_TRANSLATION = 1113,
    ERROR_NO_SYSTEM_RESOURCES = 1450,
    ERROR_TIMEOUT = 1460,
};

/* kernel32/error.c: the win32 error for a host errno, and for an ldr_diag's NTSTATUS. */
DWORD ldr__error_from_errno(int host_errno);
DWORD ldr__error_from_nt_status(uint32_t nt_status);

/*
 * guest_thread.c. Starts a guest thread; as CreateThread does (`stack_size` 0: the program's
 * default). `ret_handle` may be NULL. Returns a Win32 error.
 */
DWORD ldr__thread_create(ldr__process *process, size_t stack_size, DWORD(LDR_WINAPI *start)(void *),
                         void *parameter, DWORD flags, HANDLE *ret_handle, DWORD *ret_thread_id);
/* kernel32/thread.c. ResumeThread: how often it was suspended, -1 with the last error. */
DWORD ldr__thread_resume(HANDLE handle);
/*
 * environment.c and host functions that call the guest use this: `function(a, b, c)` through
 * ldr__seh_call, and back here also when the guest ends its thread or process.
 * LDR__CALL_RAISED sets *ret_exception, the others *ret_result (the exit code after EXITED).
 */
typedef enum ldr__call_outcome {
    LDR__CALL_RETURNED,
    LDR__CALL_RAISED,
    LDR__CALL_EXITED,
} ldr__call_outcome;
ldr__call_outcome ldr__guest_call(void *function, void *a, uint64_t b, void *c,
                                  uint64_t *ret_result, uint32_t *ret_exception);
/*
 * To be called by a host function that called into the loader: if guest code below it ended the
 * thread or the process, goes on with that and does not return.
 */
void ldr__thread_continue_exit(void);
/* Ends a guest thread whose process is ending; returns in the thread that ends the process. */
void ldr__thread_stop_if_exiting(void);
/* Ends the calling guest thread with its notifications. On the program's main thread too. */
_Noreturn void ldr__thread_exit(DWORD exit_code);
/* The same without notifications (TerminateThread). */
_Noreturn void ldr__thread_terminate(DWORD exit_code);
/*
 * Ends the guest process: process detach, then back to ldr_run, which returns `exit_code`. On a
 * thread of the host: back to the loader's call of DllMain, which fails; when the host has called
 * the guest itself there is nothing to go back to, and STATUS_DLL_INIT_FAILED is raised in the
 * guest.
 */
_Noreturn void ldr__process_exit(DWORD exit_code);
/* The same without notifications (TerminateProcess, abort, an unhandled exception). */
_Noreturn void ldr__process_terminate(DWORD exit_code);

/* ---- Handles (handles.c) ---- */

/* GetCurrentProcess(), GetCurrentThread(). */
#define LDR__CURRENT_PROCESS ((HANDLE)(intptr_t)-1)
#define LDR__CURRENT_THREAD  ((HANDLE)(intptr_t)-2)

typedef enum ldr__object_type {
    LDR__OBJECT_FILE,
    LDR__OBJECT_MUTEX,
    LDR__OBJECT_SEMAPHORE,
    LDR__OBJECT_EVENT,
    LDR__OBJECT_THREAD,
    LDR__OBJECT_FIND,
    LDR__OBJECT_SECTION,
    LDR__OBJECT_PROCESS,
} ldr__object_type;

/* A kernel object: reference-counted, first member of each concrete type. */
typedef struct ldr__object {
    ldr__object_type type;
    atomic_int references;
    void (*destroy)(struct ldr__object *object);
} ldr__object;

/* An open file: LDR__OBJECT_FILE. */
typedef struct ldr__file {
    ldr__object object;
    int fd;
    bool borrowed; /* the host's standard streams: not closed with the object */
    char *path;    /* host path, or NULL */
    bool delete_on_close;
    bool reads, writes;    /* what it was opened for */
    struct ldr_file *open; /* a regular file that CreateFile has opened, which owns fd; or NULL */
} ldr__file;

/* What a handle has besides its object. */
typedef struct ldr__handle_facts {
    DWORD access; /* rights, as the kind of object has them */
    bool inherit; /* a process that is started with bInheritHandles gets it */
} ldr__handle_facts;

#define LDR__ALL_ACCESS ((DWORD)-1)
#define LDR__HANDLE_MAX 0x1000000

/*
 * A handle for `object`, which takes over the caller's reference; NULL when out of memory. Without
 * facts: all rights, not inherited.
 */
HANDLE ldr__handle_new_with(ldr__process *process, ldr__object *object,
                            const ldr__handle_facts *facts);
HANDLE ldr__handle_new(ldr__process *process, ldr__object *object);
/* The same with a value of the caller's choice; false (and the reference is gone) if that is taken,
 * or no handle's. */
bool ldr__handle_put(ldr__process *process, HANDLE handle, ldr__object *object,
                     const ldr__handle_facts *facts);
/* Rights to any object, in a handle's access: of all kinds, and as many as there are. */
enum {
    LDR__SYNCHRONIZE = 0x100000,
    LDR__MAXIMUM_ALLOWED = 0x2000000,
    LDR__GENERIC_ALL = 0x10000000,
    LDR__GENERIC_EXECUTE = 0x20000000,
    LDR__GENERIC_WRITE = 0x40000000,
};
/* Whether the handle was opened with one of the rights. So it is taken for one that is not open and
 * for a pseudo handle, which others look at. */
bool ldr__handle_grants(ldr__process *process, HANDLE handle, DWORD rights);
/* False if the handle is not open. */
bool ldr__handle_facts_get(ldr__process *process, HANDLE handle, ldr__handle_facts *ret_facts);
bool ldr__handle_set_inherit(ldr__process *process, HANDLE handle, bool inherit);
/* The object behind a handle with one reference more, or NULL if it is not one of that type. */
ldr__object *ldr__handle_get(ldr__process *process, HANDLE handle, ldr__object_type type);
/* The same for any type. */
ldr__object *ldr__handle_get_any(ldr__process *process, HANDLE handle);
void ldr__object_release(ldr__object *object);
/* False if the handle was not open. */
bool ldr__handle_close(ldr__process *process, HANDLE handle);
/* A file over a descriptor, with one reference; as ldr__handle_from_fd. */
ldr__file *ldr__file_new(int fd, bool borrowed, const char *path);
/* A file handle over a descriptor; `path` may be NULL and is copied. NULL when out of memory. */
HANDLE ldr__handle_from_fd(ldr__process *process, int fd, bool borrowed, const char *path);
/* The descriptor of a file handle, valid while the handle is open; -1 (and last error) if it is
 * none. */
int ldr__handle_fd(HANDLE handle);

/* ---- Command lines (command_line.c) ---- */

/*
 * One text of `argc` arguments (UTF-8), in quotes where needed, so that CommandLineToArgvW and the
 * C runtimes find the arguments again. Allocated (free); NULL when out of memory.
 */
char *ldr__command_line_join(int argc, const char *const *argv);
/*
 * The arguments of a command line by the rules of the C runtimes, in one block with the array
 * (free); there is always a first. NULL when out of memory.
 */
char **ldr__command_line_split(const char *line, int *ret_argc);
/* kernel32/environment.c: the process's own, borrowed. */
const char *ldr__command_line(const ldr__process *process);

/* ---- Text and paths (text.c, paths.c) ---- */

/* The guest's ANSI and OEM code page is UTF-8 (65001) throughout. */

/* Units written (without NUL); `capacity` in units; invalid input becomes U+FFFD. To measure: NULL,
 * 0. */
size_t ldr__utf8_to_utf16(const char *text, size_t length, WCHAR *ret_text, size_t capacity);
size_t ldr__utf16_to_utf8(const WCHAR *text, size_t length, char *ret_text, size_t capacity);
/* Whether nothing in the text would become U+FFFD. */
bool ldr__utf8_valid(const char *text, size_t length);
bool ldr__utf16_valid(const WCHAR *text, size_t length);
/* NUL-terminated copies (free); NULL when out of memory. */
WCHAR *ldr__utf16_from(const char *text);
char *ldr__utf8_from(const WCHAR *text);
size_t ldr__wcslen(const WCHAR *text);

/*
 * Drive Z: is the host's root, as in Wine; a path without a drive is on Z:. "a\b" and "a/b" are the
 * same. Both return allocated strings (free), NULL with errno (ENOENT for another drive, ENOMEM).
 */
char *ldr__path_to_host(const char *guest_path);
char *ldr__path_to_host_w(const WCHAR *guest_path);
/* "/tmp/a" -> "Z:\tmp\a" (allocated). */
char *ldr__path_to_guest(const char *host_path);

/* ---- C runtime (crt/state.c) ---- */

ldr_status ldr__crt_create(ldr__process *process);
void ldr__crt_destroy(ldr__process *process);
/* Unlocks what functions of the C runtime have locked whose frames are below `stack`: an exception
 * has left them. */
void ldr__crt_streams_leave(ldr__thread *thread, uint64_t stack);
/* Releases what the runtimes keep for a thread. */
void ldr__crt_thread_detach(ldr__thread *thread);

/* ---- Structured exceptions (seh/) ---- */

ldr_status ldr__seh_create(ldr__process *process);
void ldr__seh_destroy(ldr__process *process);
/* Tells the unwinder of a module's function table; taken back before the module is unmapped. */
ldr_status ldr__seh_module_added(ldr__process *process, ldr_module *module);
void ldr__seh_module_removed(ldr__process *process, ldr_module *module);

/*
 * Calls `function(a, b, c)` in the guest so that an exception which nobody handles, or an unwind to
 * beyond this frame, comes back here: false, and its code in *ret_exception.
 */
bool ldr__seh_call(void *function, void *a, uint64_t b, void *c, uint64_t *ret_result,
                   uint32_t *ret_exception);

/*
 * fault/handler.c. Gives the process its handlers of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP,
 * once. What faults in a guest is an exception of the guest from now on.
 */
void ldr__faults_install(void);
/* fault/stack.c. The first and the last that a guest thread does with its stack; false when memory
 * is short, and the last is due then too. */
bool ldr__fault_thread_begin(ldr__thread *thread);
void ldr__fault_thread_end(ldr__thread *thread);
/*
 * Whether `address` is in the last pages of the thread's stack, which nobody could use before:
 * they can be used now. For signal handlers.
 */
bool ldr__fault_stack_overflowed(ldr__thread *thread, uint64_t address);
/* How much of these pages a guest may count on for its handlers: bytes. */
enum { LDR__STACK_GUARANTEE = 0x10000 };
/* _resetstkoflw: the next overflow is noticed again. False while the stack is still too full. */
bool ldr__fault_stack_reset(void);

/* Raises a non-continuable software exception in the guest, as RaiseException does. */
void ldr__seh_raise(uint32_t code, uint32_t flags, uint32_t count, const uint64_t *arguments);

#endif
