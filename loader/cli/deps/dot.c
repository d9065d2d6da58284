#include <string.h>

#include "cli/deps/deps.h"

/* A quoted string of the DOT language. */
static void quote(const char *text)
{
    putchar('"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            putchar('\\');
        if ((unsigned char)*c < 0x20)
            putchar('?');
        else
            putchar(*c);
    }
    putchar('"');
}

static void show_node(const deps_graph *graph, size_t index)
{
    static const char *const looks[] = {
        [DEPS_FILE] = "",
        [DEPS_HOST] = ", style=filled, fillcolor=lightgrey",
        [DEPS_MISSING] = ", color=red, fontcolor=red",
        [DEPS_BROKEN] = ", color=red, fontcolor=red, style=dashed",
    };
    const deps_node *node = graph->nodes[index];
    printf("    n%zu [label=", index);
    quote(node->name);
    fputs(", tooltip=", stdout);
    quote(node->path != NULL ? node->path : deps_provider_name(node->provider));
    printf("%s%s];\n", looks[node->provider], node->cycle != 0 ? ", penwidth=2" : "");
}

static void show_edge(size_t from, const deps_edge *edge)
{
    static const char *const styles[] = {
        [DEPS_IMPORT] = "solid", [DEPS_DELAY] = "dashed", [DEPS_FORWARDER] = "dotted"};
    printf("    n%zu -> n%zu [style=%s, tooltip=", from, edge->to, styles[edge->kind]);
    quote(edge->via != NULL ? edge->via : edge->name);
    puts(edge->missing_count != 0 ? ", color=red];" : "];");
}

void deps_print_dot(const deps_graph *graph)
{
    puts("digraph dependencies {\n    node [shape=box];");
    for (size_t i = 0; i < graph->count; i++)
        show_node(graph, i);
    for (size_t i = 0; i < graph->count; i++) {
        for (size_t e = 0; e < graph->nodes[i]->edge_count; e++)
            show_edge(i, &graph->nodes[i]->edges[e]);
    }
    puts("}");
}
