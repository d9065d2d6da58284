#include "walk.h"

static void note_pogo(struct walk *walk, const pe_debug_entry *entry)
{
    pe_pogo_iter parts;
    pe_pogo part;
    pe_pogo_entries(entry, &parts);
    while (pe_pogo_next(&parts, &part) == PE_OK) {
        note(walk, part.rva.value);
        note(walk, part.size);
        note_trimmed(walk, part.name);
    }
    note(walk, (uint64_t)parts.status);
}

static void note_contents(struct walk *walk, const pe_debug_entry *entry)
{
    pe_codeview codeview;
    pe_vc_feature feature;
    pe_pdb_checksum checksum;
    pe_embedded_pdb pdb;
    pe_span hash;
    pe_fpo fpo;
    uint32_t flags;
    if (pe_codeview_open(entry, &codeview) == PE_OK)
        note_trimmed(walk, codeview.path);
    if (pe_vc_feature_open(entry, &feature) == PE_OK)
        note(walk, feature.guard_n);
    if (pe_pdb_checksum_open(entry, &checksum) == PE_OK) {
        note_trimmed(walk, checksum.algorithm);
        note_trimmed(walk, checksum.hash);
    }
    if (pe_embedded_pdb_open(entry, &pdb) == PE_OK)
        note_trimmed(walk, pdb.compressed);
    if (pe_repro_open(entry, &hash) == PE_OK)
        note_trimmed(walk, hash);
    if (pe_ex_dll_characteristics(entry, &flags) == PE_OK)
        note(walk, flags);
    for (uint32_t i = 0; pe_fpo_at(entry, i, &fpo) == PE_OK; i++)
        note(walk, fpo.start ^ fpo.size);
    note_pogo(walk, entry);
}

/* Data without an RVA are in the file only, which is no difference between the layouts. */
void walk_debug(struct walk *walk)
{
    pe_debug_iter entries;
    pe_debug_entry entry;
    pe_debug_entries(walk->image, &entries);
    while (pe_debug_next(&entries, &entry) == PE_OK) {
        struct walk unmapped = *walk;
        note(walk, entry.type);
        note_contents(entry.rva.value != 0 || entry.size == 0 ? walk : &unmapped, &entry);
    }
    note(walk, (uint64_t)entries.status);
}
