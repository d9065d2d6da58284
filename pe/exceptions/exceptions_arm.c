#include "pe/image/bytes.h"

enum { FUNCTION_SIZE = 8, THUMB = 1, FLAG_MASK = 3, WORD_SIZE = 4, FIRST_FOLDED = 0x3F4 };

/* `count` bits of `word` from bit `first` on. */
static uint32_t bits(uint32_t word, uint32_t first, uint32_t count)
{
    return word >> first & ((UINT32_C(1) << count) - 1);
}

/* ---- Functions ---- */

void pe_arm_functions_in(const pe_image *image, pe_directory table, bool is_64,
                         pe_arm_function_iter *ret_iter)
{
    *ret_iter = (pe_arm_function_iter){
        .image = image,
        .is_64 = is_64,
        .next = table.rva.value,
        .end = (uint64_t)table.rva.value + table.size,
        .status = table.rva.value != 0 ? PE_OK : PE_NOT_PRESENT,
    };
}

void pe_arm_functions(const pe_image *image, pe_arm_function_iter *ret_iter)
{
    uint16_t machine = image->file.machine;
    bool is_64 = machine == PE_MACHINE_ARM64 || machine == PE_MACHINE_ARM64X;
    pe_directory table = pe_directory_at(image, PE_DIRECTORY_EXCEPTION);
    pe_arm_functions_in(image, table, is_64, ret_iter);
    if (!is_64 && machine != PE_MACHINE_ARMNT)
        ret_iter->status = PE_NOT_PRESENT;
}

static pe_status read_function(const pe_image *image, pe_rva rva, bool is_64,
                               pe_arm_function *ret_function)
{
    uint8_t raw[FUNCTION_SIZE];
    pe_status status = pe_read(image, rva, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint32_t begin = pe__load_u32(raw), word = pe__load_u32(raw + WORD_SIZE);
    pe_arm_flag flag = (pe_arm_flag)(word & FLAG_MASK);
    *ret_function = (pe_arm_function){
        .at = rva,
        .is_64 = is_64,
        .begin = {is_64 ? begin : begin & ~(uint32_t)THUMB},
        .word = word,
        .flag = flag,
        .xdata = {flag == PE_ARM_XDATA ? word : 0},
    };
    return PE_OK;
}

/* Less than an entry at the end of the directory is none. */
pe_status pe_arm_function_next(pe_arm_function_iter *iter, pe_arm_function *ret_function)
{
    if (iter->status == PE_OK && iter->end - iter->next < FUNCTION_SIZE)
        iter->status = PE_END;
    else if (iter->status == PE_OK && iter->next > UINT32_MAX)
        iter->status = PE_OUT_OF_BOUNDS;
    if (iter->status != PE_OK)
        return iter->status;
    pe_rva at = {(uint32_t)iter->next};
    iter->status = read_function(iter->image, at, iter->is_64, ret_function);
    if (iter->status == PE_OK)
        iter->next += FUNCTION_SIZE;
    return iter->status;
}

static pe_arm_packed unpack_64(uint32_t word)
{
    return (pe_arm_packed){
        .length = 4 * bits(word, 2, 11),
        .float_registers = bits(word, 13, 3),
        .registers = bits(word, 16, 4),
        .homes_parameters = bits(word, 20, 1) != 0,
        .chain = bits(word, 21, 2),
        .frame_size = 16 * bits(word, 23, 9),
    };
}

static pe_arm_packed unpack_32(uint32_t word)
{
    uint32_t adjust = bits(word, 22, 10);
    bool is_folded = adjust >= FIRST_FOLDED;
    return (pe_arm_packed){
        .length = 2 * bits(word, 2, 11),
        .returns = bits(word, 13, 2),
        .homes_parameters = bits(word, 15, 1) != 0,
        .registers = bits(word, 16, 3),
        .saves_float = bits(word, 19, 1) != 0,
        .saves_lr = bits(word, 20, 1) != 0,
        .chain = bits(word, 21, 1),
        .stack_adjust = adjust,
        .stack_size = WORD_SIZE * (is_folded ? bits(adjust, 0, 2) + 1 : adjust),
        .folds_prolog = is_folded && bits(adjust, 2, 1) != 0,
        .folds_epilog = is_folded && bits(adjust, 3, 1) != 0,
    };
}

pe_status pe_arm_packed_of(const pe_arm_function *function, pe_arm_packed *ret_packed)
{
    if (function->flag != PE_ARM_PACKED && function->flag != PE_ARM_PACKED_FRAGMENT)
        return PE_BAD_FORMAT;
    *ret_packed = function->is_64 ? unpack_64(function->word) : unpack_32(function->word);
    return PE_OK;
}

/* ---- .xdata ---- */

/* The first word; *ret_words is the number of words of codes. */
static pe_arm_xdata decode_header(pe_rva at, bool is_64, uint32_t word, uint32_t *ret_words)
{
    uint32_t fragment = is_64 ? 0 : 1; /* ARM has a bit and one bit less of words */
    *ret_words = bits(word, 27 + fragment, 5 - fragment);
    return (pe_arm_xdata){
        .at = at,
        .is_64 = is_64,
        .length = bits(word, 0, 18) * (is_64 ? 4 : 2),
        .version = bits(word, 18, 2),
        .has_handler = bits(word, 20, 1) != 0,
        .is_packed = bits(word, 21, 1) != 0,
        .is_fragment = !is_64 && bits(word, 22, 1) != 0,
        .epilog_count = bits(word, 22 + fragment, 5),
        .size = WORD_SIZE,
    };
}

/* Both counts 0 say that a second word has larger ones. */
static pe_status read_counts(const pe_image *image, pe_rva at, bool is_64, pe_arm_xdata *ret_xdata,
                             uint32_t *ret_words)
{
    uint32_t word, extension;
    pe_rva next;
    pe_status status = pe_read_u32(image, at, &word);
    if (status != PE_OK)
        return status;
    *ret_xdata = decode_header(at, is_64, word, ret_words);
    if (ret_xdata->epilog_count != 0 || *ret_words != 0)
        return PE_OK;
    if (!pe__element(at, 1, WORD_SIZE, &next))
        return PE_OUT_OF_BOUNDS;
    status = pe_read_u32(image, next, &extension);
    if (status != PE_OK)
        return status;
    ret_xdata->epilog_count = bits(extension, 0, 16);
    *ret_words = bits(extension, 16, 8);
    ret_xdata->size += WORD_SIZE;
    return PE_OK;
}

/* Places `size` bytes behind what has been placed so far. */
static bool place(pe_arm_xdata *xdata, uint32_t size, pe_rva *ret_rva)
{
    bool is_placed = pe__element(xdata->at, xdata->size, 1, ret_rva);
    xdata->size += size;
    return is_placed;
}

pe_status pe_arm_xdata_open(const pe_image *image, const pe_arm_function *function,
                            pe_arm_xdata *ret_xdata)
{
    pe_arm_xdata xdata;
    uint32_t words;
    if (function->flag != PE_ARM_XDATA)
        return PE_BAD_FORMAT;
    pe_status status = read_counts(image, function->xdata, function->is_64, &xdata, &words);
    if (status != PE_OK)
        return status;
    if (xdata.is_packed) { /* the count is an index then */
        xdata.first_epilog = xdata.epilog_count;
        xdata.epilog_count = 0;
    }
    xdata.code_size = WORD_SIZE * words;
    if (!place(&xdata, WORD_SIZE * xdata.epilog_count, &xdata.epilogs) ||
        !place(&xdata, xdata.code_size, &xdata.codes))
        return PE_OUT_OF_BOUNDS;
    if (xdata.has_handler) {
        pe_rva handler;
        if (!place(&xdata, WORD_SIZE, &handler) || !place(&xdata, 0, &xdata.language_data))
            return PE_OUT_OF_BOUNDS;
        status = pe_read_u32(image, handler, &xdata.handler.value);
    }
    if (status == PE_OK)
        *ret_xdata = xdata;
    return status;
}

pe_status pe_arm_epilog_at(const pe_image *image, const pe_arm_xdata *xdata, uint32_t index,
                           pe_arm_epilog *ret_epilog)
{
    uint32_t word;
    pe_rva at;
    if (index >= xdata->epilog_count)
        return PE_NOT_FOUND;
    if (!pe__element(xdata->epilogs, index, WORD_SIZE, &at))
        return PE_OUT_OF_BOUNDS;
    pe_status status = pe_read_u32(image, at, &word);
    if (status != PE_OK)
        return status;
    *ret_epilog = (pe_arm_epilog){
        .at = at,
        .start = bits(word, 0, 18) * (xdata->is_64 ? 4 : 2),
        .condition = xdata->is_64 ? 0 : bits(word, 20, 4),
        .code = xdata->is_64 ? bits(word, 22, 10) : bits(word, 24, 8),
    };
    return PE_OK;
}
