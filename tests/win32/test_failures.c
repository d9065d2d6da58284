#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "support/faulty_os.h"

/* Each call to the system failing once, under what guests ask for: an error, and nothing is left
 * behind. */

typedef struct functions {
    HANDLE(LDR_WINAPI *CreateEventA)(const void *, BOOL, BOOL, const char *);
    HANDLE(LDR_WINAPI *CreateFileA)
    (const char *, DWORD, DWORD, const void *, DWORD, DWORD, HANDLE);
    HANDLE(LDR_WINAPI *CreateFileMappingA)
    (HANDLE, const void *, DWORD, DWORD, DWORD, const char *);
    void *(LDR_WINAPI *MapViewOfFile)(HANDLE, DWORD, DWORD, DWORD, size_t);
    BOOL(LDR_WINAPI *UnmapViewOfFile)(const void *);
    void *(LDR_WINAPI *VirtualAlloc)(void *, size_t, DWORD, DWORD);
    BOOL(LDR_WINAPI *CloseHandle)(HANDLE);
} functions;

static functions functions_of(ldr_context *ctx)
{
#define TAKE(name) .name = (__typeof__(((functions *)0)->name))kernel32_function(ctx, #name)
    return (functions){TAKE(CreateEventA),  TAKE(CreateFileA),     TAKE(CreateFileMappingA),
                       TAKE(MapViewOfFile), TAKE(UnmapViewOfFile), TAKE(VirtualAlloc),
                       TAKE(CloseHandle)};
#undef TAKE
}

enum {
    CREATE_ALWAYS = 2,
    SEC_RESERVE = 0x4000000,
    FILE_MAP_WRITE = 2,
    MEM_COMMIT_PAGES = 0x1000,
    FILE_FLAG_DELETE_ON_CLOSE = 0x04000000,
};

static char path[64], name[64];

/* Does `body` with one call more failing each time, until none has failed. `body` says whether all
 * of it was done, and has released everything in any case. */
static void fail_each_call(bool (*body)(const functions *k))
{
    ldr_context *ctx = guest_begin();
    functions k = functions_of(ctx);
    snprintf(path, sizeof path, "/tmp/peload-failures-%d", (int)getpid());
    snprintf(name, sizeof name, "peload failures %d", (int)getpid());
    cr_assert(body(&k), "without failures");
    faulty_os_held before = faulty_os_holds();
    unsigned refused = 0, calls = 1;
    for (unsigned call = 0; call < calls; call++) {
        faulty_os_fail_at(call, false);
        bool done = body(&k);
        calls = faulty_os_stop();
        refused += !done;
        faulty_os_held after = faulty_os_holds();
        cr_expect_eq(after.blocks, before.blocks, "call %u, %s", call, faulty_os_failed());
        cr_expect_eq(after.handles, before.handles, "call %u, %s", call, faulty_os_failed());
        cr_expect_eq(after.bytes, before.bytes, "call %u, %s", call, faulty_os_failed());
        cr_expect_neq(access(path, F_OK), 0, "call %u, %s", call, faulty_os_failed());
    }
    cr_expect_gt(refused, 0);
    cr_expect(body(&k), "as if nothing had been");
    guest_end(ctx);
}

static bool use_event(const functions *k)
{
    HANDLE event = k->CreateEventA(NULL, true, false, name);
    return event != NULL && k->CloseHandle(event);
}

Test(failures, named_event)
{
    fail_each_call(use_event);
}

static bool use_memory(const functions *k)
{
    HANDLE section = k->CreateFileMappingA(INVALID_HANDLE_VALUE, NULL,
                                           LDR_PAGE_READWRITE | SEC_RESERVE, 0, 0x10000, name);
    if (section == NULL)
        return false;
    char *view = k->MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    bool done =
        view != NULL && k->VirtualAlloc(view, 1, MEM_COMMIT_PAGES, LDR_PAGE_READWRITE) == view;
    if (done)
        view[0] = 1;
    if (view != NULL)
        k->UnmapViewOfFile(view);
    k->CloseHandle(section);
    return done;
}

Test(failures, named_memory)
{
    fail_each_call(use_memory);
}

static bool use_file(const functions *k)
{
    HANDLE file =
        k->CreateFileA(path, 0xC0000000, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    HANDLE section = k->CreateFileMappingA(file, NULL, LDR_PAGE_READWRITE, 0, 0x1000, NULL);
    char *view = section ? k->MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0) : NULL;
    bool done = view != NULL;
    if (done)
        view[0] = 1;
    if (view != NULL)
        k->UnmapViewOfFile(view);
    if (section != NULL)
        k->CloseHandle(section);
    k->CloseHandle(file);
    unlink(path); /* nor is a file left when its removal fails, here */
    return done;
}

Test(failures, file_and_its_section)
{
    fail_each_call(use_file);
}
