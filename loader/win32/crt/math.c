/* crt/math.c: the host's mathematical functions, with errors told in Windows's way. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "win32/crt/state.h"

/* ---- Errors ---- */

/* What __setusermatherr's function gets. */
typedef struct math_error {
    int type; /* 1 domain, 3 overflow */
    const char *name;
    double a, b, result;
} math_error;

/* The result, with the guest's errno and error function in the know if there was a mistake. */
static double checked(const char *name, double a, double b, double result)
{
    if (errno == 0)
        return result;
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_set_host_errno(errno);
    int(LDR_WINAPI * handler)(math_error *) =
        (int(LDR_WINAPI *)(math_error *))crt->math_error_handler;
    math_error error = {errno == EDOM ? 1 : 3, name, a, b, result};
    if (handler && handler(&error))
        return error.result;
    return result;
}

#define MATH1(name)                                                         \
    static double LDR_WINAPI guest_##name(double a)                         \
    {                                                                       \
        errno = 0;                                                          \
        return checked(#name, a, 0, name(a));                               \
    }                                                                       \
    static float LDR_WINAPI guest_##name##f(float a)                        \
    {                                                                       \
        errno = 0;                                                          \
        return (float)checked(#name "f", (double)a, 0, (double)name##f(a)); \
    }

#define MATH2(name)                                                                    \
    static double LDR_WINAPI guest_##name(double a, double b)                          \
    {                                                                                  \
        errno = 0;                                                                     \
        return checked(#name, a, b, name(a, b));                                       \
    }                                                                                  \
    static float LDR_WINAPI guest_##name##f(float a, float b)                          \
    {                                                                                  \
        errno = 0;                                                                     \
        return (float)checked(#name "f", (double)a, (double)b, (double)name##f(a, b)); \
    }

MATH1(acos)
MATH1(asin)
MATH1(atan)
MATH1(ceil)
MATH1(cos)
MATH1(cosh)
MATH1(exp)
MATH1(fabs)
MATH1(floor)
MATH1(log)
MATH1(log10)
MATH1(sin)
MATH1(sinh)
MATH1(sqrt)
MATH1(tan)
MATH1(tanh)
MATH1(acosh)
MATH1(asinh)
MATH1(atanh)
MATH1(cbrt)
MATH1(erf)
MATH1(erfc)
MATH1(exp2)
MATH1(expm1)
MATH1(lgamma)
MATH1(log1p)
MATH1(log2)
MATH1(logb)
MATH1(nearbyint)
MATH1(rint)
MATH1(round)
MATH1(tgamma)
MATH1(trunc)
MATH2(atan2)
MATH2(fmod)
MATH2(pow)
MATH2(copysign)
MATH2(fdim)
MATH2(fmax)
MATH2(fmin)
MATH2(hypot)
MATH2(nextafter)
MATH2(remainder)

/* ---- With other arguments ---- */

static double LDR_WINAPI guest_frexp(double value, int *ret_exponent)
{
    return frexp(value, ret_exponent);
}

static double LDR_WINAPI guest_ldexp(double value, int exponent)
{
    errno = 0;
    return checked("ldexp", value, exponent, ldexp(value, exponent));
}

static float LDR_WINAPI guest_scalbnf(float value, int exponent)
{
    return scalbnf(value, exponent);
}

static double LDR_WINAPI guest_modf(double value, double *ret_whole)
{
    return modf(value, ret_whole);
}

static float LDR_WINAPI guest_modff(float value, float *ret_whole)
{
    return modff(value, ret_whole);
}

static double LDR_WINAPI guest_fma(double a, double b, double c)
{
    return fma(a, b, c);
}

static float LDR_WINAPI guest_fmaf(float a, float b, float c)
{
    return fmaf(a, b, c);
}

static double LDR_WINAPI guest_remquo(double a, double b, int *ret_quotient)
{
    return remquo(a, b, ret_quotient);
}

static int LDR_WINAPI guest_ilogb(double value)
{
    return ilogb(value);
}

static int LDR_WINAPI guest_ilogbf(float value)
{
    return ilogbf(value);
}

/* To a long, which has 32 bits: what does not fit is the smallest number, as the processor says. */
static LONG to_long(double rounded)
{
    if (rounded >= -0x1p31 && rounded < 0x1p31)
        return (LONG)rounded;
    ldr__crt_set_errno(EDOM);
    return INT32_MIN;
}

static LONG LDR_WINAPI guest_lround(double value)
{
    return to_long(round(value));
}

static LONG LDR_WINAPI guest_lroundf(float value)
{
    return to_long((double)roundf(value));
}

static LONG LDR_WINAPI guest_lrint(double value)
{
    return to_long(rint(value));
}

static LONG LDR_WINAPI guest_lrintf(float value)
{
    return to_long((double)rintf(value));
}

static int64_t LDR_WINAPI guest_llround(double value)
{
    return llround(value);
}

static int64_t LDR_WINAPI guest_llroundf(float value)
{
    return llroundf(value);
}

static int64_t LDR_WINAPI guest_llrint(double value)
{
    return llrint(value);
}

static int64_t LDR_WINAPI guest_llrintf(float value)
{
    return llrintf(value);
}

/* ---- Classes ---- */

static int LDR_WINAPI guest__finite(double value)
{
    return isfinite(value) ? 1 : 0;
}

static int LDR_WINAPI guest__isnan(double value)
{
    return isnan(value) ? 1 : 0;
}

static double LDR_WINAPI guest__chgsign(double value)
{
    return -value;
}

static bool is_signaling(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return !(bits >> 51 & 1);
}

/* _fpclass's bits. */
static int LDR_WINAPI guest__fpclass(double value)
{
    bool negative = signbit(value);
    switch (fpclassify(value)) {
    case FP_NAN:
        return is_signaling(value) ? 0x1 : 0x2;
    case FP_INFINITE:
        return negative ? 0x4 : 0x200;
    case FP_NORMAL:
        return negative ? 0x8 : 0x100;
    case FP_SUBNORMAL:
        return negative ? 0x10 : 0x80;
    default:
        return negative ? 0x20 : 0x40;
    }
}

/* The universal runtime's classes: FP_NAN 2, FP_INFINITE 1, FP_SUBNORMAL -2, FP_NORMAL -1, FP_ZERO
 * 0. */
static int16_t class_of(int host_class)
{
    switch (host_class) {
    case FP_NAN:
        return 2;
    case FP_INFINITE:
        return 1;
    case FP_NORMAL:
        return -1;
    case FP_SUBNORMAL:
        return -2;
    default:
        return 0;
    }
}

static int16_t LDR_WINAPI guest__dclass(double value)
{
    return class_of(fpclassify(value));
}

static int16_t LDR_WINAPI guest__fdclass(float value)
{
    return class_of(fpclassify(value));
}

static int LDR_WINAPI guest__dsign(double value)
{
    return signbit(value) ? 0x8000 : 0;
}

static int LDR_WINAPI guest__fdsign(float value)
{
    return signbit(value) ? 0x8000 : 0;
}

static const ldr_export shared[] = {
    LDR__FN(acos),
    LDR__FN(acosf),
    LDR__FN(asin),
    LDR__FN(asinf),
    LDR__FN(atan),
    LDR__FN(atanf),
    LDR__FN(ceil),
    LDR__FN(ceilf),
    LDR__FN(cos),
    LDR__FN(cosf),
    LDR__FN(cosh),
    LDR__FN(coshf),
    LDR__FN(exp),
    LDR__FN(expf),
    LDR__FN(fabs),
    LDR__FN(fabsf),
    LDR__FN(floor),
    LDR__FN(floorf),
    LDR__FN(log),
    LDR__FN(logf),
    LDR__FN(log10),
    LDR__FN(log10f),
    LDR__FN(sin),
    LDR__FN(sinf),
    LDR__FN(sinh),
    LDR__FN(sinhf),
    LDR__FN(sqrt),
    LDR__FN(sqrtf),
    LDR__FN(tan),
    LDR__FN(tanf),
    LDR__FN(tanh),
    LDR__FN(tanhf),
    LDR__FN(atan2),
    LDR__FN(atan2f),
    LDR__FN(fmod),
    LDR__FN(fmodf),
    LDR__FN(pow),
    LDR__FN(powf),
    LDR__FN(frexp),
    LDR__FN(ldexp),
    LDR__FN(modf),
    LDR__FN(modff),
    LDR__FN(_finite),
    LDR__FN(_isnan),
    LDR__FN(_fpclass),
    LDR__FN(_chgsign),
    LDR__FN_AS("_hypot", guest_hypot),
    LDR__FN_AS("_hypotf", guest_hypotf),
    LDR__FN_AS("_copysign", guest_copysign),
    LDR__FN_AS("_copysignf", guest_copysignf),
    LDR__FN_AS("_nextafter", guest_nextafter),
    LDR__FN_AS("_logb", guest_logb),
    LDR__FN_AS("_scalb", guest_ldexp),
};
LDR__CRT_TABLES(ldr__crt_math, shared);

static const ldr_export ucrt_lines[] = {
    LDR__FN(acosh),
    LDR__FN(acoshf),
    LDR__FN(asinh),
    LDR__FN(asinhf),
    LDR__FN(atanh),
    LDR__FN(atanhf),
    LDR__FN(cbrt),
    LDR__FN(cbrtf),
    LDR__FN(erf),
    LDR__FN(erff),
    LDR__FN(erfc),
    LDR__FN(erfcf),
    LDR__FN(exp2),
    LDR__FN(exp2f),
    LDR__FN(expm1),
    LDR__FN(expm1f),
    LDR__FN(lgamma),
    LDR__FN(lgammaf),
    LDR__FN(log1p),
    LDR__FN(log1pf),
    LDR__FN(log2),
    LDR__FN(log2f),
    LDR__FN(logb),
    LDR__FN(logbf),
    LDR__FN(nearbyint),
    LDR__FN(nearbyintf),
    LDR__FN(rint),
    LDR__FN(rintf),
    LDR__FN(round),
    LDR__FN(roundf),
    LDR__FN(tgamma),
    LDR__FN(tgammaf),
    LDR__FN(trunc),
    LDR__FN(truncf),
    LDR__FN(copysign),
    LDR__FN(copysignf),
    LDR__FN(fdim),
    LDR__FN(fdimf),
    LDR__FN(fmax),
    LDR__FN(fmaxf),
    LDR__FN(fmin),
    LDR__FN(fminf),
    LDR__FN(hypot),
    LDR__FN(nextafter),
    LDR__FN(nextafterf),
    LDR__FN(remainder),
    LDR__FN(remainderf),
    LDR__FN(fma),
    LDR__FN(fmaf),
    LDR__FN(remquo),
    LDR__FN(ilogb),
    LDR__FN(ilogbf),
    LDR__FN(lround),
    LDR__FN(lroundf),
    LDR__FN(lrint),
    LDR__FN(lrintf),
    LDR__FN(llround),
    LDR__FN(llroundf),
    LDR__FN(llrint),
    LDR__FN(llrintf),
    LDR__FN(scalbnf),
    LDR__FN(_dclass),
    LDR__FN(_fdclass),
    LDR__FN(_dsign),
    LDR__FN(_fdsign),
    LDR__FN_AS("_ldclass", guest__dclass),
    LDR__FN_AS("_ldsign", guest__dsign),
    LDR__FN_AS("scalbn", guest_ldexp),
    LDR__FN_AS("scalbln", guest_ldexp),
    LDR__FN_AS("scalblnf", guest_scalbnf),
};
LDR__TABLE(ldr__crt_math_ucrt_only, "ucrtbase.dll", ucrt_lines);

static const double huge = HUGE_VAL;
static const ldr_export msvcrt_lines[] = {LDR__DATA("_HUGE", huge)};
LDR__TABLE(ldr__crt_math_msvcrt_only, "msvcrt.dll", msvcrt_lines);
