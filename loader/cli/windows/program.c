/*
 * program.c: the process in which a program of `peload run` runs.
 *
 * It is this command once more, with the program's command line. What it has to do is told by an
 * environment variable, which it takes out of its environment before anything else: the handle of a
 * semaphore, and the words of its own command line, each with its length before it. By the
 * semaphore it tells of what the exit code alone would not: one unit for a crash that it has
 * reported, two for a program that was not run.
 */
#include "cli/windows/program.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define VARIABLE L"PELOAD_PROGRAM"

enum { PATH_SIZE = 0x8000 };

static HANDLE parent; /* its semaphore; NULL: this is no such process */

/* ---- What it is told ---- */

static void add_times(cli_line *text, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cli_line_add(text, &c, 1);
}

/*
 * One word as C runtimes take command lines apart: quotes hold blanks together, and of backslashes
 * before a quote each needs another. Of the first word they know no backslashes; a path has no
 * quotes.
 */
static void add_quoted(cli_line *text, const char *word, bool is_first)
{
    bool is_plain = word[0] != '\0' && strpbrk(word, " \t\n\v\"") == NULL;
    if (!is_first)
        cli_line_add(text, " ", 1);
    if (is_plain) {
        cli_line_add(text, word, strlen(word));
        return;
    }
    cli_line_add(text, "\"", 1);
    size_t backslashes = 0;
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '"')
            add_times(text, '\\', backslashes + 1);
        backslashes = *at == '\\' ? backslashes + 1 : 0;
        cli_line_add(text, at, 1);
    }
    add_times(text, '\\', is_first ? 0 : backslashes);
    cli_line_add(text, "\"", 1);
}

/* As UTF-16, for the caller to free; NULL when out of memory. `text` is released. */
static wchar_t *finish(cli_line *text)
{
    uint16_t *wide = cli_line_add(text, "", 1) ? cli_utf16_copy(text->text) : NULL;
    free(text->text);
    return wide;
}

static wchar_t *command_line(char **words, int count)
{
    cli_line text = {0};
    for (int i = 0; i < count; i++)
        add_quoted(&text, words[i], i == 0);
    return finish(&text);
}

static wchar_t *instructions(HANDLE semaphore, char **words, int count)
{
    char number[32];
    cli_line text = {0};
    cli_line_add(&text, number,
                 (size_t)snprintf(number, sizeof number, "%" PRIxPTR, (uintptr_t)semaphore));
    for (int i = 0; i < count; i++) {
        size_t length = strlen(words[i]);
        cli_line_add(&text, number, (size_t)snprintf(number, sizeof number, " %zu:", length));
        cli_line_add(&text, words[i], length);
    }
    return finish(&text);
}

/* ---- Starting it ---- */

static void inherit_streams(STARTUPINFOW *start)
{
    start->dwFlags = STARTF_USESTDHANDLES;
    start->hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start->hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start->hStdError = GetStdHandle(STD_ERROR_HANDLE);
    HANDLE all[] = {start->hStdInput, start->hStdOutput, start->hStdError};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        SetHandleInformation(all[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

/* The program is not to live on when this process is killed; those that it starts are. */
static void tie(HANDLE process)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE |
                                                       JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (job != NULL &&
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
        AssignProcessToJobObject(job, process); /* closed when this process ends */
}

/* Ctrl-C is the program's, which decides. */
static BOOL WINAPI ignore_control(DWORD event)
{
    return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
}

static bool start(wchar_t *line, PROCESS_INFORMATION *ret_process)
{
    STARTUPINFOW start_info = {.cb = sizeof start_info};
    wchar_t *path = calloc(PATH_SIZE, sizeof *path);
    bool is_started = false;
    inherit_streams(&start_info);
    if (path != NULL && GetModuleFileNameW(NULL, path, PATH_SIZE) < PATH_SIZE)
        is_started = CreateProcessW(path, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL,
                                    &start_info, ret_process) != 0;
    free(path);
    return is_started;
}

static cli_place outcome(HANDLE semaphore)
{
    static const cli_place places[] = {CLI_PLACE_ENDED, CLI_PLACE_CRASHED, CLI_PLACE_FAILED};
    size_t units = 0;
    while (units < 2 && WaitForSingleObject(semaphore, 0) == WAIT_OBJECT_0)
        units++;
    return places[units];
}

static cli_place run_to_end(wchar_t *line, HANDLE semaphore, uint32_t *ret_exit_code)
{
    PROCESS_INFORMATION process;
    DWORD exit_code;
    if (!start(line, &process)) {
        fprintf(stderr, "peload: run: no process can be started (error %lu)\n", GetLastError());
        return CLI_PLACE_FAILED;
    }
    SetConsoleCtrlHandler(ignore_control, TRUE);
    tie(process.hProcess);
    cli_guest_enters();
    ResumeThread(process.hThread);
    WaitForSingleObject(process.hProcess, INFINITE);
    cli_guest_leaves();
    bool is_known = GetExitCodeProcess(process.hProcess, &exit_code) != 0;
    *ret_exit_code = is_known ? exit_code : CLI_FAILED;
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return outcome(semaphore);
}

cli_place cli_program_place(int argc, char **argv, int words, uint32_t *ret_exit_code)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    if (parent != NULL)
        return CLI_PLACE_HERE;
    *ret_exit_code = CLI_FAILED;
    HANDLE semaphore = CreateSemaphoreW(&inherited, 0, 2, NULL);
    wchar_t *line = command_line(argv + argc - words, words);
    wchar_t *told = instructions(semaphore, argv, argc - words + 1);
    cli_place place = CLI_PLACE_FAILED;
    if (semaphore == NULL || line == NULL || told == NULL)
        fprintf(stderr, "peload: run: %s\n", ldr_status_text(LDR_NO_MEMORY));
    else if (!SetEnvironmentVariableW(VARIABLE, told))
        fprintf(stderr, "peload: run: the command line is too long\n");
    else
        place = run_to_end(line, semaphore, ret_exit_code);
    free(line);
    free(told);
    if (semaphore != NULL)
        CloseHandle(semaphore);
    return place;
}

/* ---- Being it ---- */

/* The value of the variable as UTF-8, for the caller to free; NULL: there is none. */
static char *take_variable(void)
{
    DWORD size = GetEnvironmentVariableW(VARIABLE, NULL, 0);
    wchar_t *wide = size > 0 ? calloc(size, sizeof *wide) : NULL;
    char *text = NULL;
    if (wide != NULL && GetEnvironmentVariableW(VARIABLE, wide, size) > 0)
        text = cli_utf8_copy(wide);
    free(wide);
    if (size > 0)
        _wputenv(VARIABLE L"="); /* also from what the C runtime has read already */
    return text;
}

/* The next word of `*at`, which moves behind it; NULL at the end, or if it is none. */
static char *take_word(char **at)
{
    char *end;
    if (**at != ' ')
        return NULL;
    size_t length = strtoull(*at + 1, &end, 10);
    if (*end != ':' || length > strlen(end + 1))
        return NULL;
    char *word = malloc(length + 1);
    if (word == NULL)
        return NULL;
    memcpy(word, end + 1, length);
    word[length] = '\0';
    *at = end + 1 + length;
    return word;
}

bool cli_program_words(int *argc, char ***argv)
{
    char *text = take_variable();
    if (text == NULL)
        return true;
    char *at;
    char **words = calloc(strlen(text) / 3 + (size_t)*argc + 2, sizeof *words);
    int count = 1;
    parent = (HANDLE)(uintptr_t)strtoull(text, &at, 16);
    SetHandleInformation(parent, HANDLE_FLAG_INHERIT, 0);
    while (words != NULL && (words[count] = take_word(&at)) != NULL)
        count++;
    free(text);
    if (words == NULL)
        return false;
    words[0] = (*argv)[0];
    memcpy(words + count, *argv + 1, (size_t)(*argc - 1) * sizeof *words);
    *argc += count - 1;
    *argv = words;
    return true;
}

bool cli_program_tell(cli_place what)
{
    if (parent != NULL && what != CLI_PLACE_ENDED)
        ReleaseSemaphore(parent, what == CLI_PLACE_CRASHED ? 1 : 2, NULL);
    return parent != NULL;
}

/* All of it, but for the one that means something else to this command. */
int cli_program_status(uint32_t exit_code)
{
    return exit_code == (uint32_t)CLI_USAGE ? CLI_FAILED : (int)exit_code;
}

bool cli_session_allowed(const cli_session *session)
{
    const char *refused = session->process != NULL ? "--process"
                          : session->gdb           ? "--gdb"
                          : session->perf_map      ? "--perf-map"
                                                   : NULL;
    if (refused != NULL)
        fprintf(stderr, "peload: %s: not on Windows\n", refused);
    return refused == NULL;
}
