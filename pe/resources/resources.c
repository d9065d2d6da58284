#include "pe/image/address.h"
#include "resource_tree.h"

enum {
    DIRECTORY_CHARACTERISTICS = 0,
    DIRECTORY_TIME_DATE_STAMP = 4,
    DIRECTORY_MAJOR = 8,
    DIRECTORY_MINOR = 10,
    DIRECTORY_NAMED_COUNT = 12,
    DIRECTORY_ID_COUNT = 14,
    DIRECTORY_TABLE_SIZE = 16,
    ENTRY_NAME = 0,
    ENTRY_OFFSET = 4,
    ENTRY_SIZE = 8,
    DATA_RVA = 0,
    DATA_SIZE = 4,
    DATA_CODE_PAGE = 8,
    DATA_RESERVED = 12,
    DATA_ENTRY_SIZE = 16,
    NAME_LENGTH_SIZE = 2,
};

/* The top bit tells names from numbers and directories from leaves. */
#define TOP_BIT 0x80000000u

const char *pe_resource_type_name(uint32_t type)
{
    switch (type) {
#define X(name, number) \
    case number:        \
        return "RT_" #name;
        PE_RESOURCE_TYPE_LIST(X)
#undef X
    default:
        return NULL;
    }
}

/* Rule R2: what the tree names but the leaves' bytes counts from its root. */
static pe_rva from_root(const pe_image *image, uint32_t field)
{
    uint64_t root = image->optional.directories[PE_DIRECTORY_RESOURCE].rva.value;
    return (pe_rva){(uint32_t)pe__min(root + (field & ~TOP_BIT), UINT32_MAX)};
}

/* In place, field by field: it is called for each directory of a tree. */
static void open_directory(const pe_image *image, const pe_window *window, pe_rva at,
                           pe_resource_iter *ret_iter)
{
    uint8_t scratch[DIRECTORY_TABLE_SIZE];
    const uint8_t *raw;
    *ret_iter = (pe_resource_iter){.image = image, .window = *window, .directory = {.at = at}};
    ret_iter->status = pe__look(image, &ret_iter->window, at.value, scratch, sizeof scratch, &raw);
    if (ret_iter->status != PE_OK)
        return;
    pe_resource_directory *directory = &ret_iter->directory;
    directory->characteristics = pe__load_u32(raw + DIRECTORY_CHARACTERISTICS);
    directory->time_date_stamp = pe__load_u32(raw + DIRECTORY_TIME_DATE_STAMP);
    directory->major = pe__load_u16(raw + DIRECTORY_MAJOR);
    directory->minor = pe__load_u16(raw + DIRECTORY_MINOR);
    directory->named_count = pe__load_u16(raw + DIRECTORY_NAMED_COUNT);
    directory->id_count = pe__load_u16(raw + DIRECTORY_ID_COUNT);
}

void pe_resources(const pe_image *image, pe_resource_iter *ret_iter)
{
    pe_rva root = pe_directory_at(image, PE_DIRECTORY_RESOURCE).rva;
    if (root.value == 0)
        *ret_iter = (pe_resource_iter){.image = image, .status = PE_NOT_PRESENT};
    else
        open_directory(image, &(pe_window){0}, root, ret_iter);
}

void pe__resource_children(const pe_resource_iter *parent, const pe_resource_entry *entry,
                           pe_resource_iter *ret_iter)
{
    if (entry->is_directory)
        open_directory(parent->image, &parent->window, entry->target, ret_iter);
    else
        *ret_iter = (pe_resource_iter){
            .image = parent->image, .directory = {.at = entry->target}, .status = PE_BAD_FORMAT};
}

void pe_resource_children(const pe_image *image, const pe_resource_entry *entry,
                          pe_resource_iter *ret_iter)
{
    pe__resource_children(&(pe_resource_iter){.image = image}, entry, ret_iter);
}

static pe_status read_name(const pe_image *image, pe_window *window, pe_rva at, pe_utf16 *name)
{
    uint16_t length;
    pe_span bytes = {0};
    pe_status status = pe__fetch_u16(image, window, at.value, &length);
    if (status != PE_OK)
        return status;
    if (at.value > UINT32_MAX - NAME_LENGTH_SIZE)
        return PE_OUT_OF_BOUNDS;
    pe_rva text = {at.value + NAME_LENGTH_SIZE};
    status = pe__lend(image, window, text, 2 * (uint64_t)length, &bytes);
    if (status == PE_OK)
        *name = (pe_utf16){.at = text, .length = length, .bytes = bytes};
    return status;
}

static void decode_id(pe_resource_iter *iter, uint32_t field, pe_resource_id *ret_id)
{
    ret_id->is_named = (field & TOP_BIT) != 0;
    ret_id->number = ret_id->is_named ? 0 : field;
    ret_id->name_status = PE_OK;
    ret_id->name = (pe_utf16){0};
    if (ret_id->is_named)
        ret_id->name_status =
            read_name(iter->image, &iter->window, from_root(iter->image, field), &ret_id->name);
}

pe_status pe_resource_next(pe_resource_iter *iter, pe_resource_entry *ret_entry)
{
    return pe__resource_next(iter, &ret_entry->id, ret_entry);
}

pe_status pe__resource_next(pe_resource_iter *iter, pe_resource_id *ret_id,
                            pe_resource_entry *ret_entry)
{
    uint8_t scratch[ENTRY_SIZE];
    const uint8_t *raw;
    const pe_resource_directory *directory = &iter->directory;
    uint64_t at =
        (uint64_t)directory->at.value + DIRECTORY_TABLE_SIZE + (uint64_t)ENTRY_SIZE * iter->next;
    if (iter->status != PE_OK)
        return iter->status;
    if (iter->next >= (uint32_t)directory->named_count + directory->id_count)
        iter->status = PE_END;
    else
        iter->status = pe__look(iter->image, &iter->window, at, scratch, sizeof scratch, &raw);
    if (iter->status != PE_OK)
        return iter->status;
    uint32_t name = pe__load_u32(raw + ENTRY_NAME), offset = pe__load_u32(raw + ENTRY_OFFSET);
    iter->next++;
    ret_entry->at.value = (uint32_t)at;
    ret_entry->name_field = name;
    ret_entry->offset_field = offset;
    ret_entry->is_directory = (offset & TOP_BIT) != 0;
    ret_entry->target = from_root(iter->image, offset);
    decode_id(iter, name, ret_id);
    return PE_OK;
}

pe_status pe_resource_leaf_open(const pe_image *image, const pe_resource_entry *entry,
                                pe_resource_leaf *ret_leaf)
{
    return pe__resource_leaf(&(pe_resource_iter){.image = image}, entry, ret_leaf);
}

pe_status pe__resource_leaf(pe_resource_iter *parent, const pe_resource_entry *entry,
                            pe_resource_leaf *ret_leaf)
{
    const pe_image *image = parent->image;
    pe_window *window = &parent->window;
    uint8_t scratch[DATA_ENTRY_SIZE];
    const uint8_t *raw;
    if (entry->is_directory)
        return PE_BAD_FORMAT;
    pe_status status = pe__look(image, window, entry->target.value, scratch, sizeof scratch, &raw);
    if (status != PE_OK)
        return status;
    pe_rva rva = {pe__load_u32(raw + DATA_RVA)};
    uint32_t size = pe__load_u32(raw + DATA_SIZE);
    ret_leaf->bytes = (pe_span){0};
    ret_leaf->status = pe__lend(image, window, rva, size, &ret_leaf->bytes);
    ret_leaf->entry = entry->target;
    ret_leaf->rva = rva;
    ret_leaf->size = size;
    ret_leaf->code_page = pe__load_u32(raw + DATA_CODE_PAGE);
    ret_leaf->reserved = pe__load_u32(raw + DATA_RESERVED);
    ret_leaf->budget = image->budget;
    return PE_OK;
}
