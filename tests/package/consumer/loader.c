/* Uses the whole library. */
#include <peload/loader.h>
#include <stdio.h>

int main(void)
{
    ldr_context *ctx;
    ldr_status status = ldr_context_create(NULL, &ctx);
    printf("%s\n", ldr_status_text(status));
    if (status == LDR_OK)
        ldr_context_destroy(ctx);
    return status == LDR_OK ? 0 : 1;
}
