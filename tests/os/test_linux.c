/* os.h as Linux keeps it. */
#include "os/os.h"
#include "support/zero_page.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
#define BASE UINT64_C(0x20000000)

static char folder[] = "/tmp/peload-os-XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

/* The path of `name` in the folder, in one of a few buffers. */
static const char *in_folder(const char *name)
{
    static char buffers[4][256];
    static unsigned next;
    char *path = buffers[next++ % 4];
    snprintf(path, sizeof buffers[0], "%s/%s", folder, name);
    return path;
}

static void make_file(const char *name, const char *content)
{
    FILE *file = fopen(in_folder(name), "wb");
    cr_assert_not_null(file);
    fputs(content, file);
    fclose(file);
}

TestSuite(files, .init = make_folder, .fini = remove_folder);

/* ---- Files ---- */

static ldr_status open_file(const char *path, ldr__handle *ret_file, ldr__file_id *ret_id)
{
    ldr__file_stamp stamp;
    ldr_status status = ldr__os_file_open(path, ret_file);
    if (status != LDR_OK)
        return status;
    cr_assert_eq(ldr__os_file_stamp(*ret_file, &stamp), LDR_OK);
    *ret_id = stamp.id;
    return LDR_OK;
}

Test(files, regular_file_is_opened_and_read_up_to_its_end)
{
    ldr__handle file;
    char bytes[16];
    size_t count;
    make_file("a", "0123456789");
    cr_assert_eq(ldr__os_file_open(in_folder("a"), &file), LDR_OK);
    cr_assert_eq(ldr__os_file_read(file, 4, bytes, sizeof bytes, &count), LDR_OK);
    cr_assert_eq(count, 6u);
    cr_assert_eq(memcmp(bytes, "456789", 6), 0);
    cr_assert_eq(ldr__os_file_read(file, 10, bytes, sizeof bytes, &count), LDR_OK);
    cr_assert_eq(count, 0u);
    ldr__os_close(file);
}

/* Where the tests run may itself be mounted noexec. */
Test(files, file_is_executable_if_its_pages_can_be_mapped_so)
{
    ldr__handle file;
    ldr__file_id id;
    make_file("a", "code");
    cr_assert_eq(open_file(in_folder("a"), &file, &id), LDR_OK);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, (int)file.value, 0);
    cr_assert_eq(ldr__os_file_executable(file), page != MAP_FAILED);
    cr_assert_not(ldr__os_file_executable(LDR__NO_HANDLE));
    ldr__os_close(file);
}

Test(files, two_paths_to_one_file_have_one_id)
{
    ldr__handle first, second, other;
    ldr__file_id ids[3];
    make_file("a", "x");
    make_file("b", "x");
    cr_assert_eq(link(in_folder("a"), in_folder("c")), 0);
    cr_assert_eq(open_file(in_folder("a"), &first, &ids[0]), LDR_OK);
    cr_assert_eq(open_file(in_folder("c"), &second, &ids[1]), LDR_OK);
    cr_assert_eq(open_file(in_folder("b"), &other, &ids[2]), LDR_OK);
    cr_assert(ids[0].device == ids[1].device && ids[0].inode == ids[1].inode);
    cr_assert_neq(ids[0].inode, ids[2].inode);
    ldr__os_close(first);
    ldr__os_close(second);
    ldr__os_close(other);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

Test(files, what_is_not_a_regular_file_is_told_without_waiting, .timeout = 5)
{
    ldr__handle file = {77};
    ldr__file_id id;
    cr_assert_eq(mkfifo(in_folder("pipe"), 0600), 0);
    make_socket(in_folder("socket"));
    cr_assert_eq(symlink("loop", in_folder("loop")), 0);
    make_file("file", "");
    cr_assert_eq(open_file(folder, &file, &id), LDR_NOT_A_FILE);
    cr_assert_eq(open_file("/dev/zero", &file, &id), LDR_NOT_A_FILE);
    cr_assert_eq(open_file(in_folder("pipe"), &file, &id), LDR_NOT_A_FILE);
    cr_assert_eq(open_file(in_folder("socket"), &file, &id), LDR_NOT_A_FILE);
    cr_assert_eq(open_file(in_folder("missing"), &file, &id), LDR_FILE_NOT_FOUND);
    cr_assert_eq(open_file(in_folder("file/below"), &file, &id), LDR_FILE_NOT_FOUND);
    cr_assert_eq(open_file(in_folder("loop"), &file, &id), LDR_FILE_NOT_FOUND);
    cr_assert_eq(file.value, 77);
}

Test(files, closing_no_handle_is_allowed)
{
    ldr__os_close(LDR__NO_HANDLE);
}

/* ---- Paths ---- */

static bool same(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

static void expect_found(const char *name, const char *found)
{
    char *path;
    cr_assert_eq(ldr__os_folder_find(folder, name, same, &path), LDR_OK, "%s", name);
    cr_assert_str_eq(path, in_folder(found));
    ldr__os_free(path);
}

static void expect_not_found(const char *name)
{
    char *path = folder;
    cr_assert_eq(ldr__os_folder_find(folder, name, same, &path), LDR_FILE_NOT_FOUND, "%s", name);
    cr_assert_eq(path, (char *)folder);
}

Test(files, find_takes_the_exact_name_first_then_lower_case_and_then_any)
{
    make_file("Kernel32.DLL", "");
    make_file("KERNEL32.DLL", "");
    expect_found("kernel32.dll", "KERNEL32.DLL");
    make_file("kernel32.dll", "");
    expect_found("kernel32.dll", "kernel32.dll");
    expect_found("Kernel32.DLL", "Kernel32.DLL");
    expect_found("KERNEL32.dll", "kernel32.dll");
    make_file("only.dll", "");
    expect_found("ONLY.DLL", "only.dll");
}

Test(files, find_takes_files_only)
{
    cr_assert_eq(mkdir(in_folder("a.dll"), 0700), 0);
    expect_not_found("a.dll");
    make_file("A.dll", "");
    expect_found("a.dll", "A.dll");
}

Test(files, find_takes_no_folder_and_no_nothing)
{
    cr_assert_eq(mkdir(in_folder("sub"), 0700), 0);
    expect_not_found("");
    expect_not_found("..");
    expect_not_found("sub");
    expect_not_found("sub/");
    char *path;
    cr_assert_eq(ldr__os_folder_find(in_folder("none"), "a.dll", same, &path), LDR_FILE_NOT_FOUND);
}

Test(files, find_takes_each_part_of_a_path_in_any_case)
{
    cr_assert_eq(mkdir(in_folder("Sub"), 0700), 0);
    make_file("Sub/A.dll", "");
    make_file("file", "");
    expect_found("sub/a.DLL", "Sub/A.dll");
    expect_found("./SUB//a.dll", "Sub/A.dll");
    expect_found("Sub/../sub/A.dll", "Sub/../Sub/A.dll");
    expect_not_found("file/a.dll");
    expect_not_found("other/a.dll");
}

Test(files, absolute_path_keeps_the_name_of_a_link)
{
    char *path;
    make_file("target.dll", "");
    cr_assert_eq(symlink("target.dll", in_folder("link.dll")), 0);
    cr_assert_eq(mkdir(in_folder("sub"), 0700), 0);
    cr_assert_eq(ldr__os_path_absolute(in_folder("sub/../link.dll"), &path), LDR_OK);
    cr_assert_str_eq(path, in_folder("link.dll"));
    ldr__os_free(path);
    cr_assert_eq(chdir(folder), 0);
    cr_assert_eq(ldr__os_path_absolute("target.dll", &path), LDR_OK);
    cr_assert_str_eq(path, in_folder("target.dll"));
    ldr__os_free(path);
    cr_assert_eq(ldr__os_path_absolute("missing.dll", &path), LDR_FILE_NOT_FOUND);
}

/* ---- Address space ---- */

Test(memory, reservation_never_replaces_what_is_there)
{
    void *first, *second = NULL;
    cr_assert_eq(ldr__os_reserve(BASE, 4 * PAGE, PAGE, &first), LDR_OK);
    cr_assert_eq((uintptr_t)first, BASE);
    cr_assert_eq(ldr__os_map_zero(first, PAGE, LDR__READ | LDR__WRITE), LDR_OK);
    *(char *)first = 1;
    cr_assert_eq(ldr__os_reserve(BASE - PAGE, 2 * PAGE, PAGE, &second), LDR_ADDRESS_BUSY);
    cr_assert_eq(ldr__os_reserve(BASE + 3 * PAGE, 2 * PAGE, PAGE, &second), LDR_ADDRESS_BUSY);
    cr_assert_null(second);
    cr_assert_eq(*(char *)first, 1);
    ldr__os_unmap(first, 4 * PAGE);
}

Test(memory, reservation_where_no_process_can_map_is_busy)
{
    void *address;
    cr_assert_eq(ldr__os_reserve(UINT64_C(0x7FFFFFFFF000), PAGE, PAGE, &address), LDR_ADDRESS_BUSY);
    cr_assert_eq(ldr__os_reserve(UINT64_C(0xFFFF800000000000), PAGE, PAGE, &address),
                 LDR_ADDRESS_BUSY);
    cr_assert_eq(ldr__os_reserve(UINT64_MAX - PAGE + 1, PAGE, PAGE, &address), LDR_ADDRESS_BUSY);
}

Test(memory, reservation_anywhere_is_aligned)
{
    for (uint64_t alignment = PAGE; alignment <= UINT64_C(1) << 24; alignment *= 2) {
        void *address;
        cr_assert_eq(ldr__os_reserve(0, 3 * PAGE, alignment, &address), LDR_OK);
        cr_assert_eq((uintptr_t)address % alignment, 0u);
        ldr__os_unmap(address, 3 * PAGE);
    }
}

Test(memory, reservation_of_more_than_there_is_fails)
{
    void *address;
    cr_assert_eq(ldr__os_reserve(0, UINT64_C(1) << 50, PAGE, &address), LDR_NO_MEMORY);
    cr_assert_eq(ldr__os_reserve(0, UINT64_MAX - PAGE + 1, 1 << 16, &address), LDR_NO_MEMORY);
}

/* ---- Segments ---- */

Test(memory, sealed_segment_cannot_be_changed_but_copied_on_write)
{
    ldr__handle segment;
    void *address;
    cr_assert_eq(ldr__os_segment_create(3 * PAGE - 5, &segment), LDR_OK);
    cr_assert_eq(ldr__os_segment_write(segment, PAGE, "content", 8), LDR_OK);
    cr_assert_eq(ldr__os_segment_seal(segment), LDR_OK);
    cr_assert_neq(ldr__os_segment_write(segment, PAGE, "changed", 8), LDR_OK);
    cr_assert_eq(ldr__os_reserve(0, 3 * PAGE, PAGE, &address), LDR_OK);
    cr_assert_neq(ldr__os_map_shared(address, PAGE, segment, PAGE, LDR__READ | LDR__WRITE), LDR_OK);
    cr_assert_eq(ldr__os_map_private(address, PAGE, segment, PAGE, LDR__READ | LDR__WRITE), LDR_OK);
    cr_assert_str_eq((char *)address, "content");
    strcpy(address, "changed");
    char *other = (char *)address + PAGE;
    cr_assert_eq(ldr__os_map_private(other, PAGE, segment, PAGE, LDR__READ | LDR__EXECUTE), LDR_OK);
    cr_assert_str_eq(other, "content");
    ldr__os_unmap(address, 3 * PAGE);
    ldr__os_close(segment);
}

Test(memory, copies_are_told_from_what_was_only_read)
{
    ldr__handle segment;
    void *address;
    bool own[4];
    cr_assert_eq(ldr__os_segment_create(2 * PAGE, &segment), LDR_OK);
    cr_assert_eq(ldr__os_segment_write(segment, 0, "content", 8), LDR_OK);
    cr_assert_eq(ldr__os_reserve(0, 4 * PAGE, PAGE, &address), LDR_OK);
    volatile char *bytes = address;
    int access = LDR__READ | LDR__WRITE;
    cr_assert_eq(ldr__os_map_private(address, 2 * PAGE, segment, 0, access), LDR_OK);
    cr_assert_eq(ldr__os_map_zero((char *)address + 2 * PAGE, 2 * PAGE, access), LDR_OK);
    cr_assert_eq(bytes[0] + bytes[2 * PAGE], 'c');
    bytes[PAGE] = bytes[3 * PAGE] = 1;
    cr_assert_eq(ldr__os_pages_private(address, 4, true, own), LDR_OK);
    cr_assert_not(own[0]);
    cr_assert(own[1]);
    cr_assert_eq(own[2], !zero_page_is_shared());
    cr_assert(own[3]);
    ldr__os_unmap(address, 4 * PAGE);
    ldr__os_close(segment);
}

static void expect_written(ldr__handle finder, void *address, uint64_t pages, uint64_t expected)
{
    ldr__os_span spans[8];
    uint32_t count;
    uint64_t at = (uintptr_t)address, found = 0;
    cr_assert_eq(ldr__os_written_find(finder, &at, at + pages * PAGE, spans, 8, &count), LDR_OK);
    cr_assert_eq(at, (uintptr_t)address + pages * PAGE);
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t page = spans[i].start; page < spans[i].end; page += PAGE)
            found |= UINT64_C(1) << (page - (uintptr_t)address) / PAGE;
    }
    cr_assert_eq(found, expected, "0x%lx", (unsigned long)found);
}

/* Not on kernels before 6.7, nor where the call is refused. */
Test(memory, pages_that_are_written_to_are_noted)
{
    ldr__handle segment, finder, watch;
    void *address;
    cr_assert_eq(ldr__os_copies_open(&finder), LDR_OK);
    if (ldr__os_watch_create(&watch) != LDR_OK)
        cr_skip_test("nothing is noted here");
    cr_assert_eq(ldr__os_segment_create(4 * PAGE, &segment), LDR_OK);
    cr_assert_eq(ldr__os_reserve(0, 8 * PAGE, PAGE, &address), LDR_OK);
    volatile char *bytes = address;
    int access = LDR__READ | LDR__WRITE;
    cr_assert_eq(ldr__os_map_private(address, 4 * PAGE, segment, 0, access), LDR_OK);
    cr_assert_eq(ldr__os_map_zero((char *)address + 4 * PAGE, 4 * PAGE, access), LDR_OK);
    bytes[0] = bytes[4 * PAGE] = 1;
    cr_assert_eq(bytes[PAGE] + bytes[5 * PAGE], 0);
    cr_assert_eq(ldr__os_watch_add(watch, finder, address, 8 * PAGE), LDR_OK);
    expect_written(finder, address, 8, 0);
    for (uint64_t page = 0; page < 8; page += 3)
        bytes[page * PAGE] = 2;
    expect_written(finder, address, 8, 1 << 0 | 1 << 3 | 1 << 6);
    cr_assert_eq(ldr__os_written_clear(finder, address, 4 * PAGE), LDR_OK);
    expect_written(finder, address, 8, 1 << 6);
    cr_assert_eq(bytes[0] + bytes[3 * PAGE] + bytes[6 * PAGE], 6, "nothing is lost");
    ldr__os_unmap(address, 8 * PAGE);
    ldr__os_close(watch);
    ldr__os_close(segment);
    ldr__os_close(finder);
}

Test(memory, page_that_two_addresses_show_is_one_frame)
{
    ldr__handle segment;
    ldr__os_page a, b;
    void *address;
    cr_assert_eq(ldr__os_segment_create(PAGE, &segment), LDR_OK);
    cr_assert_eq(ldr__os_reserve(0, 3 * PAGE, PAGE, &address), LDR_OK);
    uint8_t *bytes = address;
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(ldr__os_map_shared(bytes + i * PAGE, PAGE, segment, 0, LDR__READ | LDR__WRITE),
                     LDR_OK);
    cr_assert_eq(ldr__os_page_at(bytes, &a), LDR_OK);
    cr_assert_not(a.is_present);
    cr_assert_not(a.has_frame);
    ((volatile uint8_t *)bytes)[0] = 1;
    cr_assert_eq(((volatile uint8_t *)bytes)[PAGE], 1);
    cr_assert_eq(ldr__os_page_at(bytes + 5, &a), LDR_OK);
    cr_assert_eq(ldr__os_page_at(bytes + PAGE, &b), LDR_OK);
    cr_assert(a.is_present && b.is_present);
    cr_assert_eq(a.has_frame, geteuid() == 0);
    cr_assert_eq(a.frame, b.frame);
    ldr__os_unmap(address, 3 * PAGE);
    ldr__os_close(segment);
}

Test(memory, cache_of_a_file_has_the_pages_that_were_written)
{
    ldr__handle segment;
    uint64_t cached = 9, dirty = 9;
    uint8_t page[4096] = {1};
    cr_assert_eq(ldr__os_segment_create(4 * PAGE, &segment), LDR_OK);
    ldr_status status = ldr__os_file_cache(segment, &cached, &dirty);
    cr_assert(status == LDR_OK || status == LDR_OS_ERROR); /* before Linux 6.5 */
    if (status == LDR_OK) {
        cr_assert_eq(cached, 0u);
        cr_assert_eq(ldr__os_segment_write(segment, PAGE, page, sizeof page), LDR_OK);
        cr_assert_eq(ldr__os_file_cache(segment, &cached, &dirty), LDR_OK);
        cr_assert_eq(cached, 1u);
    }
    cr_assert_eq(ldr__os_file_cache(LDR__NO_HANDLE, &cached, &dirty), LDR_OS_ERROR);
    ldr__os_close(segment);
}

Test(memory, lock_is_recursive)
{
    ldr__lock *lock;
    cr_assert_eq(ldr__os_lock_create(&lock), LDR_OK);
    ldr__os_lock(lock);
    ldr__os_lock(lock);
    ldr__os_unlock(lock);
    ldr__os_unlock(lock);
    ldr__os_lock_destroy(lock);
    ldr__os_lock_destroy(NULL);
}
