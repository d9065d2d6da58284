/*
 * coff.h: COFF symbols, the string table, and section names that lie there. Part of pe.h.
 *
 * All of it lies behind the image in the file; mapped layout has none of it.
 */
#ifndef PELOAD_PE_COFF_H
#define PELOAD_PE_COFF_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- [PE COFF String Table] ---- */

/* The table, its size field included: an offset counts from the start of that. */
typedef struct pe_coff_strings {
    pe_offset offset;
    pe_span bytes;     /* borrowed; ends with the file at the latest */
    uint32_t size;     /* as stored */
    pe_budget *budget; /* the image's: what reads strings pays from it */
} pe_coff_strings;

/* PE_OK, PE_NOT_PRESENT (no symbol table, or mapped layout), PE_OUT_OF_BOUNDS (it starts beyond the
 * file). */
PE_API pe_status pe_coff_strings_open(const pe_image *image, pe_coff_strings *ret_strings);

/* The string at `offset` without its NUL, borrowed. PE_OUT_OF_BOUNDS outside the table, or when no
 * NUL ends it there; PE_BAD_FORMAT inside the size field. */
PE_API pe_status pe_coff_string(const pe_coff_strings *strings, uint32_t offset,
                                pe_span *ret_string);

/*
 * The whole name of a section of this image, borrowed from it. A name "/123" or "//AAAAAA" (base
 * 64, of LLVM) is the offset of the name in the string table; images have such names from mingw and
 * others, though [PE Section Table] has them in object files only, and Windows does not resolve
 * them (rule K5). PE_OK; PE_BAD_FORMAT for a "/" with anything but digits; else as pe_coff_string.
 */
PE_API pe_status pe_section_name(const pe_image *image, const pe_section *section,
                                 pe_span *ret_name);

/* ---- [PE COFF Symbol Table] ---- */

/* Section numbers that are none. */
enum { PE_COFF_UNDEFINED = 0, PE_COFF_ABSOLUTE = -1, PE_COFF_DEBUG = -2 };

/* [PE Storage Class] */
#define PE_COFF_CLASS_LIST(X) \
    X(END_OF_FUNCTION, 0xFF)  \
    X(NULL, 0)                \
    X(AUTOMATIC, 1)           \
    X(EXTERNAL, 2)            \
    X(STATIC, 3)              \
    X(REGISTER, 4)            \
    X(EXTERNAL_DEF, 5)        \
    X(LABEL, 6)               \
    X(UNDEFINED_LABEL, 7)     \
    X(MEMBER_OF_STRUCT, 8)    \
    X(ARGUMENT, 9)            \
    X(STRUCT_TAG, 10)         \
    X(MEMBER_OF_UNION, 11)    \
    X(UNION_TAG, 12)          \
    X(TYPE_DEFINITION, 13)    \
    X(UNDEFINED_STATIC, 14)   \
    X(ENUM_TAG, 15)           \
    X(MEMBER_OF_ENUM, 16)     \
    X(REGISTER_PARAM, 17)     \
    X(BIT_FIELD, 18)          \
    X(BLOCK, 100)             \
    X(FUNCTION, 101)          \
    X(END_OF_STRUCT, 102)     \
    X(FILE, 103)              \
    X(SECTION, 104)           \
    X(WEAK_EXTERNAL, 105)     \
    X(CLR_TOKEN, 107)

/* "EXTERNAL" for 2, and so on; NULL for what is not listed. Static. */
PE_API const char *pe_coff_class_name(uint8_t storage_class);

/* 18 bytes, and as many for each auxiliary record behind it. */
typedef struct pe_coff_symbol {
    pe_offset offset;
    uint32_t index; /* auxiliary records count too */
    pe_span name;   /* borrowed; empty if it cannot be read */
    pe_status name_status;
    uint32_t value;
    int32_t section; /* from 1 on, or one of the above */
    uint16_t type;   /* bits 0-3 base type, 4-7 complex type: 0x20 is a function */
    uint8_t storage_class;
    uint8_t auxiliary_count;
    pe_span auxiliary; /* borrowed: 18 * auxiliary_count bytes */
} pe_coff_symbol;

typedef struct pe_coff_iter {
    const pe_image *image;
    pe_coff_strings strings;
    pe_status strings_status;
    uint64_t next; /* index */
    pe_status status;
} pe_coff_iter;

/* The symbols of the file header's table. */
PE_API void pe_coff_symbols(const pe_image *image, pe_coff_iter *ret_iter);
/*
 * PE_OK with the next symbol; PE_END; PE_NOT_PRESENT without a table or with no symbols, and in
 * mapped layout; PE_OUT_OF_BOUNDS for a symbol, with its auxiliary records, that leaves the table
 * or the file (rule K6). All but PE_OK are said again. A name that cannot be read is the symbol's
 * matter.
 */
PE_API pe_status pe_coff_next(pe_coff_iter *iter, pe_coff_symbol *ret_symbol);

#ifdef __cplusplus
}
#endif

#endif
