#include "win32/tables.h"

#define TABLES(X)                \
    X(ldr__advapi32_random)      \
    X(ldr__advapi32_refused)     \
    X(ldr__advapi32_registry)    \
    X(ldr__advapi32_user)        \
    X(ldr__bcrypt_random)        \
    X(ldr__crypt32_refused)      \
    X(ldr__kernel32_console)     \
    X(ldr__kernel32_create)      \
    X(ldr__kernel32_delay)       \
    X(ldr__kernel32_environment) \
    X(ldr__kernel32_error)       \
    X(ldr__kernel32_fault)       \
    X(ldr__kernel32_file)        \
    X(ldr__kernel32_filename)    \
    X(ldr__kernel32_find)        \
    X(ldr__kernel32_folders)     \
    X(ldr__kernel32_handle)      \
    X(ldr__kernel32_heap)        \
    X(ldr__kernel32_locale)      \
    X(ldr__kernel32_localename)  \
    X(ldr__kernel32_locks)       \
    X(ldr__kernel32_mapping)     \
    X(ldr__kernel32_memory)      \
    X(ldr__kernel32_message)     \
    X(ldr__kernel32_module)      \
    X(ldr__kernel32_open)        \
    X(ldr__kernel32_process)     \
    X(ldr__kernel32_resource)    \
    X(ldr__kernel32_refused)     \
    X(ldr__kernel32_sync)        \
    X(ldr__kernel32_text)        \
    X(ldr__kernel32_thread)      \
    X(ldr__kernel32_time)        \
    X(ldr__kernel32_timezone)    \
    X(ldr__kernel32_tls)         \
    X(ldr__kernel32_usage)       \
    X(ldr__kernel32_volume)      \
    X(ldr__ntdll_delay)          \
    X(ldr__ntdll_error)          \
    X(ldr__ntdll_heap)           \
    X(ldr__ntdll_loader)         \
    X(ldr__user32_none)          \
    X(ldr__ws2_32_events)        \
    X(ldr__ws2_32_options)       \
    X(ldr__ws2_32_sockets)

#define X(table) extern const ldr__host_table table;
TABLES(X)
#undef X

const ldr__host_table *const ldr__system_tables[] = {
#define X(table) &table,
    TABLES(X)
#undef X
};

const size_t ldr__system_table_count = sizeof ldr__system_tables / sizeof ldr__system_tables[0];
