/* unwind.c: what the system's unwinder has to know of an image, and its security cookie. */
#include "native/state.h"

#include <string.h>

#include "os/os.h"
#include "section/view.h"

/* ---- Function tables ---- */

/*
 * How many entries at the start of the table are sound: sorted, inside the image, their unwind
 * information as well. The system searches the table by halves and believes what it says.
 */
static uint32_t count_sound(const pe_image *image, uint64_t size)
{
    pe_x64_function_iter iter;
    pe_x64_function function;
    uint32_t count = 0, last_end = 0;
    pe_x64_functions(image, &iter);
    while (pe_x64_function_next(&iter, &function) == PE_OK) {
        bool is_sound = function.begin.value >= last_end &&
                        function.begin.value < function.end.value && function.end.value <= size &&
                        function.unwind.value % 4 == 0 && function.unwind.value + 4u <= size;
        if (!is_sound || function.unwind.value == 0)
            break;
        last_end = function.end.value;
        count++;
    }
    return count;
}

/* The table where it lies in the view, as one piece; NULL for none. */
static RUNTIME_FUNCTION *find_table(const ldr_view *view, uint32_t *ret_count)
{
    const pe_image *image = ldr_view_image(view);
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_EXCEPTION);
    uint32_t count = count_sound(image, ldr_view_size(view));
    if (count == 0 || directory.rva.value % 4 != 0 ||
        (uint64_t)directory.rva.value + count * sizeof(RUNTIME_FUNCTION) > ldr_view_size(view))
        return NULL;
    *ret_count = count;
    return (void *)((uint8_t *)ldr_view_base(view) + directory.rva.value);
}

/* ---- The security cookie ---- */

/* The value that the linker gives it, which the loader replaces; so does the C runtime's start, of
 * those images that have it. */
static const uint64_t cookie_default = 0x00002B992DDFA232;

static uint64_t make_cookie(const void *base)
{
    LARGE_INTEGER counter;
    QueryPerformanceCounter(&counter);
    uint64_t cookie = (ldr__os_process_key() ^ (uintptr_t)base ^ (uint64_t)counter.QuadPart) *
                      UINT64_C(0x9E3779B97F4A7C15);
    cookie = (cookie ^ cookie >> 16) & UINT64_C(0x0000FFFFFFFFFFFF);
    return cookie == cookie_default || cookie == 0 ? cookie_default + 1 : cookie;
}

static ldr_status set_cookie(ldr_view *view)
{
    const pe_image *image = ldr_view_image(view);
    pe_load_config config;
    uint64_t address = 0, value = 0;
    pe_rva place;
    uintptr_t base = (uintptr_t)ldr_view_base(view);
    if (pe_load_config_open(image, &config) != PE_OK ||
        pe_load_config_value(&config, PE_LC_SECURITY_COOKIE, &address) != PE_OK ||
        pe_va_to_rva(image, base, address, &place) != PE_OK ||
        pe_read_u64(image, place, &value) != PE_OK || value != cookie_default)
        return LDR_OK;
    value = make_cookie(ldr_view_base(view));
    ldr_status status = ldr__view_write_begin(view, place.value, sizeof value);
    if (status != LDR_OK)
        return status;
    memcpy((uint8_t *)ldr_view_base(view) + place.value, &value, sizeof value);
    return ldr__view_write_end(view, place.value, sizeof value);
}

/* ---- Modules ---- */

ldr_status ldr__unwind_added(ldr_module *module)
{
    ldr_view *view = ldr__module_view(module);
    uint32_t count = 0;
    if (view == NULL)
        return LDR_OK;
    ldr_status status = set_cookie(view);
    if (status != LDR_OK)
        return status;
    RUNTIME_FUNCTION *table = find_table(view, &count);
    if (table == NULL)
        return LDR_OK;
    if (!RtlAddFunctionTable(table, count, (uintptr_t)ldr_view_base(view)))
        return LDR_NO_MEMORY;
    ldr__module_set_guest_entry(module, table);
    return LDR_OK;
}

void ldr__unwind_removed(ldr_module *module)
{
    RUNTIME_FUNCTION *table = ldr__module_guest_entry(module);
    ldr__module_set_guest_entry(module, NULL);
    if (table != NULL)
        RtlDeleteFunctionTable(table);
}
