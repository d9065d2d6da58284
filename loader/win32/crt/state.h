/*
 * crt/state.h: what the host C runtimes keep for a guest process and for each of its threads.
 *
 * msvcrt.dll and ucrtbase.dll are two sets of names over one state: a descriptor that one of them
 * opened is good in the other. Everything here hangs on ldr__process.crt and ldr__thread.crt.
 */
#ifndef PELOAD_CRT_STATE_H
#define PELOAD_CRT_STATE_H

#include <errno.h>
#include <locale.h>

#include "win32/crt/tables.h"
#include "win32/win32.h"

/* Which runtime's habits a shared function follows where the two differ. */
typedef enum ldr__crt_flavour { LDR__CRT_MSVCRT, LDR__CRT_UCRT } ldr__crt_flavour;

/* ---- errno (crt/errno.c) ---- */

/* Up to ERANGE Windows numbers errors as Linux does; these are the others that are set here. */
enum {
    LDR__CRT_EDEADLK = 36,
    LDR__CRT_ENAMETOOLONG = 38,
    LDR__CRT_ENOLCK = 39,
    LDR__CRT_ENOSYS = 40,
    LDR__CRT_ENOTEMPTY = 41,
    LDR__CRT_EILSEQ = 42,
    LDR__CRT_STRUNCATE = 80,
    LDR__CRT_EOVERFLOW = 132,
};

/* The Windows number for a host errno; EINVAL for one that Windows does not have. */
int ldr__crt_errno_from_host(int host_errno);
/* Sets the calling thread's errno to a Windows number; returns -1 for `return set_errno(...)`. */
int ldr__crt_set_errno(int windows_errno);
/* The same from a host errno; GetLastError and _doserrno say it too, as of a failed Win32 call. */
int ldr__crt_set_host_errno(int host_errno);
/* The text for a Windows number; never NULL. */
const char *ldr__crt_errno_text(int windows_errno);
/*
 * What the runtimes do with an argument they cannot accept: errno is set to `windows_errno` and the
 * guest's invalid parameter handler, if it has set one, is called. Without one the universal
 * runtime would end the process; here the call fails, as in msvcrt.
 */
void ldr__crt_invalid_parameter(int windows_errno);

/* ---- Streams as the guest sees them ---- */

/* msvcrt's FILE. Old programs read the flags and the descriptor from it; nothing here trusts it. */
typedef struct ldr__crt_file {
    char *next;
    int32_t left; /* always 0, so that getc and putc as macros call _filbuf and _flsbuf */
    char *base;
    int32_t flags;
    int32_t descriptor;
    int32_t one_char;
    int32_t buffer_size;
    char *temporary_name;
} ldr__crt_file;

_Static_assert(sizeof(ldr__crt_file) == 48, "FILE layout");

enum {
    LDR__CRT_STATIC_STREAMS = 20, /* that msvcrt exports as _iob */
    LDR__CRT_MAX_STREAMS = 512,
    LDR__CRT_MAX_DESCRIPTORS = 2048,
    LDR__CRT_LOCKS = 64,
};

/* ---- Locale (crt/locale.c) ---- */

typedef enum ldr__crt_category {
    LDR__CRT_LC_ALL,
    LDR__CRT_LC_COLLATE,
    LDR__CRT_LC_CTYPE,
    LDR__CRT_LC_MONETARY,
    LDR__CRT_LC_NUMERIC,
    LDR__CRT_LC_TIME,
    LDR__CRT_LC_COUNT
} ldr__crt_category;

/* ---- Process ---- */

typedef void(LDR_WINAPI *ldr__crt_void_function)(void);

/* Functions to call at exit, in the order in which they were registered. */
typedef struct ldr__crt_exit_list {
    ldr__crt_void_function *functions;
    size_t count;
    size_t capacity;
} ldr__crt_exit_list;

/* Vectors of NUL-terminated strings, ended by NULL; allocated. */
typedef struct ldr__crt_strings {
    char **narrow;
    WCHAR **wide;
} ldr__crt_strings;

/* The time zone, as the guest may see and change it. */
typedef struct ldr__crt_zone {
    int32_t seconds_west, daylight, daylight_bias;
    char *names[2];
    char text[2][64];
} ldr__crt_zone;

struct ldr__crt_find;
struct ldr__crt_stream;
struct ldr__crt_descriptor;

struct ldr__crt {
    ldr__process *process;
    pthread_mutex_t lock; /* guards everything here but the streams' insides; recursive */

    struct ldr__crt_descriptor *descriptors;               /* crt/file.c */
    struct ldr__crt_stream *streams[LDR__CRT_MAX_STREAMS]; /* crt/stream.c */
    ldr__crt_file *static_files; /* msvcrt's _iob, or own_files when the context has none */
    ldr__crt_file own_files[LDR__CRT_MAX_STREAMS];

    struct ldr__crt_find *finds; /* crt/find.c */

    ldr__crt_exit_list at_exit, at_quick_exit;
    pthread_mutex_t locks[LDR__CRT_LOCKS]; /* _lock's; recursive */

    int argc;
    ldr__crt_strings arguments;   /* crt/startup.c */
    ldr__crt_strings environment; /* crt/environment.c */
    char *command_line, *program;
    WCHAR *wide_command_line, *wide_program;
    int default_mode;   /* ucrt's _fmode; msvcrt's is exported data */
    int default_commit; /* ucrt's _commode */
    int application_type;

    bool utf8[LDR__CRT_LC_COUNT]; /* per category: the UTF-8 locale and not "C" */
    locale_t unicode;             /* the host's tables of characters, or 0 */
    char locale_name[256];        /* what setlocale returned for categories that differ */
    WCHAR wide_locale_name[256];
    int new_mode;
    void *signals[23]; /* handlers, crt/signal.c */
    void *invalid_parameter_handler;
    void *purecall_handler;
    void *terminate_handler;
    void *thread_local_callback;
    void *new_handler;
    void *math_error_handler;
    ldr__crt_zone zone;
    int64_t start_milliseconds; /* of the monotonic clock, for clock() */
};

/* The runtime of the process whose guest is calling. */
static inline ldr__crt *ldr__crt_self(void)
{
    return ldr__process_self()->crt;
}

static inline void ldr__crt_lock(ldr__crt *crt)
{
    pthread_mutex_lock(&crt->lock);
}

static inline void ldr__crt_unlock(ldr__crt *crt)
{
    pthread_mutex_unlock(&crt->lock);
}

/* Initialises a mutex that its owner may take again. */
ldr_status ldr__crt_recursive_mutex(pthread_mutex_t *ret_mutex);

/* The process's copy of a variable that msvcrt.dll exports, or NULL. */
void *ldr__crt_data(ldr__crt *crt, const char *name);

/* ---- Thread ---- */

/* struct tm of both runtimes. */
typedef struct ldr__crt_tm {
    int32_t sec, min, hour, mday, mon, year, wday, yday, isdst;
} ldr__crt_tm;

typedef struct ldr__crt_thread {
    char error_text[160];
    WCHAR wide_error_text[160];
    char time_text[26];
    WCHAR wide_time_text[26];
    ldr__crt_tm broken_down_time;
    char *strtok_next;
    WCHAR *wcstok_next;
    uint32_t random;
    uint32_t multibyte_state[2]; /* of mbrtowc and mbrlen when the caller has none */
    int floating_point_error;    /* of the exception being handled; none is here */
    HANDLE own_handle;           /* of a thread that _beginthread started: _endthread closes it */
    void *exception[2];          /* __current_exception and its context */
} ldr__crt_thread;

/* The calling thread's block, made on first use; NULL when out of memory. */
ldr__crt_thread *ldr__crt_thread_self(void);

#endif
