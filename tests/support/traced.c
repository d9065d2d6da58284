#include "support/traced.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What is wrong with an event ends the test at once. */
static void check(void *user, const ldr_trace_event *event)
{
    atomic_ulong *count = user;
    atomic_fetch_add(count, 1);
    if (event->size != sizeof *event || event->sequence == 0 || event->thread == 0)
        abort();
    if (event->kind == LDR_TRACE_CALL || event->kind == LDR_TRACE_RETURN) {
        if (event->dll == NULL || event->address == NULL)
            abort();
        if (event->kind == LDR_TRACE_RETURN && event->call == 0)
            abort();
    }
    for (size_t i = 0; i < event->value_count; i++) {
        const ldr_trace_value *value = &event->values[i];
        if (strlen(value->name) == 0 || (value->text == NULL && value->text_size != 0))
            abort();
    }
}

const ldr_context_options *traced_options(void)
{
    static atomic_ulong count;
    static const ldr_context_options options = {
        .size = sizeof options, .trace = check, .trace_user = &count};
    return getenv("PELOAD_TEST_TRACE") != NULL ? &options : NULL;
}
