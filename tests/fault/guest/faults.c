/*
 * faults.c: each exception of the processor, as a vectored handler sees it. Without a debugger the
 * output is the same wherever Windows's rules hold.
 */
#include <float.h>
#include <stdio.h>
#include <windows.h>

/* Where the handler goes on, and what it has seen. */
static DWORD64 next, stack;
static DWORD code;
static ULONG_PTR count, information[3];
static int at_address;

static LONG WINAPI note(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    code = record->ExceptionCode;
    count = record->NumberParameters;
    for (int i = 0; i < 3; i++)
        information[i] = i < (int)count ? record->ExceptionInformation[i] : 0;
    at_address = (DWORD64)(ULONG_PTR)record->ExceptionAddress == pointers->ContextRecord->Rip;
    pointers->ContextRecord->Rip = next;
    pointers->ContextRecord->Rsp = stack;
    pointers->ContextRecord->MxCsr = 0x1F80;
    pointers->ContextRecord->FltSave.MxCsr = 0x1F80;
    pointers->ContextRecord->FltSave.ControlWord = 0x27F;
    pointers->ContextRecord->FltSave.StatusWord = 0;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* Runs instructions that raise an exception; `rax` is what they work on. */
#define FAULT(rax, instructions)                                                                \
    do {                                                                                        \
        code = 0;                                                                               \
        DWORD64 a = (DWORD64)(rax);                                                             \
        __asm__ volatile(                                                                       \
            "leaq 1f(%%rip), %%rcx\n\tmovq %%rcx, %1\n\tmovq %%rsp, %2\n\t" instructions "\n1:" \
            : "+a"(a), "=m"(next), "=m"(stack)                                                  \
            :                                                                                   \
            : "rcx", "rdx", "rbx", "r8", "r9", "xmm0", "xmm1", "cc", "memory");                 \
    } while (0)

static void say(const char *name)
{
    printf("%-28s %08lx", name, code);
    for (int i = 0; i < (int)count && i < 3; i++)
        printf(" %llx", (unsigned long long)information[i]);
    printf("%s\n", at_address ? "" : " (address differs)");
}

/* The same with the second parameter as a distance. */
static void say_near(const char *name, const void *from)
{
    information[1] -= (ULONG_PTR)from;
    say(name);
}

static void memory(void)
{
    char *page = VirtualAlloc(NULL, 0x3000, MEM_COMMIT | MEM_RESERVE, PAGE_READONLY);
    char *reserved = VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_READWRITE);
    FAULT(0, "movl (%%rax), %%edx");
    say("read of null");
    FAULT(0x18, "movl %%edx, (%%rax)");
    say("write of null");
    FAULT(0, "call *%%rax");
    say("call of null");
    FAULT(page + 4, "movb $1, (%%rax)");
    say_near("write of a read-only page", page);
    FAULT(page + 4, "call *%%rax");
    say_near("call of data", page);
    FAULT(reserved + 0x2345, "movb (%%rax), %%dl");
    say_near("read of a reserved page", reserved);
    FAULT(reserved + 0xFFE, "movq %%rdx, (%%rax)");
    say_near("write of a reserved page", reserved);
    FAULT(0x8000000000000000, "movb (%%rax), %%dl");
    say("read of no address");
    FAULT(0x8000000000000000, "movb %%dl, (%%rax)");
    say("write of no address");
    FAULT(0xFFFFFFFFFFFFFFFF, "movb (%%rax), %%dl");
    say("read of -1");
    FAULT(0xFFFFF78000000000, "movb (%%rax), %%dl");
    say("read of the system's memory");
    FAULT(page + 4, "movaps (%%rax), %%xmm0");
    say("operand that is not aligned");
    VirtualFree(page, 0, MEM_RELEASE);
    FAULT(page + 4, "movb (%%rax), %%dl");
    say_near("read of a free page", page);
    VirtualFree(reserved, 0, MEM_RELEASE);
}

/* One alarm for each page; then it is as any other. */
static void guards(void)
{
    DWORD old;
    MEMORY_BASIC_INFORMATION info;
    char *pages = VirtualAlloc(NULL, 0x3000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE | PAGE_GUARD);
    FAULT(pages + 0x1010, "movb (%%rax), %%dl");
    say_near("read of a guard page", pages);
    FAULT(pages + 0x1010, "movb $1, (%%rax)");
    printf("then %08lx\n", code);
    VirtualQuery(pages, &info, sizeof info);
    printf("first page %#lx %#llx\n", info.Protect, (unsigned long long)info.RegionSize);
    VirtualQuery(pages + 0x1000, &info, sizeof info);
    printf("second page %#lx %#llx\n", info.Protect, (unsigned long long)info.RegionSize);
    FAULT(pages + 0x2000, "movb $1, (%%rax)");
    say_near("write of a guard page", pages);
    VirtualProtect(pages + 0x2000, 0x1000, PAGE_READONLY | PAGE_GUARD, &old);
    FAULT(pages + 0x2000, "movb $1, (%%rax)");
    say_near("write of a read-only one", pages);
    FAULT(pages + 0x2000, "movb $1, (%%rax)");
    say_near("again", pages);
    printf("no access and guard: %d\n",
           VirtualProtect(pages, 0x1000, PAGE_NOACCESS | PAGE_GUARD, &old));
    VirtualFree(pages, 0, MEM_RELEASE);
}

static void instructions(void)
{
    FAULT(0, "ud2");
    say("ud2");
    FAULT(0, ".byte 0x0F, 0x0B, 0x90");
    say("ud2 again");
    FAULT(0, ".byte 0x06");
    say("push es");
    FAULT(0, "hlt");
    say("hlt");
    FAULT(0, "cli");
    say("cli");
    FAULT(0, "inb %%dx, %%al");
    say("in");
    FAULT(0, "outb %%al, $0x80");
    say("out");
    FAULT(0, "rdmsr");
    say("rdmsr");
    FAULT(0, "movq %%cr0, %%rax");
    say("mov from cr0");
    FAULT(0, "movq %%rax, %%cr3");
    say("mov to cr3");
    FAULT(0, "wbinvd");
    say("wbinvd");
    FAULT(0, "int3");
    say("int3");
    FAULT(0, "int $0x80 - 0x40");
    say("int");
    FAULT(0, "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop");
    say("single step");
}

static void integers(void)
{
    static const DWORD64 zero = 0;
    FAULT(1, "xorl %%ebx, %%ebx\n\tcltd\n\tidivl %%ebx");
    say("division by zero");
    FAULT(&zero, "movl $1, %%r8d\n\txchgq %%rax, %%r8\n\tcqto\n\tidivq (%%r8)");
    say("division by zero in memory");
    FAULT(1, "movl $0xFF, %%ebx\n\tmovb $0, %%bh\n\tdivb %%bh");
    say("division by zero, 8 bits");
    FAULT(1, "movl $0xFF0000, %%ebx\n\tcltd\n\tdivw %%bx");
    say("division by zero, 16 bits");
}

static void overflows(void)
{
    static const DWORD64 minus = ~0ull;
    FAULT(0x80000000u, "movl $-1, %%ebx\n\tcltd\n\tidivl %%ebx");
    say("quotient too large");
    FAULT(&minus, "movq %%rax, %%r8\n\tmovabsq $0x8000000000000000, %%rax\n\tcqto\n\tidivq (%%r8)");
    say("quotient too large, memory");
    FAULT(0, "movl $1, %%r9d\n\tmovl $1, %%edx\n\tdivq %%r9");
    say("quotient too large, r9");
    FAULT(0x1234, "movl $0x0100, %%ebx\n\tdivb %%bh");
    say("quotient too large, bh");
}

static void floats(void)
{
    static const double one = 1, zero = 0, huge = 1e300, tiny = 1e-300, third = 3, nan = 0;
    static const DWORD64 denormal = 1;
#define SSE(mask, instructions) \
    "pushq $" #mask "\n\tldmxcsr (%%rsp)\n\tpopq %%rdx\n\tmovsd (%%rax), %%xmm0\n\t" instructions
    (void)nan;
    FAULT(&one, SSE(0x1D80, "xorps %%xmm1, %%xmm1\n\tdivsd %%xmm1, %%xmm0"));
    say("SSE division by zero");
    FAULT(&zero, SSE(0x1F00, "divsd %%xmm0, %%xmm0"));
    say("SSE invalid operation");
    FAULT(&huge, SSE(0x1B80, "mulsd %%xmm0, %%xmm0"));
    say("SSE overflow");
    FAULT(&tiny, SSE(0x1780, "mulsd %%xmm0, %%xmm0"));
    say("SSE underflow");
    FAULT(&denormal, SSE(0x1E80, "addsd %%xmm0, %%xmm0"));
    say("SSE denormal operand");
    FAULT(&third, SSE(0x0F80, "sqrtsd %%xmm0, %%xmm0"));
    say("SSE inexact result");
#define X87(mask, instructions)                                                                  \
    "fninit\n\tpushq $" #mask "\n\tfldcw (%%rsp)\n\tpopq %%rdx\n\tfldl (%%rax)\n\t" instructions \
    "\n\tfwait"
    FAULT(&one, X87(0x27B, "fldz\n\tfdivrp"));
    say("x87 division by zero");
    FAULT(&zero, X87(0x27E, "fdiv %%st(0), %%st(0)"));
    say("x87 invalid operation");
    FAULT(&zero, X87(0x27E, "fstp %%st(0)\n\tfstp %%st(0)"));
    say("x87 stack");
    FAULT(&third, X87(0x25F, "fsqrt"));
    say("x87 inexact result");
    __asm__ volatile("fninit");
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    AddVectoredExceptionHandler(TRUE, note);
    memory();
    guards();
    instructions();
    integers();
    overflows();
    floats();
    return 0;
}
