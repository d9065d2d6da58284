/*
 * system.h: what the command asks of the operating system that C does not have, in linux/ and in
 * windows/. (Subcommands that are there on Linux only ask it themselves.)
 */
#ifndef PELOAD_CLI_SYSTEM_H
#define PELOAD_CLI_SYSTEM_H

#include "cli/cli.h"

/*
 * Opens a regular file for reading, without waiting for anybody: a pipe or a device would have no
 * end. For the caller to close. LDR_FILE_NOT_FOUND, LDR_NOT_A_FILE, LDR_IO_ERROR, with the
 * diagnostic.
 */
ldr_status cli_open_regular(const char *path, FILE **ret_file, size_t *ret_size, ldr_diag *diag);

bool cli_is_terminal(FILE *stream);

#endif
