#include "pe/image/address.h"
#include "pe/image/headers.h"

#include <string.h>

#define EMBEDDED_SIGNATURE 0x4244504Du /* "MPDB" */

enum { RSDS_SIZE = 24, NB10_SIZE = 16, POGO_HEADER = 8, FPO_SIZE = 16 };

/* The bytes [offset, offset + size) of the data as far as they are stored. */
static pe_span stored(const pe_debug_entry *entry, uint64_t offset, uint64_t size)
{
    if (offset >= entry->data.size)
        return (pe_span){0};
    return (pe_span){entry->data.data + offset, pe__min(size, entry->data.size - offset)};
}

/* Copies `size` bytes, with zeros where they are not stored. */
static pe_status copy(const pe_debug_entry *entry, uint64_t offset, void *ret_bytes, size_t size)
{
    if (entry->status != PE_OK)
        return entry->status;
    if (!pe_range_ok(entry->size, offset, size))
        return PE_OUT_OF_BOUNDS;
    if (!pe__pay(entry->budget, entry->rva.value + offset, PE__COST_RECORD + size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    pe__copy_at(entry->data, offset, ret_bytes, size);
    return PE_OK;
}

static pe_status copy_of_type(const pe_debug_entry *entry, pe_debug_type type, void *ret_bytes,
                              size_t size)
{
    return entry->type == (uint32_t)type ? copy(entry, 0, ret_bytes, size) : PE_NOT_FOUND;
}

/* The text at `offset` up to its NUL. */
static pe_span text_at(const pe_debug_entry *entry, uint64_t offset)
{
    pe_span text = stored(entry, offset, UINT64_MAX);
    const uint8_t *nul = text.size != 0 ? memchr(text.data, 0, (size_t)text.size) : NULL;
    if (nul != NULL)
        text.size = (uint64_t)(nul - text.data);
    return text;
}

static pe_status open_nb10(const pe_debug_entry *entry, pe_codeview *ret_codeview)
{
    uint8_t raw[NB10_SIZE];
    pe_status status = copy(entry, 0, raw, sizeof raw);
    if (status == PE_OK)
        *ret_codeview = (pe_codeview){
            .signature = PE_CODEVIEW_NB10,
            .offset = pe__load_u32(raw + 4),
            .time_date_stamp = pe__load_u32(raw + 8),
            .age = pe__load_u32(raw + 12),
            .path = text_at(entry, NB10_SIZE),
        };
    return status;
}

static pe_status open_rsds(const pe_debug_entry *entry, pe_codeview *ret_codeview)
{
    uint8_t raw[RSDS_SIZE];
    pe_status status = copy(entry, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    pe_codeview codeview = {
        .signature = PE_CODEVIEW_RSDS,
        .age = pe__load_u32(raw + 20),
        .path = text_at(entry, RSDS_SIZE),
    };
    memcpy(codeview.guid, raw + 4, PE_GUID_SIZE);
    *ret_codeview = codeview;
    return PE_OK;
}

pe_status pe_codeview_open(const pe_debug_entry *entry, pe_codeview *ret_codeview)
{
    uint8_t raw[4];
    pe_status status = copy_of_type(entry, PE_DEBUG_CODEVIEW, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    switch (pe__load_u32(raw)) {
    case PE_CODEVIEW_RSDS:
        return open_rsds(entry, ret_codeview);
    case PE_CODEVIEW_NB10:
        return open_nb10(entry, ret_codeview);
    default:
        return PE_BAD_FORMAT;
    }
}

pe_status pe_vc_feature_open(const pe_debug_entry *entry, pe_vc_feature *ret_feature)
{
    uint8_t raw[20];
    pe_status status = copy_of_type(entry, PE_DEBUG_VC_FEATURE, raw, sizeof raw);
    if (status == PE_OK)
        *ret_feature = (pe_vc_feature){
            .pre_vc11 = pe__load_u32(raw),
            .c_cpp = pe__load_u32(raw + 4),
            .gs = pe__load_u32(raw + 8),
            .sdl = pe__load_u32(raw + 12),
            .guard_n = pe__load_u32(raw + 16),
        };
    return status;
}

const char *pe_ex_dll_flag_name(uint32_t bit)
{
    switch (bit) {
#define X(name, value) \
    case value:        \
        return #name;
        PE_EX_DLL_FLAG_LIST(X)
#undef X
    default:
        return NULL;
    }
}

pe_status pe_ex_dll_characteristics(const pe_debug_entry *entry, uint32_t *ret_flags)
{
    uint8_t raw[4];
    pe_status status = copy_of_type(entry, PE_DEBUG_EX_DLLCHARACTERISTICS, raw, sizeof raw);
    if (status == PE_OK)
        *ret_flags = pe__load_u32(raw);
    return status;
}

/* lld and old versions of link.exe write no data, new ones a length and as many bytes. */
pe_status pe_repro_open(const pe_debug_entry *entry, pe_span *ret_hash)
{
    uint8_t raw[4] = {0};
    pe_status status = copy_of_type(entry, PE_DEBUG_REPRO, raw, entry->size == 0 ? 0 : sizeof raw);
    if (status != PE_OK)
        return status;
    uint32_t length = pe__load_u32(raw);
    if (length != 0 && !pe_range_ok(entry->size, sizeof raw, length))
        return PE_OUT_OF_BOUNDS;
    *ret_hash = stored(entry, sizeof raw, length);
    return PE_OK;
}

pe_status pe_embedded_pdb_open(const pe_debug_entry *entry, pe_embedded_pdb *ret_pdb)
{
    uint8_t raw[8];
    pe_status status = copy_of_type(entry, PE_DEBUG_EMBEDDED_PDB, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    if (pe__load_u32(raw) != EMBEDDED_SIGNATURE)
        return PE_BAD_FORMAT;
    *ret_pdb = (pe_embedded_pdb){
        .uncompressed_size = pe__load_u32(raw + 4),
        .compressed = stored(entry, sizeof raw, UINT64_MAX),
    };
    return PE_OK;
}

pe_status pe_pdb_checksum_open(const pe_debug_entry *entry, pe_pdb_checksum *ret_checksum)
{
    uint8_t unused;
    pe_status status = copy_of_type(entry, PE_DEBUG_PDB_CHECKSUM, &unused, sizeof unused);
    if (status != PE_OK)
        return status;
    pe_span algorithm = text_at(entry, 0);
    *ret_checksum = (pe_pdb_checksum){
        .algorithm = algorithm,
        .hash = stored(entry, algorithm.size + 1, UINT64_MAX),
    };
    return PE_OK;
}

void pe_pogo_entries(const pe_debug_entry *entry, pe_pogo_iter *ret_iter)
{
    uint8_t raw[4] = {0};
    pe_pogo_iter iter = {.entry = *entry, .next = sizeof raw};
    iter.status = copy_of_type(entry, PE_DEBUG_POGO, raw, sizeof raw);
    iter.signature = pe__load_u32(raw);
    *ret_iter = iter;
}

/* Entries start at multiples of 4. One without RVA, size and name is padding at the end. */
pe_status pe_pogo_next(pe_pogo_iter *iter, pe_pogo *ret_pogo)
{
    uint8_t raw[POGO_HEADER];
    if (iter->status != PE_OK)
        return iter->status;
    iter->status =
        iter->next >= iter->entry.size ? PE_END : copy(&iter->entry, iter->next, raw, sizeof raw);
    if (iter->status != PE_OK)
        return iter->status;
    uint64_t name_at = (uint64_t)iter->next + POGO_HEADER;
    pe_pogo pogo = {
        .rva = {pe__load_u32(raw)},
        .size = pe__load_u32(raw + 4),
        .name = text_at(&iter->entry, name_at),
    };
    if (pogo.rva.value == 0 && pogo.size == 0 && pogo.name.size == 0)
        return iter->status = PE_END;
    uint64_t next = pe__round_up(name_at + pogo.name.size + 1, 4);
    iter->next = (uint32_t)pe__min(next, iter->entry.size);
    *ret_pogo = pogo;
    return PE_OK;
}

pe_status pe_fpo_at(const pe_debug_entry *entry, uint32_t index, pe_fpo *ret_fpo)
{
    uint8_t raw[FPO_SIZE];
    if (entry->type != PE_DEBUG_FPO || index >= entry->size / FPO_SIZE)
        return PE_NOT_FOUND;
    pe_status status = copy(entry, (uint64_t)index * FPO_SIZE, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint16_t bits = pe__load_u16(raw + 14);
    *ret_fpo = (pe_fpo){
        .start = pe__load_u32(raw),
        .size = pe__load_u32(raw + 4),
        .locals = pe__load_u32(raw + 8),
        .params = pe__load_u16(raw + 12),
        .prolog = (uint8_t)(bits & 0xFF),
        .saved_registers = (uint8_t)(bits >> 8 & 7),
        .has_seh = (bits & 0x0800) != 0,
        .uses_ebp = (bits & 0x1000) != 0,
        .frame = (uint8_t)(bits >> 14),
    };
    return PE_OK;
}
