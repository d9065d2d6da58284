/*
 * call_again: `peload call` where other views of its DLL are, or were.
 *
 *   call_again anywhere SEED COUNT FILE WORD...
 *   call_again beside FILE WORD...
 *
 * The WORDs are those that `peload call` gets, FILE is the DLL among them. `anywhere` makes the
 * call at COUNT free bases drawn from SEED, in one process; each must print what the first one
 * prints, and that is printed. `beside` makes it while a view of FILE is mapped, at the preferred
 * base if that can be had; whether it is there is said on stderr.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GRANULARITY UINT64_C(0x10000)
#define USER_END    UINT64_C(0x7FFFFFFF0000)

enum { WORDS_MAX = 64, OUTPUT_MAX = 1 << 20, DRAWS_MAX = 10000 };

typedef struct output {
    char text[OUTPUT_MAX];
    ssize_t size;
} output;

static int fail(const char *what)
{
    fprintf(stderr, "call_again: %s\n", what);
    return CLI_FAILED;
}

static ldr_section *open_section(const char *path)
{
    ldr_diag diag;
    ldr_section *section = NULL;
    if (ldr_section_from_file(path, NULL, &section, &diag) != LDR_OK)
        fail("the file is no image");
    return section;
}

/* ---- Calls ---- */

/* What the command prints, also what the guest in it writes to standard output. */
static int call(char **words, const char *base, output *ret_output)
{
    char *argv[WORDS_MAX + 4] = {"call"};
    int argc = 1;
    if (base != NULL) {
        argv[argc++] = "--base";
        argv[argc++] = (char *)(uintptr_t)base;
    }
    for (size_t i = 0; words[i] != NULL && i < WORDS_MAX; i++)
        argv[argc++] = words[i];
    int file = memfd_create("output", MFD_CLOEXEC);
    int before = dup(STDOUT_FILENO);
    dup2(file, STDOUT_FILENO);
    int result = cli_call(argc, argv);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    ret_output->size = pread(file, ret_output->text, OUTPUT_MAX, 0);
    close(file);
    return result;
}

static void print(const output *printed)
{
    fwrite(printed->text, 1, (size_t)printed->size, stdout);
}

/* ---- Anywhere ---- */

/* xorshift64*: the same bases for the same seed everywhere. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* Maps a view there to see. One of the next bases that can be had, 0 for none. */
static uint64_t draw_base(uint64_t *state, ldr_section *section)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        ldr_diag diag;
        ldr_view *view;
        ldr_view_options options = {.size = sizeof options};
        options.base = draw(state) % (USER_END / GRANULARITY) * GRANULARITY;
        if (options.base == 0 || ldr_view_map(section, &options, &view, &diag) != LDR_OK)
            continue;
        ldr_view_unmap(view);
        return options.base;
    }
    return 0;
}

static int call_anywhere(uint64_t seed, unsigned long count, ldr_section *section, char **words)
{
    static output first, next;
    for (unsigned long i = 0; i < count; i++) {
        char base[32];
        snprintf(base, sizeof base, "0x%" PRIx64, draw_base(&seed, section));
        output *now = i == 0 ? &first : &next;
        int result = call(words, base, now);
        if (result != CLI_DONE) {
            fprintf(stderr, "call_again: at base %s\n", base);
            return result;
        }
        if (now->size != first.size || memcmp(now->text, first.text, (size_t)now->size) != 0) {
            fprintf(stderr, "call_again: the result is another one at base %s\n", base);
            return CLI_FAILED;
        }
    }
    print(&first);
    return CLI_DONE;
}

static int anywhere(char **argv)
{
    uint64_t seed = strtoull(argv[0], NULL, 0);
    unsigned long count = strtoul(argv[1], NULL, 0);
    ldr_section *section = open_section(argv[2]);
    if (section == NULL || seed == 0)
        return fail("no section, or no seed");
    int result = call_anywhere(seed, count, section, argv + 3);
    ldr_section_close(section);
    return result;
}

/* ---- Beside ---- */

static int beside(char **argv)
{
    static output printed;
    ldr_diag diag;
    ldr_view *view;
    ldr_section *section = open_section(argv[0]);
    if (section == NULL || ldr_view_map(section, NULL, &view, &diag) != LDR_OK)
        return fail("the first view cannot be mapped");
    uint64_t preferred = ldr_section_image(section)->optional.image_base;
    bool is_there = (uintptr_t)ldr_view_base(view) == preferred;
    ldr_section_close(section);
    fprintf(stderr, "call_again: the first view is %s\n", is_there ? "at its base" : "elsewhere");
    int result = call(argv + 1, NULL, &printed);
    print(&printed);
    ldr_view_unmap(view);
    return result;
}

int main(int argc, char **argv)
{
    if (argc > 5 && strcmp(argv[1], "anywhere") == 0)
        return anywhere(argv + 2);
    if (argc > 3 && strcmp(argv[1], "beside") == 0)
        return beside(argv + 2);
    return fail("usage: see the source");
}
