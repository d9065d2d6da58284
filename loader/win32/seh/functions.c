#include "win32/seh/seh.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a RUNTIME_FUNCTION: begin, end, unwind information, each an RVA. */
enum { FUNCTION_SIZE = 12, FUNCTION_END = 4, FUNCTION_UNWIND = 8 };

/* Bit 0 of the unwind RVA: it is the RVA of another RUNTIME_FUNCTION instead. */
enum { INDIRECT = 1 };

typedef struct code_range {
    ldr_module *module;
    uint64_t begin, end;
    const pe_image *image;
    const uint8_t *table; /* in the module's view */
    uint32_t count;
    atomic_bool removed; /* the module is gone; the range stays until the list is replaced */
} code_range;

/* Modules sorted by address. A new one makes a new list, so that readers need no lock; there are
 * two lists, so that it is a short one. */
struct ldr__module_list {
    ldr__module_list *old; /* of those that are replaced: next */
    size_t count;
    code_range ranges[];
};

/* One entry of RtlAddFunctionTable or RtlInstallFunctionTableCallback. */
struct ldr__dynamic_table {
    _Atomic(ldr__dynamic_table *) next;
    ldr__dynamic_table *old; /* of those that are removed: next */
    uint64_t identifier;     /* what the guest removes it by */
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
static void note_table(code_range *range)
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

/* ---- Readers ---- */

/*
 * Who reads the guest's own tables may fault there and not come back, if the guest handles that.
 * Then what is old is released with the process only.
 */
static void begin_reading(ldr__seh *seh)
{
    atomic_fetch_add(&seh->readers, 1);
}

static void end_reading(ldr__seh *seh)
{
    atomic_fetch_sub(&seh->readers, 1);
}

static void release_modules(ldr__module_list *list)
{
    while (list != NULL) {
        ldr__module_list *next = list->old;
        free(list);
        list = next;
    }
}

static void release_dynamic(ldr__dynamic_table *table)
{
    while (table != NULL) {
        ldr__dynamic_table *next = table->old;
        free(table);
        table = next;
    }
}

/* With the lock held: who begins to read from now on does not find what is old. */
static void release_old(ldr__seh *seh)
{
    if (atomic_load(&seh->readers) != 0)
        return;
    release_modules(seh->old_modules);
    release_dynamic(seh->old_dynamic);
    seh->old_modules = NULL;
    seh->old_dynamic = NULL;
}

/* ---- The list of modules ---- */

/* The index of the first module that ends beyond `address`. */
static size_t first_ending_after(const ldr__module_list *list, uint64_t address)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->ranges[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Both lists in one, without those that are removed. */
static ldr__module_list *merge(const ldr__module_list *a, const ldr__module_list *b)
{
    size_t count = a->count + b->count, i = 0, j = 0;
    ldr__module_list *list = malloc(sizeof *list + count * sizeof list->ranges[0]);
    if (list == NULL)
        return NULL;
    list->old = NULL;
    list->count = 0;
    while (i < a->count || j < b->count) {
        bool from_a = j == b->count || (i < a->count && a->ranges[i].begin < b->ranges[j].begin);
        const code_range *next = from_a ? &a->ranges[i++] : &b->ranges[j++];
        if (!atomic_load(&next->removed))
            memcpy(&list->ranges[list->count++], next, sizeof *next);
    }
    return list;
}

/* In place of the list that was there, which is released once there are no readers. */
static void publish(ldr__seh *seh, _Atomic(ldr__module_list *) *place, ldr__module_list *list)
{
    ldr__module_list *old = atomic_exchange(place, list);
    if (old == NULL)
        return;
    old->old = seh->old_modules;
    seh->old_modules = old;
}

/* Seldom enough that to load many modules does not copy a long list each time. Who reads looks at
 * the recent ones first, and so misses none that go over meanwhile. */
static void merge_recent(ldr__seh *seh)
{
    enum { RECENT = 64 };
    static const ldr__module_list none;
    const ldr__module_list *recent = atomic_load(&seh->recent);
    const ldr__module_list *others = atomic_load(&seh->modules);
    if (recent->count < RECENT)
        return;
    ldr__module_list *list = merge(others != NULL ? others : &none, recent);
    if (list == NULL)
        return;
    publish(seh, &seh->modules, list);
    publish(seh, &seh->recent, NULL);
}

static bool insert(ldr__seh *seh, ldr__module_list *one)
{
    const ldr__module_list *recent = atomic_load(&seh->recent);
    ldr__module_list *list = recent != NULL ? merge(recent, one) : one;
    if (list == NULL)
        return false;
    if (list != one)
        free(one);
    publish(seh, &seh->recent, list);
    merge_recent(seh);
    release_old(seh);
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
    ldr__module_list *one = calloc(1, sizeof *one + sizeof one->ranges[0]);
    if (one == NULL)
        return false;
    uint64_t base = (uintptr_t)ldr_view_base(view);
    one->count = 1;
    code_range *range = &one->ranges[0];
    range->module = module;
    range->begin = base;
    range->end = base + ldr_view_size(view);
    range->image = ldr_view_image(view);
    note_table(range);
    pthread_mutex_lock(&seh->lock);
    bool inserted = insert(seh, one);
    pthread_mutex_unlock(&seh->lock);
    if (!inserted)
        free(one);
    return inserted;
}

static void remove_from(ldr__module_list *list, const ldr_module *module)
{
    uint64_t base = (uintptr_t)ldr_module_base(module);
    size_t index = list != NULL ? first_ending_after(list, base) : 0;
    if (list != NULL && index < list->count && list->ranges[index].module == module)
        atomic_store(&list->ranges[index].removed, true);
}

void ldr__seh_module_removed(ldr__process *process, ldr_module *module)
{
    ldr__seh *seh = process->seh;
    pthread_mutex_lock(&seh->lock);
    remove_from(atomic_load(&seh->recent), module);
    remove_from(atomic_load(&seh->modules), module);
    pthread_mutex_unlock(&seh->lock);
}

static bool find_in(const ldr__module_list *list, uint64_t address, code_range *ret_range)
{
    size_t index = list != NULL ? first_ending_after(list, address) : 0;
    if (list == NULL || index == list->count || list->ranges[index].begin > address ||
        atomic_load(&list->ranges[index].removed))
        return false;
    memcpy(ret_range, &list->ranges[index], sizeof *ret_range);
    return true;
}

/* A copy, so that nothing is used of the list once readers are through. */
static bool find_module(ldr__seh *seh, uint64_t address, code_range *ret_range)
{
    begin_reading(seh);
    bool found = find_in(atomic_load(&seh->recent), address, ret_range) ||
                 find_in(atomic_load(&seh->modules), address, ret_range);
    end_reading(seh);
    return found;
}

bool ldr__seh_is_module_code(ldr__seh *seh, uint64_t pc)
{
    code_range range;
    return find_module(seh, pc, &range);
}

ldr_module *ldr__seh_module_at(ldr__seh *seh, uint64_t pc)
{
    code_range range;
    return find_module(seh, pc, &range) ? range.module : NULL;
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
    code_range range = {.image = source->image};
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
    ldr__dynamic_table copy;
    begin_reading(seh);
    const ldr__dynamic_table *table = atomic_load(&seh->dynamic);
    while (table != NULL && !in_dynamic_table(table, pc))
        table = atomic_load(&table->next);
    bool found = table != NULL;
    if (found)
        memcpy(&copy, table, sizeof copy);
    end_reading(seh);
    if (!found)
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
    code_range range;
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
    code_range range;
    bool known = find_module(seh, base, &range) && range.begin == base;
    return (ldr__unwind_source){base, known ? range.image : NULL};
}

void ldr__seh_functions_release(ldr__seh *seh)
{
    ldr__dynamic_table *table = atomic_load(&seh->dynamic);
    while (table != NULL) {
        ldr__dynamic_table *next = atomic_load(&table->next);
        free(table);
        table = next;
    }
    release_dynamic(seh->old_dynamic);
    release_modules(seh->old_modules);
    free(atomic_load(&seh->recent));
    free(atomic_load(&seh->modules));
}

/* ---- Exports ---- */

static bool add_dynamic(const ldr__dynamic_table *table)
{
    ldr__seh *seh = ldr__process_self()->seh;
    ldr__dynamic_table *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return false;
    }
    memcpy(copy, table, sizeof *copy);
    pthread_mutex_lock(&seh->lock);
    atomic_store(&copy->next, atomic_load(&seh->dynamic));
    atomic_store(&seh->dynamic, copy);
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
    _Atomic(ldr__dynamic_table *) *link = &seh->dynamic;
    ldr__dynamic_table *table;
    while ((table = atomic_load(link)) != NULL && table->identifier != (uintptr_t)identifier)
        link = &table->next;
    if (table != NULL) {
        atomic_store(link, atomic_load(&table->next));
        table->old = seh->old_dynamic;
        seh->old_dynamic = table;
        release_old(seh);
    }
    pthread_mutex_unlock(&seh->lock);
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
    code_range range;
    bool found = find_module(ldr__process_self()->seh, pc, &range);
    *ret_base = found ? (void *)(uintptr_t)range.begin : NULL;
    return *ret_base;
}
