/*
 * exchange.exe: how do two processes pass data to each other? Through a section of the paging file
 * that both find by its name, taking turns by two named events.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

enum { ROUNDS = 1000 };

typedef struct mailbox {
    LONG number;
    char text[60];
} mailbox;

typedef struct ends {
    HANDLE section, question, answer;
    mailbox *box;
} ends;

static ends open_ends(const char *session, BOOL first)
{
    char name[64];
    ends made;
    snprintf(name, sizeof name, "exchange box %s", session);
    made.section = first ? CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0,
                                              sizeof(mailbox), name)
                         : OpenFileMappingA(FILE_MAP_WRITE | FILE_MAP_READ, FALSE, name);
    snprintf(name, sizeof name, "exchange question %s", session);
    made.question = CreateEventA(NULL, FALSE, FALSE, name);
    snprintf(name, sizeof name, "exchange answer %s", session);
    made.answer = CreateEventA(NULL, FALSE, FALSE, name);
    if (!first)
        printf("the event %s\n",
               GetLastError() == ERROR_ALREADY_EXISTS ? "exists already" : "is new");
    made.box = MapViewOfFile(made.section, FILE_MAP_WRITE, 0, 0, 0);
    if (made.box == NULL)
        printf("MapViewOfFile: error %lu\n", GetLastError());
    return made;
}

/* Doubles each number, until it is 0. */
static int answer(const char *session)
{
    ends here = open_ends(session, FALSE);
    printf("found: %ld, %s\n", here.box->number, here.box->text);
    while (here.box->number != 0) {
        here.box->number *= 2;
        SetEvent(here.answer);
        WaitForSingleObject(here.question, INFINITE);
    }
    strcpy(here.box->text, "good bye");
    return 0;
}

int main(int argc, char **argv)
{
    char self[MAX_PATH], session[16], line[MAX_PATH + 16];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    if (argc > 1)
        return answer(argv[1]);
    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(session, sizeof session, "%lu", GetCurrentProcessId());
    snprintf(line, sizeof line, "\"%s\" %s", self, session);
    ends here = open_ends(session, TRUE);
    here.box->number = 1;
    strcpy(here.box->text, "hello");
    if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made)) {
        printf("CreateProcess: error %lu\n", GetLastError());
        return 1;
    }
    HANDLE events[] = {here.answer, made.hProcess};
    LONG sum = 0;
    for (LONG i = 2; i <= ROUNDS; i++) {
        if (WaitForMultipleObjects(2, events, FALSE, INFINITE) != WAIT_OBJECT_0)
            break;
        sum += here.box->number;
        here.box->number = i;
        SetEvent(here.question);
    }
    WaitForSingleObject(here.answer, INFINITE);
    here.box->number = 0;
    SetEvent(here.question);
    WaitForSingleObject(made.hProcess, INFINITE);
    printf("sum %ld, then \"%s\"\n", sum, here.box->text);

    /* The name goes with the last handle, the memory with the last view. */
    snprintf(line, sizeof line, "exchange box %s", session);
    CloseHandle(here.section);
    HANDLE again = OpenFileMappingA(FILE_MAP_READ, FALSE, line);
    printf("after CloseHandle: %s, error %lu; the view says \"%s\"\n",
           again ? "still there" : "no such name", GetLastError(), here.box->text);
    UnmapViewOfFile(here.box);
    return 0;
}
