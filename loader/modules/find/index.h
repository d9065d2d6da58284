/*
 * index.h: the modules of a context by name, by file and by address. Finding one does not get
 * slower with their number, whatever names hostile images choose: buckets hold names by a keyed
 * hash.
 *
 * The functions expect the table lock to be held; those that only read, any of the two (module.h).
 */
#ifndef PELOAD_MODULES_FIND_INDEX_H
#define PELOAD_MODULES_FIND_INDEX_H

#include <peload/loader.h>

#include "os/os.h"

enum { LDR__INDEX_START = 64 };

/* Those in a bucket are in load order: the first that fits is the one that was loaded first. */
typedef struct ldr__bucket {
    ldr_module *first, *last;
} ldr__bucket;

typedef struct ldr__index {
    uint64_t seed;
    ldr__bucket *names, *ids; /* `size` each, a power of two */
    size_t size, count;
    ldr__bucket *grown; /* what both are allocated in, NULL while they are the two below */
    ldr__bucket first_names[LDR__INDEX_START], first_ids[LDR__INDEX_START];
    ldr_module **placed; /* those that have an address, ascending */
    size_t placed_count, placed_capacity;
} ldr__index;

/* What a module keeps for it. */
typedef struct ldr__index_entry {
    uint64_t name_hash;
    ldr_module *next_name, *previous_name, *next_id, *previous_id;
    bool has_name, has_id, has_place;
} ldr__index_entry;

void ldr__index_create(ldr__index *index);
void ldr__index_destroy(ldr__index *index);

/* A module with its name, which stays as it is while it is here. */
void ldr__index_add(ldr__index *index, ldr_module *module);
/* A module that is here gets its file; or its view or host range. The second: LDR_NO_MEMORY. */
void ldr__index_add_id(ldr__index *index, ldr_module *module, ldr__file_id id);
ldr_status ldr__index_place(ldr__index *index, ldr_module *module);
/* Takes out what it is in, if in any. */
void ldr__index_remove(ldr__index *index, ldr_module *module);

/* The next living module of that base name behind `after` (NULL: the first); NULL if none. */
ldr_module *ldr__index_named(const ldr__index *index, const char *name, const ldr_module *after);
/* The living module of that file, NULL if none. */
ldr_module *ldr__index_with_id(const ldr__index *index, ldr__file_id id);
/* The module whose base is the highest that is not above `address`, NULL if none. */
ldr_module *ldr__index_below(const ldr__index *index, const void *address);

#endif
