#include "guest.h"
#include "support/traced.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ldr_context *context;
static char folder[] = "/tmp/peload-crt-XXXXXX";
static char file[64];

void guest_begin(void)
{
    cr_assert_eq(ldr_context_create(traced_options(), &context), LDR_OK);
}

void guest_end(void)
{
    ldr_context_destroy(context);
    if (*file) {
        unlink(file);
        rmdir(folder);
    }
}

const void *guest_function(const char *module, const char *name)
{
    for (size_t i = 0; i < ldr__crt_table_count; i++) {
        const ldr__host_table *table = ldr__crt_tables[i];
        for (size_t j = 0; strcmp(table->module, module) == 0 && j < table->count; j++)
            if (strcmp(table->exports[j].name, name) == 0)
                return table->exports[j].address;
    }
    cr_assert_fail("%s does not export %s", module, name);
    return NULL;
}

int guest_errno(void)
{
    return ldr__thread_self()->crt_errno;
}

const char *guest_file(void)
{
    if (!*file) {
        cr_assert_not_null(mkdtemp(folder));
        snprintf(file, sizeof file, "%s/file.txt", folder);
    }
    return file;
}
