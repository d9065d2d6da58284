#include "win32/kernel32/kernel32.h"

/*
 * The registry: the predefined keys, and nothing below them. A program that looks for a key or a
 * value is told that there is none, as on a system where nothing was installed.
 */

/* HKEY_CLASSES_ROOT (0x80000000), _CURRENT_USER, _LOCAL_MACHINE, _USERS, and so on. */
static bool is_predefined(HANDLE key)
{
    uint32_t value = (uint32_t)(uintptr_t)key;
    return value >= 0x80000000u && value <= 0x80000006u;
}

static DWORD missing(HANDLE key)
{
    return is_predefined(key) ? ERROR_FILE_NOT_FOUND : ERROR_INVALID_HANDLE;
}

static DWORD open_key(HANDLE key, bool named, HANDLE *ret_key)
{
    if (!is_predefined(key) || named)
        return missing(key);
    *ret_key = key;
    return ERROR_SUCCESS;
}

static DWORD LDR_WINAPI guest_RegOpenKeyExA(HANDLE key, const char *name, DWORD options,
                                            DWORD access, HANDLE *ret_key)
{
    (void)options;
    (void)access;
    return open_key(key, name != NULL && name[0] != 0, ret_key);
}

static DWORD LDR_WINAPI guest_RegOpenKeyExW(HANDLE key, const WCHAR *name, DWORD options,
                                            DWORD access, HANDLE *ret_key)
{
    (void)options;
    (void)access;
    return open_key(key, name != NULL && name[0] != 0, ret_key);
}

static DWORD LDR_WINAPI guest_RegCloseKey(HANDLE key)
{
    return is_predefined(key) ? ERROR_SUCCESS : ERROR_INVALID_HANDLE;
}

static DWORD LDR_WINAPI guest_RegQueryValueEx(HANDLE key, const void *name, DWORD *reserved,
                                              DWORD *ret_type, void *ret_data, DWORD *size)
{
    (void)name;
    (void)reserved;
    (void)ret_type;
    (void)ret_data;
    (void)size;
    return missing(key);
}

static DWORD LDR_WINAPI guest_RegEnumKeyExW(HANDLE key, DWORD index, WCHAR *ret_name, DWORD *size,
                                            DWORD *reserved, WCHAR *ret_class, DWORD *class_size,
                                            FILETIME *ret_written)
{
    (void)index;
    (void)ret_name;
    (void)size;
    (void)reserved;
    (void)ret_class;
    (void)class_size;
    (void)ret_written;
    return is_predefined(key) ? ERROR_NO_MORE_ITEMS : ERROR_INVALID_HANDLE;
}

static void set_zero(DWORD *ret_value)
{
    if (ret_value != NULL)
        *ret_value = 0;
}

static DWORD LDR_WINAPI guest_RegQueryInfoKeyW(HANDLE key, WCHAR *ret_class, DWORD *class_size,
                                               DWORD *reserved, DWORD *ret_keys,
                                               DWORD *ret_longest_key, DWORD *ret_longest_class,
                                               DWORD *ret_values, DWORD *ret_longest_name,
                                               DWORD *ret_longest_value, DWORD *ret_descriptor,
                                               FILETIME *ret_written)
{
    (void)reserved;
    if (!is_predefined(key))
        return ERROR_INVALID_HANDLE;
    if (ret_class != NULL && class_size != NULL && *class_size > 0)
        ret_class[0] = 0;
    set_zero(class_size);
    set_zero(ret_keys);
    set_zero(ret_longest_key);
    set_zero(ret_longest_class);
    set_zero(ret_values);
    set_zero(ret_longest_name);
    set_zero(ret_longest_value);
    set_zero(ret_descriptor);
    if (ret_written != NULL)
        *ret_written = (FILETIME){0, 0};
    return ERROR_SUCCESS;
}

static const ldr_export lines[] = {
    LDR__FN(RegOpenKeyExA),
    LDR__FN(RegOpenKeyExW),
    LDR__FN(RegCloseKey),
    LDR__FN_AS("RegQueryValueExA", guest_RegQueryValueEx),
    LDR__FN_AS("RegQueryValueExW", guest_RegQueryValueEx),
    LDR__FN(RegEnumKeyExW),
    LDR__FN(RegQueryInfoKeyW),
};

LDR__TABLE(ldr__advapi32_registry, "advapi32.dll", lines);
