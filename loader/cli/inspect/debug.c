#include "report.h"

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
    if (pe_codeview_open(entry, &codeview) != PE_OK || !inspect_charge(report, codeview.path))
        return false;
    bool is_rsds = codeview.signature == PE_CODEVIEW_RSDS;
    guid_text(codeview.guid, guid);
    inspect_open_record(report, "codeview", INSPECT_ROW);
    inspect_text(report, "signature", is_rsds ? "RSDS" : "NB10");
    if (is_rsds)
        inspect_text(report, "guid", guid);
    else
        inspect_hex(report, "time_date_stamp", codeview.time_date_stamp, 8);
    inspect_number(report, "age", codeview.age);
    inspect_span(report, "path", codeview.path);
    inspect_close_record(report);
    return true;
}

static bool show_pogo(inspect_report *report, const pe_debug_entry *entry)
{
    pe_pogo_iter parts;
    pe_pogo part;
    pe_pogo_entries(entry, &parts);
    if (parts.status != PE_OK)
        return false;
    inspect_open_list(report, "pogo");
    while (pe_pogo_next(&parts, &part) == PE_OK && inspect_charge(report, part.name)) {
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_rva(report, "rva", part.rva);
        inspect_number(report, "size", part.size);
        inspect_span(report, "name", part.name);
        inspect_close_record(report);
    }
    inspect_close_list(report);
    return true;
}

static bool show_vc_feature(inspect_report *report, const pe_debug_entry *entry)
{
    pe_vc_feature feature;
    if (pe_vc_feature_open(entry, &feature) != PE_OK)
        return false;
    inspect_open_record(report, "vc_feature", INSPECT_ROW);
    inspect_number(report, "pre_vc11", feature.pre_vc11);
    inspect_number(report, "c_cpp", feature.c_cpp);
    inspect_number(report, "gs", feature.gs);
    inspect_number(report, "sdl", feature.sdl);
    inspect_number(report, "guard_n", feature.guard_n);
    inspect_close_record(report);
    return true;
}

static bool show_ex_dll_flags(inspect_report *report, const pe_debug_entry *entry)
{
    uint32_t flags;
    if (pe_ex_dll_characteristics(entry, &flags) != PE_OK)
        return false;
    inspect_hex(report, "ex_dll_characteristics", flags, 1);
    inspect_flags(report, "ex_dll_characteristics_names", flags, pe_ex_dll_flag_name);
    return true;
}

static void show_hash(inspect_report *report, pe_span algorithm, pe_span hash)
{
    inspect_span(report, "algorithm", algorithm);
    inspect_dump(report, "hash", hash.data, (size_t)hash.size);
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
    inspect_number(report, "uncompressed_size", pdb.uncompressed_size);
    return true;
}

static void show_fpo(inspect_report *report, const pe_fpo *fpo)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_rva(report, "start", (pe_rva){fpo->start});
    inspect_number(report, "size", fpo->size);
    inspect_number(report, "locals", fpo->locals);
    inspect_number(report, "params", fpo->params);
    inspect_number(report, "prolog", fpo->prolog);
    inspect_number(report, "saved_registers", fpo->saved_registers);
    inspect_bool(report, "has_seh", fpo->has_seh);
    inspect_bool(report, "uses_ebp", fpo->uses_ebp);
    inspect_number(report, "frame", fpo->frame);
    inspect_close_record(report);
}

static bool show_fpos(inspect_report *report, const pe_debug_entry *entry)
{
    pe_fpo fpo;
    if (pe_fpo_at(entry, 0, &fpo) != PE_OK)
        return false;
    inspect_open_list(report, "fpo");
    for (uint32_t i = 0; pe_fpo_at(entry, i, &fpo) == PE_OK; i++) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_fpo(report, &fpo);
    }
    inspect_close_list(report);
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
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", entry->at.value, DEBUG_ENTRY_SIZE);
    inspect_number(report, "type", entry->type);
    inspect_text(report, "type_name", pe_debug_type_name(entry->type));
    inspect_hex(report, "characteristics", entry->characteristics, 8);
    inspect_hex(report, "time_date_stamp", entry->time_date_stamp, 8);
    inspect_number(report, "major", entry->major);
    inspect_number(report, "minor", entry->minor);
    inspect_rva(report, "rva", entry->rva);
    inspect_number(report, "raw", entry->raw.value);
    inspect_number(report, "size", entry->size);
    inspect_status(report, entry->status);
    show_contents(report, entry);
    inspect_close_record(report);
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
