#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "guest.h"

static void *socket_function(ldr_context *ctx, const char *name)
{
    ldr_module *ws2_32 = ldr_module_find(ctx, "ws2_32.dll");
    cr_assert_not_null(ws2_32);
    void *function = ldr_symbol(ws2_32, name);
    cr_assert_not_null(function, "%s", name);
    return function;
}

#define WS2(result, name, arguments)           \
    result(LDR_WINAPI *win_##name) arguments = \
        (result(LDR_WINAPI *) arguments)socket_function(ctx, #name)

Test(sockets, bytes_go_over_a_local_connection)
{
    ldr_context *ctx = guest_begin();
    WS2(HANDLE, socket, (int, int, int));
    WS2(int, bind, (HANDLE, const void *, int));
    WS2(int, listen, (HANDLE, int));
    WS2(int, getsockname, (HANDLE, void *, int *));
    WS2(int, connect, (HANDLE, const void *, int));
    WS2(HANDLE, accept, (HANDLE, void *, int *));
    WS2(int, send, (HANDLE, const void *, int, int));
    WS2(int, recv, (HANDLE, void *, int, int));
    WS2(int, closesocket, (HANDLE));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int length = sizeof address;
    char bytes[8] = {0};
    HANDLE listener = win_socket(2, 1, 6), client = win_socket(2, 1, 6);
    cr_assert_eq(win_bind(listener, &address, length), 0);
    cr_assert_eq(win_listen(listener, 1), 0);
    cr_assert_eq(win_getsockname(listener, &address, &length), 0);
    cr_assert_eq(win_connect(client, &address, length), 0);
    HANDLE server = win_accept(listener, NULL, NULL);
    cr_assert_neq(server, INVALID_HANDLE_VALUE);
    cr_expect_eq(win_send(client, "hello", 5, 0), 5);
    cr_expect_eq(win_recv(server, bytes, sizeof bytes, 0), 5);
    cr_expect_str_eq(bytes, "hello");
    cr_expect_eq(win_closesocket(client), 0);
    cr_expect_eq(win_recv(server, bytes, sizeof bytes, 0), 0);
    cr_expect_eq(win_closesocket(client), -1);
    cr_expect_eq(ldr__thread_self()->teb.last_error, 10038);
    guest_end(ctx);
}

typedef struct socket_set {
    uint32_t count;
    HANDLE sockets[64];
} socket_set;

Test(sockets, select_keeps_what_is_ready)
{
    ldr_context *ctx = guest_begin();
    WS2(HANDLE, socket, (int, int, int));
    WS2(int, select, (int, socket_set *, socket_set *, socket_set *, const LONG *));
    WS2(int, setsockopt, (HANDLE, int, int, const void *, int));
    WS2(int, getsockopt, (HANDLE, int, int, void *, int *));
    static const LONG no_time[2] = {0, 0};
    HANDLE datagrams = win_socket(2, 2, 17);
    socket_set readable = {1, {datagrams}}, writable = {1, {datagrams}};
    int value = 1, length = sizeof value;
    cr_expect_eq(win_select(0, &readable, &writable, NULL, no_time), 1);
    cr_expect_eq(readable.count, 0);
    cr_expect_eq(writable.count, 1);
    cr_expect_eq(win_setsockopt(datagrams, 0xFFFF, 0x20, &value, sizeof value), 0);
    value = 0;
    cr_expect_eq(win_getsockopt(datagrams, 0xFFFF, 0x20, &value, &length), 0);
    cr_expect_eq(value, 1);
    cr_expect_eq(win_setsockopt(datagrams, 0xFFFF, 0x7777, &value, sizeof value), -1);
    cr_expect_eq(ldr__thread_self()->teb.last_error, 10042);
    guest_end(ctx);
}
