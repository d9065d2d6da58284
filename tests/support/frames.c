#include "support/frames.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define PAGE_BYTES   UINT64_C(4096)
#define FRAME_MASK   ((UINT64_C(1) << 55) - 1)
#define PAGE_OF_FILE (UINT64_C(1) << 61)
#define PAGE_PRESENT (UINT64_C(1) << 63)

static uint64_t pagemap_entry(const void *address)
{
    uint64_t entry = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    ssize_t count =
        pread(fd, &entry, sizeof entry, (off_t)((uintptr_t)address / PAGE_BYTES * sizeof entry));
    close(fd);
    return count == (ssize_t)sizeof entry ? entry : 0;
}

/* Inode and page, so that no two files have the same. */
static uint64_t place_in_file(const void *address)
{
    char line[512];
    unsigned long start, end, offset, inode, at = (uintptr_t)address;
    uint64_t place = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %*s %lx %*s %lu", &start, &end, &offset, &inode) == 4 &&
            at >= start && at < end)
            place = inode << 24 ^ (offset + at - start) / PAGE_BYTES;
    }
    fclose(maps);
    return place;
}

uint64_t frame_of(const void *address)
{
    (void)*(const volatile uint8_t *)address;
    uint64_t entry = pagemap_entry(address);
    if ((entry & PAGE_PRESENT) != 0 && (entry & FRAME_MASK) != 0)
        return entry & FRAME_MASK;
    return (entry & PAGE_OF_FILE) != 0 ? place_in_file(address) : 0;
}
