/*
 * kernel32/module.h: what the functions of kernel32 and ntdll that load modules share.
 */
#ifndef PELOAD_WIN32_MODULE_H
#define PELOAD_WIN32_MODULE_H

#include "win32/win32.h"

/* What a guest's name of a DLL is for the resolver: a path becomes the host's, a bare name stays.
 * Allocated (free); NULL with errno (ENOENT, ENOMEM). */
char *ldr__name_to_load(const char *name);

/* GetModuleHandle's module: NULL is the program. LDR_DLL_NOT_FOUND, LDR_NO_MEMORY. */
ldr_status ldr__module_wanted(const char *name, ldr__keep how, ldr_module **ret_module);

/* LOAD_LIBRARY_AS_DATAFILE, _AS_IMAGE_RESOURCE, _AS_DATAFILE_EXCLUSIVE, and the bits by which a
 * handle of such a file tells. */
enum {
    LDR__AS_DATAFILE = 0x2,
    LDR__AS_IMAGE_RESOURCE = 0x20,
    LDR__AS_DATAFILE_EXCLUSIVE = 0x40,
    LDR__AS_DATA = LDR__AS_DATAFILE | LDR__AS_IMAGE_RESOURCE | LDR__AS_DATAFILE_EXCLUSIVE,
    LDR__DATA_BITS = 3,
};

/*
 * A handle to the file `name` (ldr__name_to_load), mapped as its bytes are (bit 0) or as an image
 * (bit 1), or to the module, with a reference, when it is loaded already. NULL with the last error.
 */
void *ldr__data_file_load(const char *name, DWORD flags);
/* False if that is no such handle. */
bool ldr__data_file_free(void *handle);
/* The image that such a handle stands for, in *ret_own where it is none that is mapped. Valid as
 * long as the handle is. NULL with the last error. */
const pe_image *ldr__data_file_image(const void *handle, pe_image *ret_own);

#endif
