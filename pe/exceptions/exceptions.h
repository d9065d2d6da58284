/*
 * exceptions.h: function tables and unwind information. Part of pe.h.
 */
#ifndef PELOAD_PE_EXCEPTIONS_H
#define PELOAD_PE_EXCEPTIONS_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Exceptions of x64: [PE The .pdata Section] and "x64 exception handling" -------------------
 */

/* A RUNTIME_FUNCTION: 12 bytes. */
typedef struct pe_x64_function {
    pe_rva at; /* of the entry itself */
    pe_rva begin, end;
    pe_rva unwind;    /* of its UNWIND_INFO; if indirect, of another RUNTIME_FUNCTION */
    bool is_indirect; /* bit 0 of the stored value, which `unwind` is without */
} pe_x64_function;

typedef struct pe_x64_function_iter {
    const pe_image *image;
    uint64_t next, end; /* RVAs, widened */
    pe_status status;
} pe_x64_function_iter;

/*
 * The functions of the exception directory: as many as its size holds, in the order of the table.
 * PE_NOT_PRESENT without a directory, and for machines other than x64.
 */
PE_API void pe_x64_functions(const pe_image *image, pe_x64_function_iter *ret_iter);
/* PE_OK with the next function, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_x64_function_next(pe_x64_function_iter *iter, pe_x64_function *ret_function);

/* The RUNTIME_FUNCTION at `rva`, wherever that is; an indirect one is not followed. */
PE_API pe_status pe_x64_function_at(const pe_image *image, pe_rva rva,
                                    pe_x64_function *ret_function);

/* Flags of UNWIND_INFO. */
enum {
    PE_X64_EXCEPTION_HANDLER = 1,
    PE_X64_TERMINATION_HANDLER = 2,
    PE_X64_CHAINED = 4,
};

/* Slots that the count byte of UNWIND_INFO can tell. */
enum { PE_X64_MAX_SLOTS = 255 };

/*
 * An UNWIND_INFO, copied out of the image. Versions 1 and 2 are known; of any other, the first
 * four bytes are all that is decoded (`is_known` is false, `size` is 4).
 */
typedef struct pe_x64_unwind {
    pe_rva at;
    uint32_t size; /* bytes: header, slots with padding, handler RVA or chained entry */
    bool is_known;
    uint8_t version, flags;
    uint8_t prolog_size;
    uint8_t slot_count;     /* a code takes 1 to 3 slots of 2 bytes */
    uint8_t frame_register; /* 0: none */
    uint8_t frame_offset;   /* of the frame register from RSP, in bytes (scaled by 16) */
    bool has_handler;       /* one of the two handler flags, and not chained */
    pe_rva handler;
    pe_rva language_data; /* what follows the handler's RVA; its shape is the handler's own */
    bool is_chained;      /* takes precedence over the handler flags */
    pe_x64_function parent;
    uint8_t slots[2 * PE_X64_MAX_SLOTS];
} pe_x64_unwind;

/* Reads the UNWIND_INFO at `rva`: PE_OK, or the status of reading it. */
PE_API pe_status pe_x64_unwind_at(const pe_image *image, pe_rva rva, pe_x64_unwind *ret_unwind);

/* Unwind operations. 6 and 7 are what they are in version 2; version 1 has SAVE_XMM and
 * SAVE_XMM_FAR, of which nothing but their 2 and 3 slots is documented. */
#define PE_X64_OPERATION_LIST(X) \
    X(PUSH_NONVOL, 0)            \
    X(ALLOC_LARGE, 1)            \
    X(ALLOC_SMALL, 2)            \
    X(SET_FPREG, 3)              \
    X(SAVE_NONVOL, 4)            \
    X(SAVE_NONVOL_FAR, 5)        \
    X(EPILOG, 6)                 \
    X(SPARE_CODE, 7)             \
    X(SAVE_XMM128, 8)            \
    X(SAVE_XMM128_FAR, 9)        \
    X(PUSH_MACHFRAME, 10)

typedef enum pe_x64_operation {
#define X(name, number) PE_X64_##name = number,
    PE_X64_OPERATION_LIST(X)
#undef X
} pe_x64_operation;

/* "PUSH_NONVOL" and so on, "UNKNOWN" beyond the list; static. */
PE_API const char *pe_x64_operation_name(uint32_t operation);

/* "RAX" to "R15" for 0 to 15, "UNKNOWN" beyond; static. */
PE_API const char *pe_x64_register_name(uint32_t number);

/*
 * One unwind code. `value` is in bytes, and by operation:
 *   ALLOC_*          the size of the allocation
 *   SET_FPREG        the offset of the frame register from RSP
 *   SAVE_*           where the register `info` is saved, from RSP after the prolog
 *   EPILOG           the first one: the length of each epilog, one of which ends the function if
 *                    bit 0 of `info` is set; others: how far before the end of the function an
 *                    epilog starts, 0 for padding
 *   the others       0 (PUSH_NONVOL names its register in `info`; PUSH_MACHFRAME says there whether
 *                    an error code was pushed)
 */
typedef struct pe_x64_code {
    pe_rva at;
    uint32_t slot_count; /* 1 to 3, of 2 bytes each */
    uint8_t prolog_offset;
    uint8_t operation, info;
    uint32_t operand; /* the slots after the first, as stored */
    uint32_t value;
} pe_x64_code;

typedef struct pe_x64_code_iter {
    const pe_x64_unwind *unwind;
    uint32_t next; /* slot */
    pe_status status;
} pe_x64_code_iter;

/* The codes of `unwind`; PE_NOT_PRESENT if its version is not known. */
PE_API void pe_x64_codes(const pe_x64_unwind *unwind, pe_x64_code_iter *ret_iter);
/* PE_OK with the next code, PE_END, or PE_BAD_FORMAT (an operation that does not exist or whose
 * slots are not all there), said again by every later call. */
PE_API pe_status pe_x64_code_next(pe_x64_code_iter *iter, pe_x64_code *ret_code);

/* Entries of one chain that are followed: a chain that loops has no end. */
enum { PE_X64_CHAIN_LIMIT = 32 };

/* The entries that describe one function: its own, then those it is chained to. */
typedef struct pe_x64_chain_iter {
    const pe_image *image;
    pe_x64_function next;
    uint32_t steps;
    pe_status status;
} pe_x64_chain_iter;

PE_API void pe_x64_chain(const pe_image *image, const pe_x64_function *function,
                         pe_x64_chain_iter *ret_iter);
/*
 * PE_OK with the next link (`ret_function`, to which an indirect entry has led, and its unwind
 * information), PE_END after the last, or an error that is said again: that of reading it, or
 * PE_BAD_FORMAT after PE_X64_CHAIN_LIMIT entries, as in a chain that loops. Each indirect entry
 * counts as one.
 */
PE_API pe_status pe_x64_chain_next(pe_x64_chain_iter *iter, pe_x64_function *ret_function,
                                   pe_x64_unwind *ret_unwind);

#ifdef __cplusplus
}
#endif

#endif
