/*
 * faulty_libc.h: the C library, with calls that fail on demand.
 *
 * The environment of the guest (loader/win32) calls malloc and the kernel without os.h in between,
 * and os.h is made of such calls. test_load is linked with `--wrap` for those that can fail, so
 * that they are counted by faulty_os_fail_at with the functions of os.h, in one sequence: a test
 * can make each call fail that a load makes.
 */
#ifndef PELOAD_TESTS_FAULTY_LIBC_H
#define PELOAD_TESTS_FAULTY_LIBC_H

#include <stdbool.h>

/* Whether calls of the C library are counted, and fail, from now on. At first they do not. */
void faulty_libc(bool counts);

/* Blocks of memory that were allocated by calls of this program and are not freed. */
long faulty_libc_blocks(void);

#endif
