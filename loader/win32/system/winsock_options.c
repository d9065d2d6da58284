#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "win32/system/winsock.h"

/* ws2_32: options of sockets, and waiting for several. */

enum {
    WIN_SOL_SOCKET = 0xFFFF,
    WIN_SO_SNDTIMEO = 0x1005,
    WIN_SO_RCVTIMEO = 0x1006,
    WIN_SO_ERROR = 0x1007,
};
#define WIN_FIONBIO  0x8004667Eu
#define WIN_FIONREAD 0x4004667Fu

/* ---- Options ---- */

typedef struct option_names {
    int guest_level, guest_name, host_level, host_name;
} option_names;

/* Options whose value is an int on both sides. */
static const option_names int_options[] = {
    {WIN_SOL_SOCKET, 0x4, SOL_SOCKET, SO_REUSEADDR},
    {WIN_SOL_SOCKET, 0x8, SOL_SOCKET, SO_KEEPALIVE},
    {WIN_SOL_SOCKET, 0x20, SOL_SOCKET, SO_BROADCAST},
    {WIN_SOL_SOCKET, 0x1001, SOL_SOCKET, SO_SNDBUF},
    {WIN_SOL_SOCKET, 0x1002, SOL_SOCKET, SO_RCVBUF},
    {WIN_SOL_SOCKET, WIN_SO_ERROR, SOL_SOCKET, SO_ERROR},
    {WIN_SOL_SOCKET, 0x1008, SOL_SOCKET, SO_TYPE},
    {IPPROTO_TCP, 1, IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_IPV6, 27, IPPROTO_IPV6, IPV6_V6ONLY},
};

static const option_names *find_option(int level, int name)
{
    for (size_t i = 0; i < sizeof int_options / sizeof int_options[0]; i++)
        if (int_options[i].guest_level == level && int_options[i].guest_name == name)
            return &int_options[i];
    ldr__set_last_error(WSAENOPROTOOPT);
    return NULL;
}

static bool is_timeout(int level, int name)
{
    return level == WIN_SOL_SOCKET && (name == WIN_SO_SNDTIMEO || name == WIN_SO_RCVTIMEO);
}

/* Windows says milliseconds. */
static int set_timeout(int fd, int name, int milliseconds)
{
    struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
    return ldr__socket_checked(setsockopt(
        fd, SOL_SOCKET, name == WIN_SO_SNDTIMEO ? SO_SNDTIMEO : SO_RCVTIMEO, &time, sizeof time));
}

static int LDR_WINAPI guest_setsockopt(SOCKET socket, int level, int name, const void *value,
                                       int length)
{
    int number = 0, fd = ldr__socket_fd(socket);
    if (fd < 0)
        return SOCKET_ERROR;
    if (value == NULL || length < 1)
        return ldr__socket_failed(WSAEFAULT);
    /* A BOOL may come as one byte. */
    memcpy(&number, value, length < (int)sizeof number ? 1 : sizeof number);
    if (is_timeout(level, name))
        return set_timeout(fd, name, number);
    const option_names *option = find_option(level, name);
    if (option == NULL)
        return SOCKET_ERROR;
    return ldr__socket_checked(
        setsockopt(fd, option->host_level, option->host_name, &number, sizeof number));
}

static int LDR_WINAPI guest_getsockopt(SOCKET socket, int level, int name, void *ret_value,
                                       int *length)
{
    int number = 0, fd = ldr__socket_fd(socket);
    socklen_t size = sizeof number;
    if (fd < 0)
        return SOCKET_ERROR;
    const option_names *option = find_option(level, name);
    if (option == NULL)
        return SOCKET_ERROR;
    if (ret_value == NULL || length == NULL || *length < (int)sizeof number)
        return ldr__socket_failed(WSAEFAULT);
    if (ldr__socket_checked(getsockopt(fd, option->host_level, option->host_name, &number, &size)) <
        0)
        return SOCKET_ERROR;
    if (name == WIN_SO_ERROR && number != 0)
        number = (int)ldr__socket_error_from(number);
    memcpy(ret_value, &number, sizeof number);
    *length = sizeof number;
    return 0;
}

static int LDR_WINAPI guest_ioctlsocket(SOCKET socket, DWORD command, uint32_t *argument)
{
    int fd = ldr__socket_fd(socket), number = (int)*argument;
    if (fd < 0)
        return SOCKET_ERROR;
    if (command == WIN_FIONBIO)
        return ldr__socket_checked(ioctl(fd, FIONBIO, &number));
    if (command != WIN_FIONREAD)
        return ldr__socket_failed(WSAEOPNOTSUPP);
    int result = ldr__socket_checked(ioctl(fd, FIONREAD, &number));
    if (result == 0)
        *argument = (uint32_t)number;
    return result;
}

/* ---- Select ---- */

enum { FD_SETSIZE_WINDOWS = 64, SETS = 3 };

typedef struct socket_set {
    uint32_t count;
    SOCKET sockets[FD_SETSIZE_WINDOWS];
} socket_set;

static bool fill_polls(socket_set *const sets[SETS], struct pollfd *polls, nfds_t *ret_count)
{
    static const short events[SETS] = {POLLIN, POLLOUT, POLLPRI};
    nfds_t count = 0;
    for (int set = 0; set < SETS; set++) {
        for (uint32_t i = 0; sets[set] != NULL && i < sets[set]->count; i++) {
            int fd = i < FD_SETSIZE_WINDOWS ? ldr__socket_fd(sets[set]->sockets[i]) : -1;
            if (fd < 0)
                return false;
            polls[count++] = (struct pollfd){.fd = fd, .events = events[set]};
        }
    }
    *ret_count = count;
    return true;
}

/* Keeps in each set those that are ready; an end or an error counts for reading and writing. */
static int keep_ready(socket_set *const sets[SETS], const struct pollfd *polls)
{
    int ready = 0;
    for (int set = 0; set < SETS; set++) {
        uint32_t kept = 0;
        for (uint32_t i = 0; sets[set] != NULL && i < sets[set]->count; i++, polls++) {
            short wanted = set < 2 ? (short)(polls->events | POLLHUP | POLLERR) : POLLPRI;
            if (polls->revents & wanted)
                sets[set]->sockets[kept++] = sets[set]->sockets[i];
        }
        if (sets[set] != NULL)
            sets[set]->count = kept;
        ready += (int)kept;
    }
    return ready;
}

static int LDR_WINAPI guest_select(int ignored, socket_set *readable, socket_set *writable,
                                   socket_set *exceptional, const LONG timeout[2])
{
    socket_set *const sets[SETS] = {readable, writable, exceptional};
    struct pollfd polls[SETS * FD_SETSIZE_WINDOWS];
    nfds_t count;
    (void)ignored;
    if (!fill_polls(sets, polls, &count))
        return SOCKET_ERROR;
    struct timespec time = {0, 0};
    if (timeout != NULL)
        time = (struct timespec){timeout[0], (long)timeout[1] * 1000};
    if (ldr__socket_checked(ppoll(polls, count, timeout ? &time : NULL, NULL)) < 0)
        return SOCKET_ERROR;
    return keep_ready(sets, polls);
}

static const ldr_export lines[] = {
    LDR__WINSOCK_AT("getsockopt", guest_getsockopt, 7),
    LDR__WINSOCK_AT("ioctlsocket", guest_ioctlsocket, 10),
    LDR__WINSOCK_AT("select", guest_select, 18),
    LDR__WINSOCK_AT("setsockopt", guest_setsockopt, 21),
};

LDR__TABLE(ldr__ws2_32_options, "ws2_32.dll", lines);
