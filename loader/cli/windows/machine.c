#include "cli/system.h"

#include <io.h>
#include <windows.h>

#include <bcrypt.h>

bool cli_is_terminal(FILE *stream)
{
    HANDLE console = (HANDLE)_get_osfhandle(_fileno(stream));
    DWORD mode;
    return GetConsoleMode(console, &mode) != 0 &&
           SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

unsigned cli_core_count(void)
{
    DWORD count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return count > 0 ? count : 1;
}

uint64_t cli_process_number(void)
{
    return GetCurrentProcessId();
}

uint64_t cli_random(void)
{
    uint64_t value;
    bool is_random =
        BCryptGenRandom(NULL, (PUCHAR)&value, sizeof value, BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0;
    return is_random ? value : (uintptr_t)&value;
}
