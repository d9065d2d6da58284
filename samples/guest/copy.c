/*
 * copy.exe: what does a program see that maps a file FILE_MAP_COPY? The file's bytes until it
 * writes to a page; then that page is its own and follows the file no longer, and the file never
 * learns of it.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

enum { PAGE = 0x1000 };

static void show(const char *what, const char *at)
{
    MEMORY_BASIC_INFORMATION info;
    VirtualQuery(at, &info, sizeof info);
    printf("%s: protect %#lx, %llu pages, allocated with %#lx\n", what, info.Protect,
           (unsigned long long)(info.RegionSize / PAGE), info.AllocationProtect);
}

int main(void)
{
    static char page[PAGE];
    DWORD count, old;
    HANDLE file = CreateFileA("copy.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                              FILE_FLAG_DELETE_ON_CLOSE, NULL);
    for (int i = 0; i < 4; i++) {
        memset(page, 'a' + i, sizeof page);
        WriteFile(file, page, sizeof page, &count, NULL);
    }
    HANDLE section = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 0, NULL);
    char *shared = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    char *copy = MapViewOfFile(section, FILE_MAP_COPY, 0, 0, 0);
    show("before", copy);
    copy[PAGE] = 'X';
    printf("written: copy %c, file %c\n", copy[PAGE], shared[PAGE]);
    show("page 0", copy);
    show("page 1", copy + PAGE);
    show("page 2", copy + 2 * PAGE);
    shared[PAGE + 1] = 'Y';
    shared[2 * PAGE] = 'Z';
    printf("the file changed: own page %c, page that follows %c\n", copy[PAGE + 1], copy[2 * PAGE]);
    SetFilePointer(file, PAGE, NULL, FILE_BEGIN);
    ReadFile(file, page, 2, &count, NULL);
    printf("ReadFile: %c%c\n", page[0], page[1]);

    /* READWRITE means WRITECOPY here, and is not allowed where the view only reads. */
    BOOL done = VirtualProtect(copy + 3 * PAGE, PAGE, PAGE_READWRITE, &old);
    printf("protect READWRITE: %d, it was %#lx\n", done, old);
    show("page 3", copy + 3 * PAGE);
    copy[3 * PAGE] = 'W';
    printf("written: copy %c, file %c\n", copy[3 * PAGE], shared[3 * PAGE]);
    char *reader = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    done = VirtualProtect(reader, PAGE, PAGE_READWRITE, &old);
    printf("READWRITE on a reader's view: %d, error %lu\n", done, GetLastError());
    done = VirtualProtect(reader, PAGE, PAGE_WRITECOPY, &old);
    printf("WRITECOPY on a reader's view: %d\n", done);
    reader[0] = 'V';
    printf("written: reader %c, file %c\n", reader[0], shared[0]);
    UnmapViewOfFile(reader);
    UnmapViewOfFile(copy);
    UnmapViewOfFile(shared);
    CloseHandle(section);
    CloseHandle(file);
    return 0;
}
