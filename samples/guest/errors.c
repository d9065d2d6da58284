/*
 * errors.exe: what does each bad combination of arguments of the mapping functions come to? One
 * line for each: the rule, what is wrong, GetLastError, and a word more if anything has changed.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

static HANDLE reading, writing, writing_only, empty, folder, event;
static HANDLE read_section, write_section, copy_section, execute_section, reserve_section, small;
static char *read_view, *write_view, *reserve_view;

/* ---- The objects that the calls are about ---- */

static HANDLE open_file(const char *name, DWORD access, DWORD disposition, const char *text)
{
    DWORD count;
    HANDLE file = CreateFileA(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, disposition, 0, NULL);
    if (text != NULL)
        WriteFile(file, text, (DWORD)strlen(text), &count, NULL);
    return file;
}

static HANDLE section_of(HANDLE file, DWORD protect, DWORD size)
{
    return CreateFileMappingA(file, NULL, protect, 0, size, NULL);
}

static void make_objects(void)
{
    writing = open_file("errors.tmp", GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE, CREATE_ALWAYS,
                        "twelve bytes");
    reading = open_file("errors.tmp", GENERIC_READ, OPEN_EXISTING, NULL);
    writing_only = open_file("errors.tmp", GENERIC_WRITE, OPEN_EXISTING, NULL);
    empty = open_file("empty.tmp", GENERIC_READ | GENERIC_WRITE, CREATE_ALWAYS, NULL);
    folder =
        CreateFileA(".", GENERIC_READ, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    event = CreateEventA(NULL, TRUE, FALSE, "errors event");
    read_section = section_of(reading, PAGE_READONLY, 0);
    write_section = section_of(writing, PAGE_READWRITE, 0);
    copy_section = section_of(reading, PAGE_WRITECOPY, 0);
    execute_section = section_of(writing, PAGE_EXECUTE_READ, 0);
    reserve_section = section_of(INVALID_HANDLE_VALUE, PAGE_READWRITE | SEC_RESERVE, 0x20000);
    small = section_of(INVALID_HANDLE_VALUE, PAGE_READWRITE, 0x1000);
    read_view = MapViewOfFile(read_section, FILE_MAP_READ, 0, 0, 0);
    write_view = MapViewOfFile(write_section, FILE_MAP_WRITE, 0, 0, 0);
    reserve_view = MapViewOfFile(reserve_section, FILE_MAP_WRITE, 0, 0, 0);
}

/* ---- Showing ---- */

static void show(const char *rule, const char *what, BOOL done)
{
    DWORD error = GetLastError();
    printf("%-4s %s: ", rule, what);
    if (done)
        printf("done");
    else
        printf("%lu", error);
    if (GetFileSize(reading, NULL) != 12 || GetFileSize(empty, NULL) != 0)
        printf(", a file has changed");
    printf("\n");
    SetLastError(0);
}

static void create(const char *rule, const char *what, HANDLE file, DWORD protect, ULONGLONG size,
                   const char *name)
{
    SetLastError(0);
    HANDLE made = CreateFileMappingA(file, NULL, protect, (DWORD)(size >> 32), (DWORD)size, name);
    show(rule, what, made != NULL);
    if (made != NULL)
        CloseHandle(made);
}

static void map(const char *rule, const char *what, HANDLE section, DWORD access, ULONGLONG offset,
                SIZE_T size, void *base)
{
    SetLastError(0);
    void *view = MapViewOfFileEx(section, access, (DWORD)(offset >> 32), (DWORD)offset, size, base);
    show(rule, what, view != NULL);
    if (view != NULL)
        UnmapViewOfFile(view);
}

/* ---- CreateFileMapping ---- */

static void creation(void)
{
    HANDLE memory = INVALID_HANDLE_VALUE;
    create("H1", "PAGE_NOACCESS", memory, PAGE_NOACCESS, 0x1000, NULL);
    create("H1", "PAGE_EXECUTE", memory, PAGE_EXECUTE, 0x1000, NULL);
    create("H1", "no protection", memory, 0, 0x1000, NULL);
    create("H1", "PAGE_GUARD", memory, PAGE_READWRITE | PAGE_GUARD, 0x1000, NULL);
    create("H1", "two protections", memory, PAGE_READONLY | PAGE_READWRITE, 0x1000, NULL);
    create("H2", "READWRITE of a file opened to read", reading, PAGE_READWRITE, 0, NULL);
    create("H2", "READONLY of a file opened to write", writing_only, PAGE_READONLY, 0, NULL);
    create("H2", "WRITECOPY of a file opened to read", reading, PAGE_WRITECOPY, 0, NULL);
    create("H2", "EXECUTE_READ of a file opened to read", reading, PAGE_EXECUTE_READ, 0, NULL);
    create("H3", "memory without a size", memory, PAGE_READWRITE, 0, NULL);
    create("H4", "no handle", NULL, PAGE_READWRITE, 0x1000, NULL);
    create("H4", "a handle that was never open", (HANDLE)0x7FFFC, PAGE_READWRITE, 0x1000, NULL);
    create("H4", "an event", event, PAGE_READONLY, 0, NULL);
    create("A0.6", "a folder", folder, PAGE_READONLY, 0, NULL);
    create("H5", "an empty file", empty, PAGE_READWRITE, 0, NULL);
    create("H8", "larger than the file, READONLY", reading, PAGE_READONLY, 0x2000, NULL);
    create("H8", "larger than the file, WRITECOPY", reading, PAGE_WRITECOPY, 0x2000, NULL);
    create("H10", "memory of 2^63 bytes", memory, PAGE_READWRITE, 1ULL << 63, NULL);
    create("H11", "SEC_COMMIT and SEC_RESERVE", memory, PAGE_READWRITE | SEC_COMMIT | SEC_RESERVE,
           0x1000, NULL);
    create("H11", "SEC_NOCACHE alone", memory, PAGE_READWRITE | SEC_NOCACHE, 0x1000, NULL);
    create("H11", "SEC_WRITECOMBINE alone", memory, PAGE_READWRITE | SEC_WRITECOMBINE, 0x1000,
           NULL);
    create("H11", "SEC_LARGE_PAGES alone", memory, PAGE_READWRITE | SEC_LARGE_PAGES, 0x1000, NULL);
    create("H12", "SEC_LARGE_PAGES of a file", writing,
           PAGE_READWRITE | SEC_COMMIT | SEC_LARGE_PAGES, 0, NULL);
    create("H13", "SEC_NOCACHE and SEC_COMMIT", memory, PAGE_READWRITE | SEC_COMMIT | SEC_NOCACHE,
           0x1000, NULL);
    create("A1", "SEC_IMAGE of a text", reading, PAGE_READONLY | SEC_IMAGE, 0, NULL);
    create("A0.4", "SEC_IMAGE without a file", memory, PAGE_READONLY | SEC_IMAGE, 0x1000, NULL);
    create("A0.1", "SEC_IMAGE and SEC_COMMIT", reading, PAGE_READONLY | SEC_IMAGE | SEC_COMMIT, 0,
           NULL);
    create("H16", "the name of an event", memory, PAGE_READWRITE, 0x1000, "errors event");
    create("H16", "a name in no folder", memory, PAGE_READWRITE, 0x1000, "no folder\\name");
    create("H16", "a name that starts with \\", memory, PAGE_READWRITE, 0x1000, "\\name");
    create("H16", "an empty name", memory, PAGE_READWRITE, 0x1000, "");
}

static void names(void)
{
    HANDLE first =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READONLY, 0, 0x3000, "errors section");
    SetLastError(0);
    HANDLE again =
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x9000, "errors section");
    printf("H15  the same name: %s, %lu\n", again ? "a handle" : "none", GetLastError());
    map("H15", "the size of the one that was there", again, FILE_MAP_READ, 0, 0x3001, NULL);
    map("H15", "the protection of the one that was there", again, FILE_MAP_WRITE, 0, 0, NULL);
    HANDLE other = OpenFileMappingA(FILE_MAP_READ, FALSE, "ERRORS SECTION");
    show("H16", "a name in other letters", other != NULL);
    show("H17", "no such name",
         OpenFileMappingA(FILE_MAP_READ, FALSE, "errors no such section") != NULL);
    show("H17", "NULL for a name", OpenFileMappingA(FILE_MAP_READ, FALSE, NULL) != NULL);
    show("H17", "the name of an event",
         OpenFileMappingA(FILE_MAP_READ, FALSE, "errors event") != NULL);
    HANDLE reader = OpenFileMappingA(FILE_MAP_READ, FALSE, "Local\\errors section");
    show("H17", "Local\\ and the name", reader != NULL);
    map("H36", "a handle opened to read, to write", reader, FILE_MAP_WRITE, 0, 0, NULL);
    map("H36", "a handle opened to read, to copy", reader, FILE_MAP_COPY, 0, 0, NULL);
    CloseHandle(reader);
    CloseHandle(again);
    CloseHandle(first);
    show("H18", "after the last handle",
         OpenFileMappingA(FILE_MAP_READ, FALSE, "errors section") != NULL);
}

/* ---- MapViewOfFileEx ---- */

static void mapping(void)
{
    map("H30", "offset 0x1000", reserve_section, FILE_MAP_READ, 0x1000, 0, NULL);
    map("H31", "base 0x1000 beyond 64 KiB", small, FILE_MAP_READ, 0, 0, (void *)0x230000001000);
    map("H32", "base in use", small, FILE_MAP_READ, 0, 0, write_view);
    map("H32", "base in the system's space", small, FILE_MAP_READ, 0, 0,
        (void *)0xFFFF800000000000);
    map("H33", "bad handle and bad base", (HANDLE)0x7FFFC, FILE_MAP_READ, 0, 0, (void *)0x1001);
    map("H33", "a file for a section", reading, FILE_MAP_READ, 0, 0, NULL);
    map("H33", "an event for a section", event, FILE_MAP_READ, 0, 0, NULL);
    map("H33", "no handle", NULL, FILE_MAP_READ, 0, 0, NULL);
    map("H34", "offset beyond the end", small, FILE_MAP_READ, 0x10000, 0, NULL);
    map("H34", "more than there is", small, FILE_MAP_READ, 0, 0x1001, NULL);
    map("H34", "more than there is of a file", read_section, FILE_MAP_READ, 0, 13, NULL);
    map("H34", "more than fits into the address space", small, FILE_MAP_READ, 0, (SIZE_T)-1, NULL);
    map("H34", "offset 2^63", small, FILE_MAP_READ, 1ULL << 63, 0, NULL);
    map("H36", "READONLY section, to write", read_section, FILE_MAP_WRITE, 0, 0, NULL);
    map("H36", "WRITECOPY section, to write", copy_section, FILE_MAP_WRITE, 0, 0, NULL);
    map("H36", "READONLY section, to execute", read_section, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0,
        NULL);
    map("H36", "READWRITE section, to execute", write_section, FILE_MAP_WRITE | FILE_MAP_EXECUTE, 0,
        0, NULL);
    map("H36", "EXECUTE_READ section, to write", execute_section, FILE_MAP_WRITE, 0, 0, NULL);
    map("H36", "READONLY section, to copy", read_section, FILE_MAP_COPY, 0, 0, NULL);
    map("H36", "WRITECOPY section, to copy", copy_section, FILE_MAP_COPY, 0, 0, NULL);
    map("H37", "no access asked for", small, 0, 0, 0, NULL);
    map("H37", "all access", write_section, FILE_MAP_ALL_ACCESS, 0, 0, NULL);
}

/* ---- What is done to views ---- */

static void unmap(const char *rule, const char *what, void *address)
{
    show(rule, what, UnmapViewOfFile(address));
}

static void views(void)
{
    DWORD old, other;
    char local;
    void *heap = VirtualAlloc(NULL, 0x1000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    unmap("H.3", "unmap NULL", NULL);
    unmap("H.3", "unmap memory", heap);
    unmap("H.3", "unmap the stack", &local);
    show("H.4", "flush memory", FlushViewOfFile(heap, 0));
    show("H.4", "flush nothing", FlushViewOfFile((void *)0x10000, 1));
    show("H.4", "flush the paging file's", FlushViewOfFile(reserve_view, 1));
    show("H.4", "flush more than the view", FlushViewOfFile(write_view, 0x100000));
    show("H.6", "READWRITE on a READONLY view", VirtualProtect(read_view, 1, PAGE_READWRITE, &old));
    show("H.6", "EXECUTE_READ on a READWRITE view",
         VirtualProtect(write_view, 1, PAGE_EXECUTE_READ, &old));
    show("H.6", "NOACCESS on a READONLY view",
         VirtualProtect(read_view, 1, PAGE_NOACCESS, &old) &&
             VirtualProtect(read_view, 1, old, &other));
    show("H.6", "two protections", VirtualProtect(write_view, 1, 6, &old));
    show("H.6", "beyond the view", VirtualProtect(write_view, 0x10000, PAGE_READONLY, &old));
    show("H.6", "a reserved page", VirtualProtect(reserve_view, 1, PAGE_READONLY, &old));
    show("H43", "commit beyond the view",
         VirtualAlloc(reserve_view + 0x1F000, 0x2000, MEM_COMMIT, PAGE_READWRITE) != NULL);
    show("H43", "commit with more rights than the section",
         VirtualAlloc(reserve_view, 0x1000, MEM_COMMIT, PAGE_EXECUTE_READWRITE) != NULL);
    show("H43", "commit of a file",
         VirtualAlloc(write_view, 1, MEM_COMMIT, PAGE_READWRITE) != NULL);
    show("H43", "decommit", VirtualFree(reserve_view, 0x1000, MEM_DECOMMIT));
    show("H44", "release", VirtualFree(reserve_view, 0, MEM_RELEASE));
    show("", "reserve over a view",
         VirtualAlloc(reserve_view, 0x1000, MEM_RESERVE, PAGE_READWRITE) != NULL);
    VirtualFree(heap, 0, MEM_RELEASE);
}

int main(void)
{
    make_objects();
    creation();
    names();
    mapping();
    views();
    unmap("H.3", "unmap a view by an address inside it", reserve_view + 0x10000);
    unmap("H.3", "unmap it again", reserve_view);
    UnmapViewOfFile(read_view);
    UnmapViewOfFile(write_view);
    return 0;
}
