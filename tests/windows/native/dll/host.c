/* host.c: a DLL that has the library in it, as a program finds it that links peload.dll. */
#include <peload/loader.h>

#include <windows.h>

static ldr_context *context;

/* Loads the DLL at a path, to stay; NULL if that fails. */
__declspec(dllexport) void *host_load(const char *path)
{
    ldr_module *module = NULL;
    if (context == NULL && ldr_context_create(NULL, &context) != LDR_OK)
        return NULL;
    return ldr_load(context, path, NULL, &module, NULL) == LDR_OK ? module : NULL;
}

__declspec(dllexport) void *host_symbol(void *module, const char *name)
{
    return ldr_symbol(module, name);
}

__declspec(dllexport) void host_destroy(void)
{
    ldr_context_destroy(context);
    context = NULL;
}
