/* test_fault.exe: whatever call fails, the library says so, and what it had begun is undone. */
#include <peload/loader.h>

#include "check.h"
#include "faults.h"
#include "tests.h"

#include <stdlib.h>
#include <windows.h>

int check_failures;

/* Does something, and undoes it. */
typedef ldr_status scenario(ldr_diag *diag);

static char guest[3 * MAX_PATH];
static void *guest_bytes;
static size_t guest_size;

static void find_guest(void)
{
    GetModuleFileNameA(NULL, guest, MAX_PATH);
    strcpy(strrchr(guest, '\\'), "\\guest\\counter.dll");
    FILE *file = fopen(guest, "rb");
    if (file == NULL)
        return;
    fseek(file, 0, SEEK_END);
    guest_size = (size_t)ftell(file);
    rewind(file);
    guest_bytes = malloc(guest_size);
    guest_size = fread(guest_bytes, 1, guest_size, file);
    fclose(file);
}

static bool holds_the_same(faults_held before)
{
    faults_held now = faults_holds();
    bool is_same = memcmp(&now, &before, sizeof now) == 0;
    if (!is_same)
        printf("left: %ld blocks, %ld handles, %ld views, %ld ranges, %ld locks\n",
               now.blocks - before.blocks, now.handles - before.handles, now.views - before.views,
               now.ranges - before.ranges, now.locks - before.locks);
    return is_same;
}

/* One run, in which a call fails. *ret_calls: how many there were that could. */
static bool run_is_right(scenario *run, unsigned call, bool and_all_later, unsigned *ret_calls)
{
    ldr_diag diag = {0};
    faults_held before = faults_holds();
    faults_start(call, and_all_later);
    ldr_status status = run(&diag);
    *ret_calls = faults_stop();
    bool is_right = holds_the_same(before) && (status == LDR_OK || diag.status == status) &&
                    (status == LDR_OK || faults_failed() != NULL);
    if (!is_right)
        printf("call %u (%s): %s, %s\n", call, faults_failed() != NULL ? faults_failed() : "none",
               ldr_status_text(status), ldr_status_text(diag.status));
    return is_right;
}

static void check_failures_of(scenario *run)
{
    unsigned calls, ignored;
    ldr_diag diag = {0};
    CHECK(run(&diag) == LDR_OK); /* what is made once is there from now on */
    CHECK(run_is_right(run, UINT32_MAX, false, &calls));
    CHECK(calls > 0);
    for (unsigned call = 0; call < calls; call++) {
        REQUIRE(run_is_right(run, call, false, &ignored));
        REQUIRE(run_is_right(run, call, true, &ignored));
    }
    printf("%u calls\n", calls);
    CHECK(run(&diag) == LDR_OK);
}

/* ---- Images ---- */

/* Some functions of a view give no diagnostic. */
static ldr_status told(ldr_status status, ldr_diag *diag)
{
    diag->status = status;
    return status;
}

static ldr_status look_at(const ldr_view *view, ldr_diag *diag)
{
    ldr_region region = {0};
    ldr_location location;
    ldr_status status = LDR_OK;
    for (uint64_t rva = 0; rva < ldr_view_size(view) && status == LDR_OK; rva += region.size)
        status = told(ldr_view_query(view, rva, &region), diag);
    return status == LDR_OK ? told(ldr_view_locate(view, 0, &location), diag) : status;
}

static ldr_status use_section(ldr_section *section, ldr_diag *diag)
{
    ldr_view *first = NULL, *second = NULL;
    ldr_control_area area;
    ldr_status status = ldr_view_map(section, NULL, &first, diag);
    if (status == LDR_OK)
        status = ldr_view_map(section, NULL, &second, diag);
    if (status == LDR_OK)
        status = ldr_view_relocate(second, diag);
    if (status == LDR_OK)
        status = look_at(second, diag);
    if (status == LDR_OK)
        status = ldr_view_protect(second, 0, 1, LDR_PAGE_READWRITE, NULL, diag);
    ldr_section_describe(section, &area);
    ldr_view_unmap(second);
    ldr_view_unmap(first);
    return status;
}

static ldr_status map_file(ldr_diag *diag)
{
    ldr_section *section = NULL;
    ldr_status status = ldr_section_from_file(guest, NULL, &section, diag);
    if (status == LDR_OK)
        status = use_section(section, diag);
    ldr_section_close(section);
    return status;
}

static ldr_status map_memory(ldr_diag *diag)
{
    ldr_section *section = NULL;
    ldr_status status =
        ldr_section_from_memory("guest", guest_bytes, guest_size, NULL, &section, diag);
    if (status == LDR_OK)
        status = use_section(section, diag);
    ldr_section_close(section);
    return status;
}

static ldr_status load(ldr_diag *diag, bool from_memory)
{
    ldr_context *ctx = NULL;
    ldr_module *module = NULL;
    ldr_status status = told(ldr_context_create(NULL, &ctx), diag);
    if (status == LDR_OK && from_memory)
        status = ldr_load_memory(ctx, "guest.dll", guest_bytes, guest_size, NULL, &module, diag);
    else if (status == LDR_OK)
        status = ldr_load(ctx, guest, NULL, &module, diag);
    if (status == LDR_OK)
        ldr_unload(module);
    ldr_context_destroy(ctx);
    return status;
}

static ldr_status load_file(ldr_diag *diag)
{
    return load(diag, false);
}

static ldr_status load_memory(ldr_diag *diag)
{
    return load(diag, true);
}

/* ---- Data ---- */

static ldr_status use_data(ldr_section *section, ldr_diag *diag)
{
    ldr_view *view = NULL;
    ldr_section *again = NULL;
    ldr_status status = ldr_view_map(section, NULL, &view, diag);
    if (status == LDR_OK)
        status = ldr_view_commit(view, 0, 1, 0, diag);
    if (status == LDR_ACCESS_DENIED && diag->why.nt_status == PE_NT_ALREADY_COMMITTED)
        status = LDR_OK;
    if (status == LDR_OK)
        status = ldr_view_protect(view, 0, 1, LDR_PAGE_READONLY, NULL, diag);
    if (status == LDR_OK)
        status = look_at(view, diag);
    if (status == LDR_OK)
        status = ldr_section_open("peload fault", LDR_SECTION_MAP_READ, &again, diag);
    ldr_section_close(again);
    ldr_view_unmap(view);
    return status;
}

static ldr_status share_memory(ldr_diag *diag)
{
    ldr_section *section = NULL;
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = 0x20000,
                                  .protect = LDR_PAGE_READWRITE,
                                  .attributes = LDR_SEC_RESERVE,
                                  .name = "peload fault"};
    ldr_status status = ldr_section_create(&options, &section, NULL, diag);
    if (status == LDR_OK)
        status = use_data(section, diag);
    ldr_section_close(section);
    return status;
}

static ldr_status use_file(ldr_file *file, ldr_diag *diag)
{
    uint64_t size;
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    ldr_create_options options = {
        .size = sizeof options, .file = file, .protect = LDR_PAGE_READWRITE};
    options.name = "peload fault";
    ldr_status status = ldr_file_set_size(file, 10000, diag);
    if (status == LDR_OK)
        status = told(ldr_file_size(file, &size), diag);
    if (status == LDR_OK)
        status = ldr_section_create(&options, &section, NULL, diag);
    if (status == LDR_OK)
        status = use_data(section, diag);
    if (status == LDR_OK)
        status = ldr_view_map(section, NULL, &view, diag);
    if (status == LDR_OK)
        status = ldr_view_flush(view, 0, 0, true, diag);
    ldr_view_unmap(view);
    ldr_section_close(section);
    return status;
}

static ldr_status share_file(ldr_diag *diag)
{
    ldr_file *file = NULL;
    ldr_file_options options = {.size = sizeof options,
                                .access = LDR_FILE_READ | LDR_FILE_WRITE | LDR_FILE_DELETE,
                                .disposition = LDR_OPEN_OR_CREATE};
    ldr_status status = ldr_file_open("fault data", &options, &file, NULL, diag);
    if (status == LDR_OK)
        status = use_file(file, diag);
    if (status == LDR_OK)
        status = ldr_file_delete(file, diag);
    ldr_file_close(file);
    return status;
}

/* ---- Tests ---- */

static void mapping_a_file_is_undone(void)
{
    check_failures_of(map_file);
}

static void mapping_memory_is_undone(void)
{
    check_failures_of(map_memory);
}

static void loading_a_file_is_undone(void)
{
    check_failures_of(load_file);
}

static void loading_from_memory_is_undone(void)
{
    check_failures_of(load_memory);
}

static void sharing_memory_is_undone(void)
{
    check_failures_of(share_memory);
}

static void sharing_a_file_is_undone(void)
{
    check_failures_of(share_file);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        {"mapping_a_file_is_undone", mapping_a_file_is_undone},
        {"mapping_memory_is_undone", mapping_memory_is_undone},
        {"loading_a_file_is_undone", loading_a_file_is_undone},
        {"loading_from_memory_is_undone", loading_from_memory_is_undone},
        {"sharing_memory_is_undone", sharing_memory_is_undone},
        {"sharing_a_file_is_undone", sharing_a_file_is_undone},
        {"systems_image, that_is_not_trusted_is_refused",
         systems_image_that_is_not_trusted_is_refused},
        {"systems_image, is_not_copied_where_its_base_is_taken",
         systems_image_is_not_copied_where_its_base_is_taken},
        {"systems_view, elsewhere_is_relocated_from_the_kernels_base",
         systems_view_elsewhere_is_relocated_from_the_kernels_base},
    };
    find_guest();
    CHECK(guest_bytes != NULL);
    int ran = check_run(tests, sizeof tests / sizeof tests[0], argc > 1 ? argv[1] : NULL);
    printf("%d tests, %d failures\n", ran, check_failures);
    return check_failures != 0 || ran == 0;
}
