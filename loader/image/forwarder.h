/* forwarder.h: the text of a forwarded export, "DLL.function" or "DLL.#ordinal" (rule E.2). */
#ifndef PELOAD_IMAGE_FORWARDER_H
#define PELOAD_IMAGE_FORWARDER_H

#include <peload/pe.h>

/* The parts of a forwarder's text, borrowed from it. */
typedef struct ldr__forwarder {
    pe_span dll; /* without extension as a rule */
    bool by_ordinal;
    uint32_t ordinal;
    pe_span name;
} ldr__forwarder;

/* Splits at the last dot, as newer systems do. False for a text that is no forwarder. */
bool ldr__forwarder_parse(pe_span text, ldr__forwarder *ret_forwarder);

#endif
