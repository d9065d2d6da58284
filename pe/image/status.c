#include "rules.h"

const char *pe_status_text(pe_status status)
{
    switch (status) {
#define X(name, number, text) \
    case PE_##name:           \
        return text;
        PE_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}

const char *pe_nt_status_name(uint32_t nt_status)
{
    switch (nt_status) {
#define X(name, number) \
    case number:        \
        return "STATUS_" #name;
        PE_NT_STATUS_LIST(X)
#undef X
    default:
        return "STATUS_UNKNOWN";
    }
}

const char *pe_directory_name(pe_directory_index index)
{
    static const char *const names[PE_DIRECTORY_COUNT] = {
        [PE_DIRECTORY_EXPORT] = "export",
        [PE_DIRECTORY_IMPORT] = "import",
        [PE_DIRECTORY_RESOURCE] = "resource",
        [PE_DIRECTORY_EXCEPTION] = "exception",
        [PE_DIRECTORY_CERTIFICATE] = "certificate",
        [PE_DIRECTORY_BASE_RELOCATION] = "base relocation",
        [PE_DIRECTORY_DEBUG] = "debug",
        [PE_DIRECTORY_ARCHITECTURE] = "architecture",
        [PE_DIRECTORY_GLOBAL_POINTER] = "global pointer",
        [PE_DIRECTORY_TLS] = "TLS",
        [PE_DIRECTORY_LOAD_CONFIG] = "load config",
        [PE_DIRECTORY_BOUND_IMPORT] = "bound import",
        [PE_DIRECTORY_IAT] = "IAT",
        [PE_DIRECTORY_DELAY_IMPORT] = "delay import",
        [PE_DIRECTORY_CLR] = "CLR",
        [PE_DIRECTORY_RESERVED] = "reserved",
    };
    return (unsigned)index < PE_DIRECTORY_COUNT ? names[index] : "unknown";
}

void pe__violation(pe__rule rule, uint64_t offset, uint64_t value, uint64_t allowed, pe_diag *diag)
{
    static const struct {
        uint32_t nt_status;
        const char *id, *text;
    } rules[PE__RULE_COUNT] = {
#define X(id, nt, profiles, text, source) {PE_NT_##nt, #id, text},
        PE__RULES(X)
#undef X
    };
    if (diag != NULL)
        *diag = (pe_diag){rules[rule].nt_status, rules[rule].id, offset, value, allowed,
                          rules[rule].text};
}
