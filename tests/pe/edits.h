/*
 * edits.h: tables of changes to a valid image, for tests that break one thing after another.
 */
#ifndef PELOAD_TESTS_EDITS_H
#define PELOAD_TESTS_EDITS_H

#include "support/image_builder.h"

/* One change, of a header field or of a field of a section header. */
struct edit {
    enum { NOTHING, HEADER, SECTION } what;
    unsigned field;
    uint64_t value;
    size_t section;
};

#define H(name, to)               \
    {                             \
        HEADER, IMG_##name, to, 0 \
    }
#define S(n, name, to)                 \
    {                                  \
        SECTION, IMG_SCN_##name, to, n \
    }

/* The file offset of the field that an edit changes. */
static inline uint64_t edit_offset(const img_image *image, const struct edit *edit)
{
    return edit->what == SECTION ? img_section_at(image, edit->section, edit->field)
                                 : img_at(image, edit->field);
}

static inline void edit_apply(img_image *image, const struct edit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (edits[i].what == SECTION)
            img_set_section(image, edits[i].section, edits[i].field, (uint32_t)edits[i].value);
        else if (edits[i].what == HEADER)
            img_set(image, edits[i].field, edits[i].value);
    }
}

#endif
