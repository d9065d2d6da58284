/*
 * files.h: what the kernel32 files about files share.
 */
#ifndef PELOAD_WIN32_FILES_H
#define PELOAD_WIN32_FILES_H

#include <sys/stat.h>
#include <sys/types.h>

#include "win32/kernel32/kernel32.h"

enum {
    FILE_ATTRIBUTE_READONLY = 0x1,
    FILE_ATTRIBUTE_DIRECTORY = 0x10,
    FILE_ATTRIBUTE_ARCHIVE = 0x20,
    FILE_ATTRIBUTE_DEVICE = 0x40,
    FILE_ATTRIBUTE_NORMAL = 0x80,
};
#define INVALID_FILE_ATTRIBUTES ((DWORD)-1)

/* What Windows tells of a file, from the host. */
typedef struct ldr__file_facts {
    DWORD attributes;
    FILETIME created, accessed, written;
    uint64_t size;
    uint64_t device, inode;
    DWORD links;
} ldr__file_facts;

/* Of an open file, or of `path` when `path` is not NULL. False with errno. */
bool ldr__file_facts_get(int fd, const char *path, ldr__file_facts *ret_facts);

/*
 * The last error for a failed call about `path`: what stands for errno, but ERROR_PATH_NOT_FOUND
 * when it is the folder that does not exist. Returns FALSE.
 */
BOOL ldr__file_error(int host_errno, const char *path);

/*
 * Opens a regular file to delete or move it: not while somebody has it open who does not share that
 * (ERROR_SHARING_VIOLATION). *ret_file stays NULL for what is no regular file, or not there. A
 * Win32 error.
 */
DWORD ldr__file_hold(const char *path, ldr_file **ret_file);

/* The host path of a guest's name; NULL with the last error. Released with free. */
char *ldr__host_path_w(const WCHAR *name);
char *ldr__host_path_a(const char *name);

/* write(2) that a closed pipe does not kill the host with. */
ssize_t ldr__write_quietly(int fd, const void *bytes, size_t size);

#endif
