#include "made.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/image_builder.h"
#include "support/traced.h"

const char *const made_names[MADE_DLLS] = {"m0.dll",  "m1.dll",  "m2.dll",  "m3.dll",  "m4.dll",
                                           "m5.dll",  "m6.dll",  "m7.dll",  "m8.dll",  "m9.dll",
                                           "m10.dll", "m11.dll", "m12.dll", "m13.dll", "m14.dll",
                                           "m15.dll", "m16.dll", "m17.dll", "m18.dll", "m19.dll"};

static img_image images[MADE_DLLS];

enum { GRAPH = MADE_DLLS - 1, COUNTER = 0x40, INDEX_OPERAND = 11, PAST_INDEX_OPERAND = 15 };

/* The start of both functions: rax = address of the thread's TLS block. */
#define TLS_BLOCK                                                         \
    0x65, 0x48, 0x8B, 0x0C, 0x25, 0x58, 0, 0, 0, /* mov rcx, gs:[0x58] */ \
        0x8B, 0x05, 0, 0, 0, 0,                  /* mov eax, [index] */   \
        0x48, 0x8B, 0x04, 0xC1                   /* mov rax, [rcx + rax * 8] */

/* DllMain and TLS callback: inc dword [rax]; mov eax, 1; ret */
static const uint8_t entry_code[] = {TLS_BLOCK, 0xFF, 0x00, 0xB8, 1, 0, 0, 0, 0xC3};
static const uint8_t counter_code[] = {TLS_BLOCK, 0xC3};

static void add_code(img_builder *builder, unsigned number)
{
    const int32_t template = (int32_t)(1000 * number);
    const uint32_t text = img_add_section(builder, ".text", IMG_RX, NULL, 0x200, 0);
    const uint32_t tls = img_add_tls(builder, &template, sizeof template, 0, &text, 1);
    const uint32_t index = tls + 40 + 2 * 8; /* behind the directory and the callbacks */
    builder->entry_point = text;
    img_put(builder, text, entry_code, sizeof entry_code);
    img_put(builder, text + COUNTER, counter_code, sizeof counter_code);
    for (uint32_t at = text; at <= text + COUNTER; at += COUNTER) {
        uint32_t distance = index - (at + PAST_INDEX_OPERAND);
        img_put(builder, at + INDEX_OPERAND, &distance, sizeof distance);
    }
}

/* The tree of a heap, and a forwarder of the next but two, which makes cycles. */
static void add_imports(img_builder *builder, unsigned number)
{
    for (unsigned child = 2 * number + 1; child <= 2 * number + 2 && child < GRAPH; child++)
        img_add_import(builder, made_names[child], "counter");
    img_add_import(builder, made_names[(number + 3) % GRAPH], "far");
}

static img_image build(unsigned number)
{
    char far[16];
    img_builder builder;
    snprintf(far, sizeof far, "m%u.counter", (number + 7) % GRAPH);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    add_code(&builder, number);
    img_add_export(&builder, "counter", 1, builder.entry_point + COUNTER);
    img_add_forwarder(&builder, "far", 2, far);
    img_add_forwarder(&builder, "late", 3, "m19.counter");
    if (number < GRAPH)
        add_imports(&builder, number);
    return img_finish(&builder);
}

void made_build(void)
{
    for (unsigned i = 0; i < MADE_DLLS; i++)
        images[i] = build(i);
}

void made_free(void)
{
    for (unsigned i = 0; i < MADE_DLLS; i++)
        img_free(&images[i]);
}

static bool provide(void *user, const char *name, ldr_bundle_file *ret_file)
{
    (void)user;
    for (unsigned i = 0; i < MADE_DLLS; i++) {
        if (strcmp(name, made_names[i]) == 0) {
            *ret_file = (ldr_bundle_file){.bytes = images[i].bytes, .size = images[i].size};
            return true;
        }
    }
    return false;
}

ldr_status made_context_create(ldr_context **ret_ctx)
{
    const ldr_context_options *traced = traced_options();
    ldr_context_options options = {.size = sizeof options, .bundle = provide};
    if (traced != NULL) {
        options.trace = traced->trace;
        options.trace_user = traced->trace_user;
    }
    return ldr_context_create(&options, ret_ctx);
}

ldr_context *made_context(void)
{
    ldr_context *ctx;
    cr_assert_eq(made_context_create(&ctx), LDR_OK);
    return ctx;
}

unsigned made_present(ldr_context *ctx)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MADE_DLLS; i++)
        count += ldr_module_find(ctx, made_names[i]) != NULL;
    return count;
}
