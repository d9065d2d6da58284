/*
 * spawn.h: the host's side of starting a guest process.
 */
#ifndef PELOAD_WIN32_SPAWN_H
#define PELOAD_WIN32_SPAWN_H

#include "win32/children.h"

/*
 * Makes the block and runs the embedder's command with it. Fills the child's id, pidfd and block.
 * A Win32 error; then no process is left.
 */
DWORD ldr__spawn(ldr__process *process, const ldr__child_request *request, ldr__child *child);

#endif
