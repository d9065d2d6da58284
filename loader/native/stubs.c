/*
 * stubs.c: functions in place of missing imports. They lie in blocks of two pages: code that is
 * written once and then made executable, and a page of pointers, one for each of its functions:
 *
 *     mov rcx, [pointer to the stub]
 *     mov rax, report
 *     jmp rax
 */
#include "native/state.h"

#include <stdio.h>
#include <string.h>

#include "os/os.h"

struct ldr__stub {
    ldr__stub *next;
    const ldr_module *owner;
    char *dll, *function;
    void (*on_stub_call)(void *user, const char *dll, const char *function);
    void *user;
    ldr__stub **slot; /* in the page of pointers of `block` */
    ldr__stub_block *block;
};

struct ldr__stub_block {
    ldr__stub_block *next;
    uint8_t *code; /* the page of pointers follows it */
    unsigned used;
};

enum { PAGE = 0x1000, CODE_SIZE = 32, BLOCK_STUBS = PAGE / CODE_SIZE };
enum { DELAYLOAD_PROC_NOT_FOUND = 0xC06D007F };

static uint64_t report(const ldr__stub *called)
{
    if (called->on_stub_call != NULL) {
        called->on_stub_call(called->user, called->dll, called->function);
        return 0;
    }
    const ULONG_PTR arguments[] = {(ULONG_PTR)called->dll, (ULONG_PTR)called->function};
    RaiseException(DELAYLOAD_PROC_NOT_FOUND, EXCEPTION_NONCONTINUABLE, 2, arguments);
    return 0;
}

/* ---- Blocks ---- */

static ldr__stub **slots_of(const ldr__stub_block *block)
{
    return (ldr__stub **)(void *)(block->code + PAGE);
}

/* RIP-relative: from the end of the first instruction, 7 bytes long, to the function's pointer. */
static void write_code(uint8_t *page, unsigned index)
{
    uint8_t code[CODE_SIZE] = {0x48, 0x8B, 0x0D, 0, 0, 0, 0, 0x48, 0xB8, 0,
                               0,    0,    0,    0, 0, 0, 0, 0xFF, 0xE0};
    uint64_t target = (uintptr_t)report;
    uint32_t distance = (uint32_t)(PAGE + index * sizeof(void *) - index * CODE_SIZE - 7);
    memcpy(code + 3, &distance, sizeof distance);
    memcpy(code + 9, &target, sizeof target);
    memcpy(page + index * CODE_SIZE, code, sizeof code);
}

static uint8_t *make_pages(void)
{
    DWORD before;
    uint8_t *pages = VirtualAlloc(NULL, 2 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (pages == NULL)
        return NULL;
    for (unsigned i = 0; i < BLOCK_STUBS; i++)
        write_code(pages, i);
    if (VirtualProtect(pages, PAGE, PAGE_EXECUTE_READ, &before)) {
        FlushInstructionCache(GetCurrentProcess(), pages, PAGE);
        return pages;
    }
    VirtualFree(pages, 0, MEM_RELEASE);
    return NULL;
}

/* A block with room, with the lock held. */
static ldr__stub_block *block_with_room(ldr__native *native)
{
    ldr__stub_block *block = native->stub_blocks;
    while (block != NULL && block->used == BLOCK_STUBS)
        block = block->next;
    if (block != NULL)
        return block;
    block = ldr__os_alloc(sizeof *block);
    if (block == NULL)
        return NULL;
    block->code = make_pages();
    if (block->code == NULL) {
        ldr__os_free(block);
        return NULL;
    }
    block->next = native->stub_blocks;
    native->stub_blocks = block;
    return block;
}

/* The code of the function that the stub becomes, NULL when out of memory; with the lock held. */
static void *take_slot(ldr__native *native, ldr__stub *stub)
{
    ldr__stub_block *block = block_with_room(native);
    unsigned index = 0;
    if (block == NULL)
        return NULL;
    while (slots_of(block)[index] != NULL)
        index++;
    stub->slot = &slots_of(block)[index];
    *stub->slot = stub;
    stub->block = block;
    block->used++;
    return block->code + index * CODE_SIZE;
}

/* ---- Stubs ---- */

static void stub_free(ldr__stub *stub)
{
    ldr__os_free(stub->dll);
    ldr__os_free(stub->function);
    ldr__os_free(stub);
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = ldr__os_alloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

/* "#7" for one that is asked for by its number. */
static ldr__stub *stub_new(const ldr_module *owner, const ldr_missing_import *import,
                           const ldr_load_options *options)
{
    char number[16];
    ldr__stub *stub = ldr__os_alloc(sizeof *stub);
    if (stub == NULL)
        return NULL;
    snprintf(number, sizeof number, "#%u", import->ordinal);
    stub->owner = owner;
    stub->dll = copy_of(import->dll);
    stub->function = copy_of(import->function != NULL ? import->function : number);
    stub->on_stub_call = options->on_stub_call;
    stub->user = options->user;
    if (stub->dll != NULL && stub->function != NULL)
        return stub;
    stub_free(stub);
    return NULL;
}

void *ldr__stub_create(ldr__native *native, const ldr_module *importer,
                       const ldr_missing_import *import, const ldr_load_options *options)
{
    ldr__stub *stub = stub_new(importer, import, options);
    if (stub == NULL)
        return NULL;
    AcquireSRWLockExclusive(&native->lock);
    void *code = take_slot(native, stub);
    if (code != NULL) {
        stub->next = native->stubs;
        native->stubs = stub;
    }
    ReleaseSRWLockExclusive(&native->lock);
    if (code == NULL)
        stub_free(stub);
    return code;
}

void ldr__stubs_release(ldr__native *native, const ldr_module *importer)
{
    AcquireSRWLockExclusive(&native->lock);
    for (ldr__stub **link = &native->stubs; *link != NULL;) {
        ldr__stub *stub = *link;
        if (stub->owner != importer) {
            link = &stub->next;
            continue;
        }
        *link = stub->next;
        *stub->slot = NULL;
        stub->block->used--;
        stub_free(stub);
    }
    ReleaseSRWLockExclusive(&native->lock);
}

void ldr__stubs_destroy(ldr__native *native)
{
    while (native->stubs != NULL) {
        ldr__stub *stub = native->stubs;
        native->stubs = stub->next;
        stub_free(stub);
    }
    while (native->stub_blocks != NULL) {
        ldr__stub_block *block = native->stub_blocks;
        native->stub_blocks = block->next;
        VirtualFree(block->code, 0, MEM_RELEASE);
        ldr__os_free(block);
    }
}
