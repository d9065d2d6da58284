/*
 * debug.h: the debug directory and what its entries hold. Part of pe.h.
 *
 *   pe_debug_iter entries;
 *   pe_debug_entry entry;
 *   pe_codeview pdb;
 *   pe_debug_entries(&image, &entries);
 *   while (pe_debug_next(&entries, &entry) == PE_OK)
 *       if (pe_codeview_open(&entry, &pdb) == PE_OK) ...
 *
 * Source: [PE Debug Directory (Image Only)] and [PE Debug Type]; of what the specification leaves
 * open, the names of winnt.h and the layouts that linkers are known to write.
 */
#ifndef PELOAD_PE_DEBUG_H
#define PELOAD_PE_DEBUG_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of debug information: IMAGE_DEBUG_TYPE_NAME of winnt.h. */
#define PE_DEBUG_TYPE_LIST(X) \
    X(UNKNOWN, 0)             \
    X(COFF, 1)                \
    X(CODEVIEW, 2)            \
    X(FPO, 3)                 \
    X(MISC, 4)                \
    X(EXCEPTION, 5)           \
    X(FIXUP, 6)               \
    X(OMAP_TO_SRC, 7)         \
    X(OMAP_FROM_SRC, 8)       \
    X(BORLAND, 9)             \
    X(RESERVED10, 10)         \
    X(CLSID, 11)              \
    X(VC_FEATURE, 12)         \
    X(POGO, 13)               \
    X(ILTCG, 14)              \
    X(MPX, 15)                \
    X(REPRO, 16)              \
    X(EMBEDDED_PDB, 17)       \
    X(SPGO, 18)               \
    X(PDB_CHECKSUM, 19)       \
    X(EX_DLLCHARACTERISTICS, 20)

typedef enum pe_debug_type {
#define X(name, number) PE_DEBUG_##name = number,
    PE_DEBUG_TYPE_LIST(X)
#undef X
} pe_debug_type;

/* "CODEVIEW" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_debug_type_name(uint32_t type);

/*
 * An entry: 28 bytes. Its data are looked for at `rva`; only where that is 0, and in file layout,
 * at `raw`. Both are as stored, and `raw` is in bytes from the start of the file.
 */
typedef struct pe_debug_entry {
    pe_rva at;
    uint32_t characteristics;
    uint32_t time_date_stamp;
    uint16_t major, minor;
    uint32_t type;
    uint32_t size; /* of the data, in bytes */
    pe_rva rva;
    pe_offset raw;
    pe_status status;  /* PE_OK, or why the data cannot be read: there are none then */
    pe_span data;      /* borrowed; shorter than `size` where the rest is zero fill */
    pe_budget *budget; /* the image's: what decodes the data pays from it */
} pe_debug_entry;

typedef struct pe_debug_iter {
    const pe_image *image;
    uint32_t next, count; /* entries: as many as the directory's size holds */
    pe_rva table;
    pe_status status;
} pe_debug_iter;

PE_API void pe_debug_entries(const pe_image *image, pe_debug_iter *ret_iter);
/*
 * PE_OK with the next entry, PE_END, PE_NOT_PRESENT without a directory, or the status of reading
 * the entry; all but PE_OK are said again. Data that cannot be read are the entry's own matter
 * (entry.status): PE_NOT_PRESENT for data that only a file has, in mapped layout.
 */
PE_API pe_status pe_debug_next(pe_debug_iter *iter, pe_debug_entry *ret_entry);

/* ---- What entries hold ----
 *
 * Each of these returns PE_OK, PE_NOT_FOUND for an entry of another type, PE_OUT_OF_BOUNDS for data
 * too short, PE_BAD_FORMAT for a signature that is not known, or entry->status. Text ends at its
 * NUL or with what is stored of the data, and is borrowed.
 */

enum { PE_GUID_SIZE = 16 };

/* Signatures of CODEVIEW: PDB 7.0, and the older PDB 2.0. */
#define PE_CODEVIEW_RSDS 0x53445352u
#define PE_CODEVIEW_NB10 0x3031424Eu

/* Where the program database is, and which one it must be. */
typedef struct pe_codeview {
    uint32_t signature;
    uint8_t guid[PE_GUID_SIZE]; /* RSDS: as stored, the first three parts little-endian */
    uint32_t offset;            /* NB10: 0 for a PDB of its own */
    uint32_t time_date_stamp;   /* NB10 */
    uint32_t age;
    pe_span path;
} pe_codeview;

PE_API pe_status pe_codeview_open(const pe_debug_entry *entry, pe_codeview *ret_codeview);

/* VC_FEATURE: how many object files were compiled how. */
typedef struct pe_vc_feature {
    uint32_t pre_vc11, c_cpp, gs, sdl, guard_n;
} pe_vc_feature;

PE_API pe_status pe_vc_feature_open(const pe_debug_entry *entry, pe_vc_feature *ret_feature);

/* Bits of EX_DLLCHARACTERISTICS: X(NAME, BIT), named as IMAGE_DLLCHARACTERISTICS_EX_NAME. */
#define PE_EX_DLL_FLAG_LIST(X)                      \
    X(CET_COMPAT, 0x01u)                            \
    X(CET_COMPAT_STRICT_MODE, 0x02u)                \
    X(CET_SET_CONTEXT_IP_VALIDATION_RELAXED, 0x04u) \
    X(CET_DYNAMIC_APIS_ALLOW_IN_PROC_ONLY, 0x08u)   \
    X(CET_RESERVED_1, 0x10u)                        \
    X(CET_RESERVED_2, 0x20u)                        \
    X(FORWARD_CFI_COMPAT, 0x40u)                    \
    X(HOTPATCH_COMPATIBLE, 0x80u)

enum {
#define X(name, bit) PE_EX_DLL_##name = bit,
    PE_EX_DLL_FLAG_LIST(X)
#undef X
};

/* The name of a single bit; static. NULL if it has none. */
PE_API const char *pe_ex_dll_flag_name(uint32_t bit);

PE_API pe_status pe_ex_dll_characteristics(const pe_debug_entry *entry, uint32_t *ret_flags);

/* REPRO: the hash that stands where time stamps would. Empty in an entry without data. */
PE_API pe_status pe_repro_open(const pe_debug_entry *entry, pe_span *ret_hash);

/* EMBEDDED_PDB: a portable PDB, compressed with deflate. */
typedef struct pe_embedded_pdb {
    uint32_t uncompressed_size; /* in bytes */
    pe_span compressed;
} pe_embedded_pdb;

PE_API pe_status pe_embedded_pdb_open(const pe_debug_entry *entry, pe_embedded_pdb *ret_pdb);

/* PDB_CHECKSUM: the hash of the program database. */
typedef struct pe_pdb_checksum {
    pe_span algorithm; /* such as "SHA256" */
    pe_span hash;
} pe_pdb_checksum;

PE_API pe_status pe_pdb_checksum_open(const pe_debug_entry *entry, pe_pdb_checksum *ret_checksum);

/* POGO: which parts of sections the linker put where. `signature` says why: "LTCG", "PGU\0"... */
typedef struct pe_pogo_iter {
    pe_debug_entry entry;
    uint32_t signature;
    uint32_t next; /* offset in the data */
    pe_status status;
} pe_pogo_iter;

typedef struct pe_pogo {
    pe_rva rva;
    uint32_t size;
    pe_span name;
} pe_pogo;

/* iter->status is as above. */
PE_API void pe_pogo_entries(const pe_debug_entry *entry, pe_pogo_iter *ret_iter);
/* PE_OK with the next part, PE_END, or PE_OUT_OF_BOUNDS, said again. */
PE_API pe_status pe_pogo_next(pe_pogo_iter *iter, pe_pogo *ret_pogo);

/* FPO: a function of x86 that has no frame pointer [FPO_DATA]; 16 bytes. */
typedef struct pe_fpo {
    uint32_t start;  /* RVA of the function */
    uint32_t size;   /* in bytes */
    uint32_t locals; /* in units of 4 bytes */
    uint16_t params; /* in units of 4 bytes */
    uint8_t prolog;  /* in bytes */
    uint8_t saved_registers;
    bool has_seh, uses_ebp;
    uint8_t frame; /* 0: FPO, 1: trap, 2: TSS, 3: with a frame */
} pe_fpo;

/* The function `index`; PE_NOT_FOUND also from the number of functions on (size / 16). */
PE_API pe_status pe_fpo_at(const pe_debug_entry *entry, uint32_t index, pe_fpo *ret_fpo);

#ifdef __cplusplus
}
#endif

#endif
