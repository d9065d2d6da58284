#include "section/image_section.h"
#include "section/demand.h"
#include "section/diag.h"
#include "section/file.h"
#include "section/object.h"
#include "section/options.h"
#include "section/share.h"
#include "section/source.h"

/* ---- Headers ---- */

static ldr_status take_headers(ldr_section *section, const ldr__source *source,
                               ldr__headers *ret_headers, ldr_diag *diag)
{
    pe_diag why;
    ldr_status status = ldr__source_headers(source, ret_headers, &why);
    if (status == LDR_IMAGE_REFUSED)
        return ldr__fail_why(diag, status, &why, section->name);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
    section->headers = ret_headers->bytes;
    return LDR_OK;
}

/* Windows's verdict, then the decoded headers. */
static ldr_status judge(ldr_section *section, const ldr__headers *headers, uint64_t file_size,
                        const ldr_section_options *options, ldr_diag *diag)
{
    pe_span prefix = {headers->bytes, headers->size};
    pe_diag why = {0};
    pe_status status = pe_accept_on(prefix, file_size, options->profile, options->platform, &why);
    if (status == PE_OK)
        status = pe_open(prefix, PE_LAYOUT_FILE, &section->image, &why);
    return status == PE_OK ? LDR_OK : ldr__fail_why(diag, LDR_IMAGE_REFUSED, &why, section->name);
}

/* ---- Plan, policy, segments ---- */

static ldr_status make_plan(ldr_section *section, const ldr__plan_rules *rules, ldr_diag *diag)
{
    size_t capacity = ldr__plan_capacity(&section->image);
    section->plan.subsections = ldr__os_alloc(capacity * sizeof *section->plan.subsections);
    if (section->plan.subsections == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, section->name);
    pe_diag why = {0};
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

static ldr_status make_segments(ldr_section *section, const ldr__source *source,
                                const ldr__headers *headers, const ldr__plan_rules *rules,
                                const ldr_section_options *options, ldr_diag *diag)
{
    ldr_status status = ldr__demand_make(section, source, headers, rules, options->fill);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
    return section->demand == NULL ? ldr__share_segments(section, source, headers, rules, diag)
                                   : LDR_OK;
}

/* ---- Options ---- */

ldr_section_options ldr__image_options(const ldr_section_options *options)
{
    ldr_section_options all;
    ldr__options_read(options, &all, sizeof all);
    if (all.profile == 0)
        all.profile = PE_WIN10;
    return all;
}

static bool options_are_valid(const ldr_section_options *options)
{
    bool profile =
        options->profile == PE_WIN10 || options->profile == PE_WIN7 || options->profile == PE_WINXP;
    bool platform = options->platform == PE_PLATFORM_X64 ||
                    options->platform == PE_PLATFORM_ARM64 || options->platform == PE_PLATFORM_ANY;
    bool aslr = options->aslr == LDR_ASLR_OFF || options->aslr == LDR_ASLR_ON ||
                options->aslr == LDR_ASLR_FORCE;
    bool fill = options->fill == LDR_FILL_AUTO || options->fill == LDR_FILL_EAGER ||
                options->fill == LDR_FILL_ON_DEMAND;
    return profile && platform && aslr && fill &&
           (options->source == LDR_SOURCE_FILE_BACKED || options->source == LDR_SOURCE_SNAPSHOT);
}

/* ---- Sections ---- */

/* Whether views may have the file's own pages. */
static bool is_direct(const ldr__source *source, const ldr_section_options *options)
{
    return source->bytes == NULL && options->source == LDR_SOURCE_FILE_BACKED &&
           (options->no_execute || ldr__os_file_executable(source->file));
}

/* `given` as far as it can be shared with others. */
static ldr__source source_for(const ldr__source *given, const ldr_section_options *options)
{
    ldr__source source = *given;
    if (options->source != LDR_SOURCE_FILE_BACKED)
        source.stamp = NULL;
    return source;
}

static ldr_status build(ldr_section *section, const ldr__source *given,
                        const ldr_section_options *options, ldr_diag *diag)
{
    ldr__source from = source_for(given, options);
    const ldr__source *source = &from;
    section->profile = options->profile;
    section->file_size = source->size;
    ldr__headers headers = {0};
    ldr_status status = take_headers(section, source, &headers, diag);
    if (status == LDR_OK)
        status = judge(section, &headers, source->size, options, diag);
    ldr__plan_rules rules = {.file_size = source->size,
                             .profile = options->profile,
                             .direct = is_direct(source, options),
                             .no_execute = options->no_execute};
    if (status == LDR_OK)
        status = make_plan(section, &rules, diag);
    if (status == LDR_OK)
        status = check_policy(section, options, diag);
    if (status == LDR_OK)
        status = make_segments(section, source, &headers, &rules, options, diag);
    return status;
}

/* `id` is that of the file, NULL for a buffer. */
static ldr_status section_make(const char *name, const ldr__source *source, const ldr__file_id *id,
                               const ldr_section_options *options, ldr_section **ret_section,
                               ldr_diag *diag)
{
    ldr_section_options all = ldr__image_options(options);
    if (!options_are_valid(&all))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    ldr_section *section = ldr__section_new(name);
    if (section == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, name);
    ldr_status status = build(section, source, &all, diag);
    if (status != LDR_OK) {
        ldr_section_close(section);
        return status;
    }
    section->has_id = id != NULL;
    if (id != NULL)
        section->id = *id;
    section->no_execute = all.no_execute;
    section->aslr = ldr__aslr_of(&section->image, all.aslr, id, name);
    *ret_section = section;
    return LDR_OK;
}

/* Whoever opens the file to write to it can see that there is an image of it (H.8). */
static void keep_file(ldr_section *section, ldr__handle file, uint64_t size)
{
    section->file = file;
    ldr__os_file_mark(file, LDR__MARK_IMAGE, 1);
    ldr__os_file_mark(file, LDR__MARK_DATA, size);
}

ldr_status ldr__image_of_file(const char *name, ldr__handle file,
                              const ldr_section_options *options, ldr_section **ret_section,
                              ldr_diag *diag)
{
    ldr__file_stamp stamp; /* before anything is read: that is of this state or a later one */
    ldr_section *section;
    ldr_status status = ldr__os_file_stamp(file, &stamp);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    ldr__source source = {.file = file, .size = stamp.size, .stamp = &stamp};
    status = section_make(name, &source, &stamp.id, options, &section, diag);
    if (status != LDR_OK)
        return status;
    if (ldr__plan_uses(&section->plan, LDR_BACKING_FILE) ||
        ldr__image_options(options).source == LDR_SOURCE_FILE_BACKED)
        keep_file(section, file, source.size);
    else
        ldr__os_close(file);
    *ret_section = section;
    return LDR_OK;
}

ldr_status ldr_section_from_file(const char *path, const ldr_section_options *options,
                                 ldr_section **ret_section, ldr_diag *diag)
{
    ldr__handle file;
    ldr_status status = ldr__os_file_open(path, &file);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), path);
    status = ldr__image_of_file(path, file, options, ret_section, diag);
    if (status != LDR_OK)
        ldr__os_close(file);
    return status;
}

ldr_status ldr_section_from_memory(const char *name, const void *bytes, size_t size,
                                   const ldr_section_options *options, ldr_section **ret_section,
                                   ldr_diag *diag)
{
    if (bytes == NULL && size != 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    /* Any address will do for an empty buffer: nothing is read from it. */
    ldr__source source = {
        .file = LDR__NO_HANDLE, .bytes = bytes != NULL ? bytes : (const uint8_t *)"", .size = size};
    return section_make(name, &source, NULL, options, ret_section, diag);
}
