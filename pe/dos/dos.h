/*
 * dos.h: the DOS header and what Microsoft's linkers leave between it and the PE signature. Part of
 * pe.h.
 */
#ifndef PELOAD_PE_DOS_H
#define PELOAD_PE_DOS_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The DOS header: IMAGE_DOS_HEADER of winnt.h ---- */

/* The 16-bit fields: X(NAME, OFFSET). e_res and e_res2 are reserved words at 28 and 40. */
#define PE_DOS_FIELDS(X) \
    X(e_magic, 0)        \
    X(e_cblp, 2)         \
    X(e_cp, 4)           \
    X(e_crlc, 6)         \
    X(e_cparhdr, 8)      \
    X(e_minalloc, 10)    \
    X(e_maxalloc, 12)    \
    X(e_ss, 14)          \
    X(e_sp, 16)          \
    X(e_csum, 18)        \
    X(e_ip, 20)          \
    X(e_cs, 22)          \
    X(e_lfarlc, 24)      \
    X(e_ovno, 26)        \
    X(e_oemid, 36)       \
    X(e_oeminfo, 38)

/* 64 bytes at offset 0. e_lfanew is the file offset of the PE signature. */
typedef struct pe_dos_header {
#define X(name, offset) uint16_t name;
    PE_DOS_FIELDS(X)
#undef X
    uint16_t e_res[4];
    uint16_t e_res2[10];
    uint32_t e_lfanew;
} pe_dos_header;

PE_API pe_dos_header pe_dos(const pe_image *image);

/* ---- The Rich header ----
 *
 * Microsoft's linkers count what they link: per tool and build, how many objects it made. The list
 * lies before the PE signature, each word XORed with a key that is also a checksum of the DOS part
 * and the list. Undocumented by Microsoft; described by D. Pistelli, "Microsoft's Rich Signature"
 * (rules K1, K2).
 */

/* The list from its "DanS" up to the key behind "Rich". */
typedef struct pe_rich {
    pe_offset offset;
    pe_span bytes;     /* borrowed, XORed with `key`, without "Rich" and what follows it */
    uint32_t key;      /* as stored */
    uint32_t checksum; /* as computed: equal to `key` unless someone changed the bytes */
    uint32_t count;    /* entries */
} pe_rich;

/* 8 bytes of the list. */
typedef struct pe_rich_entry {
    pe_offset offset;
    uint16_t product; /* which tool: a compiler, assembler, linker, or the import of a DLL */
    uint16_t build;   /* of the tool */
    uint32_t count;   /* objects made by it */
} pe_rich_entry;

/* PE_OK; PE_NOT_PRESENT where no "Rich" with a "DanS" before it lies before the PE signature. */
PE_API pe_status pe_rich_open(const pe_image *image, pe_rich *ret_rich);

/* The entry `index`, or PE_NOT_FOUND from `count` on. */
PE_API pe_status pe_rich_at(const pe_rich *rich, uint32_t index, pe_rich_entry *ret_entry);

/*
 * Copies `size` bytes of the list from `start` on, in the clear: what the Rich hash is taken of.
 * PE_OUT_OF_BOUNDS beyond rich->bytes; then `ret_bytes` is untouched.
 */
PE_API pe_status pe_rich_clear(const pe_rich *rich, uint64_t start, void *ret_bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
