/* delay.c: what binding delay imports at run time needs of the resolver. */
#include "modules/module.h"
#include "section/view.h"

/* Pages that are not writable are opened, and only for as long: they may be those of constants. */
static ldr_status store_in_view(ldr_view *view, uint64_t rva, void **slot, void *value,
                                void **ret_before)
{
    void *before = NULL;
    ldr_status status = ldr__view_write_begin(view, rva, sizeof(*slot));
    if (status != LDR_OK)
        return status;
    ldr__os_guard_begin();
    before = __atomic_exchange_n(slot, value, __ATOMIC_ACQ_REL);
    bool is_cut = ldr__os_guard_end();
    status = ldr__view_write_end(view, rva, sizeof(*slot));
    if (status != LDR_OK || is_cut)
        return is_cut ? LDR_IO_ERROR : status;
    *ret_before = before;
    return LDR_OK;
}

ldr_status ldr__module_store(ldr_context *ctx, void **slot, void *value, void **ret_before)
{
    ldr__table_lock(ctx);
    ldr_module *module = ldr_module_at(ctx, slot);
    ldr_status status = LDR_INVALID_ARGUMENT;
    if (module && (uintptr_t)slot % sizeof(*slot) == 0) {
        uint64_t rva = (uint64_t)((uint8_t *)slot - (uint8_t *)ldr_module_base(module));
        status = store_in_view(module->view, rva, slot, value, ret_before);
    }
    ldr__table_unlock(ctx);
    return status;
}
