#include "cases/cases.h"

#include <criterion/criterion.h>

static const pe_profile profiles[CASE_PROFILES] = {PE_WINXP, PE_WIN7, PE_WIN10};

static void check(const struct test_case *test, const img_image *image, size_t p)
{
    const char *rule = test->rules[p];
    pe_diag diag = {0};
    pe_span file = {image->bytes, image->size};
    pe_status status = pe_accept(file, file.size, profiles[p], &diag);
    if (rule == NULL) {
        cr_expect_eq(status, PE_OK, "%s, profile %zu: refused by %s", test->name, p, diag.rule);
        return;
    }
    cr_expect_eq(status, PE_REFUSED, "%s, profile %zu: accepted", test->name, p);
    cr_expect_str_eq(diag.rule != NULL ? diag.rule : "", rule, "%s, profile %zu: rule %s",
                     test->name, p, diag.rule);
    cr_expect_eq(diag.nt_status, test->nt_status, "%s, profile %zu: %s", test->name, p,
                 pe_nt_status_name(diag.nt_status));
}

Test(cases, each_edit_of_a_valid_image_gets_windows_verdict)
{
    for (size_t i = 0; i < test_case_count; i++) {
        img_image image = case_build(&test_cases[i]);
        for (size_t p = 0; p < CASE_PROFILES; p++)
            check(&test_cases[i], &image, p);
        img_free(&image);
    }
}
