#include "section/source.h"
#include "section/diag.h"

#include <string.h>

/* What is read first: the headers of nearly every image, and all of a small one. */
#define FIRST_READ  UINT64_C(4096)
#define SMALL_IMAGE UINT64_C(16384)

/* Where a file says how far its headers go. */
#define LFANEW 0x3C

/* Content is copied through a buffer of this size, which stays in the processor's cache: half the
 * price of reading into a mapped window of the segment, which faults once for each page. */
#define BUFFER_MAX UINT64_C(65536)

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

ldr_status ldr__source_read(const ldr__source *source, uint64_t offset, void *ret_bytes,
                            uint64_t size)
{
    if (source->bytes != NULL) {
        memcpy(ret_bytes, source->bytes + offset, size);
        return LDR_OK;
    }
    size_t got;
    ldr_status status = ldr__os_file_read(source->file, offset, ret_bytes, size, &got);
    if (status != LDR_OK)
        return status;
    return got == size ? LDR_OK : LDR_IO_ERROR;
}

/* ---- Headers ---- */

static ldr_status extend(const ldr__source *source, ldr__headers *headers, uint64_t size)
{
    uint8_t *bytes = ldr__os_resize(headers->bytes, size);
    if (bytes == NULL)
        return LDR_NO_MEMORY;
    headers->bytes = bytes;
    ldr_status status =
        ldr__source_read(source, headers->size, bytes + headers->size, size - headers->size);
    if (status == LDR_OK)
        headers->size = size;
    return status;
}

static ldr_status refuse_extent(uint64_t extent, pe_diag *why)
{
    *why = ldr__bad_format("S1", LFANEW, extent, LDR__HEADERS_MAX,
                           "the headers end too far behind the start of the file");
    return LDR_IMAGE_REFUSED;
}

static ldr_status copy_headers(const ldr__source *source, ldr__headers *headers, pe_diag *why)
{
    uint64_t wanted = source->size <= SMALL_IMAGE ? source->size : FIRST_READ;
    while (wanted > headers->size) {
        if (wanted > LDR__HEADERS_MAX)
            return refuse_extent(wanted, why);
        ldr_status status = extend(source, headers, wanted);
        if (status != LDR_OK)
            return status;
        wanted = pe_header_extent((pe_span){headers->bytes, headers->size}, source->size);
    }
    return LDR_OK;
}

ldr_status ldr__source_headers(const ldr__source *source, ldr__headers *ret_headers, pe_diag *why)
{
    ldr__headers headers = {0};
    ldr_status status = copy_headers(source, &headers, why);
    if (status == LDR_OK)
        *ret_headers = headers;
    else
        ldr__os_free(headers.bytes);
    return status;
}

/* ---- Segments ---- */

typedef struct filler {
    const ldr__source *source;
    const ldr__headers *headers;
    ldr__handle segment;
    uint8_t *buffer; /* NULL when the bytes are in memory already */
    uint64_t buffer_size;
} filler;

/*
 * The file may have changed since its headers were judged: read again, they must be the same.
 * Headers, and flat images as a whole, lie at the same place in file and memory.
 */
static bool is_as_judged(const ldr__headers *headers, const ldr__subsection *subsection,
                         uint64_t rva, const uint8_t *bytes, uint64_t size)
{
    if (subsection->pe_section != LDR__NO_PE_SECTION || rva >= headers->size)
        return true;
    return memcmp(bytes, headers->bytes + rva, smaller(size, headers->size - rva)) == 0;
}

static ldr_status copy_piece(const filler *f, const ldr__subsection *subsection, uint64_t at,
                             uint64_t size)
{
    uint64_t rva = subsection->rva + at;
    const uint8_t *bytes = f->buffer;
    if (f->buffer == NULL) {
        bytes = f->source->bytes + subsection->source + at;
    } else {
        ldr_status status = ldr__source_read(f->source, subsection->source + at, f->buffer, size);
        if (status != LDR_OK)
            return status;
        if (!is_as_judged(f->headers, subsection, rva, bytes, size))
            return LDR_IO_ERROR;
    }
    return ldr__os_segment_write(f->segment, rva, bytes, size);
}

/* The segment has what SHARED pages start as, too: for views that need their own. */
static bool holds(ldr_backing segment, const ldr__subsection *subsection)
{
    return subsection->backing == segment ||
           (segment == LDR_BACKING_SEGMENT && subsection->backing == LDR_BACKING_SHARED);
}

static ldr_status copy_all(const filler *f, const ldr__plan *plan, ldr_backing backing)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        const ldr__subsection *subsection = &plan->subsections[i];
        if (!holds(backing, subsection))
            continue;
        for (uint64_t at = 0; at < subsection->content; at += f->buffer_size) {
            ldr_status status =
                copy_piece(f, subsection, at, smaller(subsection->content - at, f->buffer_size));
            if (status != LDR_OK)
                return status;
        }
    }
    return LDR_OK;
}

static ldr_status fill(const ldr__source *source, const ldr__headers *headers,
                       const ldr__plan *plan, ldr_backing backing, ldr__handle segment)
{
    filler f = {.source = source,
                .headers = headers,
                .segment = segment,
                .buffer_size = source->bytes != NULL ? plan->size : BUFFER_MAX};
    if (source->bytes == NULL) {
        f.buffer = ldr__os_resize(NULL, BUFFER_MAX); /* not cleared */
        if (f.buffer == NULL)
            return LDR_NO_MEMORY;
    }
    ldr_status status = copy_all(&f, plan, backing);
    ldr__os_free(f.buffer);
    return status;
}

/* The part of [start, end) that a subsection has; `bytes` are those from `start` on. */
static ldr_status read_part(const ldr__source *source, const ldr__headers *headers,
                            const ldr__subsection *s, uint64_t start, uint64_t end, uint8_t *bytes)
{
    uint64_t from = s->rva > start ? s->rva : start;
    uint64_t to = smaller(s->rva + s->size, end);
    uint64_t stored = smaller(s->rva + s->content, to);
    uint8_t *at = bytes + (from - start);
    ldr_status status = LDR_OK;
    if (from < stored)
        status = ldr__source_read(source, s->source + (from - s->rva), at, stored - from);
    else
        stored = from;
    if (status == LDR_OK && !is_as_judged(headers, s, from, at, stored - from))
        status = LDR_IO_ERROR;
    memset(at + (stored - from), 0, to - stored);
    return status;
}

ldr_status ldr__source_pages(const ldr__source *source, const ldr__headers *headers,
                             const ldr__plan *plan, bool with_others, uint64_t start, uint64_t end,
                             uint8_t *ret_bytes)
{
    ldr_status status = LDR_OK;
    for (uint32_t i = ldr__plan_find(plan, start); i < plan->count && status == LDR_OK; i++) {
        const ldr__subsection *s = &plan->subsections[i];
        if (s->rva >= end)
            break;
        bool is_other = s->backing == LDR_BACKING_FILE || s->backing == LDR_BACKING_SHARED;
        if (s->backing == LDR_BACKING_SEGMENT || (with_others && is_other))
            status = read_part(source, headers, s, start, end, ret_bytes);
    }
    return status;
}

ldr_status ldr__source_segment(const ldr__source *source, const ldr__headers *headers,
                               const ldr__plan *plan, ldr_backing backing,
                               const ldr__registry_key *key, ldr__handle *ret_segment)
{
    ldr__handle segment;
    ldr__source whole = *source;
    if (headers->size == source->size)
        whole.bytes = headers->bytes;
    ldr_status status = key != NULL ? ldr__os_registry_create(key, plan->size, &segment)
                                    : ldr__os_segment_create(plan->size, &segment);
    if (status != LDR_OK)
        return status;
    status = fill(&whole, headers, plan, backing, segment);
    if (status == LDR_OK && backing == LDR_BACKING_SEGMENT)
        status = ldr__os_segment_seal(segment);
    if (status != LDR_OK) {
        ldr__os_close(segment);
        return status;
    }
    *ret_segment = segment;
    return LDR_OK;
}
