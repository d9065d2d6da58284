/*
 * try.c: structured exceptions in C, as MSVC compiles them (__try, __except, __finally).
 *
 * Each export runs one situation and returns what happened, as decimal digits in the order of
 * events: seh_finally returns 12 when event 1 came before event 2. Needs clang (mingw's gcc has no
 * __try) and no C runtime: only kernel32, and msvcrt for the language handler.
 */
typedef unsigned long long u64;
typedef unsigned int u32;

#define EXPORT __declspec(dllexport)

typedef struct record {
    u32 code, flags;
    struct record *record;
    void *address;
    u32 count;
    u64 information[15];
} record;

typedef struct pointers {
    record *record;
    void *context;
} pointers;

typedef int (*filter)(pointers *);

__declspec(dllimport) void RaiseException(u32 code, u32 flags, u32 count, const u64 *arguments);
__declspec(dllimport) void *AddVectoredExceptionHandler(u32 first, filter handler);
__declspec(dllimport) u32 RemoveVectoredExceptionHandler(void *handle);
__declspec(dllimport) filter SetUnhandledExceptionFilter(filter handler);
__declspec(dllimport) void RtlCaptureContext(void *context);
__declspec(dllimport) void RtlRestoreContext(void *context, record *exception);
__declspec(dllimport) void *RtlLookupFunctionEntry(u64 pc, u64 *base, void *history);
__declspec(dllimport) void *RtlVirtualUnwind(u32 type, u64 base, u64 pc, void *entry, void *context,
                                             void **data, u64 *frame, void *pointers);
__declspec(dllimport) void longjmp(void *buffer, int value);
typedef u64 jmp_buf[32] __attribute__((aligned(16)));
int _setjmpex(jmp_buf buffer); /* the compiler adds the frame */

#define CODE  0xE0000001u
#define OTHER 0xE0000002u

enum { SEARCH = 0, HANDLE = 1, CONTINUE = -1 };

int _fltused; /* what the linker wants to see where floating point is used */

static u64 events;

static void event(int number)
{
    events = 10 * events + (u64)number;
}

static int event_and(int number, int answer)
{
    event(number);
    return answer;
}

__attribute__((noinline)) static void raise(u32 code)
{
    RaiseException(code, 0, 0, 0);
}

EXPORT u64 seh_except(u64 code)
{
    __try {
        raise((u32)code);
    } __except (HANDLE) {
        return (u32)__exception_code();
    }
    return 0;
}

/* The inner filter declines (1), the outer one accepts (2), its block runs (3). */
EXPORT u64 seh_search(void)
{
    events = 0;
    __try {
        __try {
            raise(CODE);
        } __except (event_and(1, SEARCH)) {
            event(9);
        }
    } __except (event_and(2, HANDLE)) {
        event(3);
    }
    return events;
}

__attribute__((noinline)) static void with_finally(void)
{
    __try {
        raise(CODE);
    } __finally {
        event(_abnormal_termination() ? 2 : 9);
    }
}

/* The filter (1) comes before the __finally of the callee (2), the block (3) after it. */
EXPORT u64 seh_finally(void)
{
    events = 0;
    __try {
        with_finally();
    } __except (event_and(1, HANDLE)) {
        event(3);
    }
    return events;
}

/* Without an exception a __finally runs too. */
EXPORT u64 seh_finally_normal(void)
{
    events = 0;
    __try {
        event(1);
    } __finally {
        event(_abnormal_termination() ? 9 : 2);
    }
    return events;
}

/* The filter has execution continue (1): RaiseException returns (2). */
EXPORT u64 seh_continue(void)
{
    events = 0;
    __try {
        raise(CODE);
        event(2);
    } __except (event_and(1, CONTINUE)) {
        event(9);
    }
    return events;
}

static int continue_first(u32 code)
{
    return code == CODE ? event_and(1, CONTINUE) : event_and(2, SEARCH);
}

/* Continuing what cannot be continued is an exception of its own. */
EXPORT u64 seh_noncontinuable(void)
{
    __try {
        __try {
            RaiseException(CODE, 1, 0, 0);
        } __except (continue_first((u32)__exception_code())) {
            return 0;
        }
    } __except (HANDLE) {
        return (u32)__exception_code();
    }
    return 0;
}

static int sum_arguments(const pointers *exception, u64 *sum)
{
    for (u32 i = 0; i < exception->record->count; i++)
        *sum += exception->record->information[i];
    return HANDLE;
}

EXPORT u64 seh_arguments(void)
{
    static const u64 arguments[3] = {100, 20, 3};
    u64 sum = 0;
    __try {
        RaiseException(CODE, 0, 3, arguments);
    } __except (sum_arguments((const pointers *)__exception_info(), &sum)) {
        return sum;
    }
    return 0;
}

/*
 * A __finally that raises (1, 2): the second exception is offered to the frames from there on (5),
 * so that the block handles that one instead (6); the __finally around it runs last (3).
 */
EXPORT u64 seh_collided(void)
{
    events = 0;
    __try {
        __try {
            __try {
                __try {
                    raise(CODE);
                } __finally {
                    event(2);
                    raise(OTHER);
                }
            } __except (event_and(__exception_code() == CODE ? 1 : 5, HANDLE)) {
                event((u32)__exception_code() == OTHER ? 6 : 9);
            }
        } __finally {
            event(3);
        }
    } __except (HANDLE) {
        event(9);
    }
    return events;
}

/* An exception inside a __finally that is handled there does not disturb the first. */
EXPORT u64 seh_inside_finally(void)
{
    events = 0;
    __try {
        __try {
            raise(CODE);
        } __finally {
            __try {
                raise(OTHER);
            } __except (HANDLE) {
                event((u32)__exception_code() == OTHER ? 1 : 9);
            }
        }
    } __except (HANDLE) {
        event((u32)__exception_code() == CODE ? 2 : 9);
    }
    return events;
}

static int raising_filter(u32 code)
{
    event(1);
    if (code == CODE)
        raise(OTHER);
    return SEARCH;
}

/* An exception in a filter is offered to all frames of the first, that filter's (1, 1) too. */
EXPORT u64 seh_inside_filter(void)
{
    events = 0;
    __try {
        __try {
            raise(CODE);
        } __except (raising_filter((u32)__exception_code())) {
            event(9);
        }
    } __except (event_and(2, (u32)__exception_code() == OTHER)) {
        event(3);
    }
    return events;
}

/* Frames with many saved registers, and registers of the catching function. */
__attribute__((noinline)) static double deep(int depth, double *values)
{
    double a = values[0] + depth, b = values[1] * depth, c = values[2] - depth, d = values[3];
    if (depth == 0)
        raise(CODE);
    else
        d += deep(depth - 1, values);
    values[0] = a + b + c + d;
    return a * b + c * d;
}

EXPORT u64 seh_deep(u64 depth)
{
    double values[4] = {1, 2, 3, 4}, before = values[2] * 14;
    u64 result = depth;
    __try {
        deep((int)depth, values);
        result = 0;
    } __except (HANDLE) {
        result += (u64)before;
    }
    return result;
}

static int vectored_search(pointers *exception)
{
    return event_and(exception->record->code == CODE ? 1 : 9, SEARCH);
}

static int vectored_continue(pointers *exception)
{
    (void)exception;
    return event_and(2, CONTINUE);
}

/* Both handlers in order, no filter; without the second one, the filter (3). */
static int vectored_raise(pointers *exception)
{
    RaiseException(exception->record->code, 0, 0, 0);
    return 0;
}

/* Never gets to an end by itself; `code` as the first. */
EXPORT u64 seh_endless(u32 code)
{
    AddVectoredExceptionHandler(1, vectored_raise);
    RaiseException(code, 0, 0, 0);
    return 0;
}

EXPORT u64 seh_vectored(void)
{
    events = 0;
    void *second = AddVectoredExceptionHandler(0, vectored_continue);
    void *first = AddVectoredExceptionHandler(1, vectored_search);
    __try {
        raise(CODE);
        if (RemoveVectoredExceptionHandler(second) != 1)
            event(9);
        raise(CODE);
    } __except (event_and(3, HANDLE)) {
        event(4);
    }
    if (RemoveVectoredExceptionHandler(first) != 1 || RemoveVectoredExceptionHandler(first) != 0)
        event(9);
    return events;
}

static int last_continue(pointers *exception)
{
    (void)exception;
    return event_and(1, CONTINUE);
}

/* The last filter has execution continue. */
EXPORT u64 seh_last_filter(void)
{
    events = 0;
    filter previous = SetUnhandledExceptionFilter(last_continue);
    raise(CODE);
    event(2);
    if (SetUnhandledExceptionFilter(previous) != last_continue)
        event(9);
    return events;
}

/* Nobody handles it. */
EXPORT u64 seh_unhandled(u64 code)
{
    events = 0;
    __try {
        raise((u32)code);
    } __finally {
        event(2);
    }
    return 0;
}

EXPORT u64 seh_events(void)
{
    return events;
}

static jmp_buf jump_buffer;

__attribute__((noinline)) static void jump_out(void)
{
    __try {
        longjmp(jump_buffer, 7);
    } __finally {
        event(1);
    }
}

/* A long jump runs the __finally blocks on its way. */
EXPORT u64 seh_longjmp(void)
{
    events = 0;
    int value = _setjmpex(jump_buffer);
    if (value == 0)
        jump_out();
    event(value);
    return events;
}

static void jump_back(u32 code)
{
    (void)code;
    jump_out();
}

/* Host code calls back, and the callback jumps out (1); or not that far (5). */
EXPORT u64 seh_longjmp_past(void (*host)(void (*)(u32), u32))
{
    events = 0;
    int value = _setjmpex(jump_buffer);
    if (value == 0)
        host(jump_back, CODE);
    event(value == 0 ? 5 : value);
    return events;
}

/* Without a frame in the buffer: registers only, no termination handler. */
EXPORT u64 seh_longjmp_plain(void)
{
    events = 0;
    int value = _setjmpex(jump_buffer);
    jump_buffer[0] = 0;
    if (value == 0)
        jump_out();
    event(value);
    return events;
}

/* Host code calls back, and the callback raises. */
EXPORT __attribute__((noinline)) u64 seh_callback(void (*host)(void (*)(u32), u32))
{
    events = 0;
    __try {
        host(raise, CODE);
    } __except (event_and(1, HANDLE)) {
        event(2);
    }
    return events;
}

/* The same with a value in a register that the host function saves and then uses. */
EXPORT double seh_callback_register(void (*host)(void (*)(u32), u32), double value)
{
    double kept = value * 2;
    return kept + (double)seh_callback(host);
}

static u64 count_frames(void)
{
    u64 context[154] __attribute__((aligned(16)));
    u64 *rip = &context[0xF8 / 8], count = 0, base, frame;
    void *data, *entry;
    RtlCaptureContext(context);
    for (; (entry = RtlLookupFunctionEntry(*rip, &base, 0)) != 0; count++)
        RtlVirtualUnwind(0, base, *rip, entry, context, &data, &frame, 0);
    return count;
}

/* RtlRestoreContext has a function called in the place of these frames. */
static u64 callback_ends, consolidated[154] __attribute__((aligned(16)));

static u64 consolidated_callback(record *exception)
{
    event((int)exception->count);
    if (callback_ends)
        return consolidated[0xF8 / 8];
    raise(OTHER);
    return 0;
}

__attribute__((noinline)) static void consolidate(void)
{
    record exception = {0x80000029, 0, 0, 0, 1, {(u64)consolidated_callback}};
    RtlRestoreContext(consolidated, &exception);
}

/* It returns where to go on (2), or raises and is handled where the frames were unwound to (3). */
EXPORT u64 seh_consolidate(u64 ends)
{
    volatile int passes = 0;
    events = 0;
    callback_ends = ends;
    __try {
        RtlCaptureContext(consolidated);
        if (passes++ == 0)
            consolidate();
        event(2);
    } __except ((u32)__exception_code() == OTHER) {
        event(3);
    }
    return events;
}

/* How many frames RtlVirtualUnwind finds between `depth` calls of this function and the host. */
EXPORT u64 seh_count_frames(u64 depth)
{
    u64 count = depth == 0 ? count_frames() : seh_count_frames(depth - 1);
    event(0);
    return count;
}
