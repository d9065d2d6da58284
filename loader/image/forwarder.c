#include "image/forwarder.h"

static bool parse_ordinal(pe_span digits, uint32_t *ret_ordinal)
{
    uint32_t value = 0;
    if (digits.size == 0)
        return false;
    for (uint64_t i = 0; i < digits.size; i++) {
        uint8_t c = digits.data[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (uint32_t)(c - '0');
        if (value > UINT16_MAX)
            return false;
    }
    *ret_ordinal = value;
    return true;
}

bool ldr__forwarder_parse(pe_span text, ldr__forwarder *ret_forwarder)
{
    uint64_t dot = text.size;
    while (dot > 0 && text.data[dot - 1] != '.')
        dot--;
    if (dot < 2 || dot == text.size)
        return false;
    ldr__forwarder out = {.dll = {text.data, dot - 1}, .name = {text.data + dot, text.size - dot}};
    if (out.name.data[0] == '#') {
        pe_span digits = {out.name.data + 1, out.name.size - 1};
        out.by_ordinal = true;
        if (!parse_ordinal(digits, &out.ordinal))
            return false;
    }
    *ret_forwarder = out;
    return true;
}
