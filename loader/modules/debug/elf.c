#include "modules/debug/elf.h"

#include <string.h>

#include "modules/debug/frames.h"

/* ---- What of ELF is needed (System V ABI, "Object files"; x86-64 supplement) ---- */

enum {
    HEADER_SIZE = 64,
    SECTION_SIZE = 64,
    SYMBOL_SIZE = 24,
    ET_EXEC = 2,
    EM_X86_64 = 62,
    SHT_PROGBITS = 1,
    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,
    SHT_NOBITS = 8,
    SHF_ALLOC_EXECINSTR = 2 | 4,
    STB_GLOBAL_STT_FUNC = 1 << 4 | 2,
};

/* Sections, and the names of all of them in one. */
enum { NO_SECTION, TEXT, SYMTAB, STRTAB, SHSTRTAB, DEBUG_FRAME, SECTIONS };
static const char section_names[] = "\0.text\0.symtab\0.strtab\0.shstrtab\0.debug_frame";
static const uint8_t section_name_at[SECTIONS] = {0, 1, 7, 15, 23, 33};

typedef struct section {
    uint32_t type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
} section;

static void add_header(ldr__bytes *bytes)
{
    static const uint8_t identity[16] = {
        0x7F, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little-endian */, 1};
    ldr__bytes_add(bytes, identity, sizeof identity);
    ldr__bytes_number(bytes, ET_EXEC, 2);
    ldr__bytes_number(bytes, EM_X86_64, 2);
    ldr__bytes_number(bytes, 1, 4);           /* version */
    ldr__bytes_number(bytes, 0, 8);           /* entry */
    ldr__bytes_number(bytes, 0, 8);           /* no program headers */
    ldr__bytes_number(bytes, HEADER_SIZE, 8); /* section headers */
    ldr__bytes_number(bytes, 0, 4);           /* flags */
    ldr__bytes_number(bytes, HEADER_SIZE, 2);
    ldr__bytes_number(bytes, 0, 2 + 2);
    ldr__bytes_number(bytes, SECTION_SIZE, 2);
    ldr__bytes_number(bytes, SECTIONS, 2);
    ldr__bytes_number(bytes, SHSTRTAB, 2);
}

static void add_section(ldr__bytes *bytes, uint32_t name, const section *s)
{
    ldr__bytes_number(bytes, name, 4);
    ldr__bytes_number(bytes, s->type, 4);
    ldr__bytes_number(bytes, s->flags, 8);
    ldr__bytes_number(bytes, s->address, 8);
    ldr__bytes_number(bytes, s->offset, 8);
    ldr__bytes_number(bytes, s->size, 8);
    ldr__bytes_number(bytes, s->link, 4);
    ldr__bytes_number(bytes, s->info, 4);
    ldr__bytes_number(bytes, s->alignment, 8);
    ldr__bytes_number(bytes, s->entry_size, 8);
}

static void add_symbol(ldr__bytes *bytes, uint32_t name, uint32_t kind, uint64_t address,
                       uint64_t size)
{
    ldr__bytes_number(bytes, name, 4);
    ldr__bytes_number(bytes, kind, 1);
    ldr__bytes_number(bytes, 0, 1);
    ldr__bytes_number(bytes, kind != 0 ? TEXT : NO_SECTION, 2);
    ldr__bytes_number(bytes, address, 8);
    ldr__bytes_number(bytes, size, 8);
}

/* ---- The object ---- */

static void add_symbols(ldr__bytes *bytes, const ldr_module *module,
                        const ldr__code_symbols *symbols)
{
    uint64_t base = (uintptr_t)ldr_module_base(module);
    add_symbol(bytes, 0, 0, 0, 0);
    for (uint32_t i = 0; i < symbols->count && !bytes->has_failed; i++) {
        const ldr__code_symbol *symbol = &symbols->items[i];
        add_symbol(bytes, symbol->name, STB_GLOBAL_STT_FUNC, base + symbol->rva, symbol->size);
    }
}

/* Headers come first, so that their size does not depend on what they are about. */
static void place_sections(const ldr_module *module, const ldr__code_symbols *symbols,
                           uint64_t frames, section ret_sections[SECTIONS])
{
    uint64_t offset = HEADER_SIZE + SECTIONS * SECTION_SIZE;
    uint64_t symtab = ((uint64_t)symbols->count + 1) * SYMBOL_SIZE;
    memset(ret_sections, 0, SECTIONS * sizeof *ret_sections);
    ret_sections[TEXT] = (section){.type = SHT_NOBITS,
                                   .flags = SHF_ALLOC_EXECINSTR,
                                   .address = (uintptr_t)ldr_module_base(module),
                                   .offset = offset,
                                   .size = ldr_module_size(module),
                                   .alignment = 16};
    ret_sections[SYMTAB] = (section){.type = SHT_SYMTAB,
                                     .offset = offset,
                                     .size = symtab,
                                     .link = STRTAB,
                                     .info = 1,
                                     .alignment = 8,
                                     .entry_size = SYMBOL_SIZE};
    offset += symtab;
    ret_sections[DEBUG_FRAME] =
        (section){.type = SHT_PROGBITS, .offset = offset, .size = frames, .alignment = 8};
    offset += frames;
    ret_sections[STRTAB] = (section){
        .type = SHT_STRTAB, .offset = offset, .size = symbols->names_size, .alignment = 1};
    offset += symbols->names_size;
    ret_sections[SHSTRTAB] = (section){
        .type = SHT_STRTAB, .offset = offset, .size = sizeof section_names, .alignment = 1};
}

ldr_status ldr__elf_make(const ldr_module *module, const ldr__code_symbols *symbols,
                         uint8_t **ret_object, uint64_t *ret_size)
{
    ldr__bytes frames = {0}, bytes = {0};
    section sections[SECTIONS];
    ldr__frames_make(module, &frames);
    place_sections(module, symbols, frames.size, sections);
    add_header(&bytes);
    for (uint32_t i = 0; i < SECTIONS; i++)
        add_section(&bytes, section_name_at[i], &sections[i]);
    add_symbols(&bytes, module, symbols);
    ldr__bytes_add(&bytes, frames.data, frames.size);
    ldr__bytes_add(&bytes, symbols->names, symbols->names_size);
    ldr__bytes_add(&bytes, section_names, sizeof section_names);
    bool has_failed = frames.has_failed || bytes.has_failed;
    ldr__os_free(frames.data);
    if (has_failed) {
        ldr__os_free(bytes.data);
        return LDR_NO_MEMORY;
    }
    *ret_object = bytes.data;
    *ret_size = bytes.size;
    return LDR_OK;
}
