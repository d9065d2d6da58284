#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "win32/system/winsock.h"

/*
 * ws2_32: the host's sockets; the last error is the thread's. Constants that differ are translated;
 * what has no counterpart is refused.
 */

enum { WIN_AF_INET6 = 23, WIN_MSG_WAITALL = 8, WINSOCK_2_2 = 0x202 };

/* ---- Errors ---- */

DWORD ldr__socket_error_from(int host_errno)
{
    static const struct {
        int host;
        DWORD error;
    } pairs[] = {
        {EINTR, WSAEINTR},
        {EBADF, WSAEBADF},
        {EACCES, WSAEACCES},
        {EPERM, WSAEACCES},
        {EFAULT, WSAEFAULT},
        {EINVAL, WSAEINVAL},
        {EMFILE, WSAEMFILE},
        {ENFILE, WSAEMFILE},
        {EAGAIN, WSAEWOULDBLOCK},
        {EINPROGRESS, WSAEWOULDBLOCK}, /* a connect that goes on, as Windows says it */
        {EALREADY, WSAEALREADY},
        {ENOTSOCK, WSAENOTSOCK},
        {EDESTADDRREQ, WSAEDESTADDRREQ},
        {EMSGSIZE, WSAEMSGSIZE},
        {EPROTOTYPE, WSAEPROTOTYPE},
        {ENOPROTOOPT, WSAENOPROTOOPT},
        {EPROTONOSUPPORT, WSAEPROTONOSUPPORT},
        {ESOCKTNOSUPPORT, WSAESOCKTNOSUPPORT},
        {EOPNOTSUPP, WSAEOPNOTSUPP},
        {EAFNOSUPPORT, WSAEAFNOSUPPORT},
        {EADDRINUSE, WSAEADDRINUSE},
        {EADDRNOTAVAIL, WSAEADDRNOTAVAIL},
        {ENETDOWN, WSAENETDOWN},
        {ENETUNREACH, WSAENETUNREACH},
        {ECONNABORTED, WSAECONNABORTED},
        {ECONNRESET, WSAECONNRESET},
        {EPIPE, WSAECONNRESET},
        {ENOBUFS, WSAENOBUFS},
        {ENOMEM, WSAENOBUFS},
        {EISCONN, WSAEISCONN},
        {ENOTCONN, WSAENOTCONN},
        {ETIMEDOUT, WSAETIMEDOUT},
        {ECONNREFUSED, WSAECONNREFUSED},
        {EHOSTUNREACH, WSAEHOSTUNREACH},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].host == host_errno)
            return pairs[i].error;
    return WSAENETDOWN;
}

int ldr__socket_failed(DWORD error)
{
    ldr__set_last_error(error);
    return SOCKET_ERROR;
}

int ldr__socket_checked(ssize_t result)
{
    return result >= 0 ? (int)result : ldr__socket_failed(ldr__socket_error_from(errno));
}

int ldr__socket_fd(SOCKET socket)
{
    int fd = ldr__handle_fd(socket);
    return fd >= 0 ? fd : ldr__socket_failed(WSAENOTSOCK);
}

static SOCKET socket_from(int fd)
{
    if (fd < 0) {
        ldr__set_last_error(ldr__socket_error_from(errno));
        return INVALID_HANDLE_VALUE;
    }
    SOCKET made = ldr__handle_from_fd(ldr__process_self(), fd, false, NULL);
    if (made != NULL)
        return made;
    ldr__set_last_error(WSAENOBUFS);
    return INVALID_HANDLE_VALUE;
}

/* ---- Addresses: the same bytes but for the number of IPv6 ---- */

static bool address_to_host(const void *address, int length, struct sockaddr_storage *ret_host)
{
    if (address == NULL || length < (int)sizeof(sa_family_t) || length > (int)sizeof *ret_host) {
        ldr__set_last_error(WSAEFAULT);
        return false;
    }
    memset(ret_host, 0, sizeof *ret_host);
    memcpy(ret_host, address, (size_t)length);
    if (ret_host->ss_family == WIN_AF_INET6)
        ret_host->ss_family = AF_INET6;
    return true;
}

/* Nothing when the guest does not ask. */
static void address_to_guest(struct sockaddr_storage *host, socklen_t size, void *ret_address,
                             int *length)
{
    if (ret_address == NULL || length == NULL)
        return;
    if (host->ss_family == AF_INET6)
        host->ss_family = WIN_AF_INET6;
    int copied = (int)size < *length ? (int)size : *length;
    if (copied > 0)
        memcpy(ret_address, host, (size_t)copied);
    *length = (int)size;
}

/* ---- Sockets ---- */

static SOCKET LDR_WINAPI guest_socket(int family, int type, int protocol)
{
    return socket_from(
        socket(family == WIN_AF_INET6 ? AF_INET6 : family, type | SOCK_CLOEXEC, protocol));
}

static int LDR_WINAPI guest_closesocket(SOCKET socket)
{
    return ldr__handle_close(ldr__process_self(), socket) ? 0 : ldr__socket_failed(WSAENOTSOCK);
}

static int LDR_WINAPI guest_bind(SOCKET socket, const void *address, int length)
{
    struct sockaddr_storage host;
    int fd = ldr__socket_fd(socket);
    if (fd < 0 || !address_to_host(address, length, &host))
        return SOCKET_ERROR;
    return ldr__socket_checked(bind(fd, (struct sockaddr *)&host, (socklen_t)length));
}

static int LDR_WINAPI guest_connect(SOCKET socket, const void *address, int length)
{
    struct sockaddr_storage host;
    int fd = ldr__socket_fd(socket);
    if (fd < 0 || !address_to_host(address, length, &host))
        return SOCKET_ERROR;
    return ldr__socket_checked(connect(fd, (struct sockaddr *)&host, (socklen_t)length));
}

static int LDR_WINAPI guest_listen(SOCKET socket, int backlog)
{
    int fd = ldr__socket_fd(socket);
    return fd < 0 ? SOCKET_ERROR : ldr__socket_checked(listen(fd, backlog));
}

static SOCKET LDR_WINAPI guest_accept(SOCKET socket, void *ret_address, int *length)
{
    struct sockaddr_storage host = {0};
    socklen_t size = sizeof host;
    int fd = ldr__socket_fd(socket);
    if (fd < 0)
        return INVALID_HANDLE_VALUE;
    SOCKET made = socket_from(accept4(fd, (struct sockaddr *)&host, &size, SOCK_CLOEXEC));
    if (made != INVALID_HANDLE_VALUE)
        address_to_guest(&host, size, ret_address, length);
    return made;
}

static int LDR_WINAPI guest_shutdown(SOCKET socket, int how)
{
    int fd = ldr__socket_fd(socket);
    return fd < 0 ? SOCKET_ERROR : ldr__socket_checked(shutdown(fd, how));
}

typedef int (*name_function)(int fd, struct sockaddr *address, socklen_t *size);

static int get_name(SOCKET socket, name_function get, void *ret_address, int *length)
{
    struct sockaddr_storage host = {0};
    socklen_t size = sizeof host;
    int fd = ldr__socket_fd(socket);
    if (fd < 0 || ldr__socket_checked(get(fd, (struct sockaddr *)&host, &size)) < 0)
        return SOCKET_ERROR;
    address_to_guest(&host, size, ret_address, length);
    return 0;
}

static int LDR_WINAPI guest_getpeername(SOCKET socket, void *ret_address, int *length)
{
    return get_name(socket, getpeername, ret_address, length);
}

static int LDR_WINAPI guest_getsockname(SOCKET socket, void *ret_address, int *length)
{
    return get_name(socket, getsockname, ret_address, length);
}

/* ---- Data ---- */

static int host_message_flags(int flags)
{
    int host = flags & (MSG_OOB | MSG_PEEK | MSG_DONTROUTE); /* the same numbers */
    return host | MSG_NOSIGNAL | (flags & WIN_MSG_WAITALL ? MSG_WAITALL : 0);
}

static int LDR_WINAPI guest_recvfrom(SOCKET socket, void *ret_bytes, int size, int flags,
                                     void *ret_address, int *length)
{
    struct sockaddr_storage host = {0};
    socklen_t host_size = sizeof host;
    int fd = ldr__socket_fd(socket);
    if (fd < 0 || size < 0)
        return fd < 0 ? SOCKET_ERROR : ldr__socket_failed(WSAEFAULT);
    int count = ldr__socket_checked(recvfrom(fd, ret_bytes, (size_t)size, host_message_flags(flags),
                                             (struct sockaddr *)&host, &host_size));
    if (count >= 0)
        address_to_guest(&host, host_size, ret_address, length);
    return count;
}

static int LDR_WINAPI guest_recv(SOCKET socket, void *ret_bytes, int size, int flags)
{
    return guest_recvfrom(socket, ret_bytes, size, flags, NULL, NULL);
}

static int LDR_WINAPI guest_send(SOCKET socket, const void *bytes, int size, int flags)
{
    int fd = ldr__socket_fd(socket);
    if (fd < 0 || size < 0)
        return fd < 0 ? SOCKET_ERROR : ldr__socket_failed(WSAEFAULT);
    return ldr__socket_checked(send(fd, bytes, (size_t)size, host_message_flags(flags)));
}

static int LDR_WINAPI guest_sendto(SOCKET socket, const void *bytes, int size, int flags,
                                   const void *address, int length)
{
    struct sockaddr_storage host;
    int fd = ldr__socket_fd(socket);
    if (address == NULL)
        return guest_send(socket, bytes, size, flags);
    if (fd < 0 || !address_to_host(address, length, &host))
        return SOCKET_ERROR;
    if (size < 0)
        return ldr__socket_failed(WSAEFAULT);
    return ldr__socket_checked(sendto(fd, bytes, (size_t)size, host_message_flags(flags),
                                      (struct sockaddr *)&host, (socklen_t)length));
}

/* ---- Start, errors, byte order ---- */

typedef struct WSADATA {
    uint16_t version, highest;
    uint16_t sockets, datagram;
    char *vendor;
    char description[257], status[129];
} WSADATA;

static int LDR_WINAPI guest_WSAStartup(uint16_t version, WSADATA *ret_data)
{
    if ((version & 0xFF) == 0)
        return WSAVERNOTSUPPORTED;
    *ret_data =
        (WSADATA){.version = (version & 0xFF) < 2 ? version : WINSOCK_2_2, .highest = WINSOCK_2_2};
    return 0;
}

static int LDR_WINAPI guest_WSACleanup(void)
{
    return 0; /* sockets are closed with the process */
}

static int LDR_WINAPI guest_WSAGetLastError(void)
{
    return (int)ldr__thread_self()->teb.last_error;
}

static void LDR_WINAPI guest_WSASetLastError(int error)
{
    ldr__set_last_error((DWORD)error);
}

static uint32_t LDR_WINAPI guest_htonl(uint32_t value)
{
    return htonl(value);
}

static uint16_t LDR_WINAPI guest_htons(uint16_t value)
{
    return htons(value);
}

static uint32_t LDR_WINAPI guest_inet_addr(const char *text)
{
    return inet_addr(text);
}

/* Events of sockets are not provided. */
static int LDR_WINAPI no_socket_events(void)
{
    return ldr__socket_failed(WSAEOPNOTSUPP);
}

/* Names of hosts and services, in memory of the library's own: not provided. */
static uint64_t LDR_WINAPI no_names(void)
{
    ldr__set_last_error(WSAEOPNOTSUPP);
    return 0;
}

static const ldr_export lines[] = {
    LDR__WINSOCK_AT("accept", guest_accept, 1),
    LDR__WINSOCK_AT("bind", guest_bind, 2),
    LDR__WINSOCK_AT("closesocket", guest_closesocket, 3),
    LDR__WINSOCK_AT("connect", guest_connect, 4),
    LDR__WINSOCK_AT("getpeername", guest_getpeername, 5),
    LDR__WINSOCK_AT("getsockname", guest_getsockname, 6),
    LDR__WINSOCK_AT("htonl", guest_htonl, 8),
    LDR__WINSOCK_AT("htons", guest_htons, 9),
    LDR__WINSOCK_AT("inet_addr", guest_inet_addr, 11),
    LDR__WINSOCK_AT("inet_ntoa", no_names, 12),
    LDR__WINSOCK_AT("listen", guest_listen, 13),
    LDR__WINSOCK_AT("ntohl", guest_htonl, 14), /* its own inverse */
    LDR__WINSOCK_AT("ntohs", guest_htons, 15),
    LDR__WINSOCK_AT("recv", guest_recv, 16),
    LDR__WINSOCK_AT("recvfrom", guest_recvfrom, 17),
    LDR__WINSOCK_AT("send", guest_send, 19),
    LDR__WINSOCK_AT("sendto", guest_sendto, 20),
    LDR__WINSOCK_AT("shutdown", guest_shutdown, 22),
    LDR__WINSOCK_AT("socket", guest_socket, 23),
    LDR__WINSOCK_AT("gethostbyaddr", no_names, 51),
    LDR__WINSOCK_AT("gethostbyname", no_names, 52),
    LDR__WINSOCK_AT("getservbyname", no_names, 55),
    LDR__WINSOCK_AT("getservbyport", no_names, 56),
    LDR__WINSOCK_AT("WSAGetLastError", guest_WSAGetLastError, 111),
    LDR__WINSOCK_AT("WSASetLastError", guest_WSASetLastError, 112),
    LDR__WINSOCK_AT("WSAStartup", guest_WSAStartup, 115),
    LDR__WINSOCK_AT("WSACleanup", guest_WSACleanup, 116),
    LDR__FN_AS("WSAEventSelect", no_socket_events),
    LDR__FN_AS("WSAEnumNetworkEvents", no_socket_events),
};

LDR__TABLE(ldr__ws2_32_sockets, "ws2_32.dll", lines);
