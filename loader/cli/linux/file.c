#include "cli/system.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

ldr_status cli_open_regular(const char *path, FILE **ret_file, size_t *ret_size, ldr_diag *diag)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return cli_fail_open(diag, path);
    if (!S_ISREG(info.st_mode))
        return cli_fail(diag, LDR_NOT_A_FILE, PE_NT_INVALID_FILE_FOR_SECTION, path);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return cli_fail(diag, LDR_IO_ERROR, PE_NT_ACCESS_DENIED, path);
    *ret_file = file;
    *ret_size = (size_t)info.st_size;
    return LDR_OK;
}

bool cli_file_about(const char *path, cli_file_facts *ret_facts)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    *ret_facts = (cli_file_facts){(uint64_t)info.st_size, info.st_dev, info.st_ino};
    return true;
}

char *cli_absolute_path(const char *path)
{
    return realpath(path, NULL);
}

const char *cli_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}
