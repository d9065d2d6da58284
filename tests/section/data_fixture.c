#include "section/data_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

uint8_t data_byte(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 4096 + 1);
}

char *data_file(size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = data_byte(i);
    char *path = fixture_file(bytes, size);
    free(bytes);
    return path;
}

static void expect_ok(ldr_status status, const ldr_diag *diag)
{
    char text[512];
    cr_assert(status == LDR_OK, "%s", ldr_diag_text(diag, text, sizeof text));
}

ldr_file *data_open(const char *path, uint32_t access)
{
    ldr_file_options options = {.size = sizeof options,
                                .access = access,
                                .share = LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE};
    ldr_diag diag = {0};
    ldr_file *file = NULL;
    expect_ok(ldr_file_open(path, &options, &file, NULL, &diag), &diag);
    return file;
}

uint64_t data_size(const char *path)
{
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    return (uint64_t)info.st_size;
}

static ldr_section *create(const ldr_create_options *options)
{
    ldr_diag diag = {0};
    ldr_section *section = NULL;
    expect_ok(ldr_section_create(options, &section, NULL, &diag), &diag);
    return section;
}

ldr_section *data_section(ldr_file *file, uint64_t size, uint32_t protect, uint32_t attributes)
{
    return create(&(ldr_create_options){.size = sizeof(ldr_create_options),
                                        .file = file,
                                        .maximum_size = size,
                                        .protect = protect,
                                        .attributes = attributes});
}

ldr_section *data_section_at(const char *path, uint32_t protect)
{
    ldr_file *file = data_open(path, LDR_FILE_READ | LDR_FILE_WRITE | LDR_FILE_EXECUTE);
    ldr_section *section = data_section(file, 0, protect, 0);
    ldr_file_close(file);
    return section;
}

ldr_section *data_named(const char *name, uint64_t size, uint32_t attributes)
{
    return create(&(ldr_create_options){.size = sizeof(ldr_create_options),
                                        .maximum_size = size,
                                        .protect = LDR_PAGE_READWRITE,
                                        .attributes = attributes,
                                        .name = name});
}

const char *data_name(char *name, size_t size, const char *what)
{
    snprintf(name, size, "peload-test-%d-%s", getpid(), what);
    return name;
}

ldr_view *data_view(ldr_section *section, uint64_t offset, uint64_t length, uint32_t protect)
{
    ldr_view_options options = {
        .size = sizeof options, .offset = offset, .length = length, .protect = protect};
    ldr_diag diag = {0};
    ldr_view *view = NULL;
    expect_ok(ldr_view_map(section, &options, &view, &diag), &diag);
    return view;
}

/* ---- What must not come about ---- */

uint32_t data_refused(const ldr_create_options *options)
{
    ldr_diag diag = {0};
    ldr_section *const untouched = (ldr_section *)&diag;
    ldr_section *section = untouched;
    bool existed = true;
    fixture_state before = fixture_state_take();
    ldr_status status = ldr_section_create(options, &section, &existed, &diag);
    cr_assert_neq(status, LDR_OK);
    cr_assert_eq(diag.status, status);
    cr_assert_eq(section, untouched);
    cr_assert(existed);
    fixture_expect_same(&before);
    return diag.why.nt_status;
}

uint32_t data_view_refused(ldr_section *section, const ldr_view_options *options)
{
    ldr_diag diag = {0};
    ldr_view *const untouched = (ldr_view *)&diag;
    ldr_view *view = untouched;
    fixture_state before = fixture_state_take();
    ldr_status status = ldr_view_map(section, options, &view, &diag);
    cr_assert_neq(status, LDR_OK);
    cr_assert_eq(diag.status, status);
    cr_assert_eq(view, untouched);
    fixture_expect_same(&before);
    return diag.why.nt_status;
}

/* ---- Pages ---- */

ldr_region data_region(const ldr_view *view, uint64_t offset)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, offset, &region), LDR_OK);
    return region;
}

/* The kernel's own copy ends with an error where ours would be a signal. */
bool data_can_read(const void *address)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)address, 1};
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1;
}

/* process_vm_writev does what a debugger may, but not in read-only pages of its own kind. */
bool data_can_write(void *address)
{
    char access[5];
    fixture_access(address, access);
    return data_can_read(address) && access[1] == 'w';
}

/* ---- Processes ---- */

int data_in_child(int (*child)(void *argument), void *argument)
{
    fflush(NULL);
    pid_t process = fork();
    cr_assert_geq(process, 0);
    if (process == 0)
        _exit(child(argument));
    int status;
    cr_assert_eq(waitpid(process, &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
