#include "tests.h"

#define PAGE  4096
#define PAGES 600 /* more than are asked for at once */

static int count_private(const char *pages, uint64_t count)
{
    static bool own[PAGES];
    int found = 0;
    CHECK(ldr__os_pages_private(pages, count, false, own) == LDR_OK);
    for (uint64_t i = 0; i < count; i++)
        found += own[i];
    return found;
}

static bool any_private(const char *pages, uint64_t count)
{
    bool any = false;
    CHECK(ldr__os_any_private(pages, count * PAGE, &any) == LDR_OK);
    return any;
}

static char *map_copy(void)
{
    HANDLE section = make_section(PAGES * PAGE, PAGE_READWRITE);
    char *pages = map_section(section, FILE_MAP_COPY);
    CloseHandle(section);
    return pages;
}

static void page_is_private_once_it_is_written_to(void)
{
    volatile char *pages = map_copy();
    bool own[2];
    REQUIRE(pages != NULL);
    CHECK(count_private((char *)pages, PAGES) == 0 && !any_private((char *)pages, PAGES));
    for (int i = 0; i < PAGES; i += 7)
        (void)pages[i * PAGE];
    CHECK(count_private((char *)pages, PAGES) == 0 && !any_private((char *)pages, PAGES));
    pages[500 * PAGE] = 1;
    CHECK(any_private((char *)pages, PAGES) && !any_private((char *)pages, 500));
    CHECK(ldr__os_pages_private((char *)pages + 499 * PAGE, 2, false, own) == LDR_OK);
    CHECK(!own[0] && own[1]);
    pages[0] = pages[299 * PAGE] = 1;
    CHECK(count_private((char *)pages, PAGES) == 3);
    UnmapViewOfFile((char *)pages);
}

static void page_stays_private_when_it_is_protected(void)
{
    char *pages = map_copy();
    REQUIRE(pages != NULL);
    pages[0] = 1;
    CHECK(ldr__os_protect(pages, PAGE, LDR__READ) == LDR_OK);
    CHECK(count_private(pages, 2) == 1);
    UnmapViewOfFile(pages);
}

static void pages_of_a_shared_view_are_not_private(void)
{
    HANDLE section = make_section(PAGE, PAGE_READWRITE);
    char *pages = map_section(section, FILE_MAP_WRITE);
    REQUIRE(pages != NULL);
    pages[0] = 1;
    CHECK(count_private(pages, 1) == 0);
    UnmapViewOfFile(pages);
    CloseHandle(section);
}

static void page_of_an_image_is_private_once_it_is_written_to(void)
{
    char *image = map_image();
    REQUIRE(image != NULL);
    CHECK(ldr__os_protect(image, PAGE, LDR__READ | LDR__WRITE) == LDR_OK);
    image[2] = 'x';
    CHECK(any_private(image, 1));
    UnmapViewOfFile(image);
}

static void page_is_present_once_it_is_touched(void)
{
    ldr__os_page page;
    volatile char *pages = map_copy();
    REQUIRE(pages != NULL);
    CHECK(ldr__os_page_at((char *)pages + 100, &page) == LDR_OK);
    CHECK(!page.is_present && !page.has_frame);
    pages[5] = 1;
    CHECK(ldr__os_page_at((char *)pages + 100, &page) == LDR_OK);
    CHECK(page.is_present && !page.has_frame);
    UnmapViewOfFile((char *)pages);
}

int run_pages_tests(const char *only)
{
    static const check_test tests[] = {
        {"page_is_private_once_it_is_written_to", page_is_private_once_it_is_written_to},
        {"page_stays_private_when_it_is_protected", page_stays_private_when_it_is_protected},
        {"pages_of_a_shared_view_are_not_private", pages_of_a_shared_view_are_not_private},
        {"page_of_an_image_is_private_once_it_is_written_to",
         page_of_an_image_is_private_once_it_is_written_to},
        {"page_is_present_once_it_is_touched", page_is_present_once_it_is_touched},
    };
    return RUN(tests, only);
}
