#include "report.h"

#include <inttypes.h>

enum { DEBUG_ENTRY_SIZE = 28, GUID_TEXT = 37 };

/* As debuggers write it: the first three parts are stored little-endian. */
static void guid_text(const uint8_t g[PE_GUID_SIZE], char ret_text[GUID_TEXT])
{
    snprintf(ret_text, GUID_TEXT,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2],
             g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
             g[15]);
}

static bool show_codeview(inspect_report *report, const pe_debug_entry *entry)
{
    char guid[GUID_TEXT];
    pe_codeview codeview;
    cli_json *json = report->json;
    if (pe_codeview_open(entry, &codeview) != PE_OK || !inspect_charge(report, codeview.path))
        return false;
    bool is_rsds = codeview.signature == PE_CODEVIEW_RSDS;
    guid_text(codeview.guid, guid);
    if (json != NULL) {
        cli_json_open(json, "codeview", '{');
        cli_json_text(json, "signature", is_rsds ? "RSDS" : "NB10");
        if (is_rsds)
            cli_json_text(json, "guid", guid);
        else
            cli_json_hex(json, "time_date_stamp", codeview.time_date_stamp, 8);
        cli_json_number(json, "age", codeview.age);
        inspect_json_span(json, "path", codeview.path);
        cli_json_close(json, '}');
        return true;
    }
    if (is_rsds)
        printf("    %s, age %u: ", guid, codeview.age);
    else
        printf("    0x%08x, age %u: ", codeview.time_date_stamp, codeview.age);
    inspect_print_span(codeview.path);
    putchar('\n');
    return true;
}

static bool show_pogo(inspect_report *report, const pe_debug_entry *entry)
{
    pe_pogo_iter parts;
    pe_pogo part;
    cli_json *json = report->json;
    pe_pogo_entries(entry, &parts);
    if (parts.status != PE_OK)
        return false;
    if (json != NULL)
        cli_json_open(json, "pogo", '[');
    while (pe_pogo_next(&parts, &part) == PE_OK && inspect_charge(report, part.name)) {
        if (json != NULL) {
            cli_json_open(json, NULL, '{');
            cli_json_number(json, "rva", part.rva.value);
            cli_json_number(json, "size", part.size);
            inspect_json_span(json, "name", part.name);
            cli_json_close(json, '}');
            continue;
        }
        printf("    0x%08x  0x%08x  ", part.rva.value, part.size);
        inspect_print_span(part.name);
        putchar('\n');
    }
    if (json != NULL)
        cli_json_close(json, ']');
    return true;
}

static bool show_vc_feature(inspect_report *report, const pe_debug_entry *entry)
{
    pe_vc_feature feature;
    cli_json *json = report->json;
    if (pe_vc_feature_open(entry, &feature) != PE_OK)
        return false;
    if (json == NULL) {
        printf("    pre-VC11 %u, C/C++ %u, /GS %u, /sdl %u, guardN %u\n", feature.pre_vc11,
               feature.c_cpp, feature.gs, feature.sdl, feature.guard_n);
        return true;
    }
    cli_json_open(json, "vc_feature", '{');
    cli_json_number(json, "pre_vc11", feature.pre_vc11);
    cli_json_number(json, "c_cpp", feature.c_cpp);
    cli_json_number(json, "gs", feature.gs);
    cli_json_number(json, "sdl", feature.sdl);
    cli_json_number(json, "guard_n", feature.guard_n);
    cli_json_close(json, '}');
    return true;
}

static bool show_ex_dll_flags(inspect_report *report, const pe_debug_entry *entry)
{
    uint32_t flags;
    cli_json *json = report->json;
    if (pe_ex_dll_characteristics(entry, &flags) != PE_OK)
        return false;
    if (json != NULL) {
        cli_json_hex(json, "ex_dll_characteristics", flags, 1);
        cli_json_open(json, "ex_dll_characteristics_names", '[');
    } else {
        printf("    0x%x", flags);
    }
    for (uint32_t i = 0; i < 32; i++) {
        if ((flags >> i & 1) == 0)
            continue;
        const char *name = pe_ex_dll_flag_name(UINT32_C(1) << i);
        if (json != NULL)
            cli_json_text(json, NULL, name);
        else
            printf(" %s", name);
    }
    if (json != NULL)
        cli_json_close(json, ']');
    else
        putchar('\n');
    return true;
}

static void show_hash(const inspect_report *report, pe_span algorithm, pe_span hash)
{
    if (report->json == NULL) {
        printf("    ");
        inspect_print_span(algorithm);
        putchar(' ');
        cli_print_hex(stdout, hash.data, hash.size);
        putchar('\n');
        return;
    }
    inspect_json_span(report->json, "algorithm", algorithm);
    cli_json_dump(report->json, "hash", hash.data, hash.size);
}

static bool show_hashes(inspect_report *report, const pe_debug_entry *entry)
{
    static const uint8_t repro[] = {'r', 'e', 'p', 'r', 'o'};
    pe_pdb_checksum checksum;
    pe_span hash;
    if (pe_repro_open(entry, &hash) == PE_OK && inspect_charge(report, hash)) {
        show_hash(report, (pe_span){repro, sizeof repro}, hash);
        return true;
    }
    if (pe_pdb_checksum_open(entry, &checksum) == PE_OK &&
        inspect_charge(report, checksum.algorithm) && inspect_charge(report, checksum.hash)) {
        show_hash(report, checksum.algorithm, checksum.hash);
        return true;
    }
    return false;
}

static bool show_embedded(inspect_report *report, const pe_debug_entry *entry)
{
    pe_embedded_pdb pdb;
    if (pe_embedded_pdb_open(entry, &pdb) != PE_OK)
        return false;
    if (report->json != NULL)
        cli_json_number(report->json, "uncompressed_size", pdb.uncompressed_size);
    else
        printf("    %u bytes uncompressed\n", pdb.uncompressed_size);
    return true;
}

static void show_fpo(const inspect_report *report, const pe_fpo *fpo)
{
    cli_json *json = report->json;
    if (json == NULL) {
        printf("    0x%08x  0x%x bytes, prolog %u, locals %u, parameters %u\n", fpo->start,
               fpo->size, fpo->prolog, fpo->locals, fpo->params);
        return;
    }
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "start", fpo->start);
    cli_json_number(json, "size", fpo->size);
    cli_json_number(json, "locals", fpo->locals);
    cli_json_number(json, "params", fpo->params);
    cli_json_number(json, "prolog", fpo->prolog);
    cli_json_number(json, "saved_registers", fpo->saved_registers);
    cli_json_bool(json, "has_seh", fpo->has_seh);
    cli_json_bool(json, "uses_ebp", fpo->uses_ebp);
    cli_json_number(json, "frame", fpo->frame);
    cli_json_close(json, '}');
}

static bool show_fpos(inspect_report *report, const pe_debug_entry *entry)
{
    pe_fpo fpo;
    if (pe_fpo_at(entry, 0, &fpo) != PE_OK)
        return false;
    if (report->json != NULL)
        cli_json_open(report->json, "fpo", '[');
    for (uint32_t i = 0; pe_fpo_at(entry, i, &fpo) == PE_OK; i++) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_fpo(report, &fpo);
    }
    if (report->json != NULL)
        cli_json_close(report->json, ']');
    return true;
}

/* What an entry holds, if it is of a type that is decoded. */
static void show_contents(inspect_report *report, const pe_debug_entry *entry)
{
    static bool (*const kinds[])(inspect_report *, const pe_debug_entry *) = {
        show_codeview, show_pogo,     show_vc_feature, show_ex_dll_flags,
        show_hashes,   show_embedded, show_fpos};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i](report, entry))
            return;
    }
}

static void show_entry(inspect_report *report, const pe_debug_entry *entry)
{
    cli_json *json = report->json;
    const char *name = pe_debug_type_name(entry->type);
    if (json == NULL) {
        printf("  0x%08x  0x%08" PRIx64 "  0x%08x  0x%08x  %2u %s\n", entry->rva.value,
               entry->raw.value, entry->size, entry->time_date_stamp, entry->type,
               name != NULL ? name : "");
        show_contents(report, entry);
        return;
    }
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "rva", entry->at.value, DEBUG_ENTRY_SIZE);
    cli_json_number(json, "type", entry->type);
    cli_json_text(json, "type_name", name);
    cli_json_hex(json, "characteristics", entry->characteristics, 8);
    cli_json_hex(json, "time_date_stamp", entry->time_date_stamp, 8);
    cli_json_number(json, "major", entry->major);
    cli_json_number(json, "minor", entry->minor);
    cli_json_number(json, "rva", entry->rva.value);
    cli_json_number(json, "raw", entry->raw.value);
    cli_json_number(json, "size", entry->size);
    cli_json_text(json, "status", pe_status_text(entry->status));
    show_contents(report, entry);
    cli_json_close(json, '}');
}

void inspect_debug(inspect_report *report)
{
    pe_debug_iter entries;
    pe_debug_entry entry;
    pe_status status;
    uint64_t count = 0;

    inspect_open_table(report, "debug");
    pe_debug_entries(report->image, &entries);
    while ((status = pe_debug_next(&entries, &entry)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_entry(report, &entry);
        count++;
    }
    inspect_close_table(report, count, status == PE_NOT_PRESENT ? PE_OK : status);
}
