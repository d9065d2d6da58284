/*
 * scarce.dll: what does a guest see when memory, descriptors or threads run out under a function of
 * Windows? An error that says so, and nothing else that is wrong.
 */
#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { DONE = 0, REFUSED = 1, WRONG = 1000 };

/* The last error of a function that has failed, and where: 1000 times the line, unless it tells of
 * scarcity. */
static int refused(int line)
{
    switch (GetLastError()) {
    case ERROR_TOO_MANY_OPEN_FILES:
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_SWAPERROR: /* a file could not be read */
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_COMMITMENT_LIMIT:
        return REFUSED;
    default:
        return WRONG * line + (int)(GetLastError() % WRONG);
    }
}

/* Returns from its caller, once `clean` has been done, when `made` is false. */
#define TRY(made, clean)                    \
    do {                                    \
        SetLastError(0);                    \
        if (!(made)) {                      \
            int result = refused(__LINE__); \
            clean;                          \
            return result;                  \
        }                                   \
    } while (0)

/* What must hold whatever runs out. */
#define MUST(holds)                  \
    do {                             \
        if (!(holds))                \
            return WRONG * __LINE__; \
    } while (0)

/* ---- Memory ---- */

static int heap(void)
{
    HANDLE own = NULL;
    char *block, *grown;
    TRY(own = HeapCreate(0, 0, 0), );
    TRY(block = HeapAlloc(own, HEAP_ZERO_MEMORY, 100), HeapDestroy(own));
    block[99] = 'x';
    TRY(grown = HeapReAlloc(own, 0, block, 10000), MUST(block[99] == 'x'); HeapDestroy(own));
    MUST(grown[99] == 'x');
    MUST(HeapDestroy(own));
    return DONE;
}

static int local(void)
{
    HGLOBAL global;
    HLOCAL fixed;
    TRY(fixed = LocalAlloc(LMEM_FIXED, 100), );
    MUST(LocalFree(fixed) == NULL);
    TRY(global = GlobalAlloc(GMEM_FIXED, 100), );
    MUST(GlobalFree(global) == NULL);
    return DONE;
}

static int pages(void)
{
    DWORD before;
    char *at;
    TRY(at = VirtualAlloc(NULL, 0x20000, MEM_RESERVE, PAGE_NOACCESS), );
    TRY(VirtualAlloc(at + 0x1000, 0x3000, MEM_COMMIT, PAGE_READWRITE),
        VirtualFree(at, 0, MEM_RELEASE));
    at[0x1000] = 'x';
    TRY(VirtualProtect(at + 0x1000, 0x1000, PAGE_READONLY, &before),
        VirtualFree(at, 0, MEM_RELEASE));
    MUST(at[0x1000] == 'x');
    TRY(VirtualFree(at + 0x1000, 0x1000, MEM_DECOMMIT), VirtualFree(at, 0, MEM_RELEASE));
    MUST(VirtualFree(at, 0, MEM_RELEASE));
    return DONE;
}

static int section(void)
{
    HANDLE mapping;
    char *view;
    TRY(mapping =
            CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x10000, NULL), );
    TRY(view = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0), CloseHandle(mapping));
    view[0xFFFF] = 'x';
    MUST(UnmapViewOfFile(view));
    MUST(CloseHandle(mapping));
    return DONE;
}

static int named_section(void)
{
    HANDLE mapping, again;
    TRY(mapping =
            CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x10000, "scarce"), );
    TRY(again = OpenFileMappingA(FILE_MAP_READ, FALSE, "scarce"), CloseHandle(mapping));
    CloseHandle(again);
    MUST(CloseHandle(mapping));
    return DONE;
}

/* ---- Objects ---- */

static int objects(void)
{
    HANDLE handle, copy;
    TRY(handle = CreateEventA(NULL, TRUE, TRUE, "scarce event"), );
    TRY(DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy, 0, FALSE,
                        DUPLICATE_SAME_ACCESS),
        CloseHandle(handle));
    MUST(CloseHandle(handle));
    MUST(WaitForSingleObject(copy, 0) == WAIT_OBJECT_0);
    MUST(CloseHandle(copy));
    TRY(handle = CreateMutexA(NULL, TRUE, NULL), );
    MUST(ReleaseMutex(handle));
    MUST(CloseHandle(handle));
    TRY(handle = CreateSemaphoreA(NULL, 1, 1, NULL), );
    MUST(CloseHandle(handle));
    return DONE;
}

static int pipe(void)
{
    HANDLE from, to;
    DWORD count;
    char byte = 'x';
    TRY(CreatePipe(&from, &to, NULL, 0), );
    BOOL written = WriteFile(to, &byte, 1, &count, NULL);
    int result = written ? DONE : refused(__LINE__);
    CloseHandle(from);
    CloseHandle(to);
    return result;
}

static DWORD WINAPI thread_main(void *parameter)
{
    return *(DWORD *)parameter + 1;
}

static int thread(void)
{
    DWORD code = 41;
    HANDLE made;
    TRY(made = CreateThread(NULL, 0, thread_main, &code, 0, NULL), );
    MUST(WaitForSingleObject(made, INFINITE) == WAIT_OBJECT_0);
    MUST(GetExitCodeThread(made, &code));
    MUST(CloseHandle(made));
    MUST(code == 42);
    return DONE;
}

static unsigned WINAPI runtime_thread_main(void *parameter)
{
    return *(unsigned *)parameter + 1;
}

static int runtime_thread(void)
{
    unsigned argument = 41;
    DWORD code = 0;
    HANDLE made = (HANDLE)_beginthreadex(NULL, 0, runtime_thread_main, &argument, 0, NULL);
    if (made == NULL)
        return REFUSED;
    MUST(WaitForSingleObject(made, INFINITE) == WAIT_OBJECT_0);
    MUST(GetExitCodeThread(made, &code));
    MUST(CloseHandle(made));
    MUST(code == 42);
    return DONE;
}

/* ---- Slots ---- */

static void free_slots(const DWORD *slots, int count)
{
    for (int i = 0; i < count; i++)
        TlsFree(slots[i]);
}

/* More than the 64 that every thread has: the others are in a block of memory. */
static int tls(void)
{
    enum { COUNT = 70 };
    DWORD slots[COUNT];
    for (int i = 0; i < COUNT; i++)
        TRY((slots[i] = TlsAlloc()) != TLS_OUT_OF_INDEXES, free_slots(slots, i));
    for (int i = 0; i < COUNT; i++)
        TRY(TlsSetValue(slots[i], &slots[i]), free_slots(slots, COUNT));
    MUST(TlsGetValue(slots[COUNT - 1]) == &slots[COUNT - 1]);
    free_slots(slots, COUNT);
    return DONE;
}

static int fls(void)
{
    DWORD slot;
    TRY((slot = FlsAlloc(NULL)) != FLS_OUT_OF_INDEXES, );
    TRY(FlsSetValue(slot, &slot), FlsFree(slot));
    MUST(FlsGetValue(slot) == &slot);
    MUST(FlsFree(slot));
    return DONE;
}

/* ---- Modules ---- */

static int modules(void)
{
    char path[MAX_PATH];
    HMODULE dll, kernel;
    TRY(kernel = GetModuleHandleA("kernel32.dll"), );
    TRY(GetModuleFileNameA(kernel, path, sizeof path), );
    TRY(GetProcAddress(kernel, "HeapAlloc"), );
    TRY(dll = LoadLibraryA("m0.dll"), );
    TRY(GetModuleFileNameA(dll, path, sizeof path), FreeLibrary(dll));
    TRY(GetProcAddress(dll, "counter"), FreeLibrary(dll));
    TRY(GetProcAddress(dll, "late"), FreeLibrary(dll));
    MUST(FreeLibrary(dll));
    return DONE;
}

static int folders(void)
{
    DLL_DIRECTORY_COOKIE cookie;
    char text[MAX_PATH];
    TRY(cookie = AddDllDirectory(L"Z:\\tmp"), );
    MUST(RemoveDllDirectory(cookie));
    TRY(SetDllDirectoryA("Z:\\tmp"), );
    TRY(GetDllDirectoryA(sizeof text, text), SetDllDirectoryA(NULL));
    MUST(SetDllDirectoryA(NULL));
    return DONE;
}

/* ---- Text ---- */

static int variables(void)
{
    char text[1000];
    WCHAR *all;
    TRY(SetEnvironmentVariableA("SCARCE", "some text"), );
    TRY(GetEnvironmentVariableA("SCARCE", text, sizeof text),
        SetEnvironmentVariableA("SCARCE", NULL));
    TRY(ExpandEnvironmentStringsA("%SCARCE%", text, sizeof text),
        SetEnvironmentVariableA("SCARCE", NULL));
    MUST(strcmp(text, "some text") == 0);
    TRY(all = GetEnvironmentStringsW(), SetEnvironmentVariableA("SCARCE", NULL));
    FreeEnvironmentStringsW(all);
    TRY(SetEnvironmentVariableA("SCARCE", NULL), );
    return DONE;
}

static int message(void)
{
    char *text = NULL;
    TRY(FormatMessageA(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM, NULL, 2, 0,
                       (char *)&text, 0, NULL), );
    LocalFree(text);
    return DONE;
}

static int paths(void)
{
    char text[MAX_PATH];
    WCHAR wide[MAX_PATH];
    TRY(GetFullPathNameW(L"a\\..\\b", MAX_PATH, wide, NULL), );
    TRY(GetTempPathA(sizeof text, text), );
    TRY(GetCurrentDirectoryA(sizeof text, text), );
    TRY(SetCurrentDirectoryA(text), );
    TRY(GetFileAttributesA("Z:\\tmp") != INVALID_FILE_ATTRIBUTES, );
    return DONE;
}

static int files(void)
{
    WIN32_FIND_DATAA found;
    HANDLE handle;
    TRY((handle = CreateFileA("Z:\\dev\\zero", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
                              0, NULL)) != INVALID_HANDLE_VALUE, );
    MUST(CloseHandle(handle));
    TRY((handle = FindFirstFileA("Z:\\dev\\zer*", &found)) != INVALID_HANDLE_VALUE, );
    MUST(FindClose(handle));
    MUST(strcmp(found.cFileName, "zero") == 0);
    return DONE;
}

/* ---- Exceptions ---- */

static LONG WINAPI handle_nothing(EXCEPTION_POINTERS *exception)
{
    (void)exception;
    return EXCEPTION_CONTINUE_SEARCH;
}

static int handlers(void)
{
    static RUNTIME_FUNCTION table[1];
    void *handler;
    TRY(handler = AddVectoredExceptionHandler(0, handle_nothing), );
    MUST(RemoveVectoredExceptionHandler(handler));
    TRY(RtlAddFunctionTable(table, 1, (DWORD64)(size_t)table), );
    MUST(RtlDeleteFunctionTable(table));
    return DONE;
}

/* ---- The C runtime, which says so in errno ---- */

static int runtime_refused(int line)
{
    return errno == ENOMEM || errno == EMFILE || errno == EAGAIN || errno == EIO
               ? REFUSED
               : WRONG * line + errno;
}

#define RUNTIME_TRY(made, clean)                    \
    do {                                            \
        errno = 0;                                  \
        if (!(made)) {                              \
            int result = runtime_refused(__LINE__); \
            clean;                                  \
            return result;                          \
        }                                           \
    } while (0)

static int runtime_memory(void)
{
    char *block, *grown;
    RUNTIME_TRY(block = malloc(100), );
    RUNTIME_TRY(grown = realloc(block, 10000), free(block));
    free(grown);
    RUNTIME_TRY(block = calloc(10, 10), );
    free(block);
    RUNTIME_TRY(block = strdup("text"), );
    free(block);
    RUNTIME_TRY(block = (char *)wcsdup(L"text"), );
    free(block);
    return DONE;
}

static int runtime_files(void)
{
    FILE *file;
    char bytes[10];
    RUNTIME_TRY(file = fopen("Z:\\dev\\zero", "rb"), );
    RUNTIME_TRY(fread(bytes, 1, sizeof bytes, file) == sizeof bytes, fclose(file));
    MUST(fclose(file) == 0);
    return DONE;
}

static int runtime_variables(void)
{
    RUNTIME_TRY(putenv("SCARCE_TOO=text") == 0, );
    MUST(getenv("SCARCE_TOO") != NULL);
    RUNTIME_TRY(putenv("SCARCE_TOO=") == 0, putenv("SCARCE_TOO="));
    return DONE;
}

static int (*const attempts[])(void) = {
    modules,        heap,          local,
    pages,          section,       named_section,
    objects,        pipe,          thread,
    runtime_thread, tls,           fls,
    folders,        variables,     message,
    paths,          files,         handlers,
    runtime_memory, runtime_files, runtime_variables,
};

__declspec(dllexport) int attempt_count(void)
{
    return sizeof attempts / sizeof attempts[0];
}

/* 0: all is done; 1: something was refused in the right way; else 1000 times a line of this file
 * and the error. */
__declspec(dllexport) int attempt(int number)
{
    return attempts[number]();
}

/* ---- DllMain ---- */

static char *kept;
static DWORD slot = TLS_OUT_OF_INDEXES;
static HANDLE event;

static BOOL attach(void)
{
    kept = HeapAlloc(GetProcessHeap(), 0, 1000);
    slot = TlsAlloc();
    if (kept == NULL || slot == TLS_OUT_OF_INDEXES || !TlsSetValue(slot, kept))
        return FALSE;
    event = CreateEventA(NULL, FALSE, FALSE, NULL);
    return event != NULL;
}

/* Also after an attach that failed, which Windows follows with a detach. */
static void detach(void)
{
    if (event != NULL)
        CloseHandle(event);
    if (slot != TLS_OUT_OF_INDEXES)
        TlsFree(slot);
    if (kept != NULL)
        HeapFree(GetProcessHeap(), 0, kept);
}

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved)
{
    (void)self, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        return attach();
    if (reason == DLL_PROCESS_DETACH)
        detach();
    return TRUE;
}
