#include "section/diag.h"
#include "section/object.h"

#include <string.h>

/* The headers of nearly every image fit in the first read. */
#define FIRST_READ UINT64_C(4096)

/* Windows knows no limit for e_lfanew but the file's size. We copy headers; this is our limit. */
#define HEADER_LIMIT (UINT64_C(64) << 20)

/* Where the bytes of the image come from while the section is made. */
typedef struct byte_source {
    ldr__handle file;
    const uint8_t *bytes; /* NULL for a file */
    uint64_t size;
} byte_source;

/* Reads exactly `size` bytes; LDR_IO_ERROR when the file has become shorter than it was. */
static ldr_status read_exactly(const byte_source *source, uint64_t offset, uint8_t *bytes,
                               uint64_t size)
{
    if (source->bytes != NULL) {
        memcpy(bytes, source->bytes + offset, size);
        return LDR_OK;
    }
    size_t got;
    ldr_status status = ldr__os_file_read(source->file, offset, bytes, size, &got);
    if (status != LDR_OK)
        return status;
    return got == size ? LDR_OK : LDR_IO_ERROR;
}

/* ---- Headers ---- */

typedef struct header_copy {
    uint8_t *bytes;
    uint64_t size;
} header_copy;

static ldr_status extend_headers(const byte_source *source, header_copy *headers, uint64_t size)
{
    uint8_t *bytes = ldr__os_resize(headers->bytes, size);
    if (bytes == NULL)
        return LDR_NO_MEMORY;
    headers->bytes = bytes;
    ldr_status status =
        read_exactly(source, headers->size, bytes + headers->size, size - headers->size);
    if (status == LDR_OK)
        headers->size = size;
    return status;
}

/* Copies the headers and the section table: as many bytes as they themselves ask for. */
static ldr_status copy_headers(const byte_source *source, header_copy *headers)
{
    uint64_t wanted = source->size < FIRST_READ ? source->size : FIRST_READ;
    while (wanted > headers->size) {
        if (wanted > HEADER_LIMIT)
            return LDR_IMAGE_REFUSED;
        ldr_status status = extend_headers(source, headers, wanted);
        if (status != LDR_OK)
            return status;
        if (headers->size >= 64)
            wanted = pe_header_extent((pe_span){headers->bytes, headers->size}, source->size);
    }
    return LDR_OK;
}

static ldr_status refuse_distant_headers(const char *name, ldr_diag *diag)
{
    pe_diag why = {.nt_status = PE_NT_INVALID_IMAGE_FORMAT,
                   .detail = "its headers end more than 64 MiB behind the start of the file"};
    return ldr__fail_why(diag, LDR_IMAGE_REFUSED, &why, name);
}

static ldr_status take_headers(ldr_section *section, const byte_source *source,
                               header_copy *ret_headers, ldr_diag *diag)
{
    header_copy headers = {0};
    ldr_status status = copy_headers(source, &headers);
    section->headers = headers.bytes;
    if (status == LDR_IMAGE_REFUSED)
        return refuse_distant_headers(section->name, diag);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
    *ret_headers = headers;
    return LDR_OK;
}

/* Windows's verdict, then the decoded headers. */
static ldr_status judge(ldr_section *section, const header_copy *headers, uint64_t file_size,
                        pe_profile profile, ldr_diag *diag)
{
    pe_span prefix = {headers->bytes, headers->size};
    pe_diag why = {0};
    pe_status status = pe_accept(prefix, file_size, profile, &why);
    if (status == PE_OK)
        status = pe_open(prefix, PE_LAYOUT_FILE, &section->image, &why);
    return status == PE_OK ? LDR_OK : ldr__fail_why(diag, LDR_IMAGE_REFUSED, &why, section->name);
}

/* ---- Plan and policy ---- */

static ldr_status make_plan(ldr_section *section, const ldr__plan_rules *rules, ldr_diag *diag)
{
    size_t capacity = ldr__plan_capacity(&section->image);
    section->plan.subsections = ldr__os_alloc(capacity * sizeof *section->plan.subsections);
    if (section->plan.subsections == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, section->name);
    pe_diag why = {.nt_status = PE_NT_INVALID_IMAGE_FORMAT};
    if (ldr__plan_image(&section->image, rules, &section->plan, &why) != PE_OK)
        return ldr__fail_why(diag, LDR_IMAGE_REFUSED, &why, section->name);
    return LDR_OK;
}

static ldr_status check_policy(const ldr_section *section, const ldr_section_options *options,
                               ldr_diag *diag)
{
    if (!options->refuse_writable_code)
        return LDR_OK;
    for (uint32_t i = 0; i < section->plan.count; i++) {
        const ldr__subsection *subsection = &section->plan.subsections[i];
        if (!ldr__protect_is_writable_code(subsection->protect))
            continue;
        pe_diag why = {.nt_status = PE_NT_ACCESS_DENIED,
                       .offset = subsection->source,
                       .value = subsection->protect,
                       .allowed = LDR_PAGE_EXECUTE_READ,
                       .detail = "a section is both writable and executable"};
        return ldr__fail_why(diag, LDR_POLICY, &why, section->name);
    }
    return LDR_OK;
}

/* ---- Segments ---- */

static bool plan_uses(const ldr__plan *plan, ldr_backing backing)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->subsections[i].backing == backing)
            return true;
    }
    return false;
}

/*
 * Copies the content of every subsection with `backing` to its place in `window`. The file may have
 * changed since its headers were judged: what the copy says of them must be the same.
 */
static ldr_status fill(const ldr_section *section, const byte_source *source,
                       const header_copy *headers, ldr_backing backing, uint8_t *window)
{
    for (uint32_t i = 0; i < section->plan.count; i++) {
        const ldr__subsection *subsection = &section->plan.subsections[i];
        if (subsection->backing != backing || subsection->content == 0)
            continue;
        uint8_t *target = window + subsection->rva;
        ldr_status status = read_exactly(source, subsection->source, target, subsection->content);
        if (status != LDR_OK)
            return status;
        uint64_t judged = subsection->rva == 0 ? headers->size : 0;
        if (judged > subsection->content)
            judged = subsection->content;
        if (memcmp(target, headers->bytes, judged) != 0)
            return LDR_IO_ERROR;
    }
    return LDR_OK;
}

/* A segment with the layout of the image: what no subsection fills stays a hole and costs nothing.
 */
static ldr_status make_segment(const ldr_section *section, const byte_source *source,
                               const header_copy *headers, ldr_backing backing,
                               ldr__handle *ret_segment)
{
    if (!plan_uses(&section->plan, backing))
        return LDR_OK;
    ldr__handle segment;
    ldr_status status = ldr__os_segment_create(section->plan.size, &segment);
    if (status != LDR_OK)
        return status;
    void *window;
    status = ldr__os_segment_window(segment, 0, section->plan.size, &window);
    if (status == LDR_OK) {
        status = fill(section, source, headers, backing, window);
        ldr__os_unmap(window, section->plan.size);
    }
    if (status == LDR_OK && backing == LDR_BACKING_SEGMENT)
        status = ldr__os_segment_seal(segment);
    if (status != LDR_OK) {
        ldr__os_close(segment);
        return status;
    }
    *ret_segment = segment;
    return LDR_OK;
}

static ldr_status make_segments(ldr_section *section, const byte_source *source,
                                const header_copy *headers, ldr_diag *diag)
{
    ldr_status status =
        make_segment(section, source, headers, LDR_BACKING_SEGMENT, &section->segment);
    if (status == LDR_OK)
        status = make_segment(section, source, headers, LDR_BACKING_SHARED, &section->shared);
    return status == LDR_OK ? LDR_OK
                            : ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
}

/* ---- Sections ---- */

/* The caller may know fewer fields than we do, or more. */
static ldr_section_options complete(const ldr_section_options *options)
{
    ldr_section_options all = {0};
    if (options != NULL)
        memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
    if (all.profile == 0)
        all.profile = PE_WIN10;
    return all;
}

static bool options_are_valid(const ldr_section_options *options)
{
    bool profile =
        options->profile == PE_WIN10 || options->profile == PE_WIN7 || options->profile == PE_WINXP;
    return profile &&
           (options->source == LDR_SOURCE_FILE_BACKED || options->source == LDR_SOURCE_SNAPSHOT);
}

static ldr_section *section_new(const char *name)
{
    ldr_section *section = ldr__os_alloc(sizeof *section);
    if (section == NULL)
        return NULL;
    atomic_init(&section->references, 1);
    section->file = section->segment = section->shared = LDR__NO_HANDLE;
    ldr__copy_text(section->name, sizeof section->name, name);
    return section;
}

static ldr_status build(ldr_section *section, const byte_source *source,
                        const ldr_section_options *options, ldr_diag *diag)
{
    section->profile = options->profile;
    header_copy headers;
    ldr_status status = take_headers(section, source, &headers, diag);
    if (status == LDR_OK)
        status = judge(section, &headers, source->size, options->profile, diag);
    ldr__plan_rules rules = {.file_size = source->size,
                             .profile = options->profile,
                             .direct = source->bytes == NULL &&
                                       options->source == LDR_SOURCE_FILE_BACKED};
    if (status == LDR_OK)
        status = make_plan(section, &rules, diag);
    if (status == LDR_OK)
        status = check_policy(section, options, diag);
    if (status == LDR_OK)
        status = make_segments(section, source, &headers, diag);
    return status;
}

static ldr_status section_make(const char *name, const byte_source *source,
                               const ldr_section_options *options, ldr_section **ret_section,
                               ldr_diag *diag)
{
    ldr_section_options all = complete(options);
    if (!options_are_valid(&all))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    ldr_section *section = section_new(name);
    if (section == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, name);
    ldr_status status = build(section, source, &all, diag);
    if (status != LDR_OK) {
        ldr_section_close(section);
        return status;
    }
    *ret_section = section;
    return LDR_OK;
}

ldr_status ldr_section_from_file(const char *path, const ldr_section_options *options,
                                 ldr_section **ret_section, ldr_diag *diag)
{
    byte_source source = {0};
    ldr__file_id id;
    ldr_status status = ldr__os_file_open(path, &source.file, &source.size, &id);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), path);
    ldr_section *section;
    status = section_make(path, &source, options, &section, diag);
    if (status != LDR_OK) {
        ldr__os_close(source.file);
        return status;
    }
    if (plan_uses(&section->plan, LDR_BACKING_FILE))
        section->file = source.file;
    else
        ldr__os_close(source.file);
    section->has_id = true;
    section->id = id;
    *ret_section = section;
    return LDR_OK;
}

ldr_status ldr_section_from_memory(const char *name, const void *bytes, size_t size,
                                   const ldr_section_options *options, ldr_section **ret_section,
                                   ldr_diag *diag)
{
    if (bytes == NULL && size != 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    /* Any address will do for an empty buffer: nothing is read from it. */
    byte_source source = {
        .file = LDR__NO_HANDLE, .bytes = bytes != NULL ? bytes : (const uint8_t *)"", .size = size};
    return section_make(name, &source, options, ret_section, diag);
}

void ldr_section_close(ldr_section *section)
{
    if (section == NULL || atomic_fetch_sub(&section->references, 1) > 1)
        return;
    ldr__os_close(section->file);
    ldr__os_close(section->segment);
    ldr__os_close(section->shared);
    ldr__os_free(section->plan.subsections);
    ldr__os_free(section->headers);
    ldr__os_free(section);
}

const pe_image *ldr_section_image(const ldr_section *section)
{
    return &section->image;
}
