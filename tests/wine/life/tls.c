/* tls.c: thread-local storage of DLLs that come late, of TlsAlloc and of FlsAlloc. */
#include <string.h>

#include "life.h"

static char *block_of(ULONG index)
{
    char **blocks;
    __asm__ volatile("movq %%gs:0x58, %0" : "=r"(blocks));
    return blocks ? blocks[index] : NULL;
}

/* The template and 24 zeros behind it, or what is there instead. */
static void show_block(const char *who, HMODULE module, const char *variable)
{
    static const char zeros[24];
    ULONG *index = (ULONG *)(void *)GetProcAddress(module, variable);
    char *block = block_of(*index), text[9] = "";
    if (block == NULL) {
        say("%s: no block", who);
        return;
    }
    memcpy(text, block, 8);
    say("%s: %s, zeros behind: %d", who, text, memcmp(block + 8, zeros, sizeof zeros) == 0);
    memcpy(block, "changed", 8);
    block[20] = 1;
}

typedef struct worker {
    HANDLE ask, answered, thread;
    HMODULE module;
    const char *variable;
} worker;

static DWORD WINAPI work(void *user)
{
    worker *self = user;
    SetEvent(self->answered);
    while (WaitForSingleObject(self->ask, INFINITE) == WAIT_OBJECT_0 && self->module) {
        show_block("the other thread", self->module, self->variable);
        SetEvent(self->answered);
    }
    return 0;
}

static void start(worker *self)
{
    self->ask = CreateEventA(NULL, FALSE, FALSE, NULL);
    self->answered = CreateEventA(NULL, FALSE, FALSE, NULL);
    self->thread = CreateThread(NULL, 0, work, self, 0, NULL);
    WaitForSingleObject(self->answered, INFINITE);
}

static void ask(worker *self, HMODULE module, const char *variable)
{
    self->module = module;
    self->variable = variable;
    SetEvent(self->ask);
    WaitForSingleObject(self->answered, INFINITE);
}

static void stop(worker *self)
{
    self->module = NULL;
    SetEvent(self->ask);
    WaitForSingleObject(self->thread, INFINITE);
}

static void late_tls_in_all_threads(void)
{
    worker other;
    start(&other);
    HMODULE t = load("t"), t2 = load("t2");
    show_block("this thread", t, "t_index");
    ask(&other, t, "t_index");
    show_block("this thread", t2, "t2_index");
    ask(&other, t2, "t2_index");
    unload(t, "t");
    show_block("this thread", t2, "t2_index");
    stop(&other);
    unload(t2, "t2");
}

static void slot_is_used_again(void)
{
    worker other;
    start(&other);
    HMODULE t = load("t");
    ULONG first = *(ULONG *)(void *)GetProcAddress(t, "t_index");
    show_block("this thread", t, "t_index");
    ask(&other, t, "t_index");
    unload(t, "t");
    HMODULE t2 = load("t2");
    say("the same slot: %d", *(ULONG *)(void *)GetProcAddress(t2, "t2_index") == first);
    show_block("this thread", t2, "t2_index");
    ask(&other, t2, "t2_index");
    stop(&other);
    unload(t2, "t2");
}

static void callback_adds_another(void)
{
    script("t.0+:more");
    HMODULE t = load("t");
    unload(t, "t");
}

static void callback_takes_one_away(void)
{
    script("t.0+:less");
    HMODULE t = load("t");
    unload(t, "t");
}

static void callback_loads(void)
{
    script("t.0+:load m,ask t");
    HMODULE t = load("t");
    show("t m");
    unload(t, "t");
    show("t m");
}

/* ---- TlsAlloc ---- */

static DWORD WINAPI tls_value_of(void *index)
{
    DWORD slot = (DWORD)(ULONG_PTR)index;
    DWORD value = (DWORD)(ULONG_PTR)TlsGetValue(slot);
    TlsSetValue(slot, (void *)0x77);
    return value;
}

static void tls_alloc_all(void)
{
    static DWORD slots[2000];
    int count = 0;
    SetLastError(0);
    while (count < 2000 && (slots[count] = TlsAlloc()) != TLS_OUT_OF_INDEXES)
        count++;
    say("more than 900: %d, error %d", count > 900, (int)GetLastError());
    DWORD last = slots[count - 1], low = slots[0];
    say("set: %d %d", TlsSetValue(last, (void *)1), TlsSetValue(low, (void *)2));
    on_thread(tls_value_of, (void *)(ULONG_PTR)last);
    say("here: %d", (int)(ULONG_PTR)TlsGetValue(last));
    say("free: %d %d", TlsFree(last), TlsFree(low));
    TELL("free again", TlsFree(last));
    say("the lowest is next: %d", TlsAlloc() == low);
    say("its value: %d", (int)(ULONG_PTR)TlsGetValue(low));
    TELL("set too high", TlsSetValue(5000, NULL));
    SetLastError(5);
    say("get: %d", TlsGetValue(low) == NULL);
    say("error %d", (int)GetLastError());
}

/* ---- FLS ---- */

static void WINAPI fls_callback(void *value)
{
    say("  FLS callback: %d", (int)(ULONG_PTR)value);
}

static DWORD WINAPI sets_fls(void *index)
{
    FlsSetValue((DWORD)(ULONG_PTR)index, (void *)11);
    return 0;
}

static void fls_of_a_thread(void)
{
    HMODULE l = load("l");
    DWORD first = FlsAlloc(fls_callback), second = FlsAlloc(fls_callback);
    FlsSetValue(second, (void *)22);
    on_thread(sets_fls, (void *)(ULONG_PTR)first);
    say("free: %d", FlsFree(second));
    say("get freed: %d", FlsGetValue(second) != NULL);
    unload(l, "l");
}

static void fls_at_the_end(void)
{
    load("l");
    DWORD slot = FlsAlloc(fls_callback);
    FlsSetValue(slot, (void *)33);
}

const scenario tls_scenarios[] = {
    {"late_tls_in_all_threads", late_tls_in_all_threads},
    {"slot_is_used_again", slot_is_used_again},
    {"callback_adds_another", callback_adds_another},
    {"callback_takes_one_away", callback_takes_one_away},
    {"callback_loads", callback_loads},
    {"tls_alloc_all", tls_alloc_all},
    {"fls_of_a_thread", fls_of_a_thread},
    {"fls_at_the_end", fls_at_the_end},
    {0},
};
