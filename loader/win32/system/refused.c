#include "win32/kernel32/kernel32.h"

/*
 * Functions that programs import and this environment cannot do. Each fails with the error that
 * tells why. They look at no argument, so that one function stands for many signatures: in the
 * guest's calling convention the caller cleans up.
 */

#define NTE_PROV_TYPE_NOT_DEF 0x80090017u

/* FALSE or NULL: there is no such service here. */
static uint64_t LDR_WINAPI not_supported(void)
{
    ldr__set_last_error(ERROR_NOT_SUPPORTED);
    return 0;
}

/* The handle can only be one that was never given. */
static uint64_t LDR_WINAPI no_such_handle(void)
{
    ldr__set_last_error(ERROR_INVALID_HANDLE);
    return 0;
}

/* No cryptographic provider is installed. */
static uint64_t LDR_WINAPI no_provider(void)
{
    ldr__set_last_error(NTE_PROV_TYPE_NOT_DEF);
    return 0;
}

static uint64_t LDR_WINAPI no_more_providers(void)
{
    ldr__set_last_error(ERROR_NO_MORE_ITEMS);
    return 0;
}

/* There are no certificates, and nowhere to keep any. */
static uint64_t LDR_WINAPI no_store(void)
{
    ldr__set_last_error(ERROR_FILE_NOT_FOUND);
    return 0;
}

static const ldr_export kernel32_lines[] = {
    LDR__FN_AS("ConvertThreadToFiber", not_supported),
    LDR__FN_AS("ConvertThreadToFiberEx", not_supported),
    LDR__FN_AS("ConvertFiberToThread", not_supported),
    LDR__FN_AS("CreateFiber", not_supported),
    LDR__FN_AS("CreateFiberEx", not_supported),
    LDR__FN_AS("SwitchToFiber", not_supported),
    LDR__FN_AS("DeleteFiber", not_supported),
    LDR__FN_AS("GetNumberFormatEx", not_supported),
    LDR__FN_AS("GetCurrencyFormatEx", not_supported),
};

static const ldr_export advapi32_lines[] = {
    LDR__FN_AS("CryptAcquireContextW", no_provider),
    LDR__FN_AS("CryptEnumProvidersW", no_more_providers),
    LDR__FN_AS("CryptReleaseContext", no_such_handle),
    LDR__FN_AS("CryptGenRandom", no_such_handle),
    LDR__FN_AS("CryptGetProvParam", no_such_handle),
    LDR__FN_AS("CryptGetUserKey", no_such_handle),
    LDR__FN_AS("CryptExportKey", no_such_handle),
    LDR__FN_AS("CryptDecrypt", no_such_handle),
    LDR__FN_AS("CryptDestroyKey", no_such_handle),
    LDR__FN_AS("CryptCreateHash", no_such_handle),
    LDR__FN_AS("CryptSetHashParam", no_such_handle),
    LDR__FN_AS("CryptSignHashW", no_such_handle),
    LDR__FN_AS("CryptDestroyHash", no_such_handle),
    LDR__FN_AS("RegisterEventSourceW", not_supported),
    LDR__FN_AS("ReportEventW", no_such_handle),
    LDR__FN_AS("DeregisterEventSource", no_such_handle),
};

static const ldr_export crypt32_lines[] = {
    LDR__FN_AS("CertOpenStore", no_store),
    LDR__FN_AS("CertOpenSystemStoreW", no_store),
    LDR__FN_AS("CertCloseStore", no_such_handle),
    LDR__FN_AS("CertEnumCertificatesInStore", no_such_handle),
    LDR__FN_AS("CertFindCertificateInStore", no_such_handle),
    LDR__FN_AS("CertDuplicateCertificateContext", no_such_handle),
    LDR__FN_AS("CertFreeCertificateContext", no_such_handle),
    LDR__FN_AS("CertGetCertificateContextProperty", no_such_handle),
};

LDR__TABLE(ldr__kernel32_refused, "kernel32.dll", kernel32_lines);
LDR__TABLE(ldr__advapi32_refused, "advapi32.dll", advapi32_lines);
LDR__TABLE(ldr__crypt32_refused, "crypt32.dll", crypt32_lines);
