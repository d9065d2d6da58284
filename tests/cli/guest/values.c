/* values.dll: functions that show what arguments arrive, for the tests of `peload call`. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define EXPORT __declspec(dllexport)

/* Each argument has a weight of its own, so that a swapped pair is seen. */
EXPORT int64_t twelve_ints(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f,
                           int64_t g, int64_t h, int64_t i, int64_t j, int64_t k, int64_t l)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k +
           12 * l;
}

EXPORT double twelve_mixed(int a, double b, int c, double d, double e, int f, double g, int h,
                           int i, double j, int k, double l)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k +
           12 * l;
}

EXPORT int nothing(void)
{
    return -1;
}

EXPORT double half(double value)
{
    return value / 2;
}

EXPORT int text_length(const char *text)
{
    return (int)strlen(text);
}

EXPORT int wide_length(const wchar_t *text)
{
    return (int)wcslen(text);
}

EXPORT const char *text(void)
{
    return "a \"text\"";
}

EXPORT const wchar_t *wide_text(void)
{
    return L"gr\x00FC\x00DF \xD83D\xDE00";
}

EXPORT const void *null(void)
{
    return NULL;
}

EXPORT unsigned sum_bytes(const unsigned char *bytes, unsigned size)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < size; i++)
        sum += bytes[i];
    return sum;
}

/* Counts up in the buffer, and says in *size how many bytes it wrote. */
EXPORT int fill(unsigned char *buffer, uint32_t *size)
{
    for (uint32_t i = 0; i < *size; i++)
        buffer[i] = (unsigned char)(i + 1);
    *size *= 2;
    return 0;
}

EXPORT void double_it(uint64_t *value)
{
    *value *= 2;
}

EXPORT int end(int status)
{
    exit(status);
}
