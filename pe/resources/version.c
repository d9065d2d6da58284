#include "pe/image/bytes.h"
#include "resource_data.h"

enum {
    NODE_LENGTH = 0,
    NODE_VALUE_LENGTH = 2,
    NODE_TYPE = 4,
    NODE_KEY = 6,
    NODE_ALIGNMENT = 4, /* of values and children, from the start of the leaf (rule R5) */
    TEXT_TYPE = 1,
};

enum {
    FIXED_SIGNATURE = 0,
    FIXED_STRUCT_VERSION = 4,
    FIXED_FILE_VERSION = 8,
    FIXED_PRODUCT_VERSION = 16,
    FIXED_FLAGS_MASK = 24,
    FIXED_FLAGS = 28,
    FIXED_OS = 32,
    FIXED_TYPE = 36,
    FIXED_SUBTYPE = 40,
    FIXED_DATE_HIGH = 44,
    FIXED_DATE_LOW = 48,
    FIXED_SIZE = 52,
};

#define FIXED_MAGIC 0xFEEF04BDu

enum { TRANSLATION_SIZE = 4, TABLE_KEY_DIGITS = 8 };

/* ---- Nodes -----------------------------------------------------------------------------------
 */

/* A node and where its parts lie: offsets in the leaf, none of them behind `end`. */
typedef struct placed_node {
    pe_version_node node;
    uint32_t value, end;
} placed_node;

static bool is_text(const pe_utf16 *text, const char *expected, uint32_t length)
{
    if (text->length != length)
        return false;
    for (uint32_t i = 0; i < length; i++) {
        if (pe_utf16_unit(text, i) != (uint8_t)expected[i])
            return false;
    }
    return true;
}

#define IS_TEXT(text, literal) is_text(text, literal, sizeof(literal) - 1)

static uint32_t aligned(uint64_t offset, uint32_t end)
{
    return (uint32_t)pe__min(pe__round_up(offset, NODE_ALIGNMENT), end);
}

/* The node at `offset`, cut where its parent ends: `end`, which lies inside the leaf. PE_END for a
 * length of 0: padding where a node would start. */
static pe_status read_node(const pe_resource_leaf *leaf, uint32_t offset, uint32_t end,
                           placed_node *ret_placed)
{
    uint8_t raw[NODE_KEY];
    pe_utf16 key;
    pe_status status = pe__leaf_read(leaf, offset, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint16_t length = pe__load_u16(raw + NODE_LENGTH);
    if (length < NODE_KEY)
        return length == 0 ? PE_END : PE_BAD_FORMAT;
    end = (uint32_t)pe__min(offset + (uint64_t)length, end);
    uint64_t key_length = pe__leaf_utf16_length(leaf, offset + NODE_KEY, end);
    status = pe__leaf_utf16(leaf, offset + NODE_KEY, key_length, &key);
    if (status != PE_OK)
        return status;
    *ret_placed = (placed_node){
        .node = {.at = pe__leaf_rva(leaf, offset),
                 .size = end - offset,
                 .length = length,
                 .value_length = pe__load_u16(raw + NODE_VALUE_LENGTH),
                 .type = pe__load_u16(raw + NODE_TYPE),
                 .key = key},
        .value = aligned(offset + NODE_KEY + 2 * (key_length + 1), end),
        .end = end,
    };
    return PE_OK;
}

/* Where the children of a node start, whose value counts bytes or, if it is text, units. */
static uint32_t children_of(const placed_node *placed)
{
    uint32_t unit = placed->node.type == TEXT_TYPE ? 2 : 1;
    return aligned(placed->value + (uint64_t)unit * placed->node.value_length, placed->end);
}

/* The next node of a range, PE_END behind the last. */
static pe_status next_node(const pe_resource_leaf *leaf, pe_version_range *range,
                           placed_node *ret_placed)
{
    if (range->next > range->end || range->end - range->next < NODE_KEY)
        return PE_END;
    pe_status status = read_node(leaf, range->next, range->end, ret_placed);
    if (status == PE_OK)
        range->next = aligned(ret_placed->end, range->end);
    return status;
}

/* ---- The root --------------------------------------------------------------------------------
 */

static void decode_version(const uint8_t *raw, uint16_t ret_version[4])
{
    uint32_t high = pe__load_u32(raw), low = pe__load_u32(raw + 4);
    ret_version[0] = (uint16_t)(high >> 16);
    ret_version[1] = (uint16_t)high;
    ret_version[2] = (uint16_t)(low >> 16);
    ret_version[3] = (uint16_t)low;
}

static bool read_fixed(const pe_resource_leaf *leaf, const placed_node *root,
                       pe_version_fixed *ret_fixed)
{
    uint8_t raw[FIXED_SIZE];
    if (root->node.value_length < FIXED_SIZE || root->end - root->value < FIXED_SIZE)
        return false;
    if (pe__leaf_read(leaf, root->value, raw, sizeof raw) != PE_OK)
        return false;
    *ret_fixed = (pe_version_fixed){
        .at = pe__leaf_rva(leaf, root->value),
        .struct_version = pe__load_u32(raw + FIXED_STRUCT_VERSION),
        .flags_mask = pe__load_u32(raw + FIXED_FLAGS_MASK),
        .flags = pe__load_u32(raw + FIXED_FLAGS),
        .os = pe__load_u32(raw + FIXED_OS),
        .type = pe__load_u32(raw + FIXED_TYPE),
        .subtype = pe__load_u32(raw + FIXED_SUBTYPE),
        .date = (uint64_t)pe__load_u32(raw + FIXED_DATE_HIGH) << 32 |
                pe__load_u32(raw + FIXED_DATE_LOW),
    };
    decode_version(raw + FIXED_FILE_VERSION, ret_fixed->file_version);
    decode_version(raw + FIXED_PRODUCT_VERSION, ret_fixed->product_version);
    return pe__load_u32(raw + FIXED_SIGNATURE) == FIXED_MAGIC;
}

pe_status pe_version_open(const pe_resource_leaf *leaf, pe_version *ret_version)
{
    placed_node root;
    pe_version_fixed fixed = {0};
    pe_status status = read_node(leaf, 0, leaf->size, &root);
    if (status == PE_END || (status == PE_OK && !IS_TEXT(&root.node.key, "VS_VERSION_INFO")))
        return PE_BAD_FORMAT;
    if (status != PE_OK)
        return status;
    bool has_fixed = read_fixed(leaf, &root, &fixed);
    *ret_version = (pe_version){
        .leaf = *leaf,
        .node = root.node,
        .has_fixed = has_fixed,
        /* The value is binary, whatever the type says. */
        .children = aligned((uint64_t)root.value + root.node.value_length, root.end),
    };
    if (has_fixed)
        ret_version->fixed = fixed;
    return PE_OK;
}

/* ---- What lies below -------------------------------------------------------------------------
 */

void pe_version_tables(const pe_version *version, pe_version_iter *ret_iter)
{
    *ret_iter = (pe_version_iter){
        .leaf = version->leaf,
        .outer = {version->children, version->node.size},
        .status = PE_OK,
    };
}

void pe_version_translations(const pe_version *version, pe_version_iter *ret_iter)
{
    pe_version_tables(version, ret_iter);
}

void pe_version_strings(const pe_version *version, const pe_version_table *table,
                        pe_version_iter *ret_iter)
{
    uint32_t start = table->node.at.value - version->leaf.rva.value;
    *ret_iter = (pe_version_iter){
        .leaf = version->leaf,
        .inner = {table->children, start + table->node.size},
        .status = PE_OK,
    };
}

/* The next node inside one of the root's children that `is_wanted`. */
static pe_status next_inside(pe_version_iter *iter, bool (*is_wanted)(const pe_utf16 *key),
                             placed_node *ret_placed)
{
    for (;;) {
        placed_node outer;
        pe_status status = next_node(&iter->leaf, &iter->inner, ret_placed);
        if (status != PE_END)
            return status;
        status = next_node(&iter->leaf, &iter->outer, &outer);
        if (status != PE_OK)
            return status;
        if (is_wanted(&outer.node.key))
            iter->inner = (pe_version_range){children_of(&outer), outer.end};
    }
}

static bool is_string_info(const pe_utf16 *key)
{
    return IS_TEXT(key, "StringFileInfo");
}

static bool is_var_info(const pe_utf16 *key)
{
    return IS_TEXT(key, "VarFileInfo");
}

static bool hex_digit(uint16_t unit, uint32_t *value)
{
    uint32_t digit;
    if (unit >= '0' && unit <= '9')
        digit = unit - '0';
    else if ((unit | 0x20) >= 'a' && (unit | 0x20) <= 'f')
        digit = (uint32_t)(unit | 0x20) - 'a' + 10;
    else
        return false;
    *value = *value << 4 | digit;
    return true;
}

static void decode_table_key(pe_version_table *table)
{
    const pe_utf16 *key = &table->node.key;
    uint32_t value = 0;
    if (key->length != TABLE_KEY_DIGITS)
        return;
    for (uint32_t i = 0; i < TABLE_KEY_DIGITS; i++) {
        if (!hex_digit(pe_utf16_unit(key, i), &value))
            return;
    }
    table->has_language = true;
    table->language = (uint16_t)(value >> 16);
    table->code_page = (uint16_t)value;
}

pe_status pe_version_table_next(pe_version_iter *iter, pe_version_table *ret_table)
{
    placed_node placed;
    if (iter->status == PE_OK)
        iter->status = next_inside(iter, is_string_info, &placed);
    if (iter->status != PE_OK)
        return iter->status;
    *ret_table = (pe_version_table){.node = placed.node, .children = children_of(&placed)};
    decode_table_key(ret_table);
    return PE_OK;
}

/* Rule R6: compilers disagree on what the length of a text counts. */
pe_status pe_version_string_next(pe_version_iter *iter, pe_version_string *ret_string)
{
    placed_node placed;
    pe_utf16 value = {0};
    if (iter->status == PE_OK)
        iter->status = next_node(&iter->leaf, &iter->inner, &placed);
    if (iter->status == PE_OK) {
        uint64_t length = pe__leaf_utf16_length(&iter->leaf, placed.value, placed.end);
        iter->status = pe__leaf_utf16(&iter->leaf, placed.value, length, &value);
    }
    if (iter->status != PE_OK)
        return iter->status;
    *ret_string = (pe_version_string){.node = placed.node, .value = value};
    return PE_OK;
}

/* Moves on to the next Translation until there is an element to tell. */
static pe_status find_translation(pe_version_iter *iter)
{
    while (iter->values.end - iter->values.next < TRANSLATION_SIZE) {
        placed_node placed;
        pe_status status = next_inside(iter, is_var_info, &placed);
        if (status != PE_OK)
            return status;
        uint64_t end = (uint64_t)placed.value + placed.node.value_length;
        if (IS_TEXT(&placed.node.key, "Translation"))
            iter->values = (pe_version_range){placed.value, (uint32_t)pe__min(end, placed.end)};
    }
    return PE_OK;
}

pe_status pe_version_translation_next(pe_version_iter *iter,
                                      pe_version_translation *ret_translation)
{
    uint8_t raw[TRANSLATION_SIZE];
    if (iter->status == PE_OK)
        iter->status = find_translation(iter);
    if (iter->status == PE_OK)
        iter->status = pe__leaf_read(&iter->leaf, iter->values.next, raw, sizeof raw);
    if (iter->status != PE_OK)
        return iter->status;
    *ret_translation = (pe_version_translation){
        .at = pe__leaf_rva(&iter->leaf, iter->values.next),
        .language = pe__load_u16(raw),
        .code_page = pe__load_u16(raw + 2),
    };
    iter->values.next += TRANSLATION_SIZE;
    return PE_OK;
}
