#include "win32/loader_data.h"

#include <stdlib.h>
#include <string.h>

#include "win32/state.h"

enum {
    FLAG_IS_DLL = 0x4,
    FLAG_NO_THREAD_CALLS = 0x40000,
    FLAG_ATTACHED = 0x80000,
    FLAG_BARE = 0x40000000, /* DONT_RESOLVE_REFS */
    NODE_READY = 9,
    HOST_SIZE = 0x10000,
    REASON_LOADED = 1,
    REASON_UNLOADED = 2,
};

/* PEB_LDR_DATA */
typedef struct peb_loader_data {
    uint32_t length;
    uint8_t is_initialised;
    void *ss_handle;
    ldr__list_entry load, memory, initialised; /* 0x10, 0x20, 0x30 */
    void *entry_in_progress;
    uint8_t shutdown_in_progress;
    void *shutdown_thread;
} peb_loader_data;

_Static_assert(offsetof(peb_loader_data, load) == 0x10, "PEB_LDR_DATA layout");
_Static_assert(sizeof(peb_loader_data) == 0x58, "PEB_LDR_DATA size");

/* One of LdrRegisterDllNotification. */
typedef struct listener {
    struct listener *next;
    ldr__dll_notice function;
    void *context;
    bool is_gone; /* taken back while listeners are being told: released afterwards */
} listener;

struct ldr__loader_data {
    peb_loader_data shown; /* first: what PEB.Ldr points to */
    listener *listeners;   /* in order; guarded by the loader lock, as the lists are */
    uint32_t telling;      /* rounds in progress */
};

/* A module's entry, its node and its names, in one block. */
typedef struct record {
    ldr__module_entry entry;
    ldr__module_node node;
    WCHAR text[];
} record;

/* ---- Lists ---- */

static void list_start(ldr__list_entry *head)
{
    head->next = head->previous = head;
}

static void list_insert(ldr__list_entry *after, ldr__list_entry *entry)
{
    entry->previous = after;
    entry->next = after->next;
    after->next->previous = entry;
    after->next = entry;
}

static void list_remove(ldr__list_entry *entry)
{
    if (entry->next == NULL)
        return;
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    entry->next = entry->previous = NULL;
}

/* ---- Records ---- */

/* The guest's path; a host module's is in the system's folder. Allocated. */
static char *path_of(const ldr_module *module)
{
    const char *path = ldr_module_path(module);
    if (strchr(path, '/') != NULL)
        return ldr__path_to_guest(path);
    static const char folder[] = "C:\\windows\\system32\\";
    char *made = malloc(sizeof folder + strlen(path));
    if (made != NULL)
        strcat(strcpy(made, folder), path);
    return made;
}

static record *record_new(const ldr_module *module)
{
    char *path = path_of(module);
    if (path == NULL)
        return NULL;
    size_t length = strlen(path), units = ldr__utf8_to_utf16(path, length, NULL, 0);
    record *made = units <= UINT16_MAX / sizeof(WCHAR) - 1
                       ? calloc(1, sizeof *made + (units + 1) * sizeof(WCHAR))
                       : NULL;
    if (made != NULL) {
        ldr__utf8_to_utf16(path, length, made->text, units);
        size_t base = units;
        while (base > 0 && made->text[base - 1] != '\\')
            base--;
        made->entry.full_name = (ldr__unicode_string){
            (uint16_t)(units * sizeof(WCHAR)), (uint16_t)((units + 1) * sizeof(WCHAR)), made->text};
        made->entry.base_name = (ldr__unicode_string){
            (uint16_t)((units - base) * sizeof(WCHAR)),
            (uint16_t)((units - base + 1) * sizeof(WCHAR)), made->text + base};
    }
    free(path);
    return made;
}

static void fill_from_image(ldr__module_entry *entry, const ldr_module *module)
{
    const pe_image *image = ldr_view_image(ldr_module_view(module));
    uint32_t entry_point = image->optional.entry_point.value;
    entry->image_size = (uint32_t)ldr_module_size(module);
    entry->time_stamp = image->file.time_date_stamp;
    entry->original_base = image->optional.image_base;
    entry->entry_point = entry_point != 0 ? (char *)entry->base + entry_point : NULL;
}

static void fill(record *made, const ldr_module *module)
{
    made->entry.base = ldr_module_base(module);
    made->entry.image_size = HOST_SIZE;
    if (ldr_module_view(module) != NULL)
        fill_from_image(&made->entry, module);
    made->entry.node = &made->node;
    made->node.state = NODE_READY;
    list_start(&made->node.modules);
    list_insert(&made->node.modules, &made->entry.node_links);
    list_start(&made->entry.hash_links);
}

static struct ldr__loader_data *data_of(const ldr__process *process)
{
    return process->loader_data;
}

/* The program comes before all others, as it does where it is the first that is mapped. */
static void list_module(struct ldr__loader_data *data, ldr__module_entry *entry, bool is_first)
{
    peb_loader_data *shown = &data->shown;
    list_insert(is_first ? &shown->load : shown->load.previous, &entry->load);
    list_insert(is_first ? &shown->memory : shown->memory.previous, &entry->memory);
}

ldr_status ldr__loader_data_added(ldr__process *process, ldr_module *module)
{
    if (ldr__module_guest_entry(module) != NULL)
        return LDR_OK; /* one that is there from the beginning */
    record *made = record_new(module);
    if (made == NULL)
        return LDR_NO_MEMORY;
    fill(made, module);
    list_module(data_of(process), &made->entry, ldr__module_main(process->ctx) == module);
    if (ldr_module_view(module) == NULL) /* nobody is told of a host module: it has no DllMain */
        list_insert(data_of(process)->shown.initialised.previous, &made->entry.initialised);
    ldr__module_set_guest_entry(module, &made->entry);
    return LDR_OK;
}

void ldr__loader_data_removed(ldr__process *process, ldr_module *module)
{
    (void)process;
    ldr__module_entry *entry = ldr__module_guest_entry(module);
    if (entry == NULL)
        return;
    ldr__module_set_guest_entry(module, NULL);
    list_remove(&entry->load);
    list_remove(&entry->memory);
    list_remove(&entry->initialised);
    free(entry);
}

void ldr__loader_data_counted(ldr_module *module)
{
    ldr__module_entry *entry = ldr__module_guest_entry(module);
    ldr__module_facts facts = ldr__module_facts_of(module);
    uint32_t flags = facts.is_dll ? FLAG_IS_DLL : 0;
    flags |= facts.is_attached ? FLAG_ATTACHED : 0;
    flags |= facts.is_bare ? FLAG_BARE : 0;
    flags |= facts.no_thread_calls ? FLAG_NO_THREAD_CALLS : 0;
    entry->flags = flags;
    entry->load_count = (int16_t)facts.count;
    entry->node->load_count = facts.count;
}

/* ---- Notices ---- */

static void drop_gone(struct ldr__loader_data *data)
{
    for (listener **at = &data->listeners; *at != NULL;) {
        listener *one = *at;
        if (one->is_gone) {
            *at = one->next;
            free(one);
        } else {
            at = &one->next;
        }
    }
}

static void tell(struct ldr__loader_data *data, const ldr__module_entry *entry, uint32_t reason)
{
    /* LDR_DLL_NOTIFICATION_DATA */
    struct {
        uint32_t flags;
        const ldr__unicode_string *full_name, *base_name;
        void *base;
        uint32_t image_size;
    } notice = {0, &entry->full_name, &entry->base_name, entry->base, entry->image_size};
    uint64_t result;
    uint32_t exception;
    data->telling++;
    for (listener *one = data->listeners; one != NULL; one = one->next)
        if (!one->is_gone)
            ldr__guest_call((void *)one->function, (void *)(uintptr_t)reason, (uintptr_t)&notice,
                            one->context, &result, &exception);
    if (--data->telling == 0)
        drop_gone(data);
}

void ldr__loader_data_begins(ldr__process *process, ldr_module *module)
{
    struct ldr__loader_data *data = data_of(process);
    ldr__module_entry *entry = ldr__module_guest_entry(module);
    list_insert(data->shown.initialised.previous, &entry->initialised);
    tell(data, entry, REASON_LOADED);
}

void ldr__loader_data_ended(ldr__process *process, ldr_module *module)
{
    tell(data_of(process), ldr__module_guest_entry(module), REASON_UNLOADED);
}

void *ldr__loader_data_notify(ldr__process *process, ldr__dll_notice function, void *context)
{
    listener *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    *made = (listener){.function = function, .context = context};
    ldr__guest_lock(process->ctx, true);
    listener **at = &data_of(process)->listeners;
    while (*at != NULL)
        at = &(*at)->next;
    *at = made;
    ldr__guest_unlock(process->ctx);
    return made;
}

bool ldr__loader_data_forget(ldr__process *process, void *cookie)
{
    struct ldr__loader_data *data = data_of(process);
    ldr__guest_lock(process->ctx, true);
    listener *one = data->listeners;
    while (one != NULL && (one != cookie || one->is_gone))
        one = one->next;
    if (one != NULL)
        one->is_gone = true;
    if (data->telling == 0)
        drop_gone(data);
    ldr__guest_unlock(process->ctx);
    return one != NULL;
}

/* ---- All of it ---- */

ldr__list_entry *ldr__loader_data_list(ldr__process *process)
{
    return &data_of(process)->shown.load;
}

/* What is there before the program: ntdll first. */
static ldr_status add_host(ldr__process *process, const char *name)
{
    ldr_module *module = ldr_module_find(process->ctx, name);
    return module != NULL ? ldr__loader_data_added(process, module) : LDR_OK;
}

ldr_status ldr__loader_data_create(ldr__process *process)
{
    static const char *const hosts[] = {"ntdll.dll", "kernel32.dll", "msvcrt.dll", "ucrtbase.dll"};
    struct ldr__loader_data *data = calloc(1, sizeof *data);
    if (data == NULL)
        return LDR_NO_MEMORY;
    data->shown.length = sizeof data->shown;
    data->shown.is_initialised = 1;
    list_start(&data->shown.load);
    list_start(&data->shown.memory);
    list_start(&data->shown.initialised);
    process->loader_data = data;
    process->peb->loader_data = &data->shown;
    ldr_status status = LDR_OK;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0] && status == LDR_OK; i++)
        status = add_host(process, hosts[i]);
    return status;
}

void ldr__loader_data_destroy(ldr__process *process)
{
    struct ldr__loader_data *data = data_of(process);
    if (data == NULL)
        return;
    while (data->shown.load.next != &data->shown.load) {
        ldr__module_entry *entry = (ldr__module_entry *)(void *)data->shown.load.next;
        ldr_module *module = ldr__module_from_base(process->ctx, entry->base);
        if (module != NULL)
            ldr__loader_data_removed(process, module);
        else
            list_remove(&entry->load);
    }
    while (data->listeners != NULL) {
        listener *next = data->listeners->next;
        free(data->listeners);
        data->listeners = next;
    }
    free(data);
    process->loader_data = NULL;
}
