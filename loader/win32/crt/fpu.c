/* crt/fpu.c: the control and status words of floating point, of SSE as on 64-bit Windows. */
#include <xmmintrin.h>

#include "win32/crt/state.h"

/* The abstract control word of _controlfp. */
enum {
    MASK_INEXACT = 0x1,
    MASK_UNDERFLOW = 0x2,
    MASK_OVERFLOW = 0x4,
    MASK_ZERO_DIVIDE = 0x8,
    MASK_INVALID = 0x10,
    MASK_DENORMAL = 0x80000,
    ROUNDING = 0x300, /* near, down, up, chop: in MXCSR's order, five bits lower */
    FLUSH_DENORMALS = 0x1000000,
    DENORMAL_CONTROL = 0x3000000,
    ALL_MASKS = 0x8001F,
    KNOWN = ALL_MASKS | ROUNDING | DENORMAL_CONTROL,
};

enum {
    MXCSR_DEFAULT = 0x1F80,
    MXCSR_STATUS = 0x3F,
    MXCSR_MASK_SHIFT = 7,
    MXCSR_ROUNDING_SHIFT = 5,
    MXCSR_ZERO_DENORMAL_INPUTS = 0x40,
    MXCSR_FLUSH = 0x8000,
};

/* Bit i of MXCSR's exceptions: invalid, denormal, zero divide, overflow, underflow, inexact. */
static const uint32_t exceptions[] = {MASK_INVALID,  MASK_DENORMAL,  MASK_ZERO_DIVIDE,
                                      MASK_OVERFLOW, MASK_UNDERFLOW, MASK_INEXACT};

enum { EXCEPTION_COUNT = sizeof exceptions / sizeof exceptions[0] };

static uint32_t from_bits(uint32_t bits)
{
    uint32_t word = 0;
    for (int i = 0; i < EXCEPTION_COUNT; i++)
        if (bits >> i & 1)
            word |= exceptions[i];
    return word;
}

static uint32_t control_from(uint32_t mxcsr)
{
    uint32_t word = from_bits(mxcsr >> MXCSR_MASK_SHIFT);
    word |= mxcsr >> MXCSR_ROUNDING_SHIFT & ROUNDING;
    return mxcsr & MXCSR_FLUSH ? word | FLUSH_DENORMALS : word;
}

static uint32_t mxcsr_with(uint32_t mxcsr, uint32_t control)
{
    mxcsr &= MXCSR_STATUS;
    for (int i = 0; i < EXCEPTION_COUNT; i++)
        if (control & exceptions[i])
            mxcsr |= 1u << (i + MXCSR_MASK_SHIFT);
    mxcsr |= (control & ROUNDING) << MXCSR_ROUNDING_SHIFT;
    if (control & FLUSH_DENORMALS)
        mxcsr |= MXCSR_FLUSH | MXCSR_ZERO_DENORMAL_INPUTS;
    return mxcsr;
}

static uint32_t LDR_WINAPI guest__control87(uint32_t value, uint32_t mask)
{
    uint32_t mxcsr = _mm_getcsr();
    uint32_t before = control_from(mxcsr);
    mask &= KNOWN;
    if (mask == 0)
        return before;
    uint32_t control = (before & ~mask) | (value & mask);
    _mm_setcsr(mxcsr_with(mxcsr, control));
    return control;
}

/* As _control87, but the mask of the denormal exception stays. */
static uint32_t LDR_WINAPI guest__controlfp(uint32_t value, uint32_t mask)
{
    return guest__control87(value, mask & ~(uint32_t)MASK_DENORMAL);
}

static int LDR_WINAPI guest__controlfp_s(uint32_t *ret_control, uint32_t value, uint32_t mask)
{
    if (mask & ~(uint32_t)(KNOWN | 0x30000 | 0x40000)) { /* precision and infinity: not of SSE */
        if (ret_control)
            *ret_control = control_from(_mm_getcsr());
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    uint32_t control = guest__controlfp(value, mask);
    if (ret_control)
        *ret_control = control;
    return 0;
}

static uint32_t LDR_WINAPI guest__statusfp(void)
{
    return from_bits(_mm_getcsr() & MXCSR_STATUS);
}

static uint32_t LDR_WINAPI guest__clearfp(void)
{
    uint32_t mxcsr = _mm_getcsr();
    _mm_setcsr(mxcsr & ~(uint32_t)MXCSR_STATUS);
    return from_bits(mxcsr & MXCSR_STATUS);
}

static void LDR_WINAPI guest__fpreset(void)
{
    __asm__ volatile("fninit");
    _mm_setcsr(MXCSR_DEFAULT);
}

static int LDR_WINAPI guest_fegetround(void)
{
    return (int)(control_from(_mm_getcsr()) & ROUNDING);
}

static int LDR_WINAPI guest_fesetround(int rounding)
{
    if (rounding & ~ROUNDING)
        return 1;
    guest__control87((uint32_t)rounding, ROUNDING);
    return 0;
}

static int *LDR_WINAPI guest___fpecode(void)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    return thread ? &thread->floating_point_error : NULL;
}

static const ldr_export shared[] = {
    LDR__FN(_control87), LDR__FN(_controlfp), LDR__FN(_controlfp_s), LDR__FN(_statusfp),
    LDR__FN(_clearfp),   LDR__FN(_fpreset),   LDR__FN(__fpecode),
};
LDR__CRT_TABLES(ldr__crt_fpu, shared);

static const ldr_export ucrt_lines[] = {LDR__FN(fegetround), LDR__FN(fesetround)};
LDR__TABLE(ldr__crt_fpu_ucrt_only, "ucrtbase.dll", ucrt_lines);
