/*
 * faulty_os.h: the operating system, with calls that fail on demand and a count of what is held.
 *
 * Every test program is linked with `--wrap` for each function of os.h (tests/CMakeLists.txt), so
 * that the library's calls come here first and go on to the real one. Until a test asks for a
 * failure nothing is different. The state is that of the process; Criterion runs each test in its
 * own.
 */
#ifndef PELOAD_TESTS_FAULTY_OS_H
#define PELOAD_TESTS_FAULTY_OS_H

#include "os/os.h"

/* Call number `call` from now on (the next one is 0) fails; with `and_all_later` those after it
 * too. Calls that cannot fail (free, close, unmap, lock, unlock) are not counted. */
void faulty_os_fail_at(unsigned call, bool and_all_later);

/* Counts a call of something else that can fail, and says whether it has to. */
bool faulty_os_call(const char *name);

/* No call fails any more. Returns how many there were since faulty_os_fail_at. */
unsigned faulty_os_stop(void);

/* The name of the last function that was made to fail, such as "reserve"; NULL for none. */
const char *faulty_os_failed(void);

/* Whether a function of that name was ever made to fail in this process. */
bool faulty_os_has_failed(const char *name);

/*
 * A file that changes while it is read: `hook` gets the number of each read from now on (0 is the
 * next) and what was read, and may change both. NULL: no hook.
 */
void faulty_os_on_read(void (*hook)(unsigned read, void *bytes, size_t *count));

/*
 * Something that happens while the library works: `hook` runs before each call that is counted,
 * with its number (0 is the next). NULL: no hook.
 */
void faulty_os_on_call(void (*hook)(unsigned call));

/* From now on files are on a file system mounted noexec, as far as the library is told. */
void faulty_os_noexec(void);

/* From now on the function of that name fails each time: older kernels and sandboxes lack some.
 * NULL: each is there again. */
void faulty_os_without(const char *name);

/* What the library holds: blocks of memory, open files and segments, reserved bytes. */
typedef struct faulty_os_held {
    long blocks, handles, bytes;
} faulty_os_held;

faulty_os_held faulty_os_holds(void);

#endif
