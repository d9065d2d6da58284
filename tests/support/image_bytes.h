/*
 * image_bytes.h: a growing buffer, for the sources of the image builder only.
 */
#ifndef PELOAD_TESTS_IMAGE_BYTES_H
#define PELOAD_TESTS_IMAGE_BYTES_H

#include "image_builder.h"

typedef struct img_bytes {
    uint8_t *data;
    size_t size;
} img_bytes;

struct img_section {
    char name[8];
    uint32_t rva, virtual_size, characteristics;
    img_bytes raw;
};

struct img_export {
    const char *name;      /* NULL: by ordinal only */
    const char *forwarder; /* NULL: `rva` */
    uint16_t ordinal;
    uint32_t rva;
};

struct img_import {
    const char *dll;
    const char *name; /* NULL: by ordinal */
    uint16_t ordinal;
};

struct img_resource {
    img_name path[3]; /* type, name, language */
    const void *data;
    size_t size;
};

/* `array` with room for one more than `count` elements of `size` bytes. */
void *img_grow(void *array, size_t count, size_t size);

/* Appends `size` bytes (zeros when `data` is NULL), returns where they start. */
size_t img_append(img_bytes *bytes, const void *data, size_t size);
size_t img_append_u16(img_bytes *bytes, uint16_t value);
size_t img_append_u32(img_bytes *bytes, uint32_t value);
/* With its NUL, padded to an even size. */
size_t img_append_text(img_bytes *bytes, const char *text);

void img_store_u16(uint8_t *at, uint16_t value);
void img_store_u32(uint8_t *at, uint32_t value);
void img_store_u64(uint8_t *at, uint64_t value);

/* Where the next section will be. */
uint32_t img_next_rva(const img_builder *builder);

/* Sections of the directories that the builder was asked for; nothing for the others. */
void img_write_exports(img_builder *builder);
void img_write_imports(img_builder *builder);
void img_write_resources(img_builder *builder);
void img_write_relocs(img_builder *builder);

#endif
