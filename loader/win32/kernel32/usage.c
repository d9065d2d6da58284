#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/pages.h"

/* What the process and its threads use, who runs them, and what other processes there are: none
 * that a handle could be had to. */

enum {
    NORMAL_PRIORITY_CLASS = 0x20,
    IDLE_PRIORITY_CLASS = 0x40,
    HIGH_PRIORITY_CLASS = 0x80,
    RELATION_GROUP = 4,
};

/* ---- Times ---- */

static FILETIME from_timeval(const struct timeval *time)
{
    return ldr__filetime_split((uint64_t)time->tv_sec * 10000000 + (uint64_t)time->tv_usec * 10);
}

/* When a process or thread started, from its stat file in /proc. */
static bool get_start(const char *stat_file, FILETIME *ret_time)
{
    char stat[1024];
    unsigned long long ticks = 0;
    struct timespec now, since_boot;
    FILE *file = fopen(stat_file, "re");
    size_t length = file ? fread(stat, 1, sizeof stat - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    stat[length] = 0;
    const char *after_name = strrchr(stat, ')');
    if (after_name == NULL ||
        sscanf(after_name + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
               "%*d %*d %*d %llu",
               &ticks) != 1)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    uint64_t boot = ldr__filetime_from(&now) -
                    ((uint64_t)since_boot.tv_sec * 10000000 + (uint64_t)since_boot.tv_nsec / 100);
    *ret_time = ldr__filetime_split(boot + ticks * (10000000 / (uint64_t)sysconf(_SC_CLK_TCK)));
    return true;
}

static BOOL get_times(int who, const char *stat_file, FILETIME *ret_created, FILETIME *ret_ended,
                      FILETIME *ret_kernel, FILETIME *ret_user)
{
    struct rusage usage;
    FILETIME started;
    if (!get_start(stat_file, &started) || getrusage(who, &usage) != 0)
        return ldr__win_error(ERROR_GEN_FAILURE);
    *ret_created = started;
    *ret_ended = (FILETIME){0, 0};
    *ret_kernel = from_timeval(&usage.ru_stime);
    *ret_user = from_timeval(&usage.ru_utime);
    return true;
}

static BOOL LDR_WINAPI guest_GetProcessTimes(HANDLE process, FILETIME *ret_created,
                                             FILETIME *ret_ended, FILETIME *ret_kernel,
                                             FILETIME *ret_user)
{
    if (process != LDR__CURRENT_PROCESS)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    return get_times(RUSAGE_SELF, "/proc/self/stat", ret_created, ret_ended, ret_kernel, ret_user);
}

/* Of the calling thread only. */
static BOOL LDR_WINAPI guest_GetThreadTimes(HANDLE thread, FILETIME *ret_created,
                                            FILETIME *ret_ended, FILETIME *ret_kernel,
                                            FILETIME *ret_user)
{
    if (thread != LDR__CURRENT_THREAD)
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    return get_times(RUSAGE_THREAD, "/proc/thread-self/stat", ret_created, ret_ended, ret_kernel,
                     ret_user);
}

/* ---- Memory and priority ---- */

static BOOL LDR_WINAPI guest_GetProcessWorkingSetSize(HANDLE process, size_t *ret_minimum,
                                                      size_t *ret_maximum)
{
    struct rlimit limit;
    if (process != LDR__CURRENT_PROCESS)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    if (getrlimit(RLIMIT_RSS, &limit) != 0)
        return ldr__win_errno(errno);
    *ret_minimum = 0;
    *ret_maximum = limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : limit.rlim_cur;
    return true;
}

static DWORD LDR_WINAPI guest_GetPriorityClass(HANDLE process)
{
    if (process != LDR__CURRENT_PROCESS)
        return (DWORD)ldr__win_error(ERROR_INVALID_HANDLE);
    int nice_value = getpriority(PRIO_PROCESS, 0);
    if (nice_value == 0)
        return NORMAL_PRIORITY_CLASS;
    return nice_value > 0 ? IDLE_PRIORITY_CLASS : HIGH_PRIORITY_CLASS;
}

/* ---- Processors: one group ---- */

typedef struct group_information {
    DWORD relationship, size;
    uint16_t maximum_groups, active_groups;
    uint8_t reserved[20];
    uint8_t maximum_processors, active_processors;
    uint8_t reserved2[38];
    uint64_t mask;
} group_information;

_Static_assert(sizeof(group_information) == 80, "SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX layout");

static BOOL LDR_WINAPI guest_GetLogicalProcessorInformationEx(DWORD relationship,
                                                              group_information *ret_info,
                                                              DWORD *size)
{
    cpu_set_t set;
    if (relationship != RELATION_GROUP) /* cores, caches and nodes are not described */
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    DWORD given = *size;
    *size = sizeof *ret_info;
    if (given < sizeof *ret_info)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    if (count > 64)
        count = 64;
    *ret_info = (group_information){.relationship = RELATION_GROUP,
                                    .size = sizeof *ret_info,
                                    .maximum_groups = 1,
                                    .active_groups = 1,
                                    .maximum_processors = (uint8_t)count,
                                    .active_processors = (uint8_t)count,
                                    .mask = ~UINT64_C(0) >> (64 - count)};
    return true;
}

/* ---- The program ---- */

static BOOL LDR_WINAPI guest_QueryFullProcessImageNameW(HANDLE process, DWORD flags,
                                                        WCHAR *ret_path, DWORD *size)
{
    ldr_module *program = ldr__module_main(ldr__process_self()->ctx);
    if (process != LDR__CURRENT_PROCESS)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    if (program == NULL || flags != 0)
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    char *path = ldr__path_to_guest(ldr_module_path(program));
    if (path == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    DWORD length = ldr__answer_text_w(path, ret_path, *size);
    free(path);
    if (length >= *size)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    *size = length;
    return true;
}

/* ---- The user ---- */

static BOOL LDR_WINAPI guest_GetUserNameW(WCHAR *ret_name, DWORD *size)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
        return ldr__win_error(ERROR_NOT_FOUND);
    DWORD length = ldr__answer_text_w(found->pw_name, ret_name, *size);
    bool fits = length < *size;
    *size = fits ? length + 1 : length;
    return fits ? true : ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
}

static const ldr_export lines[] = {
    LDR__FN(GetProcessTimes),
    LDR__FN(GetThreadTimes),
    LDR__FN(GetProcessWorkingSetSize),
    LDR__FN(GetPriorityClass),
    LDR__FN(GetLogicalProcessorInformationEx),
    LDR__FN(QueryFullProcessImageNameW),
};

static const ldr_export advapi32_lines[] = {
    LDR__FN(GetUserNameW),
};

LDR__TABLE(ldr__kernel32_usage, "kernel32.dll", lines);
LDR__TABLE(ldr__advapi32_user, "advapi32.dll", advapi32_lines);
