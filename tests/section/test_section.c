/* Making sections: what is refused, why, and that nothing is left behind. */
#include "section/fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ldr_section *untouched = (ldr_section *)0x1234;

/* Asserts that no section comes about, and that nothing is left; `diag` says why. */
static void expect_no_section(const char *path, const ldr_section_options *options,
                              ldr_status status, uint32_t nt_status, ldr_diag *diag)
{
    ldr_section *section = untouched;
    fixture_state before = fixture_state_take();
    cr_assert_eq(ldr_section_from_file(path, options, &section, diag), status);
    fixture_expect_same(&before);
    cr_assert_eq(section, untouched);
    cr_assert_eq(diag->status, status);
    cr_assert_eq(diag->why.nt_status, nt_status);
    cr_assert_str_eq(diag->subject, path);
}

static void expect_image_refused(const img_image *image, const ldr_section_options *options,
                                 ldr_status status, uint32_t nt_status, ldr_diag *diag)
{
    char *path = fixture_file(image->bytes, image->size);
    expect_no_section(path, options, status, nt_status, diag);
    fixture_remove(path);
}

Test(section, missing_file_is_reported)
{
    ldr_diag diag;
    expect_no_section("/nonexistent/a.dll", NULL, LDR_FILE_NOT_FOUND, PE_NT_NO_SUCH_FILE, &diag);
}

Test(section, folder_is_not_a_file)
{
    ldr_diag diag;
    expect_no_section("/tmp", NULL, LDR_NOT_A_FILE, PE_NT_INVALID_FILE_FOR_SECTION, &diag);
}

Test(section, device_is_not_a_file)
{
    ldr_diag diag;
    expect_no_section("/dev/null", NULL, LDR_NOT_A_FILE, PE_NT_INVALID_FILE_FOR_SECTION, &diag);
}

Test(section, pipe_without_a_writer_does_not_block, .timeout = 5)
{
    ldr_diag diag;
    char path[64];
    snprintf(path, sizeof path, "/tmp/peload-pipe-%d", (int)getpid());
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_no_section(path, NULL, LDR_NOT_A_FILE, PE_NT_INVALID_FILE_FOR_SECTION, &diag);
    unlink(path);
}

Test(section, empty_file_is_refused)
{
    ldr_diag diag;
    img_image image = {0};
    expect_image_refused(&image, NULL, LDR_IMAGE_REFUSED, PE_NT_INVALID_FILE_FOR_SECTION, &diag);
    cr_assert_str_eq(diag.why.rule, "A1");
}

Test(section, every_prefix_of_an_image_is_refused)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    for (size_t size = 1; size < image.size; size += 13) {
        ldr_diag diag = {0};
        ldr_section *section = untouched;
        cr_assert_eq(ldr_section_from_memory("cut.dll", image.bytes, size, NULL, &section, &diag),
                     LDR_IMAGE_REFUSED, "cut to %zu", size);
        cr_assert_not_null(diag.why.rule);
        cr_assert_neq(diag.why.nt_status, PE_NT_SUCCESS);
    }
    img_free(&image);
}

Test(section, refusal_names_rule_offset_value_and_limit)
{
    ldr_diag diag;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 1, IMG_SCN_RVA, 0x3000);
    expect_image_refused(&image, NULL, LDR_IMAGE_REFUSED, PE_NT_INVALID_IMAGE_FORMAT, &diag);
    cr_assert_str_eq(diag.why.rule, "A43");
    cr_assert_eq(diag.why.offset, img_section_at(&image, 1, IMG_SCN_RVA));
    cr_assert_eq(diag.why.value, 0x3000u);
    cr_assert_eq(diag.why.allowed, 0x2000u);
    img_free(&image);
}

/* Windows XP alone takes no more than 96. */
static img_image many_sections(void)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.header_size = 0x1400;
    for (int i = 0; i < 97; i++)
        img_add_section(&b, "many", IMG_RO, NULL, 0x200, 0x1000);
    return img_finish(&b);
}

Test(section, profile_decides_which_windows_judges)
{
    ldr_diag diag;
    img_image image = many_sections();
    ldr_section_options xp = {.size = sizeof xp, .profile = PE_WINXP};
    expect_image_refused(&image, &xp, LDR_IMAGE_REFUSED, PE_NT_INVALID_IMAGE_FORMAT, &diag);
    cr_assert_str_eq(diag.why.rule, "A17");
    ldr_section_close(fixture_section(&image, NULL));
    img_free(&image);
}

Test(section, headers_larger_than_the_first_read_are_read_on)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.lfanew = 0x8000;
    b.header_size = 0x8400;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_image image = img_finish(&b);
    ldr_section *section = fixture_section(&image, NULL);
    pe_section first;
    cr_assert_eq(pe_section_at(ldr_section_image(section), 0, &first), PE_OK);
    cr_assert_str_eq(first.name, ".text");
    ldr_section_close(section);
    img_free(&image);
}

/* A sparse file whose headers would have us copy nearly 4 GiB. */
Test(section, headers_far_into_the_file_are_refused)
{
    ldr_diag diag;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set(&image, IMG_LFANEW, 0xF0000000);
    char *path = fixture_file(image.bytes, image.size);
    cr_assert_eq(truncate(path, 0xF1000000), 0);
    expect_no_section(path, NULL, LDR_IMAGE_REFUSED, PE_NT_INVALID_IMAGE_FORMAT, &diag);
    cr_assert_str_eq(diag.why.rule, "S1");
    cr_assert_eq(diag.why.offset, img_at(&image, IMG_LFANEW));
    cr_assert_eq(diag.why.value, 0xF0000000 + 0x108);
    cr_assert_eq(diag.why.allowed, 64u << 20);
    fixture_remove(path);
    img_free(&image);
}

Test(section, writable_code_is_refused_by_policy_only)
{
    ldr_diag diag;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 0, IMG_SCN_CHARACTERISTICS, IMG_RX | PE_SCN_MEM_WRITE);
    ldr_section_options strict = {.size = sizeof strict, .refuse_writable_code = true};
    expect_image_refused(&image, &strict, LDR_POLICY, PE_NT_ACCESS_DENIED, &diag);
    ldr_section_close(fixture_section(&image, NULL));
    img_free(&image);
    image = img_plain(IMG_FLAT_PE32_PLUS);
    expect_image_refused(&image, &strict, LDR_POLICY, PE_NT_ACCESS_DENIED, &diag);
    img_free(&image);
    image = img_plain(IMG_PE32_PLUS);
    ldr_section_close(fixture_section(&image, &strict));
    img_free(&image);
}

Test(section, unknown_options_are_invalid)
{
    ldr_diag diag;
    img_image image = img_plain(IMG_PE32_PLUS);
    ldr_section_options options = {.size = sizeof options, .profile = (pe_profile)3};
    expect_image_refused(&image, &options, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, &diag);
    options = (ldr_section_options){.size = sizeof options, .source = (ldr_source)7};
    expect_image_refused(&image, &options, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, &diag);
    img_free(&image);
}

Test(section, options_of_an_older_caller_are_completed)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    ldr_section_options options = {.size = 0, .profile = (pe_profile)3};
    ldr_section_close(fixture_section(&image, &options));
    img_free(&image);
}

Test(section, buffer_may_be_released_after_the_section_is_made)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    pe_image parsed;
    cr_assert_eq(pe_open((pe_span){image.bytes, image.size}, PE_LAYOUT_FILE, &parsed, NULL), PE_OK);
    pe_span expected = img_map(&parsed);
    ldr_section *section = fixture_memory_section(&image);
    memset(image.bytes, 0xEE, image.size);
    img_free(&image);
    ldr_view *view = fixture_view(section, 0);
    fixture_expect_bytes(view, expected);
    ldr_view_unmap(view);
    free((void *)expected.data);
}

Test(section, missing_buffer_is_invalid)
{
    ldr_diag diag;
    ldr_section *section = untouched;
    cr_assert_eq(ldr_section_from_memory("a.dll", NULL, 10, NULL, &section, &diag),
                 LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr_section_from_memory("a.dll", NULL, 0, NULL, &section, &diag),
                 LDR_IMAGE_REFUSED);
    cr_assert_eq(section, untouched);
}

/* Beside the segment, the file: those who want to write to it have to see that there is an image.
 */
Test(section, file_descriptor_is_kept_unless_the_section_is_a_snapshot)
{
    fixture_state before = fixture_state_take();
    img_image image = img_plain(IMG_PE32_PLUS);
    ldr_section_options snapshot = {.size = sizeof snapshot, .source = LDR_SOURCE_SNAPSHOT};
    ldr_section *section = fixture_section(&image, &snapshot);
    fixture_state with_segment = fixture_state_take();
    cr_assert_eq(with_segment.handles, before.handles + 1);
    free(with_segment.mappings);
    ldr_section_close(section);
    section = fixture_section(&image, NULL);
    with_segment = fixture_state_take();
    cr_assert_eq(with_segment.handles, before.handles + 2);
    free(with_segment.mappings);
    ldr_section_close(section);
    img_free(&image);
    fixture_expect_same(&before);
}

Test(section, file_that_may_not_be_executed_is_copied)
{
    img_builder b;
    ldr_region code;
    img_start(&b, IMG_PE32_PLUS);
    b.header_size = 0x1000;
    b.file_alignment = 0x1000;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    img_image image = img_finish(&b);
    ldr_view *direct = fixture_view(fixture_section(&image, NULL), 0);
    faulty_os_noexec();
    ldr_view *copied = fixture_view(fixture_section(&image, NULL), 0);
    cr_assert_eq(ldr_view_query(direct, 0x1000, &code), LDR_OK);
    cr_assert_eq(code.backing, LDR_BACKING_FILE);
    cr_assert_eq(ldr_view_query(copied, 0x1000, &code), LDR_OK);
    cr_assert_eq(code.backing, LDR_BACKING_SEGMENT);
    fixture_expect_access(copied);
    ldr_view_unmap(direct);
    ldr_view_unmap(copied);
    img_free(&image);
}

Test(section, closing_nothing_is_allowed)
{
    ldr_section_close(NULL);
    ldr_view_unmap(NULL);
}

/* ---- Text ---- */

Test(diag, refusal_is_one_line_with_everything)
{
    ldr_diag diag = {.status = LDR_IMAGE_REFUSED,
                     .why = {PE_NT_INVALID_IMAGE_FORMAT, "A43", 0x1A4, 0x3000, 0x2000,
                             "section does not follow the one before it"},
                     .subject = "zlib1.dll"};
    char text[512];
    cr_assert_str_eq(
        ldr_diag_text(&diag, text, sizeof text),
        "zlib1.dll: Windows refuses the image: STATUS_INVALID_IMAGE_FORMAT (0xc000007b), rule A43 "
        "at offset 0x1a4: section does not follow the one before it (found 0x3000, allowed "
        "0x2000)");
}

Test(diag, failure_without_a_rule_is_short)
{
    ldr_diag diag;
    ldr_section *section;
    char text[512];
    cr_assert_eq(ldr_section_from_file("no.dll", NULL, &section, &diag), LDR_FILE_NOT_FOUND);
    cr_assert_str_eq(ldr_diag_text(&diag, text, sizeof text),
                     "no.dll: no such file: STATUS_NO_SUCH_FILE (0xc000000f)");
}

Test(diag, text_is_cut_to_fit)
{
    ldr_diag diag = {.status = LDR_BUSY, .subject = "a.dll"};
    char text[8];
    cr_assert_str_eq(ldr_diag_text(&diag, text, sizeof text), "a.dll: ");
    cr_assert_str_eq(ldr_diag_text(&diag, text, 1), "");
}

Test(diag, long_subject_is_cut_between_characters)
{
    ldr_diag diag;
    ldr_section *section;
    char path[600] = "/nonexistent/";
    while (strlen(path) < 400)
        strcat(path, "\xC3\xA4");
    cr_assert_eq(ldr_section_from_file(path, NULL, &section, &diag), LDR_FILE_NOT_FOUND);
    cr_assert_eq(strlen(diag.subject), 255u);
    cr_assert_eq((unsigned char)diag.subject[254], 0xA4);
}

Test(diag, every_status_has_a_text)
{
    for (int status = LDR_OK; status <= LDR_BUSY; status++)
        cr_assert_str_neq(ldr_status_text((ldr_status)status), "unknown status");
    cr_assert_str_eq(ldr_status_text((ldr_status)9999), "unknown status");
}
