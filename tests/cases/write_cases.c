/* write_cases FOLDER: each of the cases as a file NAME.exe, for programs that read files. */
#include "cases.h"

#include <stdio.h>

static bool write_case(const char *folder, const struct test_case *test)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.exe", folder, test->name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    img_image image = case_build(test);
    bool ok = fwrite(image.bytes, 1, image.size, file) == image.size;
    img_free(&image);
    return fclose(file) == 0 && ok;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: write_cases FOLDER\n");
        return 2;
    }
    for (size_t i = 0; i < test_case_count; i++) {
        if (!write_case(argv[1], &test_cases[i]))
            return 1;
    }
    return 0;
}
