#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "win32/kernel32/pages.h"
#include "win32/state.h"

/*
 * Functions for missing imports. They lie in blocks of two pages: code that is written once and
 * then made executable, and a page of pointers, one for each of its functions:
 *
 *     mov rcx, [pointer to the stub]
 *     mov rax, report
 *     jmp rax
 */
struct ldr__stub {
    struct ldr__stub *next;
    const void *owner;
    char *dll, *function;
    void (*on_stub_call)(void *user, const char *dll, const char *function);
    void *user;
    void **slot; /* in the page of pointers of `block` */
    struct ldr__stub_block *block;
};
typedef struct ldr__stub stub;

struct ldr__stub_block {
    struct ldr__stub_block *next;
    uint8_t *code; /* the page of pointers follows it */
    unsigned used;
};
typedef struct ldr__stub_block stub_block;

enum { CODE_SIZE = 32, BLOCK_STUBS = LDR__PAGE_SIZE / CODE_SIZE, BLOCK_SIZE = 2 * LDR__PAGE_SIZE };

enum { DELAYLOAD_PROC_NOT_FOUND = 0xC06D007F, EXCEPTION_NONCONTINUABLE = 1 };

static uint64_t LDR_WINAPI report(const stub *called)
{
    if (called->on_stub_call != NULL) {
        called->on_stub_call(called->user, called->dll, called->function);
        return 0;
    }
    uint64_t arguments[] = {(uint64_t)(uintptr_t)called->dll,
                            (uint64_t)(uintptr_t)called->function};
    ldr__seh_raise(DELAYLOAD_PROC_NOT_FOUND, EXCEPTION_NONCONTINUABLE, 2, arguments);
    return 0;
}

/* ---- Blocks ---- */

static void **block_slots(const stub_block *block)
{
    return (void **)(void *)(block->code + LDR__PAGE_SIZE);
}

/* RIP-relative: from the end of the first instruction, 7 bytes long, to the function's pointer. */
static void write_code(uint8_t *page, unsigned index)
{
    uint8_t code[CODE_SIZE] = {0x48, 0x8B, 0x0D, 0, 0, 0, 0, 0x48, 0xB8, 0,
                               0,    0,    0,    0, 0, 0, 0, 0xFF, 0xE0};
    const void *target = (const void *)report;
    uint32_t distance = (uint32_t)(LDR__PAGE_SIZE + index * sizeof(void *) - index * CODE_SIZE - 7);
    memcpy(code + 3, &distance, sizeof distance);
    memcpy(code + 9, &target, sizeof target);
    memcpy(page + index * CODE_SIZE, code, sizeof code);
}

static stub_block *block_new(void)
{
    stub_block *block = calloc(1, sizeof *block);
    void *pages =
        mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == NULL || pages == MAP_FAILED)
        goto failed;
    for (unsigned i = 0; i < BLOCK_STUBS; i++)
        write_code(pages, i);
    if (mprotect(pages, LDR__PAGE_SIZE, PROT_READ | PROT_EXEC) != 0)
        goto failed;
    block->code = pages;
    return block;

failed:
    if (pages != MAP_FAILED)
        munmap(pages, BLOCK_SIZE);
    free(block);
    return NULL;
}

/* A block with room; the process is locked. */
static stub_block *block_with_room(ldr__process *process)
{
    stub_block *block = process->stub_blocks;
    while (block != NULL && block->used == BLOCK_STUBS)
        block = block->next;
    if (block != NULL)
        return block;
    block = block_new();
    if (block != NULL) {
        block->next = process->stub_blocks;
        process->stub_blocks = block;
    }
    return block;
}

/* The code of the function that the stub becomes, NULL when out of memory; the process is locked.
 */
static void *take_slot(ldr__process *process, stub *entry)
{
    stub_block *block = block_with_room(process);
    unsigned index = 0;
    if (block == NULL)
        return NULL;
    while (block_slots(block)[index] != NULL)
        index++;
    entry->slot = &block_slots(block)[index];
    *entry->slot = entry;
    entry->block = block;
    block->used++;
    return block->code + index * CODE_SIZE;
}

/* ---- Stubs ---- */

static void stub_free(stub *entry)
{
    free(entry->dll);
    free(entry->function);
    free(entry);
}

/* The function's name, "#7" for one that is asked for by its number; allocated. */
static char *function_text(const ldr_missing_import *import)
{
    char number[16];
    if (import->function != NULL)
        return strdup(import->function);
    snprintf(number, sizeof number, "#%u", import->ordinal);
    return strdup(number);
}

static stub *stub_new(const void *owner, const ldr_missing_import *import,
                      const ldr_load_options *options)
{
    stub *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->owner = owner;
    entry->dll = strdup(import->dll);
    entry->function = function_text(import);
    entry->on_stub_call = options->on_stub_call;
    entry->user = options->user;
    if (entry->dll != NULL && entry->function != NULL)
        return entry;
    stub_free(entry);
    return NULL;
}

void *ldr__stub_create(ldr__process *process, const void *owner, const ldr_missing_import *import,
                       const ldr_load_options *options)
{
    stub *entry = stub_new(owner, import, options);
    if (entry == NULL)
        return NULL;
    pthread_mutex_lock(&process->lock);
    void *code = take_slot(process, entry);
    if (code != NULL) {
        entry->next = process->stubs;
        process->stubs = entry;
    }
    pthread_mutex_unlock(&process->lock);
    if (code == NULL)
        stub_free(entry);
    return code;
}

void ldr__stubs_release(ldr__process *process, const void *owner)
{
    pthread_mutex_lock(&process->lock);
    for (stub **at = &process->stubs; *at != NULL;) {
        stub *entry = *at;
        if (entry->owner != owner) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        *entry->slot = NULL;
        entry->block->used--;
        stub_free(entry);
    }
    pthread_mutex_unlock(&process->lock);
}

void ldr__stubs_destroy(ldr__process *process)
{
    while (process->stubs != NULL) {
        stub *entry = process->stubs;
        process->stubs = entry->next;
        stub_free(entry);
    }
    while (process->stub_blocks != NULL) {
        stub_block *block = process->stub_blocks;
        process->stub_blocks = block->next;
        munmap(block->code, BLOCK_SIZE);
        free(block);
    }
}
