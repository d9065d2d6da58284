#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The option that `word` names, as "--name" or "--name=value"; NULL if none. */
static const cli_option *find_option(const cli_syntax *syntax, const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < syntax->option_count; i++) {
        const char *name = syntax->options[i].name;
        if (strlen(name) == length && strncmp(name, word, length) == 0)
            return &syntax->options[i];
    }
    return NULL;
}

static bool set_option(const cli_option *option, const char *value)
{
    if (option->kind == CLI_FLAG) {
        *(bool *)option->target = true;
        return true;
    }
    if (option->kind == CLI_TEXT) {
        *(const char **)option->target = value;
        return true;
    }
    cli_list *list = option->target;
    if (list->count == CLI_LIST_MAX) {
        fprintf(stderr, "peload: %s can be given %d times\n", option->name, CLI_LIST_MAX);
        return false;
    }
    list->items[list->count++] = value;
    return true;
}

/* Takes the option at argv[at] and its value; returns the index after them, or -1. */
static int take_option(const cli_syntax *syntax, int argc, char **argv, int at)
{
    const cli_option *option = find_option(syntax, argv[at]);
    if (option == NULL) {
        fprintf(stderr, "peload: %s: no such option: %s\n", argv[0], argv[at]);
        return -1;
    }
    const char *value = strchr(argv[at], '=');
    bool wants_value = option->kind != CLI_FLAG;
    if (value != NULL)
        value++;
    else if (wants_value)
        value = at + 1 < argc ? argv[++at] : NULL;
    if (wants_value != (value != NULL)) {
        fprintf(stderr, "peload: %s: %s\n", option->name,
                wants_value ? "a value is missing" : "takes no value");
        return -1;
    }
    return set_option(option, value) ? at + 1 : -1;
}

int cli_parse(const cli_syntax *syntax, int argc, char **argv)
{
    int words = 0;
    bool options_ended = false;
    for (int at = 1; at < argc;) {
        if (!options_ended && strncmp(argv[at], "--", 2) == 0) {
            options_ended = argv[at][2] == '\0';
            at = options_ended ? at + 1 : take_option(syntax, argc, argv, at);
            if (at < 0)
                return -1;
            continue;
        }
        options_ended = options_ended || syntax->options_first;
        argv[++words] = argv[at++];
    }
    if (words < syntax->words_min || words > syntax->words_max) {
        fprintf(stderr, "peload: %s: too %s arguments\n", argv[0],
                words < syntax->words_min ? "few" : "many");
        return -1;
    }
    return words;
}

bool cli_number(const char *text, uint64_t *ret_value)
{
    const char *digits = text + (text[0] == '-');
    if (digits[0] < '0' || digits[0] > '9')
        return false;
    bool is_hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
    char *end;
    errno = 0;
    uint64_t value = strtoull(digits, &end, is_hex ? 16 : 10);
    bool too_large = errno != 0 || (text[0] == '-' && value > UINT64_C(1) << 63);
    if (*end != '\0' || too_large)
        return false;
    *ret_value = text[0] == '-' ? 0 - value : value;
    return true;
}

/* A word of a list and what it stands for. */
typedef struct choice {
    const char *name;
    int value;
} choice;

/* The first of them is the default, for NULL. */
static bool choose(const char *what, const choice choices[], size_t count, const char *name,
                   int *ret_value)
{
    for (size_t i = 0; i < count; i++) {
        if (name == NULL || strcmp(choices[i].name, name) == 0) {
            *ret_value = choices[i].value;
            return true;
        }
    }
    fprintf(stderr, "peload: no such %s: %s (", what, name);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s%s", i > 0 ? ", " : "", choices[i].name);
    fputs(")\n", stderr);
    return false;
}

#define CHOOSE(what, choices, name, ret_value) \
    choose(what, choices, sizeof choices / sizeof choices[0], name, ret_value)

bool cli_profile(const char *name, pe_profile *ret_profile)
{
    static const choice profiles[] = {{"win10", PE_WIN10}, {"win7", PE_WIN7}, {"winxp", PE_WINXP}};
    int value;
    bool is_known = CHOOSE("profile", profiles, name, &value);
    if (is_known)
        *ret_profile = (pe_profile)value;
    return is_known;
}

bool cli_platform(const char *name, pe_platform *ret_platform)
{
    static const choice platforms[] = {
        {"x64", PE_PLATFORM_X64}, {"arm64", PE_PLATFORM_ARM64}, {"any", PE_PLATFORM_ANY}};
    int value;
    bool is_known = CHOOSE("platform", platforms, name, &value);
    if (is_known)
        *ret_platform = (pe_platform)value;
    return is_known;
}

bool cli_machine(const char *name, uint16_t *ret_machine)
{
    static const choice machines[] = {
        {"own", 0}, {"x64", PE_MACHINE_AMD64}, {"arm64", PE_MACHINE_ARM64}};
    int value;
    bool is_known = CHOOSE("machine", machines, name, &value);
    if (is_known)
        *ret_machine = (uint16_t)value;
    return is_known;
}

bool cli_aslr(const char *name, ldr_aslr *ret_aslr)
{
    static const choice policies[] = {
        {"off", LDR_ASLR_OFF}, {"on", LDR_ASLR_ON}, {"force", LDR_ASLR_FORCE}};
    int value;
    bool is_known = CHOOSE("ASLR policy", policies, name, &value);
    if (is_known)
        *ret_aslr = (ldr_aslr)value;
    return is_known;
}

bool cli_base(const char *text, uint64_t *ret_base)
{
    uint64_t base = 0;
    if (text != NULL && !cli_number(text, &base)) {
        fprintf(stderr, "peload: not an address: %s\n", text);
        return false;
    }
    *ret_base = base;
    return true;
}
