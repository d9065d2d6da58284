#include "win32/kernel32/kernel32.h"

/*
 * user32, as a process without windows sees it: no window is active, has the focus or owns the
 * clipboard, and no message has come. Like refused.c, one function stands for many signatures.
 */

enum { ERROR_REQUIRES_INTERACTIVE_WINDOWSTATION = 1459 };

/* There is none: NULL, 0 or FALSE is the answer, and no failure. */
static uint64_t LDR_WINAPI none(void)
{
    return 0;
}

static uint64_t LDR_WINAPI not_interactive(void)
{
    ldr__set_last_error(ERROR_REQUIRES_INTERACTIVE_WINDOWSTATION);
    return 0;
}

static uint64_t LDR_WINAPI no_such_handle(void)
{
    ldr__set_last_error(ERROR_INVALID_HANDLE);
    return 0;
}

static const ldr_export lines[] = {
    LDR__FN_AS("GetActiveWindow", none),
    LDR__FN_AS("GetCapture", none),
    LDR__FN_AS("GetClipboardOwner", none),
    LDR__FN_AS("GetClipboardViewer", none),
    LDR__FN_AS("GetDesktopWindow", none),
    LDR__FN_AS("GetFocus", none),
    LDR__FN_AS("GetInputState", none),
    LDR__FN_AS("GetMessagePos", none),
    LDR__FN_AS("GetMessageTime", none),
    LDR__FN_AS("GetOpenClipboardWindow", none),
    LDR__FN_AS("GetCaretPos", not_interactive),
    LDR__FN_AS("GetCursorPos", not_interactive),
    LDR__FN_AS("AllowSetForegroundWindow", not_interactive),
    LDR__FN_AS("GetProcessWindowStation", not_interactive),
    LDR__FN_AS("MessageBoxW", not_interactive),
    LDR__FN_AS("GetUserObjectInformationW", no_such_handle),
};

LDR__TABLE(ldr__user32_none, "user32.dll", lines);
