/* What is odd about a directory and the table it leads to. */
#include "pe/findings/checks.h"
#include "pe/image/bytes.h"

#include <string.h>

static bool is_empty(pe_directory directory)
{
    return directory.rva.value == 0 || directory.size == 0;
}

/* The global pointer has no size, and is none of a table. */
bool pe__check_DIRECTORY_OUTSIDE_IMAGE(const pe_image *image, pe_directory_index index,
                                       pe__evidence *ret_evidence)
{
    pe_directory directory = pe_directory_at(image, index);
    uint64_t limit = image->optional.size_of_image;
    if (index == PE_DIRECTORY_CERTIFICATE && image->layout != PE_LAYOUT_FILE)
        return false;
    if (index == PE_DIRECTORY_CERTIFICATE)
        limit = image->bytes.size;
    ret_evidence->value = (uint64_t)directory.rva.value + directory.size;
    ret_evidence->expected = limit;
    return !is_empty(directory) && ret_evidence->value > limit;
}

bool pe__check_DIRECTORY_UNMAPPED(const pe_image *image, pe_directory_index index,
                                  pe__evidence *ret_evidence)
{
    pe_directory directory = pe_directory_at(image, index);
    uint8_t unused;
    if (index == PE_DIRECTORY_CERTIFICATE || is_empty(directory))
        return false;
    ret_evidence->value = directory.rva.value;
    pe_status status = pe_read(image, directory.rva, &unused, sizeof unused);
    return status != PE_OK && status != PE_BUDGET_SPENT;
}

bool pe__check_DIRECTORY_WITHOUT_RVA(const pe_image *image, pe_directory_index index,
                                     pe__evidence *ret_evidence)
{
    pe_directory directory = pe_directory_at(image, index);
    ret_evidence->value = directory.size;
    return directory.rva.value == 0 && directory.size != 0;
}

/* The global pointer is an address without a size by [PE Optional Header Data Directories]. */
bool pe__check_DIRECTORY_WITHOUT_SIZE(const pe_image *image, pe_directory_index index,
                                      pe__evidence *ret_evidence)
{
    pe_directory directory = pe_directory_at(image, index);
    ret_evidence->value = directory.rva.value;
    return index != PE_DIRECTORY_GLOBAL_POINTER && directory.rva.value != 0 && directory.size == 0;
}

static pe_status read_imports(const pe_image *image)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_thunk_iter thunks;
    pe_import import;
    pe_imports(image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunks(image, &dll, &thunks);
        while (pe_thunk_next(&thunks, &import) == PE_OK)
            continue;
        if (thunks.status != PE_OK && thunks.status != PE_END)
            return thunks.status;
    }
    return dlls.status;
}

static pe_status read_delay_imports(const pe_image *image)
{
    pe_delay_iter dlls;
    pe_delay_dll dll;
    pe_delay_thunk_iter thunks;
    pe_import import;
    pe_delay_imports(image, image->optional.image_base, &dlls);
    while (pe_delay_next(&dlls, &dll) == PE_OK) {
        pe_delay_thunks(&dlls, &dll, &thunks);
        while (pe_delay_thunk_next(&thunks, &import) == PE_OK)
            continue;
        if (thunks.status != PE_OK && thunks.status != PE_END)
            return thunks.status;
    }
    return dlls.status;
}

static pe_status read_bound_imports(const pe_image *image)
{
    pe_bound_iter entries;
    pe_bound_import entry;
    pe_bound_imports(image, &entries);
    while (pe_bound_next(&entries, &entry) == PE_OK)
        continue;
    return entries.status;
}

static pe_status read_exports(const pe_image *image)
{
    pe_exports exports;
    pe_export export;
    pe_status status = pe_exports_open(image, &exports);
    for (uint32_t i = 0; status == PE_OK && i < exports.name_count; i++)
        status = pe_export_name_at(image, &exports, i, &export);
    return status == PE_NOT_FOUND ? PE_OK : status;
}

static pe_status read_resources(const pe_image *image)
{
    pe_resource_walk walk;
    pe_resource_item item;
    pe_resource_walk_start(image, &walk);
    while (pe_resource_walk_next(&walk, &item) == PE_OK) {
        if (item.leaf.status != PE_OK)
            return item.leaf.status;
    }
    return walk.status;
}

static pe_status read_x64_functions(const pe_image *image)
{
    pe_x64_function_iter functions;
    pe_x64_function function;
    pe_x64_functions(image, &functions);
    while (pe_x64_function_next(&functions, &function) == PE_OK)
        continue;
    return functions.status;
}

static pe_status read_functions(const pe_image *image)
{
    pe_arm_function_iter functions;
    pe_arm_function function;
    if (image->file.machine == PE_MACHINE_AMD64)
        return read_x64_functions(image);
    pe_arm_functions(image, &functions);
    while (pe_arm_function_next(&functions, &function) == PE_OK)
        continue;
    return functions.status;
}

static pe_status read_certificates(const pe_image *image)
{
    pe_certificate_iter certificates;
    pe_certificate certificate;
    pe_certificates(image, &certificates);
    while (pe_certificate_next(&certificates, &certificate) == PE_OK)
        continue;
    return certificates.status;
}

static pe_status read_relocs(const pe_image *image)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_relocs(image, &blocks);
    while (pe_reloc_next(&blocks, &block) == PE_OK)
        continue;
    return blocks.status;
}

static pe_status read_debug(const pe_image *image)
{
    pe_debug_iter entries;
    pe_debug_entry entry;
    pe_debug_entries(image, &entries);
    while (pe_debug_next(&entries, &entry) == PE_OK)
        continue;
    return entries.status;
}

static pe_status read_clr(const pe_image *image)
{
    pe_clr clr;
    pe_clr_metadata metadata;
    pe_clr_stream_iter streams;
    pe_clr_stream stream;
    pe_status status = pe_clr_open(image, &clr);
    if (status == PE_OK)
        status = pe_clr_metadata_open(image, clr.metadata, &metadata);
    if (status != PE_OK)
        return status;
    pe_clr_streams(&metadata, &streams);
    while (pe_clr_stream_next(&streams, &stream) == PE_OK) {
        if (stream.status != PE_OK)
            return stream.status;
    }
    return streams.status;
}

static pe_status read_tls(const pe_image *image)
{
    pe_tls tls;
    return pe_tls_open(image, &tls);
}

static pe_status read_load_config(const pe_image *image)
{
    pe_load_config config;
    return pe_load_config_open(image, &config);
}

bool pe__check_TABLE_BROKEN(const pe_image *image, pe_directory_index index,
                            pe__evidence *ret_evidence)
{
    static pe_status (*const readers[PE_DIRECTORY_COUNT])(const pe_image *image) = {
        [PE_DIRECTORY_EXPORT] = read_exports,
        [PE_DIRECTORY_IMPORT] = read_imports,
        [PE_DIRECTORY_RESOURCE] = read_resources,
        [PE_DIRECTORY_EXCEPTION] = read_functions,
        [PE_DIRECTORY_CERTIFICATE] = read_certificates,
        [PE_DIRECTORY_BASE_RELOCATION] = read_relocs,
        [PE_DIRECTORY_DEBUG] = read_debug,
        [PE_DIRECTORY_TLS] = read_tls,
        [PE_DIRECTORY_LOAD_CONFIG] = read_load_config,
        [PE_DIRECTORY_BOUND_IMPORT] = read_bound_imports,
        [PE_DIRECTORY_DELAY_IMPORT] = read_delay_imports,
        [PE_DIRECTORY_CLR] = read_clr,
    };
    if (readers[index] == NULL)
        return false;
    pe_status status = readers[index](image);
    ret_evidence->value = (uint64_t)status;
    return status != PE_OK && status != PE_END && status != PE_NOT_PRESENT &&
           status != PE_BUDGET_SPENT;
}

/* As strcmp orders bytes. */
static bool is_above(pe_span a, pe_span b)
{
    size_t common = (size_t)pe__min(a.size, b.size);
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0; /* an empty span may be NULL */
    return order > 0 || (order == 0 && a.size > b.size);
}

bool pe__check_EXPORT_NAMES_UNSORTED(const pe_image *image, pe__evidence *ret_evidence)
{
    pe_exports exports;
    pe_export before = {0}, export;
    if (pe_exports_open(image, &exports) != PE_OK)
        return false;
    for (uint32_t i = 0; i < exports.name_count; i++) {
        pe_status status = pe_export_name_at(image, &exports, i, &export);
        if (status == PE_NOT_FOUND)
            continue;
        if (status != PE_OK)
            return false;
        ret_evidence->value = i;
        if (before.name.data != NULL && is_above(before.name, export.name))
            return true;
        before = export;
    }
    return false;
}

bool pe__check_FUNCTIONS_UNSORTED(const pe_image *image, pe__evidence *ret_evidence)
{
    pe_x64_function_iter functions;
    pe_x64_function before = {0}, function;
    pe_x64_functions(image, &functions);
    for (uint32_t i = 0; pe_x64_function_next(&functions, &function) == PE_OK; i++) {
        ret_evidence->value = function.begin.value;
        ret_evidence->expected = before.begin.value;
        if (i > 0 && function.begin.value < before.begin.value)
            return true;
        before = function;
    }
    return false;
}
