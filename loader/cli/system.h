/*
 * system.h: what the command asks of the operating system that C does not have, in linux/ and in
 * windows/. Paths are UTF-8; on Windows both slashes separate, and there may be a drive.
 */
#ifndef PELOAD_CLI_SYSTEM_H
#define PELOAD_CLI_SYSTEM_H

#include "cli/cli.h"

/* ---- Files (file.c) ---- */

/*
 * Opens a regular file for reading, without waiting for anybody: a pipe or a device would have no
 * end. For the caller to close. LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE, LDR_IO_ERROR, with the
 * diagnostic.
 */
ldr_status cli_open_regular(const char *path, FILE **ret_file, size_t *ret_size, ldr_diag *diag);

typedef struct cli_file_facts {
    uint64_t size;
    uint64_t volume, index; /* which file it is, whatever its path */
} cli_file_facts;

/* Of the file that `path` leads to. False, with errno. */
bool cli_file_about(const char *path, cli_file_facts *ret_facts);

/* The absolute path of a file that is there, with '/', for the caller to free. NULL, with errno. */
char *cli_absolute_path(const char *path);

/* The name of a file without its folders: a part of `path`. */
const char *cli_base_name(const char *path);

/*
 * The bytes of a regular file, to be released in every case where they were given. LDR_NOT_A_FILE
 * and so on as cli_open_regular, and LDR_NO_MEMORY. A thread has one file at a time. `release` says
 * whether the file had all of them to the end: false if it has shrunk meanwhile.
 */
ldr_status cli_bytes_open(const char *path, pe_span *ret_bytes, ldr_diag *diag);
bool cli_bytes_release(pe_span bytes);

/* From here on a file that shrinks while its bytes are read is no crash. */
void cli_catch_shrinking(void);

/* ---- Files that are written (output.c) ---- */

/* Opens a file for writing, as a descriptor that no other program gets, and cuts off what is in it.
 * -1, with errno. */
int cli_output_open(const char *path);

/* The same for writing at its end, wherever that is by then, behind what is there if it
 * `continues`. */
int cli_output_open_log(const char *path, bool continues);

/* False, with errno. */
bool cli_output_write(int output, const void *bytes, size_t size);
bool cli_output_resize(int output, uint64_t size);
bool cli_output_close(int output);

/* A stream that the descriptor belongs to from then on; NULL, with errno: it is closed. */
FILE *cli_output_stream(int output);

/*
 * Writes what can be read of [at, at + size) at `offset`: *ret_count bytes, the first page at
 * least, or 0 if that is gone (the file behind it was cut off). False, with errno.
 */
bool cli_output_write_at(int output, const void *at, size_t size, uint64_t offset,
                         size_t *ret_count);

/* Removes a file that could not be written to its end. A device or a pipe stays where it is, and so
 * does a link, /dev/stdout above all. */
void cli_output_discard(const char *path);

/* ---- Folders (folder.c) ---- */

typedef struct cli_folder cli_folder;

/* A walk over all regular files in a folder and those in it, in the order of their names; links in
 * it are not followed. A path that is no folder is the one file. NULL when out of memory. */
cli_folder *cli_folder_open(const char *path);
void cli_folder_close(cli_folder *folder);

/* The next path, for the caller to free; NULL at the end. */
char *cli_folder_next(cli_folder *folder);

/* ---- The machine (machine.c) ---- */

/* One that knows escape sequences. */
bool cli_is_terminal(FILE *stream);
unsigned cli_core_count(void); /* 1 if that is not known */
uint64_t cli_process_number(void);
uint64_t cli_random(void); /* nobody outside can foretell it, as far as the system has such */

/* ---- Programs (program.c) ---- */

typedef enum cli_place {
    CLI_PLACE_HERE,    /* in this process */
    CLI_PLACE_ENDED,   /* in another one, which has ended with *ret_exit_code */
    CLI_PLACE_CRASHED, /* the same by an exception, of which it has told */
    CLI_PLACE_FAILED,  /* nowhere, and it is told why; *ret_exit_code is for this command */
} cli_place;

/*
 * Where the program of `peload run` runs. On Windows that is another process of this command, whose
 * command line is the program's: there is one in a process, and every C runtime reads it for
 * itself. Of `argv`, that of the subcommand, the last `words` are the program's own.
 */
cli_place cli_program_place(int argc, char **argv, int words, uint32_t *ret_exit_code);

/*
 * In a process that runs a program for another one of this command: has that learn how it went.
 * False, with nothing done, if there is no other.
 */
bool cli_program_tell(cli_place what);

/* The status of this command for that of the program: as much of it as the system can tell. */
int cli_program_status(uint32_t exit_code);

/* Before code of the guest writes to stdout, and when that is the command's again: on Windows line
 * ends and code page are not what others expect while it is. */
void cli_guest_enters(void);
void cli_guest_leaves(void);

/* Options that this system has not: false, said on stderr, if one is given. */
bool cli_session_allowed(const cli_session *session);

#endif
