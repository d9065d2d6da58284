/* svg_text.c: text that an image holds, as text of an SVG document. */
#include "cli/map/picture.h"

#include <inttypes.h>
#include <string.h>

/* Control characters (C0, DEL, C1), and those that turn the direction of what stands around them
 * or break its line. */
static bool disturbs(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) || code_point == 0x061C ||
           (code_point >= 0x200E && code_point <= 0x200F) ||
           (code_point >= 0x2028 && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

/* No XML document can hold these, not even escaped [XML 1.0, Char]. */
static bool is_no_character(uint32_t code_point)
{
    return code_point == 0xFFFE || code_point == 0xFFFF;
}

/* Length of the character at `at`; 0 for one that must be replaced. */
static size_t character_length(const char *at, size_t left)
{
    uint32_t code_point;
    size_t length = cli_utf8_decode((const uint8_t *)at, left, &code_point);
    return length > 0 && (disturbs(code_point) || is_no_character(code_point)) ? 0 : length;
}

/* What is replaced is one byte of a broken sequence, or a whole character. */
static size_t step_length(const char *at, size_t left)
{
    uint32_t code_point;
    size_t length = cli_utf8_decode((const uint8_t *)at, left, &code_point);
    return length > 0 ? length : 1;
}

static void write_character(FILE *out, const char *at, size_t length)
{
    if (length == 0)
        fputs("\xEF\xBF\xBD", out); /* U+FFFD */
    else if (*at == '&')
        fputs("&amp;", out);
    else if (*at == '<')
        fputs("&lt;", out);
    else if (*at == '>')
        fputs("&gt;", out);
    else if (*at == '"')
        fputs("&quot;", out);
    else
        fwrite(at, 1, length, out);
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (size_t left = strlen(text); left > 0; count++) {
        size_t step = step_length(text, left);
        text += step;
        left -= step;
    }
    return count;
}

/* Characters from number `from` on. */
static void write_characters(FILE *out, const char *text, size_t from)
{
    size_t left = strlen(text);
    for (size_t i = 0; left > 0; i++) {
        size_t step = step_length(text, left);
        if (i >= from)
            write_character(out, text, character_length(text, left));
        text += step;
        left -= step;
    }
}

void map_svg_text(FILE *out, const char *text)
{
    write_characters(out, text, 0);
}

void map_svg_text_end(FILE *out, const char *text, size_t limit)
{
    size_t count = count_characters(text);
    if (count > limit)
        fputs("\xE2\x80\xA6", out); /* an ellipsis */
    write_characters(out, text, count > limit ? count - limit + 1 : 0);
}

void map_svg_position(FILE *out, int x, double y, const char *anchor, uint64_t position)
{
    fprintf(out,
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"%s\" fill=\"#444\">0x%08" PRIx64 "</text>\n",
            x, y, anchor, position);
}

map_size_text map_size(uint64_t size)
{
    static const char *const units[] = {"B", "KB", "MB", "GB"};
    map_size_text text;
    size_t unit = 0;
    double value = (double)size;
    for (; value >= 1024 && unit < 3; unit++)
        value /= 1024;
    bool is_whole = value >= 100 || value == (double)(uint64_t)value;
    snprintf(text.text, sizeof text.text, "%.*f %s", is_whole ? 0 : 1, value, units[unit]);
    return text;
}
