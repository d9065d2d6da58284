/* crt/multibyte.c: strings between bytes and UTF-16, by the locale of the process. */
#include <stdlib.h>
#include <string.h>

#include "win32/crt/locale.h"

enum { INVALID = -1, INCOMPLETE = -2 };

static bool utf8_now(void)
{
    return ldr__crt_is_utf8(ldr__crt_self());
}

static size_t fail(void)
{
    ldr__crt_set_errno(LDR__CRT_EILSEQ);
    return SIZE_MAX;
}

/* ---- Strings ---- */

/* Bytes of at most `capacity` that `text` has, without its NUL; all of them if `out` is NULL. */
static size_t narrow_string(char *out, const WCHAR *text, size_t limit, size_t capacity,
                            const WCHAR **ret_rest)
{
    bool utf8 = utf8_now();
    size_t total = 0, at = 0;
    while (at < limit && text[at]) {
        char bytes[4];
        size_t used;
        size_t available = limit - at > 1 && text[at + 1] ? 2 : 1;
        int count = ldr__crt_encode(utf8, text + at, available, bytes, &used);
        if (count < 0)
            return fail();
        if (out && total + (size_t)count > capacity)
            break;
        if (out)
            memcpy(out + total, bytes, (size_t)count);
        total += (size_t)count;
        at += used;
    }
    if (ret_rest)
        *ret_rest = at < limit && text[at] ? text + at : NULL;
    return total;
}

static size_t widen_string(WCHAR *out, const char *text, size_t limit, size_t capacity,
                           const char **ret_rest)
{
    bool utf8 = utf8_now();
    size_t total = 0, at = 0, length = strnlen(text, limit);
    while (at < length) {
        WCHAR units[2];
        size_t used;
        int count = ldr__crt_decode(utf8, text + at, length - at, units, &used);
        if (count < 0)
            return fail();
        if (out && total + (size_t)count > capacity)
            break;
        if (out)
            memcpy(out + total, units, (size_t)count * sizeof *units);
        total += (size_t)count;
        at += used;
    }
    if (ret_rest)
        *ret_rest = at < length ? text + at : NULL;
    return total;
}

static size_t LDR_WINAPI guest_wcstombs(char *out, const WCHAR *text, size_t capacity)
{
    if (!text) {
        ldr__crt_invalid_parameter(EINVAL);
        return SIZE_MAX;
    }
    size_t count = narrow_string(out, text, SIZE_MAX, capacity, NULL);
    if (out && count < capacity)
        out[count] = '\0';
    return count;
}

static size_t LDR_WINAPI guest_mbstowcs(WCHAR *out, const char *text, size_t capacity)
{
    if (!text) {
        ldr__crt_invalid_parameter(EINVAL);
        return SIZE_MAX;
    }
    size_t count = widen_string(out, text, SIZE_MAX, capacity, NULL);
    if (out && count < capacity)
        out[count] = 0;
    return count;
}

/* The end of wcstombs_s and mbstowcs_s: what was converted, in a buffer of `capacity` units. */
static int finish(size_t converted, size_t capacity, bool has_buffer, bool truncate, bool cut,
                  size_t *ret_needed)
{
    if (converted == SIZE_MAX)
        return LDR__CRT_EILSEQ;
    bool fits = !has_buffer || (!cut && converted < capacity);
    if (!fits && !truncate)
        return ERANGE;
    if (ret_needed)
        *ret_needed = converted + 1;
    return fits ? 0 : LDR__CRT_STRUNCATE;
}

static int LDR_WINAPI guest_wcstombs_s(size_t *ret_needed, char *out, size_t capacity,
                                       const WCHAR *text, size_t count)
{
    if ((out && capacity == 0) || (!out && capacity) || !text) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    if (ret_needed)
        *ret_needed = 0;
    const WCHAR *rest = NULL;
    size_t limit = out ? capacity - 1 : 0;
    bool bounded = count != SIZE_MAX && count <= limit;
    size_t done = narrow_string(out, text, SIZE_MAX, bounded ? count : limit, &rest);
    int error =
        finish(done, capacity, out != NULL, count == SIZE_MAX, rest && !bounded, ret_needed);
    if (out)
        out[error == 0 || error == LDR__CRT_STRUNCATE ? done : 0] = '\0';
    if (error == ERANGE)
        ldr__crt_invalid_parameter(ERANGE);
    return error;
}

static int LDR_WINAPI guest_mbstowcs_s(size_t *ret_needed, WCHAR *out, size_t capacity,
                                       const char *text, size_t count)
{
    if ((out && capacity == 0) || (!out && capacity) || !text) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    if (ret_needed)
        *ret_needed = 0;
    const char *rest = NULL;
    size_t limit = out ? capacity - 1 : 0;
    bool bounded = count != SIZE_MAX && count <= limit;
    size_t done = widen_string(out, text, SIZE_MAX, bounded ? count : limit, &rest);
    int error =
        finish(done, capacity, out != NULL, count == SIZE_MAX, rest && !bounded, ret_needed);
    if (out)
        out[error == 0 || error == LDR__CRT_STRUNCATE ? done : 0] = 0;
    if (error == ERANGE)
        ldr__crt_invalid_parameter(ERANGE);
    return error;
}

/* ---- Single characters ---- */

static int LDR_WINAPI guest_wctomb(char *out, WCHAR character)
{
    char bytes[4];
    size_t used;
    if (!out)
        return 0;
    int count = ldr__crt_encode(utf8_now(), &character, 1, bytes, &used);
    if (count < 0)
        return ldr__crt_set_errno(LDR__CRT_EILSEQ);
    memcpy(out, bytes, (size_t)count);
    return count;
}

/* The state holds the first half of a surrogate pair whose second half is still to come. */
static size_t LDR_WINAPI guest_wcrtomb(char *out, WCHAR character, uint32_t *state)
{
    if (!out) {
        if (state)
            *state = 0;
        return 1;
    }
    WCHAR units[2] = {character, 0};
    size_t available = 1, used;
    bool utf8 = utf8_now();
    if (state && *state) {
        units[0] = (WCHAR)*state;
        units[1] = character;
        available = 2;
        *state = 0;
    } else if (utf8 && state && character >= 0xD800 && character < 0xDC00) {
        *state = character;
        return 0;
    }
    char bytes[4];
    int count = ldr__crt_encode(utf8, units, available, bytes, &used);
    if (count < 0)
        return fail();
    memcpy(out, bytes, (size_t)count);
    return (size_t)count;
}

static int LDR_WINAPI guest_mbtowc(WCHAR *ret_character, const char *text, size_t available)
{
    if (!text || available == 0)
        return 0;
    WCHAR units[2];
    size_t used;
    int count = ldr__crt_decode(utf8_now(), text, available, units, &used);
    if (count != 1)
        return ldr__crt_set_errno(LDR__CRT_EILSEQ);
    if (ret_character)
        *ret_character = units[0];
    return *text ? (int)used : 0;
}

/* The state collects the bytes of an unfinished character: how many, then the bytes. */
static size_t decode_with_state(WCHAR *ret_character, const char *text, size_t available,
                                uint32_t *state)
{
    uint8_t held[8] = {0};
    memcpy(held, state, 4);
    char bytes[8];
    size_t kept = held[0] < 4 ? held[0] : 0;
    memcpy(bytes, held + 1, kept);
    size_t taken = available < sizeof bytes - kept ? available : sizeof bytes - kept;
    memcpy(bytes + kept, text, taken);
    WCHAR units[2] = {0, 0};
    size_t used = 0;
    int count = ldr__crt_decode(utf8_now(), bytes, kept + taken, units, &used);
    memset(state, 0, sizeof *state);
    if (count == INCOMPLETE && kept + taken < 4) {
        held[0] = (uint8_t)(kept + taken);
        memcpy(held + 1, bytes, 3);
        memcpy(state, held, 4);
        return (size_t)INCOMPLETE;
    }
    if (count != 1)
        return fail();
    if (ret_character)
        *ret_character = units[0];
    return units[0] ? used - kept : 0;
}

static size_t LDR_WINAPI guest_mbrtowc(WCHAR *ret_character, const char *text, size_t available,
                                       uint32_t *state)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!state && !thread)
        return fail();
    uint32_t *used_state = state ? state : &thread->multibyte_state[0];
    if (!text) {
        *used_state = 0;
        return 0;
    }
    if (available == 0)
        return (size_t)INCOMPLETE;
    return decode_with_state(ret_character, text, available, used_state);
}

static size_t LDR_WINAPI guest_mbrlen(const char *text, size_t available, uint32_t *state)
{
    return guest_mbrtowc(NULL, text, available, state);
}

static int LDR_WINAPI guest_mblen(const char *text, size_t available)
{
    return guest_mbtowc(NULL, text, available);
}

static WCHAR LDR_WINAPI guest_btowc(int byte)
{
    bool has_character = byte >= 0 && byte <= (utf8_now() ? 0x7F : UINT8_MAX);
    return has_character ? (WCHAR)byte : UINT16_MAX;
}

static int LDR_WINAPI guest_wctob(WCHAR character)
{
    return character <= (utf8_now() ? 0x7F : UINT8_MAX) ? (int)(signed char)character : -1;
}

static size_t LDR_WINAPI guest_mbsrtowcs(WCHAR *out, const char **text, size_t capacity,
                                         uint32_t *state)
{
    (void)state; /* a source that ends in its NUL leaves nothing unfinished */
    const char *rest = NULL;
    size_t count = widen_string(out, *text, SIZE_MAX, capacity, &rest);
    if (out && count < capacity)
        out[count] = 0;
    if (out && count != SIZE_MAX)
        *text = count < capacity ? NULL : rest ? rest : *text + strlen(*text);
    return count;
}

static size_t LDR_WINAPI guest_wcsrtombs(char *out, const WCHAR **text, size_t capacity,
                                         uint32_t *state)
{
    (void)state;
    const WCHAR *rest = NULL;
    size_t count = narrow_string(out, *text, SIZE_MAX, capacity, &rest);
    if (out && count != SIZE_MAX && !rest && count < capacity) {
        out[count] = '\0';
        *text = NULL;
    } else if (out && count != SIZE_MAX) {
        *text = rest ? rest : *text + ldr__wcslen(*text);
    }
    return count;
}

static int LDR_WINAPI guest_wctomb_s(int *ret_count, char *out, size_t capacity, WCHAR character)
{
    char bytes[4];
    size_t used;
    if (!out && capacity == 0) {
        if (ret_count)
            *ret_count = 0;
        return 0;
    }
    int count = ldr__crt_encode(utf8_now(), &character, 1, bytes, &used);
    if (count < 0) {
        ldr__crt_set_errno(LDR__CRT_EILSEQ);
        return LDR__CRT_EILSEQ;
    }
    if (!out || capacity < (size_t)count) {
        ldr__crt_invalid_parameter(ERANGE);
        return ERANGE;
    }
    memcpy(out, bytes, (size_t)count);
    if (ret_count)
        *ret_count = count;
    return 0;
}

static const ldr_export shared[] = {
    LDR__FN(wcstombs), LDR__FN(mbstowcs),  LDR__FN(wcstombs_s), LDR__FN(mbstowcs_s),
    LDR__FN(wctomb),   LDR__FN(wctomb_s),  LDR__FN(wcrtomb),    LDR__FN(mbtowc),
    LDR__FN(mbrtowc),  LDR__FN(mbrlen),    LDR__FN(mblen),      LDR__FN(btowc),
    LDR__FN(wctob),    LDR__FN(mbsrtowcs), LDR__FN(wcsrtombs),
};
LDR__CRT_TABLES(ldr__crt_multibyte, shared);
