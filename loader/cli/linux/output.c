#include "cli/system.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_output_open(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_TRUNC, 0666);
}

int cli_output_open_log(const char *path, bool continues)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND;
    return open(path, continues ? flags : flags | O_TRUNC, 0666);
}

bool cli_output_write(int output, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t done = write(output, at, size);
        if (done < 0 && errno != EINTR)
            return false;
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

bool cli_output_resize(int output, uint64_t size)
{
    return ftruncate(output, (off_t)size) == 0;
}

bool cli_output_close(int output)
{
    return close(output) == 0;
}

FILE *cli_output_stream(int output)
{
    FILE *stream = fdopen(output, "wb");
    int reason = errno;
    if (stream == NULL)
        close(output);
    errno = reason;
    return stream;
}

bool cli_output_write_at(int output, const void *at, size_t size, uint64_t offset,
                         size_t *ret_count)
{
    ssize_t done = pwrite(output, at, size, (off_t)offset);
    if (done < 0 && errno != EFAULT)
        return false;
    *ret_count = done > 0 ? (size_t)done : 0;
    return true;
}

void cli_output_discard(const char *path)
{
    struct stat info;
    if (truncate(path, 0) == 0 && lstat(path, &info) == 0 && S_ISREG(info.st_mode))
        unlink(path);
}
