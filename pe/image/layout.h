/*
 * layout.h: field offsets of the structures of a PE file, in bytes from the start of each.
 *
 * [PE Format] is the source of every number. Where PE32 and PE32+ differ, the PE32+ offset has the
 * suffix _64.
 */
#ifndef PELOAD_PE_LAYOUT_H
#define PELOAD_PE_LAYOUT_H

enum {
    DOS_MAGIC = 0,
    DOS_LFANEW = 60,
    DOS_SIZE = 64,
    DOS_MAGIC_MZ = 0x5A4D,
};

/* The "NE" header of 16-bit Windows and OS/2 lies where the PE signature would. */
enum {
    NE_EXETYPE = 0x36,
    NE_EXETYPE_WINDOWS = 2,
    NE_EXETYPE_DOS_EXTENDER = 5,
    NE_SIGNATURE = 0x454E,
};

/* From the PE signature. */
enum {
    NT_SIGNATURE = 0x00004550,
    FILE_MACHINE = 4,
    FILE_SECTION_COUNT = 6,
    FILE_TIME_DATE_STAMP = 8,
    FILE_SYMBOL_TABLE = 12,
    FILE_SYMBOL_COUNT = 16,
    FILE_OPTIONAL_SIZE = 20,
    FILE_CHARACTERISTICS = 22,
    FILE_END = 24, /* the optional header follows */
};

/* From the optional header. */
enum {
    OPT_MAGIC = 0,
    OPT_LINKER_MAJOR = 2,
    OPT_LINKER_MINOR = 3,
    OPT_SIZE_OF_CODE = 4,
    OPT_SIZE_OF_INITIALIZED_DATA = 8,
    OPT_SIZE_OF_UNINITIALIZED_DATA = 12,
    OPT_ENTRY_POINT = 16,
    OPT_BASE_OF_CODE = 20,
    OPT_BASE_OF_DATA = 24,
    OPT_IMAGE_BASE = 28,
    OPT_IMAGE_BASE_64 = 24,
    OPT_SECTION_ALIGNMENT = 32,
    OPT_FILE_ALIGNMENT = 36,
    OPT_OS_MAJOR = 40,
    OPT_OS_MINOR = 42,
    OPT_IMAGE_MAJOR = 44,
    OPT_IMAGE_MINOR = 46,
    OPT_SUBSYSTEM_MAJOR = 48,
    OPT_SUBSYSTEM_MINOR = 50,
    OPT_WIN32_VERSION = 52,
    OPT_SIZE_OF_IMAGE = 56,
    OPT_SIZE_OF_HEADERS = 60,
    OPT_CHECKSUM = 64,
    OPT_SUBSYSTEM = 68,
    OPT_DLL_CHARACTERISTICS = 70,
    OPT_STACK_RESERVE = 72, /* four pointer-sized fields: stack and heap, reserve and commit */
    OPT_LOADER_FLAGS = 88,
    OPT_LOADER_FLAGS_64 = 104,
    OPT_DIRECTORY_COUNT = 92,
    OPT_DIRECTORY_COUNT_64 = 108,
    OPT_DIRECTORIES = 96,
    OPT_DIRECTORIES_64 = 112,
    DIRECTORY_SIZE = 8,
};

/* From a section header. */
enum {
    SCN_NAME = 0,
    SCN_VIRTUAL_SIZE = 8,
    SCN_VIRTUAL_ADDRESS = 12,
    SCN_RAW_SIZE = 16,
    SCN_RAW_POINTER = 20,
    SCN_CHARACTERISTICS = 36,
    SCN_SIZE = 40,
    SCN_NAME_SIZE = 8,
};

/* What a 64-bit kernel wants to find after e_lfanew: PE32+ headers with 16 directories. */
enum { NT_HEADERS_SIZE_64 = FILE_END + OPT_DIRECTORIES_64 + 16 * DIRECTORY_SIZE };

#endif
