#include "image/arm64x.h"
#include "image/copy.h"
#include "section/diag.h"

#include <string.h>

static ldr_status broken(const char *rule, uint64_t offset, uint64_t value, uint64_t allowed,
                         const char *detail, pe_diag *ret_why)
{
    *ret_why = ldr__bad_format(rule, offset, value, allowed, detail);
    return LDR_BAD_RELOCATIONS;
}

static ldr_status unreadable(pe_rva at, pe_diag *ret_why)
{
    return broken("D12", at.value, 0, 0, "dynamic relocations cannot be read to their end",
                  ret_why);
}

/* ---- One fixup ---- */

static void change(uint8_t *at, const pe_dynamic_record *record)
{
    uint32_t value;
    switch (record->type) {
    case PE_ARM64X_ZEROFILL:
        memset(at, 0, record->width);
        break;
    case PE_ARM64X_VALUE:
        memcpy(at, &record->value, record->width);
        break;
    default:
        memcpy(&value, at, sizeof value);
        value += (uint32_t)record->delta;
        memcpy(at, &value, sizeof value);
    }
}

/* The bytes are changed outside the view: they may be the file's, which can be cut off (patch.h).
 */
static ldr_status change_view(uint8_t *at, const pe_dynamic_record *record, uint32_t width)
{
    uint8_t bytes[sizeof record->value];
    ldr_status status = ldr__os_peek(at, bytes, width);
    if (status != LDR_OK)
        return status;
    change(bytes, record);
    return ldr__os_poke(at, bytes, width);
}

static ldr_status apply_record(ldr_view *view, const pe_dynamic_record *record, pe_diag *ret_why)
{
    uint64_t limit = view->image.optional.size_of_image;
    uint32_t width = record->type == PE_ARM64X_DELTA ? (uint32_t)sizeof(uint32_t) : record->width;
    if (!pe_range_ok(limit, record->target, width))
        return broken("D4", record->at.value, record->target, limit, "fixup outside the image",
                      ret_why);
    ldr_status status = ldr__view_write_begin(view, record->target, width);
    if (status == LDR_INVALID_ARGUMENT)
        return broken("D9", record->at.value, record->target, limit, "fixup in a gap of the image",
                      ret_why);
    if (status != LDR_OK)
        return status;
    status = change_view(view->base + record->target, record, width);
    ldr_status closed = ldr__view_write_end(view, record->target, width);
    return status == LDR_OK ? closed : status;
}

/* ---- All of them ---- */

static ldr_status apply_block(ldr_view *view, const pe_image *image, const pe_dynamic_block *block,
                              pe_diag *ret_why)
{
    pe_dynamic_record_iter records;
    pe_dynamic_record record;
    pe_dynamic_records(image, block, &records);
    while (pe_dynamic_record_next(&records, &record) == PE_OK) {
        ldr_status status = apply_record(view, &record, ret_why);
        if (status != LDR_OK)
            return status;
    }
    return records.status == PE_END ? LDR_OK : unreadable(block->at, ret_why);
}

static ldr_status apply_entry(ldr_view *view, const pe_image *image, const pe_dynamic_entry *entry,
                              pe_diag *ret_why)
{
    pe_dynamic_block_iter blocks;
    pe_dynamic_block block;
    pe_dynamic_blocks(image, entry, &blocks);
    while (pe_dynamic_block_next(&blocks, &block) == PE_OK) {
        ldr_status status = apply_block(view, image, &block, ret_why);
        if (status != LDR_OK)
            return status;
    }
    return blocks.status == PE_END ? LDR_OK : unreadable(entry->at, ret_why);
}

/* Without a table there is nothing to apply, which the machine shows afterwards. */
static ldr_status apply_all(ldr_view *view, const pe_image *image, pe_diag *ret_why)
{
    pe_load_config config;
    pe_dynamic_table table;
    pe_dynamic_iter entries;
    pe_dynamic_entry entry;
    if (pe_load_config_open(image, &config) != PE_OK ||
        pe_dynamic_table_open(image, &config, &table) != PE_OK)
        return LDR_OK;
    pe_dynamic_entries(image, &table, &entries);
    while (pe_dynamic_next(&entries, &entry) == PE_OK) {
        ldr_status status =
            entry.symbol == PE_DYNAMIC_ARM64X ? apply_entry(view, image, &entry, ret_why) : LDR_OK;
        if (status != LDR_OK)
            return status;
    }
    return entries.status == PE_END ? LDR_OK : unreadable(table.at, ret_why);
}

/* What the other machine's headers have of their own. Where everything lies is as it was judged. */
static void take_headers(ldr_view *view, const pe_image *other)
{
    view->image.file.machine = other->file.machine;
    view->image.file.characteristics = other->file.characteristics;
    view->image.optional.entry_point = other->optional.entry_point;
    view->image.optional.dll_characteristics = other->optional.dll_characteristics;
    memcpy(view->image.optional.directories, other->optional.directories,
           sizeof view->image.optional.directories);
}

static ldr_status apply_from_copy(ldr_view *view, pe_diag *ret_why)
{
    ldr__copy copy;
    pe_budget budget = pe_budget_for(view->section->file_size);
    ldr_status status = ldr__copy_range(view, 0, ldr__view_plan(view)->size, &copy);
    if (status != LDR_OK)
        return status;
    view->is_converted = true;
    copy.image.budget = &budget; /* sections may share their bytes, and so repeat the table */
    status = apply_all(view, &copy.image, ret_why);
    ldr__copy_release(&copy);
    return status;
}

/* Decodes what the headers of the view say now. */
static ldr_status look_again(ldr_view *view, uint16_t machine, pe_diag *ret_why)
{
    pe_image other;
    ldr__copy copy;
    ldr_status status = ldr__copy_range(view, 0, ldr__view_plan(view)->size, &copy);
    if (status != LDR_OK)
        return status;
    bool is_converted = pe_open(copy.image.bytes, PE_LAYOUT_MAPPED, &other, NULL) == PE_OK &&
                        other.file.machine == machine;
    ldr__copy_release(&copy);
    if (is_converted) {
        take_headers(view, &other);
        return LDR_OK;
    }
    broken("A18", view->image.file.offset.value, view->image.file.machine, machine,
           "the image is for another machine and cannot be converted", ret_why);
    return LDR_WRONG_MACHINE;
}

ldr_status ldr__arm64x_apply(ldr_view *view, uint16_t machine, pe_diag *ret_why)
{
    ldr_status status = apply_from_copy(view, ret_why);
    return status == LDR_OK ? look_again(view, machine, ret_why) : status;
}
