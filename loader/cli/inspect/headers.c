#include "report.h"

#include <inttypes.h>

enum { DOS_HEADER_SIZE = 64 };

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

static void show_dos_header(inspect_report *report)
{
    pe_dos_header dos = pe_dos(report->image);
    inspect_open_record(report, "dos_header", INSPECT_BLOCK);
    inspect_range(report, "offset", 0, DOS_HEADER_SIZE);
#define X(name, offset) inspect_hex(report, #name, dos.name, 4);
    PE_DOS_FIELDS(X)
#undef X
    inspect_hex(report, "e_lfanew", dos.e_lfanew, 8);
    inspect_close_record(report);
}

static void show_file_header(inspect_report *report)
{
    const pe_file_header *file = &report->image->file;
    inspect_open_record(report, "file_header", INSPECT_BLOCK);
    inspect_number(report, "offset", file->offset.value);
    inspect_hex(report, "machine", file->machine, 4);
    inspect_number(report, "section_count", file->section_count);
    inspect_hex(report, "time_date_stamp", file->time_date_stamp, 8);
    inspect_hex(report, "symbol_table", file->symbol_table, 1);
    inspect_number(report, "symbol_count", file->symbol_count);
    inspect_number(report, "optional_header_size", file->optional_header_size);
    inspect_hex(report, "characteristics", file->characteristics, 4);
    inspect_flags(report, "characteristics_names", file->characteristics, pe_file_flag_name);
    inspect_close_record(report);
}

/* Up to the alignments: what the linker made. */
static void show_standard_fields(inspect_report *report, const pe_optional_header *optional)
{
    inspect_hex(report, "magic", optional->magic, 4);
    inspect_number(report, "linker_major", optional->linker_major);
    inspect_number(report, "linker_minor", optional->linker_minor);
    inspect_hex(report, "size_of_code", optional->size_of_code, 1);
    inspect_hex(report, "size_of_initialized_data", optional->size_of_initialized_data, 1);
    inspect_hex(report, "size_of_uninitialized_data", optional->size_of_uninitialized_data, 1);
    inspect_hex(report, "entry_point", optional->entry_point.value, 8);
    inspect_hex(report, "base_of_code", optional->base_of_code.value, 8);
    inspect_hex(report, "base_of_data", optional->base_of_data.value, 8);
    inspect_hex(report, "image_base", optional->image_base, 1);
    inspect_hex(report, "section_alignment", optional->section_alignment, 1);
    inspect_hex(report, "file_alignment", optional->file_alignment, 1);
}

/* What Windows is asked for. */
static void show_windows_fields(inspect_report *report, const pe_optional_header *optional)
{
    inspect_number(report, "os_major", optional->os_major);
    inspect_number(report, "os_minor", optional->os_minor);
    inspect_number(report, "image_major", optional->image_major);
    inspect_number(report, "image_minor", optional->image_minor);
    inspect_number(report, "subsystem_major", optional->subsystem_major);
    inspect_number(report, "subsystem_minor", optional->subsystem_minor);
    inspect_number(report, "win32_version", optional->win32_version);
    inspect_hex(report, "size_of_image", optional->size_of_image, 1);
    inspect_hex(report, "size_of_headers", optional->size_of_headers, 1);
    inspect_hex(report, "checksum", optional->checksum, 8);
    inspect_number(report, "subsystem", optional->subsystem);
    inspect_text(report, "subsystem_name", pe_subsystem_name(optional->subsystem));
    inspect_hex(report, "dll_characteristics", optional->dll_characteristics, 4);
    inspect_flags(report, "dll_characteristics_names", optional->dll_characteristics,
                  pe_dll_flag_name);
    inspect_hex(report, "stack_reserve", optional->stack_reserve, 1);
    inspect_hex(report, "stack_commit", optional->stack_commit, 1);
    inspect_hex(report, "heap_reserve", optional->heap_reserve, 1);
    inspect_hex(report, "heap_commit", optional->heap_commit, 1);
    inspect_hex(report, "loader_flags", optional->loader_flags, 1);
    inspect_number(report, "directory_count", optional->directory_count);
}

static void show_optional_header(inspect_report *report)
{
    const pe_optional_header *optional = &report->image->optional;
    inspect_open_record(report, "optional_header", INSPECT_BLOCK);
    inspect_number(report, "offset", optional->offset.value);
    show_standard_fields(report, optional);
    show_windows_fields(report, optional);
    inspect_close_record(report);
}

void inspect_headers(inspect_report *report)
{
    show_dos_header(report);
    show_file_header(report);
    show_optional_header(report);
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
