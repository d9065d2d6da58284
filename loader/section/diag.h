/* diag.h: how the stages of the loader say why they failed. */
#ifndef PELOAD_DIAG_H
#define PELOAD_DIAG_H

#include <peload/section.h>

/*
 * Fills `diag` and returns `status`, for `return ldr__fail(...)`. `subject` is the file, module or
 * function it is about, cut to fit; NULL for none. `diag` may be NULL.
 */
ldr_status ldr__fail(ldr_diag *diag, ldr_status status, uint32_t nt_status, const char *subject);

/* The same with everything that the parser says of it; `why` may be `&diag->why`. */
ldr_status ldr__fail_why(ldr_diag *diag, ldr_status status, const pe_diag *why,
                         const char *subject);

/* A refusal by a rule for which Windows says STATUS_INVALID_IMAGE_FORMAT; strings are static. */
static inline pe_diag ldr__bad_format(const char *rule, uint64_t offset, uint64_t value,
                                      uint64_t allowed, const char *detail)
{
    return (pe_diag){.nt_status = PE_NT_INVALID_IMAGE_FORMAT,
                     .rule = rule,
                     .offset = offset,
                     .value = value,
                     .allowed = allowed,
                     .detail = detail};
}

/* The NTSTATUS that Windows gives for a failure of the system, not of the image. */
uint32_t ldr__nt_status_of(ldr_status status);

/* Copies UTF-8 text, cut to fit between two characters and NUL-terminated; `size` is not 0. */
void ldr__copy_text(char *target, size_t size, const char *text);

#endif
