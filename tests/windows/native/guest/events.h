/* events.h: what events.dll notes. */
#ifndef PELOAD_TESTS_EVENTS_H
#define PELOAD_TESTS_EVENTS_H

typedef struct event {
    int is_callback; /* a TLS callback was called; else DllMain */
    unsigned reason, thread;
    int of_thread; /* the thread's variable then */
} event;

typedef struct event_log {
    unsigned count;
    event events[64];
} event_log;

/* A value of the template. */
enum { OF_THREAD = 1234 };

typedef struct thread_values {
    int of_thread;
    int zero;
    int points_to_log; /* a pointer in the template was relocated */
} thread_values;

#endif
