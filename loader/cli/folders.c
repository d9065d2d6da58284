#include "cli.h"

#include <string.h>

static const struct {
    const char *name;
    ldr_policy policy;
} policies[] = {
    {"plugin", LDR_POLICY_PLUGIN},
    {"windows", LDR_POLICY_WINDOWS},
    {"windows-unsafe", LDR_POLICY_WINDOWS_UNSAFE},
    {"files", LDR_POLICY_FILES},
};

bool cli_folders_apply(const cli_folders *folders, ldr_policy policy, ldr_context_options *options)
{
    bool known = folders->policy == NULL;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0] && !known; i++) {
        known = strcmp(policies[i].name, folders->policy) == 0;
        if (known)
            policy = policies[i].policy;
    }
    if (!known) {
        fprintf(stderr, "peload: --policy: not plugin, windows, windows-unsafe or files: %s\n",
                folders->policy);
        return false;
    }
    options->policy = policy;
    options->search_folders = folders->search.items;
    options->search_folder_count = folders->search.count;
    options->system_folder = folders->system;
    return true;
}

size_t cli_folders_words(const cli_folders *folders, const char **ret_words)
{
    size_t count = 0;
    for (size_t i = 0; i < folders->search.count; i++) {
        ret_words[count++] = "--search";
        ret_words[count++] = folders->search.items[i];
    }
    if (folders->system != NULL) {
        ret_words[count++] = "--system-dir";
        ret_words[count++] = folders->system;
    }
    if (folders->policy != NULL) {
        ret_words[count++] = "--policy";
        ret_words[count++] = folders->policy;
    }
    return count;
}
