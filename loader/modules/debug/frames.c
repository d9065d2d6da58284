#include "modules/debug/frames.h"

#include <string.h>

/* ---- Bytes ---- */

static bool make_room(ldr__bytes *bytes, uint64_t size)
{
    if (size <= bytes->capacity - bytes->size)
        return true;
    uint64_t capacity = 2 * (bytes->size + size) + 4096;
    uint8_t *grown = ldr__os_resize(bytes->data, (size_t)capacity);
    if (grown == NULL)
        return false;
    bytes->data = grown;
    bytes->capacity = capacity;
    return true;
}

void ldr__bytes_add(ldr__bytes *bytes, const void *data, uint64_t size)
{
    bytes->has_failed = bytes->has_failed || !make_room(bytes, size);
    if (bytes->has_failed || size == 0)
        return;
    memcpy(bytes->data + bytes->size, data, (size_t)size);
    bytes->size += size;
}

void ldr__bytes_number(ldr__bytes *bytes, uint64_t value, uint32_t size)
{
    uint8_t stored[8];
    for (uint32_t i = 0; i < size; i++)
        stored[i] = (uint8_t)(value >> 8 * i);
    ldr__bytes_add(bytes, stored, size);
}

/* ---- Instructions: DWARF 5, 6.4.2 ---- */

enum {
    DW_CFA_ADVANCE_LOC4 = 0x04,
    DW_CFA_OFFSET_EXTENDED_SF = 0x11,
    DW_CFA_DEF_CFA = 0x0C,
    DW_CFA_DEF_CFA_OFFSET = 0x0E,
    DW_CFA_OFFSET = 0x80,
};

/* Of registers saved, and of the CIE. */
enum { DATA_ALIGN = -8, RETURN_COLUMN = 16, RSP_COLUMN = 7, XMM_COLUMN = 17 };

/* DWARF's numbers, by those of instructions. */
static const uint8_t columns[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

static void add_byte(ldr__bytes *bytes, uint32_t byte)
{
    ldr__bytes_number(bytes, byte, 1);
}

static void add_uleb(ldr__bytes *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        add_byte(bytes, (uint32_t)(value & 0x7F) | 0x80);
    add_byte(bytes, (uint32_t)value);
}

static void add_sleb(ldr__bytes *bytes, int64_t value)
{
    bool is_more = true;
    while (is_more) {
        uint32_t byte = (uint32_t)(value & 0x7F);
        value >>= 7;
        is_more = !((value == 0 && (byte & 0x40) == 0) || (value == -1 && (byte & 0x40) != 0));
        add_byte(bytes, is_more ? byte | 0x80 : byte);
    }
}

/* Pads what begins at `start` with DW_CFA_nop, and writes its length before it. */
static void end_entry(ldr__bytes *bytes, uint64_t start)
{
    while ((bytes->size - start) % 8 != 0 && !bytes->has_failed)
        add_byte(bytes, 0);
    if (bytes->has_failed)
        return;
    uint64_t length = bytes->size - start - 4;
    for (uint32_t i = 0; i < 4; i++)
        bytes->data[start + i] = (uint8_t)(length >> 8 * i);
}

/* A function begins with its return address at the top of the stack. */
static void add_common(ldr__bytes *bytes)
{
    uint64_t start = bytes->size;
    ldr__bytes_number(bytes, 0, 4);
    ldr__bytes_number(bytes, UINT32_MAX, 4);
    add_byte(bytes, 1); /* version */
    add_byte(bytes, 0); /* no augmentation */
    add_uleb(bytes, 1); /* code alignment */
    add_sleb(bytes, DATA_ALIGN);
    add_byte(bytes, RETURN_COLUMN);
    add_byte(bytes, DW_CFA_DEF_CFA);
    add_uleb(bytes, RSP_COLUMN);
    add_uleb(bytes, 8);
    add_byte(bytes, DW_CFA_OFFSET | RETURN_COLUMN);
    add_uleb(bytes, 1);
    end_entry(bytes, start);
}

/* ---- A function ---- */

/* What its codes do, in the order of execution. */
typedef struct frame {
    pe_x64_code codes[PE_X64_MAX_SLOTS];
    uint32_t count;
    uint64_t depth;    /* bytes from RSP to the CFA */
    uint64_t base;     /* from where registers are saved to the CFA: see is_base */
    uint32_t location; /* bytes from the start of the function */
    bool has_register; /* the CFA goes by a frame register */
} frame;

static bool moves_stack(const pe_x64_code *code, uint64_t *ret_size)
{
    bool is_push = code->operation == PE_X64_PUSH_NONVOL;
    *ret_size = is_push ? 8 : code->value;
    return is_push || code->operation == PE_X64_ALLOC_LARGE ||
           code->operation == PE_X64_ALLOC_SMALL;
}

/* Registers are saved above what RSP is where the frame register is set, else after the prolog. */
static bool is_base(const pe_x64_unwind *unwind, const pe_x64_code *code)
{
    return code->operation == PE_X64_SET_FPREG && unwind->frame_register != 0;
}

/* Codes are stored last first; false for those that cannot be told. */
static bool read_codes(const pe_x64_unwind *unwind, frame *self)
{
    pe_x64_code_iter iter;
    pe_x64_code code;
    pe_status status;
    uint64_t size;
    *self = (frame){.depth = 8, .base = 8};
    pe_x64_codes(unwind, &iter);
    while ((status = pe_x64_code_next(&iter, &code)) == PE_OK) {
        if (code.operation == PE_X64_PUSH_MACHFRAME || self->count == PE_X64_MAX_SLOTS)
            return false;
        if (code.operation == PE_X64_EPILOG)
            continue;
        if (is_base(unwind, &code))
            self->base = 8;
        if (moves_stack(&code, &size))
            self->base += size;
        self->codes[self->count++] = code;
    }
    return status == PE_END;
}

static void advance(ldr__bytes *bytes, frame *self, uint32_t to)
{
    if (to <= self->location)
        return;
    add_byte(bytes, DW_CFA_ADVANCE_LOC4);
    ldr__bytes_number(bytes, to - self->location, 4);
    self->location = to;
}

/* A register lies so many bytes below the CFA, or above it: in the home space of the caller. */
static void add_saved(ldr__bytes *bytes, uint32_t column, int64_t below)
{
    add_byte(bytes, DW_CFA_OFFSET_EXTENDED_SF);
    add_uleb(bytes, column);
    add_sleb(bytes, below / 8);
}

static void add_code(ldr__bytes *bytes, frame *self, const pe_x64_code *code)
{
    uint64_t size;
    int64_t below = (int64_t)self->base - (int64_t)code->value;
    if (moves_stack(code, &size)) {
        self->depth += size;
        if (!self->has_register) {
            add_byte(bytes, DW_CFA_DEF_CFA_OFFSET);
            add_uleb(bytes, self->depth);
        }
    }
    if (code->operation == PE_X64_PUSH_NONVOL)
        add_saved(bytes, columns[code->info & 15], (int64_t)self->depth);
    else if (code->operation == PE_X64_SAVE_NONVOL || code->operation == PE_X64_SAVE_NONVOL_FAR)
        add_saved(bytes, columns[code->info & 15], below);
    else if (code->operation == PE_X64_SAVE_XMM128 || code->operation == PE_X64_SAVE_XMM128_FAR)
        add_saved(bytes, XMM_COLUMN + (code->info & 15u), below);
}

/* The frame register is that many bytes above what RSP is at this place. */
static void add_register(ldr__bytes *bytes, frame *self, const pe_x64_unwind *unwind)
{
    self->has_register = true;
    add_byte(bytes, DW_CFA_DEF_CFA);
    add_uleb(bytes, columns[unwind->frame_register & 15]);
    add_uleb(bytes, self->depth - unwind->frame_offset);
}

static void add_codes(ldr__bytes *bytes, frame *self, const pe_x64_unwind *unwind, bool at_once)
{
    for (uint32_t i = self->count; i-- > 0;) {
        const pe_x64_code *code = &self->codes[i];
        if (!at_once)
            advance(bytes, self, code->prolog_offset);
        if (is_base(unwind, code) && unwind->frame_offset <= self->depth)
            add_register(bytes, self, unwind);
        else
            add_code(bytes, self, code);
    }
}

/* A part of a function that is chained to its first: what that has done is done. */
static bool add_chain(ldr__bytes *bytes, const pe_image *image, const pe_x64_function *function)
{
    frame self;
    pe_x64_unwind unwind;
    if (function->is_indirect || pe_x64_unwind_at(image, function->unwind, &unwind) != PE_OK ||
        !unwind.is_known || !read_codes(&unwind, &self))
        return false;
    if (unwind.is_chained) {
        frame parent;
        pe_x64_unwind whole;
        if (self.count != 0 || unwind.parent.is_indirect ||
            pe_x64_unwind_at(image, unwind.parent.unwind, &whole) != PE_OK || !whole.is_known ||
            whole.is_chained || !read_codes(&whole, &parent))
            return false;
        add_codes(bytes, &parent, &whole, true);
        return true;
    }
    add_codes(bytes, &self, &unwind, false);
    return true;
}

/* Functions may share codes, whose frames are longer than they. */
static bool pays(const pe_image *image, const pe_x64_function *function, uint64_t size)
{
    enum { COST_BYTE = 4 };
    return pe_charge(image, function->begin, COST_BYTE * size) == PE_OK;
}

static void add_function(ldr__bytes *bytes, const ldr_module *module, const pe_image *image,
                         const pe_x64_function *function)
{
    uint64_t start = bytes->size;
    ldr__bytes_number(bytes, 0, 4);
    ldr__bytes_number(bytes, 0, 4); /* the CIE is the first entry of the section */
    ldr__bytes_number(bytes, (uintptr_t)ldr_module_base(module) + function->begin.value, 8);
    ldr__bytes_number(bytes, function->end.value - function->begin.value, 8);
    bool is_told = add_chain(bytes, image, function);
    if (is_told)
        end_entry(bytes, start);
    if (!bytes->has_failed && !(is_told && pays(image, function, bytes->size - start)))
        bytes->size = start;
}

void ldr__frames_make(const ldr_module *module, ldr__bytes *bytes)
{
    pe_budget budget;
    pe_image image = ldr__debug_image(module, &budget);
    pe_x64_function_iter iter;
    pe_x64_function function;
    add_common(bytes);
    pe_x64_functions(&image, &iter);
    while (!bytes->has_failed && pe_x64_function_next(&iter, &function) == PE_OK) {
        if (function.begin.value < function.end.value)
            add_function(bytes, module, &image, &function);
    }
}
