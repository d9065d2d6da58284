/* Function tables that the guest adds for code it has made itself. */
#include <criterion/criterion.h>
#include <string.h>

#include "support/traced.h"
#include "win32/seh/seh.h"

static ldr_context *context;

static void enter(void)
{
    cr_assert_eq(ldr_context_create(traced_options(), &context), LDR_OK);
}

static void leave(void)
{
    ldr_context_destroy(context);
}

TestSuite(tables, .init = enter, .fini = leave);

enum { BASE = 0x10000000 };

/* RUNTIME_FUNCTION lines: begin, end, unwind information. */
static const uint32_t lines[4][3] = {{0x1000, 0x1010, 0x9000},
                                     {0x1010, 0x1020, 0x9000},
                                     {0x1040, 0x1050, 0x9000},
                                     {0x2000, 0x2010, 0x9000}};

static const void *lookup(uint32_t rva)
{
    uint64_t base = 1;
    const void *entry = ldr__seh_lookup_entry(BASE + rva, &base, NULL);
    cr_assert_eq(base, entry != NULL ? BASE : 0);
    return entry;
}

Test(tables, added_table_is_searched_until_it_is_deleted)
{
    cr_assert_null(lookup(0x1000));
    cr_assert(ldr__seh_add_table(lines, 4, BASE));
    cr_assert_eq(lookup(0x1000), lines[0]);
    cr_assert_eq(lookup(0x100F), lines[0]);
    cr_assert_eq(lookup(0x1010), lines[1]);
    cr_assert_null(lookup(0x1020), "between two functions");
    cr_assert_eq(lookup(0x104F), lines[2]);
    cr_assert_eq(lookup(0x2000), lines[3]);
    cr_assert_null(lookup(0xFFF));
    cr_assert_null(lookup(0x2010));
    cr_assert(ldr__seh_delete_table(lines));
    cr_assert_null(lookup(0x1000));
    cr_assert_not(ldr__seh_delete_table(lines));
}

Test(tables, indirect_line_stands_for_another)
{
    static uint32_t table[2][3];
    uint64_t base = (uintptr_t)table;
    memcpy(table, (uint32_t[2][3]){{0x1000, 0x2000, 12 + 1}, {0x1000, 0x1800, 0x9000}}, 24);
    cr_assert(ldr__seh_add_table(table, 1, base));
    uint64_t found;
    cr_assert_eq(ldr__seh_lookup_entry(base + 0x1100, &found, NULL), table[1]);
}

static uint64_t asked;

static void *LDR_WINAPI provide(uint64_t pc, void *user)
{
    asked = pc;
    return pc < BASE + 0x1800 ? user : NULL;
}

Test(tables, callback_is_asked_for_its_range)
{
    uint64_t identifier = BASE | 3;
    cr_assert_not(ldr__seh_install_callback(BASE, BASE, 0x2000, (void *)provide, NULL, NULL),
                  "the low bits tell an identifier");
    cr_assert(ldr__seh_install_callback(identifier, BASE, 0x2000, (void *)provide,
                                        (void *)(uintptr_t)lines, NULL));
    cr_assert_eq(lookup(0x1000), lines);
    cr_assert_eq(asked, BASE + 0x1000);
    uint64_t base;
    cr_assert_null(ldr__seh_lookup_entry(BASE + 0x1900, &base, NULL));
    cr_assert_null(ldr__seh_lookup_entry(BASE + 0x2000, &base, NULL));
    cr_assert_eq(asked, BASE + 0x1900, "not asked beyond its length");
    cr_assert(ldr__seh_delete_table((const void *)(uintptr_t)identifier));
    cr_assert_null(lookup(0x1000));
}
