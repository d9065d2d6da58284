/*
 * native.h: section objects and files of the system itself. On Windows only, where section/ makes
 * none of its own.
 *
 * Every function returns the NTSTATUS of the system's call (PE_NT_SUCCESS and other values below
 * 0x80000000: it was done) and leaves nothing behind when it fails; ldr__native_status says it in
 * our words. Constants (LDR_PAGE_*, LDR_SEC_*, LDR_MEM_*, LDR_SECTION_*) have the system's values.
 */
#ifndef PELOAD_NATIVE_H
#define PELOAD_NATIVE_H

#include "os/os.h"

/* LDR_OK for a success. A name that is not there is LDR_FILE_NOT_FOUND, also that of a section;
 * LDR_OS_ERROR for what is not listed. */
ldr_status ldr__native_status(uint32_t nt_status);

/* ---- Files ---- */

/*
 * CreateFile on a regular file. `access` is of LDR_FILE_*, `share` of LDR_SHARE_*. *ret_existed: it
 * was there already. To be closed with ldr__os_close. PE_NT_INVALID_FILE_FOR_SECTION for a device,
 * STATUS_FILE_IS_A_DIRECTORY (C00000BA) for a folder.
 */
uint32_t ldr__native_file_open(const char *path, uint32_t access, uint32_t share,
                               ldr_disposition disposition, ldr__handle *ret_file,
                               bool *ret_existed);
/* Bytes. */
uint32_t ldr__native_file_size(ldr__handle file, uint64_t *ret_size);
/* PE_NT_USER_MAPPED_FILE when a section reaches beyond the new end (H.8). */
uint32_t ldr__native_file_set_size(ldr__handle file, uint64_t size);
/* The name goes at once where the system can do that (Windows 10, NTFS) and sharing allows another
 * opening, else when the last handle is closed. PE_NT_CANNOT_DELETE while there is an image (H.8).
 */
uint32_t ldr__native_file_delete(ldr__handle file);

/* ---- Sections ---- */

/* What NtCreateSection is asked for. */
typedef struct ldr__native_request {
    ldr__handle file;      /* LDR__NO_HANDLE: memory of the paging file */
    uint64_t maximum_size; /* 0: all of the file */
    uint32_t protect;      /* LDR_PAGE_* */
    uint32_t attributes;   /* LDR_SEC_* */
    uint32_t access;       /* LDR_SECTION_* */
    const char *name;      /* UTF-8, may start with Global\ or Local\; NULL or "": none */
} ldr__native_request;

/* PE_NT_OBJECT_NAME_EXISTS: the section of that name. To be closed with ldr__os_close. */
uint32_t ldr__native_create(const ldr__native_request *request, ldr__handle *ret_section);
/* The section of that name, which is not NULL. */
uint32_t ldr__native_open(const char *name, uint32_t access, ldr__handle *ret_section);
/* Its size in bytes, and LDR_SEC_*. Needs LDR_SECTION_QUERY. */
uint32_t ldr__native_facts(ldr__handle section, uint64_t *ret_size, uint32_t *ret_attributes);

/* ---- Views ---- */

/* What NtMapViewOfSection is asked for, and what it has done. */
typedef struct ldr__native_place {
    uint64_t base; /* 0: anywhere, an image at its preferred base if it is free */
    uint64_t offset, size;
    uint64_t commit_size, zero_bits;
    uint32_t protect, allocation_type;
} ldr__native_place;

/* Sets base and size. PE_NT_IMAGE_NOT_AT_BASE is a success, but not with a base that was asked for
 * and is taken: PE_NT_CONFLICTING_ADDRESSES, also for an image. Not inherited by other processes.
 */
uint32_t ldr__native_map(ldr__handle section, ldr__native_place *place);
/* Any address of the view. */
void ldr__native_unmap(void *base);

/* VirtualProtect; *ret_old is what the first page had. */
uint32_t ldr__native_protect(void *address, uint64_t size, uint32_t protect, uint32_t *ret_old);
/* VirtualAlloc(MEM_COMMIT). */
uint32_t ldr__native_commit(void *address, uint64_t size, uint32_t protect);
/* NtFlushVirtualMemory. */
uint32_t ldr__native_flush(void *address, uint64_t size);
/* FlushFileBuffers. */
uint32_t ldr__native_file_flush(ldr__handle file);

/* A run of pages that are alike, from the page of `address` on. */
typedef struct ldr__native_region {
    uint64_t allocation_base, start, size;
    uint32_t protect;            /* LDR_PAGE_*; 0 when reserved */
    uint32_t allocation_protect; /* the same for all of an allocation */
    bool is_committed;
    uint32_t type; /* LDR_MEM_*; 0 for free addresses */
} ldr__native_region;

/* VirtualQuery. */
uint32_t ldr__native_query(const void *address, ldr__native_region *ret_region);

#endif
