/* Open files: sharing, size and name (rule H.8). */
#include "section/data_fixture.h"
#include "section/file.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE   0x5123
#define ALL    (LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE)
#define PAIRS  64 /* of access (without EXECUTE) and share */
#define RW     LDR_PAGE_READWRITE
#define RO     LDR_PAGE_READONLY
#define OPENED LDR_OK

enum { READ = LDR_FILE_READ, WRITE = LDR_FILE_WRITE, EXECUTE = LDR_FILE_EXECUTE };

static ldr_status open_as(const char *path, uint32_t access, uint32_t share, ldr_file **ret_file)
{
    ldr_file_options options = {.size = sizeof options, .access = access, .share = share};
    ldr_diag diag = {0};
    ldr_status status = ldr_file_open(path, &options, ret_file, NULL, &diag);
    cr_assert_eq(diag.status, status);
    if (status == LDR_SHARING_VIOLATION)
        cr_assert_eq(diag.why.nt_status, (uint32_t)PE_NT_SHARING_VIOLATION);
    return status;
}

static ldr_status try_open(const char *path, uint32_t access, uint32_t share)
{
    ldr_file *file = NULL;
    ldr_status status = open_as(path, access, share, &file);
    ldr_file_close(file);
    return status;
}

/* ---- Sharing modes ---- */

/* The kinds of access by number, and as bits of LDR_SHARE_*. */
static const uint32_t access_of[8] = {
    LDR_FILE_ATTRIBUTES,
    READ,
    WRITE,
    READ | WRITE,
    LDR_FILE_DELETE,
    READ | LDR_FILE_DELETE,
    WRITE | LDR_FILE_DELETE,
    READ | WRITE | LDR_FILE_DELETE,
};

/* Who asks for no data neither refuses it to others nor is refused anything. */
static bool go_together(unsigned first, unsigned first_share, unsigned second,
                        unsigned second_share)
{
    return first == 0 || second == 0 ||
           ((first & ~second_share) == 0 && (second & ~first_share) == 0);
}

typedef struct opening {
    const char *path;
    unsigned kinds, share;
} opening;

static void expect_pairs(const opening *first)
{
    for (unsigned second = 0; second < PAIRS; second++) {
        unsigned kinds = second & 7, share = second >> 3;
        ldr_status expected =
            go_together(first->kinds, first->share, kinds, share) ? LDR_OK : LDR_SHARING_VIOLATION;
        cr_expect_eq(try_open(first->path, access_of[kinds], share), expected,
                     "%u sharing %u, then %u sharing %u", first->kinds, first->share, kinds, share);
    }
}

Test(data_file, two_openings_go_together_if_each_shares_what_the_other_does)
{
    char *path = data_file(SIZE);
    fixture_state before = fixture_state_take();
    for (unsigned i = 0; i < PAIRS; i++) {
        opening first = {path, i & 7, i >> 3};
        ldr_file *file = NULL;
        cr_assert_eq(open_as(path, access_of[first.kinds], first.share, &file), LDR_OK);
        expect_pairs(&first);
        ldr_file_close(file);
    }
    fixture_expect_same(&before);
    fixture_remove(path);
}

/* 0 if the child finds what the parent would. */
static int open_all_pairs(void *argument)
{
    const opening *first = argument;
    for (unsigned second = 0; second < PAIRS; second++) {
        ldr_status status = try_open(first->path, access_of[second & 7], second >> 3);
        if ((status == LDR_OK) != go_together(first->kinds, first->share, second & 7, second >> 3))
            return 1;
    }
    return 0;
}

Test(data_file, sharing_holds_between_processes)
{
    char *path = data_file(SIZE);
    static const opening openings[] = {{0, 1, LDR_SHARE_READ}, {0, 3, 0}, {0, 2, ALL}};
    for (size_t i = 0; i < 3; i++) {
        opening first = openings[i];
        first.path = path;
        ldr_file *file = NULL;
        cr_assert_eq(open_as(path, access_of[first.kinds], first.share, &file), LDR_OK);
        cr_expect_eq(data_in_child(open_all_pairs, &first), 0, "opening %zu", i);
        ldr_file_close(file);
    }
    fixture_remove(path);
}

Test(data_file, executing_counts_as_reading)
{
    char *path = data_file(SIZE);
    ldr_file *file = NULL;
    cr_assert_eq(open_as(path, READ, LDR_SHARE_WRITE, &file), LDR_OK);
    cr_expect_eq(try_open(path, EXECUTE, ALL), LDR_SHARING_VIOLATION);
    ldr_file_close(file);
    cr_assert_eq(open_as(path, EXECUTE, ALL, &file), LDR_OK);
    cr_expect_eq(try_open(path, READ, LDR_SHARE_WRITE), LDR_SHARING_VIOLATION);
    ldr_file_close(file);
    fixture_remove(path);
}

/* Other programs use flock for purposes of their own: it keeps nobody out. */
Test(data_file, lock_that_somebody_keeps_does_not_keep_files_from_being_opened)
{
    char *path = data_file(SIZE);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(flock(fd, LOCK_EX), 0);
    ldr_file *file = NULL;
    cr_expect_eq(open_as(path, READ, LDR_SHARE_READ, &file), LDR_OK);
    cr_expect_eq(try_open(path, WRITE, ALL), LDR_SHARING_VIOLATION);
    ldr_file_close(file);
    close(fd);
    fixture_remove(path);
}

/* Of those who want a file for themselves at the same time, one always gets it. */
#define RIVALS 4
#define ROUNDS 200

typedef struct rivals {
    const char *path;
    pthread_barrier_t start, end;
    int opened[ROUNDS];
} rivals;

static void *compete(void *argument)
{
    rivals *all = argument;
    for (int round = 0; round < ROUNDS; round++) {
        ldr_file *file = NULL;
        pthread_barrier_wait(&all->start);
        if (open_as(all->path, READ | WRITE, 0, &file) == LDR_OK)
            __atomic_fetch_add(&all->opened[round], 1, __ATOMIC_SEQ_CST);
        pthread_barrier_wait(&all->end);
        ldr_file_close(file);
    }
    return NULL;
}

Test(data_file, one_of_those_who_open_a_file_at_once_gets_it, .timeout = 60)
{
    static rivals all;
    pthread_t threads[RIVALS];
    char *path = data_file(SIZE);
    all.path = path;
    pthread_barrier_init(&all.start, NULL, RIVALS);
    pthread_barrier_init(&all.end, NULL, RIVALS);
    for (int i = 0; i < RIVALS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, compete, &all), 0);
    for (int i = 0; i < RIVALS; i++)
        pthread_join(threads[i], NULL);
    for (int round = 0; round < ROUNDS; round++)
        cr_expect_leq(all.opened[round], 1, "round %d", round);
    int with_winner = 0;
    for (int round = 0; round < ROUNDS; round++)
        with_winner += all.opened[round];
    /* A machine that is busy may let the wait for the exclusion run out. */
    cr_expect_geq(with_winner, ROUNDS * 9 / 10);
    fixture_remove(path);
}

static int open_and_wait_to_be_killed(void *argument)
{
    ldr_file *file = NULL;
    if (open_as(argument, READ, 0, &file) == LDR_OK)
        raise(SIGKILL);
    return 1;
}

Test(data_file, process_that_is_killed_refuses_nothing_any_more)
{
    char *path = data_file(SIZE);
    cr_expect_eq(data_in_child(open_and_wait_to_be_killed, path), 128 + SIGKILL);
    cr_expect_eq(try_open(path, READ | WRITE, 0), LDR_OK);
    fixture_remove(path);
}

/* ---- Opening ---- */

static uint32_t open_refused(const char *path, const ldr_file_options *options)
{
    ldr_diag diag = {0};
    ldr_file *const untouched = (ldr_file *)&diag;
    ldr_file *file = untouched;
    bool existed = true;
    fixture_state before = fixture_state_take();
    ldr_status status = ldr_file_open(path, options, &file, &existed, &diag);
    cr_assert_neq(status, LDR_OK);
    cr_assert_eq(diag.status, status);
    cr_assert_str_eq(diag.subject, path);
    cr_assert_eq(file, untouched);
    cr_assert(existed);
    fixture_expect_same(&before);
    return diag.why.nt_status;
}

Test(data_file, what_cannot_be_opened_has_its_status)
{
    char *path = data_file(SIZE);
    ldr_file_options options = {.size = sizeof options};
    cr_expect_eq(open_refused("/tmp/peload-no-such-file", &options),
                 (uint32_t)PE_NT_OBJECT_NAME_NOT_FOUND);
    cr_expect_eq(open_refused("/tmp", &options), (uint32_t)PE_NT_INVALID_FILE_FOR_SECTION);
    cr_expect_eq(open_refused("/dev/null", &options), (uint32_t)PE_NT_INVALID_FILE_FOR_SECTION);
    options.disposition = LDR_CREATE_NEW;
    cr_expect_eq(open_refused(path, &options), (uint32_t)PE_NT_OBJECT_NAME_COLLISION);
    options = (ldr_file_options){.size = sizeof options, .access = 0x100};
    cr_expect_eq(open_refused(path, &options), (uint32_t)PE_NT_INVALID_PARAMETER);
    options = (ldr_file_options){.size = sizeof options, .share = 8};
    cr_expect_eq(open_refused(path, &options), (uint32_t)PE_NT_INVALID_PARAMETER);
    options = (ldr_file_options){.size = sizeof options, .disposition = (ldr_disposition)3};
    cr_expect_eq(open_refused(path, &options), (uint32_t)PE_NT_INVALID_PARAMETER);
    fixture_remove(path);
}

Test(data_file, disposition_says_whether_a_file_is_made)
{
    char *path = data_file(SIZE);
    unlink(path);
    ldr_file_options options = {
        .size = sizeof options, .access = WRITE, .disposition = LDR_OPEN_OR_CREATE};
    ldr_file *file;
    for (int i = 0; i < 2; i++) {
        bool existed;
        cr_assert_eq(ldr_file_open(path, &options, &file, &existed, NULL), LDR_OK);
        cr_expect_eq(existed, i == 1);
        ldr_file_close(file);
    }
    unlink(path);
    options.disposition = LDR_CREATE_NEW;
    cr_assert_eq(ldr_file_open(path, &options, &file, NULL, NULL), LDR_OK);
    ldr_file_close(file);
    fixture_remove(path);
}

Test(data_file, default_is_to_read_and_to_share_nothing)
{
    char *path = data_file(SIZE);
    ldr_file *file;
    cr_assert_eq(ldr_file_open(path, NULL, &file, NULL, NULL), LDR_OK);
    cr_expect_eq(try_open(path, READ, ALL), LDR_SHARING_VIOLATION);
    cr_expect_eq(ldr_file_set_size(file, 1, NULL), LDR_ACCESS_DENIED);
    uint64_t size;
    cr_expect_eq(ldr_file_size(file, &size), LDR_OK);
    cr_expect_eq(size, SIZE);
    ldr_file_close(file);
    ldr_file_close(NULL);
    fixture_remove(path);
}

/* ---- Sections and what may be done to their file ---- */

static void expect_set_size(ldr_file *file, uint64_t size, uint32_t nt_status)
{
    ldr_diag diag = {0};
    uint64_t before, after;
    cr_assert_eq(ldr_file_size(file, &before), LDR_OK);
    ldr_status status = ldr_file_set_size(file, size, &diag);
    cr_assert_eq(ldr_file_size(file, &after), LDR_OK);
    cr_expect_eq(status == LDR_OK, nt_status == PE_NT_SUCCESS);
    cr_expect_eq(diag.why.nt_status, nt_status);
    cr_expect_eq(after, status == LDR_OK ? size : before);
}

Test(data_file, file_is_not_cut_off_below_a_section_or_a_view)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, READ | WRITE);
    ldr_section *section = data_section(file, 0x3210, RO, 0);
    expect_set_size(file, 0x320F, PE_NT_USER_MAPPED_FILE);
    expect_set_size(file, 0, PE_NT_USER_MAPPED_FILE);
    expect_set_size(file, 0x3210, PE_NT_SUCCESS);
    expect_set_size(file, 0x10000, PE_NT_SUCCESS);
    ldr_view *view = data_view(section, 0, 0, 0);
    ldr_section_close(section);
    expect_set_size(file, 0x1000, PE_NT_USER_MAPPED_FILE);
    ldr_view_unmap(view);
    expect_set_size(file, 0x1000, PE_NT_SUCCESS);
    ldr_file_close(file);
    fixture_remove(path);
}

Test(data_file, size_that_no_file_has_is_refused)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, READ | WRITE);
    expect_set_size(file, UINT64_MAX, PE_NT_SECTION_TOO_BIG);
    expect_set_size(file, UINT64_C(1) << 60, PE_NT_SECTION_TOO_BIG);
    ldr_file_close(file);
    fixture_remove(path);
}

static int cut_to_nothing(void *argument)
{
    ldr_file *file = NULL;
    ldr_diag diag = {0};
    if (open_as(argument, WRITE, ALL, &file) != LDR_OK)
        return 1;
    return ldr_file_set_size(file, 0, &diag) == LDR_BUSY &&
                   diag.why.nt_status == PE_NT_USER_MAPPED_FILE
               ? 0
               : 2;
}

Test(data_file, other_process_does_not_cut_off_a_file_below_a_section)
{
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RO);
    cr_expect_eq(data_in_child(cut_to_nothing, path), 0);
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_file, sharing_ends_with_the_file_not_with_its_sections)
{
    char *path = data_file(SIZE);
    ldr_file *file = NULL;
    cr_assert_eq(open_as(path, READ | WRITE, 0, &file), LDR_OK);
    ldr_section *section = data_section(file, 0, RW, 0);
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_expect_eq(try_open(path, READ, ALL), LDR_SHARING_VIOLATION);
    ldr_file_close(file);
    cr_expect_eq(try_open(path, READ | WRITE, 0), LDR_OK);
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_file, file_of_a_data_section_can_be_deleted_and_moved)
{
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RO);
    ldr_view *view = data_view(section, 0, 0, 0);
    char moved[64];
    snprintf(moved, sizeof moved, "%s.moved", path);
    cr_expect_eq(rename(path, moved), 0);
    ldr_file *file = data_open(moved, LDR_FILE_DELETE);
    cr_expect_eq(ldr_file_delete(file, NULL), LDR_OK);
    cr_expect_neq(access(moved, F_OK), 0);
    cr_expect_eq(ldr_file_delete(file, NULL), LDR_FILE_NOT_FOUND);
    ldr_file_close(file);
    cr_expect_eq(((uint8_t *)ldr_view_base(view))[SIZE - 1], data_byte(SIZE - 1));
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_file, file_that_took_the_name_is_not_deleted)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, LDR_FILE_DELETE);
    unlink(path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    cr_expect_eq(ldr_file_delete(file, NULL), LDR_FILE_NOT_FOUND);
    cr_expect_eq(access(path, F_OK), 0);
    ldr_file_close(file);
    file = data_open(path, READ);
    cr_expect_eq(ldr_file_delete(file, NULL), LDR_ACCESS_DENIED);
    ldr_file_close(file);
    fixture_remove(path);
}

/* ---- Images ---- */

/* An image section of the file at `path`, by one of the two calls. */
static ldr_section *image_section(const char *path, bool by_attribute, ldr_source source)
{
    ldr_section_options options = {.size = sizeof options, .source = source};
    ldr_section *section = NULL;
    if (!by_attribute) {
        cr_assert_eq(ldr_section_from_file(path, &options, &section, NULL), LDR_OK);
        return section;
    }
    ldr_file *file = data_open(path, READ);
    ldr_create_options create = {.size = sizeof create,
                                 .file = file,
                                 .protect = RO,
                                 .attributes = LDR_SEC_IMAGE,
                                 .image = &options};
    cr_assert_eq(ldr_section_create(&create, &section, NULL, NULL), LDR_OK);
    ldr_file_close(file);
    return section;
}

Test(data_file, file_of_an_image_section_is_not_written_cut_off_or_deleted)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    for (int by_attribute = 0; by_attribute < 2; by_attribute++) {
        /* Who has the file open for writing already may go on, A0.10, but not cut it off. */
        ldr_file *writer = data_open(path, READ | WRITE | LDR_FILE_DELETE);
        ldr_diag diag = {0};
        ldr_section *section = image_section(path, by_attribute, LDR_SOURCE_FILE_BACKED);
        ldr_view *view = data_view(section, 0, 0, 0);
        ldr_section_close(section);
        cr_expect_eq(try_open(path, WRITE, ALL), LDR_SHARING_VIOLATION);
        cr_expect_eq(try_open(path, READ | EXECUTE, ALL), LDR_OK);
        expect_set_size(writer, 0x100, PE_NT_USER_MAPPED_FILE);
        cr_expect_eq(ldr_file_delete(writer, &diag), LDR_BUSY);
        cr_expect_eq(diag.why.nt_status, (uint32_t)PE_NT_CANNOT_DELETE);
        ldr_view_unmap(view);
        cr_expect_eq(try_open(path, WRITE, ALL), LDR_OK);
        ldr_file_close(writer);
    }
    fixture_remove(path);
    img_free(&image);
}

Test(data_file, file_of_a_snapshot_is_free)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    ldr_section *section = image_section(path, true, LDR_SOURCE_SNAPSHOT);
    cr_expect_eq(try_open(path, WRITE, ALL), LDR_OK);
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

/* ---- A file that another program cuts off ---- */

Test(data_file, functions_do_not_fail_by_a_signal_when_the_file_is_gone)
{
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RW);
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_assert_eq(truncate(path, 0), 0);
    ldr_region region;
    cr_expect_eq(ldr_view_query(view, 0, &region), LDR_OK);
    cr_expect_eq(ldr_view_protect(view, 0, PAGE, LDR_PAGE_WRITECOPY, NULL, NULL), LDR_OK);
    cr_expect_eq(ldr_view_flush(view, 0, 0, true, NULL), LDR_OK);
    cr_expect_not(data_can_read(ldr_view_base(view)));
    ldr_view *second = data_view(section, 0, 0, 0);
    ldr_view_unmap(second);
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}
