/*
 * base.exe: can a view be had at an address of one's choice? Yes, if it is a multiple of 64 KiB and
 * free: then data with pointers in it can be mapped and used as it is, also by another process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

enum { GRANULARITY = 0x10000 };

typedef struct node {
    struct node *next;
    int value;
} node;

/* At that address in another process. */
static int follow(const char *address, const char *name)
{
    void *base = (void *)(ULONG_PTR)strtoull(address, NULL, 16);
    HANDLE section = OpenFileMappingA(FILE_MAP_READ, FALSE, name);
    const node *at = MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, 0, base);
    if (at == NULL)
        return (int)GetLastError();
    int sum = 0;
    for (; at != NULL; at = at->next)
        sum += at->value;
    return sum;
}

static void try_base(const char *what, HANDLE section, char *base)
{
    SetLastError(0);
    char *view = MapViewOfFileEx(section, FILE_MAP_READ, 0, 0, 0, base);
    printf("%s: %s, error %lu\n", what,
           view == NULL   ? "refused"
           : view == base ? "as asked"
                          : "elsewhere",
           GetLastError());
    if (view != NULL)
        UnmapViewOfFile(view);
}

int main(int argc, char **argv)
{
    char self[MAX_PATH], name[32], line[2 * MAX_PATH];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    SYSTEM_INFO system;
    DWORD sum = 0;
    if (argc > 2)
        return follow(argv[1], argv[2]);
    GetSystemInfo(&system);
    printf("granularity %#lx, page %#lx\n", system.dwAllocationGranularity, system.dwPageSize);
    snprintf(name, sizeof name, "base %lu", GetCurrentProcessId());
    HANDLE section =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4 * GRANULARITY, name);

    /* Far from where either system puts anything by itself. */
    char *base = (char *)0x230000000000;
    node *list = MapViewOfFileEx(section, FILE_MAP_WRITE, 0, 0, 0, base);
    printf("a free base: %s\n", (char *)list == base ? "as asked" : "elsewhere or refused");
    for (int i = 0; i < 100; i++)
        list[i] = (node){i < 99 ? &list[i + 1] : NULL, i};

    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" %p \"%s\"", self, (void *)base, name);
    fflush(stdout);
    if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made))
        return printf("CreateProcess: error %lu\n", GetLastError()), 1;
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &sum);
    printf("the other process follows the list to %lu\n", sum);

    try_base("the same base again", section, base);
    try_base("into the view", section, base + GRANULARITY);
    try_base("not a multiple of 64 KiB", section, base + 8 * GRANULARITY + 0x1000);
    try_base("beside the view", section, base + 4 * GRANULARITY);
    try_base("reaching into the view", section, base - GRANULARITY);
    UnmapViewOfFile(list);
    try_base("the same base when it is free", section, base);
    return 0;
}
