/*
 * plugin.dll: what must a loader have done before the first call into a plugin is safe?
 * Relocated its data, bound its import from the program that hosts it, copied its thread-local
 * data, and called its TLS callback and then its DllMain.
 */
#include <windows.h>

/* Provided by the program that loads us. */
__declspec(dllimport) int host_transform(int value);

/* Thread-local data as the linker wants it: between _tls_start and _tls_end, found through GS. */
extern char _tls_start;
extern ULONG _tls_index;
__attribute__((section(".tls$M"))) int calls_of_thread = 100;

static int *calls_of_this_thread(void)
{
    char **blocks;
    __asm__("movq %%gs:0x58, %0" : "=r"(blocks)); /* TEB.ThreadLocalStoragePointer */
    return (int *)(blocks[_tls_index] + ((char *)&calls_of_thread - &_tls_start));
}

/* Addresses in data: right only once they are relocated. */
static const char *const names[] = {"plugin", "a guest that calls its host"};

static int callback_ran, main_ran_after_callback;

static void NTAPI on_tls(void *module, DWORD reason, void *reserved)
{
    (void)module, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        callback_ran = 1;
}

__attribute__((section(".CRT$XLC"), used)) static const PIMAGE_TLS_CALLBACK callback = on_tls;

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)module, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        main_ran_after_callback = callback_ran;
    return TRUE;
}

__declspec(dllexport) const char *plugin_name(int which)
{
    return names[which & 1];
}

/* 1 if the TLS callback and then DllMain ran. */
__declspec(dllexport) int plugin_is_initialised(void)
{
    return main_ran_after_callback;
}

/* Sums what the host makes of each value. */
__declspec(dllexport) int plugin_sum(const int *values, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += host_transform(values[i]);
    ++*calls_of_this_thread();
    return sum;
}

/* 100 and one more for each plugin_sum of this thread. */
__declspec(dllexport) int plugin_calls(void)
{
    return *calls_of_this_thread();
}
