/* What is told of calls: prototypes, and values that the guest gives. */
#include "win32/trace/trace.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

Test(trace, prototypes_are_sorted_and_of_words_that_are_known)
{
    for (size_t i = 0; i < ldr__prototype_count; i++) {
        const ldr__prototype *line = &ldr__prototypes[i];
        const ldr__trace_registers registers = {0};
        ldr__trace_values values;
        size_t arguments = line->arguments[0] != '\0';
        if (i > 0)
            cr_expect_lt(strcmp(line[-1].function, line->function), 0, "%s", line->function);
        for (const char *c = line->arguments; *c != '\0'; c++)
            arguments += *c == ',';
        ldr__trace_arguments(line, &registers, 0, &values);
        cr_expect_eq(values.count, arguments, "%s: %zu", line->function, values.count);
        ldr__trace_result(line, &registers, &values);
        cr_expect_eq(values.count, strcmp(line->result, "void") != 0, "%s", line->function);
    }
}

Test(trace, prototypes_are_those_of_windows_dlls_only)
{
    cr_expect_not_null(ldr__prototype_find("KERNEL32.dll", "CreateFileW"));
    cr_expect_null(ldr__prototype_find("kernel32.dll", "CreateFileQ"));
    cr_expect_null(ldr__prototype_find("other.dll", "CreateFileW"));
    cr_expect_null(ldr__prototype_find(NULL, "CreateFileW"));
    cr_expect_null(ldr__prototype_find("kernel32.dll", NULL));
}

/* The first and only value of a call with one argument. */
static ldr_trace_value value_of(const char *type, uint64_t bits, ldr__trace_values *values)
{
    char arguments[32];
    const ldr__trace_registers registers = {.rcx = bits};
    snprintf(arguments, sizeof arguments, "%s x", type);
    const ldr__prototype prototype = {"f", "void", arguments};
    ldr__trace_arguments(&prototype, &registers, 0, values);
    cr_assert_eq(values->count, 1);
    return values->items[0];
}

Test(trace, integers_are_as_wide_as_their_types)
{
    ldr__trace_values values;
    const uint64_t bits = UINT64_C(0x12345678FFFFFFFE);
    cr_expect_eq(value_of("int", bits, &values).bits, (uint64_t)-2);
    cr_expect_eq(value_of("uint", bits, &values).bits, 0xFFFFFFFE);
    cr_expect_eq(value_of("bool8", UINT64_C(0xFF00), &values).bits, 0);
    cr_expect_eq(value_of("ptr", bits, &values).bits, bits);
}

/* A page behind which there is nothing. */
static char *last_page(void)
{
    char *pages = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(pages, MAP_FAILED);
    cr_assert_eq(mprotect(pages + 0x1000, 0x1000, PROT_NONE), 0);
    return pages;
}

Test(trace, text_at_the_end_of_memory_is_told_as_far_as_it_goes)
{
    ldr__trace_values values;
    char *end = last_page() + 0x1000;
    memcpy(end - 3, "abc", 3);
    ldr_trace_value value = value_of("str", (uintptr_t)(end - 3), &values);
    cr_expect_eq(value.text_size, 3);
    cr_expect(value.is_cut);
    memcpy(end - 3, "ab", 3);
    value = value_of("str", (uintptr_t)(end - 3), &values);
    cr_expect_eq(value.text_size, 2);
    cr_expect(!value.is_cut);
    cr_expect_eq(memcmp(value.text, "ab", 2), 0);
    value = value_of("wstr", (uintptr_t)(end - 1), &values);
    cr_expect_null(value.text);
}

Test(trace, text_that_cannot_be_read_is_its_address)
{
    static const uint64_t addresses[] = {
        0, 1, 0x1000, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(0x7FFFFFFFFFFF)};
    ldr__trace_values values;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        ldr_trace_value value = value_of(i % 2 == 0 ? "str" : "wstr", addresses[i], &values);
        cr_expect_null(value.text);
        cr_expect_eq(value.text_size, 0);
        cr_expect_eq(value.bits, addresses[i]);
    }
}

Test(trace, wide_text_becomes_utf8)
{
    static const uint16_t text[] = {'a', 0xE9, 0x20AC, 0xD83D, 0xDE00, 0xDC00, 0};
    static const char expected[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBD";
    ldr__trace_values values;
    ldr_trace_value value = value_of("wstr", (uintptr_t)text, &values);
    cr_assert_eq(value.text_size, sizeof expected - 1);
    cr_expect_eq(memcmp(value.text, expected, sizeof expected - 1), 0);
    cr_expect(!value.is_cut);
}

Test(trace, arguments_behind_the_fourth_are_read_from_the_stack)
{
    static const uint64_t stack[] = {5, 0x4018000000000000 /* 6.0 */, 7};
    const ldr__trace_registers registers = {.rcx = 1, .rdx = 2, .r8 = 3, .r9 = 4};
    const ldr__prototype prototype = {"f", "void",
                                      "int a, int b, int c, int d, int e, f64 f, int g"};
    ldr__trace_values values;
    ldr__trace_arguments(&prototype, &registers, (uintptr_t)stack, &values);
    cr_assert_eq(values.count, 7);
    for (uint64_t i = 0; i < 5; i++)
        cr_expect_eq(values.items[i].bits, i + 1);
    cr_expect_eq(values.items[5].real, 6.0);
    cr_expect_eq(values.items[6].bits, 7);
    cr_expect_str_eq(values.items[6].name, "g");
    ldr__trace_arguments(&prototype, &registers, 1, &values); /* of a stack that is not there */
    cr_expect_eq(values.items[6].bits, 0);
}
