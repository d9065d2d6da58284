/* Pages that are filled on demand are shared by section objects, of one process and of several. */
#include "section/demand.h"
#include "section/object.h"
#include "section/sharers.h"
#include "support/faulty_os.h"
#include "support/frames.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define PAGE 0x1000

static char *settled_file(void)
{
    img_image image = demand_image();
    char *path = fixture_settled_file(image.bytes, image.size);
    img_free(&image);
    return path;
}

static uint8_t *page(const ldr_view *view, uint64_t rva)
{
    return (uint8_t *)ldr_view_base(view) + rva;
}

static unsigned reads;

static void count_read(unsigned number, void *bytes, size_t *count)
{
    (void)number;
    (void)bytes;
    (void)count;
    reads++;
}

Test(demand_share, what_one_section_object_fills_the_others_have)
{
    char *path = settled_file();
    ldr_view *first = fixture_view(demand_section(path, NULL), DEMAND_BASE);
    ldr_view *second = fixture_view(demand_section(path, NULL), DEMAND_BASE + 0x1000000);
    cr_expect_eq(ldr_view_section(first)->segment_sharing, LDR_SHARING_PUBLISHED);
    cr_expect_eq(ldr_view_section(second)->segment_sharing, LDR_SHARING_FOUND);
    uint64_t frame = frame_of(page(first, DEMAND_DATA));
    faulty_os_on_read(count_read);
    cr_expect_eq(frame_of(page(second, DEMAND_DATA)), frame);
    cr_expect_eq(reads, 0u);
    frame = frame_of(page(second, DEMAND_DATA + 0x20000));
    cr_expect_gt(reads, 0u);
    reads = 0;
    cr_expect_eq(frame_of(page(first, DEMAND_DATA + 0x20000)), frame);
    cr_expect_eq(reads, 0u);
    faulty_os_on_read(NULL);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    fixture_remove(path);
}

/* Each fills something, the other has it; one is killed, and nothing is lost. */
Test(demand_share, processes_fill_one_segment)
{
    char *path = settled_file();
    ldr_section_close(demand_section(path, NULL)); /* or skip */
    sharer other = sharer_start(path, 0), third = sharer_start(path, 0);
    ldr_view *view = fixture_view(demand_section(path, NULL), DEMAND_BASE);
    cr_assert(sharer_load(other));
    for (uint64_t rva = DEMAND_TEXT; rva < DEMAND_TEXT + 0x40000; rva += 0x10000) {
        uint64_t theirs = rva % 0x20000 == PAGE ? sharer_frame(other, rva) : 0;
        uint64_t ours = frame_of(page(view, rva));
        cr_expect_eq(ours, theirs != 0 ? theirs : sharer_frame(other, rva));
    }
    sharer_kill(other);
    cr_assert(sharer_load(third));
    cr_expect_eq(sharer_frame(third, DEMAND_TEXT), frame_of(page(view, DEMAND_TEXT)));
    cr_expect_eq(sharer_frame(third, DEMAND_DATA), frame_of(page(view, DEMAND_DATA)));
    sharer_end(third);
    ldr_view_unmap(view);
    fixture_remove(path);
}

/* Another file under the same name, or the same one changed, is another segment. */
Test(demand_share, changed_file_has_a_segment_of_its_own)
{
    char *path = settled_file();
    ldr_view *first = fixture_view(demand_section(path, NULL), DEMAND_BASE);
    cr_assert_eq(truncate(path, 0x118000), 0);
    usleep(40000);
    ldr_section *second = demand_section(path, NULL);
    cr_expect_neq(second->segment_sharing, LDR_SHARING_FOUND);
    ldr_section_close(second);
    ldr_view_unmap(first);
    fixture_remove(path);
}

/* What SHARED memory starts as is taken from the segment as a whole. */
Test(demand_share, image_with_shared_memory_is_filled_at_once)
{
    char *path = sharer_file(0x200);
    ldr_section_options options = {.size = sizeof options, .fill = LDR_FILL_ON_DEMAND};
    ldr_section *section = sharer_section(path, &options);
    cr_expect_eq(ldr_section_fill(section), LDR_FILL_EAGER);
    ldr_section_close(section);
    fixture_remove(path);
}
