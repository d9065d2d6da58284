/*
 * sanitizer.h: whether this is a build with AddressSanitizer. Its shadow lies where 64-bit images
 * prefer to be, the heap is its own, and its mappings come and go.
 */
#ifndef PELOAD_TESTS_SANITIZER_H
#define PELOAD_TESTS_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

#endif
