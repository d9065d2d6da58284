#include "win32/seh/seh.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a RUNTIME_FUNCTION: begin, end, unwind information, each an RVA. */
enum { FUNCTION_SIZE = 12, FUNCTION_END = 4, FUNCTION_UNWIND = 8 };

/* Bit 0 of the unwind RVA: it is the RVA of another RUNTIME_FUNCTION instead. */
enum { INDIRECT = 1 };

struct ldr__code_range {
    ldr_module *module;
    uint64_t begin, end;
    const pe_image *image;
    const uint8_t *table; /* in the module's view */
    uint32_t count;
};

/* One entry of RtlAddFunctionTable or RtlInstallFunctionTableCallback. */
struct ldr__dynamic_table {
    ldr__dynamic_table *next;
    uint64_t identifier; /* what the guest removes it by */
    uint64_t base, length;
    const uint8_t *table;
    uint32_t count;
    void *callback; /* or NULL */
    void *user;
};

typedef void *(LDR_WINAPI *function_table_callback)(uint64_t pc, void *user);

static uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static ldr__function load_function(const uint8_t *bytes)
{
    return (ldr__function){load_u32(bytes), load_u32(bytes + FUNCTION_END),
                           load_u32(bytes + FUNCTION_UNWIND)};
}

bool ldr__unwind_read(const ldr__unwind_source *source, uint32_t rva, void *ret_bytes, size_t size)
{
    if (source->image != NULL)
        return pe_read(source->image, (pe_rva){rva}, ret_bytes, size) == PE_OK;
    memcpy(ret_bytes, (const void *)(uintptr_t)(source->base + rva), size);
    return true;
}

bool ldr__unwind_read_function(const ldr__unwind_source *source, uint32_t rva,
                               ldr__function *ret_function)
{
    uint8_t bytes[FUNCTION_SIZE];
    if (!ldr__unwind_read(source, rva, bytes, sizeof bytes))
        return false;
    *ret_function = load_function(bytes);
    return true;
}

/* ---- Modules ---- */

/* The exception directory, cut to what is stored in the image. */
static void note_table(ldr__code_range *range)
{
    pe_directory directory = pe_directory_at(range->image, PE_DIRECTORY_EXCEPTION);
    uint8_t first;
    if (range->image->file.machine != PE_MACHINE_AMD64 || directory.size < FUNCTION_SIZE ||
        pe_read(range->image, directory.rva, &first, sizeof first) != PE_OK)
        return;
    pe_span stored = pe_tail(range->image, directory.rva);
    uint64_t size = directory.size < stored.size ? directory.size : stored.size;
    range->table = stored.data;
    range->count = (uint32_t)(size / FUNCTION_SIZE);
}

/* The index of the first module that ends beyond `address`. */
static size_t first_ending_after(const ldr__seh *seh, uint64_t address)
{
    size_t low = 0, high = seh->module_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (seh->modules[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool grow(ldr__seh *seh)
{
    if (seh->module_count < seh->module_capacity)
        return true;
    size_t capacity = seh->module_capacity == 0 ? 16 : 2 * seh->module_capacity;
    ldr__code_range *modules = realloc(seh->modules, capacity * sizeof *modules);
    if (modules == NULL)
        return false;
    seh->modules = modules;
    seh->module_capacity = capacity;
    return true;
}

static bool insert(ldr__seh *seh, const ldr__code_range *range)
{
    if (!grow(seh))
        return false;
    size_t index = first_ending_after(seh, range->begin);
    memmove(seh->modules + index + 1, seh->modules + index,
            (seh->module_count - index) * sizeof *range);
    seh->modules[index] = *range;
    seh->module_count++;
    return true;
}

ldr_status ldr__seh_module_added(ldr__process *process, ldr_module *module)
{
    const ldr_view *view = ldr_module_view(module);
    if (view == NULL)
        return LDR_OK;
    return ldr__seh_view_added(process->seh, module, view) ? LDR_OK : LDR_NO_MEMORY;
}

bool ldr__seh_view_added(ldr__seh *seh, ldr_module *module, const ldr_view *view)
{
    uint64_t base = (uintptr_t)ldr_view_base(view);
    ldr__code_range range = {.module = module,
                             .begin = base,
                             .end = base + ldr_view_size(view),
                             .image = ldr_view_image(view)};
    note_table(&range);
    pthread_mutex_lock(&seh->lock);
    bool inserted = insert(seh, &range);
    pthread_mutex_unlock(&seh->lock);
    return inserted;
}

void ldr__seh_module_removed(ldr__process *process, ldr_module *module)
{
    ldr__seh *seh = process->seh;
    pthread_mutex_lock(&seh->lock);
    for (size_t i = 0; i < seh->module_count; i++) {
        if (seh->modules[i].module != module)
            continue;
        seh->module_count--;
        memmove(seh->modules + i, seh->modules + i + 1,
                (seh->module_count - i) * sizeof *seh->modules);
        break;
    }
    pthread_mutex_unlock(&seh->lock);
}

/* A copy, so that nothing is used of the list once the lock is given back. */
static bool find_module(ldr__seh *seh, uint64_t address, ldr__code_range *ret_range)
{
    pthread_mutex_lock(&seh->lock);
    size_t index = first_ending_after(seh, address);
    bool found = index < seh->module_count && seh->modules[index].begin <= address;
    if (found)
        *ret_range = seh->modules[index];
    pthread_mutex_unlock(&seh->lock);
    return found;
}

/* ---- Lookup ---- */

/* The line of a table whose function holds `rva`, or NULL. An unsorted table only hides lines. */
static const uint8_t *search(const uint8_t *table, uint32_t count, uint32_t rva)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const uint8_t *line = table + (size_t)middle * FUNCTION_SIZE;
        ldr__function function = load_function(line);
        if (rva < function.begin)
            high = middle;
        else if (rva >= function.end)
            low = middle + 1;
        else
            return line;
    }
    return NULL;
}

bool ldr__unwind_find_function(const ldr__unwind_source *source, uint32_t rva,
                               ldr__function *ret_function)
{
    if (source->image == NULL)
        return false;
    ldr__code_range range = {.image = source->image};
    note_table(&range);
    const uint8_t *line = search(range.table, range.count, rva);
    if (line == NULL)
        return false;
    *ret_function = load_function(line);
    return true;
}

/* The line found, or the one it refers to. */
static void take_line(ldr__code_place *place, const uint8_t *line)
{
    ldr__function function = load_function(line), target;
    if ((function.unwind & INDIRECT) != 0) {
        uint32_t rva = function.unwind - INDIRECT;
        if (!ldr__unwind_read_function(&place->source, rva, &target))
            return;
        line = (const uint8_t *)(uintptr_t)(place->source.base + rva);
        function = target;
    }
    place->entry = line;
    place->function = function;
}

static bool in_dynamic_table(const ldr__dynamic_table *table, uint64_t pc)
{
    if (pc < table->base || pc - table->base > UINT32_MAX)
        return false;
    if (table->callback != NULL)
        return pc - table->base < table->length;
    return search(table->table, table->count, (uint32_t)(pc - table->base)) != NULL;
}

static bool find_dynamic(ldr__seh *seh, uint64_t pc, ldr__code_place *ret_place)
{
    pthread_mutex_lock(&seh->lock);
    const ldr__dynamic_table *table = seh->dynamic;
    while (table != NULL && !in_dynamic_table(table, pc))
        table = table->next;
    ldr__dynamic_table copy = table == NULL ? (ldr__dynamic_table){0} : *table;
    pthread_mutex_unlock(&seh->lock);
    if (table == NULL)
        return false;
    *ret_place = (ldr__code_place){.source = {copy.base, NULL}};
    const uint8_t *line = copy.callback != NULL
                              ? ((function_table_callback)copy.callback)(pc, copy.user)
                              : search(copy.table, copy.count, (uint32_t)(pc - copy.base));
    if (line != NULL)
        take_line(ret_place, line);
    return true;
}

bool ldr__seh_find_code(ldr__seh *seh, uint64_t pc, ldr__code_place *ret_place)
{
    ldr__code_range range;
    if (!find_module(seh, pc, &range))
        return find_dynamic(seh, pc, ret_place);
    *ret_place = (ldr__code_place){.source = {range.begin, range.image}};
    const uint8_t *line = search(range.table, range.count, (uint32_t)(pc - range.begin));
    if (line != NULL)
        take_line(ret_place, line);
    return true;
}

ldr__unwind_source ldr__seh_source_of(ldr__seh *seh, uint64_t base)
{
    ldr__code_range range;
    bool known = find_module(seh, base, &range) && range.begin == base;
    return (ldr__unwind_source){base, known ? range.image : NULL};
}

void ldr__seh_functions_release(ldr__seh *seh)
{
    free(seh->modules);
    while (seh->dynamic != NULL) {
        ldr__dynamic_table *next = seh->dynamic->next;
        free(seh->dynamic);
        seh->dynamic = next;
    }
}

/* ---- Exports ---- */

static bool add_dynamic(const ldr__dynamic_table *table)
{
    ldr__seh *seh = ldr__process_self()->seh;
    ldr__dynamic_table *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return false;
    *copy = *table;
    pthread_mutex_lock(&seh->lock);
    copy->next = seh->dynamic;
    seh->dynamic = copy;
    pthread_mutex_unlock(&seh->lock);
    return true;
}

uint8_t LDR_WINAPI ldr__seh_add_table(const void *table, DWORD count, uint64_t base)
{
    return add_dynamic(&(ldr__dynamic_table){
        .identifier = (uintptr_t)table, .base = base, .table = table, .count = count});
}

uint8_t LDR_WINAPI ldr__seh_install_callback(uint64_t identifier, uint64_t base, DWORD length,
                                             void *callback, void *user, const WCHAR *dll)
{
    (void)dll; /* for debuggers */
    if ((identifier & 3) != 3)
        return false;
    return add_dynamic(&(ldr__dynamic_table){.identifier = identifier,
                                             .base = base,
                                             .length = length,
                                             .callback = callback,
                                             .user = user});
}

uint8_t LDR_WINAPI ldr__seh_delete_table(const void *identifier)
{
    ldr__seh *seh = ldr__process_self()->seh;
    pthread_mutex_lock(&seh->lock);
    ldr__dynamic_table **link = &seh->dynamic;
    while (*link != NULL && (*link)->identifier != (uintptr_t)identifier)
        link = &(*link)->next;
    ldr__dynamic_table *table = *link;
    if (table != NULL)
        *link = table->next;
    pthread_mutex_unlock(&seh->lock);
    free(table);
    return table != NULL;
}

const void *LDR_WINAPI ldr__seh_lookup_entry(uint64_t pc, uint64_t *ret_base, void *history)
{
    (void)history; /* a cache, which may stay empty */
    ldr__code_place place;
    if (!ldr__seh_find_code(ldr__process_self()->seh, pc, &place)) {
        *ret_base = 0;
        return NULL;
    }
    *ret_base = place.source.base;
    return place.entry;
}

void *LDR_WINAPI ldr__seh_pc_to_header(uint64_t pc, void **ret_base)
{
    ldr__code_range range;
    bool found = find_module(ldr__process_self()->seh, pc, &range);
    *ret_base = found ? (void *)(uintptr_t)range.begin : NULL;
    return *ret_base;
}
