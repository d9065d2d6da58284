/*
 * handled.c: what programs do about exceptions of the processor: __try, filters that mend the cause
 * and go on, in threads, in functions of Windows.
 */
#include "try.h"

/* ---- __try ---- */

static void except(void)
{
    u32 code;
    __try {
        store((int *)4, 1);
        printf("not reached\n");
    } __except (NOTE(code)) {
        printf("except: %08x\n", code);
    }
}

static int print(const char *text, int answer)
{
    printf("%s\n", text);
    return answer;
}

static void nested(void)
{
    u32 code;
    __try {
        __try {
            __try {
                store((int *)4, 1);
            } __finally {
                printf("inner finally, abnormal %d\n", __abnormal_termination());
            }
        } __except (print("filter that declines", SEARCH)) {
            printf("not reached\n");
        }
    } __except (print("filter that accepts", HANDLE)) {
        printf("handler\n");
        __try {
            divide(1, 0);
        } __except (NOTE(code)) {
            printf("inside the handler: %08x\n", code);
        }
    }
}

static void in_finally(void)
{
    u32 code;
    __try {
        __try {
            store((int *)4, 1);
        } __finally {
            divide(1, 0);
        }
    } __except (NOTE(code)) {
        printf("the later one: %08x\n", code);
    }
}

/* The saved registers of the frame that handles come back. */
__attribute__((noinline)) static int registers(int a, int b, int c)
{
    int result = 0;
    for (int i = 0; i < 3; i++) {
        __try {
            store((int *)4, 1);
        } __except (HANDLE) {
            result += a * b + c + i;
        }
    }
    return result;
}

/* ---- Going on ---- */

static char *page;

static int make_writable(pointers *raised)
{
    u32 old;
    u64 at = raised->record->information[1];
    printf("filter: %08x %d at %d\n", raised->record->code, (int)raised->record->information[0],
           (int)(at - (u64)page));
    return VirtualProtect((void *)at, 1, PAGE_READWRITE, &old) ? CONTINUE : SEARCH;
}

static void mend(void)
{
    page = VirtualAlloc(0, 0x1000, COMMIT, PAGE_READONLY);
    __try {
        store((int *)(page + 8), 7);
        printf("stored %d\n", *(int *)(page + 8));
    } __except (make_writable((pointers *)__exception_info())) {
        printf("not reached\n");
    }
    VirtualFree(page, 0, RELEASE);
}

/* Every register that a program can see, and the flags, across a fault that is mended. */
static unsigned char before[16 * 8 + 16 * 32 + 16], after[sizeof before];

#define EACH_GPR(X) \
    X("rax", 0)     \
    X("rdx", 8)     \
    X("rbp", 16)    \
    X("rsi", 24)    \
    X("rdi", 32)    \
    X("r8", 40)     \
    X("r9", 48)     \
    X("r10", 56)    \
    X("r11", 64)    \
    X("r12", 72)    \
    X("r13", 80)    \
    X("r14", 88)    \
    X("r15", 96)
#define EACH_YMM(X) \
    X("0", 128)     \
    X("1", 160)     \
    X("2", 192)     \
    X("3", 224)     \
    X("4", 256)     \
    X("5", 288)     \
    X("6", 320)     \
    X("7", 352)     \
    X("8", 384)     \
    X("9", 416)     \
    X("10", 448)    \
    X("11", 480)    \
    X("12", 512)    \
    X("13", 544)    \
    X("14", 576)    \
    X("15", 608)

static int count_differences(void)
{
    int different = 0;
    for (u32 i = 0; i < sizeof before; i++)
        different += before[i] != after[i];
    return different;
}

static int vectored_mend(pointers *raised)
{
    u32 old;
    u64 at = raised->record->information[1];
    __asm__ volatile("vzeroall" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                           "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return VirtualProtect((void *)at, 1, PAGE_READWRITE, &old) ? CONTINUE : SEARCH;
}

static void keep_registers(void)
{
    void *handle = AddVectoredExceptionHandler(1, vectored_mend);
    void *to = after;
    page = VirtualAlloc(0, 0x1000, COMMIT, PAGE_READONLY);
    for (u32 i = 0; i < sizeof before; i++)
        before[i] = (unsigned char)(i * 7 + 1);
#define LOAD_GPR(name, at) "movq " #at "(%%rbx), %%" name "\n\t"
#define SAVE_GPR(name, at) "movq %%" name ", " #at "(%%rbx)\n\t"
#define LOAD_YMM(name, at) "vmovdqu " #at "(%%rbx), %%ymm" name "\n\t"
#define SAVE_YMM(name, at) "vmovdqu %%ymm" name ", " #at "(%%rbx)\n\t"
    __asm__ volatile(
        "pushq %%rbp\n\tpushq %%rbx\n\tpushq %%rax\n\t" EACH_YMM(LOAD_YMM) EACH_GPR(
            LOAD_GPR) "stc\n\tmovl %%edx, (%%rcx)\n\t"
                      "popq %%rbx\n\tpushfq\n\tpopq 104(%%rbx)\n\tandq $1, 104(%%rbx)\n\t" EACH_GPR(
                          SAVE_GPR) EACH_YMM(SAVE_YMM) "movq %%rsp, 112(%%rbx)\n\tpopq "
                                                       "%%rbx\n\tpopq %%rbp\n\tvzeroupper"
        : "+a"(to)
        : "b"(before), "c"(page)
        : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    int carry = after[104];
    for (u32 i = 104; i < 128; i++)
        before[i] = after[i] = 0;
    for (u32 i = 640; i < sizeof before; i++)
        before[i] = after[i] = 0;
    printf("carry %d, bytes of registers that differ: %d\n", carry, count_differences());
    VirtualFree(page, 0, RELEASE);
    RemoveVectoredExceptionHandler(handle);
}

static int correct_register(pointers *raised)
{
    printf("register was %d\n", (int)raised->context->registers[RCX]);
    raised->context->registers[RCX] = (u64)page;
    return CONTINUE;
}

static void change_register(void)
{
    static int cell;
    page = (char *)&cell;
    void *handle = AddVectoredExceptionHandler(1, correct_register);
    __asm__ volatile("movl $5, (%0)" : : "c"(16ull) : "memory");
    RemoveVectoredExceptionHandler(handle);
    printf("cell %d\n", cell);
}

/* ---- Host functions ---- */

static void in_functions(void)
{
    static char bytes[16];
    u32 code;
    __try {
        InitializeCriticalSection((void *)16);
        printf("not reached\n");
    } __except (NOTE(code)) {
        printf("in a function of kernel32: %08x\n", code);
    }
    __try {
        memcpy(bytes, (void *)16, sizeof bytes);
        printf("not reached\n");
    } __except (NOTE(code)) {
        printf("in memcpy: %08x\n", code);
    }
}

/* ---- Called back ---- */

static int compare(const void *a, const void *b)
{
    store((int *)4, *(const int *)a - *(const int *)b);
    return 0;
}

static void across_a_function(void)
{
    u32 code;
    int values[3] = {3, 2, 1};
    __try {
        qsort(values, 3, sizeof values[0], compare);
    } __except (NOTE(code)) {
        printf("called back by qsort: %08x\n", code);
    }
}

static u32 inner_code;

/* Faults itself, and handles that, before it lets the search go on. */
static int fault_inside(pointers *raised)
{
    if (raised->record->code != ACCESS_VIOLATION)
        return SEARCH;
    __try {
        divide(1, 0);
    } __except (NOTE(inner_code)) {
        printf("inside a vectored handler: %08x\n", inner_code);
    }
    return SEARCH;
}

static void in_handler(void)
{
    u32 code;
    void *handler = AddVectoredExceptionHandler(1, fault_inside);
    __try {
        store((int *)4, 1);
    } __except (NOTE(code)) {
        printf("and then: %08x\n", code);
    }
    RemoveVectoredExceptionHandler(handler);
}

/* A filter that faults is asked about that too, and declines. */
static int bad_filter(void)
{
    static int times;
    if (times++ == 0)
        divide(1, 0);
    return SEARCH;
}

static void in_filter(void)
{
    u32 code;
    __try {
        __try {
            store((int *)4, 1);
        } __except (bad_filter()) {
            printf("not reached\n");
        }
    } __except (NOTE(code)) {
        printf("outside of the filter: %08x\n", code);
    }
}

/* ---- Threads ---- */

static u32 thread(void *argument)
{
    u32 caught = 0, code = 0;
    for (u32 i = 0; i < 1000; i++) {
        __try {
            if (i % 2 == 0)
                store((int *)4, 1);
            else
                divide(1, 0);
        } __except (NOTE(code)) {
            caught += code == (i % 2 == 0 ? ACCESS_VIOLATION : DIVIDE_BY_ZERO);
        }
    }
    *(u32 *)argument = caught;
    return 0;
}

static void threads(void)
{
    u32 caught[4] = {0};
    void *handles[4];
    for (u32 i = 0; i < 4; i++)
        handles[i] = CreateThread(0, 0, thread, &caught[i], 0, 0);
    for (u32 i = 0; i < 4; i++) {
        WaitForSingleObject(handles[i], 0xFFFFFFFF);
        printf("thread %d caught %d\n", (int)i, (int)caught[i]);
    }
}

void start(void)
{
    except();
    nested();
    in_finally();
    printf("registers %d\n", registers(3, 5, 7));
    mend();
    change_register();
    keep_registers();
    across_a_function();
    in_handler();
    in_filter();
    threads();
    in_functions();
    exit(0);
}
