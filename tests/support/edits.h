/*
 * edits.h: tables of changes to a valid image, for tests that break one thing after another.
 */
#ifndef PELOAD_TESTS_EDITS_H
#define PELOAD_TESTS_EDITS_H

#include "image_builder.h"

/*
 * One change: of a header field, of a field of a section header, of a directory's entry (`value` is
 * its RVA) or of the 32 bits at a file offset.
 */
struct edit {
    enum { NOTHING, HEADER, SECTION, DIRECTORY, OFFSET } what;
    unsigned field; /* or directory, or offset */
    uint64_t value;
    uint32_t other; /* the section's index, the directory's size */
};

#define H(name, to)               \
    {                             \
        HEADER, IMG_##name, to, 0 \
    }
#define S(n, name, to)                 \
    {                                  \
        SECTION, IMG_SCN_##name, to, n \
    }
#define D(name, rva, size)                        \
    {                                             \
        DIRECTORY, PE_DIRECTORY_##name, rva, size \
    }
#define AT(offset, value)        \
    {                            \
        OFFSET, offset, value, 0 \
    }

/* The file offset of what an edit changes. */
static inline uint64_t edit_offset(const img_image *image, const struct edit *edit)
{
    switch (edit->what) {
    case SECTION:
        return img_section_at(image, edit->other, edit->field);
    case DIRECTORY:
        return img_directory_at(image, edit->field);
    case OFFSET:
        return edit->field;
    default:
        return img_at(image, edit->field);
    }
}

static inline void edit_apply(img_image *image, const struct edit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct edit *edit = &edits[i];
        if (edit->what == DIRECTORY)
            img_set_directory_entry(image, edit->field, (uint32_t)edit->value, edit->other);
        else if (edit->what == HEADER)
            img_set(image, edit->field, edit->value);
        else if (edit->what != NOTHING)
            img_set_u32(image, edit_offset(image, edit), (uint32_t)edit->value);
    }
}

#endif
