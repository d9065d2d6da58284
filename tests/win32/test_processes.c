#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "win32/kernel32/kernel32.h"
#include "win32/start.h"

/* What CreateProcess and its other side do without a program to start: samples/guest/start.c has
 * the rest. */

enum { PROCESS_QUERY_INFORMATION = 0x400, SYNCHRONIZE = 0x100000, STILL_ACTIVE = 259 };

typedef struct PROCESS_INFORMATION {
    HANDLE process, thread;
    DWORD process_id, thread_id;
} PROCESS_INFORMATION;

static DWORD last_error(void)
{
    return ldr__thread_self()->teb.last_error;
}

#define CREATE_PROCESS(ctx)                                                           \
    K32(ctx, BOOL, CreateProcessA,                                                    \
        (const char *, char *, const void *, const void *, BOOL, DWORD, const void *, \
         const char *, const STARTUPINFO *, PROCESS_INFORMATION *))

/* ---- Command lines ---- */

static void expect_arguments(const char *line, int count, const char *const *arguments)
{
    int argc = -1;
    char **argv = ldr__command_line_split(line, &argc);
    cr_assert_not_null(argv);
    cr_expect_eq(argc, count, "%s: %d", line, argc);
    for (int i = 0; i < argc && i < count; i++)
        cr_expect_str_eq(argv[i], arguments[i], "%s", line);
    cr_expect_null(argv[argc]);
    free(argv);
}

#define EXPECT_ARGUMENTS(line, ...)                                             \
    do {                                                                        \
        const char *const expected[] = {__VA_ARGS__};                           \
        expect_arguments(line, sizeof expected / sizeof expected[0], expected); \
    } while (0)

Test(processes, command_line_is_split_as_the_c_runtimes_do)
{
    EXPECT_ARGUMENTS("", "");
    EXPECT_ARGUMENTS("a", "a");
    EXPECT_ARGUMENTS("  a", "", "a");
    EXPECT_ARGUMENTS("a b  c ", "a", "b", "c");
    EXPECT_ARGUMENTS("\"a b\" c", "a b", "c");
    EXPECT_ARGUMENTS("\"a\\\" b", "a\\", "b");
    EXPECT_ARGUMENTS("p a\\\\\\b", "p", "a\\\\\\b");
    EXPECT_ARGUMENTS("p \"a\\\\\" b", "p", "a\\", "b");
    EXPECT_ARGUMENTS("p a\\\"b", "p", "a\"b");
    EXPECT_ARGUMENTS("p \"a\"\"b\" c", "p", "a\"b", "c");
    EXPECT_ARGUMENTS("p \"\" \"", "p", "", "");
    EXPECT_ARGUMENTS("p a\tb", "p", "a", "b");
}

Test(processes, command_line_is_joined_so_that_it_is_split_again)
{
    static const char *const words[] = {"a b",   "",     "\"",       "\\",    "a\\",
                                        "a b\\", "\\\"", "\\\\\" c", "tab\t", "plain"};
    enum { COUNT = sizeof words / sizeof words[0] };
    const char *argv[COUNT + 1] = {"program"};
    memcpy(argv + 1, words, sizeof words);
    char *line = ldr__command_line_join(COUNT + 1, argv);
    cr_assert_not_null(line);
    expect_arguments(line, COUNT + 1, argv);
    free(line);
}

/* ---- Without a command ---- */

Test(processes, without_a_command_nothing_is_started)
{
    ldr_context *ctx = guest_begin();
    CREATE_PROCESS(ctx);
    const STARTUPINFO startup = {.size = sizeof startup};
    PROCESS_INFORMATION made = {NULL, NULL, 1, 2};
    char folder[] = "/tmp/peload-XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/text.exe", folder);
    FILE *text = fopen(path, "w");
    fputs("no program", text);
    fclose(text);
    cr_expect_not(CreateProcessA(NULL, NULL, NULL, NULL, false, 0, NULL, NULL, &startup, &made));
    cr_expect_eq(last_error(), (DWORD)ERROR_INVALID_PARAMETER);
    cr_expect_not(
        CreateProcessA("missing", NULL, NULL, NULL, false, 0, NULL, NULL, &startup, &made));
    cr_expect_eq(last_error(), (DWORD)ERROR_FILE_NOT_FOUND);
    cr_expect_not(CreateProcessA(path, NULL, NULL, NULL, false, 0, NULL, NULL, &startup, &made));
    cr_expect_eq(last_error(), (DWORD)ERROR_BAD_EXE_FORMAT);
    cr_expect_not(CreateProcessA(folder, NULL, NULL, NULL, false, 0, NULL, NULL, &startup, &made));
    cr_expect_eq(last_error(), (DWORD)ERROR_ACCESS_DENIED);
    cr_expect_not(CreateProcessA(path, NULL, NULL, NULL, false, 1, NULL, NULL, &startup, &made));
    cr_expect_eq(last_error(), (DWORD)ERROR_NOT_SUPPORTED, "no debugging");
    cr_expect_eq(made.process_id, 1, "untouched");
    unlink(path);
    rmdir(folder);
    guest_end(ctx);
}

/* ---- The process itself ---- */

Test(processes, handle_of_the_process_itself)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, HANDLE, OpenProcess, (DWORD, BOOL, DWORD));
    K32(ctx, DWORD, GetProcessId, (HANDLE));
    K32(ctx, BOOL, GetExitCodeProcess, (HANDLE, DWORD *));
    K32(ctx, DWORD, WaitForSingleObject, (HANDLE, DWORD));
    K32(ctx, BOOL, CloseHandle, (HANDLE));
    DWORD code = 0;
    HANDLE self = OpenProcess(PROCESS_QUERY_INFORMATION | SYNCHRONIZE, false, (DWORD)getpid());
    cr_assert_not_null(self);
    cr_expect_eq(GetProcessId(self), (DWORD)getpid());
    cr_expect(GetExitCodeProcess(self, &code));
    cr_expect_eq(code, STILL_ACTIVE);
    cr_expect_eq(WaitForSingleObject(self, 0), 0x102U);
    K32(ctx, BOOL, TerminateProcess, (HANDLE, DWORD));
    cr_expect_not(TerminateProcess(self, 1), "no right to");
    cr_expect_eq(last_error(), (DWORD)ERROR_ACCESS_DENIED);
    cr_expect(CloseHandle(self));
    cr_expect_null(OpenProcess(PROCESS_QUERY_INFORMATION, false, 0x7FFFFFFF));
    cr_expect_eq(last_error(), (DWORD)ERROR_INVALID_PARAMETER);
    guest_end(ctx);
}

Test(processes, handles_are_inherited_as_they_are_marked)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, HANDLE, CreateEventA, (const SECURITY_ATTRIBUTES *, BOOL, BOOL, const char *));
    K32(ctx, BOOL, GetHandleInformation, (HANDLE, DWORD *));
    K32(ctx, BOOL, SetHandleInformation, (HANDLE, DWORD, DWORD));
    const SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, true};
    DWORD flags = 7;
    HANDLE event = CreateEventA(&inherited, true, false, NULL);
    cr_expect(GetHandleInformation(event, &flags));
    cr_expect_eq(flags, 1);
    cr_expect(SetHandleInformation(event, 1, 0));
    cr_expect(GetHandleInformation(event, &flags));
    cr_expect_eq(flags, 0);
    cr_expect_not(GetHandleInformation((HANDLE)0x7FFC, &flags));
    guest_end(ctx);
}

/* ---- What a process was started with ---- */

static ldr_status create_with(int fd)
{
    ldr_context *ctx = NULL;
    const ldr_context_options options = {.size = sizeof options, .process_start = fd};
    ldr_status status = ldr_context_create(&options, &ctx);
    if (status == LDR_OK)
        ldr_context_destroy(ctx);
    return status;
}

/* A block of one handle and the command line "program one". */
static int make_block(ldr__start_block *block, const ldr__start_handle *handle, size_t cut)
{
    static const char line[] = "program one";
    char bytes[1024] = {0};
    size_t size = ldr__start_size(1, sizeof line);
    cr_assert_leq(size, sizeof bytes);
    block->handle_count = 1;
    block->command_line_size = sizeof line;
    memcpy(bytes, block, sizeof *block);
    memcpy(bytes + sizeof *block, handle, sizeof *handle);
    memcpy(bytes + sizeof *block + sizeof *handle, line, sizeof line);
    int fd = memfd_create("block", MFD_CLOEXEC);
    cr_assert_eq(write(fd, bytes, size - cut), (ssize_t)(size - cut));
    return fd;
}

static ldr__start_block good_block(void)
{
    ldr__start_block block = {.magic = LDR__START_MAGIC};
    for (uint64_t i = 0; i < 3; i++)
        block.standard[i] = (ldr__start_standard){4 * (i + 1), 0};
    return block;
}

static ldr__start_handle good_handle(void)
{
    return (ldr__start_handle){.handle = 0x20,
                               .access = LDR__ALL_ACCESS,
                               .type = LDR__OBJECT_FILE,
                               .fd = open("/dev/null", O_RDWR | O_CLOEXEC),
                               .descriptor = -1};
}

Test(processes, process_takes_what_it_was_started_with)
{
    ldr_context *ctx = NULL;
    ldr__start_block block = good_block();
    ldr__start_handle handle = good_handle();
    const ldr_context_options options = {.size = sizeof options,
                                         .process_start = make_block(&block, &handle, 0)};
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    K32(ctx, const char *, GetCommandLineA, (void));
    K32(ctx, HANDLE, GetStdHandle, (DWORD));
    K32(ctx, DWORD, GetFileType, (HANDLE));
    cr_expect_str_eq(GetCommandLineA(), "program one");
    cr_expect_eq(GetStdHandle((DWORD)-12), (HANDLE)12);
    cr_expect_eq(GetFileType((HANDLE)0x20), 2, "a character device");
    ldr_context_destroy(ctx);
    cr_expect_eq(fcntl(handle.fd, F_GETFD), -1, "its descriptor was taken over");
}

/* As Windows does: so that who started it learns what is wrong with the program. */
Test(processes, program_that_cannot_be_loaded_ends_with_the_status_of_that)
{
    ldr_context *ctx = NULL;
    ldr_module *program;
    ldr_diag diag;
    ldr__start_block block = good_block();
    ldr__start_handle handle = good_handle();
    int fd = make_block(&block, &handle, 0);
    ldr__start_block *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    const ldr_context_options options = {.size = sizeof options, .process_start = fd};
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    cr_assert_neq(ldr_load(ctx, "/no/such/program.exe", NULL, &program, &diag), LDR_OK);
    cr_expect_eq(atomic_load(&shared->exit), 0, "it may be tried again");
    ldr_context_destroy(ctx);
    cr_expect_neq(diag.why.nt_status, 0);
    cr_expect_eq(atomic_load(&shared->exit), LDR__START_EXITED | diag.why.nt_status);
    munmap(shared, 4096);
}

Test(processes, descriptor_that_is_no_block_is_refused)
{
    ldr__start_block block = good_block();
    ldr__start_handle handle = good_handle();
    cr_expect_eq(create_with(9999), LDR_INVALID_ARGUMENT);
    cr_expect_eq(create_with(open("/dev/null", O_RDWR)), LDR_INVALID_ARGUMENT);
    cr_expect_eq(create_with(memfd_create("empty", 0)), LDR_INVALID_ARGUMENT);
    cr_expect_eq(create_with(make_block(&block, &handle, 1)), LDR_INVALID_ARGUMENT, "cut off");
    block.magic++;
    cr_expect_eq(create_with(make_block(&block, &handle, 0)), LDR_INVALID_ARGUMENT);
}

Test(processes, handles_that_cannot_be_are_refused)
{
    ldr__start_block block = good_block();
    ldr__start_handle handle = good_handle();
    handle.handle = 0x21;
    cr_expect_eq(create_with(make_block(&block, &handle, 0)), LDR_INVALID_ARGUMENT);
    handle = good_handle();
    handle.handle = UINT64_MAX;
    cr_expect_eq(create_with(make_block(&block, &handle, 0)), LDR_INVALID_ARGUMENT);
    handle = good_handle();
    handle.fd = 9999;
    cr_expect_eq(create_with(make_block(&block, &handle, 0)), LDR_INVALID_ARGUMENT);
}
