/*
 * faults.h: os.h and native.h with calls that fail on demand, and a count of what is held.
 *
 * The program is linked with `--wrap` for each of these functions (CMakeLists.txt), so that the
 * library's calls come here first and go on to the real one. What native/ asks of Windows directly
 * is not among them.
 */
#ifndef PELOAD_TEST_FAULTS_H
#define PELOAD_TEST_FAULTS_H

#include "os/native.h"

/* Call number `call` from now on (the next one is 0) fails, and with `and_all_later` all others. */
void faults_start(unsigned call, bool and_all_later);
/* No call fails any more. Returns how many there were that could. */
unsigned faults_stop(void);
/* The function that was made to fail last, or NULL. */
const char *faults_failed(void);

/* What native_create gives from now on, without doing anything; 0: what it has always given. */
void faults_create_gives(uint32_t nt_status);

/* What is done to each view that native_map makes from now on; NULL: nothing. */
void faults_after_map(void (*then)(const ldr__native_place *place));

/* What the library holds. */
typedef struct faults_held {
    long blocks, handles, views, ranges, locks;
} faults_held;

faults_held faults_holds(void);

#endif
