/*
 * cli.h: what the files of the peload command share.
 *
 * One file per subcommand. Each is a function from its arguments (argv[0] is the subcommand's name)
 * to the exit status of the command. Only the public headers of the library are used.
 */
#ifndef PELOAD_CLI_H
#define PELOAD_CLI_H

#include <limits.h>
#include <peload/loader.h>
#include <stdio.h>

/*
 * How a subcommand ends: the exit status of the command, or CLI_USAGE when the arguments are wrong
 * (said on stderr), for which main prints the usage.
 */
enum { CLI_USAGE = INT_MIN, CLI_DONE = 0, CLI_FAILED = 1 };

/* The command: its exit status. Arguments are UTF-8. */
int cli_main(int argc, char **argv);

int cli_inspect(int argc, char **argv);
int cli_map(int argc, char **argv);
int cli_call(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_scan(int argc, char **argv);
int cli_deps(int argc, char **argv);

/* ---- Arguments (args.c) ---- */

typedef enum cli_option_kind {
    CLI_FLAG, /* --name: sets a bool */
    CLI_TEXT, /* --name VALUE or --name=VALUE: sets a const char * */
    CLI_LIST, /* the same, as often as wanted: adds to a cli_list */
} cli_option_kind;

enum { CLI_LIST_MAX = 16 };

typedef struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
} cli_list;

typedef struct cli_option {
    const char *name; /* with its dashes */
    cli_option_kind kind;
    void *target;
} cli_option;

/* The options of a subcommand, and how many words remain once they are taken out. */
typedef struct cli_syntax {
    const cli_option *options;
    size_t option_count;
    bool options_first; /* everything from the first other word on is left alone */
    int words_min;
    int words_max;
} cli_syntax;

/*
 * Takes the options out of `argv`, leaving argv[0] and the other words; "--" ends the options.
 * Returns the number of words after argv[0], or -1 after saying on stderr what is wrong.
 */
int cli_parse(const cli_syntax *syntax, int argc, char **argv);

/* A whole C integer ("123", "-5", "0x7b") as 64 bits; false if it is anything else or too large. */
bool cli_number(const char *text, uint64_t *ret_value);

/* PE_WINXP, PE_WIN7 or PE_WIN10 from its name; NULL is PE_WIN10. False, said on stderr, if none. */
bool cli_profile(const char *name, pe_profile *ret_profile);

/* The same for PE_PLATFORM_X64 (the default), ARM64, ANY, and for LDR_ASLR_OFF, ON, FORCE. */
bool cli_platform(const char *name, pe_platform *ret_platform);
bool cli_aslr(const char *name, ldr_aslr *ret_aslr);

/* The machine of the process that a view is for: "own" (the default, 0), "x64" or "arm64". */
bool cli_machine(const char *name, uint16_t *ret_machine);

/* The address of a --base option; NULL is 0, any address. False, said on stderr, if it is none. */
bool cli_base(const char *text, uint64_t *ret_base);

/* ---- Files and text (text.c) ---- */

/*
 * Reads a whole regular file. The caller frees *ret_bytes. LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE,
 * LDR_IO_ERROR, LDR_NO_MEMORY, with the diagnostic.
 */
ldr_status cli_read_file(const char *path, uint8_t **ret_bytes, size_t *ret_size, ldr_diag *diag);

/* Fills a diagnostic of the command's own; returns `status`. */
ldr_status cli_fail(ldr_diag *diag, ldr_status status, uint32_t nt_status, const char *subject);

/* The same by errno, for a file that cannot be opened. */
ldr_status cli_fail_open(ldr_diag *diag, const char *path);

/*
 * Decodes one UTF-8 sequence (RFC 3629) of the `size` > 0 bytes at `at`. Its length, or 0 if it is
 * none; then *ret_code_point is untouched.
 */
size_t cli_utf8_decode(const uint8_t *at, size_t size, uint32_t *ret_code_point);

/* A NUL-terminated UTF-16 copy of `text`, for the caller to free; NULL when out of memory. */
uint16_t *cli_utf16_copy(const char *text);

/* A UTF-8 copy of a NUL-terminated UTF-16 text, for the caller to free; NULL when out of memory. */
char *cli_utf8_copy(const uint16_t *text);

/* Prints UTF-8 that an image may hold so that it cannot disturb a terminal: \xNN for the rest. */
void cli_print_bytes(FILE *out, const void *bytes, size_t size);

/* Prints bytes as lower-case hex digits. */
void cli_print_hex(FILE *out, const void *bytes, size_t size);

/* "peload: TEXT" for a diagnostic, as one line on stderr. */
void cli_report(const ldr_diag *diag);

/* ---- Hashes (linux/digest.c, windows/digest.c, ordinals.c) ---- */

enum { CLI_DIGEST_MAX = 64 };

typedef struct cli_hash {
    uint8_t bytes[CLI_DIGEST_MAX];
    size_t size;
} cli_hash;

/*
 * The hash of `parts` one after the other; `algorithm` is MD5, SHA1, SHA256, SHA384 or SHA512.
 * False if it fails, or the command was built without libcrypto.
 */
bool cli_digest(const char *algorithm, const pe_span parts[], size_t count, cli_hash *ret_hash);

/*
 * The name that import hashes give an ordinal of ws2_32.dll, wsock32.dll or oleaut32.dll (the
 * names that these DLLs export them by); NULL for others. Static.
 */
const char *cli_ordinal_name(pe_span dll, uint16_t ordinal);

/* ---- Crashes (crash.c, linux/crash.c, windows/crash.c) ---- */

/* From here on a crash of the guest ends the command with one line on stderr and CLI_FAILED. */
void cli_catch_crashes(void);

/* From here on that line says which function of which module it was; NULL: no longer. */
void cli_locate_crashes(ldr_context *ctx);

/* What the exception means whose code that is; NULL for others. */
const char *cli_exception_text(uint32_t code);

/* " in zlib1.dll!crc32+0x12", or "" if that is not known (no context, a NULL address), written to
 * `text`, which is returned. */
enum { CLI_PLACE_SIZE = 640 };
const char *cli_crash_place(ldr_context *ctx, const void *address, char *text, size_t size);

/* True, and one line on stderr, if the exit code of a program says that an exception has ended it;
 * `ctx` is where the program was loaded, or NULL. */
bool cli_report_exit(ldr_context *ctx, uint32_t exit_code);

/* ---- Where DLLs are found (folders.c) ---- */

/* Options of `call`, `run` and `deps`; zero is the default. */
typedef struct cli_folders {
    cli_list search;    /* --search DIR */
    const char *system; /* --system-dir DIR */
    const char *policy; /* --policy NAME */
} cli_folders;

#define CLI_FOLDER_OPTIONS(folders)                                                             \
    {"--search", CLI_LIST, &(folders)->search}, {"--system-dir", CLI_TEXT, &(folders)->system}, \
    {                                                                                           \
        "--policy", CLI_TEXT, &(folders)->policy                                                \
    }

/* Sets what they say in `options`; `policy` if they name none. False, said on stderr, if wrong. */
bool cli_folders_apply(const cli_folders *folders, ldr_policy policy, ldr_context_options *options);
/* The words of a command line that say the same: their number, at most CLI_FOLDER_WORDS. */
enum { CLI_FOLDER_WORDS = 2 * CLI_LIST_MAX + 4 };
size_t cli_folders_words(const cli_folders *folders, const char **ret_words);

/* ---- Loading (load.c) ---- */

/*
 * One image loaded in a context of its own. Its first members are the options that `call` and `run`
 * share, to be put into a cli_syntax; zero is the default. It stays where it is while open.
 */
typedef struct cli_session {
    bool as_json;
    cli_folders folders; /* where DLLs are found */
    ldr_policy policy;   /* unless --policy says another */
    const char *missing; /* --missing refuse|stub */
    const char *delay;   /* --delay lazy|eager */
    const char *base;    /* --base ADDR */
    bool from_memory;    /* --memory */
    const char *process; /* --process FD, of `run`: a guest has started it */
    const char *trace;   /* --trace OUT */
    bool gdb, perf_map;  /* --gdb, --perf-map */
    char *trace_path;    /* absolute, of the open file; or NULL */
    int trace_file;
    const char *path;
    ldr_context *ctx;
    ldr_module *module;
    struct cli_missing *missing_first, **missing_end; /* imports that nobody provides */
} cli_session;

/*
 * Loads the image at `path`. What goes wrong is reported, with every missing import, on stderr and
 * in JSON on stdout if so wanted. CLI_DONE, CLI_FAILED or CLI_USAGE; to be closed in every case.
 */
int cli_session_open(cli_session *session, const char *path);
void cli_session_close(cli_session *session);

/* trace.c: has the context tell its events to the file of --trace, if it is given. False, said on
 * stderr, if that cannot be opened. */
bool cli_trace_open(cli_session *session, ldr_context_options *options);
void cli_trace_close(cli_session *session);

/* ---- JSON (json.c) ---- */

enum { CLI_JSON_DEPTH = 16 };

/* Text that grows in memory; zero is an empty one. */
typedef struct cli_line {
    char *text; /* owned */
    size_t size, capacity;
    bool has_failed; /* out of memory: something is missing */
} cli_line;

/*
 * Writes one JSON value to `out`, or to `line` if it has one, as it is told. `key` names a member
 * of an object and is NULL inside an array and at the top. Zero but for one of these is a writer at
 * the start.
 */
typedef struct cli_json {
    FILE *out;
    cli_line *line;
    unsigned depth;
    bool has_items[CLI_JSON_DEPTH];
    unsigned muted; /* while it is not 0, what is told is not written */
} cli_json;

/* Adds bytes; false, also ever after, when out of memory. */
bool cli_line_add(cli_line *line, const void *bytes, size_t size);

void cli_json_open(cli_json *json, const char *key, char bracket); /* '{' or '[' */
void cli_json_close(cli_json *json, char bracket);                 /* '}' or ']' */
void cli_json_bytes(cli_json *json, const char *key, const void *bytes, size_t size);
void cli_json_text(cli_json *json, const char *key, const char *text); /* NULL: null */
void cli_json_number(cli_json *json, const char *key, uint64_t value);
void cli_json_signed(cli_json *json, const char *key, int64_t value);
void cli_json_real(cli_json *json, const char *key, double value); /* not finite: null */
void cli_json_bool(cli_json *json, const char *key, bool value);
void cli_json_null(cli_json *json, const char *key);

/* "0x1f", with at least `digits` digits. */
void cli_json_hex(cli_json *json, const char *key, uint64_t value, int digits);

/* `size` bytes as a string of hex digits. */
void cli_json_dump(cli_json *json, const char *key, const void *bytes, size_t size);

void cli_json_end_line(cli_json *json);

/* The members that say how it went: status, status_name, rule, offset, value, allowed, detail. */
void cli_json_diag(cli_json *json, const ldr_diag *diag);

/* The whole object of a failure: {"file": ..., "status": ..., ...}, and a newline. */
void cli_json_failure(const char *file, const ldr_diag *diag);

#endif
