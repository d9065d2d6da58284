/* protect.c: VirtualProtect on views. */
#include "section/data.h"
#include "section/diag.h"
#include "section/pages.h"
#include "section/rights.h"
#include "section/view.h"

/* Rules H.6 and B.3. Pages of a NOACCESS view stay as they are. */
static bool is_allowed(const ldr_view *view, uint32_t protect)
{
    if (!view->section->is_data)
        return !view->section->no_execute || !ldr__protect_executes(protect);
    if (ldr__protect_base(view->protect) == LDR_PAGE_NOACCESS)
        return false;
    bool copies = ldr__protect_is_copy(view->protect);
    return ldr__protect_allows(view->protect, copies ? ldr__protect_copying(protect) : protect);
}

static bool is_committed(const ldr_view *view, const ldr__page_range *range)
{
    const ldr__runs *runs = view->runs;
    for (uint32_t i = ldr__runs_find(runs, range->start);
         i < runs->count && ldr__run_start(runs, i) < range->end; i++) {
        if (runs->items[i].protect == 0)
            return false;
    }
    return true;
}

/* Where the system does not tell which pages are copies, none is. */
static bool is_own(const ldr_view *view, uint64_t start)
{
    ldr__page_state state;
    bool is_copy = false;
    uint64_t end = start + LDR__PAGE;
    if (!view->section->is_data)
        return ldr__view_page_state(view, start, &state) == LDR_OK && state.is_own;
    return ldr__pages_measure(view, start, end, false, &is_copy, &end) == LDR_OK && is_copy;
}

static uint32_t current(const ldr_view *view, uint64_t start)
{
    uint32_t protect = view->runs->items[ldr__runs_find(view->runs, start)].protect;
    return ldr__protect_is_copy(protect) && is_own(view, start) ? ldr__protect_after_write(protect)
                                                                : protect;
}

/* For holders of the lock, where the view has its list. */
static ldr_status change(ldr_view *view, const ldr__page_range *range, uint32_t protect,
                         uint32_t *ret_old, ldr_diag *diag)
{
    const char *name = view->section->name;
    if (!is_committed(view, range))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_NOT_COMMITTED, name);
    if (!is_allowed(view, protect))
        return ldr__fail(diag, LDR_ACCESS_DENIED, PE_NT_SECTION_PROTECTION, name);
    uint32_t old = current(view, range->start);
    ldr_status status = ldr__pages_change(view, range->start, range->end, protect, false);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    if (ret_old != NULL)
        *ret_old = old;
    return LDR_OK;
}

/* A list that is made for nothing goes again. */
static ldr_status change_with_list(ldr_view *view, const ldr__page_range *range, uint32_t protect,
                                   uint32_t *ret_old, ldr_diag *diag)
{
    bool is_new = view->runs == NULL;
    ldr_status status = view->section->is_data ? ldr__data_view_sync(view) : ldr__pages_list(view);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), view->section->name);
    status = change(view, range, protect, ret_old, diag);
    if (status != LDR_OK && is_new) {
        ldr__runs_free(view->runs);
        view->runs = NULL;
    }
    return status;
}

ldr_status ldr_view_protect(ldr_view *view, uint64_t offset, uint64_t size, uint32_t protect,
                            uint32_t *ret_old, ldr_diag *diag)
{
    const char *name = view->section->name;
    ldr__page_range range;
    if (!ldr__protect_is_valid(protect))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PAGE_PROTECTION, name);
    if (!ldr__pages_of(view, offset, size, &range))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_CONFLICTING_ADDRESSES, name);
    ldr__pages_lock(view);
    ldr_status status = change_with_list(view, &range, protect, ret_old, diag);
    ldr__pages_unlock(view);
    return status;
}
