/*
 * life.exe: what is loaded when, in which order DLLs are told of it, and how often each is counted.
 * Without an argument it runs each of its scenarios in a process of its own: "life.exe NAME".
 */
#include <stdio.h>
#include <string.h>

#include "life.h"

static const scenario *const tables[] = {graph_scenarios,  count_scenarios, failure_scenarios,
                                         thread_scenarios, tls_scenarios,   end_scenarios,
                                         file_scenarios,   ntdll_scenarios, resource_scenarios};
enum { TABLES = sizeof tables / sizeof tables[0], PATIENCE = 10000 };

__declspec(dllimport) int p_fn(int a);

/* ---- What scenarios share ---- */

void script(const char *text)
{
    SetEnvironmentVariableA("DO", text);
}

HMODULE load_with(const char *name, DWORD flags)
{
    SetLastError(0);
    HMODULE module = LoadLibraryExA(name, NULL, flags);
    if (module != NULL)
        say("load %s: done", name);
    else
        say("load %s: error %d", name, (int)GetLastError());
    return module;
}

HMODULE load(const char *name)
{
    return load_with(name, 0);
}

void unload(HMODULE module, const char *name)
{
    SetLastError(0);
    BOOL done = FreeLibrary(module);
    say("free %s: %d, error %d", name, done, done ? 0 : (int)GetLastError());
}

void show(const char *names)
{
    char list[256], *rest = list;
    strcpy(list, names);
    for (char *name; (name = strtok(rest, " ")) != NULL; rest = NULL) {
        HMODULE module = GetModuleHandleA(name);
        if (module == NULL)
            say("%s: not there", name);
        else
            say("%s: references %d", name, references_of(module));
    }
}

static void add_name(char *line, const module_entry *entry)
{
    char name[8] = "";
    if (entry->name.length > 6 * sizeof(WCHAR))
        return; /* the system's */
    for (int i = 0; i < 6 && i < entry->name.length / 2 && entry->name.buffer[i] != '.'; i++)
        name[i] = (char)entry->name.buffer[i];
    strcat(strcat(line, " "), name);
}

void show_lists(void)
{
    loader_data *data = loader_of_process();
    char load[128] = "", memory[128] = "", initialised[128] = "";
    for (LIST_ENTRY *link = data->load.Flink; link != &data->load; link = link->Flink)
        add_name(load, CONTAINING_RECORD(link, module_entry, load));
    for (LIST_ENTRY *link = data->memory.Flink; link != &data->memory; link = link->Flink)
        add_name(memory, CONTAINING_RECORD(link, module_entry, memory));
    for (LIST_ENTRY *link = data->initialised.Flink; link != &data->initialised; link = link->Flink)
        add_name(initialised, CONTAINING_RECORD(link, module_entry, initialised));
    say("in load order:%s", load);
    say("in memory order:%s", memory);
    say("in order of initialisation:%s", initialised);
}

void on_thread(DWORD(WINAPI *start)(void *), void *parameter)
{
    DWORD code = 0;
    HANDLE thread = CreateThread(NULL, 0, start, parameter, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    say("the thread ended with %d", (int)code);
}

/* ---- Running them ---- */

static const scenario *find(const char *name)
{
    for (int i = 0; i < TABLES; i++) {
        for (const scenario *at = tables[i]; at->name; at++) {
            if (strcmp(at->name, name) == 0)
                return at;
        }
    }
    return NULL;
}

static void run_in_process(const char *name)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    char self[MAX_PATH], line[2 * MAX_PATH];
    DWORD code = 0;
    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" %s", self, name);
    say("== %s", name);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &made)) {
        say("CreateProcess: error %d", (int)GetLastError());
        return;
    }
    if (WaitForSingleObject(made.hProcess, PATIENCE) != WAIT_OBJECT_0) {
        say("it hangs");
        TerminateProcess(made.hProcess, 99);
    }
    GetExitCodeProcess(made.hProcess, &code);
    say("exit code %x", (unsigned)code);
    CloseHandle(made.hThread);
    CloseHandle(made.hProcess);
}

int main(int argc, char **argv)
{
    const scenario *wanted = argc > 1 ? find(argv[1]) : NULL;
    if (wanted != NULL) {
        wanted->run();
        return p_fn(0) - 1;
    }
    for (int i = 0; i < TABLES; i++) {
        for (const scenario *at = tables[i]; at->name; at++)
            run_in_process(at->name);
    }
    return 0;
}
