#include "pe/image/address.h"
#include "pe/image/bytes.h"

#include <string.h>

/* [ECMA II.24.2.1]; the last two count from the end of the version. */
enum {
    ROOT_MAJOR = 4,
    ROOT_MINOR = 6,
    ROOT_RESERVED = 8,
    ROOT_VERSION_SIZE = 12,
    ROOT_VERSION = 16,
    ROOT_FLAGS = 0,
    ROOT_STREAMS = 2,
    ROOT_TAIL_SIZE = 4,
    STREAM_HEADER = 8,
    NAME_ALIGNMENT = 4,
};

/* The text of the version, which its NUL or its size ends. */
static pe_status borrow_version(const pe_clr_metadata *metadata, pe_span *ret_version)
{
    pe_span version = {0};
    if (metadata->version_size == 0) {
        *ret_version = version;
        return PE_OK;
    }
    pe_rva at = {metadata->place.rva.value + ROOT_VERSION};
    pe_status status = pe__borrow(metadata->image, at, metadata->version_size, &version);
    if (status != PE_OK)
        return status;
    const uint8_t *nul = version.size != 0 ? memchr(version.data, 0, (size_t)version.size) : NULL;
    if (nul != NULL)
        version.size = (uint64_t)(nul - version.data);
    *ret_version = version;
    return PE_OK;
}

/* What follows the version, and the version itself once it is known to lie inside. */
static pe_status read_tail(pe_clr_metadata *metadata)
{
    uint8_t raw[ROOT_TAIL_SIZE];
    uint64_t tail = (uint64_t)ROOT_VERSION + metadata->version_size;
    pe_status status = pe__read_within(metadata->image, metadata->place, tail, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    metadata->flags = pe__load_u16(raw + ROOT_FLAGS);
    metadata->stream_count = pe__load_u16(raw + ROOT_STREAMS);
    metadata->headers = (uint32_t)(tail + ROOT_TAIL_SIZE);
    return borrow_version(metadata, &metadata->version);
}

pe_status pe_clr_metadata_open(const pe_image *image, pe_directory place,
                               pe_clr_metadata *ret_metadata)
{
    uint8_t raw[ROOT_VERSION];
    if (place.rva.value == 0 || place.size == 0)
        return PE_NOT_PRESENT;
    pe_status status = pe__read_within(image, place, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    if (pe__load_u32(raw) != PE_CLR_METADATA_SIGNATURE)
        return PE_BAD_FORMAT;
    pe_clr_metadata metadata = {
        .image = image,
        .place = place,
        .major = pe__load_u16(raw + ROOT_MAJOR),
        .minor = pe__load_u16(raw + ROOT_MINOR),
        .reserved = pe__load_u32(raw + ROOT_RESERVED),
        .version_size = pe__load_u32(raw + ROOT_VERSION_SIZE),
    };
    status = read_tail(&metadata);
    if (status == PE_OK)
        *ret_metadata = metadata;
    return status;
}

void pe_clr_streams(const pe_clr_metadata *metadata, pe_clr_stream_iter *ret_iter)
{
    *ret_iter = (pe_clr_stream_iter){
        .metadata = *metadata,
        .next = metadata->headers,
        .left = metadata->stream_count,
        .status = PE_OK,
    };
}

/* A name is padded with NULs to a multiple of 4 bytes: no more than these are its own. */
static pe_status read_name(const pe_clr_metadata *metadata, uint64_t offset, char *ret_name,
                           uint32_t *ret_size)
{
    for (uint32_t size = 0; size < PE_CLR_STREAM_NAME_SIZE; size += NAME_ALIGNMENT) {
        pe_status status = pe__read_within(metadata->image, metadata->place, offset + size,
                                           ret_name + size, NAME_ALIGNMENT);
        if (status != PE_OK)
            return status;
        if (memchr(ret_name + size, 0, NAME_ALIGNMENT) != NULL) {
            *ret_size = size + NAME_ALIGNMENT;
            return PE_OK;
        }
    }
    return PE_BAD_FORMAT;
}

static pe_status find_data(const pe_clr_metadata *metadata, pe_clr_stream *stream)
{
    uint64_t at = (uint64_t)metadata->place.rva.value + stream->offset;
    if (!pe_range_ok(metadata->place.size, stream->offset, stream->size) || at > UINT32_MAX)
        return PE_OUT_OF_BOUNDS;
    stream->place = (pe_directory){{(uint32_t)at}, stream->size};
    return stream->size == 0
               ? PE_OK
               : pe__borrow(metadata->image, stream->place.rva, stream->size, &stream->data);
}

static pe_status read_stream(const pe_clr_metadata *metadata, uint64_t offset,
                             pe_clr_stream *ret_stream, uint32_t *ret_name_size)
{
    uint8_t raw[STREAM_HEADER];
    pe_clr_stream stream = {.at = {(uint32_t)(metadata->place.rva.value + offset)}};
    pe_status status = pe__read_within(metadata->image, metadata->place, offset, raw, sizeof raw);
    if (status == PE_OK)
        status = read_name(metadata, offset + STREAM_HEADER, stream.name, ret_name_size);
    if (status != PE_OK)
        return status;
    stream.offset = pe__load_u32(raw);
    stream.size = pe__load_u32(raw + 4);
    stream.status = find_data(metadata, &stream);
    *ret_stream = stream;
    return PE_OK;
}

pe_status pe_clr_stream_next(pe_clr_stream_iter *iter, pe_clr_stream *ret_stream)
{
    uint32_t name_size = 0;
    if (iter->status != PE_OK)
        return iter->status;
    iter->status =
        iter->left == 0 ? PE_END : read_stream(&iter->metadata, iter->next, ret_stream, &name_size);
    if (iter->status != PE_OK)
        return iter->status;
    iter->left--;
    iter->next += STREAM_HEADER + name_size;
    return PE_OK;
}

static bool is_same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

pe_status pe_clr_stream_find(const pe_clr_metadata *metadata, const char *name,
                             pe_clr_stream *ret_stream)
{
    pe_clr_stream_iter iter;
    pe_clr_stream stream;
    pe_clr_streams(metadata, &iter);
    while (pe_clr_stream_next(&iter, &stream) == PE_OK) {
        if (is_same(stream.name, name)) {
            *ret_stream = stream;
            return PE_OK;
        }
    }
    return iter.status == PE_END ? PE_NOT_FOUND : iter.status;
}
