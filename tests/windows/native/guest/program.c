/* program.c: a program without a C runtime; its exit code says what it has found. */
#define IMPORT __declspec(dllimport)
typedef unsigned short wchar_t;
#define EXPORT __declspec(dllexport)
IMPORT void *__stdcall GetModuleHandleW(const wchar_t *name);
IMPORT unsigned __stdcall GetModuleFileNameW(void *module, wchar_t *buffer, unsigned size);
IMPORT void __stdcall RaiseException(unsigned code, unsigned flags, unsigned count,
                                     const unsigned long long *arguments);

extern const char __ImageBase[];

unsigned _tls_index;
#pragma section(".tls")
#pragma section(".tls$ZZZ")
__declspec(allocate(".tls")) int _tls_start = 0;
__declspec(allocate(".tls$ZZZ")) int _tls_end = 0;
int _fltused;

_Thread_local int of_thread = 5;
static int attached, told, raises;

static void __stdcall callback(void *module, unsigned reason, void *reserved)
{
    (void)module;
    (void)reserved;
    attached += reason == 1;
    told++;
}

static void(__stdcall *const callbacks[])(void *, unsigned, void *) = {callback, 0};

struct directory {
    void *start, *end, *index;
    const void *callbacks;
    unsigned zero_fill, characteristics;
};
const struct directory _tls_used = {&_tls_start, &_tls_end, &_tls_index, callbacks, 0, 0x00300000};

EXPORT void raise_in_main(void)
{
    raises = 1;
}

/* 1: the callback was called once, and for nothing else, 2: the variable, 4: the handle, 8: the
 * name. */
int start(void *peb)
{
    wchar_t name[512];
    unsigned length = GetModuleFileNameW(0, name, 512);
    int found = attached == 1 && told == 1 ? 1 : 0;
    if (raises)
        RaiseException(0xE0005678, 0, 0, 0);
    found |= of_thread == 5 ? 2 : 0;
    found |= GetModuleHandleW(0) == (const void *)__ImageBase && peb != 0 ? 4 : 0;
    found |= length > 11 && name[length - 11] == 'p' && name[length - 1] == 'e' ? 8 : 0;
    return found;
}
