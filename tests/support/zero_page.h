/* zero_page.h: what the kernel does when memory that nobody has written to is read. */
#ifndef PELOAD_TESTS_ZERO_PAGE_H
#define PELOAD_TESTS_ZERO_PAGE_H

#include <stdbool.h>

/* True if it maps the one page of zeros that all share; false if each reader gets a page of its
 * own, as on kernels that are built for virtual machines. */
bool zero_page_is_shared(void);

#endif
