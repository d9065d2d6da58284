/* life.h: what the scenarios of life.exe share. */
#ifndef LIFE_H
#define LIFE_H

#include "entry.h"
#include "say.h"

typedef struct scenario {
    const char *name;
    void (*run)(void);
} scenario;

/* Each file's scenarios, ended by one without a name. */
extern const scenario graph_scenarios[], count_scenarios[], failure_scenarios[], thread_scenarios[],
    tls_scenarios[], end_scenarios[], file_scenarios[], ntdll_scenarios[], resource_scenarios[];

/* What DllMains and callbacks do, as dll.c says. */
void script(const char *text);
/* Says what an expression of Windows's functions comes to (0 or 1), and the last error then. */
#define TELL(what, expression)                                    \
    do {                                                          \
        SetLastError(0);                                          \
        int told = (expression) != 0;                             \
        say("%s: %d, error %d", what, told, (int)GetLastError()); \
    } while (0)
/* LoadLibraryEx, FreeLibrary, GetModuleHandle, with a line about the result. */
HMODULE load(const char *name);
HMODULE load_with(const char *name, DWORD flags);
void unload(HMODULE module, const char *name);
/* "a is there, references 2", for each of the space-separated names. */
void show(const char *names);
/* The three lists of ntdll, by base names, those of the graphs only. */
void show_lists(void);
/* Runs `start` on a new thread and waits for its end. */
void on_thread(DWORD(WINAPI *start)(void *), void *parameter);

#endif
