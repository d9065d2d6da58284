/* calls.exe: calls through imports of every kind. What it prints is the same traced or not. */
#define __USE_MINGW_ANSI_STDIO 0
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "provider.h"

__declspec(dllimport) double _copysign(double, double);

enum { THREADS = 4, TIMES = 200 };

static jmp_buf buffer;
static volatile size_t none;      /* bytes of a text */
static volatile double two = 2.0; /* so that nothing is computed beforehand */

static int visit(int from)
{
    return 1 + count_down(from, visit);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(void)
{
    const char *words[] = {"pear", "fig", "apple", "plum", "kiwi"};
    qsort(words, 5, sizeof words[0], compare);
    printf("%s %s %s %s %s\n", words[0], words[1], words[2], words[3], words[4]);
}

static void jump(void)
{
    volatile int times = 0;
    int value = setjmp(buffer);
    times++;
    if (value == 0)
        leave(buffer);
    printf("jumped: %d, %d times\n", value, times);
}

static DWORD WINAPI run(void *parameter)
{
    int number = (int)(INT_PTR)parameter, sum = 0;
    for (int i = 0; i < TIMES; i++)
        sum += length_of("four") + (int)scale(number, 2.0, 1.0f);
    return end_thread((unsigned)sum);
}

static void start_threads(void)
{
    HANDLE threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = CreateThread(NULL, 0, run, (void *)(INT_PTR)i, 0, NULL);
    for (int i = 0; i < THREADS; i++) {
        DWORD exit_code = 0;
        WaitForSingleObject(threads[i], INFINITE);
        GetExitCodeThread(threads[i], &exit_code);
        printf("thread %d: %lu\n", i, (unsigned long)exit_code);
        CloseHandle(threads[i]);
    }
}

static void give_odd_texts(void)
{
    static const WCHAR name[] = {'T', 0xDC, 'N', 0xD83D, 0xDE00, 0};
    static const WCHAR value[] = {'a', '"', '\\', '\n', 0xD800, 'b', 0};
    WCHAR back[16];
    char *long_text = malloc(5000);
    memset(long_text, 'x', 4999);
    long_text[4999] = 0;
    SetEnvironmentVariableW(name, value);
    printf("wide: %d\n", (int)GetEnvironmentVariableW(name, back, 16));
    printf("long: %d\n", length_of(long_text));
    printf("bad pointers: %d\n", strncmp((const char *)1, (const char *)~0ull, none));
    printf("by number: %d\n",
           GetProcAddress(GetModuleHandleA("kernel32.dll"), (char *)0xFFF0) != NULL);
    free(long_text);
}

/* ---- Found by GetProcAddress ---- */

typedef int WINAPI text_length(const WCHAR *);

static void *found(const char *dll, const char *function)
{
    return (void *)GetProcAddress(GetModuleHandleA(dll), function);
}

static void find(void)
{
    text_length *length = (text_length *)found("kernel32.dll", "lstrlenW");
    int *data = found("provider.dll", "counter");
    printf("found: %d, the same again: %d, data: %d\n", length(L"found"),
           (void *)length == found("kernel32.dll", "lstrlenW"), data == &counter);
}

/* ---- Given away ---- */

typedef int WINAPI narrow_length(const char *);

/* What giver.dll has imported; it is gone by then. */
static narrow_length *given(void)
{
    HMODULE giver = LoadLibraryA("giver.dll");
    void *(*give)(void) = (void *(*)(void))(void *)GetProcAddress(giver, "give");
    narrow_length *length = (narrow_length *)give();
    FreeLibrary(giver);
    return length;
}

static void take(void)
{
    narrow_length *first = given(), *second = given();
    printf("given: %d, the same again: %d\n", first("given"), first == second);
}

/* ---- Stacks ---- */

enum { STACK_SIZE = 1 << 16 };

static _Alignas(16) char stack[STACK_SIZE];
static char *first_stack; /* a place on it that is free */

/* Calls `function` with the stack at `top`. */
void call_on(void *top, void (*function)(void));
__asm__(".globl call_on\n"
        "call_on: push %rbp\n mov %rsp, %rbp\n mov %rcx, %rsp\n sub $32, %rsp\n"
        " call *%rdx\n mov %rbp, %rsp\n pop %rbp\n ret");

static void on_first_stack(void)
{
    printf("on the first stack: %d\n", length_of("first"));
}

static int go_back(int from)
{
    call_on(first_stack, on_first_stack);
    return from;
}

static void on_second_stack(void)
{
    printf("on the second stack: %d\n", count_down(3, go_back));
}

static int go_there(int from)
{
    char here[STACK_SIZE];
    first_stack = here + STACK_SIZE - (size_t)(here + STACK_SIZE) % 16 - 4096;
    call_on(stack + STACK_SIZE, on_second_stack);
    return from;
}

/* As coroutines do: calls on one stack return when those on another are under way. */
static void change_stacks(void)
{
    printf("stacks: %d\n", count_down(8, go_there));
}

/* make_room moves its return address down. */
int call_make_room(void);
__asm__(".globl call_make_room\n"
        "call_make_room: sub $8, %rsp\n call *__imp_make_room(%rip)\n add $72, %rsp\n ret");

int main(void)
{
    printf("%d %s %g %c %d %g %s %d %d %d %g %d %d %d %d %d %d %d %s %d\n", 1, "two", 3.5, '4', 5,
           6.25, "seven", 8, 9, 10, 11.125, 12, 13, 14, 15, 16, 17, 18, "nineteen", 20);
    printf("%g\n", add_all(12, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.5));
    printf("%g %g %g\n", scale(3, 1.5, 0.25f), _copysign(two, -10.5), atof("6.5e3"));
    triple t = make_triple(1, 2);
    printf("%d %d %d\n", (int)t.first, (int)t.second, (int)(t.third >> 32));
    printf("%d\n", count_down(30, visit));
    printf("%d\n", counter);
    sort();
    jump();
    start_threads();
    give_odd_texts();
    find();
    take();
    change_stacks();
    printf("room: %d\n", call_make_room());
    return 5;
}
