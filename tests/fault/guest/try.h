/*
 * try.h: what the guests with __try share. No C runtime but msvcrt: printf and the language
 * handler.
 */
#ifndef PELOAD_TESTS_FAULT_TRY_H
#define PELOAD_TESTS_FAULT_TRY_H

typedef unsigned long long u64;
typedef unsigned int u32;

typedef struct record {
    u32 code, flags;
    struct record *record;
    void *address;
    u32 count;
    u64 information[15];
} record;

typedef struct __attribute__((aligned(16))) context {
    u64 home[6];
    u32 flags, mxcsr;
    unsigned short segments[6];
    u32 eflags;
    u64 debug[6];
    u64 registers[16];
    u64 rip;
    unsigned char floating[512];
    unsigned char rest[1232 - 0x300];
} context;

typedef struct pointers {
    record *record;
    context *context;
} pointers;

typedef int (*filter)(pointers *);

__declspec(dllimport) void *AddVectoredExceptionHandler(u32 first, filter handler);
__declspec(dllimport) u32 RemoveVectoredExceptionHandler(void *handle);
__declspec(dllimport) void *CreateThread(void *, u64, u32 (*)(void *), void *, u32, u32 *);
__declspec(dllimport) u32 WaitForSingleObject(void *, u32);
__declspec(dllimport) void *VirtualAlloc(void *, u64, u32, u32);
__declspec(dllimport) int VirtualFree(void *, u64, u32);
__declspec(dllimport) int VirtualProtect(void *, u64, u32, u32 *);
__declspec(dllimport) _Noreturn void exit(int);
__declspec(dllimport) int SetThreadStackGuarantee(u32 *);
__declspec(dllimport) void InitializeCriticalSection(void *);
__declspec(dllimport) int printf(const char *, ...);
__declspec(dllimport) void *memcpy(void *, const void *, u64);
__declspec(dllimport) int _resetstkoflw(void);
__declspec(dllimport) void qsort(void *, u64, u64, int (*)(const void *, const void *));
__declspec(dllimport) int _write(int, const void *, u32);

enum { SEARCH = 0, HANDLE = 1, CONTINUE = -1 };
enum { RCX = 1, PAGE_READONLY = 2, PAGE_READWRITE = 4, COMMIT = 0x3000, RELEASE = 0x8000 };

#define ACCESS_VIOLATION 0xC0000005u
#define DIVIDE_BY_ZERO   0xC0000094u
#define STACK_OVERFLOW   0xC00000FDu

int _fltused;

/* What a filter has seen: Wine's handler does not tell __exception_code() outside of it. */
static inline int accept(const pointers *raised, u32 *ret_code)
{
    *ret_code = raised->record->code;
    return HANDLE;
}
#define NOTE(code) accept((pointers *)__exception_info(), &(code))

/* Functions of their own: __try is about calls. */
__attribute__((noinline, unused)) static void store(volatile int *at, int value)
{
    *at = value;
}

__attribute__((noinline, unused)) static int load(const volatile int *at)
{
    return *at;
}

__attribute__((noinline, unused)) static int divide(int a, int b)
{
    int quotient;
    __asm__ volatile("cltd; idivl %2" : "=a"(quotient) : "0"(a), "r"(b) : "edx");
    return quotient;
}

#endif
