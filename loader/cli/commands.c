#include "cli.h"

#include <string.h>

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
} command;

static const command commands[] = {
    {"inspect", cli_inspect,
     "  peload inspect [--json] [--only PART,...] FILE\n"
     "      Show what the image says. Parses only. PART: file_facts headers rich directories\n"
     "      sections imports bound_imports delay_imports exports resources decoded_resources\n"
     "      exceptions relocations tls load_config dynamic_relocations chpe volatile_metadata\n"
     "      enclave clr debug certificates symbols hashes findings (default all).\n"},
    {"map", cli_map,
     "  peload map [--json] [--dump OUT] [--svg OUT] [--base ADDR]\n"
     "             [--profile winxp|win7|win10] [--platform x64|arm64|any]\n"
     "             [--machine own|x64|arm64] [--aslr off|on|force] [--no-execute] [--snapshot]\n"
     "             [--memory] [--no-relocate] [--control-area] [--locate ADDR]... FILE\n"
     "      Map the image as Windows would and show each region. Runs nothing. --svg draws the\n"
     "      file beside the memory that it fills. --control-area shows what stands behind the\n"
     "      view: segment, subsections, views, file. --locate shows where an address or RVA is:\n"
     "      section, file offset, page tables, physical frame. --memory, here and for call and\n"
     "      run: the image is read into a buffer and comes from there, not from its file.\n"},
    {"deps", cli_deps,
     "  peload deps [--json|--dot] [--functions] [--no-delay] [--search DIR]...\n"
     "              [--system-dir DIR] [--policy NAME] FILE\n"
     "      Show the DLLs that it needs and where each is found. Runs nothing. --functions also\n"
     "      lists each function that is missing. Exit status 1 if loading it would be refused.\n"
     "      DIR   --search: a folder to look in. --system-dir: a System32 of Windows, or the\n"
     "            x86_64-windows of Wine.\n"
     "      NAME  plugin: DLLs come from peload itself, then from beside who needs them.\n"
     "            windows, windows-unsafe: Windows's order, with the current folder and PATH.\n"
     "            files: none from peload itself. Default: windows for an EXE, plugin for a DLL,\n"
     "            files for what is not x64.\n"},
    {"call", cli_call,
     "  peload call [--json] [--ret TYPE] [--missing refuse|stub] [--delay lazy|eager]\n"
     "              [--base ADDR] [--search DIR]... [--system-dir DIR] [--policy NAME]\n"
     "              [--memory] [--trace OUT] [--gdb] [--perf-map] FILE EXPORT ARG...\n"
     "      Load the image, call one export, print the result. EXPORT is a name or #ordinal.\n"
     "      ARG   123 0x7b -5    integer             1.5f64       double\n"
     "            str:TEXT       string              wstr:TEXT    UTF-16 string\n"
     "            hex:0011       bytes               file:PATH    a file's bytes\n"
     "            buf:N          N zeroed bytes, printed after the call\n"
     "            u32:V u64:V    pointer to a value, printed after the call\n"
     "      TYPE  int uint i64 u64 ptr str wstr f64 void (default u64, in hex)\n"},
    {"run", cli_run,
     "  peload run [--json] [--missing refuse|stub] [--delay lazy|eager] [--base ADDR]\n"
     "             [--search DIR]... [--system-dir DIR] [--policy NAME]\n"
     "             [--memory] [--trace OUT] [--gdb] [--perf-map] FILE ARG...\n"
     "      Run an EXE with these arguments; its exit status becomes this command's. Programs\n"
     "      that it starts are run the same way (by --process FD, which is not for other use);\n"
     "      on Windows it is the system that starts them.\n"
     "      --trace, here and for call: a line of JSON to OUT for each load, bind, DllMain, call\n"
     "      through an import, return and exception (trace.schema.json); on Windows for loads,\n"
     "      binds and DllMain. --gdb, --perf-map (Linux only): GDB and perf learn the names of\n"
     "      its functions.\n"},
    {"scan", cli_scan,
     "  peload scan [--only PART,...] [--items] [--contents] [--jobs N] PATH...\n"
     "      One line of JSON for each file, in the order of the paths; folders with all that is\n"
     "      in them, - for a list on standard input. Of tables the counts, with --items their\n"
     "      items; with --contents also what all bytes must be read for (digests, checksum,\n"
     "      entropy, decoded resources, symbols). PART as for inspect.\n"},
};

enum { EXIT_USAGE = 2 };
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_usage(FILE *out)
{
    fprintf(out, "usage:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fputs(commands[i].usage, out);
    fprintf(out, "  peload --help | --version\n"
                 "exit status: 0 done, 1 the image was refused or failed, 2 wrong usage\n");
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static bool wants_help(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int run_command(const command *chosen, int argc, char **argv)
{
    if (wants_help(argc, argv)) {
        printf("usage:\n%s", chosen->usage);
        return CLI_DONE;
    }
    int status = chosen->run(argc, argv);
    if (status == CLI_USAGE) {
        fprintf(stderr, "usage:\n%s", chosen->usage);
        return EXIT_USAGE;
    }
    if (fflush(stdout) != 0 && status == CLI_DONE) {
        perror("peload: stdout");
        return CLI_FAILED;
    }
    return status;
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (wants_help(argc, argv)) {
        print_usage(stdout);
        return CLI_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("peload %s\n", PELOAD_VERSION);
        return CLI_DONE;
    }
    const command *chosen = find_command(argv[1]);
    if (chosen == NULL) {
        fprintf(stderr, "peload: no such command: %s\n", argv[1]);
        print_usage(stderr);
        return EXIT_USAGE;
    }
    return run_command(chosen, argc - 1, argv + 1);
}
