#include "pe/image/bytes.h"
#include "pe/image/headers.h"
#include "pe/image/layout.h"

enum { DOS_RES = 28, DOS_RES2 = 40 };

pe_dos_header pe_dos(const pe_image *image)
{
    pe_span bytes = image->headers;
    pe_dos_header dos = {
#define X(name, offset) .name = pe__u16_at(bytes, offset),
        PE_DOS_FIELDS(X)
#undef X
            .e_lfanew = pe__u32_at(bytes, DOS_LFANEW),
    };
    for (uint32_t i = 0; i < sizeof dos.e_res / sizeof dos.e_res[0]; i++)
        dos.e_res[i] = pe__u16_at(bytes, DOS_RES + 2 * i);
    for (uint32_t i = 0; i < sizeof dos.e_res2 / sizeof dos.e_res2[0]; i++)
        dos.e_res2[i] = pe__u16_at(bytes, DOS_RES2 + 2 * i);
    return dos;
}
