#include "pe/image/bytes.h"
#include "resource_data.h"

#include <string.h>

enum { MARK_SIZE = 3 };

static const struct {
    pe_text_encoding encoding;
    uint32_t size;
    uint8_t bytes[MARK_SIZE];
} marks[] = {
    {PE_TEXT_UTF8, 3, {0xEF, 0xBB, 0xBF}},
    {PE_TEXT_UTF16_LE, 2, {0xFF, 0xFE}},
    {PE_TEXT_UTF16_BE, 2, {0xFE, 0xFF}},
};

pe_status pe_manifest_open(const pe_resource_leaf *leaf, pe_manifest *ret_manifest)
{
    uint8_t start[MARK_SIZE] = {0};
    uint32_t size = (uint32_t)pe__min(leaf->size, MARK_SIZE);
    pe_manifest manifest = {.encoding = PE_TEXT_UTF8};
    pe_status status = pe__leaf_read(leaf, 0, start, size);
    if (status != PE_OK)
        return status;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (size >= marks[i].size && memcmp(start, marks[i].bytes, marks[i].size) == 0) {
            manifest.encoding = marks[i].encoding;
            manifest.mark_size = marks[i].size;
        }
    }
    manifest.at = pe__leaf_rva(leaf, manifest.mark_size);
    manifest.size = leaf->size - manifest.mark_size;
    manifest.text = pe__leaf_span(leaf, manifest.mark_size, manifest.size);
    *ret_manifest = manifest;
    return PE_OK;
}
