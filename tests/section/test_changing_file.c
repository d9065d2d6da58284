/* Files that change while they are used: a status each time, no signal, and nothing left behind. */
#include "section/fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFERRED UINT64_C(0x180000000)
#define BASE      (FIXTURE_BASE + 0x1000000)
#define PAGE      0x1000

enum { ROUNDS = 2500, TEXT_PAGES = 6, DATA_PAGES = 3, FILE_MAX = 0x20000 };

/* Pages with fixups, and a table of them, in a file of about 64 KiB. `alignment` PAGE: the pages
 * are the file's own. */
static img_image build(uint32_t alignment)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = PREFERRED;
    b.file_alignment = alignment;
    b.header_size = alignment == PAGE ? PAGE : 0x600;
    b.characteristics |= PE_FILE_DLL;
    uint32_t text =
        img_add_section(&b, ".text", IMG_RX, NULL, TEXT_PAGES * PAGE, TEXT_PAGES * PAGE);
    uint32_t data =
        img_add_section(&b, ".data", IMG_RW, NULL, DATA_PAGES * PAGE, (DATA_PAGES + 1) * PAGE);
    for (uint32_t at = 0; at < TEXT_PAGES * PAGE; at += 0x208)
        img_put_pointer(&b, text + at, data);
    for (uint32_t at = 0xFFC; at + 8 <= DATA_PAGES * PAGE; at += PAGE)
        img_put_pointer(&b, data + at, text);
    return img_finish(&b);
}

/* ---- What changes the file ---- */

typedef struct changer {
    const char *path;
    char other[64]; /* a second path, to rename from */
    img_image image;
    uint32_t random;
    uint32_t nanoseconds; /* what a round takes when nothing changes */
    atomic_uint round;    /* number of the one that has begun; ROUNDS ends the thread */
} changer;

static uint32_t draw(changer *c, uint32_t limit)
{
    c->random = c->random * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)c->random * limit >> 32);
}

/* Another thread may have removed the file: then there is nothing to change. */
static void write_at(const char *path, int flags, const void *bytes, size_t size, off_t offset)
{
    int file = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (file < 0)
        return;
    cr_assert_eq(pwrite(file, bytes, size, offset), (ssize_t)size);
    close(file);
}

/* Most often in the headers. */
static void scribble(changer *c)
{
    uint32_t bytes = draw(c, UINT32_MAX);
    uint32_t limit = draw(c, 4) != 0 ? 0x400 : (uint32_t)c->image.size;
    write_at(c->path, 0, &bytes, 1 + draw(c, 4), draw(c, limit));
}

static void resize(changer *c)
{
    if (truncate(c->path, draw(c, draw(c, 2) != 0 ? (uint32_t)c->image.size : FILE_MAX)) != 0)
        return;
}

static void replace(changer *c)
{
    write_at(c->other, O_CREAT | O_TRUNC, c->image.bytes, c->image.size, 0);
    cr_assert_eq(rename(c->other, c->path), 0);
}

static void recreate(changer *c)
{
    unlink(c->path);
    write_at(c->path, O_CREAT, c->image.bytes, c->image.size, 0);
}

static void repair(const changer *c)
{
    write_at(c->path, O_CREAT | O_TRUNC, c->image.bytes, c->image.size, 0);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Once in each round, at any point of it. */
static void *change(void *argument)
{
    static void (*const ways[])(changer *) = {scribble, scribble, resize,
                                              resize,   replace,  recreate};
    changer *c = argument;
    for (unsigned done = 0; done < ROUNDS;) {
        unsigned round = atomic_load(&c->round);
        if (round == done) {
            sched_yield();
            continue;
        }
        for (uint64_t end = now() + draw(c, c->nanoseconds); now() < end;)
            continue;
        ways[draw(c, sizeof ways / sizeof ways[0])](c);
        done = round;
    }
    return NULL;
}

/* ---- What uses it ---- */

/* How many rounds came how far; a test in which none did, or all, has tested little. */
typedef struct tally {
    unsigned refused, not_mapped, not_relocated, done;
} tally;

static void log_tally(const tally *counts)
{
    cr_log_info("%u refused, %u not mapped, %u not relocated, %u done", counts->refused,
                counts->not_mapped, counts->not_relocated, counts->done);
}

static void expect_diagnosed(ldr_status status, const ldr_diag *diag)
{
    cr_assert_eq(diag->status, status);
    cr_assert_neq(diag->why.nt_status, PE_NT_SUCCESS);
    cr_assert_eq(diag->why.nt_status == PE_NT_IN_PAGE_ERROR, status == LDR_IO_ERROR);
}

static void query_all(const ldr_view *view)
{
    ldr_region region;
    for (uint64_t rva = 0; rva < ldr_view_size(view); rva = region.rva + region.size)
        cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
}

static void use_view(ldr_section *section, tally *counts)
{
    ldr_view *view;
    ldr_diag diag = {0};
    ldr_view_options options = {.size = sizeof options, .base = BASE};
    ldr_status status = ldr_view_map(section, &options, &view, &diag);
    if (status != LDR_OK) {
        expect_diagnosed(status, &diag);
        counts->not_mapped++;
        return;
    }
    status = ldr_view_relocate(view, &diag);
    if (status != LDR_OK)
        expect_diagnosed(status, &diag);
    query_all(view);
    ldr_view_unmap(view);
    *(status == LDR_OK ? &counts->done : &counts->not_relocated) += 1;
}

static void use_file(const char *path, ldr_source source, tally *counts)
{
    ldr_section *section;
    ldr_diag diag = {0};
    ldr_section_options options = {.size = sizeof options, .source = source};
    ldr_status status = ldr_section_from_file(path, &options, &section, &diag);
    if (status != LDR_OK) {
        expect_diagnosed(status, &diag);
        counts->refused++;
        return;
    }
    use_view(section, counts);
    ldr_section_close(section);
}

/* The first round warms up, the second is measured. */
static void measure(changer *c, ldr_source source)
{
    tally counts = {0};
    for (int i = 0; i < 2; i++) {
        uint64_t start = now();
        use_file(c->path, source, &counts);
        c->nanoseconds = (uint32_t)(now() - start);
    }
    cr_assert_eq(counts.done, 2u);
}

static void *do_nothing(void *argument)
{
    return argument;
}

/* The stack of the first thread stays mapped, for the next one. */
static void warm_up_threads(void)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    pthread_join(thread, NULL);
}

static void run_rounds(changer *c, ldr_source source, tally *counts)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, change, c), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        repair(c);
        atomic_store(&c->round, i);
        use_file(c->path, source, counts);
    }
    pthread_join(thread, NULL);
}

static void expect_rounds(uint32_t alignment, ldr_source source)
{
    changer c = {.image = build(alignment), .random = alignment + source};
    char *path = fixture_file(c.image.bytes, c.image.size);
    tally counts = {0};
    c.path = path;
    snprintf(c.other, sizeof c.other, "%s.other", path);
    measure(&c, source);
    warm_up_threads();
    fixture_state before = fixture_state_take();
    run_rounds(&c, source, &counts);
    fixture_expect_same(&before);
    log_tally(&counts);
    cr_assert_gt(counts.refused, ROUNDS / 100);
    cr_assert_gt(counts.done, ROUNDS / 100);
    fixture_remove(path);
    img_free(&c.image);
}

/* 2,500 rounds of each kind, 10,000 in all. */
Test(changing_file, own_pages_give_a_verdict_each_time, .timeout = 300)
{
    expect_rounds(PAGE, LDR_SOURCE_FILE_BACKED);
}

Test(changing_file, copied_pages_give_a_verdict_each_time, .timeout = 300)
{
    expect_rounds(0x200, LDR_SOURCE_FILE_BACKED);
}

Test(changing_file, snapshot_gives_a_verdict_each_time, .timeout = 300)
{
    expect_rounds(PAGE, LDR_SOURCE_SNAPSHOT);
}

Test(changing_file, snapshot_of_sectors_gives_a_verdict_each_time, .timeout = 300)
{
    expect_rounds(0x200, LDR_SOURCE_SNAPSHOT);
}

/* ---- Cut between any two calls ---- */

static struct {
    const char *path;
    unsigned call;
    off_t length;
} cut;

static void cut_at_call(unsigned call)
{
    if (call == cut.call)
        cr_assert_eq(truncate(cut.path, cut.length), 0);
}

static off_t size_of(const char *path)
{
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    return info.st_size;
}

/* Uses the file, which is cut to `length` before call number `call`. True while there was one. */
static bool cut_once(const img_image *image, unsigned call, off_t length, tally *counts)
{
    fixture_state before = fixture_state_take();
    write_at(cut.path, O_TRUNC, image->bytes, image->size, 0);
    cut.call = call;
    cut.length = length;
    faulty_os_on_call(cut_at_call);

    use_file(cut.path, LDR_SOURCE_FILE_BACKED, counts);
    faulty_os_on_call(NULL);
    fixture_expect_same(&before);
    return size_of(cut.path) == length;
}

static void expect_status_of_cuts(uint32_t alignment, tally *counts)
{
    img_image image = build(alignment);
    char *path = fixture_file(image.bytes, image.size);
    off_t step = (off_t)image.size / 12;
    cut.path = path;
    for (off_t length = 0; length < (off_t)image.size; length += step) {
        for (unsigned call = 0; cut_once(&image, call, length, counts);)
            call++;
    }
    fixture_remove(path);
    img_free(&image);
}

Test(changing_file, cut_before_any_call_is_a_status, .timeout = 120)
{
    tally counts = {0};
    expect_status_of_cuts(PAGE, &counts);
    log_tally(&counts);
    cr_assert_gt(counts.refused, 12u);
    cr_assert_gt(counts.not_relocated, 100u);
    cr_assert_gt(counts.done, 12u);
}

Test(changing_file, cut_while_it_is_copied_is_a_status, .timeout = 120)
{
    tally counts = {0};
    expect_status_of_cuts(0x200, &counts);
    log_tally(&counts);
    cr_assert_gt(counts.refused, 12u);
    cr_assert_eq(counts.not_relocated, 0u);
}
