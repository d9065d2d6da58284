#include "modules/module.h"

ldr_status ldr_thread_enter(ldr_context *ctx, ldr_thread_scope *ret_scope)
{
    return ldr__default_environment.thread_enter(ctx->environment, ret_scope);
}

void ldr_thread_leave(ldr_thread_scope *scope)
{
    ldr__default_environment.thread_leave(scope->ctx->environment, scope);
}
