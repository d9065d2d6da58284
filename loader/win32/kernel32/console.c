#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "win32/kernel32/files.h"

/* The standard handles, and the console: the host's terminal. */

enum {
    CP_UTF8 = 65001,
    ENABLE_PROCESSED_INPUT = 1,
    ENABLE_LINE_INPUT = 2,
    ENABLE_ECHO_INPUT = 4,
    ENABLE_PROCESSED_OUTPUT = 1,
    ENABLE_WRAP_AT_EOL_OUTPUT = 2,
    ENABLE_VIRTUAL_TERMINAL_PROCESSING = 4,
    /* What a terminal can do; windows, mice and escape sequences in the input are not provided. */
    INPUT_MODES = ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT,
    /* What a terminal always does. */
    OUTPUT_MODE =
        ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING,
};

/* ---- Standard handles: -10, -11, -12 ---- */

static HANDLE LDR_WINAPI guest_GetStdHandle(DWORD which)
{
    uint32_t index = (uint32_t)-10 - which;
    if (index < 3)
        return atomic_load(&ldr__process_self()->standard[index]);
    ldr__set_last_error(ERROR_INVALID_HANDLE);
    return INVALID_HANDLE_VALUE;
}

static BOOL LDR_WINAPI guest_SetStdHandle(DWORD which, HANDLE handle)
{
    uint32_t index = (uint32_t)-10 - which;
    if (index >= 3)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    atomic_store(&ldr__process_self()->standard[index], handle);
    return true;
}

/* ---- Modes ---- */

/* The descriptor of a console handle; -1 with the last error for any other. */
static int console_fd(HANDLE handle)
{
    int fd = ldr__handle_fd(handle);
    if (fd < 0 || isatty(fd))
        return fd;
    ldr__set_last_error(ERROR_INVALID_HANDLE);
    return -1;
}

static bool is_input(HANDLE handle, int fd)
{
    return handle == atomic_load(&ldr__process_self()->standard[0]) ||
           (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

static BOOL LDR_WINAPI guest_GetConsoleMode(HANDLE handle, DWORD *ret_mode)
{
    struct termios terminal;
    int fd = console_fd(handle);
    if (fd < 0)
        return false;
    if (!is_input(handle, fd)) {
        *ret_mode = OUTPUT_MODE;
        return true;
    }
    if (tcgetattr(fd, &terminal) != 0)
        return ldr__win_errno(errno);
    *ret_mode = (terminal.c_lflag & ISIG ? ENABLE_PROCESSED_INPUT : 0) |
                (terminal.c_lflag & ICANON ? ENABLE_LINE_INPUT : 0) |
                (terminal.c_lflag & ECHO ? ENABLE_ECHO_INPUT : 0);
    return true;
}

static BOOL LDR_WINAPI guest_SetConsoleMode(HANDLE handle, DWORD mode)
{
    static const struct {
        DWORD mode;
        tcflag_t flag;
    } pairs[] = {
        {ENABLE_PROCESSED_INPUT, ISIG}, {ENABLE_LINE_INPUT, ICANON}, {ENABLE_ECHO_INPUT, ECHO}};
    struct termios terminal;
    int fd = console_fd(handle);
    if (fd < 0)
        return false;
    if (!is_input(handle, fd))
        return (mode & ENABLE_PROCESSED_OUTPUT) && (mode & ~(DWORD)OUTPUT_MODE) == 0
                   ? true
                   : ldr__win_error(ERROR_INVALID_PARAMETER);
    if ((mode & ~(DWORD)INPUT_MODES) ||
        (mode & (ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT)) == ENABLE_ECHO_INPUT)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (tcgetattr(fd, &terminal) != 0)
        return ldr__win_errno(errno);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        terminal.c_lflag &= ~pairs[i].flag;
        if (mode & pairs[i].mode)
            terminal.c_lflag |= pairs[i].flag;
    }
    return tcsetattr(fd, TCSANOW, &terminal) == 0 ? true : ldr__win_errno(errno);
}

static DWORD LDR_WINAPI guest_GetConsoleOutputCP(void)
{
    return CP_UTF8;
}

typedef struct CONSOLE_SCREEN_BUFFER_INFO {
    int16_t width, height;
    int16_t cursor_x, cursor_y;
    uint16_t attributes;
    int16_t left, top, right, bottom;
    int16_t maximum_width, maximum_height;
} CONSOLE_SCREEN_BUFFER_INFO;

enum { LIGHT_GREY = 7 };

static BOOL LDR_WINAPI guest_GetConsoleScreenBufferInfo(HANDLE handle,
                                                        CONSOLE_SCREEN_BUFFER_INFO *ret_info)
{
    struct winsize size;
    int fd = console_fd(handle);
    if (fd < 0)
        return false;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0)
        return ldr__win_errno(errno);
    int16_t width = (int16_t)size.ws_col, height = (int16_t)size.ws_row;
    *ret_info = (CONSOLE_SCREEN_BUFFER_INFO){.width = width,
                                             .height = height,
                                             .attributes = LIGHT_GREY,
                                             .right = (int16_t)(width - 1),
                                             .bottom = (int16_t)(height - 1),
                                             .maximum_width = width,
                                             .maximum_height = height};
    return true;
}

/* ---- Text ---- */

static BOOL write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t count = ldr__write_quietly(fd, text, length);
        if (count < 0 && errno != EINTR)
            return ldr__win_errno(errno);
        text += count > 0 ? count : 0;
        length -= count > 0 ? (size_t)count : 0;
    }
    return true;
}

static BOOL LDR_WINAPI guest_WriteConsoleA(HANDLE handle, const char *text, DWORD length,
                                           DWORD *ret_written, void *reserved)
{
    int fd = console_fd(handle);
    (void)reserved;
    if (fd < 0 || !write_all(fd, text, length))
        return false;
    if (ret_written != NULL)
        *ret_written = length;
    return true;
}

static BOOL LDR_WINAPI guest_WriteConsoleW(HANDLE handle, const WCHAR *text, DWORD length,
                                           DWORD *ret_written, void *reserved)
{
    int fd = console_fd(handle);
    (void)reserved;
    if (fd < 0)
        return false;
    size_t size = ldr__utf16_to_utf8(text, length, NULL, 0);
    char *bytes = malloc(size + 1);
    if (bytes == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    ldr__utf16_to_utf8(text, length, bytes, size);
    BOOL done = write_all(fd, bytes, size);
    free(bytes);
    if (done && ret_written != NULL)
        *ret_written = length;
    return done;
}

/* Windows ends lines with CR LF. */
static DWORD end_of_line(char *text, DWORD length, DWORD capacity)
{
    if (length > 0 && length < capacity && text[length - 1] == '\n') {
        text[length - 1] = '\r';
        text[length++] = '\n';
    }
    return length;
}

static BOOL LDR_WINAPI guest_ReadConsoleA(HANDLE handle, char *ret_text, DWORD capacity,
                                          DWORD *ret_length, void *control)
{
    int fd = console_fd(handle);
    (void)control;
    if (fd < 0)
        return false;
    ssize_t count = read(fd, ret_text, capacity > 1 ? capacity - 1 : capacity);
    if (count < 0)
        return ldr__win_errno(errno);
    *ret_length = end_of_line(ret_text, (DWORD)count, capacity);
    return true;
}

static BOOL LDR_WINAPI guest_ReadConsoleW(HANDLE handle, WCHAR *ret_text, DWORD capacity,
                                          DWORD *ret_length, void *control)
{
    DWORD length = 0;
    /* No more bytes than units, so that all of them fit. */
    char *bytes = malloc((size_t)capacity + 1);
    if (bytes == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    BOOL done = guest_ReadConsoleA(handle, bytes, capacity, &length, control);
    if (done)
        *ret_length = (DWORD)ldr__utf8_to_utf16(bytes, length, ret_text, capacity);
    free(bytes);
    return done;
}

static const ldr_export lines[] = {
    LDR__FN(GetStdHandle),
    LDR__FN(SetStdHandle),
    LDR__FN(GetConsoleMode),
    LDR__FN(SetConsoleMode),
    LDR__FN(GetConsoleOutputCP),
    LDR__FN_AS("GetConsoleCP", guest_GetConsoleOutputCP),
    LDR__FN(GetConsoleScreenBufferInfo),
    LDR__FN(WriteConsoleA),
    LDR__FN(WriteConsoleW),
    LDR__FN(ReadConsoleA),
    LDR__FN(ReadConsoleW),
};

LDR__TABLE(ldr__kernel32_console, "kernel32.dll", lines);
