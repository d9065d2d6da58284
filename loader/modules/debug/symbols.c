#include "modules/debug/symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "section/object.h"

/* Real images have 180,000 functions at the most. */
enum { SYMBOLS_MAX = 1 << 20, NAME_MAX_SIZE = 512 };

pe_image ldr__debug_image(const ldr_module *module, pe_budget *ret_budget)
{
    pe_image image = *ldr_view_image(module->view);
    *ret_budget = pe_budget_for(module->view->section->file_size);
    image.budget = ret_budget;
    return image;
}

/* What an unnamed function has for a name until all are known. */
#define UNNAMED 0

void ldr__code_symbols_release(ldr__code_symbols *symbols)
{
    ldr__os_free(symbols->items);
    ldr__os_free(symbols->names);
}

/* Room for one more of what there are `count` of. */
static void *grow(void *items, uint32_t count, uint32_t more, uint32_t *capacity, size_t size)
{
    if (*capacity - count >= more && items != NULL)
        return items;
    uint64_t wanted = 2 * ((uint64_t)*capacity + more) + 1024;
    void *grown = wanted <= UINT32_MAX ? ldr__os_resize(items, (size_t)wanted * size) : NULL;
    if (grown != NULL)
        *capacity = (uint32_t)wanted;
    return grown;
}

static ldr_status add(ldr__code_symbols *symbols, const ldr__code_symbol *symbol)
{
    void *grown =
        grow(symbols->items, symbols->count, 1, &symbols->capacity, sizeof *symbols->items);
    if (grown == NULL)
        return LDR_NO_MEMORY;
    symbols->items = grown;
    symbols->items[symbols->count++] = *symbol;
    return LDR_OK;
}

static ldr_status add_name(ldr__code_symbols *symbols, const char *name, uint32_t *ret_name)
{
    uint32_t size = (uint32_t)strlen(name) + 1;
    void *grown = grow(symbols->names, symbols->names_size, size, &symbols->names_capacity, 1);
    if (grown == NULL)
        return LDR_NO_MEMORY;
    symbols->names = grown;
    memcpy(symbols->names + symbols->names_size, name, size);
    *ret_name = symbols->names_size;
    symbols->names_size += size;
    return LDR_OK;
}

/* ---- Names ---- */

/* "zlib1!", of zlib1.dll: its length. */
static size_t write_prefix(const ldr_module *module, char text[NAME_MAX_SIZE])
{
    const char *name = ldr_module_name(module), *dot = strrchr(name, '.');
    int length = dot != NULL ? (int)(dot - name) : (int)strlen(name);
    snprintf(text, NAME_MAX_SIZE, "%.*s!", length < 128 ? length : 128, name);
    return strlen(text);
}

static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            *text = '?';
}

static ldr_status name_export(ldr__code_symbols *symbols, const ldr_module *module,
                              const pe_export *found, uint32_t *ret_name)
{
    char text[NAME_MAX_SIZE];
    size_t prefix = write_prefix(module, text), room = sizeof text - prefix - 1;
    size_t length = found->name.size < room ? (size_t)found->name.size : room;
    memcpy(text + prefix, found->name.data, length);
    text[prefix + length] = '\0';
    make_plain(text);
    return add_name(symbols, text, ret_name);
}

static ldr_status name_rest(ldr__code_symbols *symbols, const ldr_module *module)
{
    char text[NAME_MAX_SIZE];
    ldr_status status = LDR_OK;
    size_t prefix = write_prefix(module, text);
    make_plain(text);
    for (uint32_t i = 0; i < symbols->count && status == LDR_OK; i++) {
        ldr__code_symbol *symbol = &symbols->items[i];
        if (symbol->name != UNNAMED)
            continue;
        snprintf(text + prefix, sizeof text - prefix, "+0x%" PRIx32, symbol->rva);
        status = add_name(symbols, text, &symbol->name);
    }
    return status;
}

/* ---- What there is ---- */

static ldr_status add_functions(ldr__code_symbols *symbols, const pe_image *image)
{
    pe_x64_function_iter iter;
    pe_x64_function function;
    ldr_status status = LDR_OK;
    pe_x64_functions(image, &iter);
    while (status == LDR_OK && symbols->count < SYMBOLS_MAX &&
           pe_x64_function_next(&iter, &function) == PE_OK) {
        if (function.begin.value < function.end.value && ldr__is_code(image, function.begin))
            status = add(symbols,
                         &(ldr__code_symbol){.rva = function.begin.value,
                                             .size = function.end.value - function.begin.value});
    }
    return status;
}

static ldr_status add_exports(ldr__code_symbols *symbols, const ldr_module *module,
                              const pe_image *image)
{
    pe_exports exports;
    pe_export found;
    ldr_status status = LDR_OK;
    if (pe_exports_open(image, &exports) != PE_OK)
        return LDR_OK;
    for (uint32_t i = 0; i < exports.name_count && i < SYMBOLS_MAX && status == LDR_OK; i++) {
        if (pe_export_name_at(image, &exports, i, &found) != PE_OK || found.is_forwarder ||
            !ldr__is_code(image, found.rva))
            continue;
        ldr__code_symbol symbol = {.rva = found.rva.value};
        status = name_export(symbols, module, &found, &symbol.name);
        if (status == LDR_OK)
            status = add(symbols, &symbol);
    }
    return status;
}

/* ---- Which remain ---- */

/* By RVA; of one RVA those with a size first, which are those of the unwind table. */
static int compare(const void *a, const void *b)
{
    const ldr__code_symbol *left = a, *right = b;
    if (left->rva != right->rva)
        return left->rva < right->rva ? -1 : 1;
    if (left->size != right->size)
        return left->size > right->size ? -1 : 1;
    return left->name < right->name ? -1 : left->name > right->name;
}

static uint32_t end_of_section(const pe_image *image, uint32_t rva)
{
    pe_section section;
    if (pe_section_of(image, (pe_rva){rva}, &section) != PE_OK)
        return rva + 1;
    uint64_t end = (uint64_t)section.rva.value + section.virtual_size;
    return end > rva && end <= UINT32_MAX ? (uint32_t)end : rva + 1;
}

/* The symbols of one RVA, from `first` to before `end`: the first names, or one without a name. */
static ldr__code_symbol join(const ldr__code_symbols *symbols, uint32_t first, uint32_t end)
{
    ldr__code_symbol symbol = symbols->items[first];
    for (uint32_t i = first + 1; i < end && symbol.name == UNNAMED; i++)
        symbol.name = symbols->items[i].name;
    return symbol;
}

static void join_all(ldr__code_symbols *symbols, const pe_image *image)
{
    uint32_t count = 0;
    for (uint32_t i = 0, end; i < symbols->count; i = end) {
        for (end = i + 1; end < symbols->count && symbols->items[end].rva == symbols->items[i].rva;)
            end++;
        ldr__code_symbol symbol = join(symbols, i, end);
        uint32_t limit = end_of_section(image, symbol.rva);
        if (end < symbols->count && symbols->items[end].rva < limit)
            limit = symbols->items[end].rva;
        if (symbol.size == 0 || symbol.size > limit - symbol.rva)
            symbol.size = limit - symbol.rva;
        symbols->items[count++] = symbol;
    }
    symbols->count = count;
}

ldr_status ldr__code_symbols_make(const ldr_module *module, ldr__code_symbols *ret_symbols)
{
    pe_budget budget;
    pe_image image = ldr__debug_image(module, &budget);
    uint32_t empty;
    *ret_symbols = (ldr__code_symbols){0};
    ldr_status status = add_name(ret_symbols, "", &empty);
    if (status == LDR_OK)
        status = add_functions(ret_symbols, &image);
    if (status == LDR_OK)
        status = add_exports(ret_symbols, module, &image);
    if (status != LDR_OK)
        return status;
    if (ret_symbols->count > 0)
        qsort(ret_symbols->items, ret_symbols->count, sizeof *ret_symbols->items, compare);
    join_all(ret_symbols, ldr_view_image(module->view));
    return name_rest(ret_symbols, module);
}
