#include "pe/image/bytes.h"
#include "resource_data.h"

enum {
    GROUP_RESERVED = 0,
    GROUP_TYPE = 2,
    GROUP_COUNT = 4,
    GROUP_SIZE = 6,
    GROUP_ICONS = 1,
    GROUP_CURSORS = 2,
};

/* Icons have bytes where cursors have words. */
enum {
    ICON_WIDTH = 0,
    ICON_HEIGHT = 1,
    ICON_COLORS = 2,
    ICON_RESERVED = 3,
    CURSOR_WIDTH = 0,
    CURSOR_HEIGHT = 2,
    PICTURE_PLANES = 4,
    PICTURE_BIT_COUNT = 6,
    PICTURE_BYTES = 8,
    PICTURE_ID = 12,
    PICTURE_SIZE = 14,
};

pe_status pe_icon_group_open(const pe_resource_leaf *leaf, pe_icon_group *ret_group)
{
    uint8_t raw[GROUP_SIZE];
    pe_status status = pe__leaf_read(leaf, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint16_t type = pe__load_u16(raw + GROUP_TYPE);
    if (type != GROUP_ICONS && type != GROUP_CURSORS)
        return PE_BAD_FORMAT;
    *ret_group = (pe_icon_group){
        .leaf = *leaf,
        .reserved = pe__load_u16(raw + GROUP_RESERVED),
        .type = type,
        .is_cursor = type == GROUP_CURSORS,
        .count = pe__load_u16(raw + GROUP_COUNT),
    };
    return PE_OK;
}

static void decode_icon(const uint8_t *raw, pe_icon *icon)
{
    icon->width = raw[ICON_WIDTH];
    icon->height = raw[ICON_HEIGHT];
    icon->colors = raw[ICON_COLORS];
    icon->reserved = raw[ICON_RESERVED];
}

static void decode_cursor(const uint8_t *raw, pe_icon *cursor)
{
    cursor->width = pe__load_u16(raw + CURSOR_WIDTH);
    cursor->height = pe__load_u16(raw + CURSOR_HEIGHT);
}

pe_status pe_icon_at(const pe_icon_group *group, uint32_t index, pe_icon *ret_icon)
{
    uint8_t raw[PICTURE_SIZE];
    uint64_t offset = GROUP_SIZE + (uint64_t)PICTURE_SIZE * index;
    if (index >= group->count)
        return PE_NOT_FOUND;
    pe_status status = pe__leaf_read(&group->leaf, offset, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    *ret_icon = (pe_icon){
        .at = pe__leaf_rva(&group->leaf, offset),
        .planes = pe__load_u16(raw + PICTURE_PLANES),
        .bit_count = pe__load_u16(raw + PICTURE_BIT_COUNT),
        .size = pe__load_u32(raw + PICTURE_BYTES),
        .id = pe__load_u16(raw + PICTURE_ID),
    };
    if (group->is_cursor)
        decode_cursor(raw, ret_icon);
    else
        decode_icon(raw, ret_icon);
    return PE_OK;
}
