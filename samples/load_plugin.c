/*
 * load_plugin: how does a program load a plugin and let it call back?
 *
 *   load_plugin plugin.dll
 */
#include <peload/loader.h>
#include <stdio.h>

/* What the plugin imports from "host.exe". */
static int LDR_WINAPI host_transform(int value)
{
    printf("host: the plugin asks about %d\n", value);
    return value * value;
}

static const ldr_export host_exports[] = {{"host_transform", (const void *)host_transform, 0, 0}};

/* The plugin's exports: functions of the guest's calling convention. */
typedef const char *LDR_WINAPI name_function(int which);
typedef int LDR_WINAPI sum_function(const int *values, int count);
typedef int LDR_WINAPI query_function(void);

static int use_plugin(ldr_module *plugin)
{
    name_function *name = ldr_symbol(plugin, "plugin_name");
    query_function *is_initialised = ldr_symbol(plugin, "plugin_is_initialised");
    sum_function *sum = ldr_symbol(plugin, "plugin_sum");
    query_function *calls = ldr_symbol(plugin, "plugin_calls");
    const int values[] = {1, 2, 3};

    if (name == NULL || is_initialised == NULL || sum == NULL || calls == NULL)
        return 1;
    printf("loaded: %s, %s\n", name(0), name(1));
    printf("initialised: %d\n", is_initialised());
    printf("sum of squares: %d\n", sum(values, 3));
    printf("calls of this thread: %d\n", calls());
    return 0;
}

int main(int argc, char **argv)
{
    ldr_context *ctx;
    ldr_module *plugin;
    ldr_diag diag;
    char text[512];

    if (argc != 2 || ldr_context_create(NULL, &ctx) != LDR_OK)
        return 2;
    int result = 1;
    if (ldr_host_module_add(ctx, "host.exe", host_exports, 1) != LDR_OK)
        fprintf(stderr, "out of memory\n");
    else if (ldr_load(ctx, argv[1], NULL, &plugin, &diag) != LDR_OK)
        fprintf(stderr, "%s\n", ldr_diag_text(&diag, text, sizeof text));
    else
        result = use_plugin(plugin);
    ldr_context_destroy(ctx); /* unloads the plugin, too */
    return result;
}
