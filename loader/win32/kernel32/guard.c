/* kernel32/guard.c: pages that give the alarm when they are touched first, and what else a touch of
 * a page comes to that its keeper knows. */
#include <sys/mman.h>

#include "section/data.h"
#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/ranges.h"

static void *pointer(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

static bool allows(DWORD protect, ldr__fault_access access)
{
    int needed = access == LDR__FAULT_WRITE     ? PROT_WRITE
                 : access == LDR__FAULT_EXECUTE ? PROT_EXEC
                                                : PROT_READ;
    return protect != 0 && (ldr__page_protection(protect) & needed) != 0;
}

/* A page of a view may also have been committed by another process meanwhile. */
static ldr__fault_answer answer_of_view(ldr_view *view, uint64_t page, ldr__fault_access access)
{
    int wanted = access == LDR__FAULT_WRITE     ? LDR__WRITE
                 : access == LDR__FAULT_EXECUTE ? LDR__EXECUTE
                                                : LDR__READ;
    switch (ldr__view_touch(view, pointer(page), wanted)) {
    case LDR__TOUCH_GUARD:
        return LDR__FAULT_GUARD;
    case LDR__TOUCH_OPENED:
        return LDR__FAULT_MENDED;
    default:
        return LDR__FAULT_UNKNOWN;
    }
}

static ldr__fault_answer answer_for(ldr__range *entry, uint64_t page, ldr__fault_access access)
{
    if (entry->view != NULL)
        return answer_of_view(entry->view, page, access);
    DWORD protect = entry->pages[(page - entry->base) / LDR__PAGE_SIZE];
    if ((protect & PAGE_GUARD) == 0) /* another thread may have touched the page before */
        return allows(protect, access) ? LDR__FAULT_MENDED : LDR__FAULT_UNKNOWN;
    protect &= ~(DWORD)PAGE_GUARD;
    if (mprotect(pointer(page), LDR__PAGE_SIZE, ldr__host_protection(protect)) != 0)
        return LDR__FAULT_UNKNOWN;
    ldr__range_set(entry, page, LDR__PAGE_SIZE, protect);
    return LDR__FAULT_GUARD;
}

/* The memory's lock is held. */
static ldr__fault_answer ask(struct ldr__memory *memory, ldr_view *module_view, uint64_t page,
                             ldr__fault_access access)
{
    ldr__range **at = ldr__range_find(memory, page, LDR__PAGE_SIZE);
    if (at != NULL)
        return answer_for(*at, page, access);
    return module_view != NULL ? answer_of_view(module_view, page, access) : LDR__FAULT_UNKNOWN;
}

ldr__fault_answer ldr__memory_guard_fault(ldr__process *process, uint64_t address,
                                          ldr__fault_access access)
{
    uint64_t page = address & ~(uint64_t)(LDR__PAGE_SIZE - 1);
    ldr_view *module_view = ldr__memory_module_view(process, page);
    pthread_mutex_lock(&process->memory->lock);
    ldr__fault_answer answer = ask(process->memory, module_view, page, access);
    pthread_mutex_unlock(&process->memory->lock);
    return answer;
}

void ldr__memory_sync(ldr__process *process, const void *address)
{
    struct ldr__memory *memory = process->memory;
    pthread_mutex_lock(&memory->lock);
    ldr__range **at = ldr__range_find(memory, (uint64_t)(uintptr_t)address, 1);
    if (at != NULL && (*at)->view != NULL)
        ldr__view_sync((*at)->view);
    pthread_mutex_unlock(&memory->lock);
}
