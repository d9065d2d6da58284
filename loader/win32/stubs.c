#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "win32/kernel32/pages.h"
#include "win32/state.h"

/*
 * Functions for missing imports. Each is a few bytes of code on a page that is first written, then
 * made executable:
 *
 *     mov rcx, descriptor
 *     mov rax, report
 *     jmp rax
 */
struct ldr__stub {
    struct ldr__stub *next;
    char *dll, *function;
    void (*on_stub_call)(void *user, const char *dll, const char *function);
    void *user;
    void *code;
};
typedef struct ldr__stub stub;

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

static void *write_code(const stub *descriptor)
{
    uint8_t code[] = {0x48, 0xB9, 0, 0, 0, 0, 0, 0, 0, 0,    0x48,
                      0xB8, 0,    0, 0, 0, 0, 0, 0, 0, 0xFF, 0xE0};
    const void *target = (const void *)report;
    memcpy(code + 2, &descriptor, 8);
    memcpy(code + 12, &target, 8);
    void *page =
        mmap(NULL, LDR__PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    memcpy(page, code, sizeof code);
    if (mprotect(page, LDR__PAGE_SIZE, PROT_READ | PROT_EXEC) == 0)
        return page;
    munmap(page, LDR__PAGE_SIZE);
    return NULL;
}

static void stub_release(stub *entry)
{
    if (entry->code != NULL)
        munmap(entry->code, LDR__PAGE_SIZE);
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

void *ldr__stub_create(ldr__process *process, const ldr_missing_import *import,
                       const ldr_load_options *options)
{
    stub *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->dll = strdup(import->dll);
    entry->function = function_text(import);
    entry->on_stub_call = options->on_stub_call;
    entry->user = options->user;
    if (entry->dll != NULL && entry->function != NULL)
        entry->code = write_code(entry);
    if (entry->code == NULL) {
        stub_release(entry);
        return NULL;
    }
    pthread_mutex_lock(&process->lock);
    entry->next = process->stubs;
    process->stubs = entry;
    pthread_mutex_unlock(&process->lock);
    return entry->code;
}

void ldr__stubs_destroy(ldr__process *process)
{
    while (process->stubs != NULL) {
        stub *entry = process->stubs;
        process->stubs = entry->next;
        stub_release(entry);
    }
}
