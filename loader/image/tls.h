/*
 * tls.h: the thread-local storage directory of a mapped image (rules F in pe/RULES.md): its
 * template, its index variable and its callbacks.
 */
#ifndef PELOAD_IMAGE_TLS_H
#define PELOAD_IMAGE_TLS_H

#include <peload/section.h>

/* A directory whose addresses have been checked: the template and the index lie inside the view. */
typedef struct ldr__tls {
    bool present;
    const void *template_data; /* inside the view */
    size_t template_size;      /* bytes */
    size_t zero_size;          /* bytes of zeros behind the template */
    uint32_t characteristics;  /* IMAGE_SCN_ALIGN_* and nothing else, if sound */
    pe_rva index;              /* of the u32 that holds the module's slot */
    bool has_callbacks;
    pe_rva callbacks; /* of the array of addresses */
} ldr__tls;

/*
 * Reads the directory of a relocated view. `present` is false when there is none. LDR_IMAGE_REFUSED
 * with STATUS_INVALID_IMAGE_FORMAT when it points outside the image.
 */
ldr_status ldr__tls_read(const ldr_view *view, const char *subject, ldr__tls *ret_tls,
                         ldr_diag *diag);

/* Writes the module's slot number to the index variable (rule F1). */
ldr_status ldr__tls_write_index(ldr_view *view, const ldr__tls *tls, uint32_t slot);

/*
 * Callback number `position`, NULL at the end of the array. Read anew at each call: callbacks may
 * change the array while it runs (rule F11). The address itself is called blindly (rule F13).
 */
void *ldr__tls_callback(const ldr_view *view, const ldr__tls *tls, uint32_t position);

#endif
