#include "layouts.h"

#include <criterion/criterion.h>

/* Two DLLs with a function each. */
static img_image importer(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_import(&builder, "kernel32.dll", "ExitProcess");
    img_add_import(&builder, "msvcrt.dll", "strlen");
    return img_finish(&builder);
}

static pe_image open_image(const img_image *file)
{
    pe_image image;
    cr_assert_eq(pe_open((pe_span){file->bytes, file->size}, PE_LAYOUT_FILE, &image, NULL), PE_OK);
    return image;
}

/* Walks the imports; the status that ended the walk, and how many functions came before. */
static pe_status walk_imports(const pe_image *image, uint32_t *ret_count)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    *ret_count = 0;
    pe_imports(image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunk_iter thunks;
        pe_import import;
        pe_thunks(image, &dll, &thunks);
        while (pe_thunk_next(&thunks, &import) == PE_OK)
            *ret_count += 1;
        if (thunks.status != PE_END)
            return thunks.status;
    }
    cr_expect_eq(pe_import_next(&dlls, &dll), dlls.status);
    return dlls.status;
}

Test(budget, default_is_more_than_an_image_needs)
{
    uint32_t count;
    img_image file = importer();
    pe_image image = open_image(&file);
    pe_budget budget = pe_budget_for(file.size);
    uint64_t whole = budget.left;
    image.budget = &budget;
    cr_expect_eq(walk_imports(&image, &count), PE_END);
    cr_expect_eq(count, 2);
    cr_expect(!budget.is_spent);
    cr_expect_lt(budget.left, whole);
    img_free(&file);
}

/* Whatever is left: the walk ends with a status, at once from then on, and what it told before is
 * the beginning of the whole. */
Test(budget, any_budget_that_is_too_small_ends_the_walk_with_budget_spent)
{
    uint32_t count, before = 0;
    img_image file = importer();
    pe_image image = open_image(&file);
    pe_budget enough = {.left = 1 << 20};
    image.budget = &enough;
    walk_imports(&image, &count);
    uint64_t needed = (1 << 20) - enough.left;
    for (uint64_t units = 0; units <= needed; units++) {
        pe_budget budget = {.left = units};
        image.budget = &budget;
        pe_status status = walk_imports(&image, &count);
        cr_expect_eq(status, units < needed ? PE_BUDGET_SPENT : PE_END);
        cr_expect_eq(budget.is_spent, units < needed);
        cr_expect_geq(count, before);
        before = count;
    }
    cr_expect_eq(count, 2);
    img_free(&file);
}

Test(budget, spent_budget_says_where)
{
    uint32_t count;
    img_image file = importer();
    pe_image image = open_image(&file);
    pe_rva table = pe_directory_at(&image, PE_DIRECTORY_IMPORT).rva;
    pe_budget budget = {.left = 0};
    image.budget = &budget;
    cr_expect_eq(walk_imports(&image, &count), PE_BUDGET_SPENT);
    cr_expect_eq(budget.at, table.value);
    cr_expect_eq(pe_charge(&image, (pe_rva){7}, 1), PE_BUDGET_SPENT);
    cr_expect_eq(budget.at, table.value, "the first place is the one that is told");
    img_free(&file);
}

Test(budget, caller_charges_its_own_work)
{
    img_image file = importer();
    pe_image image = open_image(&file);
    pe_budget budget = {.left = 10};
    cr_expect_eq(pe_charge(&image, (pe_rva){1}, UINT64_MAX), PE_OK, "no budget, no limit");
    image.budget = &budget;
    cr_expect_eq(pe_charge(&image, (pe_rva){1}, 10), PE_OK);
    cr_expect_eq(pe_charge(&image, (pe_rva){2}, 0), PE_OK);
    cr_expect_eq(pe_charge(&image, (pe_rva){3}, 1), PE_BUDGET_SPENT);
    cr_expect_eq(budget.at, 3);
    img_free(&file);
}

Test(budget, findings_without_all_checks_say_so)
{
    img_image file = importer();
    pe_image image = open_image(&file);
    pe_budget budget = {.left = 100};
    pe_finding_iter findings;
    pe_finding finding;
    image.budget = &budget;
    pe_findings(&image, &findings);
    while (pe_finding_next(&findings, &finding) == PE_OK)
        cr_expect_neq(finding.code, PE_FINDING_TABLE_BROKEN);
    cr_expect_eq(findings.status, PE_BUDGET_SPENT);
    cr_expect_eq(pe_finding_next(&findings, &finding), PE_BUDGET_SPENT);
    img_free(&file);
}

Test(budget, view_pays_as_a_file_does)
{
    layouts both = layouts_open(importer());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        uint32_t count;
        pe_budget budget = {.left = 100};
        both.image[l].budget = &budget;
        cr_expect_eq(walk_imports(&both.image[l], &count), PE_BUDGET_SPENT);
    }
    layouts_close(&both);
}
