/* program.h: the process in which a program of `peload run` runs. */
#ifndef PELOAD_CLI_PROGRAM_H
#define PELOAD_CLI_PROGRAM_H

#include "cli/system.h"

/*
 * To be called before anything else. In a process that is to run a program, *argv is replaced by
 * the words of the command, with the program's own behind them; they stay allocated. False: out of
 * memory.
 */
bool cli_program_words(int *argc, char ***argv);

#endif
