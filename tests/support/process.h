/* process.h: what the system tells of this process. */
#ifndef PELOAD_TESTS_PROCESS_H
#define PELOAD_TESTS_PROCESS_H

#include <stddef.h>

/* Open files, that of the question among them. */
size_t process_descriptors(void);
size_t process_threads(void);

#endif
