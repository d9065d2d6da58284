/*
 * linking.h: what ties an image to others and to its place: exports, imports, relocations, TLS.
 * Part of pe.h.
 */
#ifndef PELOAD_PE_LINKING_H
#define PELOAD_PE_LINKING_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Exports: [PE The .edata Section] ---- */

typedef struct pe_exports {
    pe_directory directory;
    pe_rva name; /* the DLL's own name */
    uint32_t time_date_stamp;
    uint32_t ordinal_base;
    uint32_t slot_count;
    uint32_t name_count;
    pe_rva slots, names, name_ordinals;
    pe_window window; /* where the directory lies, and in most images all that it names */
} pe_exports;

/* One slot. `name` is empty when asked for by ordinal. A forwarder's text is "DLL.name" or
 * "DLL.#n". */
typedef struct pe_export {
    uint32_t ordinal; /* as importers write it: slot + ordinal base */
    pe_rva rva;
    pe_span name;
    bool is_forwarder; /* rva lies inside the export directory */
    pe_span forwarder;
} pe_export;

/* PE_OK, PE_NOT_PRESENT, or the status of reading the directory. */
PE_API pe_status pe_exports_open(const pe_image *image, pe_exports *ret_exports);

/* The same directory again, of the same image, whose bytes may have changed; it need not be looked
 * for. */
PE_API pe_status pe_exports_reopen(const pe_image *image, const pe_exports *before,
                                   pe_exports *ret_exports);

/* The slot of `ordinal`. PE_NOT_FOUND beyond the table or where the slot is 0. */
PE_API pe_status pe_export_by_ordinal(const pe_image *image, const pe_exports *exports,
                                      uint32_t ordinal, pe_export *ret_export);

/*
 * The export called `name`: first the name at index `hint`, then binary search by bytes, as ntdll
 * does (an unsorted table makes names unfindable except by hint). PE_NOT_FOUND if there is none.
 */
PE_API pe_status pe_export_by_name(const pe_image *image, const pe_exports *exports, pe_span name,
                                   uint32_t hint, pe_export *ret_export);

/* The export at `index` of the name table if that is its name: what pe_export_by_name does first.
 * PE_END if it is not, or cannot be told; PE_NOT_FOUND where its slot is 0. */
PE_API pe_status pe_export_by_hint(const pe_image *image, const pe_exports *exports, pe_span name,
                                   uint32_t index, pe_export *ret_export);

/* The name at `index` of the name table alone, whatever slot it names. PE_NOT_FOUND from name_count
 * on. */
PE_API pe_status pe_export_name(const pe_image *image, const pe_exports *exports, uint32_t index,
                                pe_span *ret_name);

/* The name at `index` (0 <= index < name_count) of the name table, with the slot it names. */
PE_API pe_status pe_export_name_at(const pe_image *image, const pe_exports *exports, uint32_t index,
                                   pe_export *ret_export);

/* Where a forwarder leads. The DLL's name is without extension, or has one of its own. */
typedef struct pe_forwarder {
    pe_span dll;
    bool by_ordinal;
    uint16_t ordinal; /* when by_ordinal: of "DLL.#7" */
    pe_span name;     /* otherwise */
} pe_forwarder;

/* Takes a forwarder's text apart at its last dot (rule E.2). PE_BAD_FORMAT without a dot, with
 * nothing before or behind it, and for a "#" that no decimal number of 16 bits follows. */
PE_API pe_status pe_forwarder_parse(pe_span text, pe_forwarder *ret_forwarder);

/* ---- Imports: [PE The .idata Section] ---- */

typedef struct pe_import_dll {
    pe_rva descriptor;
    pe_span name;
    pe_rva original_first_thunk; /* as stored */
    uint32_t time_date_stamp;
    uint32_t forwarder_chain;
    pe_rva lookup_table;  /* ILT: OriginalFirstThunk if usable, else the IAT (rule E5) */
    pe_rva address_table; /* IAT: FirstThunk */
    pe_window window;     /* where its table or its name was read */
} pe_import_dll;

typedef struct pe_import_iter {
    const pe_image *image;
    pe_window window;
    pe_rva next;
    pe_status status;
} pe_import_iter;

/* One imported function: its entry in the ILT with the value there, and its entry in the IAT, whose
 * value pe_read_pointer tells (the same as the ILT's, an address where the import is bound). */
typedef struct pe_import {
    pe_rva lookup;
    uint64_t thunk; /* as stored in the ILT */
    pe_rva slot;
    bool by_ordinal;
    uint16_t ordinal; /* when by_ordinal */
    uint16_t hint;    /* when by name */
    pe_span name;     /* when by name */
} pe_import;

typedef struct pe_thunk_iter {
    const pe_image *image;
    pe_window thunks, names;
    pe_rva lookup, slot;
    pe_status status;
} pe_thunk_iter;

PE_API void pe_imports(const pe_image *image, pe_import_iter *ret_iter);
/* PE_OK with the next DLL, PE_END, or an error that is said again by every later call. */
PE_API pe_status pe_import_next(pe_import_iter *iter, pe_import_dll *ret_dll);

PE_API void pe_thunks(const pe_image *image, const pe_import_dll *dll, pe_thunk_iter *ret_iter);
PE_API pe_status pe_thunk_next(pe_thunk_iter *iter, pe_import *ret_import);

/* ---- Delay imports: [PE Delay-Load Import Tables]
 * ------------------------------------------------
 */

/* Attributes: the tables hold RVAs. Without it (version 1, 32-bit linkers before 2002) they hold
 * addresses, also those of names. */
#define PE_DELAY_RVA 0x00000001u

/* A descriptor of 32 bytes at `descriptor`. RVAs in both versions; 0 where there is none. */
typedef struct pe_delay_dll {
    pe_rva descriptor;
    uint32_t attributes; /* as stored */
    bool is_rva;         /* false: version 1, stored as addresses */
    pe_span name;
    pe_rva module_handle;
    pe_rva address_table, name_table;
    pe_rva bound_table, unload_table;
    uint32_t time_date_stamp;
} pe_delay_dll;

typedef struct pe_delay_iter {
    const pe_image *image;
    uint64_t base;
    pe_rva next;
    pe_status status;
} pe_delay_iter;

typedef struct pe_delay_thunk_iter {
    const pe_image *image;
    uint64_t base;
    bool is_rva;
    pe_window names;
    pe_rva lookup, slot;
    pe_status status;
} pe_delay_thunk_iter;

/*
 * The DLLs that are loaded at the first call. `base` is what the addresses of version 1 count from:
 * ImageBase, or the view's base once relocations have been applied. The walk ends at a descriptor
 * without a DLL name; the directory's size is not looked at.
 */
PE_API void pe_delay_imports(const pe_image *image, uint64_t base, pe_delay_iter *ret_iter);
/* PE_OK with the next DLL, PE_END, or an error that is said again: PE_OUT_OF_BOUNDS for a
 * descriptor, name or address outside the image, PE_UNREADABLE as for pe_read. */
PE_API pe_status pe_delay_next(pe_delay_iter *iter, pe_delay_dll *ret_dll);

/* The functions of a DLL that `iter` gave. Items are as those of pe_thunk_next, same statuses. */
PE_API void pe_delay_thunks(const pe_delay_iter *iter, const pe_delay_dll *dll,
                            pe_delay_thunk_iter *ret_iter);
PE_API pe_status pe_delay_thunk_next(pe_delay_thunk_iter *iter, pe_import *ret_import);

/* ---- Bound imports: [PE The Bound Import Table], IMAGE_BOUND_IMPORT_DESCRIPTOR ----
 *
 * DLLs whose addresses a tool has written into the IAT beforehand, valid while their time stamps
 * are these. A DLL is followed by its forwarder references: the DLLs that its exports led to.
 */

/* An entry: 8 bytes. */
typedef struct pe_bound_import {
    pe_rva at;
    uint32_t time_date_stamp;
    pe_span name;
    bool is_reference;        /* of the last entry that is none */
    uint16_t reference_count; /* entries after this one; 0 for references */
} pe_bound_import;

typedef struct pe_bound_iter {
    const pe_image *image;
    pe_rva table;
    uint32_t next;       /* index of the next entry */
    uint32_t references; /* of them, those that are references */
    pe_status status;
} pe_bound_iter;

PE_API void pe_bound_imports(const pe_image *image, pe_bound_iter *ret_iter);
/*
 * PE_OK with the next entry, PE_END at the one without time stamp and name, PE_NOT_PRESENT without
 * a directory, or the status of reading the entry or its name; all but PE_OK are said again. The
 * directory's size is not looked at.
 */
PE_API pe_status pe_bound_next(pe_bound_iter *iter, pe_bound_import *ret_bound);

/* ---- Base relocations: [PE The .reloc Section] ---- */

/* Types as in [PE Base Relocation Types], those of every machine. 5, 7, 8 and 9 mean something else
 * on each: pe_reloc_kind_of. */
enum {
    PE_REL_ABSOLUTE = 0,
    PE_REL_HIGH = 1,
    PE_REL_LOW = 2,
    PE_REL_HIGHLOW = 3,
    PE_REL_HIGHADJ = 4, /* the entry after it is no entry, but the low half of the target */
    PE_REL_DIR64 = 10,
};

/* What types mean, machine by machine. */
#define PE_RELOC_KIND_LIST(X) \
    X(ABSOLUTE)               \
    X(HIGH)                   \
    X(LOW)                    \
    X(HIGHLOW)                \
    X(HIGHADJ)                \
    X(DIR64)                  \
    X(MIPS_JMPADDR)           \
    X(MIPS_JMPADDR16)         \
    X(ARM_MOV32)              \
    X(THUMB_MOV32)            \
    X(RISCV_HIGH20)           \
    X(RISCV_LOW12I)           \
    X(RISCV_LOW12S)           \
    X(LOONGARCH32_MARK_LA)    \
    X(LOONGARCH64_MARK_LA)    \
    X(IA64_IMM64)

typedef enum pe_reloc_kind {
    PE_RELOC_UNKNOWN,
#define X(name) PE_RELOC_##name,
    PE_RELOC_KIND_LIST(X)
#undef X
} pe_reloc_kind;

/* PE_RELOC_UNKNOWN for a type that is not defined on the machine. */
PE_API pe_reloc_kind pe_reloc_kind_of(uint16_t machine, uint32_t type);

/* The same as a text: "HIGHLOW", "THUMB_MOV32" and so on; static, NULL if unknown. */
PE_API const char *pe_reloc_type_name(uint16_t machine, uint32_t type);

/* A block: 16-bit entries (type in bits 12-15, offset from `page` in bits 0-11), little-endian. */
typedef struct pe_reloc_block {
    pe_rva at; /* of the block itself */
    pe_rva page;
    pe_span entries; /* 2 * count bytes, borrowed; fewer where the rest is zero fill */
    uint32_t count;
} pe_reloc_block;

typedef struct pe_reloc_iter {
    const pe_image *image;
    uint64_t next, end; /* RVAs, widened */
    pe_span ahead;      /* what is stored from `next` on, once a block has been found */
    pe_status status;
    pe_diag diag; /* filled when status is an error */
} pe_reloc_iter;

/* True if the image has a usable relocation directory: counted, RVA and size not 0 (rule D.1). */
PE_API bool pe_has_relocs(const pe_image *image);

PE_API void pe_relocs(const pe_image *image, pe_reloc_iter *ret_iter);
/* PE_OK with the next block, PE_END, or an error (rules D2, D3) that is said again. */
PE_API pe_status pe_reloc_next(pe_reloc_iter *iter, pe_reloc_block *ret_block);

/* Entry `index` (< count) of a block; 0 (ABSOLUTE) in zero fill. */
static inline uint16_t pe_reloc_entry(const pe_reloc_block *block, uint32_t index)
{
    uint64_t start = 2 * (uint64_t)index;
    if (start >= block->entries.size)
        return 0;
    const uint8_t *at = block->entries.data + start;
    uint8_t high = start + 1 < block->entries.size ? at[1] : 0;
    return (uint16_t)(at[0] | high << 8);
}

/* ---- Thread-local storage: [PE The .tls Section] ---- */

/* Addresses are virtual addresses for the image at its (current) base, as the directory holds them.
 */
typedef struct pe_tls {
    pe_rva directory;
    uint64_t data_start, data_end; /* the template */
    uint64_t index;                /* address of a u32 */
    uint64_t callbacks;            /* address of a 0-terminated array of addresses, or 0 */
    uint32_t zero_fill;            /* bytes of zeros after the template */
    uint32_t characteristics;
} pe_tls;

/* PE_OK, PE_NOT_PRESENT, or the status of reading the directory. */
PE_API pe_status pe_tls_open(const pe_image *image, pe_tls *ret_tls);

#ifdef __cplusplus
}
#endif

#endif
