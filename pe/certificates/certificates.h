/*
 * certificates.h: the attribute certificate table, and which bytes Authenticode hashes. Part of
 * pe.h.
 *
 * Both are facts about a file: in mapped layout they are PE_NOT_PRESENT. Sources: [PE The Attribute
 * Certificate Table (Image Only)], and "Windows Authenticode Portable Executable Signature Format"
 * (Microsoft, 2008), quoted as [Authenticode].
 */
#ifndef PELOAD_PE_CERTIFICATES_H
#define PELOAD_PE_CERTIFICATES_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of certificates: WIN_CERT_TYPE_NAME of wintrust.h. */
#define PE_CERTIFICATE_TYPE_LIST(X) \
    X(X509, 1)                      \
    X(PKCS_SIGNED_DATA, 2)          \
    X(RESERVED_1, 3)                \
    X(TS_STACK_SIGNED, 4)           \
    X(PKCS1_SIGN, 9)

enum {
#define X(name, number) PE_CERTIFICATE_##name = number,
    PE_CERTIFICATE_TYPE_LIST(X)
#undef X
};

/* "PKCS_SIGNED_DATA" and so on; NULL for a number that is not listed. Static. */
PE_API const char *pe_certificate_type_name(uint16_t type);

/* A WIN_CERTIFICATE: 8 bytes and its content. */
typedef struct pe_certificate {
    pe_offset at;
    uint32_t length;   /* in bytes, header included, as stored */
    uint16_t revision; /* 0x0100 or 0x0200 */
    uint16_t type;
    pe_span content; /* length - 8 bytes, borrowed */
} pe_certificate;

typedef struct pe_certificate_iter {
    const pe_image *image;
    uint64_t next, end; /* file offsets */
    pe_status status;
} pe_certificate_iter;

PE_API void pe_certificates(const pe_image *image, pe_certificate_iter *ret_iter);
/*
 * PE_OK with the next certificate, PE_END, PE_NOT_PRESENT without a table, PE_OUT_OF_BOUNDS for a
 * table that leaves the file or a certificate that leaves the table, PE_BAD_FORMAT for a length
 * below 8; all but PE_OK are said again. Certificates start at multiples of 8 from the table on.
 */
PE_API pe_status pe_certificate_next(pe_certificate_iter *iter, pe_certificate *ret_certificate);

/* [offset, offset + size) of the file. */
typedef struct pe_file_range {
    pe_offset offset;
    uint64_t size;
} pe_file_range;

enum { PE_AUTHENTICODE_RANGES = 4 };

/*
 * What Authenticode hashes: the ranges in order, some of them empty, and then `padding` zero bytes,
 * with which signing tools bring a file without certificates to a multiple of 8 before they sign
 * it.
 */
typedef struct pe_authenticode {
    pe_file_range ranges[PE_AUTHENTICODE_RANGES];
    uint32_t padding;
} pe_authenticode;

/*
 * The whole file but for the CheckSum field, the entry of the certificate directory and the table
 * it names [Authenticode, Calculating the PE Image Hash]. PE_NOT_PRESENT in mapped layout,
 * PE_OUT_OF_BOUNDS for a table that leaves the file, PE_BAD_FORMAT for one that starts in the
 * headers that are hashed before it.
 */
PE_API pe_status pe_authenticode_ranges(const pe_image *image, pe_authenticode *ret_ranges);

#ifdef __cplusplus
}
#endif

#endif
