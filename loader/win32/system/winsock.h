/*
 * winsock.h: what the files of ws2_32 share.
 */
#ifndef PELOAD_WIN32_WINSOCK_H
#define PELOAD_WIN32_WINSOCK_H

#include <sys/types.h>

#include "win32/kernel32/kernel32.h"

/* A SOCKET is a file handle over the host's descriptor. */
typedef HANDLE SOCKET;
#define SOCKET_ERROR (-1)

enum {
    WSAEINTR = 10004,
    WSAEBADF = 10009,
    WSAEACCES = 10013,
    WSAEFAULT = 10014,
    WSAEINVAL = 10022,
    WSAEMFILE = 10024,
    WSAEWOULDBLOCK = 10035,
    WSAEINPROGRESS = 10036,
    WSAEALREADY = 10037,
    WSAENOTSOCK = 10038,
    WSAEDESTADDRREQ = 10039,
    WSAEMSGSIZE = 10040,
    WSAEPROTOTYPE = 10041,
    WSAENOPROTOOPT = 10042,
    WSAEPROTONOSUPPORT = 10043,
    WSAESOCKTNOSUPPORT = 10044,
    WSAEOPNOTSUPP = 10045,
    WSAEAFNOSUPPORT = 10047,
    WSAEADDRINUSE = 10048,
    WSAEADDRNOTAVAIL = 10049,
    WSAENETDOWN = 10050,
    WSAENETUNREACH = 10051,
    WSAECONNABORTED = 10053,
    WSAECONNRESET = 10054,
    WSAENOBUFS = 10055,
    WSAEISCONN = 10056,
    WSAENOTCONN = 10057,
    WSAESHUTDOWN = 10058,
    WSAETIMEDOUT = 10060,
    WSAECONNREFUSED = 10061,
    WSAEHOSTUNREACH = 10065,
    WSAVERNOTSUPPORTED = 10092,
};

/* The error for a host errno. */
DWORD ldr__socket_error_from(int host_errno);
/* Sets the last error, and returns SOCKET_ERROR. */
int ldr__socket_failed(DWORD error);
/* What a host call returned; SOCKET_ERROR with the last error when it is -1. */
int ldr__socket_checked(ssize_t result);
/* The descriptor of a socket; -1 with the last error when it is none. */
int ldr__socket_fd(SOCKET socket);

/* A line of a table with an ordinal, which programs know ws2_32's functions by. */
#define LDR__WINSOCK_AT(name, function, ordinal) \
    {                                            \
        name, (const void *)function, ordinal, 0 \
    }

#endif
