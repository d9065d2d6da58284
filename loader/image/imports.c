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

/* What is to be written where. */
typedef struct bound_slot {
    pe_rva slot;
    const void *address;
} bound_slot;

/*
 * All of a view's imports are resolved before the first is written: where tables overlap, what is
 * written would be read as further imports, without end.
 */
typedef struct binding_plan {
    ldr_view *view;
    pe_image
        image; /* the view's, with a budget: sections may share bytes, and thunks their names */
    pe_budget budget;
    const char *subject;
    const ldr__import_resolver *resolver;
    bound_slot *slots; /* allocated */
    size_t count, capacity;
} binding_plan;

/* `what` is the directory that cannot be read, or not written to, at `at`. */
static ldr_status broken(const binding_plan *plan, const char *rule, const char *what, uint64_t at,
                         ldr_diag *diag)
{
    pe_diag why = {
        .nt_status = PE_NT_INVALID_IMAGE_FORMAT,
        .rule = plan->budget.is_spent ? "S3" : rule,
        .offset = plan->budget.is_spent ? plan->budget.at : at,
        .detail = plan->budget.is_spent ? "imports are more work than their file is worth" : what};
    return ldr__fail_why(diag, LDR_IMAGE_REFUSED, &why, plan->subject);
}

static ldr_status broken_directory(const binding_plan *plan, pe_rva at, ldr_diag *diag)
{
    return broken(plan, "E2", "the import directory cannot be read", at.value, diag);
}

static ldr_status broken_delay_directory(const binding_plan *plan, pe_rva at, ldr_diag *diag)
{
    return broken(plan, NULL, "the directory of delay imports cannot be read", at.value, diag);
}

static ldr_status plan_slot(binding_plan *plan, pe_rva slot, const void *address)
{
    if (plan->count == plan->capacity) {
        size_t capacity = plan->capacity != 0 ? plan->capacity * 2 : 256;
        void *grown = ldr__os_resize(plan->slots, capacity * sizeof(*plan->slots));
        if (!grown)
            return LDR_NO_MEMORY;
        plan->slots = grown;
        plan->capacity = capacity;
    }
    plan->slots[plan->count++] = (bound_slot){slot, address};
    return LDR_OK;
}

static ldr_status plan_address(binding_plan *plan, pe_rva slot, const void *address, ldr_diag *diag)
{
    if (plan_slot(plan, slot, address) != LDR_OK)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, plan->subject);
    return LDR_OK;
}

static ldr_status plan_import(binding_plan *plan, void *provider, const pe_import_dll *dll,
                              const pe_import *import, ldr_diag *diag)
{
    const ldr__import_resolver *resolver = plan->resolver;
    const void *address = NULL;
    ldr_status status = resolver->function(resolver->user, provider, dll, import, &address);
    return status == LDR_OK ? plan_address(plan, import->slot, address, diag) : status;
}

static ldr_status plan_dll(binding_plan *plan, const pe_import_dll *dll, ldr_diag *diag)
{
    const ldr__import_resolver *resolver = plan->resolver;
    void *provider = NULL;
    pe_thunk_iter thunks;
    pe_import import;
    pe_status next = PE_END;
    ldr_status status = resolver->dll(resolver->user, dll, &provider);
    pe_thunks(&plan->image, dll, &thunks);
    while (status == LDR_OK && (next = pe_thunk_next(&thunks, &import)) == PE_OK)
        status = plan_import(plan, provider, dll, &import, diag);
    if (status == LDR_OK && next != PE_END)
        return broken_directory(plan, thunks.lookup, diag);
    return status;
}

static ldr_status plan_dlls(binding_plan *plan, ldr_diag *diag)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_status next = PE_END;
    ldr_status status = LDR_OK;
    pe_imports(&plan->image, &dlls);
    while (status == LDR_OK && (next = pe_import_next(&dlls, &dll)) == PE_OK)
        status = plan_dll(plan, &dll, diag);
    if (status == LDR_OK && next != PE_END)
        return broken_directory(plan, dlls.next, diag);
    return status;
}

/* ---- Delay imports ---- */

static ldr_status plan_delay_dll(binding_plan *plan, const pe_delay_iter *dlls,
                                 const pe_delay_dll *delayed, ldr_diag *diag)
{
    const ldr__import_resolver *resolver = plan->resolver;
    const pe_import_dll dll = {.descriptor = delayed->descriptor, .name = delayed->name};
    void *provider = NULL;
    pe_delay_thunk_iter thunks;
    pe_import import;
    pe_status next = PE_END;
    ldr_status status = resolver->dll(resolver->user, &dll, &provider);
    if (status == LDR_OK && provider && delayed->module_handle.value != 0)
        status = plan_address(plan, delayed->module_handle,
                              resolver->handle(resolver->user, provider), diag);
    pe_delay_thunks(dlls, delayed, &thunks);
    while (status == LDR_OK && (next = pe_delay_thunk_next(&thunks, &import)) == PE_OK)
        status = plan_import(plan, provider, &dll, &import, diag);
    if (status == LDR_OK && next != PE_END)
        return broken_delay_directory(plan, thunks.lookup, diag);
    return status;
}

static ldr_status plan_delay_dlls(binding_plan *plan, ldr_diag *diag)
{
    pe_delay_iter dlls;
    pe_delay_dll dll;
    pe_status next = PE_END;
    ldr_status status = LDR_OK;
    pe_delay_imports(&plan->image, (uint64_t)(uintptr_t)ldr_view_base(plan->view), &dlls);
    while (status == LDR_OK && (next = pe_delay_next(&dlls, &dll)) == PE_OK)
        status = plan_delay_dll(plan, &dlls, &dll, diag);
    if (status == LDR_OK && next != PE_END)
        return broken_delay_directory(plan, dlls.next, diag);
    return status;
}

/* ---- Writing ---- */

static ldr_status write_slots(const binding_plan *plan, ldr_diag *diag)
{
    write_window window = {.view = plan->view};
    ldr_status status = LDR_OK;
    size_t i = 0;
    for (; i < plan->count && status == LDR_OK; i++)
        status = write_slot(&window, plan->slots[i].slot, plan->slots[i].address);
    ldr_status closed = window_close(&window);
    if (status == LDR_INVALID_ARGUMENT)
        return broken_directory(plan, plan->slots[i - 1].slot, diag);
    if (status == LDR_OK)
        status = closed;
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), plan->subject);
    return LDR_OK;
}

static ldr_status bind(ldr_status (*plan_all)(binding_plan *, ldr_diag *), ldr_view *view,
                       const char *subject, const ldr__import_resolver *resolver, ldr_diag *diag)
{
    binding_plan plan = {.view = view,
                         .image = *ldr_view_image(view),
                         .budget = pe_budget_for(view->section->file_size),
                         .subject = subject,
                         .resolver = resolver};
    plan.image.budget = &plan.budget;
    ldr_status status = plan_all(&plan, diag);
    if (status == LDR_OK)
        status = write_slots(&plan, diag);
    ldr__os_free(plan.slots);
    return status;
}

ldr_status ldr__bind_imports(ldr_view *view, const char *subject,
                             const ldr__import_resolver *resolver, ldr_diag *diag)
{
    return bind(plan_dlls, view, subject, resolver, diag);
}

ldr_status ldr__bind_delay_imports(ldr_view *view, const char *subject,
                                   const ldr__import_resolver *resolver, ldr_diag *diag)
{
    return bind(plan_delay_dlls, view, subject, resolver, diag);
}
