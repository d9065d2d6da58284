/* frames.h: which physical memory stands behind an address. */
#ifndef PELOAD_TESTS_FRAMES_H
#define PELOAD_TESTS_FRAMES_H

#include <stdint.h>

/*
 * A number that two addresses, of two processes too, have in common if they are one page of memory:
 * that of its frame. For those who may not know it, what the file and the offset in it say of a
 * page that is not private; 0 when it is. The page is read.
 */
uint64_t frame_of(const void *address);

#endif
