#include "layouts.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

layouts layouts_open(img_image file)
{
    layouts both = {.file = file};
    pe_span bytes = {file.bytes, file.size};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &both.image[0], NULL), PE_OK);
    both.mapped = img_map(&both.image[0]);
    both.image[1] = pe_image_mapped(&both.image[0], both.mapped);
    return both;
}

void layouts_close(layouts *both)
{
    free((void *)(uintptr_t)both->mapped.data);
    img_free(&both->file);
}

pe_span span_of(const char *text)
{
    return (pe_span){(const uint8_t *)text, strlen(text)};
}

bool span_is(pe_span span, const char *text)
{
    size_t size = strlen(text);
    return span.size == size && (size == 0 || memcmp(span.data, text, size) == 0);
}
