/* pe/rules.h and pe/RULES.md list the same rules. */
#include "../../pe/image/rules.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    const char *id, *nt_status, *text, *source;
    unsigned profiles;
};

static const struct rule rules[] = {
#define X(id, nt, profiles, text, source) {#id, "STATUS_" #nt, text, source, profiles},
    PE__RULES(X)
#undef X
};

enum { LINE = 1024, MAX_LINES = 1024 };

static char (*lines)[LINE];
static size_t line_count;

static void read_page(void)
{
    FILE *page = fopen(PELOAD_SOURCE_DIR "/pe/RULES.md", "r");
    cr_assert_not_null(page);
    lines = malloc((size_t)MAX_LINES * LINE);
    cr_assert_not_null(lines);
    while (line_count < MAX_LINES && fgets(lines[line_count], LINE, page) != NULL)
        line_count++;
    fclose(page);
}

static void free_page(void)
{
    free(lines);
}

static const char *windows(unsigned profiles, char *text)
{
    text[0] = '\0';
    if (profiles & PE_WINXP)
        strcat(text, ", XP");
    if (profiles & PE_WIN7)
        strcat(text, ", 7");
    if (profiles & PE_WIN10)
        strcat(text, ", 10");
    return text + 2;
}

static bool has_row(const struct rule *rule)
{
    char row[LINE], names[32];
    snprintf(row, sizeof row, "| %s | %s | %s | %s | %s | ", rule->id, rule->text, rule->nt_status,
             windows(rule->profiles, names), rule->source);
    for (size_t i = 0; i < line_count; i++) {
        if (strncmp(lines[i], row, strlen(row)) == 0)
            return true;
    }
    return false;
}

static size_t find_line(const char *start)
{
    for (size_t i = 0; i < line_count; i++) {
        if (strncmp(lines[i], start, strlen(start)) == 0)
            return i;
    }
    cr_assert_fail("no line starts with %s", start);
    return 0;
}

/* The rows of the table of rules, whose first column is a letter and a number. */
static size_t count_rows(void)
{
    size_t count = 0;
    for (size_t i = find_line("## Rules that refuse"); i < find_line("### Remarks"); i++)
        count += strncmp(lines[i], "| ", 2) == 0 && isdigit((unsigned char)lines[i][3]);
    return count;
}

TestSuite(rules, .init = read_page, .fini = free_page);

Test(rules, page_has_a_row_for_every_rule)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        cr_expect(has_row(&rules[i]), "rule %s", rules[i].id);
}

Test(rules, page_has_no_other_rows)
{
    cr_expect_eq(count_rows(), sizeof rules / sizeof rules[0], "%zu rows, %zu rules", count_rows(),
                 sizeof rules / sizeof rules[0]);
}
