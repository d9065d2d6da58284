/* entry.c: DllMain that does what HOW says, when it is attached. */
#define IMPORT __declspec(dllimport)
IMPORT void __stdcall RaiseException(unsigned code, unsigned flags, unsigned count,
                                     const unsigned long long *arguments);

static volatile int depth;

#pragma clang diagnostic ignored "-Winfinite-recursion"
static int __attribute__((noinline)) go_deeper(volatile char *above)
{
    volatile char page[4096];
    page[0] = above[0];
    page[4095] = 1;
    depth++;
    return go_deeper(page) + page[0];
}

int __stdcall DllMain(void *module, unsigned reason, void *reserved)
{
    char start = 0;
    (void)module;
    (void)reserved;
    (void)go_deeper;
    (void)start;
    if (reason != 1)
        return 1;
    HOW;
    return 1;
}

__declspec(dllexport) int answer(void)
{
    return 42;
}
