/* crt/stat.c: _stat and _fstat, in the four layouts that Windows's headers choose from. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "win32/crt/file.h"

enum {
    MODE_PIPE = 0x1000,
    MODE_DEVICE = 0x2000,
    MODE_FOLDER = 0x4000,
    MODE_FILE = 0x8000,
    MODE_READ = 0444,
    MODE_WRITE = 0222,
    MODE_EXECUTE = 0111,
    DRIVE_Z = 25,
};

/* Which widths the size and the times have. */
typedef struct layout {
    int size_bytes, time_bytes;
} stat_layout;

static const stat_layout layout_stat32 = {4, 4}, layout_stat32i64 = {8, 4};
static const stat_layout layout_stat64i32 = {4, 8}, layout_stat64 = {8, 8};

static bool is_program(const char *path)
{
    static const char *const endings[] = {".exe", ".com", ".bat", ".cmd"};
    size_t length = path ? strlen(path) : 0;
    for (size_t i = 0; length >= 4 && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(path + length - 4, endings[i]) == 0)
            return true;
    return false;
}

/* Windows knows read-only and not, and programs by their names. */
static uint16_t mode_of(const struct stat *host, const char *path)
{
    if (S_ISFIFO(host->st_mode) || S_ISSOCK(host->st_mode))
        return MODE_PIPE;
    if (S_ISCHR(host->st_mode))
        return MODE_DEVICE;
    uint16_t mode = S_ISDIR(host->st_mode) ? MODE_FOLDER | MODE_EXECUTE : MODE_FILE;
    mode |= MODE_READ;
    if (host->st_mode & S_IWUSR)
        mode |= MODE_WRITE;
    return is_program(path) ? mode | MODE_EXECUTE : mode;
}

static void put(uint8_t *out, size_t *at, uint64_t value, int bytes)
{
    *at = (*at + (size_t)bytes - 1) & ~((size_t)bytes - 1);
    memcpy(out + *at, &value, (size_t)bytes);
    *at += (size_t)bytes;
}

/* st_dev, st_ino, st_mode, st_nlink, st_uid, st_gid, st_rdev, st_size, and the three times. */
static int write_stat(const struct stat *host, const char *path, stat_layout layout, uint8_t *out)
{
    if (layout.size_bytes == 4 && host->st_size > INT32_MAX)
        return ldr__crt_set_errno(LDR__CRT_EOVERFLOW);
    bool on_disk = S_ISREG(host->st_mode) || S_ISDIR(host->st_mode);
    uint64_t device = path && on_disk ? DRIVE_Z : 0;
    uint8_t image[56] = {0};
    size_t at = 0;
    put(image, &at, device, 4);
    put(image, &at, 0, 2);
    put(image, &at, mode_of(host, path), 2);
    put(image, &at, host->st_nlink > INT16_MAX ? INT16_MAX : host->st_nlink, 2);
    put(image, &at, 0, 2);
    put(image, &at, 0, 2);
    put(image, &at, device, 4);
    put(image, &at, S_ISREG(host->st_mode) ? (uint64_t)host->st_size : 0, layout.size_bytes);
    put(image, &at, (uint64_t)host->st_atime, layout.time_bytes);
    put(image, &at, (uint64_t)host->st_mtime, layout.time_bytes);
    put(image, &at, (uint64_t)host->st_ctime, layout.time_bytes);
    memcpy(out, image, at);
    return 0;
}

/* Takes over the host path; NULL: errno says why there is none. */
static int stat_path(char *path, stat_layout layout, void *out)
{
    struct stat host;
    if (!path || stat(path, &host) != 0) {
        int error = errno;
        free(path);
        return ldr__crt_set_host_errno(error == ENOTDIR ? ENOENT : error);
    }
    int result = write_stat(&host, path, layout, out);
    free(path);
    return result;
}

static int stat_narrow(const char *path, stat_layout layout, void *out)
{
    if (!path || !out) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    if (strpbrk(path, "?*"))
        return ldr__crt_set_errno(ENOENT);
    return stat_path(ldr__path_to_host(path), layout, out);
}

static int stat_wide(const WCHAR *path, stat_layout layout, void *out)
{
    char *narrow = path ? ldr__utf8_from(path) : NULL;
    int result = stat_narrow(narrow, layout, out);
    free(narrow);
    return result;
}

static int stat_descriptor(int descriptor, stat_layout layout, void *out)
{
    if (!out) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    ldr__file *file = ldr__crt_descriptor_file(ldr__crt_self(), descriptor);
    if (!file)
        return -1;
    struct stat host;
    int failed = fstat(file->fd, &host);
    int error = errno;
    ldr__object_release(&file->object);
    return failed ? ldr__crt_set_host_errno(error) : write_stat(&host, NULL, layout, out);
}

#define STAT_FUNCTIONS(suffix)                                                  \
    static int LDR_WINAPI guest__##suffix(const char *path, void *ret_status)   \
    {                                                                           \
        return stat_narrow(path, layout_##suffix, ret_status);                  \
    }                                                                           \
    static int LDR_WINAPI guest__w##suffix(const WCHAR *path, void *ret_status) \
    {                                                                           \
        return stat_wide(path, layout_##suffix, ret_status);                    \
    }                                                                           \
    static int LDR_WINAPI guest__f##suffix(int descriptor, void *ret_status)    \
    {                                                                           \
        return stat_descriptor(descriptor, layout_##suffix, ret_status);        \
    }

STAT_FUNCTIONS(stat32)
STAT_FUNCTIONS(stat32i64)
STAT_FUNCTIONS(stat64i32)
STAT_FUNCTIONS(stat64)

static const ldr_export shared[] = {
    LDR__FN(_stat32),     LDR__FN(_wstat32),    LDR__FN(_fstat32),   LDR__FN(_stat32i64),
    LDR__FN(_wstat32i64), LDR__FN(_fstat32i64), LDR__FN(_stat64i32), LDR__FN(_wstat64i32),
    LDR__FN(_fstat64i32), LDR__FN(_stat64),     LDR__FN(_wstat64),   LDR__FN(_fstat64),
};
LDR__CRT_TABLES(ldr__crt_stat, shared);

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("_stat", guest__stat64i32),   LDR__FN_AS("_wstat", guest__wstat64i32),
    LDR__FN_AS("_fstat", guest__fstat64i32), LDR__FN_AS("_stati64", guest__stat64),
    LDR__FN_AS("_wstati64", guest__wstat64), LDR__FN_AS("_fstati64", guest__fstat64),
};
LDR__TABLE(ldr__crt_stat_msvcrt_only, "msvcrt.dll", msvcrt_lines);
