/* Every call to the operating system fails once: a status each time, and nothing is left behind. */
#include "section/data_fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RW   LDR_PAGE_READWRITE
#define SIZE 0x5123

/* Something that a caller does from the beginning to the end, and that changes nothing for good. */
typedef ldr_status scenario(const char *path, const char *name, ldr_diag *diag);

static ldr_status use_view(ldr_section *section, uint64_t commit_size, ldr_diag *diag)
{
    ldr_view_options options = {.size = sizeof options, .commit_size = commit_size};
    ldr_view *view;
    ldr_region region;
    ldr_status status = ldr_view_map(section, &options, &view, diag);
    if (status != LDR_OK)
        return status;
    status = ldr_view_protect(view, 0, PAGE, LDR_PAGE_WRITECOPY, NULL, diag);
    if (status == LDR_OK)
        status = diag->status = ldr_view_query(view, 0, &region);
    if (status == LDR_OK && commit_size != 0)
        status = ldr_view_commit(view, PAGE, PAGE, 0, diag);
    ldr_view_unmap(view);
    return status;
}

/* An open file grows, has a view that is flushed, and is as before. */
static ldr_status work_with_file(const char *path, const char *name, ldr_diag *diag)
{
    ldr_file_options how = {.size = sizeof how, .access = LDR_FILE_READ | LDR_FILE_WRITE};
    ldr_create_options options = {.size = sizeof options, .protect = RW, .name = name};
    ldr_section *section;
    ldr_view *view;
    ldr_status status = ldr_file_open(path, &how, &options.file, NULL, diag);
    if (status != LDR_OK)
        return status;
    status = ldr_section_create(&options, &section, NULL, diag);
    ldr_file_close(options.file);
    if (status != LDR_OK)
        return status;
    status = ldr_view_map(section, NULL, &view, diag);
    if (status == LDR_OK) {
        status = ldr_view_flush(view, 0, 0, true, diag);
        ldr_view_unmap(view);
    }
    if (status == LDR_OK)
        status = use_view(section, 0, diag);
    ldr_section_close(section);
    return status;
}

static ldr_status work_with_memory(const char *path, const char *name, ldr_diag *diag)
{
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = UNIT,
                                  .protect = RW,
                                  .attributes = LDR_SEC_RESERVE,
                                  .name = name};
    ldr_section *section, *again;
    (void)path;
    ldr_status status = ldr_section_create(&options, &section, NULL, diag);
    if (status != LDR_OK)
        return status;
    status = name != NULL ? ldr_section_open(name, 0, &again, diag) : LDR_OK;
    if (status == LDR_OK && name != NULL)
        ldr_section_close(again);
    if (status == LDR_OK)
        status = use_view(section, PAGE, diag);
    ldr_section_close(section);
    return status;
}

static ldr_status work_with_image(const char *path, const char *name, ldr_diag *diag)
{
    ldr_file_options how = {.size = sizeof how, .share = LDR_SHARE_READ};
    ldr_create_options options = {
        .size = sizeof options, .protect = RW / 2, .attributes = LDR_SEC_IMAGE, .name = name};
    ldr_section *section, *again;
    ldr_view *view;
    ldr_status status = ldr_file_open(path, &how, &options.file, NULL, diag);
    if (status != LDR_OK)
        return status;
    status = ldr_section_create(&options, &section, NULL, diag);
    ldr_file_close(options.file);
    if (status != LDR_OK)
        return status;
    status = ldr_section_open(name, 0, &again, diag);
    if (status == LDR_OK)
        ldr_section_close(again);
    ldr_view_options there = {.size = sizeof there, .base = FIXTURE_BASE};
    if (status == LDR_OK)
        status = ldr_view_map(section, &there, &view, diag);
    if (status == LDR_OK) {
        status = ldr_view_protect(view, 0, PAGE, LDR_PAGE_NOACCESS, NULL, diag);
        ldr_view_unmap(view);
    }
    ldr_section_close(section);
    return status;
}

/* ---- Each call ---- */

static bool name_is_free(const char *name)
{
    ldr_section *section;
    if (name == NULL)
        return true;
    ldr_status status = ldr_section_open(name, 0, &section, NULL);
    if (status == LDR_OK)
        ldr_section_close(section);
    return status == LDR_NAME_NOT_FOUND;
}

/* What keeps an image from sharing its copy with others: had alone, it is as good. */
static bool can_do_without(scenario *work, const char *failed)
{
    return work == work_with_image &&
           (strcmp(failed, "registry_find") == 0 || strcmp(failed, "registry_claim") == 0 ||
            strcmp(failed, "registry_publish") == 0 || strcmp(failed, "file_stamp") == 0);
}

static void expect_clean_failure(scenario *work, const char *path, const char *name, unsigned call,
                                 bool and_all_later)
{
    ldr_diag diag = {0};
    fixture_state before = fixture_state_take();
    faulty_os_fail_at(call, and_all_later);
    ldr_status status = work(path, name, &diag);
    faulty_os_stop();
    cr_assert_not_null(faulty_os_failed());
    cr_assert(status != LDR_OK || can_do_without(work, faulty_os_failed()), "call %u: %s", call,
              faulty_os_failed());
    cr_assert(status == LDR_OK || diag.status == status, "call %u: %s", call, faulty_os_failed());
    fixture_expect_same(&before);
    cr_assert(name_is_free(name), "call %u: %s", call, faulty_os_failed());
}

static void expect_clean_failures(scenario *work, const char *path, const char *name)
{
    uint64_t size = data_size(path);
    ldr_diag diag = {0};
    char text[512];
    faulty_os_fail_at(UINT32_MAX, false);
    ldr_status status = work(path, name, &diag);
    unsigned calls = faulty_os_stop();
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof text));
    cr_assert_gt(calls, 5u);
    for (unsigned call = 0; call < 2 * calls; call++)
        expect_clean_failure(work, path, name, call / 2, call % 2 == 1);
    cr_assert_eq(data_size(path), size);
    cr_assert_eq(work(path, name, &diag), LDR_OK);
}

static void expect_failed(const char *const *names)
{
    for (; *names != NULL; names++)
        cr_assert(faulty_os_has_failed(*names), "%s never failed", *names);
}

Test(data_faults, each_call_for_a_file_fails, .timeout = 60)
{
    char name[64];
    char *path = data_file(SIZE);
    expect_clean_failures(work_with_file, path, NULL);
    expect_clean_failures(work_with_file, path, data_name(name, sizeof name, "fault-file"));
    expect_failed((const char *const[]){
        "alloc", "resize", "file_open_for", "path_absolute", "file_reopen", "file_stamp",
        "lock_create", "reserve", "map_shared", "map_private", "file_flush", "registry_create",
        "registry_find", "registry_publish", "registry_lock", NULL});
    fixture_remove(path);
}

Test(data_faults, each_call_for_memory_fails, .timeout = 60)
{
    char name[64];
    char *path = data_file(SIZE);
    expect_clean_failures(work_with_memory, path, NULL);
    expect_clean_failures(work_with_memory, path, data_name(name, sizeof name, "fault-memory"));
    expect_failed(
        (const char *const[]){"segment_create", "segment_fix_size", "protect", "file_read", NULL});
    fixture_remove(path);
}

Test(data_faults, each_call_for_an_image_fails, .timeout = 60)
{
    char name[64];
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    expect_clean_failures(work_with_image, path, data_name(name, sizeof name, "fault-image"));
    fixture_remove(path);
    img_free(&image);
}

/* ---- Files that are made or made longer are not left so ---- */

static bool grow_once(const char *path, const char *name, unsigned call)
{
    ldr_create_options options = {.size = sizeof options,
                                  .file = data_open(path, LDR_FILE_READ | LDR_FILE_WRITE),
                                  .maximum_size = 0x12345,
                                  .protect = RW,
                                  .name = name};
    ldr_section *section = NULL;
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_section_create(&options, &section, NULL, NULL);
    bool failed = faulty_os_stop() > call;
    cr_assert_eq(status != LDR_OK, failed);
    cr_assert_eq(data_size(path), failed ? SIZE : 0x12345u, "call %u: %s", call,
                 faulty_os_failed());
    ldr_section_close(section);
    ldr_file_close(options.file);
    return failed;
}

Test(data_faults, file_that_has_grown_for_nothing_shrinks_again_H7)
{
    char name[64];
    char *path = data_file(SIZE);
    unsigned calls = 0;
    while (grow_once(path, data_name(name, sizeof name, "fault-grow"), calls))
        calls++;
    cr_assert_gt(calls, 5u);
    fixture_remove(path);
}

Test(data_faults, file_that_was_made_for_nothing_is_removed)
{
    char *path = data_file(SIZE);
    ldr_file_options options = {
        .size = sizeof options, .access = LDR_FILE_WRITE, .disposition = LDR_CREATE_NEW};
    ldr_status status = LDR_NO_MEMORY;
    for (unsigned call = 0; status != LDR_OK; call++) {
        ldr_file *file = NULL;
        unlink(path);
        faulty_os_fail_at(call, false);
        status = ldr_file_open(path, &options, &file, NULL, NULL);
        faulty_os_stop();
        cr_assert_eq(access(path, F_OK) == 0, status == LDR_OK, "call %u: %s", call,
                     faulty_os_failed());
        ldr_file_close(file);
    }
    fixture_remove(path);
}

Test(data_faults, size_that_cannot_be_set_is_a_status)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, LDR_FILE_READ | LDR_FILE_WRITE | LDR_FILE_DELETE);
    ldr_diag diag = {0};
    faulty_os_fail_at(0, true);
    cr_expect_eq(ldr_file_set_size(file, 1, &diag), LDR_DISK_FULL);
    cr_expect_eq(diag.why.nt_status, (uint32_t)PE_NT_DISK_FULL);
    cr_expect_eq(ldr_file_delete(file, &diag), LDR_IO_ERROR);
    uint64_t size = 7;
    cr_expect_eq(ldr_file_size(file, &size), LDR_IO_ERROR);
    faulty_os_stop();
    cr_expect_eq(size, 7u);
    cr_expect_eq(data_size(path), SIZE);
    ldr_file_close(file);
    fixture_remove(path);
}
