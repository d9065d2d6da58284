/* data.h: sections of files' data and of the paging file, and their views. */
#ifndef PELOAD_DATA_H
#define PELOAD_DATA_H

#include "section/descriptor.h"
#include "section/pages.h"

/*
 * Makes the data of a section that has none yet, and publishes it under `key` if that is not NULL.
 * What the options say without the file or the system has been looked at. `subject` is for
 * diagnostics. After a failure the file is as before.
 */
ldr_status ldr__data_make(ldr_section *section, const ldr_create_options *options,
                          const ldr__registry_key *key, const char *subject, ldr_diag *diag);

/* Takes what another process publishes: `backing` is the section's if it succeeds. */
ldr_status ldr__data_attach(ldr_section *section, const ldr__facts *facts, ldr__handle backing);

/* Whether pages have to be committed before they can be used (H13). */
static inline bool ldr__data_is_reserved(const ldr_section *section)
{
    return !section->data.is_file && (section->data.attributes & LDR_SEC_RESERVE) != 0;
}

/* Pages of the section, and how many of them are committed. */
static inline uint64_t ldr__data_pages(const ldr_section *section)
{
    return section->data.size / LDR__PAGE + (section->data.size % LDR__PAGE != 0);
}
uint64_t ldr__data_committed(const ldr_section *section);

/* What has not been made is passed over. */
void ldr__data_release(ldr_section *section);

/* As ldr_view_map, but for the reference to the section. */
ldr_status ldr__data_view_map(ldr_section *section, const ldr_view_options *options,
                              ldr_view **ret_view, ldr_diag *diag);

/* Nobody commits for the view any more, and it is unmapped. */
void ldr__data_view_unmap(ldr_view *view);

/* As ldr_view_query. */
ldr_status ldr__data_view_query(const ldr_view *view, uint64_t offset, ldr_region *ret_region);

/* Opens the pages of a view that others have committed. For holders of the section's lock.
 * LDR_NO_MEMORY, LDR_OS_ERROR. */
ldr_status ldr__data_view_sync(const ldr_view *view);

/* The same with the lock not held, for any view; what cannot be opened stays as it is. */
void ldr__view_sync(const ldr_view *view);

/* Writes pages of a view of a file to its disk, and what `through` means in ldr_view_flush; says
 * why not by *ret_nt_status as well. LDR_IO_ERROR. */
ldr_status ldr__data_flush(const ldr_view *view, const ldr__page_range *range, bool through,
                           uint32_t *ret_nt_status);

/* What a touch of a page that was not allowed comes to. */
typedef enum ldr__touch {
    LDR__TOUCH_DENIED, /* the access is not allowed: an access violation */
    LDR__TOUCH_OPENED, /* it is allowed now: to be tried again */
    LDR__TOUCH_GUARD,  /* it was guarded, and is no longer: STATUS_GUARD_PAGE_VIOLATION */
} ldr__touch;

/*
 * For the handler of the signal that a touch of `address` in the view ends with. `access` is
 * LDR__READ, LDR__WRITE or LDR__EXECUTE. Not to be called from within an allocation or a function
 * of this library.
 */
ldr__touch ldr__view_touch(ldr_view *view, const void *address, int access);

#endif
