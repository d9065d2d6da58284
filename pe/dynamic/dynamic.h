/*
 * dynamic.h: dynamic value relocations and function overrides. Part of pe.h.
 */
#ifndef PELOAD_PE_DYNAMIC_H
#define PELOAD_PE_DYNAMIC_H

#include <peload/pe/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Dynamic value relocations: what is patched once the machine or the system is known ----
 *
 *   pe_dynamic_table table;
 *   pe_dynamic_iter entries;
 *   pe_dynamic_entry entry;
 *   if (pe_dynamic_table_open(&image, &config, &table) == PE_OK) {
 *       pe_dynamic_entries(&image, &table, &entries);
 *       while (pe_dynamic_next(&entries, &entry) == PE_OK) ...
 *   }
 *
 * The specification has only the fields that lead to the table; layouts and names are those of
 * winnt.h (IMAGE_DYNAMIC_RELOCATION_TABLE and what follows it there).
 */

/* Symbols with a meaning of their own; any other is the address that is patched in. */
#define PE_DYNAMIC_SYMBOL_LIST(X)       \
    X(GUARD_RF_PROLOGUE, 1)             \
    X(GUARD_RF_EPILOGUE, 2)             \
    X(GUARD_IMPORT_CONTROL_TRANSFER, 3) \
    X(GUARD_INDIR_CONTROL_TRANSFER, 4)  \
    X(GUARD_SWITCHTABLE_BRANCH, 5)      \
    X(ARM64X, 6)                        \
    X(FUNCTION_OVERRIDE, 7)             \
    X(ARM64_KERNEL_IMPORT_CALL_TRANSFER, 8)

enum {
#define X(name, number) PE_DYNAMIC_##name = number,
    PE_DYNAMIC_SYMBOL_LIST(X)
#undef X
        PE_DYNAMIC_ADDRESS = 0x10000, /* symbols from here on are addresses */
};

/* "ARM64X" and so on; NULL for a symbol that is not listed. Static. */
PE_API const char *pe_dynamic_symbol_name(uint64_t symbol);

typedef struct pe_dynamic_table {
    pe_rva at;
    uint32_t version;
    pe_directory entries; /* what follows the header, as the table says */
} pe_dynamic_table;

/*
 * The table that DYNAMIC_VALUE_RELOC_TABLE_SECTION (a number from 1) and its offset say, or that is
 * at the address DYNAMIC_VALUE_RELOC_TABLE where the section is 0. PE_NOT_PRESENT without either,
 * PE_OUT_OF_BOUNDS for a section that does not exist, or the status of reading the header.
 */
PE_API pe_status pe_dynamic_table_open(const pe_image *image, const pe_load_config *config,
                                       pe_dynamic_table *ret_table);

/* What is patched with one symbol. */
typedef struct pe_dynamic_entry {
    pe_rva at;
    uint64_t symbol;
    uint32_t header_size; /* in bytes: the fixups follow */
    pe_directory fixups;  /* blocks, or what the symbol alone knows */
    uint32_t group;       /* version 2 */
    uint32_t flags;       /* version 2 */
} pe_dynamic_entry;

typedef struct pe_dynamic_iter {
    const pe_image *image;
    pe_directory table;
    uint32_t version;
    uint32_t next; /* offset in the table */
    pe_status status;
} pe_dynamic_iter;

PE_API void pe_dynamic_entries(const pe_image *image, const pe_dynamic_table *table,
                               pe_dynamic_iter *ret_iter);
/*
 * PE_OK with the next entry, PE_END, PE_BAD_FORMAT for a version other than 1 and 2 or a header
 * size that does not hold the header, PE_OUT_OF_BOUNDS for an entry that leaves the table, or the
 * status of reading it; all but PE_OK are said again.
 */
PE_API pe_status pe_dynamic_next(pe_dynamic_iter *iter, pe_dynamic_entry *ret_entry);

/* A block: the fixups of one page. */
typedef struct pe_dynamic_block {
    pe_rva at;
    pe_rva page;
    uint64_t symbol;
    pe_directory records; /* what follows the block's header of 8 bytes */
} pe_dynamic_block;

typedef struct pe_dynamic_block_iter {
    const pe_image *image;
    pe_directory fixups;
    uint64_t symbol;
    uint32_t next; /* offset in the fixups */
    pe_status status;
} pe_dynamic_block_iter;

/*
 * The blocks of an entry. PE_NOT_FOUND for the symbols whose fixups are no blocks or are not known
 * publicly (GUARD_RF_*, FUNCTION_OVERRIDE, ARM64_KERNEL_IMPORT_CALL_TRANSFER, unlisted small
 * numbers): entry.fixups tells where they are.
 */
PE_API void pe_dynamic_blocks(const pe_image *image, const pe_dynamic_entry *entry,
                              pe_dynamic_block_iter *ret_iter);
/*
 * PE_OK with the next block, PE_END, PE_BAD_FORMAT for a size that does not hold the block's
 * header, PE_OUT_OF_BOUNDS for a block that leaves the fixups, or the status of reading it; all but
 * PE_OK are said again.
 */
PE_API pe_status pe_dynamic_block_next(pe_dynamic_block_iter *iter, pe_dynamic_block *ret_block);

/* Types of ARM64X records. */
#define PE_ARM64X_TYPE_LIST(X) \
    X(ZEROFILL, 0)             \
    X(VALUE, 1)                \
    X(DELTA, 2)

enum {
#define X(name, number) PE_ARM64X_##name = number,
    PE_ARM64X_TYPE_LIST(X)
#undef X
};

/* "ZEROFILL" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_arm64x_type_name(uint32_t type);

/* Types of the records that a FUNCTION_OVERRIDE has, named as IMAGE_FUNCTION_OVERRIDE_NAME. */
#define PE_OVERRIDE_TYPE_LIST(X) \
    X(INVALID, 0)                \
    X(X64_REL32, 1)              \
    X(ARM64_BRANCH26, 2)         \
    X(ARM64_THUNK, 3)

enum {
#define X(name, number) PE_OVERRIDE_##name = number,
    PE_OVERRIDE_TYPE_LIST(X)
#undef X
};

/* "X64_REL32" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_override_type_name(uint32_t type);

/* Where a GUARD_IMPORT_CONTROL_TRANSFER names no slot: of x86-64, and of ARM64. */
enum { PE_DYNAMIC_NO_IAT_INDEX = 0x7FFFF, PE_DYNAMIC_NO_IAT_INDEX_ARM64 = 0x7FFF };

/*
 * A record of a block. Which fields mean something depends on the block's symbol; the others are 0.
 * IMPORT: GUARD_IMPORT_CONTROL_TRANSFER, in the form that ARM64 images have if the image is one;
 * INDIR: GUARD_INDIR_CONTROL_TRANSFER; SWITCH: GUARD_SWITCHTABLE_BRANCH.
 */
typedef struct pe_dynamic_record {
    pe_rva at;
    uint32_t size;       /* bytes that the record takes */
    uint32_t target;     /* RVA that is patched: the block's page and the record's offset */
    uint32_t raw;        /* its first 2 bytes as stored; IMPORT: 4 bytes */
    uint32_t type;       /* ARM64X, FUNCTION_OVERRIDE; of an address: as of base relocations */
    bool is_call;        /* IMPORT, INDIR: a call, not a jump */
    bool has_rex_w;      /* INDIR */
    bool has_cfg_check;  /* INDIR */
    bool is_delay;       /* IMPORT of ARM64: a delay-load import */
    uint8_t register_no; /* SWITCH, IMPORT of ARM64 */
    uint32_t iat_index;  /* IMPORT */
    uint32_t width;      /* ARM64X: bytes that are patched */
    uint64_t value;      /* ARM64X, VALUE: what is stored there */
    int32_t delta;       /* ARM64X, DELTA: what is added there */
} pe_dynamic_record;

typedef struct pe_dynamic_record_iter {
    const pe_image *image;
    pe_dynamic_block block;
    uint32_t next; /* offset in the records */
    pe_status status;
} pe_dynamic_record_iter;

PE_API void pe_dynamic_records(const pe_image *image, const pe_dynamic_block *block,
                               pe_dynamic_record_iter *ret_iter);
/*
 * PE_OK with the next record, PE_END, PE_BAD_FORMAT for an ARM64X record of no known type or a
 * value of one byte, PE_OUT_OF_BOUNDS for a record that leaves the block, or the status of reading
 * it; all but PE_OK are said again. Two zero bytes at the end of an ARM64X block are padding.
 */
PE_API pe_status pe_dynamic_record_next(pe_dynamic_record_iter *iter,
                                        pe_dynamic_record *ret_record);

/* ---- FUNCTION_OVERRIDE: functions of which the system chooses one of several ---- */

/* A function that may be replaced. */
typedef struct pe_override {
    pe_rva at;
    pe_rva original;
    uint32_t bdd_offset; /* in bytes, from the start of the decision diagrams */
    pe_directory rvas;   /* of the replacements: 4 bytes each */
    pe_directory relocs; /* blocks of the places that refer to the function */
} pe_override;

typedef struct pe_override_iter {
    const pe_image *image;
    pe_directory overrides;
    pe_directory diagrams; /* what follows them in the fixups */
    uint32_t next;         /* offset in the overrides */
    pe_status status;
} pe_override_iter;

/* The overrides of an entry: PE_NOT_FOUND for one of another symbol, PE_OUT_OF_BOUNDS where the
 * fixups do not hold as many bytes as they say. */
PE_API void pe_overrides(const pe_image *image, const pe_dynamic_entry *entry,
                         pe_override_iter *ret_iter);
/* PE_OK with the next override, PE_END, PE_OUT_OF_BOUNDS for one that leaves the overrides, or the
 * status of reading it; all but PE_OK are said again. */
PE_API pe_status pe_override_next(pe_override_iter *iter, pe_override *ret_override);

/* Replacement `index`; PE_NOT_FOUND from their number (rvas.size / 4) on. */
PE_API pe_status pe_override_rva(const pe_image *image, const pe_override *override, uint32_t index,
                                 pe_rva *ret_rva);

/* The blocks of override->relocs, for pe_dynamic_block_next and pe_dynamic_records. */
PE_API void pe_override_blocks(const pe_image *image, const pe_override *override,
                               pe_dynamic_block_iter *ret_iter);

/* A binary decision diagram: nodes that lead to a value, by which a replacement is chosen. */
typedef struct pe_bdd {
    pe_rva at;
    uint32_t version;
    pe_directory nodes; /* 8 bytes each */
} pe_bdd;

typedef struct pe_bdd_node {
    uint16_t left, right; /* indices of nodes */
    uint32_t value;
} pe_bdd_node;

/* The diagram at `offset` of the iterator's diagrams. PE_OUT_OF_BOUNDS for one that leaves them, or
 * the status of reading it. */
PE_API pe_status pe_bdd_open(const pe_override_iter *iter, uint32_t offset, pe_bdd *ret_bdd);

/* Node `index`; PE_NOT_FOUND from their number (nodes.size / 8) on. Nodes may name each other in
 * circles: who follows them keeps count. */
PE_API pe_status pe_bdd_node_at(const pe_image *image, const pe_bdd *bdd, uint32_t index,
                                pe_bdd_node *ret_node);

#ifdef __cplusplus
}
#endif

#endif
