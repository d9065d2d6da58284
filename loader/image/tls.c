#include "image/tls.h"

#include <string.h>

#include "section/diag.h"
#include "section/view.h"

static ldr_status broken(const char *subject, const pe_tls *tls, const char *detail, uint64_t value,
                         ldr_diag *diag)
{
    pe_diag why = {.nt_status = PE_NT_INVALID_IMAGE_FORMAT,
                   .rule = "F1",
                   .offset = tls->directory.value,
                   .value = value,
                   .detail = detail};
    return ldr__fail_why(diag, LDR_IMAGE_REFUSED, &why, subject);
}

/* True if every byte of the range can be read in the view. */
static bool is_readable(const ldr_view *view, pe_rva start, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        uint64_t at = start.value + done;
        if (at > UINT32_MAX)
            return false;
        pe_span run = pe_tail(ldr_view_image(view), (pe_rva){(uint32_t)at});
        if (run.size == 0)
            return false;
        done += run.size;
    }
    return true;
}

/* The template as bytes of the view. */
static bool find_template(const ldr_view *view, uint64_t base, const pe_tls *tls, ldr__tls *out)
{
    if (tls->data_end < tls->data_start)
        return false;
    out->template_size = (size_t)(tls->data_end - tls->data_start);
    out->zero_size = tls->zero_fill;
    out->characteristics = tls->characteristics;
    if (out->template_size == 0)
        return true;
    const pe_image *image = ldr_view_image(view);
    pe_rva start;
    if (pe_va_to_rva(image, base, tls->data_start, &start) != PE_OK ||
        !is_readable(view, start, out->template_size))
        return false;
    out->template_data = (const uint8_t *)ldr_view_base(view) + start.value;
    return true;
}

static ldr_status check(const ldr_view *view, const pe_tls *tls, const char *subject, ldr__tls *out,
                        ldr_diag *diag)
{
    const pe_image *image = ldr_view_image(view);
    uint64_t base = (uint64_t)(uintptr_t)ldr_view_base(view);
    if (!find_template(view, base, tls, out))
        return broken(subject, tls, "the TLS template lies outside the image", tls->data_start,
                      diag);
    if (pe_va_to_rva(image, base, tls->index, &out->index) != PE_OK)
        return broken(subject, tls, "the TLS index lies outside the image", tls->index, diag);
    out->has_callbacks = tls->callbacks != 0;
    if (out->has_callbacks && pe_va_to_rva(image, base, tls->callbacks, &out->callbacks) != PE_OK)
        return broken(subject, tls, "the TLS callbacks lie outside the image", tls->callbacks,
                      diag);
    return LDR_OK;
}

ldr_status ldr__tls_read(const ldr_view *view, const char *subject, ldr__tls *ret_tls,
                         ldr_diag *diag)
{
    const pe_image *image = ldr_view_image(view);
    ldr__tls out = {.present = true};
    pe_tls tls = {.directory = pe_directory_at(image, PE_DIRECTORY_TLS).rva};
    pe_status found = pe_tls_open(image, &tls);
    if (found == PE_NOT_PRESENT) {
        *ret_tls = (ldr__tls){.present = false};
        return LDR_OK;
    }
    if (found != PE_OK)
        return broken(subject, &tls, "the TLS directory cannot be read", 0, diag);
    ldr_status status = check(view, &tls, subject, &out, diag);
    if (status == LDR_OK)
        *ret_tls = out;
    return status;
}

ldr_status ldr__tls_write_index(ldr_view *view, const ldr__tls *tls, uint32_t slot)
{
    ldr_status status = ldr__view_write_begin(view, tls->index.value, sizeof(slot));
    if (status != LDR_OK)
        return status;
    memcpy((uint8_t *)ldr_view_base(view) + tls->index.value, &slot, sizeof(slot));
    return ldr__view_write_end(view, tls->index.value, sizeof(slot));
}

void *ldr__tls_callback(const ldr_view *view, const ldr__tls *tls, uint32_t position)
{
    uint64_t at = tls->callbacks.value + (uint64_t)position * sizeof(uint64_t);
    uint64_t address = 0;
    if (!tls->has_callbacks || at > UINT32_MAX ||
        pe_read_u64(ldr_view_image(view), (pe_rva){(uint32_t)at}, &address) != PE_OK)
        return NULL;
    return (void *)(uintptr_t)address;
}
