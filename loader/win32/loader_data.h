/*
 * loader_data.h: the modules as ntdll shows them to a guest: PEB.Ldr with its three lists, and a
 * record for each module. Programs walk the lists with nothing but the offsets below.
 */
#ifndef PELOAD_WIN32_LOADER_DATA_H
#define PELOAD_WIN32_LOADER_DATA_H

#include "win32/win32.h"

typedef struct ldr__list_entry {
    struct ldr__list_entry *next, *previous;
} ldr__list_entry;

/* UNICODE_STRING: lengths in bytes, with and without the NUL. */
typedef struct ldr__unicode_string {
    uint16_t length, maximum;
    WCHAR *buffer;
} ldr__unicode_string;

/* LDR_DDAG_NODE of Windows 8 and later, as far as it is filled. */
typedef struct ldr__module_node {
    ldr__list_entry modules;
    void *service_tags;
    int32_t load_count; /* 0x18 */
    uint32_t load_while_unloading;
    void *lowest_link, *dependencies, *incoming;
    int32_t state; /* 0x38: 9, ready to run */
} ldr__module_node;

/* LDR_DATA_TABLE_ENTRY, x64. */
typedef struct ldr__module_entry {
    ldr__list_entry load, memory, initialised;
    void *base; /* 0x30 */
    void *entry_point;
    uint32_t image_size;
    ldr__unicode_string full_name, base_name; /* 0x48, 0x58 */
    uint32_t flags;                           /* 0x68 */
    int16_t load_count;                       /* 0x6C: -1, it stays */
    uint16_t tls_index;
    ldr__list_entry hash_links;
    uint32_t time_stamp; /* 0x80 */
    void *activation_context, *lock;
    ldr__module_node *node; /* 0x98 */
    ldr__list_entry node_links;
    void *load_context, *parent_base, *switch_back_context;
    uint8_t trees[0xF8 - 0xC8];
    uint64_t original_base; /* 0xF8 */
    uint8_t rest[0x120 - 0x100];
} ldr__module_entry;

_Static_assert(offsetof(ldr__module_entry, base) == 0x30, "LDR_DATA_TABLE_ENTRY layout");
_Static_assert(offsetof(ldr__module_entry, base_name) == 0x58, "LDR_DATA_TABLE_ENTRY layout");
_Static_assert(offsetof(ldr__module_entry, time_stamp) == 0x80, "LDR_DATA_TABLE_ENTRY layout");
_Static_assert(offsetof(ldr__module_entry, node) == 0x98, "LDR_DATA_TABLE_ENTRY layout");
_Static_assert(offsetof(ldr__module_entry, original_base) == 0xF8, "LDR_DATA_TABLE_ENTRY layout");
_Static_assert(offsetof(ldr__module_node, load_count) == 0x18, "LDR_DDAG_NODE layout");
_Static_assert(offsetof(ldr__module_node, state) == 0x38, "LDR_DDAG_NODE layout");

/* PEB.Ldr, and the host modules in its lists. */
ldr_status ldr__loader_data_create(ldr__process *process);
void ldr__loader_data_destroy(ldr__process *process);

/* What the resolver tells of modules (environment.h). */
ldr_status ldr__loader_data_added(ldr__process *process, ldr_module *module);
void ldr__loader_data_removed(ldr__process *process, ldr_module *module);
void ldr__loader_data_begins(ldr__process *process, ldr_module *module);
void ldr__loader_data_ended(ldr__process *process, ldr_module *module);
void ldr__loader_data_counted(ldr_module *module);

/*
 * LdrRegisterDllNotification: `function` is called when a module is about to get its first call
 * and after its last. NULL when out of memory; the cookie is for ldr__loader_data_forget, which is
 * false if it is none.
 */
typedef void(LDR_WINAPI *ldr__dll_notice)(uint32_t reason, const void *data, void *context);
void *ldr__loader_data_notify(ldr__process *process, ldr__dll_notice function, void *context);
bool ldr__loader_data_forget(ldr__process *process, void *cookie);

/* The entries in load order, for who has the loader locked: the head of the list. */
ldr__list_entry *ldr__loader_data_list(ldr__process *process);

#endif
