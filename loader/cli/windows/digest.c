/* digest.c: hashes by the system's cryptography (CNG). */
#include "cli/cli.h"

#include <string.h>
#include <windows.h>

#include <bcrypt.h>

static const wchar_t *identifier_of(const char *algorithm)
{
    static const struct {
        const char *name;
        const wchar_t *identifier;
    } all[] = {{"MD5", BCRYPT_MD5_ALGORITHM},
               {"SHA1", BCRYPT_SHA1_ALGORITHM},
               {"SHA256", BCRYPT_SHA256_ALGORITHM},
               {"SHA384", BCRYPT_SHA384_ALGORITHM},
               {"SHA512", BCRYPT_SHA512_ALGORITHM}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, algorithm) == 0)
            return all[i].identifier;
    }
    return NULL;
}

static bool put(BCRYPT_HASH_HANDLE hash, pe_span part)
{
    enum { AT_ONCE = 1 << 30 };
    for (uint64_t at = 0, size; at < part.size; at += size) {
        size = part.size - at < AT_ONCE ? part.size - at : AT_ONCE;
        if (BCryptHashData(hash, (PUCHAR)(uintptr_t)(part.data + at), (ULONG)size, 0) != 0)
            return false;
    }
    return true;
}

static bool finish(BCRYPT_HASH_HANDLE hash, cli_hash *ret_hash)
{
    DWORD size = 0;
    ULONG got;
    if (BCryptGetProperty(hash, BCRYPT_HASH_LENGTH, (PUCHAR)&size, sizeof size, &got, 0) != 0 ||
        size > CLI_DIGEST_MAX || BCryptFinishHash(hash, ret_hash->bytes, size, 0) != 0)
        return false;
    ret_hash->size = size;
    return true;
}

bool cli_digest(const char *algorithm, const pe_span parts[], size_t count, cli_hash *ret_hash)
{
    BCRYPT_ALG_HANDLE provider = NULL;
    BCRYPT_HASH_HANDLE hash = NULL;
    const wchar_t *identifier = identifier_of(algorithm);
    bool is_fine = identifier != NULL &&
                   BCryptOpenAlgorithmProvider(&provider, identifier, NULL, 0) == 0 &&
                   BCryptCreateHash(provider, &hash, NULL, 0, NULL, 0, 0) == 0;
    for (size_t i = 0; i < count && is_fine; i++)
        is_fine = put(hash, parts[i]);
    is_fine = is_fine && finish(hash, ret_hash);
    if (hash != NULL)
        BCryptDestroyHash(hash);
    if (provider != NULL)
        BCryptCloseAlgorithmProvider(provider, 0);
    return is_fine;
}
