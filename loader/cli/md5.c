#include "cli.h"

#ifdef PELOAD_HAVE_LIBCRYPTO

#include <openssl/evp.h>
#include <string.h>

bool cli_md5(const void *bytes, size_t size, uint8_t ret_digest[CLI_MD5_SIZE])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(bytes, size, digest, &length, EVP_md5(), NULL) != 1 || length != CLI_MD5_SIZE)
        return false;
    memcpy(ret_digest, digest, CLI_MD5_SIZE);
    return true;
}

#else

bool cli_md5(const void *bytes, size_t size, uint8_t ret_digest[CLI_MD5_SIZE])
{
    (void)bytes;
    (void)size;
    (void)ret_digest;
    return false;
}

#endif
