#include "cli/system.h"

#include <sys/random.h>
#include <unistd.h>

bool cli_is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) != 0;
}

unsigned cli_core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (unsigned)cores : 1;
}

uint64_t cli_process_number(void)
{
    return (uint64_t)getpid();
}

uint64_t cli_random(void)
{
    uint64_t value;
    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value)
        value = (uintptr_t)&value;
    return value;
}
