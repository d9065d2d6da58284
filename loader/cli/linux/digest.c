#include "cli/cli.h"

#ifdef PELOAD_HAVE_LIBCRYPTO

#include <openssl/evp.h>

_Static_assert(CLI_DIGEST_MAX >= EVP_MAX_MD_SIZE, "every digest fits");

static bool digest_parts(EVP_MD_CTX *state, const EVP_MD *kind, const pe_span parts[], size_t count)
{
    if (kind == NULL || EVP_DigestInit_ex(state, kind, NULL) != 1)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (EVP_DigestUpdate(state, parts[i].data, parts[i].size) != 1)
            return false;
    }
    return true;
}

bool cli_digest(const char *algorithm, const pe_span parts[], size_t count, cli_hash *ret_hash)
{
    unsigned size = 0;
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    bool is_done = state != NULL &&
                   digest_parts(state, EVP_get_digestbyname(algorithm), parts, count) &&
                   EVP_DigestFinal_ex(state, ret_hash->bytes, &size) == 1;
    EVP_MD_CTX_free(state);
    if (is_done)
        ret_hash->size = size;
    return is_done;
}

#else

bool cli_digest(const char *algorithm, const pe_span parts[], size_t count, cli_hash *ret_hash)
{
    (void)algorithm;
    (void)parts;
    (void)count;
    (void)ret_hash;
    return false;
}

#endif
