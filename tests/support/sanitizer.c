/*
 * Criterion's runner now and then leaves a few bytes of its own (seen with --jobs 2): no leak of
 * ours, and no reason for a test run to fail. The sanitizer's runtime looks this function up.
 */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libcriterion";
}

__attribute__((visibility("default"))) const char *__lsan_default_options(void);

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
