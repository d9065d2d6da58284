/*
 * file.h: files that are open as Windows opens them, for the stages after this one.
 *
 * What a file is open for, what its users refuse to others, and which sections there are of it is
 * marked on the file, far behind its end: one byte for each, and for the data of a section as many
 * as it has. Marks hold between processes, and go with those who made them.
 */
#ifndef PELOAD_FILE_H
#define PELOAD_FILE_H

#include "os/os.h"

#define LDR__MARKS      (UINT64_C(1) << 62)
#define LDR__MARK_IMAGE (LDR__MARKS + 6)      /* there is an image section */
#define LDR__MARK_DATA  (LDR__MARKS + 0x1000) /* of a section's byte 0, and so on */

/* No section is larger: the marks of one end at 2^63. */
#define LDR__SECTION_MAX (UINT64_C(1) << 61)

struct ldr_file {
    ldr__handle handle;
    uint32_t access; /* LDR_FILE_* */
    char *path;      /* absolute, allocated */
};

/*
 * A file of an opening that another process has made and handed over, with all that it is marked
 * for. `handle` is the file's if it succeeds; `path` may be NULL. LDR_NO_MEMORY.
 */
ldr_status ldr__file_from_handle(ldr__handle handle, uint32_t access, const char *path,
                                 ldr_file **ret_file);

/* The open file; valid as long as `file`. It can be read whatever it was opened for. */
static inline ldr__handle ldr__file_handle(const ldr_file *file)
{
    return file->handle;
}

#endif
