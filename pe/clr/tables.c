#include "pe/image/address.h"
#include "pe/image/bytes.h"

/* [ECMA II.24.2.6] */
enum {
    TABLES_MAJOR = 4,
    TABLES_MINOR = 5,
    TABLES_HEAP_SIZES = 6,
    TABLES_VALID = 8,
    TABLES_SORTED = 16,
    TABLES_ROWS = 24,
    ROW_COUNT_SIZE = 4,
};

const char *pe_clr_table_name(uint32_t number)
{
    switch (number) {
#define X(constant, name, value) \
    case value:                  \
        return name;
        PE_CLR_TABLE_LIST(X)
#undef X
    default:
        return NULL;
    }
}

static pe_status read_next_u32(const pe_image *image, pe_clr_tables *tables, uint32_t *ret_value)
{
    uint8_t raw[ROW_COUNT_SIZE];
    pe_status status = pe__read_within(image, tables->place, tables->data, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    tables->data += ROW_COUNT_SIZE;
    *ret_value = pe__load_u32(raw);
    return PE_OK;
}

/* There is a count for each bit of `valid`, those of tables that are not known included. */
static pe_status read_rows(const pe_image *image, pe_clr_tables *tables)
{
    pe_status status = PE_OK;
    for (uint32_t i = 0; i < PE_CLR_TABLE_COUNT && status == PE_OK; i++) {
        if ((tables->valid >> i & 1) != 0)
            status = read_next_u32(image, tables, &tables->rows[i]);
    }
    if (status == PE_OK && (tables->heap_sizes & PE_CLR_EXTRA_DATA) != 0)
        status = read_next_u32(image, tables, &tables->extra_data);
    return status;
}

static bool holds_tables(const char *name)
{
    return name[0] == '#' && (name[1] == '~' || name[1] == '-') && name[2] == '\0';
}

pe_status pe_clr_tables_open(const pe_image *image, const pe_clr_stream *stream,
                             pe_clr_tables *ret_tables)
{
    uint8_t raw[TABLES_ROWS];
    if (!holds_tables(stream->name))
        return PE_NOT_FOUND;
    if (stream->status != PE_OK)
        return stream->status;
    pe_status status = pe__read_within(image, stream->place, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    pe_clr_tables tables = {
        .place = stream->place,
        .major = raw[TABLES_MAJOR],
        .minor = raw[TABLES_MINOR],
        .heap_sizes = raw[TABLES_HEAP_SIZES],
        .valid = pe__load_u64(raw + TABLES_VALID),
        .sorted = pe__load_u64(raw + TABLES_SORTED),
        .data = TABLES_ROWS,
    };
    status = read_rows(image, &tables);
    if (status == PE_OK)
        *ret_tables = tables;
    return status;
}
