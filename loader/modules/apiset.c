#include "modules/apiset.h"

#include "modules/module.h"

/* Contracts by the start of their names: those whose host modules the environment provides. */
static const struct {
    const char *prefix;
    const char *host;
} contracts[] = {
    {"api-ms-win-crt-", "ucrtbase.dll"},
    {"api-ms-win-core-", "kernel32.dll"},
    {"api-ms-win-security-", "advapi32.dll"},
};

const char *ldr__apiset_host(const char *name)
{
    for (size_t i = 0; i < sizeof(contracts) / sizeof(contracts[0]); i++) {
        if (ldr__name_starts(name, contracts[i].prefix))
            return contracts[i].host;
    }
    return NULL;
}
