/* trace/thunks.c: a thunk for each import slot, and for what GetProcAddress has found. */
#include "win32/trace/trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "win32/kernel32/pages.h"

/*
 * Thunks lie in blocks of two pages: code that is written once and then made executable, and a page
 * of pointers, one for each thunk and the last for all:
 *
 *     mov r11, [pointer to the site]
 *     jmp [pointer to ldr__trace_enter]
 */
struct ldr__trace_block {
    struct ldr__trace_block *next;
    uint8_t *code;
    unsigned used;
};
typedef struct ldr__trace_block block;

enum {
    CODE_SIZE = 16,
    MOV_SIZE = 7,
    JMP_SIZE = 6,
    BLOCK_SIZE = 2 * LDR__PAGE_SIZE,
    BLOCK_THUNKS = LDR__PAGE_SIZE / CODE_SIZE,
    TARGET = LDR__PAGE_SIZE - sizeof(void *), /* in the page of pointers */
};

/* Functions that look at who calls them, and need to see it: their calls are told, their returns
 * are not. */
static const char *const see_their_caller[] = {
    "RtlCaptureContext",
    "RtlCaptureStackBackTrace",
    "CaptureStackBackTrace",
    "_setjmp",
    "_setjmpex",
    "setjmp",
    "setjmpex",
    "__chkstk",
    "_chkstk",
    "__intrinsic_setjmp",
    "__intrinsic_setjmpex",
    "_alloca_probe",
    "RtlRestoreContext",
};

static bool tells_return(const char *function)
{
    size_t count = sizeof see_their_caller / sizeof see_their_caller[0];
    for (size_t i = 0; function != NULL && i < count; i++)
        if (strcmp(function, see_their_caller[i]) == 0)
            return false;
    return true;
}

/* ---- Blocks ---- */

/* Distances are from the ends of the instructions. */
static void write_code(uint8_t *pages, unsigned index)
{
    uint8_t code[CODE_SIZE] = {0x4C, 0x8B, 0x1D, 0, 0, 0,    0,    0xFF,
                               0x25, 0,    0,    0, 0, 0xCC, 0xCC, 0xCC};
    uint32_t start = index * CODE_SIZE;
    uint32_t site = (uint32_t)(LDR__PAGE_SIZE + index * sizeof(void *) - start - MOV_SIZE);
    uint32_t target = (uint32_t)(LDR__PAGE_SIZE + TARGET - start - MOV_SIZE - JMP_SIZE);
    memcpy(code + 3, &site, sizeof site);
    memcpy(code + 9, &target, sizeof target);
    memcpy(pages + start, code, sizeof code);
}

static void **slots_of(const block *b)
{
    return (void **)(void *)(b->code + LDR__PAGE_SIZE);
}

static block *block_new(void)
{
    static void (*const enter)(void) = ldr__trace_enter;
    block *b = calloc(1, sizeof *b);
    uint8_t *pages =
        mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b == NULL || pages == MAP_FAILED)
        goto failed;
    for (unsigned i = 0; i < BLOCK_THUNKS; i++)
        write_code(pages, i);
    memcpy(pages + LDR__PAGE_SIZE + TARGET, &enter, sizeof enter);
    if (mprotect(pages, LDR__PAGE_SIZE, PROT_READ | PROT_EXEC) != 0)
        goto failed;
    b->code = pages;
    return b;

failed:
    if (pages != MAP_FAILED)
        munmap(pages, BLOCK_SIZE);
    free(b);
    return NULL;
}

/* A block with room; the process is locked. */
static block *block_with_room(ldr__process *process)
{
    block *b = process->trace_blocks;
    while (b != NULL && b->used == BLOCK_THUNKS)
        b = b->next;
    if (b != NULL)
        return b;
    b = block_new();
    if (b != NULL) {
        b->next = process->trace_blocks;
        process->trace_blocks = b;
    }
    return b;
}

static void *thunk_of(const ldr__traced *traced)
{
    return traced->block->code + (traced->slot - slots_of(traced->block)) * CODE_SIZE;
}

/* False when out of memory; the process is locked. */
static bool take_slot(ldr__process *process, ldr__traced *traced)
{
    block *b = block_with_room(process);
    unsigned index = 0;
    if (b == NULL)
        return false;
    while (slots_of(b)[index] != NULL)
        index++;
    traced->slot = &slots_of(b)[index];
    *traced->slot = traced;
    traced->block = b;
    b->used++;
    return true;
}

/* ---- Sites ---- */

static void traced_free(ldr__traced *traced)
{
    free((char *)(uintptr_t)traced->site.importer_name);
    free((char *)(uintptr_t)traced->site.dll);
    free((char *)(uintptr_t)traced->site.function);
    free((char *)(uintptr_t)traced->site.provider);
    free(traced);
}

void ldr__traced_leave(ldr__traced *traced)
{
    if (atomic_fetch_sub(&traced->references, 1) == 1)
        traced_free(traced);
}

static bool copy(const char *text, const char **ret_copy)
{
    *ret_copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret_copy != NULL;
}

static ldr__traced *traced_new(const ldr__trace_site *site)
{
    ldr__traced *traced = calloc(1, sizeof *traced);
    if (traced == NULL)
        return NULL;
    atomic_init(&traced->references, 1);
    traced->site.importer = site->importer;
    traced->site.target = site->target;
    traced->site.ordinal = site->ordinal;
    traced->site.address = site->address;
    bool is_copied = copy(site->importer_name, &traced->site.importer_name);
    is_copied = copy(site->dll, &traced->site.dll) && is_copied;
    is_copied = copy(site->function, &traced->site.function) && is_copied;
    is_copied = copy(site->provider, &traced->site.provider) && is_copied;
    if (!is_copied) {
        traced_free(traced);
        return NULL;
    }
    traced->prototype = ldr__prototype_find(traced->site.provider, traced->site.function);
    traced->tells_return = tells_return(traced->site.function);
    return traced;
}

/* ---- Lists: the process is locked ---- */

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Whether calls are told in the same way. GetProcAddress gives one address whatever the name. */
static bool is_same_site(const ldr__trace_site *a, const ldr__trace_site *b)
{
    if (a->address != b->address || !is_same_text(a->importer_name, b->importer_name))
        return false;
    return a->importer_name == NULL ||
           (is_same_text(a->dll, b->dll) && is_same_text(a->function, b->function) &&
            a->ordinal == b->ordinal && is_same_text(a->provider, b->provider));
}

/* The link to it, or to the end of the list. */
static ldr__traced **find(ldr__traced **list, const ldr__trace_site *site)
{
    while (*list != NULL && !is_same_site(&(*list)->site, site))
        list = &(*list)->next;
    return list;
}

static void move(ldr__traced **from, ldr__traced **to)
{
    ldr__traced *traced = *from;
    *from = traced->next;
    traced->next = *to;
    *to = traced;
}

/* Whatever was loaded again gets the thunk that it had. */
static void *take_again(ldr__process *process, const ldr__trace_site *site)
{
    ldr__traced **known = find(&process->traced_alone, site), *traced = *known;
    if (traced == NULL)
        return NULL;
    traced->site.importer = site->importer;
    traced->site.target = site->target;
    if (site->importer != NULL)
        move(known, &process->traced);
    return thunk_of(traced);
}

/* The thunk of `traced`, which the list takes over; NULL when out of memory. */
static void *add(ldr__process *process, ldr__traced *traced)
{
    ldr__traced **list = traced->site.importer != NULL ? &process->traced : &process->traced_alone;
    if (!take_slot(process, traced))
        return NULL;
    traced->next = *list;
    *list = traced;
    return thunk_of(traced);
}

void *ldr__trace_create(ldr__process *process, const ldr__trace_site *site)
{
    pthread_mutex_lock(&process->lock);
    void *thunk = take_again(process, site);
    ldr__traced *traced = thunk == NULL ? traced_new(site) : NULL;
    if (traced != NULL)
        thunk = add(process, traced);
    pthread_mutex_unlock(&process->lock);
    if (thunk == NULL && traced != NULL)
        ldr__traced_leave(traced);
    return thunk;
}

static void release(ldr__traced **link)
{
    ldr__traced *traced = *link;
    *link = traced->next;
    *traced->slot = NULL;
    traced->block->used--;
    ldr__traced_leave(traced);
}

/* An import of a module that goes, or of one that stays; the link to the next one. */
static ldr__traced **release_import(ldr__process *process, ldr__traced **link,
                                    const ldr_module *module)
{
    ldr__trace_site *site = &(*link)->site;
    if (site->target == module)
        site->target = NULL;
    if (site->importer != module)
        return &(*link)->next;
    site->importer = NULL;
    if (site->target != NULL)
        move(link, &process->traced_alone);
    else
        release(link);
    return link;
}

void ldr__trace_release(ldr__process *process, const ldr_module *module)
{
    pthread_mutex_lock(&process->lock);
    for (ldr__traced **link = &process->traced; *link != NULL;)
        link = release_import(process, link, module);
    for (ldr__traced **link = &process->traced_alone; *link != NULL;) {
        if ((*link)->site.target == module)
            release(link);
        else
            link = &(*link)->next;
    }
    pthread_mutex_unlock(&process->lock);
}

void ldr__trace_destroy(ldr__process *process)
{
    while (process->traced != NULL)
        release(&process->traced);
    while (process->traced_alone != NULL)
        release(&process->traced_alone);
    while (process->trace_blocks != NULL) {
        block *b = process->trace_blocks;
        process->trace_blocks = b->next;
        munmap(b->code, BLOCK_SIZE);
        free(b);
    }
}
