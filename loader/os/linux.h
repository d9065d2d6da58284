/* linux.h: what the linux files share. */
#ifndef PELOAD_LINUX_H
#define PELOAD_LINUX_H

#include "os/os.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The status of what `errno` says. */
static inline ldr_status ldr__linux_status(void)
{
    return errno == ENOMEM || errno == ENOSPC ? LDR_NO_MEMORY : LDR_OS_ERROR;
}

/* For what stays inside os/: what ldr__os_close closes is counted by tests. */
static inline void ldr__linux_close(ldr__handle handle)
{
    if (handle.value >= 0)
        close((int)handle.value);
}

/* ldr__os_segment_create with the name that /proc shows for it. */
ldr_status ldr__linux_segment(const char *name, uint64_t size, ldr__handle *ret_segment);

/* ---- Names of sockets that stand in no file system (unix(7), "abstract") ---- */

typedef struct ldr__linux_name {
    struct sockaddr_un address;
    socklen_t size;
} ldr__linux_name;

/* "peload/USER/KEY" and `rest`, which has at most 48 characters. */
void ldr__linux_name_make(const ldr__registry_key *key, const char *rest,
                          ldr__linux_name *ret_name);

/*
 * A socket that has the name until it is closed in all processes. LDR_BUSY when another has it,
 * LDR_POLICY where the system refuses such sockets; LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__linux_name_bind(const ldr__linux_name *name, ldr__handle *ret_socket);

#endif
