/*
 * Fuzz target of the parser as a whole. Whatever the bytes: verdicts are explained and repeatable,
 * everything reported lies inside the image, and file and memory tell the same facts.
 */
#include "fuzz/walk/walk.h"

const uint32_t fuzz_focus = UINT32_MAX;

static const pe_profile profiles[] = {PE_WIN10, PE_WIN7, PE_WINXP};

static bool same_diag(const pe_diag *a, const pe_diag *b)
{
    return a->rule == b->rule && a->nt_status == b->nt_status && a->offset == b->offset &&
           a->value == b->value && a->allowed == b->allowed && a->detail == b->detail;
}

/* As much of the file as pe_header_extent asks for. */
static pe_span header_prefix(pe_span file)
{
    pe_span prefix = {file.data, file.size < 64 ? file.size : 64};
    for (uint64_t wanted = pe_header_extent(prefix, file.size); wanted > prefix.size;
         wanted = pe_header_extent(prefix, file.size)) {
        REQUIRE(wanted <= file.size);
        prefix.size = wanted;
    }
    return prefix;
}

static bool judge(pe_span file)
{
    bool is_accepted = false;
    pe_image image;
    struct walk unused = {0};
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        pe_diag diag = {0}, again = {0};
        pe_status status = pe_accept(file, file.size, profiles[i], &diag);
        REQUIRE(pe_accept(header_prefix(file), file.size, profiles[i], &again) == status);
        REQUIRE(same_diag(&diag, &again));
        if (status == PE_OK)
            REQUIRE(pe_open(file, PE_LAYOUT_FILE, &image, NULL) == PE_OK);
        else
            note_diag(&unused, &diag);
        is_accepted |= status == PE_OK;
    }
    return is_accepted;
}

static void walk_as_file(struct walk *walk)
{
    walk_file(walk->image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pe_span file = {data, size};
    pe_image image;
    uint64_t unused;
    bool is_accepted = judge(file);
    if (pe_open(file, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return 0;
    walk_layouts(&image, is_accepted, walk_all);
    digest_of(&image, walk_as_file, &unused);
    return 0;
}
