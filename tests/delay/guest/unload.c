/* unload.c: unloads a DLL of delay imports, and calls it again. */
#include "helper.h"

extern const ImgDelayDescr target_tables;

static void call_and_unload(void)
{
    printf("2 + 3 = %d\n", target_add(2, 3));
    printf("6 * 7 = %d\n", target_mul(6, 7));
    printf("calls of the helper: %d, loaded: %s\n", helper_calls, loaded("target.dll"));
    printf("unloaded: %d\n", helper_unload(&target_tables));
    printf("loaded: %s\n", loaded("target.dll"));
}

int main(void)
{
    printf("unloaded before it is loaded: %d\n", helper_unload(&target_tables));
    call_and_unload();
    call_and_unload();
    printf("unloaded twice: %d\n", helper_unload(&target_tables));
    return 0;
}
