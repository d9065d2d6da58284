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
    pe_window window;
    uint64_t next, end; /* RVAs, widened */
    pe_status status;
} pe_x64_function_iter;

/*
 * The functions of the exception directory: as many as its size holds, in the order of the table.
 * PE_NOT_PRESENT without a directory, and for machines other than x64.
 */
PE_API void pe_x64_functions(const pe_image *image, pe_x64_function_iter *ret_iter);

/* Those of another table, such as the one that the metadata of ARM64X name (pe_chpe). */
PE_API void pe_x64_functions_in(const pe_image *image, pe_directory table,
                                pe_x64_function_iter *ret_iter);

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

/* ---- Exceptions of ARM64 and ARM: "ARM64 exception handling", "ARM exception handling" ---------
 *
 * Both have functions of 8 bytes, whose second word either is the unwind information (packed) or
 * the RVA of it (.xdata). What an instruction does is told in bytes of the stack, whatever the
 * scale it is stored in.
 */

/* Bits 0 and 1 of the second word. */
typedef enum pe_arm_flag {
    PE_ARM_XDATA,
    PE_ARM_PACKED,          /* with prolog and epilogs */
    PE_ARM_PACKED_FRAGMENT, /* without prolog */
    PE_ARM_RESERVED,
} pe_arm_flag;

typedef struct pe_arm_function {
    pe_rva at;
    bool is_64;
    pe_rva begin;  /* ARM: without bit 0, which says Thumb */
    uint32_t word; /* the second word as stored */
    pe_arm_flag flag;
    pe_rva xdata; /* of PE_ARM_XDATA */
} pe_arm_function;

typedef struct pe_arm_function_iter {
    const pe_image *image;
    bool is_64;
    uint64_t next, end; /* RVAs, widened */
    pe_status status;
} pe_arm_function_iter;

/* The functions of the exception directory. PE_NOT_PRESENT without one, and for machines other than
 * ARM64, ARM64X and ARMNT. */
PE_API void pe_arm_functions(const pe_image *image, pe_arm_function_iter *ret_iter);

/* Those of another table, such as the one that the metadata of ARM64EC names: of ARM64 if `is_64`,
 * otherwise of ARM. */
PE_API void pe_arm_functions_in(const pe_image *image, pe_directory table, bool is_64,
                                pe_arm_function_iter *ret_iter);

/* PE_OK with the next function, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_arm_function_next(pe_arm_function_iter *iter, pe_arm_function *ret_function);

/* What `chain` is: CR of ARM64. Of ARM it is 1 if r11 makes a chain of frames. */
enum {
    PE_ARM64_UNCHAINED,
    PE_ARM64_UNCHAINED_WITH_LR,
    PE_ARM64_CHAINED_WITH_SIGNED_LR,
    PE_ARM64_CHAINED,
};

/* How a function of ARM returns. */
enum {
    PE_ARM_RETURNS_BY_POP,
    PE_ARM_RETURNS_BY_SHORT_BRANCH, /* of 2 bytes */
    PE_ARM_RETURNS_BY_LONG_BRANCH,  /* of 4 bytes */
    PE_ARM_HAS_NO_EPILOG,
};

/* Packed unwind information. Members of one machine are 0 for the other. */
typedef struct pe_arm_packed {
    uint32_t length; /* of the function, in bytes */
    bool homes_parameters;
    uint32_t registers; /* RegI of ARM64: how many are saved, from x19 on; Reg of ARM: the last
                           one that is, from r4 or d8 on, but 7 with saves_float is none */
    uint32_t float_registers; /* RegF of ARM64: 0 is none, otherwise one more is saved from d8 on */
    uint32_t chain;           /* CR of ARM64, C of ARM */
    uint32_t frame_size;      /* ARM64, in bytes, with what is saved */
    uint32_t returns;         /* Ret of ARM */
    bool saves_float;         /* R of ARM: the registers are those of floating point */
    bool saves_lr;            /* L of ARM */
    uint32_t stack_adjust;    /* ARM: as stored; from 0x3F4 on, it has bits of its own */
    uint32_t stack_size;      /* ARM: what stack_adjust says, in bytes, without what is saved */
    bool folds_prolog;        /* ARM: the push of the registers makes that room with them */
    bool folds_epilog;        /* ARM: and their pop frees it */
} pe_arm_packed;

/* PE_OK, or PE_BAD_FORMAT for a function that is not packed. */
PE_API pe_status pe_arm_packed_of(const pe_arm_function *function, pe_arm_packed *ret_packed);

/* The header of an .xdata record and where its parts are. */
typedef struct pe_arm_xdata {
    pe_rva at;
    bool is_64;
    uint32_t size;    /* bytes: header, epilogs, codes and the handler's RVA */
    uint32_t length;  /* of the function, in bytes */
    uint32_t version; /* 0 is all that is documented */
    bool has_handler;
    bool is_fragment; /* ARM: no prolog */
    bool is_packed;   /* one epilog, at the end of the function, with no scope of its own */
    uint32_t epilog_count;
    uint32_t first_epilog; /* if packed: byte of the codes at which the epilog starts */
    pe_rva epilogs;
    pe_rva codes;
    uint32_t code_size; /* bytes */
    pe_rva handler, language_data;
} pe_arm_xdata;

/* Reads the record that a function names: PE_OK, PE_BAD_FORMAT if it names none, or the status of
 * reading it. That its parts lie inside the image is found out where they are read. */
PE_API pe_status pe_arm_xdata_open(const pe_image *image, const pe_arm_function *function,
                                   pe_arm_xdata *ret_xdata);

/* An epilog scope: 4 bytes. */
typedef struct pe_arm_epilog {
    pe_rva at;
    uint32_t start;     /* from the start of the function, in bytes */
    uint32_t condition; /* of ARM; 14 is always */
    uint32_t code;      /* byte of the codes at which the epilog starts */
} pe_arm_epilog;

/* The scope `index`: PE_NOT_FOUND from epilog_count on, or the status of reading it. */
PE_API pe_status pe_arm_epilog_at(const pe_image *image, const pe_arm_xdata *xdata, uint32_t index,
                                  pe_arm_epilog *ret_epilog);

/*
 * Unwind codes of ARM64: X(NAME, MASK, MATCH, SIZE; of the bytes, taken as one big-endian number,
 * where the register is: FIRST + STEP * bits (SHIFT, BITS); and the value: (bits + ADD) * SCALE).
 */
#define PE_ARM64_CODE_LIST(X)                                    \
    X(ALLOC_S, 0xE0, 0x00, 1, 0, 0, 0, 0, 5, 0, 16)              \
    X(SAVE_R19R20_X, 0xE0, 0x20, 1, 19, 0, 0, 0, 5, 0, 8)        \
    X(SAVE_FPLR, 0xC0, 0x40, 1, 29, 0, 0, 0, 6, 0, 8)            \
    X(SAVE_FPLR_X, 0xC0, 0x80, 1, 29, 0, 0, 0, 6, 1, 8)          \
    X(ALLOC_M, 0xF8, 0xC0, 2, 0, 0, 0, 0, 11, 0, 16)             \
    X(SAVE_REGP, 0xFC, 0xC8, 2, 19, 1, 6, 4, 6, 0, 8)            \
    X(SAVE_REGP_X, 0xFC, 0xCC, 2, 19, 1, 6, 4, 6, 1, 8)          \
    X(SAVE_REG, 0xFC, 0xD0, 2, 19, 1, 6, 4, 6, 0, 8)             \
    X(SAVE_REG_X, 0xFE, 0xD4, 2, 19, 1, 5, 4, 5, 1, 8)           \
    X(SAVE_LRPAIR, 0xFE, 0xD6, 2, 19, 2, 6, 3, 6, 0, 8)          \
    X(SAVE_FREGP, 0xFE, 0xD8, 2, 8, 1, 6, 3, 6, 0, 8)            \
    X(SAVE_FREGP_X, 0xFE, 0xDA, 2, 8, 1, 6, 3, 6, 1, 8)          \
    X(SAVE_FREG, 0xFE, 0xDC, 2, 8, 1, 6, 3, 6, 0, 8)             \
    X(SAVE_FREG_X, 0xFF, 0xDE, 2, 8, 1, 5, 3, 5, 1, 8)           \
    X(ALLOC_Z, 0xFF, 0xDF, 2, 0, 0, 0, 0, 8, 0, 1)               \
    X(ALLOC_L, 0xFF, 0xE0, 4, 0, 0, 0, 0, 24, 0, 16)             \
    X(SET_FP, 0xFF, 0xE1, 1, 0, 0, 0, 0, 0, 0, 0)                \
    X(ADD_FP, 0xFF, 0xE2, 2, 0, 0, 0, 0, 8, 0, 8)                \
    X(NOP, 0xFF, 0xE3, 1, 0, 0, 0, 0, 0, 0, 0)                   \
    X(END, 0xFF, 0xE4, 1, 0, 0, 0, 0, 0, 0, 0)                   \
    X(END_C, 0xFF, 0xE5, 1, 0, 0, 0, 0, 0, 0, 0)                 \
    X(SAVE_NEXT, 0xFF, 0xE6, 1, 0, 0, 0, 0, 0, 0, 0)             \
    X(SAVE_ANY_REG, 0xFF, 0xE7, 3, 0, 1, 8, 5, 6, 0, 8)          \
    X(TRAP_FRAME, 0xFF, 0xE8, 1, 0, 0, 0, 0, 0, 0, 0)            \
    X(MACHINE_FRAME, 0xFF, 0xE9, 1, 0, 0, 0, 0, 0, 0, 0)         \
    X(CONTEXT, 0xFF, 0xEA, 1, 0, 0, 0, 0, 0, 0, 0)               \
    X(EC_CONTEXT, 0xFF, 0xEB, 1, 0, 0, 0, 0, 0, 0, 0)            \
    X(CLEAR_UNWOUND_TO_CALL, 0xFF, 0xEC, 1, 0, 0, 0, 0, 0, 0, 0) \
    X(PAC_SIGN_LR, 0xFF, 0xFC, 1, 0, 0, 0, 0, 0, 0, 0)

/* Unwind codes of ARM, in the same columns. Those whose registers are a set tell it in `registers`.
 */
#define PE_ARM_CODE_LIST(X)                            \
    X(ALLOC_S, 0x80, 0x00, 1, 0, 0, 0, 0, 7, 0, 4)     \
    X(POP_W, 0xC0, 0x80, 2, 0, 0, 0, 0, 0, 0, 0)       \
    X(MOV_SP, 0xF0, 0xC0, 1, 0, 1, 0, 4, 0, 0, 0)      \
    X(POP_R4_TO, 0xF8, 0xD0, 1, 0, 0, 0, 0, 0, 0, 0)   \
    X(POP_R4_TO_W, 0xF8, 0xD8, 1, 0, 0, 0, 0, 0, 0, 0) \
    X(VPOP_D8_TO, 0xF8, 0xE0, 1, 0, 0, 0, 0, 0, 0, 0)  \
    X(ALLOC_M_W, 0xFC, 0xE8, 2, 0, 0, 0, 0, 10, 0, 4)  \
    X(POP, 0xFE, 0xEC, 2, 0, 0, 0, 0, 0, 0, 0)         \
    X(MICROSOFT, 0xFF, 0xEE, 2, 0, 0, 0, 0, 8, 0, 1)   \
    X(LDR_LR, 0xFF, 0xEF, 2, 14, 0, 0, 0, 4, 0, 4)     \
    X(VPOP, 0xFF, 0xF5, 2, 0, 0, 0, 0, 0, 0, 0)        \
    X(VPOP_D16, 0xFF, 0xF6, 2, 0, 0, 0, 0, 0, 0, 0)    \
    X(ALLOC_L, 0xFF, 0xF7, 3, 0, 0, 0, 0, 16, 0, 4)    \
    X(ALLOC_XL, 0xFF, 0xF8, 4, 0, 0, 0, 0, 24, 0, 4)   \
    X(ALLOC_L_W, 0xFF, 0xF9, 3, 0, 0, 0, 0, 16, 0, 4)  \
    X(ALLOC_XL_W, 0xFF, 0xFA, 4, 0, 0, 0, 0, 24, 0, 4) \
    X(NOP, 0xFF, 0xFB, 1, 0, 0, 0, 0, 0, 0, 0)         \
    X(NOP_W, 0xFF, 0xFC, 1, 0, 0, 0, 0, 0, 0, 0)       \
    X(END_NOP, 0xFF, 0xFD, 1, 0, 0, 0, 0, 0, 0, 0)     \
    X(END_NOP_W, 0xFF, 0xFE, 1, 0, 0, 0, 0, 0, 0, 0)   \
    X(END, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0, 0, 0)

typedef enum pe_arm_operation {
#define X(name, ...) PE_ARM64_##name,
    PE_ARM64_CODE_LIST(X)
#undef X
#define X(name, ...) PE_ARM_##name,
        PE_ARM_CODE_LIST(X)
#undef X
            PE_ARM_OPERATION_COUNT
} pe_arm_operation;

/* "SAVE_FPLR_X" and so on, NULL beyond the lists; static. */
PE_API const char *pe_arm_operation_name(pe_arm_operation operation);

/*
 * One unwind code. `value` is in bytes: a size, or an offset from the stack pointer. For vectors
 * whose length only the processor knows (SVE) it counts lengths of a vector (ALLOC_Z, kind 'z') or
 * eighths of one (kind 'p'). `first` is the register that the code names, or the first of a pair:
 * x, of the FREG ones d; of MOV_SP and LDR_LR r. SAVE_ANY_REG has its class in `kind`. A code can
 * name registers that are not there: up to x35, d32 and q32 with the second of a pair.
 */
typedef struct pe_arm_code {
    pe_rva at;
    uint32_t size;             /* 1 to 4 bytes */
    uint32_t instruction_size; /* of ARM: 2 or 4 bytes, 0 for END */
    pe_arm_operation operation;
    uint32_t bits; /* the bytes as one big-endian number */
    uint32_t value;
    uint32_t first;
    uint32_t registers;         /* ARM: bit n is r(n), or of the VPOP ones d(n) */
    char kind;                  /* of SAVE_ANY_REG: 'x', 'd', 'q', 'z' or 'p' (SVE) */
    bool is_pair, is_writeback; /* of SAVE_ANY_REG */
} pe_arm_code;

typedef struct pe_arm_code_iter {
    const pe_image *image;
    pe_arm_xdata xdata;
    uint32_t next; /* byte of the codes */
    bool is_last;
    pe_status status;
} pe_arm_code_iter;

/*
 * The codes from byte `start` on: 0 for the prolog, in reverse order of its instructions; that of
 * an epilog for the epilog. END_C is a code among others: those before it are of the instructions
 * that are in this function, those behind it, up to the end, of the function that it is a part of,
 * whose frame is there as well.
 */
PE_API void pe_arm_codes(const pe_image *image, const pe_arm_xdata *xdata, uint32_t start,
                         pe_arm_code_iter *ret_iter);

/*
 * PE_OK with the next code, the one that ends the sequence included; PE_END behind it, or where the
 * codes are over, which epilogs of Microsoft's compiler rely on; PE_BAD_FORMAT for a reserved code,
 * for one that is cut off and if `start` is not among the codes; or the status of reading them. All
 * but PE_OK are said again.
 */
PE_API pe_status pe_arm_code_next(pe_arm_code_iter *iter, pe_arm_code *ret_code);

#ifdef __cplusplus
}
#endif

#endif
