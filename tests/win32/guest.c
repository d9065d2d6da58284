#include "guest.h"
#include "support/traced.h"

ldr_context *guest_begin(void)
{
    ldr_context *ctx = NULL;
    cr_assert_eq(ldr_context_create(traced_options(), &ctx), LDR_OK);
    return ctx;
}

void guest_end(ldr_context *ctx)
{
    ldr_context_destroy(ctx);
}

void *kernel32_function(ldr_context *ctx, const char *name)
{
    ldr_module *kernel32 = ldr_module_find(ctx, "kernel32.dll");
    cr_assert_not_null(kernel32);
    void *function = ldr_symbol(kernel32, name);
    cr_assert_not_null(function, "%s", name);
    return function;
}
