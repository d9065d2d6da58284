/*
 * resources.h: the resource tree and what its leaves hold. Part of pe.h.
 */
#ifndef PELOAD_PE_RESOURCES_H
#define PELOAD_PE_RESOURCES_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Resources: [PE The .rsrc Section] ----------------------------------------------------------
 *
 * A tree: the root's entries are types, theirs names, theirs languages, and below a language is a
 * leaf. Two ways through it: entry by entry,
 *
 *   pe_resource_iter types, names;
 *   pe_resource_entry type;
 *   pe_resources(&image, &types);
 *   while (pe_resource_next(&types, &type) == PE_OK)
 *       if (type.is_directory) pe_resource_children(&image, &type, &names);
 *
 * and leaf by leaf with pe_resource_walk. What a leaf holds is decoded by the sections below.
 */

/* Text in UTF-16, little-endian. `at` is where its first unit lies. */
typedef struct pe_utf16 {
    pe_rva at;
    uint32_t length; /* in units of 2 bytes, without a terminator */
    pe_span bytes;   /* borrowed: 2 * length bytes; fewer where the rest is zero fill */
} pe_utf16;

/* Unit `index` (< length) of a text; 0 in zero fill. */
static inline uint16_t pe_utf16_unit(const pe_utf16 *text, uint32_t index)
{
    uint64_t start = 2 * (uint64_t)index;
    if (start >= text->bytes.size)
        return 0;
    uint8_t high = start + 1 < text->bytes.size ? text->bytes.data[start + 1] : 0;
    return (uint16_t)(text->bytes.data[start] | high << 8);
}

/* Predefined resource types: number and name as in winuser.h, without the RT_. */
#define PE_RESOURCE_TYPE_LIST(X) \
    X(CURSOR, 1)                 \
    X(BITMAP, 2)                 \
    X(ICON, 3)                   \
    X(MENU, 4)                   \
    X(DIALOG, 5)                 \
    X(STRING, 6)                 \
    X(FONTDIR, 7)                \
    X(FONT, 8)                   \
    X(ACCELERATOR, 9)            \
    X(RCDATA, 10)                \
    X(MESSAGETABLE, 11)          \
    X(GROUP_CURSOR, 12)          \
    X(GROUP_ICON, 14)            \
    X(VERSION, 16)               \
    X(DLGINCLUDE, 17)            \
    X(PLUGPLAY, 19)              \
    X(VXD, 20)                   \
    X(ANICURSOR, 21)             \
    X(ANIICON, 22)               \
    X(HTML, 23)                  \
    X(MANIFEST, 24)

enum {
#define X(name, number) PE_RT_##name = number,
    PE_RESOURCE_TYPE_LIST(X)
#undef X
};

/* "RT_ICON" for 3, and so on; NULL for a number that is not predefined. Static. */
PE_API const char *pe_resource_type_name(uint32_t type);

/* [PE Resource Directory Table] without its entries, which follow it. */
typedef struct pe_resource_directory {
    pe_rva at; /* 16 bytes */
    uint32_t characteristics;
    uint32_t time_date_stamp;
    uint16_t major, minor;
    uint16_t named_count, id_count;
} pe_resource_directory;

/* What an entry is called: a name or a number. */
typedef struct pe_resource_id {
    bool is_named;
    uint32_t number;       /* unless named; 16 bits in what resource compilers write */
    pe_status name_status; /* PE_OK, or why the name cannot be read: it is empty then */
    pe_utf16 name;         /* when named; the length word lies 2 bytes before name.at */
} pe_resource_id;

/* [PE Resource Directory Entries] */
typedef struct pe_resource_entry {
    pe_rva at; /* 8 bytes */
    uint32_t name_field, offset_field;
    pe_resource_id id;
    bool is_directory;
    pe_rva target; /* a directory table or a data entry; 0xFFFFFFFF beyond that */
} pe_resource_entry;

/* The entries of one directory table. */
typedef struct pe_resource_iter {
    const pe_image *image;
    pe_window window;
    pe_resource_directory directory; /* unless `status` is an error from the beginning */
    uint32_t next;                   /* index of the next entry */
    pe_status status;
} pe_resource_iter;

/* [PE Resource Data Entry] and the bytes it names. */
typedef struct pe_resource_leaf {
    pe_rva entry; /* 16 bytes */
    pe_rva rva;   /* of the bytes */
    uint32_t size;
    uint32_t code_page;
    uint32_t reserved;
    pe_status status;  /* PE_OK, or why the bytes cannot be read: there are none then */
    pe_span bytes;     /* borrowed; shorter than `size` where the rest is zero fill */
    pe_budget *budget; /* the image's: what decodes the leaf pays from it */
} pe_resource_leaf;

/* The root's entries. The size of the directory is ignored (rule R1). */
PE_API void pe_resources(const pe_image *image, pe_resource_iter *ret_iter);

/* The entries of the directory that `entry` names; iter->status is PE_BAD_FORMAT for a leaf. */
PE_API void pe_resource_children(const pe_image *image, const pe_resource_entry *entry,
                                 pe_resource_iter *ret_iter);

/*
 * PE_OK with the next entry, PE_END, PE_NOT_PRESENT (the image has no resources), or an error; all
 * but PE_OK are said again. A name that cannot be read is the entry's matter (id.name_status).
 * A tree may loop: who goes down by hand counts levels, or lets pe_resource_walk_next do it.
 */
PE_API pe_status pe_resource_next(pe_resource_iter *iter, pe_resource_entry *ret_entry);

/*
 * The leaf that `entry` names. PE_BAD_FORMAT for a directory, or the status of reading the data
 * entry; the bytes have a status of their own. They lie in one section, or they are out of bounds.
 */
PE_API pe_status pe_resource_leaf_open(const pe_image *image, const pe_resource_entry *entry,
                                       pe_resource_leaf *ret_leaf);

/* Levels that a walk goes down: Windows knows three. */
enum { PE_RESOURCE_DEPTH = 8 };

/* A leaf and the way to it. path[0] is its type, path[1] its name, path[2] its language. */
typedef struct pe_resource_item {
    uint32_t depth; /* 1 to PE_RESOURCE_DEPTH; 3 in a usual image */
    pe_resource_id path[PE_RESOURCE_DEPTH];
    pe_resource_leaf leaf;
} pe_resource_item;

/*
 * All leaves, depth first. A part that cannot be read, that is its own ancestor (rule R3) or that
 * lies too deep (rule R4) is left out, and the walk goes on: `status` is the first such error once
 * all leaves are told, and `problem` the RVA of the directory or data entry it was met at.
 */
typedef struct pe_resource_walk {
    const pe_image *image;
    pe_resource_iter levels[PE_RESOURCE_DEPTH];
    pe_resource_id path[PE_RESOURCE_DEPTH];
    uint32_t depth;  /* levels in use */
    uint64_t budget; /* entries that may still be visited (rule R3) */
    pe_status error; /* the first error, PE_OK for none so far */
    pe_rva problem;
    pe_status status;
} pe_resource_walk;

PE_API void pe_resource_walk_start(const pe_image *image, pe_resource_walk *ret_walk);
/*
 * PE_OK with the next leaf; then PE_END if everything was told, PE_NOT_PRESENT without resources,
 * or the first error (PE_BAD_FORMAT for loops and depth); said again by every later call.
 */
PE_API pe_status pe_resource_walk_next(pe_resource_walk *walk, pe_resource_item *ret_item);

/* ---- Version information: a leaf of PE_RT_VERSION [VS_VERSIONINFO] ------------------------------
 *
 *   pe_version version;
 *   pe_version_iter tables, strings;
 *   pe_version_table table;
 *   pe_version_string string;
 *   if (pe_version_open(&item.leaf, &version) != PE_OK) ...
 *   pe_version_tables(&version, &tables);
 *   while (pe_version_table_next(&tables, &table) == PE_OK) {
 *       pe_version_strings(&version, &table, &strings);
 *       while (pe_version_string_next(&strings, &string) == PE_OK) ...
 *   }
 */

/* What all parts have in common; they lie in each other. Lengths and type as stored. */
typedef struct pe_version_node {
    pe_rva at;
    uint32_t size; /* of the node: `length`, or what its parent has left if that is less */
    uint16_t length, value_length;
    uint16_t type; /* 1: text; the value's length then counts units, if written by the book */
    pe_utf16 key;
} pe_version_node;

/* [VS_FIXEDFILEINFO], 52 bytes. Versions are most significant first, as in 6.1.7601.17514. */
typedef struct pe_version_fixed {
    pe_rva at;
    uint32_t struct_version;
    uint16_t file_version[4], product_version[4];
    uint32_t flags_mask, flags;
    uint32_t os, type, subtype;
    uint64_t date;
} pe_version_fixed;

typedef struct pe_version {
    pe_resource_leaf leaf;
    pe_version_node node; /* its key is VS_VERSION_INFO */
    bool has_fixed;       /* the value is long enough and has the signature 0xFEEF04BD */
    pe_version_fixed fixed;
    uint32_t children; /* offset in the leaf */
} pe_version;

/* A StringTable. Its key says language and code page in hexadecimal, such as 040904B0. */
typedef struct pe_version_table {
    pe_version_node node;
    bool has_language; /* the key is eight hexadecimal digits */
    uint16_t language, code_page;
    uint32_t children; /* offset in the leaf */
} pe_version_table;

/* A String: node.key is its name, the value ends at its NUL or with the node (rule R6). */
typedef struct pe_version_string {
    pe_version_node node;
    pe_utf16 value;
} pe_version_string;

/* An element of a Translation: 4 bytes. */
typedef struct pe_version_translation {
    pe_rva at;
    uint16_t language, code_page;
} pe_version_translation;

/* Offsets in the leaf: where the next node is looked for, and where the last one ends. */
typedef struct pe_version_range {
    uint32_t next, end;
} pe_version_range;

typedef struct pe_version_iter {
    pe_resource_leaf leaf;
    pe_version_range outer, inner, values;
    pe_status status;
} pe_version_iter;

/*
 * PE_OK, or PE_BAD_FORMAT (the root does not hold its own header, or is not called
 * VS_VERSION_INFO), PE_OUT_OF_BOUNDS (the leaf is too short), or leaf->status.
 */
PE_API pe_status pe_version_open(const pe_resource_leaf *leaf, pe_version *ret_version);

/* The tables of each StringFileInfo, the strings of a table, the elements of each Translation. */
PE_API void pe_version_tables(const pe_version *version, pe_version_iter *ret_iter);
PE_API void pe_version_strings(const pe_version *version, const pe_version_table *table,
                               pe_version_iter *ret_iter);
PE_API void pe_version_translations(const pe_version *version, pe_version_iter *ret_iter);

/*
 * PE_OK with the next item, PE_END, or PE_BAD_FORMAT for a node that is shorter than its header;
 * said again. Zeros where a node would start, or too few bytes for one, are padding.
 */
PE_API pe_status pe_version_table_next(pe_version_iter *iter, pe_version_table *ret_table);
PE_API pe_status pe_version_string_next(pe_version_iter *iter, pe_version_string *ret_string);
PE_API pe_status pe_version_translation_next(pe_version_iter *iter,
                                             pe_version_translation *ret_translation);

/* ---- Manifests: a leaf of PE_RT_MANIFEST --------------------------------------------------------
 */

typedef enum pe_text_encoding {
    PE_TEXT_UTF8, /* also what has no byte-order mark */
    PE_TEXT_UTF16_LE,
    PE_TEXT_UTF16_BE,
} pe_text_encoding;

/* Resource IDs of manifests that Windows looks for: of an EXE, of a DLL. */
enum { PE_MANIFEST_PROCESS = 1, PE_MANIFEST_ISOLATION = 2 };

/* The XML text behind the byte-order mark. */
typedef struct pe_manifest {
    pe_text_encoding encoding;
    uint32_t mark_size; /* bytes of the byte-order mark, 0 for none */
    pe_rva at;
    uint32_t size; /* in bytes */
    pe_span text;  /* borrowed; shorter than `size` where the rest is zero fill */
} pe_manifest;

/* PE_OK, or leaf->status. */
PE_API pe_status pe_manifest_open(const pe_resource_leaf *leaf, pe_manifest *ret_manifest);

/* ---- Icon and cursor groups: a leaf of PE_RT_GROUP_ICON or PE_RT_GROUP_CURSOR -------------------
 */

typedef struct pe_icon_group {
    pe_resource_leaf leaf;
    uint16_t reserved;
    uint16_t type; /* 1: icons, 2: cursors */
    bool is_cursor;
    uint16_t count;
} pe_icon_group;

/* One picture of a group: 14 bytes. The group's own leaf does not hold it. */
typedef struct pe_icon {
    pe_rva at;
    uint16_t width, height; /* as stored: an icon's 0 is 256, a cursor's height is twice its own */
    uint8_t colors, reserved; /* of an icon */
    uint16_t planes, bit_count;
    uint32_t size; /* of the picture in bytes */
    uint16_t id;   /* name of the leaf of PE_RT_ICON or PE_RT_CURSOR that holds it */
} pe_icon;

/* PE_OK, PE_BAD_FORMAT (the type is neither), PE_OUT_OF_BOUNDS, or leaf->status. */
PE_API pe_status pe_icon_group_open(const pe_resource_leaf *leaf, pe_icon_group *ret_group);

/* The picture `index`: PE_NOT_FOUND from `count` on, PE_OUT_OF_BOUNDS beyond the leaf. */
PE_API pe_status pe_icon_at(const pe_icon_group *group, uint32_t index, pe_icon *ret_icon);

/* ---- String tables: a leaf of PE_RT_STRING ------------------------------------------------------
 */

enum { PE_STRINGS_PER_BLOCK = 16, PE_STRING_BLOCKS = 0x1000 };

/* A string of a block; an empty one is one that is not there. `text.at` - 2 is its length word. */
typedef struct pe_resource_string {
    uint16_t id;
    pe_utf16 text;
} pe_resource_string;

typedef struct pe_string_block_iter {
    pe_resource_leaf leaf;
    uint32_t first_id;
    uint32_t index; /* of the next string in the block */
    uint32_t next;  /* offset in the leaf */
    pe_status status;
} pe_string_block_iter;

/*
 * The strings of a leaf whose name in the tree (path[1]) is `block`: number n holds the IDs from
 * 16 * (n - 1) on. iter->status is PE_BAD_FORMAT for a block with a name or outside 1 to 4096.
 */
PE_API void pe_string_block(const pe_resource_leaf *leaf, const pe_resource_id *block,
                            pe_string_block_iter *ret_iter);
/*
 * PE_OK with the next string, PE_END after 16 or where the leaf ends between two,
 * PE_OUT_OF_BOUNDS for one that leaves the leaf, or leaf->status; said again.
 */
PE_API pe_status pe_string_block_next(pe_string_block_iter *iter, pe_resource_string *ret_string);

/* ---- Message tables: a leaf of PE_RT_MESSAGETABLE [MESSAGE_RESOURCE_DATA] -----------------------
 */

/* Flags of a message. */
enum { PE_MESSAGE_UNICODE = 1, PE_MESSAGE_UTF8 = 2 };

typedef struct pe_message_table {
    pe_resource_leaf leaf;
    uint32_t block_count;
} pe_message_table;

/* A run of messages with consecutive IDs: 12 bytes. */
typedef struct pe_message_block {
    pe_rva at;
    uint32_t low_id, high_id; /* both included */
    uint32_t entries;         /* offset of the first message in the leaf */
} pe_message_block;

/* A message, up to its NUL: `wide` if its flags say UNICODE, else `narrow` (code page or UTF-8). */
typedef struct pe_message {
    pe_rva at;
    uint32_t id;
    uint16_t size; /* as stored: header of 4 bytes, text and padding */
    uint16_t flags;
    bool is_wide;
    pe_utf16 wide;
    pe_span narrow;
} pe_message;

typedef struct pe_message_iter {
    pe_resource_leaf leaf;
    uint64_t id, end; /* of the next message; behind the last */
    uint32_t next;    /* offset in the leaf */
    pe_status status;
} pe_message_iter;

/* PE_OK, PE_OUT_OF_BOUNDS, or leaf->status. */
PE_API pe_status pe_message_table_open(const pe_resource_leaf *leaf, pe_message_table *ret_table);

/* The block `index`: PE_NOT_FOUND from block_count on, PE_OUT_OF_BOUNDS beyond the leaf. */
PE_API pe_status pe_message_block_at(const pe_message_table *table, uint32_t index,
                                     pe_message_block *ret_block);

PE_API void pe_messages(const pe_message_table *table, const pe_message_block *block,
                        pe_message_iter *ret_iter);
/*
 * PE_OK with the next message, PE_END, PE_BAD_FORMAT for one that is shorter than its header,
 * PE_OUT_OF_BOUNDS for one that leaves the leaf; said again.
 */
PE_API pe_status pe_message_next(pe_message_iter *iter, pe_message *ret_message);

#ifdef __cplusplus
}
#endif

#endif
