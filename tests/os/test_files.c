/* Files that are written, shared and marked: the part of os.h in linux_files.c. */
#include "os/os.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAR (UINT64_C(1) << 62)

static char *new_file(size_t size)
{
    char *path = strdup("/tmp/peload-files-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(ftruncate(fd, (off_t)size), 0);
    close(fd);
    return path;
}

static ldr__handle open_it(const char *path, bool writes)
{
    ldr__handle file = LDR__NO_HANDLE;
    bool created = true;
    cr_assert_eq(ldr__os_file_open_for(path, writes, LDR_OPEN_EXISTING, &file, &created), LDR_OK);
    cr_assert_not(created);
    return file;
}

static uint64_t size_of(ldr__handle file)
{
    ldr__file_stamp stamp;
    cr_assert_eq(ldr__os_file_stamp(file, &stamp), LDR_OK);
    return stamp.size;
}

static void remove_it(char *path)
{
    unlink(path);
    free(path);
}

Test(files, mark_is_seen_by_other_openings_as_long_as_its_own_lives)
{
    char *path = new_file(0);
    ldr__handle first = open_it(path, false), second = open_it(path, false);
    ldr__os_file_mark(first, FAR + 5, 10);
    cr_expect_not(ldr__os_file_is_marked(first, FAR, 100), "its own");
    cr_expect(ldr__os_file_is_marked(second, FAR + 14, 1));
    cr_expect(ldr__os_file_is_marked(second, FAR, FAR));
    cr_expect_not(ldr__os_file_is_marked(second, FAR, 5));
    cr_expect_not(ldr__os_file_is_marked(second, FAR, 0), "no byte");
    cr_expect_not(ldr__os_file_is_marked(second, FAR + 15, FAR));
    ldr__os_file_mark(second, FAR + 5, 10);
    cr_expect(ldr__os_file_is_marked(first, FAR + 5, 1), "any number may hold one");
    ldr__os_close(first);
    cr_expect_not(ldr__os_file_is_marked(second, FAR, FAR));
    ldr__os_close(second);
    remove_it(path);
}

Test(files, reopened_file_is_another_opening_whatever_became_of_its_path)
{
    char *path = new_file(7);
    ldr__handle first = open_it(path, true), second;
    unlink(path);
    cr_assert_eq(ldr__os_file_reopen(first, true, &second), LDR_OK);
    ldr__os_file_mark(first, FAR, 1);
    cr_expect(ldr__os_file_is_marked(second, FAR, 1));
    ldr__os_close(first);
    cr_expect_not(ldr__os_file_is_marked(second, FAR, 1));
    cr_expect_eq(size_of(second), 7u);
    ldr__os_close(second);
    remove_it(path);
}

Test(files, exclusion_is_waited_for_and_given_up)
{
    char *path = new_file(0);
    ldr__handle first = open_it(path, false), second = open_it(path, false);
    struct timespec start, end;
    ldr__os_file_exclude(first);
    clock_gettime(CLOCK_MONOTONIC, &start);
    ldr__os_file_exclude(second);
    clock_gettime(CLOCK_MONOTONIC, &end);
    cr_expect_lt(end.tv_sec - start.tv_sec, 10);
    ldr__os_file_include(first);
    ldr__os_file_exclude(second);
    cr_expect_neq(flock((int)first.value, LOCK_EX | LOCK_NB), 0);
    ldr__os_close(second);
    cr_expect_eq(flock((int)first.value, LOCK_EX | LOCK_NB), 0, "closing ends it");
    ldr__os_close(first);
    remove_it(path);
}

Test(files, size_is_set_with_room_on_the_disk)
{
    char *path = new_file(100);
    ldr__handle file = open_it(path, true);
    struct stat info;
    cr_assert_eq(ldr__os_file_resize(file, 1 << 20), LDR_OK);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_size, 1 << 20);
    cr_expect_geq(info.st_blocks * 512, (1 << 20) - 4096);
    cr_expect_eq(ldr__os_file_resize(file, UINT64_MAX), LDR_TOO_BIG);
    cr_expect_eq(size_of(file), 1u << 20);
    cr_assert_eq(ldr__os_file_resize(file, 3), LDR_OK);
    cr_expect_eq(size_of(file), 3u);
    ldr__os_close(file);
    file = open_it(path, false);
    cr_expect_neq(ldr__os_file_resize(file, 1), LDR_OK, "it is not open for writing");
    cr_expect_eq(size_of(file), 3u);
    ldr__os_close(file);
    remove_it(path);
}

Test(files, link_that_leads_nowhere_can_be_made_a_file)
{
    char *path = new_file(0);
    char link[64];
    snprintf(link, sizeof link, "%s.link", path);
    unlink(path);
    cr_assert_eq(symlink(path, link), 0);
    ldr__handle file;
    bool created;
    cr_expect_eq(ldr__os_file_open_for(link, true, LDR_OPEN_EXISTING, &file, &created),
                 LDR_FILE_NOT_FOUND);
    cr_expect_eq(ldr__os_file_open_for(link, true, LDR_CREATE_NEW, &file, &created), LDR_EXISTS);
    cr_expect_eq(ldr__os_file_open_for(link, true, LDR_OPEN_OR_CREATE, &file, &created), LDR_OK);
    cr_expect_eq(access(path, F_OK), 0);
    ldr__os_close(file);
    unlink(link);
    remove_it(path);
}

Test(files, pipe_is_no_file_and_nobody_waits_for_it, .timeout = 10)
{
    char *path = new_file(0);
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    ldr__handle file;
    bool created;
    for (int writes = 0; writes < 2; writes++)
        cr_expect_eq(ldr__os_file_open_for(path, writes, LDR_OPEN_OR_CREATE, &file, &created),
                     LDR_NOT_A_FILE);
    remove_it(path);
}
