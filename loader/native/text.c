#include "native/state.h"

#include <string.h>

#include "os/os.h"

static wchar_t *widen(UINT code_page, const char *text)
{
    int length = MultiByteToWideChar(code_page, 0, text, -1, NULL, 0);
    wchar_t *wide = length > 0 ? ldr__os_alloc((size_t)length * sizeof *wide) : NULL;
    if (wide != NULL)
        MultiByteToWideChar(code_page, 0, text, -1, wide, length);
    return wide;
}

wchar_t *ldr__wide_of(const char *text)
{
    return widen(CP_UTF8, text);
}

wchar_t *ldr__wide_path_of(const char *path)
{
    wchar_t *wide = widen(CP_UTF8, path);
    for (wchar_t *c = wide; c != NULL && *c != L'\0'; c++) {
        if (*c == L'/')
            *c = L'\\';
    }
    return wide;
}

char *ldr__text_of(const wchar_t *wide)
{
    int size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = size > 0 ? ldr__os_alloc((size_t)size) : NULL;
    if (text != NULL)
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, size, NULL, NULL);
    return text;
}

const wchar_t *ldr__path_without_prefix(const wchar_t *path)
{
    bool is_long = wcsncmp(path, L"\\\\?\\", 4) == 0;
    return is_long && path[4] != L'\0' && path[5] == L':' ? path + 4 : path;
}

/* "\\?\C:\x" is C:\x, "\\?\UNC\a\b" is \\a\b; others stay. */
char *ldr__path_of(const wchar_t *wide)
{
    bool is_remote = wcsncmp(wide, L"\\\\?\\UNC\\", 8) == 0;
    char *path = ldr__text_of(is_remote ? wide + 6 : ldr__path_without_prefix(wide));
    if (path != NULL && is_remote)
        path[0] = '/';
    for (char *c = path; c != NULL && *c != '\0'; c++) {
        if (*c == '\\')
            *c = '/';
    }
    return path;
}

char *ldr__text_of_ansi(const char *ansi)
{
    wchar_t *wide = widen(AreFileApisANSI() ? CP_ACP : CP_OEMCP, ansi);
    char *text = wide != NULL ? ldr__text_of(wide) : NULL;
    ldr__os_free(wide);
    return text;
}
