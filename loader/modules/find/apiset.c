#include "modules/find/apiset.h"

#include <string.h>

#include "modules/find/names.h"

static const struct {
    const char *contract;
    const char *host;
} contracts[] = {
#include "modules/find/apisets.inc"
};

/*
 * What Windows has in DLLs that the environment does not provide, and where it provides it: for
 * contracts that start so, or any name ("").  The first that fits counts.
 */
static const struct {
    const char *start;
    const char *dll;
    const char *host;
} stand_ins[] = {
    {"api-ms-win-core-registry", "kernelbase.dll", "advapi32.dll"},
    {"api-ms-win-security-", "kernelbase.dll", "advapi32.dll"},
    {"api-ms-win-eventing-", "kernelbase.dll", "advapi32.dll"},
    {"", "kernelbase.dll", "kernel32.dll"},
    {"", "sechost.dll", "advapi32.dll"},
};

/* How long the part of a contract's name is that counts: up to the last '-' before any '.'. */
static size_t key_length(const char *name)
{
    size_t length = strcspn(name, ".");
    while (length > 0 && name[length - 1] != '-')
        length--;
    return length > 0 ? length - 1 : 0;
}

/* As strcmp of the first `length` characters, in lower case, with a whole contract. */
static int compare_key(const char *name, size_t length, const char *contract)
{
    for (size_t i = 0; i < length; i++) {
        char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
        if (c != contract[i])
            return (unsigned char)c < (unsigned char)contract[i] ? -1 : 1;
    }
    return contract[length] == '\0' ? 0 : -1;
}

bool ldr__apiset_is_contract(const char *name)
{
    return ldr__name_starts(name, "api-") || ldr__name_starts(name, "ext-");
}

const char *ldr__apiset_host(const char *name)
{
    size_t low = 0, high = sizeof(contracts) / sizeof(contracts[0]);
    size_t length = ldr__apiset_is_contract(name) ? key_length(name) : 0;
    while (low < high && length != 0) {
        size_t middle = low + (high - low) / 2;
        int order = compare_key(name, length, contracts[middle].contract);
        if (order == 0)
            return contracts[middle].host[0] != '\0' ? contracts[middle].host : NULL;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *ldr__apiset_stand_in(const char *name, const char *dll)
{
    for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++) {
        if (ldr__name_starts(name, stand_ins[i].start) && ldr__same_name(dll, stand_ins[i].dll))
            return stand_ins[i].host;
    }
    return NULL;
}
