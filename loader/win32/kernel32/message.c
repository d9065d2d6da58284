#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"

/* FormatMessage: the system's messages. */

enum {
    FORMAT_MESSAGE_ALLOCATE_BUFFER = 0x100,
    FORMAT_MESSAGE_IGNORE_INSERTS = 0x200,
    FORMAT_MESSAGE_FROM_STRING = 0x400,
    FORMAT_MESSAGE_FROM_HMODULE = 0x800,
    FORMAT_MESSAGE_FROM_SYSTEM = 0x1000,
    FORMAT_MESSAGE_ARGUMENT_ARRAY = 0x2000,
};

typedef struct message {
    DWORD error;
    const char *text;
} message;

/* Source: "System Error Codes", Microsoft Learn. */
static const message messages[] = {
    {ERROR_SUCCESS, "The operation completed successfully."},
    {ERROR_INVALID_FUNCTION, "Incorrect function."},
    {ERROR_FILE_NOT_FOUND, "The system cannot find the file specified."},
    {ERROR_PATH_NOT_FOUND, "The system cannot find the path specified."},
    {ERROR_TOO_MANY_OPEN_FILES, "The system cannot open the file."},
    {ERROR_ACCESS_DENIED, "Access is denied."},
    {ERROR_INVALID_HANDLE, "The handle is invalid."},
    {ERROR_NOT_ENOUGH_MEMORY, "Not enough memory resources are available to process this command."},
    {ERROR_BAD_FORMAT, "An attempt was made to load a program with an incorrect format."},
    {ERROR_INVALID_DATA, "The data is invalid."},
    {ERROR_NOT_SAME_DEVICE, "The system cannot move the file to a different disk drive."},
    {ERROR_NO_MORE_FILES, "There are no more files."},
    {ERROR_WRITE_PROTECT, "The media is write protected."},
    {ERROR_NOT_READY, "The device is not ready."},
    {ERROR_WRITE_FAULT, "The system cannot write to the specified device."},
    {ERROR_READ_FAULT, "The system cannot read from the specified device."},
    {ERROR_GEN_FAILURE, "A device attached to the system is not functioning."},
    {ERROR_SHARING_VIOLATION,
     "The process cannot access the file because it is being used by another process."},
    {ERROR_HANDLE_EOF, "Reached the end of the file."},
    {ERROR_NOT_SUPPORTED, "The request is not supported."},
    {ERROR_FILE_EXISTS, "The file exists."},
    {ERROR_INVALID_PARAMETER, "The parameter is incorrect."},
    {ERROR_BROKEN_PIPE, "The pipe has been ended."},
    {ERROR_BUFFER_OVERFLOW, "The file name is too long."},
    {ERROR_DISK_FULL, "There is not enough space on the disk."},
    {ERROR_CALL_NOT_IMPLEMENTED, "This function is not supported on this system."},
    {ERROR_INSUFFICIENT_BUFFER, "The data area passed to a system call is too small."},
    {ERROR_INVALID_NAME, "The filename, directory name, or volume label syntax is incorrect."},
    {ERROR_MOD_NOT_FOUND, "The specified module could not be found."},
    {ERROR_PROC_NOT_FOUND, "The specified procedure could not be found."},
    {ERROR_NEGATIVE_SEEK,
     "An attempt was made to move the file pointer before the beginning of the file."},
    {ERROR_DIR_NOT_EMPTY, "The directory is not empty."},
    {ERROR_NOT_LOCKED, "The segment is already unlocked."},
    {ERROR_ALREADY_EXISTS, "Cannot create a file when that file already exists."},
    {ERROR_BAD_EXE_FORMAT, "%1 is not a valid Win32 application."},
    {ERROR_ENVVAR_NOT_FOUND, "The system could not find the environment option that was entered."},
    {ERROR_FILENAME_EXCED_RANGE, "The filename or extension is too long."},
    {ERROR_NO_DATA, "The pipe is being closed."},
    {ERROR_MORE_DATA, "More data is available."},
    {ERROR_DIRECTORY, "The directory name is invalid."},
    {ERROR_NOT_OWNER, "Attempt to release mutex not owned by caller."},
    {ERROR_TOO_MANY_POSTS, "Too many posts were made to a semaphore."},
    {ERROR_MR_MID_NOT_FOUND, "The system cannot find message text for message number."},
    {ERROR_INVALID_ADDRESS, "Attempt to access invalid address."},
    {ERROR_NOACCESS, "Invalid access to memory location."},
    {ERROR_INVALID_FLAGS, "Invalid flags."},
    {ERROR_DLL_INIT_FAILED, "A dynamic link library (DLL) initialization routine failed."},
    {ERROR_NOT_FOUND, "Element not found."},
    {ERROR_TIMEOUT, "This operation returned because the timeout period expired."},
};

/* The text with its line end, allocated; NULL with the last error. */
static char *system_message(DWORD error)
{
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (messages[i].error != error)
            continue;
        size_t length = strlen(messages[i].text);
        char *text = malloc(length + sizeof "\r\n");
        if (text == NULL) {
            ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
            return NULL;
        }
        memcpy(text, messages[i].text, length);
        memcpy(text + length, "\r\n", sizeof "\r\n");
        return text;
    }
    ldr__set_last_error(ERROR_MR_MID_NOT_FOUND);
    return NULL;
}

/* The message, if it is one of the system's and needs nothing inserted. */
static char *find_message(DWORD flags, DWORD error)
{
    if (!(flags & FORMAT_MESSAGE_FROM_SYSTEM) || (flags & FORMAT_MESSAGE_FROM_STRING)) {
        ldr__set_last_error(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    char *text = system_message(error);
    if (text != NULL && strchr(text, '%') != NULL && !(flags & FORMAT_MESSAGE_IGNORE_INSERTS)) {
        free(text);
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    return text;
}

/* Where to write `units` units of `unit_size` bytes and their NUL: the guest's buffer, or with
 * ALLOCATE_BUFFER a new one that the guest releases with LocalFree. */
static void *destination(DWORD flags, void *buffer, size_t size, size_t units, size_t unit_size)
{
    if (!(flags & FORMAT_MESSAGE_ALLOCATE_BUFFER)) {
        if (units < size)
            return buffer;
        ldr__set_last_error(ERROR_INSUFFICIENT_BUFFER);
        return NULL;
    }
    size_t room = units + 1 > size ? units + 1 : size;
    void *made = ldr__heap_alloc(ldr__process_self(), room * unit_size);
    if (made == NULL)
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    else
        memcpy(buffer, &made, sizeof made);
    return made;
}

static DWORD LDR_WINAPI guest_FormatMessageA(DWORD flags, const void *source, DWORD error,
                                             DWORD language, char *buffer, DWORD size,
                                             void *arguments)
{
    char *text = find_message(flags, error);
    (void)source;
    (void)language;
    (void)arguments;
    if (text == NULL)
        return 0;
    size_t length = strlen(text);
    char *out = destination(flags, buffer, size, length, sizeof *out);
    if (out != NULL)
        memcpy(out, text, length + 1);
    free(text);
    return out ? (DWORD)length : 0;
}

static DWORD LDR_WINAPI guest_FormatMessageW(DWORD flags, const void *source, DWORD error,
                                             DWORD language, WCHAR *buffer, DWORD size,
                                             void *arguments)
{
    char *text = find_message(flags, error);
    (void)source;
    (void)language;
    (void)arguments;
    if (text == NULL)
        return 0;
    size_t length = strlen(text); /* all ASCII */
    WCHAR *out = destination(flags, buffer, size, length, sizeof *out);
    if (out != NULL) {
        ldr__utf8_to_utf16(text, length, out, length);
        out[length] = 0;
    }
    free(text);
    return out ? (DWORD)length : 0;
}

static const ldr_export lines[] = {
    LDR__FN(FormatMessageA),
    LDR__FN(FormatMessageW),
};

LDR__TABLE(ldr__kernel32_message, "kernel32.dll", lines);
