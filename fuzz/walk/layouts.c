/* The same image as a file and in memory. */
#include "support/sanitizer.h"
#include "walk.h"

#include <stdlib.h>
#include <string.h>

#if WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum {
    VIEW_LIMIT = 0x100000, /* larger images are not laid out in memory */
    UNITS = 1 << 19,       /* of the budget of a walk */
};

bool is_all_readable(const pe_image *image)
{
    pe_section section;
    uint32_t any = PE_SCN_MEM_READ | PE_SCN_MEM_WRITE | PE_SCN_MEM_EXECUTE;
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++) {
        if ((section.characteristics & any) == 0)
            return false;
    }
    return true;
}

/* Pages that a view would not let anybody read are poisoned, where the image could have a view. */
static void lay_out(const pe_image *image, bool is_accepted, uint8_t *memory, size_t size)
{
    pe_image mapped = pe_image_mapped(image, (pe_span){memory, size});
    for (size_t at = 0; at < size; at += PAGE) {
        pe_rva rva = {(uint32_t)at};
        uint8_t unused;
        if (pe_read(image, rva, memory + at, PAGE) != PE_OK)
            memset(memory + at, 0xCC, PAGE);
        if (is_accepted && pe_read(&mapped, rva, &unused, 1) != PE_OK)
            ASAN_POISON_MEMORY_REGION(memory + at, PAGE);
    }
}

bool digest_of(const pe_image *image, walk_function *walk, uint64_t *ret_digest)
{
    pe_budget budget = {.left = UNITS};
    pe_image paying = *image;
    struct walk state = {.image = &paying};
    paying.budget = &budget;
    walk(&state);
    *ret_digest = state.digest;
    return !budget.is_spent;
}

static void walk_view(const pe_image *image, bool is_accepted, walk_function *walk)
{
    uint64_t of_file, of_view;
    size_t size = ((size_t)image->optional.size_of_image + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (size == 0 || size > VIEW_LIMIT)
        return;
    uint8_t *memory = malloc(size);
    if (memory == NULL)
        return;
    lay_out(image, is_accepted, memory, size);
    pe_image mapped = pe_image_mapped(image, (pe_span){memory, size});
    bool is_whole = digest_of(&mapped, walk, &of_view) && digest_of(image, walk, &of_file);
    if (is_accepted && is_whole && is_all_readable(image))
        REQUIRE(of_file == of_view);
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    free(memory);
}

void walk_layouts(const pe_image *image, bool is_accepted, walk_function *walk)
{
    uint64_t digest, again;
    REQUIRE(digest_of(image, walk, &digest) == digest_of(image, walk, &again));
    REQUIRE(digest == again);
    walk_view(image, is_accepted, walk);
}

void walk_input(pe_span file, walk_function *walk)
{
    pe_image image;
    if (pe_open(file, PE_LAYOUT_FILE, &image, NULL) == PE_OK)
        walk_layouts(&image, pe_accept(file, file.size, PE_WIN10, NULL) == PE_OK, walk);
}
