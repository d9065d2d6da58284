#include "tests.h"

#include <stdlib.h>

/* Whether the absolute path of `path` ends so, and is one with a drive and no other '\'. */
static bool is_absolute(const char *path, const char *end)
{
    char *absolute = NULL;
    if (ldr__os_path_absolute(path, &absolute) != LDR_OK)
        return false;
    size_t length = strlen(absolute), end_length = strlen(end);
    bool is_right = absolute[1] == ':' && absolute[2] == '/' && strchr(absolute, '\\') == NULL &&
                    length > end_length && strcmp(absolute + length - end_length, end) == 0;
    if (!is_right)
        printf("%s is %s\n", path, absolute);
    ldr__os_free(absolute);
    return is_right;
}

static void path_becomes_absolute(void)
{
    char folder[MAX_PATH + 32] = "\\\\?\\";
    CreateDirectoryA("below", NULL);
    write_file("below/a.dll", "", 0);
    GetCurrentDirectoryA(MAX_PATH, folder + 4);
    strcat(folder, "\\below\\a.dll");
    CHECK(is_absolute("below/a.dll", "/below/a.dll"));
    CHECK(is_absolute("below\\.\\..\\below//a.dll", "/below/a.dll"));
    CHECK(is_absolute(folder, "/below/a.dll"));
    CHECK(is_absolute(folder + 4, "/below/a.dll"));
    CHECK(is_absolute("below", "/below"));
}

/* What has no drive keeps what says so, "\\\\?\\": a volume by its number, or all that Wine sees.
 */
static void path_without_a_drive_stays_one(void)
{
    const char *path = "\\\\?\\unix\\tmp";
    char *absolute = NULL;
    if (GetFileAttributesA(path) == INVALID_FILE_ATTRIBUTES)
        return;
    CHECK(ldr__os_path_absolute(path, &absolute) == LDR_OK);
    CHECK(absolute != NULL && strcmp(absolute, "//?/unix/tmp") == 0);
    ldr__os_free(absolute);
}

static void path_of_nothing_is_not_found(void)
{
    char *path = NULL;
    CHECK(ldr__os_path_absolute("missing.dll", &path) == LDR_FILE_NOT_FOUND);
    CHECK(ldr__os_path_absolute("missing/a.dll", &path) == LDR_FILE_NOT_FOUND);
    CHECK(ldr__os_path_absolute("", &path) == LDR_FILE_NOT_FOUND);
    CHECK(ldr__os_path_absolute("no text \xFF", &path) == LDR_FILE_NOT_FOUND);
    CHECK(path == NULL);
}

static bool same(const char *a, const char *b)
{
    return _stricmp(a, b) == 0;
}

/* Whether that name is found in "find" at that path; NULL: not. */
static bool is_found(const char *folder, const char *name, const char *expected)
{
    char *path = NULL;
    ldr_status status = ldr__os_folder_find(folder, name, same, &path);
    bool is_right = expected == NULL ? status == LDR_FILE_NOT_FOUND && path == NULL
                                     : status == LDR_OK && strcmp(path, expected) == 0;
    if (!is_right)
        printf("%s: %s\n", name, path != NULL ? path : ldr_status_text(status));
    ldr__os_free(path);
    return is_right;
}

static void name_is_found_in_any_case(void)
{
    CreateDirectoryA("find", NULL);
    CreateDirectoryA("find/Sub", NULL);
    write_file("find/Mixed.dll", "", 0);
    write_file("find/Sub/Deep.DLL", "", 0);
    CHECK(is_found("find", "Mixed.dll", "find/Mixed.dll"));
    CHECK(is_found("find", "MIXED.DLL", "find/Mixed.dll"));
    CHECK(is_found("find/", "mixed.dll", "find/Mixed.dll"));
    CHECK(is_found("find", "sub/deep.dll", "find/Sub/Deep.DLL"));
    CHECK(is_found("FIND", "./SUB//deep.dll", "FIND/Sub/Deep.DLL"));
    CHECK(is_found("find", "Sub/../mixed.dll", "find/Sub/../Mixed.dll"));
}

static void what_has_no_such_name_is_not_found(void)
{
    CHECK(is_found("find", "missing.dll", NULL));
    CHECK(is_found("missing", "Mixed.dll", NULL));
    CHECK(is_found("find", "sub", NULL));
    CHECK(is_found("find", "Mixed.dll/below", NULL));
    CHECK(is_found("find", "Mixed.*", NULL));
    CHECK(is_found("find", "Mixed.dl?", NULL));
    CHECK(is_found("find", "Mixed.dll.", NULL));
    CHECK(is_found("find", "Mixed.dll:stream", NULL));
    CHECK(is_found("find", "Sub\\Deep.dll", NULL));
    CHECK(is_found("find", "NUL", NULL));
    CHECK(is_found("find", "", NULL));
    CHECK(is_found("find", "Mixed.dll/", NULL));
    CHECK(is_found("find", "\xFF", NULL));
}

int run_path_tests(const char *only)
{
    static const check_test tests[] = {
        {"path_becomes_absolute", path_becomes_absolute},
        {"path_without_a_drive_stays_one", path_without_a_drive_stays_one},
        {"path_of_nothing_is_not_found", path_of_nothing_is_not_found},
        {"name_is_found_in_any_case", name_is_found_in_any_case},
        {"what_has_no_such_name_is_not_found", what_has_no_such_name_is_not_found},
    };
    return RUN(tests, only);
}
