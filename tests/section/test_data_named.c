/* Sections that processes find by name: rules H15 to H18. */
#include "section/data.h"
#include "section/data_fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW LDR_PAGE_READWRITE
#define RO LDR_PAGE_READONLY

/* ---- Another process, which is not a child of who made the section ---- */

/* Does its work in two steps, the second when it is told to. */
typedef struct partner {
    pid_t process;
    int to, from;
} partner;

/* In the other process: says that the first step is done, waits for the second. */
typedef struct pipes {
    int in, out;
    const char *name;
} pipes;

static void pass(const pipes *turn)
{
    char byte = 0;
    if (write(turn->out, "d", 1) != 1 || read(turn->in, &byte, 1) != 1)
        _exit(97);
}

static partner start(int (*work)(const pipes *turn), const char *name)
{
    int down[2], up[2];
    char byte;
    cr_assert_eq(pipe(down) + pipe(up), 0);
    pid_t process = fork();
    cr_assert_geq(process, 0);
    if (process == 0) {
        pipes turn = {down[0], up[1], name};
        close(down[1]);
        close(up[0]);
        _exit(work(&turn));
    }
    close(down[0]);
    close(up[1]);
    cr_assert_eq(read(up[0], &byte, 1), 1, "the other process has failed");
    return (partner){process, down[1], up[0]};
}

static int finish(const partner *other)
{
    int status;
    cr_assert_eq(write(other->to, "g", 1), 1);
    cr_assert_eq(waitpid(other->process, &status, 0), other->process);
    close(other->to);
    close(other->from);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void end_by_force(const partner *other)
{
    int status;
    cr_assert_eq(kill(other->process, SIGKILL), 0);
    cr_assert_eq(waitpid(other->process, &status, 0), other->process);
    close(other->to);
    close(other->from);
}

/* ---- What the other process does ---- */

static ldr_status create(const char *name, uint64_t size, uint32_t attributes,
                         ldr_section **ret_section, bool *ret_existed)
{
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = size,
                                  .protect = RW,
                                  .attributes = attributes,
                                  .name = name};
    return ldr_section_create(&options, ret_section, ret_existed, NULL);
}

static int make_and_write(const pipes *turn)
{
    ldr_section *section;
    ldr_view *view;
    if (create(turn->name, UNIT, 0, &section, NULL) != LDR_OK ||
        ldr_view_map(section, NULL, &view, NULL) != LDR_OK)
        return 1;
    uint8_t *bytes = ldr_view_base(view);
    bytes[5] = 0x31;
    pass(turn);
    return bytes[6] == 0x32 ? 0 : 2;
}

/* Keeps a view; the handle goes first. */
static int make_and_keep_a_view(const pipes *turn)
{
    ldr_section *section;
    ldr_view *view;
    if (create(turn->name, UNIT, 0, &section, NULL) != LDR_OK ||
        ldr_view_map(section, NULL, &view, NULL) != LDR_OK)
        return 1;
    ldr_section_close(section);
    pass(turn);
    return 0;
}

static int make_reserved(const pipes *turn)
{
    ldr_section *section;
    ldr_view *view;
    if (create(turn->name, 16 * UNIT, LDR_SEC_RESERVE, &section, NULL) != LDR_OK ||
        ldr_view_map(section, NULL, &view, NULL) != LDR_OK ||
        ldr_view_commit(view, 2 * PAGE, PAGE, 0, NULL) != LDR_OK)
        return 1;
    ((uint8_t *)ldr_view_base(view))[2 * PAGE] = 0x41;
    pass(turn);
    ldr_region region;
    if (ldr_view_query(view, 9 * PAGE, &region) != LDR_OK || !region.committed)
        return 2;
    return ((uint8_t *)ldr_view_base(view))[9 * PAGE] == 0x42 ? 0 : 3;
}

static ldr_status open_named(const char *name, uint32_t access, ldr_section **ret_section)
{
    ldr_diag diag = {0};
    ldr_status status = ldr_section_open(name, access, ret_section, &diag);
    cr_assert_eq(diag.status, status);
    if (status == LDR_NAME_NOT_FOUND)
        cr_assert_eq(diag.why.nt_status, (uint32_t)PE_NT_OBJECT_NAME_NOT_FOUND);
    return status;
}

static bool exists(const char *name)
{
    ldr_section *section = NULL;
    ldr_status status = open_named(name, 0, &section);
    ldr_section_close(section);
    cr_assert(status == LDR_OK || status == LDR_NAME_NOT_FOUND);
    return status == LDR_OK;
}

/* ---- Finding ---- */

Test(data_named, other_process_opens_the_section_and_both_see_each_others_writes)
{
    char name[64];
    fixture_state before = fixture_state_take();
    partner other = start(make_and_write, data_name(name, sizeof name, "open"));
    ldr_section *section;
    cr_assert_eq(open_named(name, 0, &section), LDR_OK);
    cr_expect_eq(ldr_section_size(section), UNIT);
    ldr_view *view = data_view(section, 0, 0, 0);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(bytes[5], 0x31);
    bytes[6] = 0x32;
    cr_expect_eq(finish(&other), 0);
    cr_expect_eq(bytes[5], 0x31, "the memory outlives who made it");
    cr_expect(exists(name), "and so does the name");
    ldr_view_unmap(view);
    ldr_section_close(section);
    cr_expect_not(exists(name));
    fixture_expect_same(&before);
}

Test(data_named, section_that_exists_stays_as_it_is_H15)
{
    char name[64];
    partner other = start(make_and_write, data_name(name, sizeof name, "exists"));
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = 10 * UNIT,
                                  .protect = RO,
                                  .attributes = LDR_SEC_RESERVE,
                                  .name = name};
    ldr_section *section;
    bool existed = false;
    cr_assert_eq(ldr_section_create(&options, &section, &existed, NULL), LDR_OK);
    cr_expect(existed);
    cr_expect_eq(ldr_section_size(section), UNIT);
    ldr_view *view = data_view(section, 0, 0, RW);
    ((uint8_t *)ldr_view_base(view))[6] = 0x32;
    cr_expect_eq(finish(&other), 0);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_named, file_does_not_grow_for_a_section_that_exists_H15)
{
    char name[64];
    char *path = data_file(UNIT);
    ldr_section *first = data_named(data_name(name, sizeof name, "grow"), PAGE, 0), *second;
    ldr_create_options options = {.size = sizeof options,
                                  .file = data_open(path, LDR_FILE_READ | LDR_FILE_WRITE),
                                  .maximum_size = 10 * UNIT,
                                  .protect = RW,
                                  .name = name};
    bool existed = false;
    cr_assert_eq(ldr_section_create(&options, &second, &existed, NULL), LDR_OK);
    cr_expect(existed);
    cr_expect_eq(data_size(path), UNIT);
    ldr_section_close(second);
    ldr_section_close(first);
    ldr_file_close(options.file);
    fixture_remove(path);
}

Test(data_named, bad_arguments_are_refused_though_the_name_exists)
{
    char name[64];
    ldr_section *first = data_named(data_name(name, sizeof name, "bad"), PAGE, 0);
    ldr_create_options options = {.size = sizeof options, .protect = RW, .name = name};
    cr_expect_eq(data_refused(&options), (uint32_t)PE_NT_INVALID_PARAMETER_4);
    ldr_section_close(first);
}

/* A file's section by its name: another process has the file, whatever has become of its path. */
static const char *file_path;

static int make_of_file(const pipes *turn)
{
    ldr_section *section;
    ldr_create_options options = {.size = sizeof options,
                                  .file = data_open(file_path, LDR_FILE_READ | LDR_FILE_WRITE),
                                  .protect = RW,
                                  .name = turn->name};
    if (ldr_section_create(&options, &section, NULL, NULL) != LDR_OK)
        return 1;
    ldr_file_close(options.file);
    pass(turn);
    return 0;
}

Test(data_named, section_of_a_file_is_found_with_its_file)
{
    char name[64];
    char *path = data_file(UNIT + 5);
    file_path = path;
    partner other = start(make_of_file, data_name(name, sizeof name, "file"));
    ldr_section *section;
    cr_assert_eq(open_named(name, 0, &section), LDR_OK);
    cr_expect_eq(ldr_section_size(section), UNIT + 5);
    cr_expect_eq(finish(&other), 0);
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_expect_eq(((uint8_t *)ldr_view_base(view))[UNIT + 4], data_byte(UNIT + 4));
    ldr_file *file = data_open(path, LDR_FILE_WRITE);
    cr_expect_eq(ldr_file_set_size(file, UNIT, NULL), LDR_BUSY);
    ldr_file_close(file);
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

static int make_of_image(const pipes *turn)
{
    ldr_section *section;
    ldr_create_options options = {.size = sizeof options,
                                  .file = data_open(file_path, LDR_FILE_READ),
                                  .protect = RO,
                                  .attributes = LDR_SEC_IMAGE_NO_EXECUTE,
                                  .name = turn->name};
    if (ldr_section_create(&options, &section, NULL, NULL) != LDR_OK)
        return 1;
    pass(turn);
    return 0;
}

Test(data_named, image_section_is_found_as_an_image)
{
    char name[64];
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    file_path = path;
    partner other = start(make_of_image, data_name(name, sizeof name, "image"));
    ldr_section *section;
    cr_assert_eq(open_named(name, 0, &section), LDR_OK);
    cr_expect_not_null(ldr_section_image(section));
    cr_expect_eq(finish(&other), 0);
    cr_expect(exists(name));
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_expect_eq(data_region(view, 0x1000).protect, (uint32_t)RO, "no execute rights");
    ldr_view_unmap(view);
    ldr_section_close(section);
    cr_expect_not(exists(name));
    fixture_remove(path);
    img_free(&image);
}

Test(data_named, snapshot_has_no_name)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    ldr_section_options snapshot = {.size = sizeof snapshot, .source = LDR_SOURCE_SNAPSHOT};
    ldr_create_options options = {.size = sizeof options,
                                  .file = data_open(path, LDR_FILE_READ),
                                  .protect = RO,
                                  .attributes = LDR_SEC_IMAGE,
                                  .name = "peload-snapshot",
                                  .image = &snapshot};
    cr_expect_eq(data_refused(&options), (uint32_t)PE_NT_INVALID_PARAMETER);
    ldr_file_close(options.file);
    fixture_remove(path);
    img_free(&image);
}

/* ---- Names ---- */

Test(data_named, empty_name_is_none_H16)
{
    ldr_section *first, *second;
    bool existed = true;
    cr_assert_eq(create("", PAGE, 0, &first, NULL), LDR_OK);
    cr_assert_eq(create("", PAGE, 0, &second, &existed), LDR_OK);
    cr_expect_not(existed);
    ldr_section_close(first);
    ldr_section_close(second);
}

Test(data_named, names_are_case_sensitive_and_prefixes_are_spaces_H16)
{
    char name[64], other[80];
    ldr_section *section = data_named(data_name(name, sizeof name, "case"), PAGE, 0);
    snprintf(other, sizeof other, "Local\\%s", name);
    cr_expect(exists(other), "Local is where names without a prefix are");
    snprintf(other, sizeof other, "Global\\%s", name);
    cr_expect_not(exists(other));
    snprintf(other, sizeof other, "%s", name);
    other[0] = 'P';
    cr_expect_not(exists(other));
    ldr_section_close(section);
    snprintf(other, sizeof other, "Global\\%s", name);
    section = data_named(other, PAGE, 0);
    cr_expect(exists(other));
    cr_expect_not(exists(name));
    ldr_section_close(section);
}

static uint32_t open_refused(const char *name, uint32_t access)
{
    ldr_diag diag = {0};
    ldr_section *const untouched = (ldr_section *)&diag;
    ldr_section *section = untouched;
    fixture_state before = fixture_state_take();
    ldr_status status = ldr_section_open(name, access, &section, &diag);
    cr_assert_neq(status, LDR_OK);
    cr_assert_eq(diag.status, status);
    cr_assert_eq(section, untouched);
    fixture_expect_same(&before);
    return diag.why.nt_status;
}

Test(data_named, names_that_cannot_be_opened_have_their_status_H17)
{
    cr_expect_eq(open_refused(NULL, 0), (uint32_t)PE_NT_INVALID_PARAMETER);
    cr_expect_eq(open_refused("", 0), (uint32_t)PE_NT_INVALID_PARAMETER);
    cr_expect_eq(open_refused("a", UINT32_C(1) << 30), (uint32_t)PE_NT_INVALID_PARAMETER);
    cr_expect_eq(open_refused("peload-no-such-section", 0), (uint32_t)PE_NT_OBJECT_NAME_NOT_FOUND);
    cr_expect_eq(open_refused("a\\b", 0), (uint32_t)PE_NT_OBJECT_PATH_NOT_FOUND);
    cr_expect_eq(open_refused("\\a", 0), (uint32_t)PE_NT_OBJECT_PATH_SYNTAX_BAD);
    cr_expect_eq(open_refused("Global\\", 0), (uint32_t)PE_NT_OBJECT_NAME_INVALID);
}

Test(data_named, section_opened_with_less_allows_less)
{
    char name[64];
    ldr_section *all = data_named(data_name(name, sizeof name, "rights"), PAGE, 0), *less;
    cr_assert_eq(open_named(name, LDR_SECTION_MAP_READ, &less), LDR_OK);
    ldr_view_options options = {.size = sizeof options, .protect = RW};
    cr_expect_eq(data_view_refused(less, &options), (uint32_t)PE_NT_ACCESS_DENIED);
    ldr_view_unmap(data_view(less, 0, 0, RO));
    ldr_view_unmap(data_view(all, 0, 0, RW));
    ldr_section_close(less);
    ldr_section_close(all);
}

/* ---- Lifetime ---- */

Test(data_named, name_goes_with_the_last_handle_not_with_the_views_H18)
{
    char name[64];
    ldr_section *first = data_named(data_name(name, sizeof name, "life"), PAGE, 0), *second;
    ldr_view *view = data_view(first, 0, 0, 0);
    ((uint8_t *)ldr_view_base(view))[0] = 1;
    cr_assert_eq(open_named(name, 0, &second), LDR_OK);
    ldr_section_close(first);
    cr_expect(exists(name));
    ldr_section_close(second);
    cr_expect_not(exists(name));
    first = data_named(name, PAGE, 0);
    ldr_view *fresh = data_view(first, 0, 0, 0);
    cr_expect_eq(((uint8_t *)ldr_view_base(fresh))[0], 0, "it is another section");
    cr_expect_eq(((uint8_t *)ldr_view_base(view))[0], 1);
    ldr_view_unmap(fresh);
    ldr_view_unmap(view);
    ldr_section_close(first);
}

Test(data_named, name_goes_with_the_last_handle_of_another_process_H18)
{
    char name[64];
    partner other = start(make_and_keep_a_view, data_name(name, sizeof name, "view"));
    cr_expect_not(exists(name));
    cr_expect_eq(finish(&other), 0);
}

Test(data_named, name_goes_with_a_process_that_is_killed)
{
    char name[64];
    for (int i = 0; i < 20; i++) {
        partner other = start(make_and_write, data_name(name, sizeof name, "kill"));
        cr_assert(exists(name));
        end_by_force(&other);
        cr_assert_not(exists(name));
    }
}

static int make_and_close(void *name)
{
    for (;;) {
        ldr_section *section = NULL;
        if (create(name, UNIT, 0, &section, NULL) != LDR_OK)
            return 1;
        ldr_section_close(section);
    }
}

/* At any moment of making, publishing and closing: nothing is left, nothing waits for the dead. */
Test(data_named, process_that_is_killed_at_any_moment_leaves_nothing, .timeout = 120)
{
    char name[64];
    data_name(name, sizeof name, "moment");
    for (unsigned i = 0; i < 60; i++) {
        pid_t process = fork();
        if (process == 0)
            _exit(make_and_close(name));
        usleep(500 + i * 37);
        kill(process, SIGKILL);
        int status;
        cr_assert_eq(waitpid(process, &status, 0), process);
        cr_assert(WIFSIGNALED(status));
        cr_assert_not(exists(name), "round %u", i);
    }
}

/* ---- Reserved memory ---- */

Test(data_named, processes_see_each_others_commits_H43)
{
    char name[64];
    partner other = start(make_reserved, data_name(name, sizeof name, "reserve"));
    ldr_section *section;
    cr_assert_eq(open_named(name, 0, &section), LDR_OK);
    ldr_view *view = data_view(section, 0, 0, 0);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(bytes[2 * PAGE], 0x41, "what was committed before is open");
    cr_expect_not(data_region(view, 9 * PAGE).committed);
    cr_expect_eq(ldr_view_commit(view, 9 * PAGE, 1, 0, NULL), LDR_OK);
    bytes[9 * PAGE] = 0x42;
    cr_expect_eq(finish(&other), 0);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_named, second_handle_in_the_process_sees_commits_when_asked)
{
    char name[64];
    ldr_section *first = data_named(data_name(name, sizeof name, "twice"), UNIT, LDR_SEC_RESERVE);
    ldr_section *second;
    cr_assert_eq(open_named(name, 0, &second), LDR_OK);
    ldr_view *a = data_view(first, 0, 0, 0), *b = data_view(second, 0, 0, 0);
    cr_expect_eq(ldr_view_commit(a, PAGE, 1, 0, NULL), LDR_OK);
    ((uint8_t *)ldr_view_base(a))[PAGE] = 9;
    uint8_t *bytes = (uint8_t *)ldr_view_base(b) + PAGE;
    cr_expect_eq(ldr__view_touch(b, bytes, LDR__WRITE), LDR__TOUCH_OPENED);
    cr_expect_eq(*bytes, 9);
    ldr_view_unmap(a);
    ldr_view_unmap(b);
    ldr_section_close(first);
    ldr_section_close(second);
}

/* ---- Descriptors that are not what they should be ---- */

/* Publishes `facts` and a segment of `size` bytes under the key of a name. */
static void expect_not_attached(const char *what, ldr__facts facts, uint64_t size)
{
    char name[64], bytes[96];
    ldr__registry_key key;
    ldr__registry_mark mark;
    ldr_section *fake = ldr__section_new("fake");
    snprintf(bytes, sizeof bytes, "section:Local:%s", data_name(name, sizeof name, "fake"));
    ldr__os_registry_key(bytes, strlen(bytes), &key);
    ldr__handle backing;
    ldr__file_stamp stamp;
    cr_assert_eq(ldr__os_segment_create(size, &backing), LDR_OK);
    cr_assert_eq(ldr__os_file_stamp(backing, &stamp), LDR_OK);
    if (facts.backing.inode == 0)
        facts.backing = stamp.id;
    cr_assert_eq(ldr__descriptor_make(fake, &facts, &key), LDR_OK);
    ldr__handle handles[] = {fake->descriptor_segment, backing};
    cr_assert_eq(ldr__os_registry_publish(&key, handles, 2, &mark), LDR_OK);
    uint32_t nt_status = open_refused(name, 0);
    cr_expect_eq(nt_status, (uint32_t)PE_NT_IN_PAGE_ERROR, "%s: 0x%x", what, nt_status);
    ldr__os_registry_unpublish(mark);
    fake->data.size = facts.size;
    fake->data.attributes = facts.attributes;
    ldr_section_close(fake);
    ldr__os_close(backing);
}

Test(data_named, descriptor_that_is_wrong_is_refused)
{
    const ldr__facts right = {.size = UNIT, .protect = RW, .attributes = LDR_SEC_COMMIT};
    ldr__facts wrong = right;
    wrong.protect = 3;
    expect_not_attached("protection", wrong, UNIT);
    wrong = right;
    expect_not_attached("segment smaller than the section", wrong, UNIT - PAGE);
    wrong.size = 0;
    expect_not_attached("no size", wrong, UNIT);
    wrong.size = 5;
    expect_not_attached("part of a page", wrong, UNIT);
    wrong = right;
    wrong.backing.inode = 1;
    expect_not_attached("another segment", wrong, UNIT);
}
