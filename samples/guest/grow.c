/*
 * grow.exe: how does a large table grow without being copied, for all who see it? Its section is
 * reserved only (SEC_RESERVE); pages come into being one by one when somebody commits them, and
 * then they do so in every view.
 */
#include <stdio.h>
#include <windows.h>

enum { PAGE = 0x1000, PAGES = 64 };

static void show(const char *what, const char *at)
{
    MEMORY_BASIC_INFORMATION info;
    VirtualQuery(at, &info, sizeof info);
    printf("%s: %s, protect %#lx, %llu pages, allocated with %#lx, type %#lx\n", what,
           info.State == MEM_COMMIT ? "committed" : "reserved", info.Protect,
           (unsigned long long)(info.RegionSize / PAGE), info.AllocationProtect, info.Type);
}

int main(void)
{
    DWORD old;
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE, 0,
                                        PAGES * PAGE, NULL);
    char *table = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    char *other = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    CloseHandle(section); /* the views keep it */
    show("at first", table);
    for (int i = 0; i < 8; i++) {
        char *page = VirtualAlloc(table + i * PAGE, 1, MEM_COMMIT, PAGE_READWRITE);
        if (page == NULL) {
            printf("page %d: error %lu\n", i, GetLastError());
            return 1;
        }
        sprintf(page, "page %d", i);
    }
    show("grown", table);
    show("the rest", table + 8 * PAGE);
    show("other view", other);
    for (int i = 0; i < 8; i++)
        printf("%s%s", other + i * PAGE, i < 7 ? ", " : "\n");
    show("what is left of the other", other + 8 * PAGE);

    printf("again: %s\n",
           VirtualAlloc(table, PAGE, MEM_COMMIT, PAGE_READWRITE) ? table : "refused");
    BOOL done = VirtualFree(table, PAGE, MEM_DECOMMIT);
    printf("decommit: %d, error %lu\n", done, GetLastError());
    done = VirtualFree(table, 0, MEM_RELEASE);
    printf("release: %d, error %lu\n", done, GetLastError());
    done = VirtualProtect(table + 8 * PAGE, PAGE, PAGE_READONLY, &old);
    printf("protect a reserved page: %d, error %lu\n", done, GetLastError());
    done = VirtualProtect(table, PAGE, PAGE_READONLY, &old);
    printf("protect a committed page: %d, it was %#lx\n", done, old);
    show("protected", table);
    show("behind it", table + PAGE);
    return 0;
}
