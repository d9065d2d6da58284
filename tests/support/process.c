#include "support/process.h"

#include <criterion/criterion.h>
#include <dirent.h>

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    cr_assert_not_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.'; /* the folder itself, and the one above it */
    closedir(folder);
    return count;
}

size_t process_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

size_t process_threads(void)
{
    return count_entries("/proc/self/task");
}
