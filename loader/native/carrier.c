/* carrier.c: the bytes of a DLL that has a TLS directory and nothing else. */
#include "native/state.h"

#include <string.h>

#include "os/os.h"

/*
 * Headers; a page with the TLS directory and the index variable, and the template behind them, as
 * long in memory as the template with its zeros; a page with base relocations. No imports, no
 * entry point, no code: the system's loader has nothing to do but the TLS.
 */
enum {
    FILE_UNIT = 0x200,
    PAGE = 0x1000,
    HEADERS_SIZE = 0x400,
    DATA_RVA = PAGE,
    INDEX_RVA = LDR__CARRIER_INDEX,
    TEMPLATE_RVA = LDR__CARRIER_TEMPLATE,
    DIRECTORY_SIZE = 40,
    RELOCS_SIZE = 16,
    LARGEST = 0x7F000000, /* what fits into an image */
    NT_AT = 0x80,
};

static const uint64_t base = 0x180000000;

static uint32_t round_up(uint64_t size, uint32_t unit)
{
    return (uint32_t)((size + unit - 1) / unit * unit);
}

/* Where its parts are, and how large. */
typedef struct layout {
    uint32_t data_size, data_memory; /* of the section with the template: in the file, in memory */
    uint32_t relocs_rva, relocs_at;
    uint32_t image_size, file_size;
    uint64_t template_end;
} layout;

static layout plan(const ldr__tls_template *tls)
{
    uint64_t memory = (uint64_t)tls->data_size + tls->zero_size;
    layout l = {.template_end = base + TEMPLATE_RVA + memory};
    l.data_size = round_up(TEMPLATE_RVA - DATA_RVA + (uint64_t)tls->data_size, FILE_UNIT);
    l.data_memory = (uint32_t)(TEMPLATE_RVA - DATA_RVA + memory);
    l.relocs_rva = round_up(DATA_RVA + (uint64_t)l.data_memory + 1, PAGE);
    l.relocs_at = HEADERS_SIZE + l.data_size;
    l.image_size = l.relocs_rva + PAGE;
    l.file_size = l.relocs_at + FILE_UNIT;
    return l;
}

static void write_headers(uint8_t *bytes, const layout *l)
{
    IMAGE_DOS_HEADER dos = {.e_magic = IMAGE_DOS_SIGNATURE, .e_lfanew = NT_AT};
    IMAGE_NT_HEADERS64 nt = {
        .Signature = IMAGE_NT_SIGNATURE,
        .FileHeader = {.Machine = IMAGE_FILE_MACHINE_AMD64,
                       .NumberOfSections = 2,
                       .SizeOfOptionalHeader = sizeof nt.OptionalHeader,
                       .Characteristics = IMAGE_FILE_EXECUTABLE_IMAGE |
                                          IMAGE_FILE_LARGE_ADDRESS_AWARE | IMAGE_FILE_DLL},
        .OptionalHeader = {.Magic = IMAGE_NT_OPTIONAL_HDR64_MAGIC,
                           .SizeOfInitializedData = l->data_size + FILE_UNIT,
                           .BaseOfCode = DATA_RVA,
                           .ImageBase = base,
                           .SectionAlignment = PAGE,
                           .FileAlignment = FILE_UNIT,
                           .MajorOperatingSystemVersion = 6,
                           .MajorSubsystemVersion = 6,
                           .SizeOfImage = l->image_size,
                           .SizeOfHeaders = HEADERS_SIZE,
                           .Subsystem = IMAGE_SUBSYSTEM_WINDOWS_GUI,
                           .DllCharacteristics = IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE |
                                                 IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA |
                                                 IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
                           .NumberOfRvaAndSizes = IMAGE_NUMBEROF_DIRECTORY_ENTRIES}};
    nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_TLS] =
        (IMAGE_DATA_DIRECTORY){DATA_RVA, DIRECTORY_SIZE};
    nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC] =
        (IMAGE_DATA_DIRECTORY){l->relocs_rva, RELOCS_SIZE};
    memcpy(bytes, &dos, sizeof dos);
    memcpy(bytes + NT_AT, &nt, sizeof nt);
}

static void write_sections(uint8_t *bytes, const layout *l)
{
    IMAGE_SECTION_HEADER sections[2] = {
        {.Name = ".tls",
         .Misc.VirtualSize = l->data_memory,
         .VirtualAddress = DATA_RVA,
         .SizeOfRawData = l->data_size,
         .PointerToRawData = HEADERS_SIZE,
         .Characteristics =
             IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE},
        {.Name = ".reloc",
         .Misc.VirtualSize = RELOCS_SIZE,
         .VirtualAddress = l->relocs_rva,
         .SizeOfRawData = FILE_UNIT,
         .PointerToRawData = l->relocs_at,
         .Characteristics =
             IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_DISCARDABLE}};
    memcpy(bytes + NT_AT + sizeof(IMAGE_NT_HEADERS64), sections, sizeof sections);
}

static void write_directory(uint8_t *bytes, const layout *l, const ldr__tls_template *tls)
{
    IMAGE_TLS_DIRECTORY64 directory = {.StartAddressOfRawData = base + TEMPLATE_RVA,
                                       .EndAddressOfRawData = l->template_end,
                                       .AddressOfIndex = base + INDEX_RVA,
                                       .Characteristics = tls->characteristics};
    memcpy(bytes + HEADERS_SIZE, &directory, sizeof directory);
    if (tls->data_size != 0)
        memcpy(bytes + HEADERS_SIZE + TEMPLATE_RVA - DATA_RVA, tls->data, tls->data_size);
}

/* Of the directory's first three addresses, and one entry that fills up. */
static void write_relocs(uint8_t *bytes, const layout *l)
{
    enum { DIR64 = IMAGE_REL_BASED_DIR64 << 12 };
    const IMAGE_BASE_RELOCATION block = {DATA_RVA, RELOCS_SIZE};
    const uint16_t entries[] = {DIR64, DIR64 | 8, DIR64 | 16, 0};
    memcpy(bytes + l->relocs_at, &block, sizeof block);
    memcpy(bytes + l->relocs_at + sizeof block, entries, sizeof entries);
}

void *ldr__carrier_build(const ldr__tls_template *tls, size_t *ret_size)
{
    if (tls->data_size > LARGEST || tls->zero_size > LARGEST - tls->data_size)
        return NULL;
    layout l = plan(tls);
    uint8_t *bytes = ldr__os_alloc(l.file_size);
    if (bytes == NULL)
        return NULL;
    write_headers(bytes, &l);
    write_sections(bytes, &l);
    write_directory(bytes, &l, tls);
    write_relocs(bytes, &l);
    *ret_size = l.file_size;
    return bytes;
}
