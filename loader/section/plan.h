/*
 * plan.h: which bytes of a file go to which page of an image, and with which protection.
 *
 * A plan is plain data, computed from the headers alone: no allocation, no system call. It is an
 * array of subsections in ascending order that covers the image from RVA 0 to its end without holes
 * (rules B in pe/RULES.md). A PE section becomes up to three of them: file pages
 * that can be mapped as they are, pages that have to be put together in the section's segment, and
 * zero fill. What follows it up to the next PE section is a fourth, reserved and without access.
 */
#ifndef PELOAD_PLAN_H
#define PELOAD_PLAN_H

#include "os/os.h"

/* The page of the image format and of x86-64. */
#define LDR__PAGE UINT64_C(4096)

/* `pe_section` of what belongs to no PE section: headers, gaps, flat images. */
#define LDR__NO_PE_SECTION (-1)

/*
 * One run of pages. `rva` and `size` are multiples of the page. The first `content` bytes come from
 * the file at `source`; the rest is zero. FILE: content is all of it and source is a multiple of
 * the page. ZERO, NONE: no content. SEGMENT and SHARED lie in their segment at offset `rva`.
 */
typedef struct ldr__subsection {
    uint64_t rva;
    uint64_t size;
    uint64_t source;
    uint64_t content;
    ldr_backing backing;
    uint32_t protect; /* LDR_PAGE_*; 0 for LDR_BACKING_NONE */
    int32_t pe_section;
} ldr__subsection;

/* What the plan depends on besides the headers. */
typedef struct ldr__plan_rules {
    uint64_t file_size;
    pe_profile profile;
    bool direct;     /* file pages may be mapped as they are, also as code */
    bool no_execute; /* SEC_IMAGE_NO_EXECUTE: no page has execute rights */
} ldr__plan_rules;

/* `subsections` is the caller's array, of ldr__plan_capacity(image) entries. */
typedef struct ldr__plan {
    ldr__subsection *subsections;
    uint32_t count;
    uint64_t size; /* of the image: whole pages */
} ldr__plan;

/* Subsections that the plan of `image` has at the most. */
size_t ldr__plan_capacity(const pe_image *image);

/*
 * Fills `ret_plan`, whose `subsections` the caller has set. The image need not have been accepted:
 * PE_REFUSED, with the diagnostic, when its section table is not all there or its PE sections are
 * not in ascending order inside SizeOfImage (rules A32, A43, A46), else PE_OK.
 */
pe_status ldr__plan_image(const pe_image *image, const ldr__plan_rules *rules, ldr__plan *ret_plan,
                          pe_diag *diag);

/* How far the headers reach in the file: to SizeOfHeaders, or the end of the section table if that
 * is behind it (rule B5). */
uint64_t ldr__plan_headers(const pe_image *image);

/* The index of the subsection that holds `rva`, which is less than plan->size. */
uint32_t ldr__plan_find(const ldr__plan *plan, uint64_t rva);

/* True if any subsection has that backing. */
bool ldr__plan_uses(const ldr__plan *plan, ldr_backing backing);

/* True if pages are both writable and executable under a protection. */
bool ldr__protect_is_writable_code(uint32_t protect);

/* How pages with a protection are mapped: LDR__READ and so on. x86 cannot execute without reading,
 * and cannot write without. */
int ldr__protect_access(uint32_t protect);

/* The protection without execute rights, which on x86 always came with those to read. */
uint32_t ldr__protect_no_execute(uint32_t protect);

/* The protection that a query gives for a page that is this process's own copy. */
uint32_t ldr__protect_after_write(uint32_t protect);

#endif
