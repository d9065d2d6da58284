#include "image_bytes.h"

#include <stdlib.h>
#include <string.h>

/* ---- Collecting what is asked for ---- */

static void add_export(img_builder *builder, img_export item)
{
    builder->exports = img_grow(builder->exports, builder->export_count, sizeof item);
    builder->exports[builder->export_count++] = item;
}

void img_add_export(img_builder *builder, const char *name, uint16_t ordinal, uint32_t rva)
{
    add_export(builder, (img_export){.name = name, .ordinal = ordinal, .rva = rva});
}

void img_add_forwarder(img_builder *builder, const char *name, uint16_t ordinal, const char *target)
{
    add_export(builder, (img_export){.name = name, .forwarder = target, .ordinal = ordinal});
}

static void add_import(img_builder *builder, img_import item)
{
    builder->imports = img_grow(builder->imports, builder->import_count, sizeof item);
    builder->imports[builder->import_count++] = item;
}

void img_add_import(img_builder *builder, const char *dll, const char *name)
{
    add_import(builder, (img_import){.dll = dll, .name = name});
}

void img_add_import_ordinal(img_builder *builder, const char *dll, uint16_t ordinal)
{
    add_import(builder, (img_import){.dll = dll, .ordinal = ordinal});
}

void img_add_reloc(img_builder *builder, uint32_t rva, uint16_t type)
{
    builder->relocs = img_grow(builder->relocs, builder->reloc_count, 2 * sizeof(uint32_t));
    builder->relocs[2 * builder->reloc_count] = rva;
    builder->relocs[2 * builder->reloc_count + 1] = type;
    builder->reloc_count++;
}

static void add_directory_section(img_builder *builder, const char *name, img_bytes *bytes,
                                  uint32_t characteristics, pe_directory_index index)
{
    uint32_t rva = img_add_section(builder, name, characteristics, bytes->data, bytes->size, 0);
    builder->directories[index] = (pe_directory){{rva}, (uint32_t)bytes->size};
    free(bytes->data);
}

/* ---- Exports ---- */

static int by_name(const void *a, const void *b)
{
    const img_export *left = a, *right = b;
    if (left->name == NULL || right->name == NULL)
        return (left->name == NULL) - (right->name == NULL);
    return strcmp(left->name, right->name);
}

/* The first and last ordinal. */
static void ordinal_range(const img_builder *builder, uint16_t *ret_first, uint16_t *ret_last)
{
    uint16_t first = UINT16_MAX, last = 0;
    for (size_t i = 0; i < builder->export_count; i++) {
        uint16_t ordinal = builder->exports[i].ordinal;
        first = ordinal < first ? ordinal : first;
        last = ordinal > last ? ordinal : last;
    }
    *ret_first = first;
    *ret_last = last;
}

/* Forwarder texts lie inside the directory: that is what makes them forwarders. */
static void write_slots(const img_builder *builder, img_bytes *bytes, size_t slots, uint16_t first)
{
    for (size_t i = 0; i < builder->export_count; i++) {
        const img_export *item = &builder->exports[i];
        uint32_t rva = item->rva;
        if (item->forwarder != NULL)
            rva = img_next_rva(builder) + (uint32_t)img_append_text(bytes, item->forwarder);
        img_store_u32(bytes->data + slots + 4 * (size_t)(item->ordinal - first), rva);
    }
}

static void write_names(const img_builder *builder, img_bytes *bytes, size_t names, size_t ordinals,
                        uint16_t first)
{
    for (size_t i = 0; i < builder->export_count && builder->exports[i].name != NULL; i++) {
        const img_export *item = &builder->exports[i];
        uint32_t rva = img_next_rva(builder) + (uint32_t)img_append_text(bytes, item->name);
        img_store_u32(bytes->data + names + 4 * i, rva);
        img_store_u16(bytes->data + ordinals + 2 * i, (uint16_t)(item->ordinal - first));
    }
}

static size_t count_names(const img_builder *builder)
{
    size_t count = 0;
    while (count < builder->export_count && builder->exports[count].name != NULL)
        count++;
    return count;
}

void img_write_exports(img_builder *builder)
{
    if (builder->export_count == 0)
        return;
    uint16_t first, last;
    img_bytes bytes = {0};
    qsort(builder->exports, builder->export_count, sizeof(img_export), by_name);
    ordinal_range(builder, &first, &last);
    size_t slot_count = (size_t)(last - first) + 1, name_count = count_names(builder);
    uint32_t rva = img_next_rva(builder);

    img_append(&bytes, NULL, 40);
    size_t slots = img_append(&bytes, NULL, 4 * slot_count);
    size_t names = img_append(&bytes, NULL, 4 * name_count);
    size_t ordinals = img_append(&bytes, NULL, 2 * name_count);
    size_t dll_name = img_append_text(&bytes, builder->dll_name);
    write_slots(builder, &bytes, slots, first);
    write_names(builder, &bytes, names, ordinals, first);

    img_store_u32(bytes.data + 12, rva + (uint32_t)dll_name);
    img_store_u32(bytes.data + 16, first);
    img_store_u32(bytes.data + 20, (uint32_t)slot_count);
    img_store_u32(bytes.data + 24, (uint32_t)name_count);
    img_store_u32(bytes.data + 28, rva + (uint32_t)slots);
    img_store_u32(bytes.data + 32, rva + (uint32_t)names);
    img_store_u32(bytes.data + 36, rva + (uint32_t)ordinals);
    add_directory_section(builder, ".edata", &bytes, IMG_RO, PE_DIRECTORY_EXPORT);
}

/* ---- Imports ---- */

/* How many imports from `start` on are of one DLL. */
static size_t run_length(const img_builder *builder, size_t start)
{
    size_t length = 1;
    while (start + length < builder->import_count &&
           strcmp(builder->imports[start + length].dll, builder->imports[start].dll) == 0)
        length++;
    return length;
}

static size_t count_dlls(const img_builder *builder)
{
    size_t count = 0;
    for (size_t i = 0; i < builder->import_count; i += run_length(builder, i))
        count++;
    return count;
}

static uint64_t thunk_of(const img_builder *builder, const img_import *import, img_bytes *bytes)
{
    if (import->name == NULL)
        return (UINT64_C(1) << (builder->is_64 ? 63 : 31)) | import->ordinal;
    size_t hint = img_append_u16(bytes, 0);
    img_append_text(bytes, import->name);
    return img_next_rva(builder) + hint;
}

/* One descriptor with its name, its lookup and address tables and the names in them. */
static void write_dll(const img_builder *builder, img_bytes *bytes, size_t descriptor, size_t start,
                      size_t count)
{
    size_t width = builder->is_64 ? 8 : 4;
    uint32_t rva = img_next_rva(builder);
    img_append(bytes, NULL, (8 - bytes->size % 8) % 8);
    size_t lookup = img_append(bytes, NULL, (count + 1) * width);
    size_t address = img_append(bytes, NULL, (count + 1) * width);
    size_t name = img_append_text(bytes, builder->imports[start].dll);
    for (size_t i = 0; i < count; i++) {
        uint64_t thunk = thunk_of(builder, &builder->imports[start + i], bytes);
        uint8_t raw[8];
        img_store_u64(raw, thunk);
        memcpy(bytes->data + lookup + i * width, raw, width);
        memcpy(bytes->data + address + i * width, raw, width);
    }
    img_store_u32(bytes->data + descriptor, rva + (uint32_t)lookup);
    img_store_u32(bytes->data + descriptor + 12, rva + (uint32_t)name);
    img_store_u32(bytes->data + descriptor + 16, rva + (uint32_t)address);
}

void img_write_imports(img_builder *builder)
{
    if (builder->import_count == 0)
        return;
    img_bytes bytes = {0};
    size_t descriptor = img_append(&bytes, NULL, 20 * (count_dlls(builder) + 1));
    for (size_t i = 0; i < builder->import_count; i += run_length(builder, i)) {
        write_dll(builder, &bytes, descriptor, i, run_length(builder, i));
        descriptor += 20;
    }
    add_directory_section(builder, ".idata", &bytes, IMG_RW, PE_DIRECTORY_IMPORT);
}

/* ---- Base relocations ---- */

static size_t start_block(img_bytes *bytes, uint32_t page)
{
    size_t block = img_append_u32(bytes, page);
    img_append_u32(bytes, 8);
    return block;
}

/* Blocks are padded to four bytes with an ABSOLUTE entry. */
static void end_block(img_bytes *bytes, size_t block)
{
    if ((bytes->size - block) % 4 != 0)
        img_append_u16(bytes, PE_REL_ABSOLUTE);
    img_store_u32(bytes->data + block + 4, (uint32_t)(bytes->size - block));
}

void img_write_relocs(img_builder *builder)
{
    if (builder->reloc_count == 0)
        return;
    img_bytes bytes = {0};
    uint32_t page = builder->relocs[0] & ~0xFFFu;
    size_t block = start_block(&bytes, page);
    for (size_t i = 0; i < builder->reloc_count; i++) {
        uint32_t rva = builder->relocs[2 * i], type = builder->relocs[2 * i + 1];
        if ((rva & ~0xFFFu) != page) {
            end_block(&bytes, block);
            page = rva & ~0xFFFu;
            block = start_block(&bytes, page);
        }
        img_append_u16(&bytes, (uint16_t)(type << 12 | (rva & 0xFFF)));
    }
    end_block(&bytes, block);
    add_directory_section(builder, ".reloc", &bytes, IMG_RO | PE_SCN_MEM_DISCARDABLE,
                          PE_DIRECTORY_BASE_RELOCATION);
}

/* ---- Thread-local storage ---- */

/* The directory comes first; template, index and callbacks follow it. */
uint32_t img_add_tls(img_builder *builder, const void *data, size_t size, uint32_t zero_fill,
                     const uint32_t *callbacks, size_t count)
{
    img_bytes bytes = {0};
    uint32_t width = builder->is_64 ? 8 : 4;
    uint32_t directory_size = 4 * width + 8;
    img_append(&bytes, NULL, directory_size);
    size_t array = img_append(&bytes, NULL, (count + 1) * width);
    size_t index = img_append_u32(&bytes, UINT32_MAX);
    size_t start = img_append(&bytes, data, size);
    img_store_u32(bytes.data + (size_t)4 * width, zero_fill);

    uint32_t rva = img_add_section(builder, ".tls", IMG_RW, bytes.data, bytes.size, 0);
    free(bytes.data);
    img_put_pointer(builder, rva, rva + (uint32_t)start);
    img_put_pointer(builder, rva + width, rva + (uint32_t)(start + size));
    img_put_pointer(builder, rva + 2 * width, rva + (uint32_t)index);
    if (count != 0)
        img_put_pointer(builder, rva + 3 * width, rva + (uint32_t)array);
    for (size_t i = 0; i < count; i++)
        img_put_pointer(builder, rva + (uint32_t)(array + i * width), callbacks[i]);
    img_set_directory(builder, PE_DIRECTORY_TLS, rva, directory_size);
    return rva;
}
