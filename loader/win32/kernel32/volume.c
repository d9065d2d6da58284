#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "win32/kernel32/files.h"

/* Drives and volumes. Drive Z: is all there is; the host's file systems have no volume names. */

enum {
    DRIVE_NO_ROOT_DIR = 1,
    DRIVE_FIXED = 3,
    FILE_CASE_SENSITIVE_SEARCH = 1,
    FILE_CASE_PRESERVED_NAMES = 2,
    FILE_UNICODE_ON_DISK = 4,
    FILE_READ_ONLY_VOLUME = 0x80000,
};

static char *root_or_current(const WCHAR *name)
{
    char *path = name ? ldr__host_path_w(name) : strdup(".");
    if (name == NULL && path == NULL)
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return path;
}

static BOOL LDR_WINAPI guest_GetDiskFreeSpaceExW(const WCHAR *folder, uint64_t *ret_available,
                                                 uint64_t *ret_total, uint64_t *ret_free)
{
    struct statvfs host;
    char *path = root_or_current(folder);
    if (path == NULL)
        return false;
    BOOL done = statvfs(path, &host) == 0 ? true : ldr__file_error(errno, path);
    free(path);
    if (!done)
        return false;
    if (ret_available != NULL)
        *ret_available = host.f_bavail * host.f_frsize;
    if (ret_total != NULL)
        *ret_total = host.f_blocks * host.f_frsize;
    if (ret_free != NULL)
        *ret_free = host.f_bfree * host.f_frsize;
    return true;
}

static DWORD LDR_WINAPI guest_GetDriveTypeW(const WCHAR *root)
{
    ldr__file_facts facts;
    char *path = root_or_current(root);
    bool known = path != NULL && ldr__file_facts_get(-1, path, &facts);
    free(path);
    return known ? DRIVE_FIXED : DRIVE_NO_ROOT_DIR;
}

/* What the kernel's magic numbers are called; the type of others is not known by a name. */
static const char *file_system_name(const struct statfs *host)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } known[] = {{0xEF53, "ext4"},      {0x01021994, "tmpfs"}, {0x58465342, "xfs"},
                 {0x9123683E, "btrfs"}, {0x6969, "nfs"},       {0x794C7630, "overlay"},
                 {0x2FC12FC1, "zfs"},   {0x4D44, "FAT"},       {0x2011BAB0, "exFAT"},
                 {0x7366746E, "NTFS"},  {0x65735546, "fuse"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if ((uint32_t)host->f_type == known[i].magic)
            return known[i].name;
    return "unknown";
}

static BOOL LDR_WINAPI guest_GetVolumeInformationW(const WCHAR *root, WCHAR *ret_name,
                                                   DWORD name_size, DWORD *ret_serial,
                                                   DWORD *ret_component, DWORD *ret_flags,
                                                   WCHAR *ret_system, DWORD system_size)
{
    struct statfs host;
    char *path = root_or_current(root);
    if (path == NULL)
        return false;
    BOOL done = statfs(path, &host) == 0 ? true : ldr__file_error(errno, path);
    free(path);
    if (!done)
        return false;
    if (ret_name != NULL && name_size > 0)
        ret_name[0] = 0;
    if (ret_serial != NULL)
        memcpy(ret_serial, &host.f_fsid, sizeof *ret_serial);
    if (ret_component != NULL)
        *ret_component = (DWORD)host.f_namelen;
    if (ret_flags != NULL)
        *ret_flags = FILE_CASE_SENSITIVE_SEARCH | FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK |
                     ((unsigned long)host.f_flags & ST_RDONLY ? FILE_READ_ONLY_VOLUME : 0);
    if (ret_system != NULL &&
        ldr__answer_text_w(file_system_name(&host), ret_system, system_size) >= system_size)
        return ldr__win_error(ERROR_BUFFER_OVERFLOW);
    return true;
}

/* Volumes by GUID: there are none. */
static HANDLE LDR_WINAPI guest_FindFirstVolumeW(WCHAR *ret_name, DWORD size)
{
    (void)ret_name;
    (void)size;
    ldr__set_last_error(ERROR_NO_MORE_FILES);
    return INVALID_HANDLE_VALUE;
}

static BOOL LDR_WINAPI guest_FindNextVolumeW(HANDLE search, WCHAR *ret_name, DWORD size)
{
    (void)search;
    (void)ret_name;
    (void)size;
    return ldr__win_error(ERROR_INVALID_HANDLE);
}

static BOOL LDR_WINAPI guest_FindVolumeClose(HANDLE search)
{
    (void)search;
    return ldr__win_error(ERROR_INVALID_HANDLE);
}

static const ldr_export lines[] = {
    LDR__FN(GetDiskFreeSpaceExW), LDR__FN(GetDriveTypeW),   LDR__FN(GetVolumeInformationW),
    LDR__FN(FindFirstVolumeW),    LDR__FN(FindNextVolumeW), LDR__FN(FindVolumeClose),
};

LDR__TABLE(ldr__kernel32_volume, "kernel32.dll", lines);
