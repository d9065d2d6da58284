#include "image/imports.h"

#include <string.h>

#include "section/diag.h"
#include "section/view.h"

/* The pages that are open for writing: those around the last slot written. */
typedef struct write_window {
    ldr_view *view;
    uint64_t start, size; /* RVA and bytes; size 0 when closed */
} write_window;

static ldr_status window_close(write_window *window)
{
    uint64_t size = window->size;
    window->size = 0;
    return size != 0 ? ldr__view_write_end(window->view, window->start, size) : LDR_OK;
}

static ldr_status window_cover(write_window *window, uint64_t rva, uint64_t size)
{
    if (rva >= window->start && pe_range_ok(window->size, rva - window->start, size))
        return LDR_OK;
    uint64_t start = rva & ~(uint64_t)0xFFF;
    uint64_t end = (rva + size + 0xFFF) & ~(uint64_t)0xFFF;
    ldr_status status = window_close(window);
    if (status == LDR_OK)
        status = ldr__view_write_begin(window->view, start, end - start);
    if (status != LDR_OK)
        return status;
    window->start = start;
    window->size = end - start;
    return LDR_OK;
}

static ldr_status write_slot(write_window *window, pe_rva slot, const void *address)
{
    uint64_t value = (uint64_t)(uintptr_t)address;
    ldr_status status = window_cover(window, slot.value, sizeof(value));
    if (status == LDR_OK)
        memcpy((uint8_t *)ldr_view_base(window->view) + slot.value, &value, sizeof(value));
    return status;
}

static ldr_status broken_directory(const char *subject, pe_rva at, ldr_diag *diag)
{
    pe_diag why = {.nt_status = PE_NT_INVALID_IMAGE_FORMAT,
                   .rule = "E2",
                   .offset = at.value,
                   .detail = "the import directory cannot be read"};
    return ldr__fail_why(diag, LDR_IMAGE_REFUSED, &why, subject);
}

static ldr_status bind_dll(write_window *window, const pe_import_dll *dll, const char *subject,
                           const ldr__import_resolver *resolver, ldr_diag *diag)
{
    void *provider = NULL;
    ldr_status status = resolver->dll(resolver->user, dll, &provider);
    pe_thunk_iter thunks;
    pe_import import;
    pe_status next = PE_END;
    pe_thunks(ldr_view_image(window->view), dll, &thunks);
    while (status == LDR_OK && (next = pe_thunk_next(&thunks, &import)) == PE_OK) {
        const void *address = NULL;
        status = resolver->function(resolver->user, provider, dll, &import, &address);
        ldr_status written = status == LDR_OK ? write_slot(window, import.slot, address) : LDR_OK;
        if (written == LDR_INVALID_ARGUMENT)
            return broken_directory(subject, import.slot, diag);
        if (written != LDR_OK)
            return ldr__fail(diag, written, ldr__nt_status_of(written), subject);
    }
    if (status == LDR_OK && next != PE_END)
        return broken_directory(subject, thunks.lookup, diag);
    return status;
}

ldr_status ldr__bind_imports(ldr_view *view, const char *subject,
                             const ldr__import_resolver *resolver, ldr_diag *diag)
{
    write_window window = {.view = view};
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_status next = PE_END;
    ldr_status status = LDR_OK;
    pe_imports(ldr_view_image(view), &dlls);
    while (status == LDR_OK && (next = pe_import_next(&dlls, &dll)) == PE_OK)
        status = bind_dll(&window, &dll, subject, resolver, diag);
    ldr_status closed = window_close(&window);
    if (status == LDR_OK && next != PE_END)
        return broken_directory(subject, dlls.next, diag);
    if (status == LDR_OK && closed != LDR_OK)
        return ldr__fail(diag, closed, ldr__nt_status_of(closed), subject);
    return status;
}
