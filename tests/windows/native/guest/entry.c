/* entry.c: DllMain that does what HOW says, when it is attached. */
#define IMPORT __declspec(dllimport)
IMPORT void __stdcall RaiseException(unsigned code, unsigned flags, unsigned count,
                                     const unsigned long long *arguments);

int __stdcall DllMain(void *module, unsigned reason, void *reserved)
{
    (void)module;
    (void)reserved;
    if (reason != 1)
        return 1;
    HOW;
    return 1;
}

__declspec(dllexport) int answer(void)
{
    return 42;
}
