#include "win32/kernel32/maps.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

/* The end of what a program can have on x86-64 with 47 bits. */
#define USER_SPACE_END UINT64_C(0x7FFFFFFF0000)

static bool parse_line(const char *line, ldr__map *ret_map)
{
    char access[5];
    uint64_t inode;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*s %" SCNu64, &ret_map->start, &ret_map->end,
               access, &inode) != 4)
        return false;
    ret_map->access = (access[0] == 'r' ? PROT_READ : 0) | (access[1] == 'w' ? PROT_WRITE : 0) |
                      (access[2] == 'x' ? PROT_EXEC : 0);
    ret_map->is_file = inode != 0;
    ret_map->mapped = true;
    return true;
}

bool ldr__map_find(uint64_t address, ldr__map *ret_map)
{
    char line[4500]; /* longer than a path can be */
    ldr__map map, hole = {.end = USER_SPACE_END};
    FILE *maps = address < USER_SPACE_END ? fopen("/proc/self/maps", "re") : NULL;
    if (maps == NULL)
        return false;
    while (fgets(line, sizeof line, maps) != NULL) {
        if (!parse_line(line, &map))
            continue;
        if (address < map.start) {
            hole.end = map.start;
            break;
        }
        hole.start = map.end;
        if (address < map.end) {
            hole = map;
            break;
        }
    }
    fclose(maps);
    *ret_map = hole;
    return true;
}
