/* Memory that section objects of one file share, in one process and in several. */
#include "image/imports.h"
#include "section/sharers.h"
#include "section/view.h"
#include "support/faulty_os.h"
#include "support/frames.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

static const uint32_t alignments[] = {0x200, 0x1000};

/* Pages of every kind that nobody has written to. */
static const uint32_t untouched[] = {
    0,           SHARER_TEXT_RVA,     SHARER_TEXT_RVA + 0x2000, SHARER_RDATA, SHARER_RDATA + 0x1000,
    SHARER_DATA, SHARER_DATA + 0x1000};

static const char *page(const ldr_view *view, uint32_t rva)
{
    return (const char *)ldr_view_base(view) + rva;
}

static void expect_same_frame(uint64_t first, uint64_t second, uint32_t alignment, uint32_t rva)
{
    cr_assert_neq(first, 0u, "alignment %x, page %x", alignment, rva);
    cr_assert_eq(first, second, "alignment %x, page %x", alignment, rva);
}

static ldr_section_options snapshot_options(void)
{
    return (ldr_section_options){.size = sizeof(ldr_section_options),
                                 .source = LDR_SOURCE_SNAPSHOT};
}

/* ---- The segment ---- */

Test(share, untouched_pages_of_two_section_objects_are_one_memory)
{
    for (size_t i = 0; i < 2; i++) {
        char *path = sharer_file(alignments[i]);
        fixture_state before = fixture_state_take();
        ldr_view *first = sharer_view(path);
        ldr_view *second = sharer_view(path);
        for (size_t at = 0; at < sizeof untouched / sizeof untouched[0]; at++)
            expect_same_frame(frame_of(page(first, untouched[at])),
                              frame_of(page(second, untouched[at])), alignments[i], untouched[at]);
        *(char *)page(second, SHARER_DATA) = 'x';
        cr_assert_neq(frame_of(page(first, SHARER_DATA)), frame_of(page(second, SHARER_DATA)));
        cr_assert_str_eq(page(first, SHARER_DATA), "data");
        ldr_view_unmap(first);
        ldr_view_unmap(second);
        fixture_expect_same(&before);
        fixture_remove(path);
    }
}

Test(share, untouched_pages_of_two_processes_are_one_memory)
{
    for (size_t i = 0; i < 2; i++) {
        char *path = sharer_file(alignments[i]);
        sharer other = sharer_start(path, 0);
        ldr_view *view = sharer_view(path);
        cr_assert(sharer_load(other));
        for (size_t at = 0; at < sizeof untouched / sizeof untouched[0]; at++)
            expect_same_frame(frame_of(page(view, untouched[at])),
                              sharer_frame(other, untouched[at]), alignments[i], untouched[at]);
        ldr_view_unmap(view);
        sharer_end(other);
        fixture_remove(path);
    }
}

Test(share, flat_image_is_shared_too)
{
    img_image image = img_plain(IMG_FLAT_PE32_PLUS);
    char *path = fixture_settled_file(image.bytes, image.size);
    ldr_view *first = sharer_view(path);
    ldr_view *second = sharer_view(path);
    cr_assert_eq(frame_of(page(first, 0)), frame_of(page(second, 0)));
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    fixture_remove(path);
    img_free(&image);
}

Test(share, segment_is_had_from_whoever_is_left)
{
    char *path = sharer_file(0x200);
    sharer first = sharer_start(path, 0), second = sharer_start(path, 0);
    cr_assert(sharer_load(first));
    uint64_t frame = sharer_frame(first, SHARER_RDATA);
    cr_assert(sharer_load(second));
    sharer_kill(first);
    cr_assert_eq(sharer_frame(second, SHARER_RDATA), frame);
    ldr_section *section = sharer_section(path, NULL);
    cr_assert_eq(section->segment_sharing, LDR_SHARING_FOUND);
    ldr_view *third = fixture_view(section, 0);
    cr_assert_eq(frame_of(page(third, SHARER_RDATA)), frame);
    ldr_view_unmap(third);
    sharer_end(second);
    fixture_remove(path);
}

static unsigned reads;

static void count_reads(unsigned read, void *bytes, size_t *count)
{
    (void)bytes;
    (void)count;
    reads = read + 1;
}

static unsigned reads_of(const char *path, ldr_section **ret_section)
{
    reads = 0;
    faulty_os_on_read(count_reads);
    *ret_section = sharer_section(path, NULL);
    faulty_os_on_read(NULL);
    return reads;
}

Test(share, segment_that_is_found_is_not_read_again)
{
    char *path = sharer_file(0x200);
    ldr_section *first, *second;
    cr_assert_gt(reads_of(path, &first), 5u);
    cr_assert_eq(reads_of(path, &second), 1u, "the headers");
    cr_assert_eq(first->segment_sharing, LDR_SHARING_PUBLISHED);
    cr_assert_eq(second->segment_sharing, LDR_SHARING_FOUND);
    ldr_section_close(first);
    ldr_section_close(second);
    fixture_remove(path);
}

/* ---- Files that change ---- */

static void overwrite(const char *path, uint64_t offset, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, text, strlen(text), (off_t)offset), (ssize_t)strlen(text));
    close(fd);
}

/* A second change within a tick of the clock would not show. */
Test(share, file_that_has_just_been_changed_is_not_shared)
{
    char *path = sharer_file(0x200);
    overwrite(path, 2, "x");
    ldr_section *section = sharer_section(path, NULL);
    cr_assert_eq(section->segment_sharing, LDR_SHARING_NONE);
    ldr_section_close(section);
    fixture_remove(path);
}

static void set_back_time(const char *path, const struct stat *info)
{
    struct timespec times[2] = {info->st_atim, info->st_mtim};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    usleep(40000);
}

Test(share, file_that_is_overwritten_is_another)
{
    char *path = sharer_file(0x200);
    img_image image = sharer_image(0x200);
    struct stat info;
    stat(path, &info);
    ldr_view *first = sharer_view(path);
    overwrite(path, img_offset_of(&image, SHARER_RDATA), "changed!");
    set_back_time(path, &info);
    ldr_view *second = sharer_view(path);
    cr_assert_str_eq(page(first, SHARER_RDATA), "constant");
    cr_assert_str_eq(page(second, SHARER_RDATA), "changed!");
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    fixture_remove(path);
    img_free(&image);
}

static const char *changing_path;

/* After the first pages of the segment have been read. */
static void change_while_read(unsigned read, void *bytes, size_t *count)
{
    (void)bytes;
    (void)count;
    if (read == 2)
        overwrite(changing_path, 2, "y");
}

Test(share, file_that_changes_while_it_is_read_is_not_shared)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    img_add_section(&b, ".rdata", IMG_RO, NULL, 0x20000, 0);
    img_image image = img_finish(&b);
    char *path = fixture_settled_file(image.bytes, image.size);
    changing_path = path;
    faulty_os_on_read(change_while_read);
    ldr_section *section = sharer_section(path, NULL);
    faulty_os_on_read(NULL);
    cr_assert_eq(section->segment_sharing, LDR_SHARING_NONE);
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

Test(share, shared_memory_is_not_made_of_a_file_that_changes_meanwhile)
{
    char *path = sharer_file(0x200);
    ldr_section *section = NULL;
    ldr_diag diag;
    fixture_state before = fixture_state_take();
    changing_path = path;
    faulty_os_on_read(change_while_read);
    cr_assert_eq(ldr_section_from_file(path, NULL, &section, &diag), LDR_IO_ERROR);
    faulty_os_on_read(NULL);
    fixture_expect_same(&before);
    fixture_remove(path);
}

/* ---- What is SHARED ---- */

Test(shared, section_objects_of_a_file_see_what_each_writes)
{
    char *path = sharer_file(0x200);
    ldr_view *first = sharer_view(path);
    strcpy(sharer_text(first), "by the first");
    ldr_view *second = sharer_view(path);
    cr_assert_str_eq(sharer_text(second), "by the first");
    strcpy((char *)page(second, SHARER_ZERO), "zero fill too");
    cr_assert_str_eq(page(first, SHARER_ZERO), "zero fill too");
    ldr_view_unmap(first);
    cr_assert_str_eq(sharer_text(second), "by the first");
    ldr_view_unmap(second);
    ldr_view *third = sharer_view(path);
    cr_assert_str_eq(sharer_text(third), SHARER_TEXT, "the last one has gone");
    ldr_view_unmap(third);
    fixture_remove(path);
}

Test(shared, processes_see_what_each_writes)
{
    char *path = sharer_file(0x200);
    sharer first = sharer_start(path, 0), second = sharer_start(path, 0);
    cr_assert(sharer_load(first));
    cr_assert_eq(sharer_sharing(first), LDR_SHARING_PUBLISHED);
    cr_assert(sharer_load(second));
    cr_assert_eq(sharer_sharing(second), LDR_SHARING_FOUND);
    cr_assert_eq(sharer_frame(first, SHARER_SHARED), sharer_frame(second, SHARER_SHARED));
    sharer_write(first, "by the first");
    cr_assert_str_eq(sharer_read(second), "by the first");
    sharer_write(second, "by the second");
    cr_assert_str_eq(sharer_read(first), "by the second");
    sharer_kill(first);
    cr_assert_str_eq(sharer_read(second), "by the second");
    sharer_unload(second);
    cr_assert(sharer_load(second));
    cr_assert_str_eq(sharer_read(second), SHARER_TEXT);
    sharer_end(second);
    fixture_remove(path);
}

enum { THREADS = 4, LOADS = 20 };

/* Adds LOADS to a count in the SHARED section, each time through a section object of its own. */
static void *load_and_count(void *path)
{
    for (unsigned i = 0; i < LOADS; i++) {
        ldr_view *view = sharer_view(path);
        atomic_fetch_add((atomic_uint *)(void *)(sharer_text(view) + 16), 1);
        ldr_view_unmap(view);
    }
    return NULL;
}

Test(shared, threads_that_load_at_once_have_one_memory, .timeout = 60)
{
    char *path = sharer_file(0x200);
    ldr_view *view = sharer_view(path);
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, load_and_count, path);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(*(const unsigned *)(const void *)(sharer_text(view) + 16), THREADS * LOADS);
    ldr_view_unmap(view);
    fixture_remove(path);
}

Test(shared, child_of_fork_keeps_it_when_its_parent_is_killed)
{
    char *path = sharer_file(0x200);
    sharer other = sharer_start(path, 0);
    ldr_view *view = sharer_view(path);
    strcpy(sharer_text(view), "before the fork");
    sharer child = sharer_start(path, 0);
    ldr_view_unmap(view);
    cr_assert(sharer_load(other));
    cr_assert_str_eq(sharer_read(other), "before the fork");
    sharer_kill(child);
    sharer_unload(other);
    cr_assert(sharer_load(other));
    cr_assert_str_eq(sharer_read(other), SHARER_TEXT);
    sharer_end(other);
    fixture_remove(path);
}

Test(shared, whatever_a_section_is_for_it_is_the_same_memory)
{
    char *path = sharer_file(0x200);
    ldr_section_options options = {.size = sizeof options, .profile = PE_WIN7, .no_execute = true};
    ldr_view *first = sharer_view(path);
    strcpy(sharer_text(first), "written");
    ldr_view *second = fixture_view(sharer_section(path, &options), 0);
    cr_assert_str_eq(sharer_text(second), "written");
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    fixture_remove(path);
}

Test(shared, file_in_the_place_of_another_has_its_own)
{
    char *path = sharer_file(0x200);
    char *other = sharer_file(0x200);
    ldr_view *first = sharer_view(path);
    strcpy(sharer_text(first), "written");
    cr_assert_eq(rename(other, path), 0);
    ldr_view *second = sharer_view(path);
    cr_assert_str_eq(sharer_text(second), SHARER_TEXT);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    fixture_remove(path);
    free(other);
}

static void expect_alone(ldr_section *section, const ldr_view *other)
{
    cr_assert_eq(section->segment_sharing, LDR_SHARING_NONE);
    cr_assert_eq(section->shared_sharing, LDR_SHARING_NONE);
    ldr_view *view = fixture_view(section, 0);
    cr_assert_str_eq(sharer_text(view), SHARER_TEXT);
    cr_assert_neq(frame_of(page(view, SHARER_RDATA)), frame_of(page(other, SHARER_RDATA)));
    ldr_view_unmap(view);
}

Test(shared, snapshots_and_buffers_are_alone)
{
    img_image image = sharer_image(0x200);
    char *path = sharer_file(0x200);
    ldr_section_options options = snapshot_options();
    ldr_view *view = sharer_view(path);
    strcpy(sharer_text(view), "written");
    expect_alone(sharer_section(path, &options), view);
    expect_alone(sharer_section(path, &options), view);
    expect_alone(fixture_memory_section(&image), view);
    ldr_view_unmap(view);
    fixture_remove(path);
    img_free(&image);
}

Test(shared, another_user_has_memory_of_his_own)
{
    if (geteuid() != 0)
        return;
    char *path = sharer_file(0x200);
    chmod(path, 0644);
    sharer mine = sharer_start(path, 0), theirs = sharer_start(path, NOBODY);
    cr_assert(sharer_load(mine));
    sharer_write(mine, "of root");
    cr_assert(sharer_load(theirs));
    cr_assert_eq(sharer_sharing(theirs), LDR_SHARING_PUBLISHED);
    cr_assert_str_eq(sharer_read(theirs), SHARER_TEXT);
    sharer_write(theirs, "of nobody");
    cr_assert_str_eq(sharer_read(mine), "of root");
    cr_assert_neq(sharer_frame(mine, SHARER_RDATA), sharer_frame(theirs, SHARER_RDATA));
    sharer_end(mine);
    sharer_end(theirs);
    fixture_remove(path);
}

/* ---- Where it cannot be ---- */

static void forbid_sockets(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = code};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(shared, in_a_sandbox_views_of_a_section_object_share_and_it_says_so)
{
    char *path = sharer_file(0x200);
    forbid_sockets();
    fixture_state before = fixture_state_take();
    ldr_section *section = sharer_section(path, NULL);
    cr_assert_eq(section->shared_sharing, LDR_SHARING_NONE);
    ldr_diag diag;
    ldr_view *first, *second;
    cr_assert_eq(ldr_view_map(section, NULL, &first, &diag), LDR_OK);
    cr_assert_eq(ldr_view_map(section, NULL, &second, &diag), LDR_OK);
    strcpy(sharer_text(first), "written");
    cr_assert_str_eq(sharer_text(second), "written");
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    ldr_section_close(section);
    fixture_expect_same(&before);
    fixture_remove(path);
}

/* ---- What the loader writes ---- */

static ldr_region query(const ldr_view *view, uint64_t rva)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
    return region;
}

static void expect_backing(const ldr_view *view, uint64_t rva, ldr_backing backing)
{
    ldr_region region = query(view, rva);
    cr_assert_eq(region.backing, backing, "page %lx is %s", (unsigned long)rva,
                 ldr_backing_name(region.backing));
    cr_assert_eq(region.private_bytes, backing == LDR_BACKING_PRIVATE ? region.size : 0);
}

static uint64_t pointer_of(const ldr_view *view)
{
    uint64_t value;
    memcpy(&value, page(view, SHARER_POINTER), sizeof value);
    return value - SHARER_TEXT_RVA;
}

Test(shared, page_with_relocations_becomes_the_views_own)
{
    char *path = sharer_file(0x200);
    ldr_view *first = sharer_view(path);
    ldr_view *moved = fixture_view(sharer_section(path, NULL), FIXTURE_BASE + 0x1000000);
    strcpy((char *)page(first, SHARER_POINTER + 8), "of the first");
    fixture_expect_relocated(moved);
    cr_assert_eq(pointer_of(first), FIXTURE_BASE);
    cr_assert_eq(pointer_of(moved), FIXTURE_BASE + 0x1000000);
    cr_assert_str_eq(page(moved, SHARER_POINTER + 8), "", "as the file has it");
    strcpy(sharer_text(first), "still shared");
    cr_assert_str_eq(sharer_text(moved), "still shared");
    expect_backing(moved, SHARER_SHARED, LDR_BACKING_SHARED);
    expect_backing(moved, SHARER_POINTER, LDR_BACKING_PRIVATE);
    expect_backing(moved, SHARER_ZERO, LDR_BACKING_SHARED);
    expect_backing(first, SHARER_POINTER, LDR_BACKING_SHARED);
    ldr_view_unmap(first);
    ldr_view_unmap(moved);
    fixture_remove(path);
}

/* The relocated copy of a base has the page as well, and each view shows it copy-on-write. */
Test(shared, page_with_relocations_is_one_of_those_that_aslr_relocates_once)
{
    img_image image = sharer_image(0x200);
    img_set(&image, IMG_DLL_CHARACTERISTICS, PE_DLL_DYNAMIC_BASE);
    char *path = fixture_settled_file(image.bytes, image.size);
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_ON};
    ldr_diag diag;
    ldr_section *section = sharer_section(path, &options);
    for (unsigned round = 0; round < 2; round++) {
        ldr_view *view;
        cr_assert_eq(ldr_view_map(section, NULL, &view, &diag), LDR_OK);
        fixture_expect_relocated(view);
        cr_assert_eq(pointer_of(view), (uint64_t)(uintptr_t)ldr_view_base(view));
        expect_backing(view, SHARER_POINTER, LDR_BACKING_RELOCATED);
        expect_backing(view, SHARER_SHARED, LDR_BACKING_SHARED);
        *(char *)page(view, SHARER_POINTER + 8) = 'x';
        expect_backing(view, SHARER_POINTER, LDR_BACKING_PRIVATE);
        ldr_view_unmap(view);
    }
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

Test(shared, page_that_is_opened_for_the_loader_is_the_views_own)
{
    char *path = sharer_file(0x200);
    ldr_view *first = sharer_view(path);
    ldr_view *second = sharer_view(path);
    fixture_state before = fixture_state_take();
    cr_assert_eq(ldr__view_write_begin(second, SHARER_DATA, SHARER_POINTER - SHARER_DATA), LDR_OK);
    strcpy(sharer_text(second), "for one process");
    cr_assert_eq(ldr__view_write_end(second, SHARER_DATA, SHARER_POINTER - SHARER_DATA), LDR_OK);
    cr_assert_str_eq(sharer_text(first), SHARER_TEXT);
    expect_backing(second, SHARER_SHARED, LDR_BACKING_PRIVATE);
    expect_backing(second, SHARER_ZERO, LDR_BACKING_SHARED);
    cr_assert_eq(ldr__view_write_begin(second, SHARER_SHARED, 8), LDR_OK);
    cr_assert_str_eq(sharer_text(second), "for one process", "opened again");
    free(before.mappings);
    fixture_expect_access(second);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    fixture_remove(path);
}

static ldr_status find_dll(void *user, const pe_import_dll *dll, void **ret_provider)
{
    (void)dll;
    *ret_provider = user;
    return LDR_OK;
}

static ldr_status find_function(void *user, void *provider, const pe_import_dll *dll,
                                const pe_import *import, const void **ret_address)
{
    (void)provider;
    (void)dll;
    (void)import;
    *ret_address = user;
    return LDR_OK;
}

static char *importing_file(void)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = FIXTURE_BASE;
    img_add_import(&b, "other.dll", "first");
    img_add_import(&b, "other.dll", "second");
    img_image image = img_finish(&b);
    for (uint32_t i = 0; i < img_get_u32(&image, img_at(&image, IMG_SECTION_COUNT)) % 0x10000; i++)
        img_set_section(&image, i, IMG_SCN_CHARACTERISTICS, IMG_RW | PE_SCN_MEM_SHARED);
    char *path = fixture_settled_file(image.bytes, image.size);
    img_free(&image);
    return path;
}

/* The bytes of the section that has the import directory. */
static const char *import_page(const ldr_view *view)
{
    return page(view, pe_directory_at(ldr_view_image(view), PE_DIRECTORY_IMPORT).rva.value &
                          ~UINT32_C(0xFFF));
}

Test(shared, bindings_do_not_reach_other_processes)
{
    static char before[4096];
    char *path = importing_file();
    ldr_diag diag;
    ldr_view *first = sharer_view(path);
    ldr_view *second = sharer_view(path);
    memcpy(before, import_page(first), sizeof before);
    ldr__import_resolver resolver = {
        .dll = find_dll, .function = find_function, .user = (void *)before};
    cr_assert_eq(ldr__bind_imports(second, path, &resolver, &diag), LDR_OK);
    cr_assert_eq(memcmp(import_page(first), before, sizeof before), 0);
    cr_assert_neq(memcmp(import_page(second), before, sizeof before), 0);
    expect_backing(second, (uint64_t)(import_page(second) - page(second, 0)), LDR_BACKING_PRIVATE);
    cr_assert_eq(ldr__bind_imports(first, path, &resolver, &diag), LDR_OK);
    cr_assert_eq(memcmp(import_page(first), import_page(second), sizeof before), 0);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    fixture_remove(path);
}
