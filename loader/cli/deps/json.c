#include "cli/deps/deps.h"

static void show_functions(cli_json *json, const deps_edge *edge)
{
    cli_json_open(json, "missing", '[');
    for (size_t i = 0; i < edge->missing_count; i++) {
        if (edge->missing[i].name != NULL)
            cli_json_text(json, NULL, edge->missing[i].name);
        else
            cli_json_number(json, NULL, edge->missing[i].ordinal);
    }
    cli_json_close(json, ']');
}

static void show_edge(cli_json *json, const deps_edge *edge, bool functions)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", edge->name);
    cli_json_text(json, "kind", deps_kind_name(edge->kind));
    cli_json_number(json, "module", edge->to);
    cli_json_text(json, "api_set_host", edge->contract_host);
    cli_json_text(json, "forwarder", edge->via);
    cli_json_number(json, "functions", edge->function_count);
    cli_json_number(json, "functions_missing", edge->missing_count);
    if (functions)
        show_functions(json, edge);
    cli_json_close(json, '}');
}

static void show_node(cli_json *json, const deps_node *node, bool functions)
{
    bool is_image = node->provider == DEPS_FILE;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", node->name);
    cli_json_text(json, "provider", deps_provider_name(node->provider));
    cli_json_text(json, "place", ldr_place_name(node->place));
    cli_json_text(json, "path", node->path);
    cli_json_text(json, "machine", is_image ? pe_machine_name(node->image.file.machine) : NULL);
    cli_json_bool(json, "delayed", !node->is_eager);
    if (node->cycle != 0)
        cli_json_number(json, "cycle", node->cycle);
    else
        cli_json_null(json, "cycle");
    if (node->provider == DEPS_BROKEN)
        cli_json_diag(json, &node->diag);
    cli_json_open(json, "needs", '[');
    for (size_t i = 0; i < node->edge_count; i++)
        show_edge(json, &node->edges[i], functions);
    cli_json_close(json, ']');
    cli_json_close(json, '}');
}

/* Who asks for what is not there: a line for each edge. */
static void show_missing(cli_json *json, const deps_graph *graph)
{
    cli_json_open(json, "missing", '[');
    for (size_t i = 0; i < graph->count; i++) {
        const deps_node *node = graph->nodes[i];
        for (size_t e = 0; e < node->edge_count; e++) {
            const deps_edge *edge = &node->edges[e];
            deps_provider provider = graph->nodes[edge->to]->provider;
            if (provider != DEPS_MISSING && provider != DEPS_BROKEN)
                continue;
            cli_json_open(json, NULL, '{');
            cli_json_text(json, "dll", edge->name);
            cli_json_text(json, "importer", node->name);
            cli_json_text(json, "kind", deps_kind_name(edge->kind));
            cli_json_close(json, '}');
        }
    }
    cli_json_close(json, ']');
}

void deps_print_json(const deps_graph *graph, bool functions)
{
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", graph->nodes[0]->path);
    cli_json_number(&json, "cycles", graph->cycle_count);
    show_missing(&json, graph);
    cli_json_open(&json, "modules", '[');
    for (size_t i = 0; i < graph->count; i++)
        show_node(&json, graph->nodes[i], functions);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end_line(&json);
}
