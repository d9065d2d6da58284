#include "cli/deps/deps.h"
#include "cli/system.h"

#include <stdlib.h>
#include <string.h>

typedef struct deps_job {
    cli_folders folders;
    bool as_json, as_dot, functions, no_delay;
    const char *path;
} deps_job;

/* Host modules are for x64: what is for another machine gets everything from files. */
static ldr_policy policy_for(const uint8_t *bytes, size_t size)
{
    pe_image image;
    if (pe_open((pe_span){bytes, size}, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return LDR_POLICY_PLUGIN;
    if (image.file.machine != PE_MACHINE_AMD64)
        return LDR_POLICY_FILES;
    return image.file.characteristics & PE_FILE_DLL ? LDR_POLICY_PLUGIN : LDR_POLICY_WINDOWS;
}

static int fail(const deps_job *job, const ldr_diag *diag)
{
    cli_report(diag);
    if (job->as_json)
        cli_json_failure(job->path, diag);
    return CLI_FAILED;
}

static int show(const deps_job *job, deps_graph *graph)
{
    ldr_diag diag;
    if (graph->nodes[0]->provider != DEPS_FILE)
        return fail(job, &graph->nodes[0]->diag);
    deps_find_cycles(graph);
    if (!graph->no_memory && job->as_json)
        deps_print_json(graph, job->functions);
    else if (!graph->no_memory && job->as_dot)
        deps_print_dot(graph);
    else if (!graph->no_memory)
        deps_print_tree(graph, job->functions);
    if (graph->no_memory) {
        cli_fail(&diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, job->path);
        return fail(job, &diag);
    }
    for (size_t i = 0; i < graph->count; i++) {
        for (size_t e = 0; e < graph->nodes[i]->edge_count; e++) {
            if (deps_breaks(graph, graph->nodes[i], &graph->nodes[i]->edges[e]))
                return CLI_FAILED;
        }
    }
    return CLI_DONE;
}

static int run(const deps_job *job, deps_graph *graph)
{
    ldr_diag diag;
    char *absolute = cli_absolute_path(job->path);
    graph->no_delay = job->no_delay;
    graph->names = deps_names_create();
    deps_node *root = graph->names != NULL && absolute != NULL
                          ? deps_node_add(graph, cli_base_name(job->path), DEPS_FILE)
                          : NULL;
    if (root == NULL) {
        free(absolute);
        cli_fail(&diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, job->path);
        return fail(job, &diag);
    }
    root->path = absolute;
    deps_build(graph);
    return show(job, graph);
}

static int open_and_run(const deps_job *job)
{
    ldr_context_options options = {.size = sizeof options};
    deps_graph graph = {0};
    ldr_diag diag;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (cli_read_file(job->path, &bytes, &size, &diag) != LDR_OK)
        return fail(job, &diag);
    ldr_policy policy = policy_for(bytes, size);
    free(bytes);
    if (!cli_folders_apply(&job->folders, policy, &options))
        return CLI_USAGE;
    ldr_status status = ldr_context_create(&options, &graph.ctx);
    if (status != LDR_OK) {
        cli_fail(&diag, status, PE_NT_UNSUCCESSFUL, job->path);
        return fail(job, &diag);
    }
    int result = run(job, &graph);
    deps_graph_destroy(&graph);
    ldr_context_destroy(graph.ctx);
    return result;
}

int cli_deps(int argc, char **argv)
{
    deps_job job = {0};
    const cli_option table[] = {
        {"--json", CLI_FLAG, &job.as_json},        {"--dot", CLI_FLAG, &job.as_dot},
        {"--functions", CLI_FLAG, &job.functions}, {"--no-delay", CLI_FLAG, &job.no_delay},
        CLI_FOLDER_OPTIONS(&job.folders),
    };
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], false, 1, 1};
    if (cli_parse(&syntax, argc, argv) < 0)
        return CLI_USAGE;
    job.path = argv[1];
    return open_and_run(&job);
}
