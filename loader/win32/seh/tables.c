#include "win32/seh/tables.h"

#include "win32/seh/seh.h"

/* What kernel32 and ntdll both export. */
#define RTL_LINES                                                                 \
    LDR__FN_AS("RtlAddFunctionTable", ldr__seh_add_table),                        \
        LDR__FN_AS("RtlCaptureContext", ldr__seh_capture_context),                \
        LDR__FN_AS("RtlDeleteFunctionTable", ldr__seh_delete_table),              \
        LDR__FN_AS("RtlInstallFunctionTableCallback", ldr__seh_install_callback), \
        LDR__FN_AS("RtlLookupFunctionEntry", ldr__seh_lookup_entry),              \
        LDR__FN_AS("RtlPcToFileHeader", ldr__seh_pc_to_header),                   \
        LDR__FN_AS("RtlRaiseException", ldr__seh_rtl_raise_exception),            \
        LDR__FN_AS("RtlRestoreContext", ldr__seh_rtl_restore_context),            \
        LDR__FN_AS("RtlUnwind", ldr__seh_rtl_unwind),                             \
        LDR__FN_AS("RtlUnwindEx", ldr__seh_rtl_unwind),                           \
        LDR__FN_AS("RtlVirtualUnwind", ldr__seh_rtl_virtual_unwind),              \
        LDR__FN_AS("__C_specific_handler", ldr__seh_c_specific_handler)

static const ldr_export kernel32_lines[] = {
    RTL_LINES,
    LDR__FN_AS("AddVectoredContinueHandler", ldr__seh_add_continue_handler),
    LDR__FN_AS("AddVectoredExceptionHandler", ldr__seh_add_exception_handler),
    LDR__FN_AS("RaiseException", ldr__seh_raise_exception),
    LDR__FN_AS("RemoveVectoredContinueHandler", ldr__seh_remove_continue_handler),
    LDR__FN_AS("RemoveVectoredExceptionHandler", ldr__seh_remove_exception_handler),
    LDR__FN_AS("SetUnhandledExceptionFilter", ldr__seh_set_filter),
    LDR__FN_AS("UnhandledExceptionFilter", ldr__seh_unhandled_filter),
};

static const ldr_export ntdll_lines[] = {
    RTL_LINES,
    LDR__FN_AS("NtContinue", ldr__seh_nt_continue),
    LDR__FN_AS("RtlAddVectoredContinueHandler", ldr__seh_add_continue_handler),
    LDR__FN_AS("RtlAddVectoredExceptionHandler", ldr__seh_add_exception_handler),
    LDR__FN_AS("RtlRaiseStatus", ldr__seh_rtl_raise_status),
    LDR__FN_AS("RtlRemoveVectoredContinueHandler", ldr__seh_remove_continue_handler),
    LDR__FN_AS("RtlRemoveVectoredExceptionHandler", ldr__seh_remove_exception_handler),
    LDR__FN_AS("ZwContinue", ldr__seh_nt_continue),
    LDR__FN_AS("_local_unwind", ldr__seh_local_unwind),
    LDR__FN_AS("_setjmp", ldr__seh_setjmp),
    LDR__FN_AS("_setjmpex", ldr__seh_setjmp),
    LDR__FN_AS("longjmp", ldr__seh_longjmp),
};

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("__C_specific_handler", ldr__seh_c_specific_handler),
    LDR__FN_AS("_local_unwind", ldr__seh_local_unwind),
    LDR__FN_AS("_setjmp", ldr__seh_setjmp),
    LDR__FN_AS("_setjmpex", ldr__seh_setjmp),
    LDR__FN_AS("longjmp", ldr__seh_longjmp),
};

/* vcruntime140.dll, and ucrtbase.dll with the same functions for Windows's own programs. */
static const ldr_export vcruntime_lines[] = {
    LDR__FN_AS("__C_specific_handler", ldr__seh_c_specific_handler),
    LDR__FN_AS("__intrinsic_setjmp", ldr__seh_setjmp),
    LDR__FN_AS("__intrinsic_setjmpex", ldr__seh_setjmp),
    LDR__FN_AS("_local_unwind", ldr__seh_local_unwind),
    LDR__FN_AS("longjmp", ldr__seh_longjmp),
};

static LDR__TABLE(kernel32, "kernel32.dll", kernel32_lines);
static LDR__TABLE(ntdll, "ntdll.dll", ntdll_lines);
static LDR__TABLE(msvcrt, "msvcrt.dll", msvcrt_lines);
static LDR__TABLE(vcruntime140, "vcruntime140.dll", vcruntime_lines);
static LDR__TABLE(ucrtbase, "ucrtbase.dll", vcruntime_lines);

const ldr__host_table *const ldr__seh_host_tables[] = {&kernel32, &ntdll, &msvcrt, &vcruntime140,
                                                       &ucrtbase};
const size_t ldr__seh_host_table_count =
    sizeof ldr__seh_host_tables / sizeof ldr__seh_host_tables[0];
