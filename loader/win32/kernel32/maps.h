/*
 * maps.h: the address space as the host's kernel tells it.
 */
#ifndef PELOAD_WIN32_MAPS_H
#define PELOAD_WIN32_MAPS_H

#include <stdbool.h>
#include <stdint.h>

/* A mapping, or a hole between two (`mapped` is false). */
typedef struct ldr__map {
    uint64_t start, end;
    int access; /* PROT_* */
    bool mapped, is_file;
} ldr__map;

/* What holds `address`. False beyond the last mapping below the kernel's, or without /proc. */
bool ldr__map_find(uint64_t address, ldr__map *ret_map);

#endif
