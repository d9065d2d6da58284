/* bad_start.c: a DLL whose start faults. */
#include "try.h"

int start(void *module, u32 reason, void *reserved)
{
    (void)module, (void)reason, (void)reserved;
    store((int *)16, 1);
    return 1;
}
