#include "floors.h"

#include <fcntl.h>
#include <peload/section.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

/* ---- Layout ---- */

static uint64_t round_up(uint64_t value)
{
    return (value + PAGE - 1) & ~(PAGE - 1);
}

static int protection_of(uint32_t characteristics)
{
    return (characteristics & PE_SCN_MEM_READ ? PROT_READ : 0) |
           (characteristics & PE_SCN_MEM_WRITE ? PROT_READ | PROT_WRITE : 0) |
           (characteristics & PE_SCN_MEM_EXECUTE ? PROT_READ | PROT_EXEC : 0);
}

static bool joins(const bench_run *a, const bench_run *b)
{
    bool same_source = (a->stored == 0) == (b->stored == 0) &&
                       (a->stored == 0 || (a->offset + a->size == b->offset));
    return a->protection == b->protection && same_source;
}

static void add_run(bench_layout *layout, bench_run run)
{
    if (run.size == 0)
        return;
    bench_run *last = layout->run_count > 0 ? &layout->runs[layout->run_count - 1] : NULL;
    if (last != NULL && joins(last, &run)) {
        last->size += run.size;
        last->stored += run.stored;
    } else if (layout->run_count < BENCH_RUNS_MAX) {
        layout->runs[layout->run_count++] = run;
    }
}

static void add_section(bench_layout *layout, const pe_section *section)
{
    uint64_t size = round_up(section->virtual_size);
    uint64_t stored = section->raw_size < size ? section->raw_size : size;
    uint64_t from_file = round_up(stored);
    int protection = protection_of(section->characteristics);
    add_run(layout, (bench_run){.rva = section->rva.value,
                                .size = from_file,
                                .offset = section->raw.value,
                                .stored = stored,
                                .protection = protection});
    add_run(layout, (bench_run){.rva = section->rva.value + from_file,
                                .size = size - from_file,
                                .protection = protection});
}

static void mark_relocations(bench_layout *layout, const pe_image *image)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_relocs(image, &blocks);
    while (pe_reloc_next(&blocks, &block) == PE_OK) {
        if (layout->page_count < BENCH_PAGES_MAX)
            layout->pages[layout->page_count++] = block.page.value;
        for (size_t i = 0; i < layout->run_count; i++) {
            bench_run *run = &layout->runs[i];
            if (block.page.value >= run->rva && block.page.value < run->rva + run->size)
                run->has_relocations = true;
        }
    }
}

static void describe(const pe_image *image, bench_layout *layout)
{
    pe_directory relocs = pe_directory_at(image, PE_DIRECTORY_BASE_RELOCATION);
    layout->preferred_base = image->optional.image_base;
    layout->size = round_up(image->optional.size_of_image);
    layout->relocs_rva = relocs.rva.value;
    layout->relocs_size = relocs.size;
    add_run(layout, (bench_run){.size = PAGE,
                                .stored = image->optional.size_of_headers,
                                .protection = PROT_READ});
    pe_section section;
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++)
        add_section(layout, &section);
    mark_relocations(layout, image);
}

bool bench_layout_read(const char *path, bench_layout *ret_layout)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        return false;
    size_t size = (size_t)info.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    pe_image image;
    bool opened = bytes != MAP_FAILED &&
                  pe_open((pe_span){bytes, size}, PE_LAYOUT_FILE, &image, NULL) == PE_OK;
    if (opened) {
        *ret_layout = (bench_layout){.path = path};
        describe(&image, ret_layout);
    }
    if (bytes != MAP_FAILED)
        munmap(bytes, size);
    return opened;
}

/* ---- The system calls ---- */

static uint8_t *place(uint64_t base, uint64_t size, int protection)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (base != 0 ? MAP_FIXED_NOREPLACE : 0);
    uint8_t *image = mmap((void *)(uintptr_t)base, size, protection, flags, -1, 0);
    if (image == MAP_FAILED)
        abort();
    return image;
}

static void map_runs(const bench_layout *layout, uint8_t *image, int fd)
{
    for (size_t i = 0; i < layout->run_count; i++) {
        const bench_run *run = &layout->runs[i];
        int flags = MAP_PRIVATE | MAP_FIXED | (run->stored == 0 ? MAP_ANONYMOUS : 0);
        if (mmap(image + run->rva, run->size, run->protection, flags, run->stored == 0 ? -1 : fd,
                 (off_t)(run->offset & ~(PAGE - 1))) == MAP_FAILED)
            abort();
    }
}

static void protect_runs(const bench_layout *layout, uint8_t *image, bool open)
{
    for (size_t i = 0; i < layout->run_count; i++) {
        const bench_run *run = &layout->runs[i];
        if (run->has_relocations && (run->protection & PROT_WRITE) == 0)
            mprotect(image + run->rva, run->size, open ? PROT_READ | PROT_WRITE : run->protection);
    }
}

static void copy_pages(const bench_layout *layout, uint8_t *image)
{
    for (size_t i = 0; i < layout->page_count; i++) {
        volatile uint8_t *page = image + layout->pages[i];
        *page = *page;
    }
}

void bench_touch(uint8_t *image, const bench_layout *layout)
{
    const volatile uint8_t *relocs = image + layout->relocs_rva;
    for (uint64_t i = 0; i < layout->relocs_size; i += 64)
        (void)relocs[i];
    protect_runs(layout, image, true);
    copy_pages(layout, image);
    protect_runs(layout, image, false);
}

void bench_system_calls(const bench_layout *layout, uint64_t base, bool copies)
{
    char headers[PAGE];
    struct stat info;
    int fd = open(layout->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0 || pread(fd, headers, sizeof headers, 0) <= 0)
        abort();
    uint8_t *image = place(base, layout->size, PROT_NONE);
    map_runs(layout, image, fd);
    if (base != layout->preferred_base) {
        protect_runs(layout, image, true);
        if (copies)
            copy_pages(layout, image);
        protect_runs(layout, image, false);
    }
    munmap(image, layout->size);
    close(fd);
}

/* ---- The plain copy ---- */

void bench_plain_copy(const bench_layout *layout)
{
    int fd = open(layout->path, O_RDONLY | O_CLOEXEC);
    uint8_t *image = place(0, layout->size, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < layout->run_count; i++) {
        const bench_run *run = &layout->runs[i];
        if (pread(fd, image + run->rva, run->stored, (off_t)run->offset) < 0)
            abort();
    }
    munmap(image, layout->size);
    close(fd);
}

/* ---- The copying loader ---- */

static uint8_t *read_all(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        abort();
    size_t size = (size_t)info.st_size;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL || read(fd, bytes, size) != (ssize_t)size)
        abort();
    close(fd);
    return bytes;
}

static uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void relocate(uint8_t *image, const bench_layout *layout, uint64_t delta)
{
    const uint8_t *block = image + layout->relocs_rva;
    const uint8_t *end = block + layout->relocs_size;
    while (block < end) {
        uint8_t *page = image + load_u32(block);
        uint32_t size = load_u32(block + 4);
        for (uint32_t i = 8; i < size; i += 2) {
            uint16_t entry;
            uint64_t value;
            memcpy(&entry, block + i, sizeof entry);
            if (entry >> 12 != PE_REL_DIR64)
                continue;
            uint8_t *at = page + (entry & 0xFFF);
            memcpy(&value, at, sizeof value);
            value += delta;
            memcpy(at, &value, sizeof value);
        }
        block += size;
    }
}

void bench_bare_relocation(uint8_t *image, const bench_layout *layout)
{
    protect_runs(layout, image, true);
    relocate(image, layout, (uint64_t)(uintptr_t)image - layout->preferred_base);
    protect_runs(layout, image, false);
}

void bench_copying_loader(const bench_layout *layout, uint64_t base)
{
    uint8_t *file = read_all(layout->path);
    uint8_t *image = place(base, layout->size, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < layout->run_count; i++) {
        const bench_run *run = &layout->runs[i];
        memcpy(image + run->rva, file + run->offset, run->stored);
    }
    free(file);
    uint64_t delta = (uint64_t)(uintptr_t)image - layout->preferred_base;
    if (delta != 0)
        relocate(image, layout, delta);
    for (size_t i = 0; i < layout->run_count; i++) {
        const bench_run *run = &layout->runs[i];
        mprotect(image + run->rva, run->size, run->protection);
    }
    munmap(image, layout->size);
}
