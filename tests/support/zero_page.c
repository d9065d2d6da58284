#include "support/zero_page.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)

enum { PAGE_BYTES = 0x1000 };

bool zero_page_is_shared(void)
{
    uint64_t entry = 0;
    char *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (page == MAP_FAILED || pagemap < 0 || *(volatile char *)page != 0)
        abort();
    off_t at = (off_t)((uintptr_t)page / PAGE_BYTES * sizeof entry);
    if (pread(pagemap, &entry, sizeof entry, at) != sizeof entry)
        abort();
    close(pagemap);
    munmap(page, PAGE_BYTES);
    return (entry & PAGEMAP_EXCLUSIVE) == 0;
}
