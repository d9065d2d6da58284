/*
 * clr.h: the header of .NET images and the metadata behind it. Part of pe.h.
 *
 *   pe_clr clr;
 *   pe_clr_metadata metadata;
 *   pe_clr_stream_iter streams;
 *   pe_clr_stream stream;
 *   if (pe_clr_open(&image, &clr) == PE_OK &&
 *       pe_clr_metadata_open(&image, clr.metadata, &metadata) == PE_OK) {
 *       pe_clr_streams(&metadata, &streams);
 *       while (pe_clr_stream_next(&streams, &stream) == PE_OK) ...
 *   }
 *
 * Source: ECMA-335, 6th edition, partition II, quoted as [ECMA II.section]; bits and tables that it
 * leaves out are those of Microsoft's corhdr.h and of the Portable PDB specification.
 */
#ifndef PELOAD_PE_CLR_H
#define PELOAD_PE_CLR_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- CLI header: [ECMA II.25.3.3] ---- */

/* Bits of the flags: X(NAME, BIT), named as COMIMAGE_FLAGS_NAME [ECMA II.25.3.3.1]. */
#define PE_CLR_FLAG_LIST(X)       \
    X(ILONLY, 0x00000001u)        \
    X(32BITREQUIRED, 0x00000002u) \
    X(IL_LIBRARY, 0x00000004u)    \
    X(STRONGNAMESIGNED, 0x08u)    \
    X(NATIVE_ENTRYPOINT, 0x10u)   \
    X(TRACKDEBUGDATA, 0x10000u)   \
    X(32BITPREFERRED, 0x00020000u)

enum {
#define X(name, bit) PE_CLR_##name = bit,
    PE_CLR_FLAG_LIST(X)
#undef X
};

/* The name of a single bit; static. NULL if it has none. */
PE_API const char *pe_clr_flag_name(uint32_t bit);

/* The header, 72 bytes. Everything is as stored; what directories point to is not looked at. */
typedef struct pe_clr {
    pe_directory directory; /* of the image; its size is not looked at */
    uint32_t size;          /* the header's own (cb), in bytes: 72 */
    uint16_t runtime_major, runtime_minor;
    pe_directory metadata;
    uint32_t flags;
    uint32_t entry_point; /* a token; with NATIVE_ENTRYPOINT the RVA of a function; 0 for none */
    pe_directory resources;
    pe_directory strong_name_signature;
    pe_directory code_manager_table;
    pe_directory vtable_fixups;
    pe_directory export_address_jumps;
    pe_directory managed_native_header; /* of precompiled code, such as ReadyToRun */
} pe_clr;

/* PE_OK, PE_NOT_PRESENT without a directory 14, or the status of reading the header. */
PE_API pe_status pe_clr_open(const pe_image *image, pe_clr *ret_clr);

/* ---- VTable fixups: [ECMA II.25.3.3.3] ---- */

/* Bits of a fixup's type: X(NAME, BIT), named as COR_VTABLE_NAME. */
#define PE_CLR_VTABLE_FLAG_LIST(X)            \
    X(32BIT, 0x01u)                           \
    X(64BIT, 0x02u)                           \
    X(FROM_UNMANAGED, 0x04u)                  \
    X(FROM_UNMANAGED_RETAIN_APPDOMAIN, 0x08u) \
    X(CALL_MOST_DERIVED, 0x10u)

enum {
#define X(name, bit) PE_CLR_VTABLE_##name = bit,
    PE_CLR_VTABLE_FLAG_LIST(X)
#undef X
};

/* The name of a single bit; static. NULL if it has none. */
PE_API const char *pe_clr_vtable_flag_name(uint32_t bit);

/* A run of slots that hold method tokens in the file, and functions once the runtime has them. */
typedef struct pe_clr_vtable {
    pe_rva at;
    pe_rva slots;
    uint16_t count; /* slots */
    uint16_t type;
} pe_clr_vtable;

typedef struct pe_clr_vtable_iter {
    const pe_image *image;
    pe_directory table;
    uint32_t next, count; /* entries: as many as the table's size holds */
    pe_status status;
} pe_clr_vtable_iter;

/* The fixups of `clr`: PE_NOT_PRESENT where it has none. `image` is borrowed. */
PE_API void pe_clr_vtables(const pe_image *image, const pe_clr *clr, pe_clr_vtable_iter *ret_iter);
/* PE_OK with the next fixup, PE_END, or an error; all but PE_OK are said again. */
PE_API pe_status pe_clr_vtable_next(pe_clr_vtable_iter *iter, pe_clr_vtable *ret_vtable);

/*
 * What slot `index` holds: 4 bytes, or 8 with the bit 64BIT. PE_NOT_FOUND from `count` on, or the
 * status of reading it.
 */
PE_API pe_status pe_clr_vtable_slot(const pe_image *image, const pe_clr_vtable *vtable,
                                    uint32_t index, uint64_t *ret_value);

/* ---- Metadata root and streams: [ECMA II.24.2] ---- */

#define PE_CLR_METADATA_SIGNATURE 0x424A5342u /* "BSJB" */

/* The root. Offsets in the metadata count from its signature. */
typedef struct pe_clr_metadata {
    const pe_image *image; /* borrowed */
    pe_directory place;
    uint16_t major, minor;
    uint32_t reserved;
    uint32_t version_size; /* bytes that are kept for the version, as stored */
    pe_span version;       /* such as "v4.0.30319", up to its NUL; borrowed */
    uint16_t flags;
    uint16_t stream_count;
    uint32_t headers; /* offset of the first stream header */
} pe_clr_metadata;

/*
 * The metadata at `place`, which a CLI header or a precompiled image's own header names. PE_OK,
 * PE_NOT_PRESENT for a place without RVA or size, PE_BAD_FORMAT without the signature,
 * PE_OUT_OF_BOUNDS for a root that `place` does not hold, or the status of reading it.
 */
PE_API pe_status pe_clr_metadata_open(const pe_image *image, pe_directory place,
                                      pe_clr_metadata *ret_metadata);

enum { PE_CLR_STREAM_NAME_SIZE = 32 };

/* A stream: [ECMA II.24.2.2]. */
typedef struct pe_clr_stream {
    pe_rva at;                          /* of the stream's header */
    uint32_t offset;                    /* in the metadata, as stored */
    uint32_t size;                      /* in bytes, as stored */
    char name[PE_CLR_STREAM_NAME_SIZE]; /* such as "#Strings"; NUL-terminated */
    pe_directory place;                 /* 0 where the metadata do not hold the stream */
    pe_status status;                   /* PE_OK, or why the data cannot be read */
    pe_span data; /* borrowed; shorter than `size` where the rest is zero fill */
} pe_clr_stream;

typedef struct pe_clr_stream_iter {
    pe_clr_metadata metadata;
    uint32_t next; /* offset of the next header */
    uint32_t left; /* headers */
    pe_status status;
} pe_clr_stream_iter;

PE_API void pe_clr_streams(const pe_clr_metadata *metadata, pe_clr_stream_iter *ret_iter);
/*
 * PE_OK with the next stream, PE_END, PE_OUT_OF_BOUNDS for a header that leaves the metadata,
 * PE_BAD_FORMAT for a name without a NUL in its 32 bytes, or the status of reading; all but PE_OK
 * are said again. Data that cannot be read are the stream's own matter (stream.status):
 * PE_OUT_OF_BOUNDS also for those that leave the metadata.
 */
PE_API pe_status pe_clr_stream_next(pe_clr_stream_iter *iter, pe_clr_stream *ret_stream);

/* The first stream of that name; PE_NOT_FOUND, or what pe_clr_stream_next says before it. */
PE_API pe_status pe_clr_stream_find(const pe_clr_metadata *metadata, const char *name,
                                    pe_clr_stream *ret_stream);

/* ---- The tables stream: [ECMA II.24.2.6] ---- */

/* The tables: X(CONSTANT, name, number) [ECMA II.22]; from 0x30 on those of Portable PDB. */
#define PE_CLR_TABLE_LIST(X)                                    \
    X(MODULE, "Module", 0x00)                                   \
    X(TYPE_REF, "TypeRef", 0x01)                                \
    X(TYPE_DEF, "TypeDef", 0x02)                                \
    X(FIELD_PTR, "FieldPtr", 0x03)                              \
    X(FIELD, "Field", 0x04)                                     \
    X(METHOD_PTR, "MethodPtr", 0x05)                            \
    X(METHOD_DEF, "MethodDef", 0x06)                            \
    X(PARAM_PTR, "ParamPtr", 0x07)                              \
    X(PARAM, "Param", 0x08)                                     \
    X(INTERFACE_IMPL, "InterfaceImpl", 0x09)                    \
    X(MEMBER_REF, "MemberRef", 0x0A)                            \
    X(CONSTANT, "Constant", 0x0B)                               \
    X(CUSTOM_ATTRIBUTE, "CustomAttribute", 0x0C)                \
    X(FIELD_MARSHAL, "FieldMarshal", 0x0D)                      \
    X(DECL_SECURITY, "DeclSecurity", 0x0E)                      \
    X(CLASS_LAYOUT, "ClassLayout", 0x0F)                        \
    X(FIELD_LAYOUT, "FieldLayout", 0x10)                        \
    X(STAND_ALONE_SIG, "StandAloneSig", 0x11)                   \
    X(EVENT_MAP, "EventMap", 0x12)                              \
    X(EVENT_PTR, "EventPtr", 0x13)                              \
    X(EVENT, "Event", 0x14)                                     \
    X(PROPERTY_MAP, "PropertyMap", 0x15)                        \
    X(PROPERTY_PTR, "PropertyPtr", 0x16)                        \
    X(PROPERTY, "Property", 0x17)                               \
    X(METHOD_SEMANTICS, "MethodSemantics", 0x18)                \
    X(METHOD_IMPL, "MethodImpl", 0x19)                          \
    X(MODULE_REF, "ModuleRef", 0x1A)                            \
    X(TYPE_SPEC, "TypeSpec", 0x1B)                              \
    X(IMPL_MAP, "ImplMap", 0x1C)                                \
    X(FIELD_RVA, "FieldRVA", 0x1D)                              \
    X(ENC_LOG, "ENCLog", 0x1E)                                  \
    X(ENC_MAP, "ENCMap", 0x1F)                                  \
    X(ASSEMBLY, "Assembly", 0x20)                               \
    X(ASSEMBLY_PROCESSOR, "AssemblyProcessor", 0x21)            \
    X(ASSEMBLY_OS, "AssemblyOS", 0x22)                          \
    X(ASSEMBLY_REF, "AssemblyRef", 0x23)                        \
    X(ASSEMBLY_REF_PROCESSOR, "AssemblyRefProcessor", 0x24)     \
    X(ASSEMBLY_REF_OS, "AssemblyRefOS", 0x25)                   \
    X(FILE, "File", 0x26)                                       \
    X(EXPORTED_TYPE, "ExportedType", 0x27)                      \
    X(MANIFEST_RESOURCE, "ManifestResource", 0x28)              \
    X(NESTED_CLASS, "NestedClass", 0x29)                        \
    X(GENERIC_PARAM, "GenericParam", 0x2A)                      \
    X(METHOD_SPEC, "MethodSpec", 0x2B)                          \
    X(GENERIC_PARAM_CONSTRAINT, "GenericParamConstraint", 0x2C) \
    X(DOCUMENT, "Document", 0x30)                               \
    X(METHOD_DEBUG_INFORMATION, "MethodDebugInformation", 0x31) \
    X(LOCAL_SCOPE, "LocalScope", 0x32)                          \
    X(LOCAL_VARIABLE, "LocalVariable", 0x33)                    \
    X(LOCAL_CONSTANT, "LocalConstant", 0x34)                    \
    X(IMPORT_SCOPE, "ImportScope", 0x35)                        \
    X(STATE_MACHINE_METHOD, "StateMachineMethod", 0x36)         \
    X(CUSTOM_DEBUG_INFORMATION, "CustomDebugInformation", 0x37)

typedef enum pe_clr_table {
#define X(constant, name, number) PE_CLR_TABLE_##constant = number,
    PE_CLR_TABLE_LIST(X)
#undef X
        PE_CLR_TABLE_COUNT = 64 /* as many as the masks have bits */
} pe_clr_table;

/* "Module" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_clr_table_name(uint32_t number);

/* Bits of `heap_sizes`: the indices that have 4 bytes, not 2, and what corhdr.h adds. */
enum {
    PE_CLR_WIDE_STRINGS = 0x01,
    PE_CLR_WIDE_GUIDS = 0x02,
    PE_CLR_WIDE_BLOBS = 0x04,
    PE_CLR_EXTRA_DATA = 0x40, /* 4 more bytes follow the row counts */
};

/* The header of the stream "#~", or of "#-" (tables that are not optimised). */
typedef struct pe_clr_tables {
    pe_directory place; /* of the stream */
    uint8_t major, minor;
    uint8_t heap_sizes;
    uint64_t valid;  /* bit n: table n is there */
    uint64_t sorted; /* bit n: table n is sorted */
    uint32_t rows[PE_CLR_TABLE_COUNT];
    uint32_t extra_data;
    uint32_t data; /* offset in the stream of the first table's rows */
} pe_clr_tables;

/*
 * Reads the header of a stream of tables. PE_OK, PE_NOT_FOUND for a stream of another name,
 * PE_OUT_OF_BOUNDS for a header that leaves the stream, or the status of reading it. That the
 * stream holds as many rows as are counted is not looked at.
 */
PE_API pe_status pe_clr_tables_open(const pe_image *image, const pe_clr_stream *stream,
                                    pe_clr_tables *ret_tables);

#ifdef __cplusplus
}
#endif

#endif
