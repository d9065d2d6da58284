/* trace/values.c: arguments and results, read by a prototype. */
#include "win32/trace/trace.h"

#include <stdlib.h>
#include <string.h>

#include "os/os.h"

/* The words for types in prototypes. */
typedef struct word {
    const char *name;
    ldr_trace_type type;
    uint32_t bytes; /* of the value; of a string's character with `is_string` */
    bool is_string;
} word;

static const word words[] = {
    {"void", 0, 0, false},
    {"bool", LDR_TRACE_BOOL, 4, false},
    {"bool8", LDR_TRACE_BOOL, 1, false},
    {"int", LDR_TRACE_INT, 4, false},
    {"uint", LDR_TRACE_UINT, 4, false},
    {"hex", LDR_TRACE_HEX, 4, false},
    {"int64", LDR_TRACE_INT, 8, false},
    {"size", LDR_TRACE_UINT, 8, false},
    {"hex64", LDR_TRACE_HEX, 8, false},
    {"ptr", LDR_TRACE_POINTER, 8, false},
    {"handle", LDR_TRACE_POINTER, 8, false},
    {"f64", LDR_TRACE_REAL, 8, false},
    {"f32", LDR_TRACE_REAL, 4, false},
    {"str", LDR_TRACE_STRING, 1, true},
    {"wstr", LDR_TRACE_STRING, 2, true},
};

/* The word of `length` characters, or NULL. */
static const word *word_of(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].name) == length && memcmp(words[i].name, text, length) == 0)
            return &words[i];
    return NULL;
}

/* ---- Strings ---- */

/*
 * The system reads: the guest may have given any address. Page by page, so that what is in front of
 * a page that is not there can be read. Returns the number of bytes, up to `size`.
 */
static size_t read_safely(uint64_t address, uint8_t *ret_bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t part = LDR__TRACE_PAGE - (address + done) % LDR__TRACE_PAGE;
        part = part < size - done ? part : size - done;
        const void *from = (const void *)(uintptr_t)(address + done);
        if (ldr__os_peek(from, ret_bytes + done, part) != LDR_OK)
            break;
        done += part;
    }
    return done;
}

static void read_narrow(ldr_trace_value *value, char *text)
{
    size_t got = read_safely(value->bits, (uint8_t *)text, LDR__TRACE_TEXT);
    const char *end = memchr(text, 0, got);
    value->text = got > 0 ? text : NULL;
    value->text_size = end != NULL ? (size_t)(end - text) : got;
    value->is_cut = end == NULL && got > 0;
}

/* UTF-8 of one code point; the number of bytes. */
static size_t encode(uint32_t c, char *to)
{
    if (c < 0x80)
        return to[0] = (char)c, 1;
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xE0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3F));
        to[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3F));
    to[2] = (char)(0x80 | (c >> 6 & 0x3F));
    to[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* A surrogate without its other half becomes U+FFFD. */
static uint32_t decode(const uint16_t *units, size_t count, size_t *at)
{
    uint32_t unit = units[(*at)++];
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    if (unit > 0xDBFF || *at == count || units[*at] < 0xDC00 || units[*at] > 0xDFFF)
        return 0xFFFD;
    return 0x10000 + ((unit - 0xD800) << 10) + (units[(*at)++] - 0xDC00u);
}

static void read_wide(ldr_trace_value *value, char *text)
{
    enum { LONGEST = 4 };
    uint16_t units[LDR__TRACE_TEXT];
    size_t count = read_safely(value->bits, (uint8_t *)units, sizeof units) / sizeof units[0];
    size_t at = 0, size = 0;
    while (at < count && units[at] != 0 && size + LONGEST <= LDR__TRACE_TEXT)
        size += encode(decode(units, count, &at), text + size);
    value->text = count > 0 ? text : NULL;
    value->text_size = size;
    value->is_cut = count > 0 && (at == count || units[at] != 0);
}

/* ---- Values ---- */

static uint64_t widen(const word *w, uint64_t bits)
{
    if (w->is_string || w->bytes == sizeof bits)
        return bits;
    if (w->bytes == 1)
        return (uint8_t)bits;
    return w->type == LDR_TRACE_INT ? (uint64_t)(int64_t)(int32_t)bits : (uint32_t)bits;
}

static double real_of(const word *w, uint64_t bits)
{
    double wide;
    float narrow;
    if (w->bytes == sizeof narrow) {
        memcpy(&narrow, &bits, sizeof narrow);
        return (double)narrow;
    }
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

/* `real` is what an xmm register or the stack has. */
static void add(ldr__trace_values *values, const word *w, const char *name, size_t length,
                uint64_t bits, uint64_t real)
{
    size_t i = values->count;
    if (i == LDR__TRACE_VALUES || w == NULL || w->type == 0)
        return;
    length = length < sizeof values->names[i] ? length : sizeof values->names[i] - 1;
    memcpy(values->names[i], name, length);
    values->names[i][length] = '\0';
    ldr_trace_value *value = &values->items[i];
    *value = (ldr_trace_value){.name = values->names[i], .type = w->type, .bits = widen(w, bits)};
    if (w->type == LDR_TRACE_REAL)
        value->real = real_of(w, real);
    if (w->is_string && w->bytes == 1)
        read_narrow(value, values->texts[i]);
    else if (w->is_string)
        read_wide(value, values->texts[i]);
    values->count++;
}

static uint64_t bits_of(double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    return bits;
}

/* The argument number `i`: of an integer or pointer, or of a floating-point number. */
static void fetch(const ldr__trace_registers *registers, uint64_t stack, size_t i,
                  uint64_t *ret_bits, uint64_t *ret_real)
{
    enum { IN_REGISTERS = 4 };
    const uint64_t integers[] = {registers->rcx, registers->rdx, registers->r8, registers->r9};
    if (i < IN_REGISTERS) {
        *ret_bits = integers[i];
        *ret_real = bits_of(registers->xmm[i].low);
        return;
    }
    *ret_bits = 0;
    read_safely(stack + (i - IN_REGISTERS) * sizeof *ret_bits, (uint8_t *)ret_bits,
                sizeof *ret_bits);
    *ret_real = *ret_bits;
}

void ldr__trace_arguments(const ldr__prototype *prototype, const ldr__trace_registers *registers,
                          uint64_t stack, ldr__trace_values *ret_values)
{
    ret_values->count = 0;
    const char *at = prototype != NULL ? prototype->arguments : "";
    for (size_t i = 0; *at != '\0'; i++) {
        uint64_t bits, real;
        size_t type_length = strcspn(at, " ");
        const char *name = at + type_length + (at[type_length] == ' ');
        size_t length = strcspn(name, ",");
        fetch(registers, stack, i, &bits, &real);
        add(ret_values, word_of(at, type_length), name, length, bits, real);
        at = name + length;
        at += strspn(at, ", ");
    }
}

void ldr__trace_result(const ldr__prototype *prototype, const ldr__trace_registers *registers,
                       ldr__trace_values *ret_values)
{
    static const char name[] = "result";
    ret_values->count = 0;
    if (prototype != NULL)
        add(ret_values, word_of(prototype->result, strlen(prototype->result)), name,
            sizeof name - 1, registers->rax, bits_of(registers->xmm[0].low));
}

/* ---- Which prototype ---- */

/* DLLs whose functions the table is about. */
static bool is_of_windows(const char *provider)
{
    static const char *const names[] = {"kernel32.dll", "kernelbase.dll",     "ntdll.dll",
                                        "msvcrt.dll",   "ucrtbase.dll",       "vcruntime140.dll",
                                        "user32.dll",   "vcruntime140_1.dll", "advapi32.dll"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(provider, names[i]) == 0)
            return true;
    return false;
}

static int compare(const void *function, const void *line)
{
    return strcmp(function, ((const ldr__prototype *)line)->function);
}

const ldr__prototype *ldr__prototype_find(const char *provider, const char *function)
{
    if (provider == NULL || function == NULL || !is_of_windows(provider))
        return NULL;
    return bsearch(function, ldr__prototypes, ldr__prototype_count, sizeof ldr__prototypes[0],
                   compare);
}
