#include "section/fixture.h"
#include "support/faulty_os.h"
#include "support/process.h"
#include "support/sanitizer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

char *fixture_file(const void *bytes, size_t size)
{
    char *path = strdup("/tmp/peload-section-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert(size == 0 || write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    return path;
}

char *fixture_settled_file(const void *bytes, size_t size)
{
    char *path = fixture_file(bytes, size);
    usleep(40000);
    return path;
}

void fixture_remove(char *path)
{
    unlink(path);
    free(path);
}

static void expect_ok(ldr_status status, const ldr_diag *diag)
{
    char text[512];
    cr_assert(status == LDR_OK, "%s", ldr_diag_text(diag, text, sizeof text));
}

ldr_section *fixture_section(const img_image *image, const ldr_section_options *options)
{
    ldr_diag diag = {0};
    ldr_section *section = NULL;
    char *path = fixture_file(image->bytes, image->size);
    expect_ok(ldr_section_from_file(path, options, &section, &diag), &diag);
    fixture_remove(path);
    return section;
}

ldr_section *fixture_memory_section(const img_image *image)
{
    ldr_diag diag = {0};
    ldr_section *section = NULL;
    expect_ok(
        ldr_section_from_memory("built.dll", image->bytes, image->size, NULL, &section, &diag),
        &diag);
    return section;
}

ldr_view *fixture_view(ldr_section *section, uint64_t base)
{
    ldr_diag diag = {0};
    ldr_view *view = NULL;
    ldr_view_options options = {.size = sizeof options, .base = base};
    expect_ok(ldr_view_map(section, &options, &view, &diag), &diag);
    ldr_section_close(section);
    return view;
}

bool fixture_occupy(uint64_t base, size_t size)
{
    return mmap((void *)(uintptr_t)base, size, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
                0) != MAP_FAILED;
}

/* ---- /proc ---- */

void fixture_access(const void *address, char ret_access[5])
{
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert_not_null(maps);
    char line[512];
    strcpy(ret_access, "none");
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end;
        char access[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) == 3 && (uintptr_t)address >= start &&
            (uintptr_t)address < end)
            memcpy(ret_access, access, sizeof access);
    }
    fclose(maps);
}

/* The allocator's own comings and goings are not ours. */
static bool counts(const char *line)
{
    char access[5];
    unsigned long inode;
    if (sscanf(line, "%*x-%*x %4s %*x %*s %lu", access, &inode) != 2)
        return true;
    return inode != 0 || (!WITH_ASAN && strcmp(access, "rw-p") != 0);
}

static char *take_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert_not_null(maps);
    char *text = calloc(1, 1 << 20);
    size_t used = 0;
    char line[512];
    while (fgets(line, sizeof line, maps) != NULL) {
        if (counts(line) && used + sizeof line < 1 << 20)
            used += (size_t)sprintf(text + used, "%s", line);
    }
    fclose(maps);
    return text;
}

fixture_state fixture_state_take(void)
{
    faulty_os_held held = faulty_os_holds();
    size_t descriptors = process_descriptors();
    return (fixture_state){take_mappings(), descriptors, held.blocks, held.handles, held.bytes};
}

void fixture_expect_same(fixture_state *before)
{
    fixture_state after = fixture_state_take();
    cr_assert_eq(after.blocks, before->blocks, "blocks of memory are left");
    cr_assert_eq(after.handles, before->handles, "handles are left");
    cr_assert_eq(after.bytes, before->bytes, "address space is left");
    cr_assert_eq(after.descriptors, before->descriptors, "descriptors are left");
    cr_assert_str_eq(after.mappings, before->mappings);
    free(after.mappings);
    free(before->mappings);
}

/* ---- Views ---- */

static bool can_be_read(uint32_t protect)
{
    return protect != 0 && protect != LDR_PAGE_NOACCESS;
}

static ldr_region query(const ldr_view *view, uint64_t rva)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
    return region;
}

void fixture_expect_bytes(const ldr_view *view, pe_span expected)
{
    const uint8_t *base = ldr_view_base(view);
    cr_assert_eq(ldr_view_size(view), expected.size);
    for (uint64_t rva = 0; rva < expected.size;) {
        ldr_region region = query(view, rva);
        cr_assert_eq(region.rva, rva);
        cr_assert_leq(region.rva + region.size, expected.size);
        if (can_be_read(region.protect))
            cr_assert_arr_eq(base + rva, expected.data + rva, region.size, "pages from 0x%lx",
                             (unsigned long)rva);
        rva += region.size;
    }
}

static const char *access_of(uint32_t protect)
{
    switch (protect) {
    case LDR_PAGE_READONLY:
        return "r--";
    case LDR_PAGE_READWRITE:
    case LDR_PAGE_WRITECOPY:
        return "rw-";
    case LDR_PAGE_EXECUTE:
    case LDR_PAGE_EXECUTE_READ:
        return "r-x";
    case LDR_PAGE_EXECUTE_READWRITE:
    case LDR_PAGE_EXECUTE_WRITECOPY:
        return "rwx";
    default:
        return "---";
    }
}

void fixture_expect_access(const ldr_view *view)
{
    for (uint64_t rva = 0; rva < ldr_view_size(view);) {
        ldr_region region = query(view, rva);
        uint64_t pages[] = {region.rva, region.rva + region.size - PAGE};
        for (size_t i = 0; i < 2; i++) {
            char access[5];
            fixture_access((const uint8_t *)ldr_view_base(view) + pages[i], access);
            cr_assert_eq(memcmp(access, access_of(region.protect), 3), 0,
                         "page 0x%lx is %s, not %s", (unsigned long)pages[i], access,
                         access_of(region.protect));
        }
        rva += region.size;
    }
}

void fixture_expect_relocated(ldr_view *view)
{
    ldr_diag diag = {0};
    char text[512];
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK, "%s",
                 ldr_diag_text(&diag, text, sizeof text));
    fixture_expect_access(view);
}
