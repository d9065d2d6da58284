/*
 * shared_counter: how do programs share memory by a name?
 *
 *   shared_counter NAME    counts itself among those that run with that name, until its input ends
 */
#include <peload/section.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* What ends the program: the reason is in the diagnostic. */
static void require(ldr_status status, const ldr_diag *diag)
{
    char text[512];
    if (status == LDR_OK)
        return;
    fprintf(stderr, "%s\n", ldr_diag_text(diag, text, sizeof text));
    exit(1);
}

int main(int argc, char **argv)
{
    ldr_create_options options = {
        .size = sizeof options, .maximum_size = 4096, .protect = LDR_PAGE_READWRITE};
    ldr_section *section;
    ldr_view *view;
    ldr_diag diag;
    bool existed;

    if (argc != 2)
        return 2;
    options.name = argv[1];
    /* The first program makes the section, the others find it; it goes with the last of them. */
    require(ldr_section_create(&options, &section, &existed, &diag), &diag);
    require(ldr_view_map(section, NULL, &view, &diag), &diag);
    atomic_uint *count = ldr_view_base(view);
    printf("%s: number %u\n", existed ? "found" : "made", atomic_fetch_add(count, 1) + 1);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    printf("there were %u\n", atomic_load(count));
    ldr_view_unmap(view);
    ldr_section_close(section);
    return 0;
}
