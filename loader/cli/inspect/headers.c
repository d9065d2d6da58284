#include "report.h"

#include <inttypes.h>
#include <string.h>

enum { DECIMAL = 0, FIELDS_MAX = 48 };

/* One header field; `digits` is the least number of hex digits, or DECIMAL. */
typedef struct field {
    const char *name;
    uint64_t value;
    int digits;
} field;

static const char *machine_name(uint16_t machine)
{
    switch (machine) {
    case PE_MACHINE_I386:
        return "x86";
    case PE_MACHINE_AMD64:
        return "x64";
    case PE_MACHINE_ARMNT:
        return "ARM";
    case PE_MACHINE_ARM64:
        return "ARM64";
    default:
        return pe_machine_name(machine) != NULL ? pe_machine_name(machine) : "unknown machine";
    }
}

static void print_verdict(const inspect_report *report, const char *path)
{
    const pe_image *image = report->image;
    const pe_diag *why = &report->verdict.why;
    bool is_dll = (image->file.characteristics & PE_FILE_DLL) != 0;
    printf("%s: %s %s for %s (0x%04x)\n", path, pe_is_64(image) ? "PE32+" : "PE32",
           is_dll ? "DLL" : "EXE", machine_name(image->file.machine), image->file.machine);
    if (report->verdict.status == LDR_OK) {
        inspect_paint(report, INSPECT_GOOD, "Windows 10 accepts it");
        putchar('\n');
        return;
    }
    inspect_paint(report, INSPECT_BAD, "Windows 10 refuses it");
    printf(": %s, rule %s at offset 0x%" PRIx64 ": %s (found 0x%" PRIx64 ", allowed 0x%" PRIx64
           ")\n",
           pe_nt_status_name(why->nt_status), why->rule, why->offset, why->detail, why->value,
           why->allowed);
}

void inspect_verdict(inspect_report *report, const char *path)
{
    pe_span bytes = report->image->bytes;
    pe_diag why;
    report->verdict = (ldr_diag){.status = LDR_OK};
    if (pe_accept(bytes, bytes.size, PE_WIN10, &why) != PE_OK) {
        cli_fail(&report->verdict, LDR_IMAGE_REFUSED, why.nt_status, path);
        report->verdict.why = why;
    }
    if (report->json == NULL) {
        print_verdict(report, path);
        return;
    }
    cli_json_diag(report->json, &report->verdict);
    cli_json_text(report->json, "format", pe_is_64(report->image) ? "PE32+" : "PE32");
    cli_json_text(report->json, "machine", pe_machine_name(report->image->file.machine));
}

static size_t file_header_fields(const pe_file_header *file, field fields[])
{
    const field all[] = {
        {"machine", file->machine, 4},
        {"section_count", file->section_count, DECIMAL},
        {"time_date_stamp", file->time_date_stamp, 8},
        {"symbol_table", file->symbol_table, 1},
        {"symbol_count", file->symbol_count, DECIMAL},
        {"optional_header_size", file->optional_header_size, DECIMAL},
        {"characteristics", file->characteristics, 4},
    };
    memcpy(fields, all, sizeof all);
    return sizeof all / sizeof all[0];
}

static size_t optional_header_fields(const pe_optional_header *optional, field fields[])
{
    const field all[] = {
        {"magic", optional->magic, 4},
        {"linker_major", optional->linker_major, DECIMAL},
        {"linker_minor", optional->linker_minor, DECIMAL},
        {"size_of_code", optional->size_of_code, 1},
        {"size_of_initialized_data", optional->size_of_initialized_data, 1},
        {"size_of_uninitialized_data", optional->size_of_uninitialized_data, 1},
        {"entry_point", optional->entry_point.value, 8},
        {"base_of_code", optional->base_of_code.value, 8},
        {"base_of_data", optional->base_of_data.value, 8},
        {"image_base", optional->image_base, 1},
        {"section_alignment", optional->section_alignment, 1},
        {"file_alignment", optional->file_alignment, 1},
        {"os_major", optional->os_major, DECIMAL},
        {"os_minor", optional->os_minor, DECIMAL},
        {"image_major", optional->image_major, DECIMAL},
        {"image_minor", optional->image_minor, DECIMAL},
        {"subsystem_major", optional->subsystem_major, DECIMAL},
        {"subsystem_minor", optional->subsystem_minor, DECIMAL},
        {"win32_version", optional->win32_version, DECIMAL},
        {"size_of_image", optional->size_of_image, 1},
        {"size_of_headers", optional->size_of_headers, 1},
        {"checksum", optional->checksum, 8},
        {"subsystem", optional->subsystem, DECIMAL},
        {"dll_characteristics", optional->dll_characteristics, 4},
        {"stack_reserve", optional->stack_reserve, 1},
        {"stack_commit", optional->stack_commit, 1},
        {"heap_reserve", optional->heap_reserve, 1},
        {"heap_commit", optional->heap_commit, 1},
        {"loader_flags", optional->loader_flags, 1},
        {"directory_count", optional->directory_count, DECIMAL},
    };
    memcpy(fields, all, sizeof all);
    return sizeof all / sizeof all[0];
}

static void show_fields(inspect_report *report, const char *title, uint64_t offset,
                        const field *fields, size_t count)
{
    cli_json *json = report->json;
    if (json != NULL) {
        cli_json_open(json, title, '{');
        cli_json_number(json, "offset", offset);
    } else {
        putchar('\n');
        inspect_paint(report, INSPECT_TITLE, title);
        printf(" at offset 0x%" PRIx64 "\n", offset);
    }
    for (size_t i = 0; i < count; i++) {
        const field *at = &fields[i];
        if (json != NULL && at->digits == DECIMAL)
            cli_json_number(json, at->name, at->value);
        else if (json != NULL)
            cli_json_hex(json, at->name, at->value, at->digits);
        else if (at->digits == DECIMAL)
            printf("  %-28s%" PRIu64 "\n", at->name, at->value);
        else
            printf("  %-28s0x%0*" PRIx64 "\n", at->name, at->digits, at->value);
    }
    if (json != NULL)
        cli_json_close(json, '}');
}

void inspect_headers(inspect_report *report)
{
    const pe_image *image = report->image;
    field fields[FIELDS_MAX];
    size_t count = file_header_fields(&image->file, fields);
    show_fields(report, "file_header", image->file.offset.value, fields, count);
    count = optional_header_fields(&image->optional, fields);
    show_fields(report, "optional_header", image->optional.offset.value, fields, count);
}

/* [PE Optional Header Data Directories] */
static uint64_t directory_offset(const pe_image *image, pe_directory_index index)
{
    uint64_t first = pe_is_64(image) ? 112 : 96;
    return image->optional.offset.value + first + 8 * (uint64_t)index;
}

static void show_directory(inspect_report *report, pe_directory_index index, pe_directory entry)
{
    if (report->json == NULL) {
        printf("  %-2d  %-24s0x%08x  0x%08x\n", (int)index, pe_directory_name(index),
               entry.rva.value, entry.size);
        return;
    }
    cli_json_open(report->json, NULL, '{');
    inspect_json_range(report->json, "offset", directory_offset(report->image, index), 8);
    cli_json_number(report->json, "index", index);
    cli_json_text(report->json, "name", pe_directory_name(index));
    cli_json_number(report->json, "rva", entry.rva.value);
    cli_json_number(report->json, "size", entry.size);
    cli_json_close(report->json, '}');
}

void inspect_directories(inspect_report *report)
{
    uint32_t count = 0;
    inspect_open_table(report, "directories");
    if (report->json == NULL)
        printf("  %-2s  %-24s%-10s  %s\n", "#", "name", "rva", "size");
    for (int i = 0; i < PE_DIRECTORY_COUNT; i++) {
        pe_directory entry = pe_directory_at(report->image, (pe_directory_index)i);
        if (entry.rva.value == 0 && entry.size == 0)
            continue;
        show_directory(report, (pe_directory_index)i, entry);
        count++;
    }
    inspect_close_table(report, count, PE_OK);
}
