/*
 * throw.c: exceptions of C++ as Microsoft's compiler throws them. What is thrown is described by
 * offsets from the base of the image, which the runtime asks RtlPcToFileHeader for; that knows the
 * modules of the system's loader only.
 */
#include "native/guest.h"
#include "native/state.h"

/* The base of the image that an address lies in, whoever has mapped it. */
static void *base_of(void *address)
{
    MEMORY_BASIC_INFORMATION info;
    if (ldr__context_at(address) == NULL || VirtualQuery(address, &info, sizeof info) == 0)
        return NULL;
    return info.AllocationBase;
}

void *WINAPI ldr__guest_RtlPcToFileHeader(void *pc, void **ret_base)
{
    void *base = base_of(pc);
    if (base == NULL)
        return RtlPcToFileHeader(pc, ret_base);
    *ret_base = base;
    return base;
}

/* [MSVC ehdata.h: EHExceptionRecord, ThrowInfo]; without information what is being handled is
 * thrown again. */
enum { CXX_EXCEPTION = 0xE06D7363, CXX_MAGIC = 0x19930520, CXX_PURE_MAGIC = 0x01994000 };
enum { THROWS_PURE = 8 };

void ldr__guest_CxxThrowException(void *object, void *throw_info)
{
    void *base = NULL;
    ULONG_PTR magic = CXX_MAGIC;
    if (throw_info != NULL) {
        ldr__guest_RtlPcToFileHeader(throw_info, &base);
        if (*(const uint32_t *)throw_info & THROWS_PURE)
            magic = CXX_PURE_MAGIC;
    }
    const ULONG_PTR arguments[] = {magic, (ULONG_PTR)object, (ULONG_PTR)throw_info,
                                   (ULONG_PTR)base};
    RaiseException(CXX_EXCEPTION, EXCEPTION_NONCONTINUABLE, 4, arguments);
}
