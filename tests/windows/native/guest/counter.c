/* counter.c: static data, constant data with a relocation, and a thread-local variable. */
#include <windows.h>

static int value;
static int *const address = &value;
static __thread int of_thread = 1000;

__declspec(dllexport) int count(void)
{
    return ++*address;
}

__declspec(dllexport) int count_of_thread(void)
{
    return ++of_thread;
}
