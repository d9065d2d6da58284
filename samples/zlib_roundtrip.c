/*
 * zlib_roundtrip: does a real DLL work? Compresses 64 KiB with zlib1.dll and gets them back.
 *
 *   zlib_roundtrip zlib1.dll
 */
#include <peload/loader.h>
#include <stdio.h>
#include <string.h>

/* zlib's compress and uncompress; its uLong has 32 bits on Windows. */
typedef int LDR_WINAPI zlib_function(uint8_t *to, uint32_t *to_size, const uint8_t *from,
                                     uint32_t from_size);

enum { SIZE = 65536 };

static int roundtrip(zlib_function *compress, zlib_function *uncompress)
{
    static uint8_t original[SIZE], packed[SIZE], back[SIZE];
    uint32_t packed_size = SIZE, back_size = SIZE;

    for (unsigned i = 0; i < SIZE; i++)
        original[i] = (uint8_t)((i * 7) >> 5);
    int result = compress(packed, &packed_size, original, SIZE);
    printf("compress: %d, %d bytes become %u\n", result, SIZE, packed_size);
    result = uncompress(back, &back_size, packed, packed_size);
    int same = back_size == SIZE && memcmp(original, back, SIZE) == 0;
    printf("uncompress: %d, %u bytes, %s\n", result, back_size, same ? "the same" : "different");
    return same ? 0 : 1;
}

int main(int argc, char **argv)
{
    ldr_context *ctx;
    ldr_module *zlib;
    ldr_diag diag;
    char text[512];

    if (argc != 2 || ldr_context_create(NULL, &ctx) != LDR_OK)
        return 2;
    int result = 1;
    if (ldr_load(ctx, argv[1], NULL, &zlib, &diag) != LDR_OK) {
        fprintf(stderr, "%s\n", ldr_diag_text(&diag, text, sizeof text));
    } else {
        zlib_function *compress = ldr_symbol(zlib, "compress");
        zlib_function *uncompress = ldr_symbol(zlib, "uncompress");
        if (compress != NULL && uncompress != NULL)
            result = roundtrip(compress, uncompress);
    }
    ldr_context_destroy(ctx);
    return result;
}
