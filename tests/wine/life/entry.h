/* entry.h: what ntdll keeps of a module, as programs read it: the start of LDR_DATA_TABLE_ENTRY. */
#ifndef LIFE_ENTRY_H
#define LIFE_ENTRY_H

#include <windows.h>

typedef struct text16 {
    USHORT length, maximum;
    WCHAR *buffer;
} text16;

typedef struct module_entry {
    LIST_ENTRY load, memory, initialised;
    void *base, *entry;
    ULONG size;
    text16 path, name;
    ULONG flags;
    SHORT load_count; /* "obsolete" in newer headers, and kept */
    USHORT tls_index;
} module_entry;

/* PEB_LDR_DATA */
typedef struct loader_data {
    ULONG length;
    BOOLEAN is_ready;
    void *ss_handle;
    LIST_ENTRY load, memory, initialised;
} loader_data;

enum {
    ENTRY_IS_DLL = 0x4,
    ENTRY_NO_THREAD_CALLS = 0x40000,
    ENTRY_ATTACHED = 0x80000,
};

static inline loader_data *loader_of_process(void)
{
    char *peb;
    __asm__("movq %%gs:0x60, %0" : "=r"(peb));
    return *(loader_data **)(peb + 0x18);
}

static inline module_entry *entry_of(const void *base)
{
    LIST_ENTRY *head = &loader_of_process()->load;
    for (LIST_ENTRY *link = head->Flink; link != head; link = link->Flink) {
        module_entry *entry = CONTAINING_RECORD(link, module_entry, load);
        if (entry->base == base)
            return entry;
    }
    return NULL;
}

/* References as ntdll counts them, -1 for a module that stays, -2 for none. */
static inline int references_of(const void *base)
{
    const module_entry *entry = base ? entry_of(base) : NULL;
    return entry ? entry->load_count : -2;
}

#endif
