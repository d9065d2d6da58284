#include "pe/coff/symbol.h"
#include "pe/image/address.h"

#include <string.h>

enum { SIZE_FIELD = 4 };

pe_span pe__coff_short_name(const uint8_t *name, uint32_t size)
{
    const uint8_t *end = memchr(name, 0, size);
    return (pe_span){name, end != NULL ? (uint64_t)(end - name) : size};
}

pe_status pe_coff_strings_open(const pe_image *image, pe_coff_strings *ret_strings)
{
    uint64_t start =
        image->file.symbol_table + (uint64_t)COFF_SYMBOL_SIZE * image->file.symbol_count;
    if (image->file.symbol_table == 0 || image->layout != PE_LAYOUT_FILE)
        return PE_NOT_PRESENT;
    if (!pe_range_ok(image->bytes.size, start, SIZE_FIELD))
        return PE_OUT_OF_BOUNDS;
    const uint8_t *data = image->bytes.data + start;
    uint32_t size = pe__load_u32(data);
    *ret_strings = (pe_coff_strings){
        .offset = {start},
        .bytes = {data, pe__min(size, image->bytes.size - start)},
        .size = size,
        .budget = image->budget,
    };
    return PE_OK;
}

pe_status pe_coff_string(const pe_coff_strings *strings, uint32_t offset, pe_span *ret_string)
{
    if (offset < SIZE_FIELD)
        return PE_BAD_FORMAT;
    if (offset >= strings->bytes.size)
        return PE_OUT_OF_BOUNDS;
    if (!pe__pay(strings->budget, strings->offset.value + offset, PE__COST_RECORD))
        return PE_BUDGET_SPENT;
    const uint8_t *start = strings->bytes.data + offset;
    uint64_t rest = strings->bytes.size - offset;
    const uint8_t *end = memchr(start, 0, (size_t)rest);
    uint64_t size = end != NULL ? (uint64_t)(end - start) : rest;
    if (!pe__pay(strings->budget, strings->offset.value + offset, size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    if (end == NULL)
        return PE_OUT_OF_BOUNDS;
    *ret_string = (pe_span){start, size};
    return PE_OK;
}

/* The value of a digit in base 10 or 64, or the base itself for what is none. */
static uint32_t digit_value(uint8_t digit, uint32_t base)
{
    if (base == 10)
        return digit >= '0' && digit <= '9' ? (uint32_t)digit - '0' : base;
    if (digit >= 'A' && digit <= 'Z')
        return (uint32_t)digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return (uint32_t)digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return (uint32_t)digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : base;
}

static pe_status parse_offset(pe_span digits, uint32_t base, uint32_t *ret_offset)
{
    uint64_t value = 0;
    for (uint64_t i = 0; i < digits.size; i++) {
        uint32_t digit = digit_value(digits.data[i], base);
        if (digit == base)
            return PE_BAD_FORMAT;
        value = value * base + digit;
    }
    if (digits.size == 0)
        return PE_BAD_FORMAT;
    if (value > UINT32_MAX)
        return PE_OUT_OF_BOUNDS;
    *ret_offset = (uint32_t)value;
    return PE_OK;
}

pe_status pe_section_name(const pe_image *image, const pe_section *section, pe_span *ret_name)
{
    pe_coff_strings strings;
    uint32_t offset = 0;
    if (!pe_range_ok(image->headers.size, section->offset.value, COFF_SHORT_NAME))
        return PE_OUT_OF_BOUNDS;
    const uint8_t *stored = image->headers.data + section->offset.value;
    pe_span name = pe__coff_short_name(stored, COFF_SHORT_NAME);
    if (name.size == 0 || name.data[0] != '/') {
        *ret_name = name;
        return PE_OK;
    }
    bool is_base64 = name.size > 1 && name.data[1] == '/';
    uint32_t skip = is_base64 ? 2 : 1;
    pe_span digits = {name.data + skip, name.size - skip};
    pe_status status = parse_offset(digits, is_base64 ? 64 : 10, &offset);
    if (status == PE_OK)
        status = pe_coff_strings_open(image, &strings);
    return status == PE_OK ? pe_coff_string(&strings, offset, ret_name) : status;
}
