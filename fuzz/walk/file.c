/* Facts about the file only, so that they are no part of the comparison of layouts. */
#include "walk.h"

void walk_certificates(const pe_image *image)
{
    struct walk walk = {.image = image};
    pe_certificate_iter certificates;
    pe_certificate certificate;
    pe_authenticode all;
    pe_certificates(image, &certificates);
    while (pe_certificate_next(&certificates, &certificate) == PE_OK)
        note_span(&walk, certificate.content);
    if (pe_authenticode_ranges(image, &all) != PE_OK)
        return;
    for (uint64_t i = 0, end = 0; i < PE_AUTHENTICODE_RANGES; i++) {
        const pe_file_range *range = &all.ranges[i];
        REQUIRE(range->offset.value >= end);
        REQUIRE(pe_range_ok(image->bytes.size, range->offset.value, range->size));
        end = range->offset.value + range->size;
    }
}

static void walk_rich(const pe_image *image)
{
    struct walk walk = {.image = image};
    pe_rich rich;
    pe_rich_entry entry;
    uint8_t clear;
    if (pe_rich_open(image, &rich) != PE_OK)
        return;
    note_span(&walk, rich.bytes);
    REQUIRE(pe_rich_at(&rich, rich.count, &entry) == PE_NOT_FOUND);
    REQUIRE(pe_rich_clear(&rich, rich.bytes.size - 1, &clear, 1) == PE_OK);
    for (uint32_t i = 0; i < rich.count; i++)
        REQUIRE(pe_rich_at(&rich, i, &entry) == PE_OK);
}

static void walk_symbols(const pe_image *image)
{
    struct walk walk = {.image = image};
    pe_coff_iter symbols;
    pe_coff_symbol symbol;
    pe_coff_symbols(image, &symbols);
    while (pe_coff_next(&symbols, &symbol) == PE_OK) {
        note_span(&walk, symbol.name);
        note_span(&walk, symbol.auxiliary);
        REQUIRE((symbol.name_status == PE_OK) == (symbol.name.data != NULL));
    }
}

static void walk_sections(const pe_image *image)
{
    struct walk walk = {.image = image};
    pe_section section;
    pe_span name;
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++) {
        pe_span bytes = pe_section_bytes(image, &section);
        REQUIRE(lies_inside(bytes, image->bytes));
        bytes.size = bytes.size < PAGE ? bytes.size : PAGE;
        REQUIRE(pe_charge(image, section.rva, 3 * bytes.size) != PE_OK ||
                pe_entropy(bytes) <= 8 * PE_ENTROPY_BIT);
        if (pe_section_name(image, &section, &name) == PE_OK)
            note_span(&walk, name);
    }
}

/* An offset that an RVA has is mapped there, or at a lower RVA. */
static void walk_places(const pe_image *image, pe_reading reading)
{
    for (uint64_t rva = 0; rva < image->optional.size_of_image && rva < 64 * PAGE;
         rva += PAGE / 4) {
        pe_offset offset, again;
        pe_rva back;
        if (pe_rva_to_offset(image, reading, (pe_rva){(uint32_t)rva}, &offset) != PE_OK)
            continue;
        REQUIRE(offset.value < image->bytes.size);
        if (pe_offset_to_rva(image, reading, offset, &back) != PE_OK)
            continue;
        pe_status status = pe_rva_to_offset(image, reading, back, &again);
        REQUIRE(status == PE_OK || status == PE_BUDGET_SPENT);
        REQUIRE(status != PE_OK || again.value == offset.value);
    }
}

static void walk_findings(const pe_image *image)
{
    pe_finding_iter findings;
    pe_finding finding;
    pe_findings(image, &findings);
    while (pe_finding_next(&findings, &finding) == PE_OK) {
        REQUIRE(pe_finding_name(finding.code) != NULL);
        REQUIRE(finding.offset.value < image->bytes.size);
    }
    REQUIRE(findings.status == PE_END || findings.status == PE_BUDGET_SPENT);
    REQUIRE(pe_finding_next(&findings, &finding) == findings.status);
}

void walk_file(const pe_image *image)
{
    struct walk walk = {.image = image};
    pe_span overlay;
    uint32_t checksum;
    REQUIRE(pe_checksum(image, &checksum) == PE_OK);
    if (pe_overlay(image, &overlay) == PE_OK)
        note_span(&walk, overlay);
    walk_certificates(image);
    walk_rich(image);
    walk_symbols(image);
    walk_sections(image);
    walk_places(image, PE_READING_WINDOWS);
    walk_places(image, PE_READING_SPECIFICATION);
    walk_findings(image);
}
