/*
 * A DLL of the graphs that life.exe loads; all are made from this file:
 *
 *   NAME        "a": of a.dll, which exports a_fn and a_index
 *   NEEDS       what it imports: calls of functions, "b_fn(); c_fn();"
 *   WITH_TLS    has a TLS template, zeros behind it, and (1) two callbacks or (0) none
 *
 * It says what it is told. What it does then is in the variable DO, "EVENT:ACTION,ACTION;...",
 * where an event is "a+" (process attach), "a-", "a>" (thread attach), "a<", or "a.0+" for its
 * first TLS callback.
 */
#include "entry.h"
#include "say.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_OF_(a) #a
#define TEXT_OF(a)  TEXT_OF_(a)
#define OWN         TEXT_OF(NAME)

static HINSTANCE self;
static volatile int never;
static int *volatile nowhere = (int *)16;

#ifdef DECLARE
DECLARE
#endif

__declspec(dllexport) int JOIN(NAME, _fn)(int a)
{
#ifdef NEEDS
    if (never)
        NEEDS
#endif
    return a + never + 1;
}

/* ---- TLS ---- */

#ifdef WITH_TLS
__declspec(dllexport) ULONG JOIN(NAME, _index) = 0x77;
static const char template[8] = "TLS-" OWN;

#if WITH_TLS
static void NTAPI on_tls(void *base, DWORD reason, void *reserved);
static void NTAPI on_tls_second(void *base, DWORD reason, void *reserved);
#endif

/* Room for those that are added while the first runs. */
static PIMAGE_TLS_CALLBACK volatile callbacks[4] = {
#if WITH_TLS
    on_tls,
    on_tls_second,
#endif
};

const IMAGE_TLS_DIRECTORY64 _tls_used = {(ULONGLONG) template,
                                         (ULONGLONG) template + sizeof template,
                                         (ULONGLONG)&JOIN(NAME, _index),
                                         (ULONGLONG)callbacks,
                                         24,
                                         .Characteristics = 0};
#endif

/* ---- What DO says ---- */

static DWORD WINAPI thread_start(void *unused)
{
    (void)unused;
    say("  %s: a thread runs", OWN);
    return 5;
}

static const char *argument_of(const char *action)
{
    while (*action && *action != ' ')
        action++;
    return *action ? action + 1 : action;
}

static BOOL starts(const char *text, const char *with)
{
    while (*with && *text == *with) {
        text++;
        with++;
    }
    return *with == 0;
}

static void load(const char *name)
{
    SetLastError(0);
    HMODULE module = LoadLibraryA(name);
    say("  %s: load %s: %d, error %d", OWN, name, module != NULL, module ? 0 : (int)GetLastError());
}

static void unload(const char *name)
{
    BOOL done = FreeLibrary(GetModuleHandleA(name));
    say("  %s: free %s: %d, there: %d", OWN, name, done, GetModuleHandleA(name) != NULL);
}

static void ask(const char *name)
{
    char function[16];
    HMODULE module = GetModuleHandleA(name);
    size_t at = put_text(function, 0, 10, name);
    function[put_text(function, at, 15, "_fn")] = 0;
    say("  %s: %s there: %d, its function: %d, references %d", OWN, name, module != NULL,
        module && GetProcAddress(module, function) != NULL, references_of(module));
}

static void start_thread(void)
{
    SetLastError(0);
    HANDLE thread = CreateThread(NULL, 0, thread_start, NULL, 0, NULL);
    say("  %s: CreateThread: %d, error %d", OWN, thread != NULL, thread ? 0 : (int)GetLastError());
    if (thread)
        CloseHandle(thread);
}

static void disable(void)
{
    SetLastError(0);
    BOOL done = DisableThreadLibraryCalls(self);
    say("  %s: disable: %d, error %d", OWN, done, done ? 0 : (int)GetLastError());
}

/* False when DllMain is to say FALSE. */
static BOOL act(const char *action)
{
    const char *argument = argument_of(action);
    if (starts(action, "load"))
        load(argument);
    else if (starts(action, "free"))
        unload(argument);
    else if (starts(action, "ask"))
        ask(argument);
    else if (starts(action, "thread"))
        start_thread();
    else if (starts(action, "disable"))
        disable();
    else if (starts(action, "crash"))
        *nowhere = 1;
    else if (starts(action, "raise"))
        RaiseException(0xE0001234, 0, 0, NULL);
    else if (starts(action, "exitthread"))
        ExitThread(44);
    else if (starts(action, "exit"))
        ExitProcess(43);
#if defined(WITH_TLS) && WITH_TLS
    else if (starts(action, "more"))
        callbacks[2] = on_tls_second;
    else if (starts(action, "less"))
        callbacks[1] = NULL;
#endif
    return !starts(action, "false");
}

/* Cuts the part up to `mark` off `*rest`; NULL at the end. */
static char *next_part(char **rest, char mark)
{
    char *part = *rest, *end = part;
    if (*part == 0)
        return NULL;
    while (*end && *end != mark)
        end++;
    *rest = *end ? end + 1 : end;
    *end = 0;
    return part;
}

static BOOL act_on(const char *event)
{
    char script[400], *rest = script, *part;
    BOOL result = TRUE;
    DWORD size = GetEnvironmentVariableA("DO", script, sizeof script);
    if (size == 0 || size >= sizeof script)
        return TRUE;
    while ((part = next_part(&rest, ';')) != NULL) {
        char *actions = part, *name = next_part(&actions, ':'), *action;
        if (starts(name, event) && starts(event, name)) {
            while ((action = next_part(&actions, ',')) != NULL)
                result &= act(action);
        }
    }
    return result;
}

/* ---- What it is told ---- */

static BOOL tell(const char *part, DWORD reason, const void *reserved)
{
    static const char marks[] = {'-', '+', '>', '<'};
    char event[16];
    size_t at = put_text(event, 0, 8, OWN);
    at = put_text(event, at, 12, part);
    event[at++] = marks[reason & 3];
    event[at] = 0;
    say("  %s%s", event, reserved ? " at start or end" : "");
    return act_on(event);
}

#if defined(WITH_TLS) && WITH_TLS
static void NTAPI on_tls(void *base, DWORD reason, void *reserved)
{
    self = base;
    tell(".0", reason, reserved);
}

static void NTAPI on_tls_second(void *base, DWORD reason, void *reserved)
{
    self = base;
    tell(".1", reason, reserved);
}
#endif

BOOL WINAPI DllMainCRTStartup(HINSTANCE instance, DWORD reason, void *reserved)
{
    self = instance;
    return tell("", reason, reserved);
}
