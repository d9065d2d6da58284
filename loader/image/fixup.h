/* fixup.h: what one base relocation does to the bytes it names (rule D.3). */
#ifndef PELOAD_FIXUP_H
#define PELOAD_FIXUP_H

#include <peload/pe.h>

/* Widest of all in bytes. */
#define LDR__FIXUP_MAX 16

/* Bytes that the offsets in a block of relocations can reach. */
#define LDR__BLOCK_SPAN 4096

/* The last offset at which no plain fixup leaves the span. */
#define LDR__PLAIN_LAST (LDR__BLOCK_SPAN - 8)

/* Bytes from its place on that it changes, or reads. */
uint32_t ldr__fixup_width(pe_reloc_kind kind);

/*
 * Adds `delta` to the address at `at`, of which all bytes can be written; nothing for ABSOLUTE and
 * for HIGH20, which waits for its LOW12. `parameter` is the low half that HIGHADJ takes, `high20`
 * the place of the HIGH20 that a LOW12 belongs to; both are otherwise not looked at.
 */
void ldr__fixup_apply(pe_reloc_kind kind, uint8_t *at, uint64_t delta, uint16_t parameter,
                      uint8_t *high20);

/*
 * Applies the entries of a block from `first` to before `end`, as long as they are plain: of the
 * types that images are made of, and inside the span, all of which can be written at `page`.
 * Returns the first that is not, or `end`.
 */
uint32_t ldr__fixup_apply_plain(uint8_t *page, const uint8_t *entries, uint32_t first, uint32_t end,
                                uint64_t delta);

#endif
