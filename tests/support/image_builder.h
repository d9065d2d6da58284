/*
 * image_builder.h: makes valid PE images in a buffer, so that a test can break one thing.
 *
 *   img_builder builder;
 *   img_start(&builder, IMG_PE32_PLUS);
 *   uint32_t data = img_add_section(&builder, ".data", IMG_RW, NULL, 0x200, 0x1000);
 *   img_add_export(&builder, "answer", 1, data);
 *   img_add_import(&builder, "kernel32.dll", "ExitProcess");
 *   img_image image = img_finish(&builder);
 *   img_set(&image, IMG_SIZE_OF_IMAGE, 0x2000);
 *   ...
 *   img_free(&image);
 *
 * Without further calls an image is this: e_lfanew 0x80, alignments 0x1000/0x200, image base
 * 0x400000, console subsystem, 16 empty directories, SizeOfHeaders 0x200, a DLL or EXE as its
 * `characteristics` say. An image that gets no section of its own gets .text and .data of 0x200
 * bytes and one page each (entry point at the start of .text: return 42), so that it is 0x600 bytes
 * long and 0x3000 in memory.
 *
 * Everything is deterministic. Running out of memory and misuse abort: this is for tests only.
 */
#ifndef PELOAD_TESTS_IMAGE_BUILDER_H
#define PELOAD_TESTS_IMAGE_BUILDER_H

#include <peload/pe.h>

typedef enum img_kind {
    IMG_PE32,           /* i386 */
    IMG_PE32_PLUS,      /* x86-64 */
    IMG_FLAT_PE32,      /* both alignments 0x20: file offset equals RVA */
    IMG_FLAT_PE32_PLUS, /* the same for x86-64 */
} img_kind;

/* Usual section characteristics. */
#define IMG_RX (PE_SCN_CNT_CODE | PE_SCN_MEM_READ | PE_SCN_MEM_EXECUTE)
#define IMG_RW (PE_SCN_CNT_INITIALIZED_DATA | PE_SCN_MEM_READ | PE_SCN_MEM_WRITE)
#define IMG_RO (PE_SCN_CNT_INITIALIZED_DATA | PE_SCN_MEM_READ)

/* The directory sections that img_finish adds are called .edata, .idata, .tls, .rsrc and
 * .reloc. */

typedef struct img_section img_section;
typedef struct img_export img_export;
typedef struct img_import img_import;
typedef struct img_resource img_resource;

/*
 * An image under construction. The first group of fields may be changed between img_start and the
 * first call that follows it (alignments, header_size) or img_finish (the others); the rest is the
 * builder's own.
 */
typedef struct img_builder {
    uint64_t image_base;
    uint32_t section_alignment, file_alignment;
    uint32_t header_size;     /* SizeOfHeaders; grows for the section table, unless flat */
    uint32_t lfanew;          /* where the PE signature goes */
    uint16_t optional_size;   /* SizeOfOptionalHeader: the section table follows it */
    uint16_t characteristics; /* PE_FILE_* */
    uint16_t dll_characteristics;
    uint16_t machine;
    uint32_t entry_point; /* RVA; 0: none, unless .text is made by default */
    const char *dll_name; /* in the export directory */

    bool is_64;
    img_section *sections;
    size_t section_count;
    img_export *exports;
    size_t export_count;
    img_import *imports;
    size_t import_count;
    img_resource *resources;
    size_t resource_count;
    uint32_t *relocs; /* pairs of RVA and type */
    size_t reloc_count;
    pe_directory directories[PE_DIRECTORY_COUNT];
} img_builder;

/* A finished image. `nt` is the file offset of its PE signature. */
typedef struct img_image {
    uint8_t *bytes;
    size_t size;
    uint32_t nt;
    bool is_64;
    uint16_t optional_size;
} img_image;

void img_start(img_builder *builder, img_kind kind);

/*
 * Adds a section of `size` bytes in the file (zeros when `data` is NULL), rounded up to
 * FileAlignment, and `virtual_size` bytes in memory (0: `size`). Returns its RVA.
 */
uint32_t img_add_section(img_builder *builder, const char *name, uint32_t characteristics,
                         const void *data, size_t size, uint32_t virtual_size);

/* Overwrites bytes of sections added before; the range must lie in one section's data. */
void img_put(img_builder *builder, uint32_t rva, const void *data, size_t size);

/* Stores the address of `target` (an RVA) at `rva` and adds the base relocation for it. */
void img_put_pointer(img_builder *builder, uint32_t rva, uint32_t target);

/* Adds an export. `name` may be NULL: by ordinal only. The strings are not copied. */
void img_add_export(img_builder *builder, const char *name, uint16_t ordinal, uint32_t rva);
/* Adds an export that forwards to `target`, such as "other.name" or "other.#7". */
void img_add_forwarder(img_builder *builder, const char *name, uint16_t ordinal,
                       const char *target);

/* Imports `name` from `dll`; calls with the same `dll` in a row make one descriptor. */
void img_add_import(img_builder *builder, const char *dll, const char *name);
void img_add_import_ordinal(img_builder *builder, const char *dll, uint16_t ordinal);

/* What a resource is called: by `text` (ASCII), or by `number` when that is NULL. */
typedef struct img_name {
    const char *text;
    uint16_t number;
} img_name;

/*
 * Adds a resource; calls with the same `type`, or type and `name`, in a row share a directory. What
 * is pointed to is not copied. In .rsrc each directory is followed by what its first entry names,
 * so that one resource with numbers lies like this: tables at 0, 24 and 48, the data entry at 72,
 * the data at 88. Data start at multiples of 8.
 */
void img_add_resource(img_builder *builder, img_name type, img_name name, uint16_t language,
                      const void *data, size_t size);

/* Adds a base relocation of `type` (PE_REL_*) at `rva`. In ascending order, as linkers write. */
void img_add_reloc(img_builder *builder, uint32_t rva, uint16_t type);

/*
 * Adds a TLS directory in a section of its own (at the RVA that is returned) with a template of
 * `size` bytes, an index variable that holds 0xFFFFFFFF and `count` callbacks, given by RVA.
 */
uint32_t img_add_tls(img_builder *builder, const void *data, size_t size, uint32_t zero_fill,
                     const uint32_t *callbacks, size_t count);

/* Sets a directory entry by hand; img_finish replaces those that it makes itself. */
void img_set_directory(img_builder *builder, pe_directory_index index, uint32_t rva, uint32_t size);

/* Writes the image and releases the builder. The caller releases the image with img_free. */
img_image img_finish(img_builder *builder);
void img_free(img_image *image);

/* An image without anything special: img_start and img_finish. */
img_image img_plain(img_kind kind);

/* Header fields by name, for tests that break one. Each knows its place and width. */
typedef enum img_field {
    IMG_DOS_MAGIC,
    IMG_LFANEW,
    IMG_SIGNATURE,
    IMG_MACHINE,
    IMG_SECTION_COUNT,
    IMG_OPTIONAL_SIZE,
    IMG_CHARACTERISTICS,
    IMG_MAGIC,
    IMG_ENTRY_POINT,
    IMG_IMAGE_BASE,
    IMG_SECTION_ALIGNMENT,
    IMG_FILE_ALIGNMENT,
    IMG_SUBSYSTEM_MAJOR,
    IMG_SUBSYSTEM_MINOR,
    IMG_SIZE_OF_IMAGE,
    IMG_SIZE_OF_HEADERS,
    IMG_CHECKSUM,
    IMG_SUBSYSTEM,
    IMG_DLL_CHARACTERISTICS,
    IMG_STACK_RESERVE,
    IMG_DIRECTORY_COUNT,
    IMG_DIRECTORIES,
    IMG_FIELD_COUNT
} img_field;

/* Fields of a section header: their offsets in it. */
typedef enum img_section_field {
    IMG_SCN_NAME = 0,
    IMG_SCN_VIRTUAL_SIZE = 8,
    IMG_SCN_RVA = 12,
    IMG_SCN_RAW_SIZE = 16,
    IMG_SCN_RAW = 20,
    IMG_SCN_CHARACTERISTICS = 36,
} img_section_field;

/* The file offset of a field: what a diagnostic must name. */
uint64_t img_at(const img_image *image, img_field field);
uint64_t img_section_at(const img_image *image, size_t index, img_section_field field);
uint64_t img_directory_at(const img_image *image, pe_directory_index index);

void img_set(img_image *image, img_field field, uint64_t value);
void img_set_section(img_image *image, size_t index, img_section_field field, uint32_t value);
void img_set_directory_entry(img_image *image, pe_directory_index index, uint32_t rva,
                             uint32_t size);

/* Little-endian stores at a file offset inside the image. */
void img_set_u16(img_image *image, uint64_t offset, uint16_t value);
void img_set_u32(img_image *image, uint64_t offset, uint32_t value);
void img_set_u64(img_image *image, uint64_t offset, uint64_t value);
uint32_t img_get_u32(const img_image *image, uint64_t offset);

/* The file offset of an RVA that is stored in the file, by the image's own section table. */
uint64_t img_offset_of(const img_image *image, uint32_t rva);

/* Cuts the file, or adds zeros to it. */
void img_resize(img_image *image, size_t size);

/*
 * The image as it lies in memory at its preferred base, unrelocated: SizeOfImage bytes rounded up
 * to pages, copied with pe_read page by page, zeros in gaps. The caller frees the result with
 * free().
 */
pe_span img_map(const pe_image *image);

#endif
