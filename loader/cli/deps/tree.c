#include <stdlib.h>
#include <string.h>

#include "cli/deps/deps.h"

/* Deeper levels are not indented further: a chain may be as long as memory holds. */
enum { INDENT_MAX = 40 };

static void text(const char *bytes)
{
    cli_print_bytes(stdout, bytes, strlen(bytes));
}

static void indent(size_t depth)
{
    size_t shown = depth < INDENT_MAX ? depth : INDENT_MAX;
    printf("%*s", (int)(2 * shown), "");
    if (depth > INDENT_MAX)
        printf("[%zu] ", depth);
}

static void print_provider(const deps_node *node)
{
    char line[1024];
    switch (node->provider) {
    case DEPS_FILE:
        text(node->path);
        if (ldr_place_name(node->place) != NULL)
            printf(" (%s)", ldr_place_name(node->place));
        break;
    case DEPS_HOST:
        text(node->name);
        fputs(" of peload", stdout);
        break;
    case DEPS_MISSING:
        fputs("NOT FOUND", stdout);
        break;
    case DEPS_BROKEN:
        fputs("REFUSED: ", stdout);
        text(ldr_diag_text(&node->diag, line, sizeof line));
        break;
    }
}

/* "name [delay]: provider (API set of kernelbase.dll)", and what is missing of it. */
static void print_edge(const deps_edge *edge, const deps_node *to, size_t depth)
{
    indent(depth);
    text(edge->name);
    if (edge->kind == DEPS_DELAY)
        fputs(" [delay]", stdout);
    if (edge->via != NULL) {
        fputs(" [forwarder ", stdout);
        text(edge->via);
        putchar(']');
    }
    fputs(": ", stdout);
    if (to->is_shown && to->provider == DEPS_FILE)
        fputs("as above", stdout);
    else
        print_provider(to);
    if (edge->contract_host != NULL)
        printf(", for %s of Windows", edge->contract_host);
    if (edge->missing_count != 0)
        printf(", %zu of %llu functions missing", edge->missing_count,
               (unsigned long long)edge->function_count);
    putchar('\n');
}

/* A place in the walk: a node, and its edge that comes next. */
typedef struct level {
    size_t node, edge;
} level;

/* Depth first without recursion; a module's own needs are shown where it comes first. */
static void print_below_root(deps_graph *graph, level *levels)
{
    size_t depth = 1;
    levels[0] = (level){0, 0};
    graph->nodes[0]->is_shown = true;
    while (depth > 0) {
        level *at = &levels[depth - 1];
        const deps_node *node = graph->nodes[at->node];
        if (at->edge == node->edge_count) {
            depth--;
            continue;
        }
        const deps_edge *edge = &node->edges[at->edge++];
        deps_node *to = graph->nodes[edge->to];
        print_edge(edge, to, depth);
        if (!to->is_shown) {
            to->is_shown = true;
            levels[depth++] = (level){edge->to, 0};
        }
    }
}

static void print_functions(const deps_node *node, const deps_edge *edge)
{
    for (size_t i = 0; i < edge->missing_count; i++) {
        fputs("  ", stdout);
        text(edge->name);
        putchar('!');
        if (edge->missing[i].name != NULL)
            text(edge->missing[i].name);
        else
            printf("#%u", edge->missing[i].ordinal);
        fputs(", for ", stdout);
        text(node->name);
        puts(edge->kind == DEPS_DELAY ? " [delay]" : "");
    }
}

static void print_missing_of(const deps_graph *graph, const deps_node *node, bool functions)
{
    for (size_t i = 0; i < node->edge_count; i++) {
        const deps_edge *edge = &node->edges[i];
        const deps_node *to = graph->nodes[edge->to];
        if (to->provider == DEPS_MISSING || to->provider == DEPS_BROKEN) {
            fputs("  ", stdout);
            text(edge->name);
            fputs(to->provider == DEPS_MISSING ? ", for " : " (refused), for ", stdout);
            text(node->name);
            puts(edge->kind == DEPS_DELAY ? " [delay]" : "");
        } else if (functions) {
            print_functions(node, edge);
        }
    }
}

static bool has_missing(const deps_graph *graph, size_t *ret_functions)
{
    bool any = false;
    *ret_functions = 0;
    for (size_t i = 0; i < graph->count; i++) {
        const deps_node *node = graph->nodes[i];
        any |= node->provider == DEPS_MISSING || node->provider == DEPS_BROKEN;
        for (size_t e = 0; e < node->edge_count; e++)
            *ret_functions += node->edges[e].missing_count;
    }
    return any;
}

static void print_missing(const deps_graph *graph, bool functions)
{
    size_t count;
    bool any = has_missing(graph, &count);
    if (any || (functions && count != 0))
        puts("missing:");
    for (size_t i = 0; i < graph->count; i++)
        print_missing_of(graph, graph->nodes[i], functions);
    if (count != 0 && !functions)
        printf("%zu functions are missing: --functions lists them\n", count);
}

static void print_cycles(const deps_graph *graph)
{
    for (size_t number = 1; number <= graph->cycle_count; number++) {
        fputs(number == 1 ? "cycles:\n " : " ", stdout);
        for (size_t i = 0; i < graph->count; i++) {
            if (graph->nodes[i]->cycle != number)
                continue;
            putchar(' ');
            text(graph->nodes[i]->name);
        }
        putchar('\n');
    }
}

void deps_print_tree(deps_graph *graph, bool functions)
{
    const deps_node *root = graph->nodes[0];
    level *levels = calloc(graph->count + 1, sizeof *levels);
    if (levels == NULL) {
        graph->no_memory = true;
        return;
    }
    text(root->name);
    fputs(": ", stdout);
    text(root->path);
    printf(", %s\n", pe_machine_name(root->image.file.machine));
    print_below_root(graph, levels);
    print_missing(graph, functions);
    print_cycles(graph);
    free(levels);
}
