/*
 * exports.h: the exports of a mapped view, found as ntdll finds them.
 *
 * By name ntdll looks at the hint, then searches the sorted names, which costs it a dozen string
 * comparisons. Here an index by hash stands in for the search once a module is asked often enough.
 * It says no more than where a name was when it was made: all is read anew from the view, checked,
 * and compared, since guests may change their tables, also while they are being asked. What the
 * index does not lead to is searched for.
 */
#ifndef PELOAD_IMAGE_EXPORTS_H
#define PELOAD_IMAGE_EXPORTS_H

#include <peload/section.h>
#include <stdatomic.h>

typedef struct ldr__export_index ldr__export_index;
typedef struct ldr__export_map ldr__export_map;

/* Zero: no exports. By any number of threads at once. */
typedef struct ldr__exports {
    const pe_image *image;              /* the view's */
    bool present;                       /* there is a directory that can be read */
    pe_exports table;                   /* as it was at first */
    _Atomic(ldr__export_index *) index; /* NULL: not made yet */
    atomic_uint searches;               /* how often names have been searched for */
    _Atomic(ldr__export_map *) map;     /* by address; NULL: not made yet */
    atomic_uint scans;                  /* how often all have been looked through */
} ldr__exports;

/* Of a name's bytes; what an index is made of. */
uint32_t ldr__export_hash(pe_span name);

/* Looks for the export directory of a view's image. */
void ldr__exports_open(const pe_image *image, ldr__exports *ret_exports);

/* Releases what was made for finding; nobody may be asking. */
void ldr__exports_release(ldr__exports *exports);

/* Reads the directory again: PE_NOT_PRESENT, or the status of reading. */
pe_status ldr__exports_reread(const ldr__exports *exports, pe_exports *ret_table);

/* PE_NOT_PRESENT without an export directory; PE_OK, PE_NOT_FOUND, or a status of reading. The
 * directory is read anew each time, as ntdll does. */
pe_status ldr__export_by_name(ldr__exports *exports, pe_span name, uint32_t hint,
                              pe_export *ret_export);
pe_status ldr__export_by_ordinal(ldr__exports *exports, uint32_t ordinal, pe_export *ret_export);

/*
 * exports_at.c: the export at `rva`, or the nearest below it in the same PE section; no forwarder.
 * Its name is empty when it has none. Of several at one place, the first of those with a name.
 * PE_NOT_PRESENT, PE_NOT_FOUND, or a status of reading. The first times nothing is allocated: all
 * are looked through; then a map is made, which is in memory that the guest cannot change, and
 * which is not believed without a look at the slot it names.
 */
pe_status ldr__export_at(ldr__exports *exports, pe_rva rva, pe_export *ret_export);

#endif
