/* Every call to the operating system fails once: a status each time, and nothing is left behind. */
#include "section/fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* An image that needs every kind of page, with fixups in pages that have to be opened. */
static img_image image_of_everything(void)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = FIXTURE_BASE;
    b.file_alignment = 0x1000;
    b.lfanew = 0x5000;
    b.header_size = 0x6000;
    uint32_t text = img_add_section(&b, ".text", IMG_RX, NULL, 0x2000, 0x1F00);
    uint32_t rdata = img_add_section(&b, ".rdata", IMG_RO, NULL, 0x1000, 0x3000);
    img_add_section(&b, ".bss", IMG_RW, NULL, 0, 0x2000);
    uint32_t last =
        img_add_section(&b, ".shared", IMG_RW | PE_SCN_MEM_SHARED, NULL, 0x1000, 0x1000);
    img_put_pointer(&b, text + 8, rdata);
    img_put_pointer(&b, rdata + 8, last);
    img_image image = img_finish(&b);
    img_set_section(&image, 1, IMG_SCN_RAW_SIZE, 0x600);
    return image;
}

/* Section, view, relocations, a query, and all of it released. */
static ldr_status work(const char *path, const img_image *image, uint64_t base, ldr_diag *diag)
{
    ldr_section *section;
    ldr_view *view;
    ldr_region region;
    ldr_view_options options = {.size = sizeof options, .base = base};
    ldr_status status = path != NULL ? ldr_section_from_file(path, NULL, &section, diag)
                                     : ldr_section_from_memory("m.dll", image->bytes, image->size,
                                                               NULL, &section, diag);
    if (status != LDR_OK)
        return status;
    status = ldr_view_map(section, &options, &view, diag);
    ldr_section_close(section);
    if (status != LDR_OK)
        return status;
    status = ldr_view_relocate(view, diag);
    if (status == LDR_OK)
        status = diag->status = ldr_view_query(view, 0, &region);
    ldr_view_unmap(view);
    return status;
}

/* What only keeps a copy from being shared: had alone, it is as good. Of what is SHARED the same
 * calls must not fail. */
static bool can_do_without(const char *name)
{
    return strcmp(name, "registry_claim") == 0 || strcmp(name, "registry_publish") == 0 ||
           strcmp(name, "file_stamp") == 0;
}

/* Returns how many failures did not matter. */
static unsigned expect_clean_failures(const char *path, const img_image *image, uint64_t base,
                                      bool and_all_later)
{
    unsigned ignored = 0;
    ldr_diag diag = {0};
    cr_assert_eq(work(path, image, base, &diag), LDR_OK);
    faulty_os_fail_at(UINT32_MAX, false);
    cr_assert_eq(work(path, image, base, &diag), LDR_OK);
    unsigned calls = faulty_os_stop();
    cr_assert_gt(calls, 15u);
    for (unsigned call = 0; call < calls; call++) {
        diag = (ldr_diag){0};
        fixture_state before = fixture_state_take();
        faulty_os_fail_at(call, and_all_later);
        ldr_status status = work(path, image, base, &diag);
        faulty_os_stop();
        cr_assert_not_null(faulty_os_failed());
        bool may_succeed = can_do_without(faulty_os_failed());
        ignored += status == LDR_OK;
        cr_assert(status != LDR_OK || may_succeed, "call %u: %s", call, faulty_os_failed());
        cr_assert(status == LDR_OK || diag.status == status, "call %u: %s", call,
                  faulty_os_failed());
        fixture_expect_same(&before);
    }
    cr_assert_eq(work(path, image, base, &diag), LDR_OK);
    return ignored;
}

static unsigned expect_clean_failures_of_file(uint64_t base, bool and_all_later)
{
    img_image image = image_of_everything();
    char *path = fixture_settled_file(image.bytes, image.size);
    unsigned ignored = expect_clean_failures(path, &image, base, and_all_later);
    fixture_remove(path);
    img_free(&image);
    return ignored;
}

static void expect_failed(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(faulty_os_has_failed(names[i]), "%s never failed", names[i]);
}

/* All of os.h but what only modules need, and a segment that cannot be shared. */
Test(faults, each_call_for_a_file_fails_once, .timeout = 60)
{
    static const char *const names[] = {"alloc",         "resize",
                                        "file_open",     "file_stamp",
                                        "file_read",     "registry_create",
                                        "registry_find", "registry_publish",
                                        "registry_lock", "segment_write",
                                        "segment_seal",  "reserve",
                                        "map_private",   "map_shared",
                                        "map_zero",      "protect",
                                        "peek",          "poke",
                                        "pages_private"};
    /* Of the segment: to be claimed, to be sure that the file has not changed, to be published. */
    cr_assert_eq(expect_clean_failures_of_file(FIXTURE_BASE + 0x1000000, false), 3u);
    expect_failed(names, sizeof names / sizeof names[0]);
}

Test(faults, each_call_for_a_file_fails_and_all_after_it, .timeout = 60)
{
    cr_assert_eq(expect_clean_failures_of_file(FIXTURE_BASE + 0x1000000, true), 0u);
}

Test(faults, each_call_for_a_buffer_fails_once, .timeout = 60)
{
    static const char *const names[] = {"segment_create"};
    img_image image = image_of_everything();
    cr_assert_eq(expect_clean_failures(NULL, &image, FIXTURE_BASE + 0x1000000, false), 0u);
    expect_failed(names, 1);
    img_free(&image);
}

Test(faults, preferred_base_that_cannot_be_reserved_sends_the_view_elsewhere)
{
    img_image image = image_of_everything();
    ldr_section *section = fixture_memory_section(&image);
    ldr_diag diag;
    ldr_view *view;
    faulty_os_fail_at(1, false); /* after the view itself */
    cr_assert_eq(ldr_view_map(section, NULL, &view, &diag), LDR_OK);
    faulty_os_stop();
    cr_assert_str_eq(faulty_os_failed(), "reserve");
    cr_assert_neq((uintptr_t)ldr_view_base(view), FIXTURE_BASE);
    ldr_view_unmap(view);
    ldr_section_close(section);
    img_free(&image);
}

static void cut_third_read(unsigned read, void *bytes, size_t *count)
{
    (void)bytes;
    if (read == 2)
        *count -= 1;
}

/* The headers are read first, in two pieces; then again into the segment. */
static void change_later_headers(unsigned read, void *bytes, size_t *count)
{
    if (read >= 2 && *count > 0x100)
        ((uint8_t *)bytes)[0x40] ^= 1;
}

static void expect_io_error(void (*hook)(unsigned, void *, size_t *))
{
    img_image image = image_of_everything();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section_options options = {.size = sizeof options, .source = LDR_SOURCE_SNAPSHOT};
    ldr_diag diag;
    ldr_section *section = NULL;
    fixture_state before = fixture_state_take();
    faulty_os_on_read(hook);
    cr_assert_eq(ldr_section_from_file(path, &options, &section, &diag), LDR_IO_ERROR);
    cr_assert_eq(diag.why.nt_status, PE_NT_IN_PAGE_ERROR);
    fixture_expect_same(&before);
    faulty_os_on_read(NULL);
    fixture_remove(path);
    img_free(&image);
}

Test(faults, file_that_shrinks_between_reads_is_an_error)
{
    expect_io_error(cut_third_read);
}

Test(faults, headers_that_change_after_they_were_judged_are_an_error)
{
    expect_io_error(change_later_headers);
}

/* ---- Relocation that fails half way ---- */

/* When the system refuses to close a page, it stays writable: never also executable. */
static void expect_access_of(const ldr_view *view, uint64_t rva, const char *access, unsigned call)
{
    char found[5];
    fixture_access((const uint8_t *)ldr_view_base(view) + rva, found);
    bool stays = faulty_os_failed() != NULL && strcmp(faulty_os_failed(), "protect") == 0;
    cr_assert(strcmp(found, access) == 0 || (stays && strcmp(found, "rw-p") == 0),
              "call %u (%s): page 0x%lx is %s", call, faulty_os_failed(), (unsigned long)rva,
              found);
}

static bool relocate_once(const img_image *image, unsigned call)
{
    ldr_diag diag;
    ldr_view *view = fixture_view(fixture_section(image, NULL), FIXTURE_BASE + 0x1000000);
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_view_relocate(view, &diag);
    bool failed = faulty_os_stop() > call;
    cr_assert_eq(status != LDR_OK, failed);
    expect_access_of(view, 0x6000, "r-xp", call);
    expect_access_of(view, 0x8000, "r--p", call);
    ldr_view_unmap(view);
    return failed;
}

Test(faults, failed_relocation_restores_protections, .timeout = 60)
{
    img_image image = image_of_everything();
    fixture_state before = fixture_state_take();
    unsigned calls = 0;
    while (relocate_once(&image, calls))
        calls++;
    cr_assert_gt(calls, 8u);
    fixture_expect_same(&before);
    img_free(&image);
}
