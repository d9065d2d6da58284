#include "accept.h"
#include "bytes.h"
#include "headers.h"
#include "layout.h"
#include "rules.h"

/* What is judged. `image` is decoded once the rules before it hold. */
struct candidate {
    pe_span prefix;
    uint64_t file_size;
    pe_profile profile;
    pe_platform platform;
    uint64_t nt; /* e_lfanew */
    pe_image image;
};

/* Where a rule looked and what it found; `nt_status` stays 0 for the rule's own. */
struct finding {
    uint64_t offset, value, allowed;
    uint32_t nt_status;
};

/* One rule: true if it holds, else `found` says why. Rules of one table run in its order. */
struct check {
    pe__rule rule;
    unsigned profiles;
    bool (*holds)(const struct candidate *of, struct finding *found);
};

static bool require(bool holds, uint64_t offset, uint64_t value, uint64_t allowed,
                    struct finding *found)
{
    *found = (struct finding){offset, value, allowed, 0};
    return holds;
}

static bool require_file(bool holds, const struct candidate *of, uint32_t field, uint64_t value,
                         uint64_t allowed, struct finding *found)
{
    return require(holds, of->nt + field, value, allowed, found);
}

static bool require_optional(bool holds, const struct candidate *of, uint32_t field, uint64_t value,
                             uint64_t allowed, struct finding *found)
{
    return require(holds, of->nt + FILE_END + field, value, allowed, found);
}

static bool is_power_of_two_or_zero(uint32_t value)
{
    return (value & (value - 1)) == 0;
}

/* ---- The file and its DOS header ---- */

static bool is_not_empty(const struct candidate *of, struct finding *found)
{
    return require(of->file_size > 0, 0, of->file_size, 1, found);
}

static bool is_below_4_gb(const struct candidate *of, struct finding *found)
{
    return require(of->file_size <= UINT32_MAX, 0, of->file_size, UINT32_MAX, found);
}

static bool has_dos_header(const struct candidate *of, struct finding *found)
{
    if (of->file_size < DOS_SIZE && pe__u16_at(of->prefix, DOS_MAGIC) == DOS_MAGIC_MZ)
        return require(false, DOS_MAGIC, of->file_size, DOS_SIZE, found);
    uint16_t magic = pe__u16_at(of->prefix, DOS_MAGIC);
    return require(magic == DOS_MAGIC_MZ, DOS_MAGIC, magic, DOS_MAGIC_MZ, found);
}

static bool lfanew_does_not_wrap(const struct candidate *of, struct finding *found)
{
    uint64_t limit = UINT32_MAX - NT_HEADERS_SIZE_64;
    return require(of->nt <= limit, DOS_LFANEW, of->nt, limit, found);
}

static bool nt_headers_in_file(const struct candidate *of, struct finding *found)
{
    bool holds = pe_range_ok(of->file_size, of->nt, NT_HEADERS_SIZE_64);
    uint64_t room = of->file_size < NT_HEADERS_SIZE_64 ? 0 : of->file_size - NT_HEADERS_SIZE_64;
    return require(holds, DOS_LFANEW, of->nt, room, found);
}

/* 16-bit images are told from others by the system they were made for. */
static uint32_t ne_status(const struct candidate *of)
{
    uint16_t type = pe__u16_at(of->prefix, of->nt + NE_EXETYPE) & 0xFF;
    if (type == NE_EXETYPE_WINDOWS)
        return PE_NT_INVALID_IMAGE_WIN_16;
    return type == NE_EXETYPE_DOS_EXTENDER ? PE_NT_INVALID_IMAGE_PROTECT
                                           : PE_NT_INVALID_IMAGE_NE_FORMAT;
}

static bool has_pe_signature(const struct candidate *of, struct finding *found)
{
    uint32_t signature = pe__u32_at(of->prefix, of->nt);
    bool holds = require(signature == NT_SIGNATURE, of->nt, signature, NT_SIGNATURE, found);
    if ((signature & 0xFFFF) == NE_SIGNATURE)
        found->nt_status = ne_status(of);
    return holds;
}

/* ---- File and optional header ---- */

static bool has_machine_or_optional(const struct candidate *of, struct finding *found)
{
    const pe_file_header *file = &of->image.file;
    return require_file(file->machine != 0 || file->optional_header_size != 0, of, FILE_MACHINE,
                        file->machine, PE_MACHINE_AMD64, found);
}

static bool is_executable_image(const struct candidate *of, struct finding *found)
{
    uint16_t flags = of->image.file.characteristics;
    return require_file((flags & PE_FILE_EXECUTABLE_IMAGE) != 0, of, FILE_CHARACTERISTICS, flags,
                        PE_FILE_EXECUTABLE_IMAGE, found);
}

static bool lfanew_is_aligned(const struct candidate *of, struct finding *found)
{
    return require(of->nt % 4 == 0, DOS_LFANEW, of->nt, 4, found);
}

static bool has_known_magic(const struct candidate *of, struct finding *found)
{
    uint16_t magic = of->image.optional.magic;
    return require_optional(magic == PE_MAGIC_PE32 || magic == PE_MAGIC_PE32_PLUS, of, OPT_MAGIC,
                            magic, PE_MAGIC_PE32_PLUS, found);
}

static bool file_alignment_is_sectors(const struct candidate *of, struct finding *found)
{
    const pe_optional_header *o = &of->image.optional;
    bool holds = o->file_alignment % PE__SECTOR == 0 || o->file_alignment == o->section_alignment;
    return require_optional(holds, of, OPT_FILE_ALIGNMENT, o->file_alignment, PE__SECTOR, found);
}

static bool file_alignment_is_not_0(const struct candidate *of, struct finding *found)
{
    uint32_t alignment = of->image.optional.file_alignment;
    return require_optional(alignment != 0, of, OPT_FILE_ALIGNMENT, alignment, PE__SECTOR, found);
}

static bool section_alignment_is_power(const struct candidate *of, struct finding *found)
{
    uint32_t alignment = of->image.optional.section_alignment;
    return require_optional(is_power_of_two_or_zero(alignment), of, OPT_SECTION_ALIGNMENT,
                            alignment, PE__PAGE, found);
}

static bool file_alignment_is_power(const struct candidate *of, struct finding *found)
{
    uint32_t alignment = of->image.optional.file_alignment;
    return require_optional(is_power_of_two_or_zero(alignment), of, OPT_FILE_ALIGNMENT, alignment,
                            PE__SECTOR, found);
}

static bool alignments_are_ordered(const struct candidate *of, struct finding *found)
{
    const pe_optional_header *o = &of->image.optional;
    return require_optional(o->section_alignment >= o->file_alignment, of, OPT_SECTION_ALIGNMENT,
                            o->section_alignment, o->file_alignment, found);
}

static bool image_is_not_too_big(const struct candidate *of, struct finding *found)
{
    uint32_t size = of->image.optional.size_of_image, limit = 0x77000000;
    return require_optional(size <= limit, of, OPT_SIZE_OF_IMAGE, size, limit, found);
}

static bool has_96_sections_at_most(const struct candidate *of, struct finding *found)
{
    uint32_t count = of->image.file.section_count, limit = 96;
    return require_file(count <= limit, of, FILE_SECTION_COUNT, count, limit, found);
}

static bool is_64_bit_machine(uint16_t machine)
{
    switch (machine) {
    case PE_MACHINE_AMD64:
    case PE_MACHINE_ARM64:
    case PE_MACHINE_ARM64EC:
    case PE_MACHINE_ARM64X:
    case PE_MACHINE_IA64:
    case PE_MACHINE_ALPHA64:
    case PE_MACHINE_RISCV64:
    case PE_MACHINE_RISCV128:
    case PE_MACHINE_LOONGARCH64:
        return true;
    default:
        return false;
    }
}

static bool is_x86(uint16_t machine)
{
    return machine == PE_MACHINE_I386 || machine == PE_MACHINE_AMD64;
}

static bool platform_runs(pe_platform platform, uint16_t machine)
{
    if (platform == PE_PLATFORM_ARM64)
        return is_x86(machine) || machine == PE_MACHINE_ARM64 || machine == PE_MACHINE_ARMNT;
    return platform == PE_PLATFORM_ANY || is_x86(machine);
}

static bool machine_fits_magic(const struct candidate *of, struct finding *found)
{
    uint16_t machine = of->image.file.machine;
    bool is_64 = pe_is_64(&of->image);
    bool holds = is_64_bit_machine(machine) == is_64 && platform_runs(of->platform, machine);
    return require_file(holds, of, FILE_MACHINE, machine,
                        is_64 ? PE_MACHINE_AMD64 : PE_MACHINE_I386, found);
}

static bool arm_is_protected(const struct candidate *of, struct finding *found)
{
    uint16_t machine = of->image.file.machine, flags = of->image.optional.dll_characteristics;
    uint16_t required = PE_DLL_NX_COMPAT | PE_DLL_DYNAMIC_BASE;
    bool is_arm = machine == PE_MACHINE_ARM64 || machine == PE_MACHINE_ARMNT;
    return require_optional(!is_arm || (flags & required) == required, of, OPT_DLL_CHARACTERISTICS,
                            flags, required, found);
}

static bool flat_image_is_x86(const struct candidate *of, struct finding *found)
{
    uint32_t alignment = of->image.optional.section_alignment;
    return require_optional(is_x86(of->image.file.machine) || alignment >= PE__PAGE, of,
                            OPT_SECTION_ALIGNMENT, alignment, PE__PAGE, found);
}

static bool headers_in_image(const struct candidate *of, struct finding *found)
{
    const pe_optional_header *o = &of->image.optional;
    return require_optional(o->size_of_headers < o->size_of_image, of, OPT_SIZE_OF_HEADERS,
                            o->size_of_headers, o->size_of_image, found);
}

static bool image_is_not_empty(const struct candidate *of, struct finding *found)
{
    uint32_t size = of->image.optional.size_of_image;
    return require_optional(size != 0, of, OPT_SIZE_OF_IMAGE, size, 1, found);
}

static bool base_is_aligned(const struct candidate *of, struct finding *found)
{
    uint64_t base = of->image.optional.image_base;
    uint32_t field = pe_is_64(&of->image) ? OPT_IMAGE_BASE_64 : OPT_IMAGE_BASE;
    return require_optional(base % 0x10000 == 0, of, field, base, 0x10000, found);
}

/* ---- Where the section table lies ---- */

static bool table_starts_in_file(const struct candidate *of, struct finding *found)
{
    uint64_t start = of->image.section_table.value;
    uint64_t page = start - start % PE__PAGE;
    return require_file(page < of->file_size, of, FILE_OPTIONAL_SIZE, start, of->file_size, found);
}

static bool table_ends_in_file(const struct candidate *of, struct finding *found)
{
    uint64_t end = pe__table_end(&of->image);
    return require_file(end <= of->file_size, of, FILE_SECTION_COUNT, end, of->file_size, found);
}

/* Older kernels map the page with the table and count from its start. */
static bool table_ends_in_file_from_page(const struct candidate *of, struct finding *found)
{
    uint64_t start = of->image.section_table.value;
    uint64_t end = pe__table_end(&of->image) - (start - start % PE__PAGE);
    return require_file(end <= of->file_size, of, FILE_SECTION_COUNT, end, of->file_size, found);
}

/* What the headers take, counted from the PE signature. */
static uint64_t header_span(const struct candidate *of)
{
    return pe__table_end(&of->image) - of->nt;
}

static bool table_in_image(const struct candidate *of, struct finding *found)
{
    uint64_t limit = of->image.optional.size_of_image;
    uint64_t end = pe__table_end(&of->image);
    if (end > UINT32_MAX)
        return require_file(false, of, FILE_SECTION_COUNT, end, UINT32_MAX, found);
    return require_file(header_span(of) < limit, of, FILE_SECTION_COUNT, header_span(of), limit,
                        found);
}

static bool table_in_image_from_page(const struct candidate *of, struct finding *found)
{
    const pe_optional_header *o = &of->image.optional;
    uint64_t end = pe__max(o->size_of_headers, header_span(of) + of->nt % PE__PAGE);
    return require_file(end < o->size_of_image, of, FILE_SECTION_COUNT, end, o->size_of_image,
                        found);
}

/* ---- Page-aligned images: headers and image as a whole ---- */

static uint64_t align_to_sections(const struct candidate *of, uint64_t size)
{
    return pe__round_up(size, of->image.optional.section_alignment);
}

static uint64_t image_pages_end(const struct candidate *of)
{
    return pe__round_up(of->image.optional.size_of_image, PE__PAGE);
}

static bool header_size_can_be_aligned(const struct candidate *of, struct finding *found)
{
    const pe_optional_header *o = &of->image.optional;
    uint32_t limit = UINT32_MAX - (o->section_alignment - 1);
    return require_optional(o->size_of_headers != 0 && o->size_of_headers <= limit, of,
                            OPT_SIZE_OF_HEADERS, o->size_of_headers, limit, found);
}

static bool aligned_headers_in_image(const struct candidate *of, struct finding *found)
{
    uint64_t end = align_to_sections(of, of->image.optional.size_of_headers);
    return require_optional(end <= image_pages_end(of), of, OPT_SIZE_OF_HEADERS, end,
                            image_pages_end(of), found);
}

static bool has_sections(const struct candidate *of, struct finding *found)
{
    uint16_t count = of->image.file.section_count;
    return require_file(count != 0, of, FILE_SECTION_COUNT, count, 1, found);
}

/* ---- The tables, in Windows's order: what comes first decides the status ---- */

#define ALL_PROFILES PE__ALL
#define OLD_PROFILES (PE_WIN7 | PE_WINXP)

static const struct check file_checks[] = {
    {PE__RULE_A1, ALL_PROFILES, is_not_empty},       {PE__RULE_A2, PE_WIN10, is_below_4_gb},
    {PE__RULE_A3, ALL_PROFILES, has_dos_header},     {PE__RULE_A4, PE_WIN10, lfanew_does_not_wrap},
    {PE__RULE_A5, ALL_PROFILES, nt_headers_in_file}, {PE__RULE_A6, ALL_PROFILES, has_pe_signature},
};

static const struct check header_checks[] = {
    {PE__RULE_A7, ALL_PROFILES, has_machine_or_optional},
    {PE__RULE_A8, ALL_PROFILES, is_executable_image},
    {PE__RULE_A9, ALL_PROFILES, lfanew_is_aligned},
    {PE__RULE_A10, ALL_PROFILES, has_known_magic},
    {PE__RULE_A11, ALL_PROFILES, file_alignment_is_sectors},
    {PE__RULE_A12, ALL_PROFILES, file_alignment_is_not_0},
    {PE__RULE_A13, ALL_PROFILES, section_alignment_is_power},
    {PE__RULE_A14, ALL_PROFILES, file_alignment_is_power},
    {PE__RULE_A15, ALL_PROFILES, alignments_are_ordered},
    {PE__RULE_A16, ALL_PROFILES, image_is_not_too_big},
    {PE__RULE_A17, PE_WINXP, has_96_sections_at_most},
    {PE__RULE_A18, ALL_PROFILES, machine_fits_magic},
    {PE__RULE_A19, PE_WIN10 | PE_WIN7, headers_in_image},
    {PE__RULE_A20, ALL_PROFILES, image_is_not_empty},
    {PE__RULE_A21, ALL_PROFILES, base_is_aligned},
    {PE__RULE_A19, PE_WINXP, headers_in_image},
    {PE__RULE_A22, PE_WIN10, arm_is_protected},
    {PE__RULE_A23, ALL_PROFILES, flat_image_is_x86},
    {PE__RULE_A31, PE_WIN10 | PE_WINXP, table_starts_in_file},
    {PE__RULE_A32, PE_WIN10, table_ends_in_file},
    {PE__RULE_A32, OLD_PROFILES, table_ends_in_file_from_page},
    {PE__RULE_A33, PE_WIN10, table_in_image},
    {PE__RULE_A33, PE_WIN7, table_in_image_from_page},
};

static const struct check paged_image_checks[] = {
    {PE__RULE_A40, ALL_PROFILES, header_size_can_be_aligned},
    {PE__RULE_A41, ALL_PROFILES, aligned_headers_in_image},
    {PE__RULE_A42, ALL_PROFILES, has_sections},
};

/* ---- Running them ---- */

static pe_status run(const struct check *checks, size_t count, const struct candidate *of,
                     pe_diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        struct finding found;
        if ((checks[i].profiles & of->profile) == 0 || checks[i].holds(of, &found))
            continue;
        pe__violation(checks[i].rule, found.offset, found.value, found.allowed, diag);
        if (diag != NULL && found.nt_status != 0)
            diag->nt_status = found.nt_status;
        return PE_REFUSED;
    }
    return PE_OK;
}

#define RUN(checks, of, diag) run(checks, sizeof(checks) / sizeof(checks)[0], of, diag)

pe_status pe_accept(pe_span prefix, uint64_t file_size, pe_profile profile, pe_diag *diag)
{
    return pe_accept_on(prefix, file_size, profile, PE_PLATFORM_X64, diag);
}

pe_status pe_accept_on(pe_span prefix, uint64_t file_size, pe_profile profile, pe_platform platform,
                       pe_diag *diag)
{
    struct candidate candidate = {
        .prefix = {prefix.data, pe__min(prefix.size, file_size)},
        .file_size = file_size,
        .profile = profile,
        .platform = platform,
    };
    candidate.nt = pe__u32_at(candidate.prefix, DOS_LFANEW);
    pe_status status = RUN(file_checks, &candidate, diag);
    if (status != PE_OK)
        return status;
    candidate.image = pe__decode(candidate.prefix, PE_LAYOUT_FILE, candidate.nt);
    status = RUN(header_checks, &candidate, diag);
    if (status != PE_OK)
        return status;
    if (pe__is_flat(&candidate.image))
        return pe__accept_flat_sections(&candidate.image, diag);
    status = RUN(paged_image_checks, &candidate, diag);
    if (status != PE_OK)
        return status;
    return pe__accept_paged_sections(&candidate.image, file_size, profile, diag);
}
