#include "section/runs.h"

#include <string.h>

void ldr__runs_free(ldr__runs *runs)
{
    if (runs == NULL)
        return;
    ldr__os_free(runs->items);
    ldr__os_free(runs);
}

ldr_status ldr__runs_reserve(ldr__runs *runs, uint32_t more)
{
    if (more > UINT32_MAX / 2 - runs->count)
        return LDR_NO_MEMORY;
    uint32_t needed = runs->count + more;
    if (needed <= runs->capacity)
        return LDR_OK;
    uint32_t capacity = needed < 2 * runs->count ? 2 * runs->count : needed;
    ldr__run *items = ldr__os_resize(runs->items, capacity * sizeof *items);
    if (items == NULL)
        return LDR_NO_MEMORY;
    runs->items = items;
    runs->capacity = capacity;
    return LDR_OK;
}

static bool is_like(const ldr__run *a, const ldr__run *b)
{
    return a->protect == b->protect && a->is_private == b->is_private;
}

void ldr__runs_append(ldr__runs *runs, const ldr__run *run)
{
    if (runs->count > 0 && is_like(&runs->items[runs->count - 1], run))
        runs->items[runs->count - 1].end = run->end;
    else
        runs->items[runs->count++] = *run;
}

uint32_t ldr__runs_find(const ldr__runs *runs, uint64_t offset)
{
    uint32_t low = 0, high = runs->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (runs->items[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t ldr__runs_split(ldr__runs *runs, uint64_t offset)
{
    uint32_t i = ldr__runs_find(runs, offset);
    if (i == runs->count || ldr__run_start(runs, i) == offset)
        return i;
    memmove(&runs->items[i + 1], &runs->items[i], (runs->count - i) * sizeof runs->items[0]);
    runs->items[i].end = offset;
    runs->count++;
    return i + 1;
}

void ldr__runs_merge(ldr__runs *runs)
{
    uint32_t count = runs->count;
    runs->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        ldr__run run = runs->items[i];
        ldr__runs_append(runs, &run);
    }
}
