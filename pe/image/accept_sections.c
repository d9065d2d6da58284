#include "accept.h"
#include "bytes.h"
#include "headers.h"
#include "layout.h"
#include "rules.h"

/* The walk along the section table. `cursor` is the RVA where the next section must start. */
struct walk {
    const pe_image *image;
    uint64_t file_size;
    pe_profile profile;
    uint64_t cursor;
    uint64_t end; /* of SizeOfImage, in whole pages */
    pe_diag *diag;
};

static pe_status refuse(const struct walk *walk, pe__rule rule, const pe_section *section,
                        uint32_t field, uint64_t value, uint64_t allowed)
{
    pe__violation(rule, section->offset.value + field, value, allowed, walk->diag);
    return PE_REFUSED;
}

static uint64_t raw_end(const pe_section *section)
{
    return section->raw.value + section->raw_size;
}

/* The field that gives a section its memory size. */
static uint32_t size_field(const pe_section *section)
{
    return section->virtual_size != 0 ? SCN_VIRTUAL_SIZE : SCN_RAW_SIZE;
}

/* Windows 10 takes the pointer of a section without raw data as 0. */
static pe_status check_raw_wrap(const struct walk *walk, const pe_section *section)
{
    bool is_ignored = walk->profile == PE_WIN10 && section->raw_size == 0;
    if (!is_ignored && raw_end(section) > UINT32_MAX)
        return refuse(walk, PE__RULE_A47, section, SCN_RAW_SIZE, section->raw_size,
                      UINT32_MAX - section->raw.value);
    return PE_OK;
}

static pe_status check_place(const struct walk *walk, const pe_section *section)
{
    uint32_t size = pe__memory_size(section);
    uint32_t limit = UINT32_MAX - (walk->image->optional.section_alignment - 1);
    if (size == 0)
        return refuse(walk, PE__RULE_A44, section, SCN_VIRTUAL_SIZE, 0, 1);
    if (section->rva.value != walk->cursor)
        return refuse(walk, PE__RULE_A43, section, SCN_VIRTUAL_ADDRESS, section->rva.value,
                      walk->cursor);
    if (size > limit)
        return refuse(walk, PE__RULE_A45, section, size_field(section), size, limit);
    if (pe__round_up(size, walk->image->optional.section_alignment) > walk->end - walk->cursor)
        return refuse(walk, PE__RULE_A46, section, size_field(section), size,
                      walk->end - walk->cursor);
    return PE_OK;
}

/*
 * The end of the raw data as the kernel rounds it, in 32 bits: XP and 10 round the end, 7 rounds
 * the size.
 */
static uint32_t rounded_raw_end(const struct walk *walk, const pe_section *section)
{
    uint32_t alignment = walk->image->optional.file_alignment;
    if (walk->profile == PE_WIN7)
        return (uint32_t)(section->raw.value + pe__round_up(section->raw_size, alignment));
    return (uint32_t)pe__round_up(raw_end(section), alignment);
}

static pe_status check_raw_rounding(const struct walk *walk, const pe_section *section)
{
    uint32_t end = rounded_raw_end(walk, section);
    if (end < section->raw.value)
        return refuse(walk, PE__RULE_A48, section, SCN_RAW_SIZE, end, section->raw.value);
    return PE_OK;
}

/* What only Windows 7 asks of every section. */
static pe_status check_raw_in_file(const struct walk *walk, const pe_section *section)
{
    if (walk->profile != PE_WIN7)
        return PE_OK;
    if (section->raw.value >= walk->file_size)
        return refuse(walk, PE__RULE_A49, section, SCN_RAW_POINTER, section->raw.value,
                      walk->file_size);
    if (section->virtual_size == 0 && raw_end(section) > walk->file_size)
        return refuse(walk, PE__RULE_A50, section, SCN_RAW_SIZE, raw_end(section), walk->file_size);
    return PE_OK;
}

static pe_status check_section(struct walk *walk, const pe_section *section)
{
    pe_status status = check_raw_wrap(walk, section);
    if (status == PE_OK)
        status = check_place(walk, section);
    if (status == PE_OK)
        status = check_raw_rounding(walk, section);
    if (status == PE_OK)
        status = check_raw_in_file(walk, section);
    if (status == PE_OK)
        walk->cursor +=
            pe__round_up(pe__memory_size(section), walk->image->optional.section_alignment);
    return status;
}

/* Only the last entry of the table is compared with the file, and only if it reads anything. */
static pe_status check_last_raw_end(const struct walk *walk, const pe_section *last)
{
    bool reads = last->raw.value != 0 && last->raw_size != 0;
    if (reads && raw_end(last) > walk->file_size)
        return refuse(walk, PE__RULE_A51, last, SCN_RAW_SIZE, raw_end(last), walk->file_size);
    return PE_OK;
}

static pe_status check_rest(const struct walk *walk)
{
    const pe_optional_header *optional = &walk->image->optional;
    uint64_t rest = walk->end - walk->cursor;
    if (rest < optional->section_alignment)
        return PE_OK;
    pe__violation(PE__RULE_A52, optional->offset.value + OPT_SIZE_OF_IMAGE, optional->size_of_image,
                  walk->cursor + optional->section_alignment - 1, walk->diag);
    return PE_REFUSED;
}

/* The order of the last two rules differs between versions. */
static pe_status check_end(const struct walk *walk, const pe_section *last)
{
    bool rest_first = walk->profile == PE_WIN10;
    pe_status status = rest_first ? check_rest(walk) : check_last_raw_end(walk, last);
    if (status == PE_OK)
        status = rest_first ? check_last_raw_end(walk, last) : check_rest(walk);
    return status;
}

pe_status pe__accept_paged_sections(const pe_image *image, uint64_t file_size, pe_profile profile,
                                    pe_diag *diag)
{
    const pe_optional_header *optional = &image->optional;
    pe_section section = {0};
    struct walk walk = {
        .image = image,
        .file_size = file_size,
        .profile = profile,
        .cursor = pe__round_up(optional->size_of_headers, optional->section_alignment),
        .end = pe__round_up(optional->size_of_image, PE__PAGE),
        .diag = diag,
    };
    for (uint32_t i = 0; i < image->file.section_count; i++) {
        section = pe__decode_section(image, i);
        pe_status status = check_section(&walk, &section);
        if (status != PE_OK)
            return status;
    }
    return check_end(&walk, &section);
}

static pe_status check_flat_section(const struct walk *walk, const pe_section *section)
{
    if (section->rva.value != section->raw.value)
        return refuse(walk, PE__RULE_A62, section, SCN_VIRTUAL_ADDRESS, section->rva.value,
                      section->raw.value);
    if (pe__memory_size(section) > section->raw_size)
        return refuse(walk, PE__RULE_A62, section, SCN_VIRTUAL_SIZE, section->virtual_size,
                      section->raw_size);
    if (raw_end(section) > UINT32_MAX)
        return refuse(walk, PE__RULE_A62, section, SCN_RAW_SIZE, section->raw_size,
                      UINT32_MAX - section->raw.value);
    return PE_OK;
}

pe_status pe__accept_flat_sections(const pe_image *image, pe_diag *diag)
{
    struct walk walk = {.image = image, .diag = diag};
    for (uint32_t i = 0; i < image->file.section_count; i++) {
        pe_section section = pe__decode_section(image, i);
        pe_status status = check_flat_section(&walk, &section);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}
