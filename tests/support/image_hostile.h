/*
 * image_hostile.h: images of about 1 MB that are made to be slow: tables that overlap, loop, repeat
 * each other, or lead to the same long names. Known killers of PE parsers, and worse.
 */
#ifndef PELOAD_TESTS_IMAGE_HOSTILE_H
#define PELOAD_TESTS_IMAGE_HOSTILE_H

#include "image_builder.h"

#define HOSTILE_LIST(X)            \
    X(RESOURCES_THAT_LOOP)         \
    X(RESOURCES_OF_ONE_LEAF)       \
    X(MESSAGES_OF_ONE_TEXT)        \
    X(RELOCATION_BLOCKS_OF_SIZE_0) \
    X(RELOCATION_BLOCKS_OF_SIZE_4) \
    X(RELOCATION_BLOCKS_THAT_WRAP) \
    X(RELOCATION_BLOCKS_OF_8)      \
    X(EXPORTS_WITHOUT_END)         \
    X(EXPORTS_OF_ONE_LONG_NAME)    \
    X(IMPORTS_OF_ONE_TABLE)        \
    X(IMPORTS_OF_ONE_LONG_NAME)    \
    X(IMPORT_NAMES_WITHOUT_NUL)    \
    X(DELAY_IMPORTS_OF_ONE_TABLE)  \
    X(SECTIONS_65535)              \
    X(SECTIONS_OF_THE_SAME_BYTES)  \
    X(SECTION_NAMES_OF_ONE_STRING) \
    X(SYMBOLS_OF_ONE_LONG_NAME)    \
    X(CERTIFICATE_LENGTH_0)        \
    X(CERTIFICATE_LENGTH_NEGATIVE) \
    X(CERTIFICATES_OF_8)           \
    X(UNWIND_CHAINS_THAT_LOOP)     \
    X(UNWIND_CODES_OF_ONE_RECORD)  \
    X(TLS_CALLBACKS_NOWHERE)       \
    X(IMPORTS_OVER_TLS_INDEX)      \
    X(DEBUG_ENTRIES_OF_ONE_BLOCK)

typedef enum hostile_kind {
#define X(name) HOSTILE_##name,
    HOSTILE_LIST(X)
#undef X
        HOSTILE_COUNT
} hostile_kind;

const char *hostile_name(hostile_kind kind);

/* The caller releases it with img_free. */
img_image hostile_make(hostile_kind kind);

#endif
