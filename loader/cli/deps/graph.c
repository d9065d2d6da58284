#include <stdlib.h>
#include <string.h>

#include "cli/deps/deps.h"

/* One item more in an array that doubles; false, noted, when out of memory. */
static bool make_room(deps_graph *graph, void **items, size_t item_size, size_t count,
                      size_t *capacity)
{
    if (count < *capacity)
        return true;
    size_t more = *capacity != 0 ? *capacity * 2 : 8;
    void *grown = realloc(*items, more * item_size);
    if (grown == NULL) {
        graph->no_memory = true;
        return false;
    }
    *items = grown;
    *capacity = more;
    return true;
}

char *deps_copy(deps_graph *graph, pe_span text)
{
    char *copy = malloc((size_t)text.size + 1);
    if (copy == NULL) {
        graph->no_memory = true;
        return NULL;
    }
    if (text.size != 0)
        memcpy(copy, text.data, (size_t)text.size);
    copy[text.size] = '\0';
    return copy;
}

static char *copy_text(deps_graph *graph, const char *text)
{
    return deps_copy(graph, (pe_span){(const uint8_t *)text, strlen(text)});
}

deps_node *deps_node_add(deps_graph *graph, const char *name, deps_provider provider)
{
    if (!make_room(graph, (void **)&graph->nodes, sizeof *graph->nodes, graph->count,
                   &graph->capacity))
        return NULL;
    deps_node *node = calloc(1, sizeof *node);
    char *copy = copy_text(graph, name);
    if (node == NULL || copy == NULL) {
        graph->no_memory = true;
        free(node);
        free(copy);
        return NULL;
    }
    node->name = copy;
    node->provider = provider;
    node->is_eager = !graph->in_delay;
    graph->nodes[graph->count++] = node;
    return node;
}

deps_edge *deps_edge_add(deps_graph *graph, deps_node *node, deps_kind kind, const char *name,
                         size_t to)
{
    if (!make_room(graph, (void **)&node->edges, sizeof *node->edges, node->edge_count,
                   &node->edge_capacity))
        return NULL;
    char *copy = copy_text(graph, name);
    if (copy == NULL)
        return NULL;
    deps_edge *edge = &node->edges[node->edge_count++];
    *edge = (deps_edge){.kind = kind, .to = to, .name = copy};
    return edge;
}

void deps_missing_add(deps_graph *graph, deps_edge *edge, const pe_import *import)
{
    deps_function function = {.ordinal = import->ordinal};
    if (!make_room(graph, (void **)&edge->missing, sizeof *edge->missing, edge->missing_count,
                   &edge->missing_capacity))
        return;
    if (!import->by_ordinal && (function.name = deps_copy(graph, import->name)) == NULL)
        return;
    edge->missing[edge->missing_count++] = function;
}

static void free_edge(deps_edge *edge)
{
    for (size_t i = 0; i < edge->missing_count; i++)
        free(edge->missing[i].name);
    free(edge->missing);
    free(edge->name);
    free(edge->via);
}

static void free_node(deps_node *node)
{
    for (size_t i = 0; i < node->edge_count; i++)
        free_edge(&node->edges[i]);
    free(node->edges);
    free(node->bytes);
    free(node->name);
    free(node->path);
    free(node);
}

void deps_graph_destroy(deps_graph *graph)
{
    for (size_t i = 0; i < graph->count; i++)
        free_node(graph->nodes[i]);
    free(graph->nodes);
    deps_names_destroy(graph->names);
}

bool deps_breaks(const deps_graph *graph, const deps_node *node, const deps_edge *edge)
{
    const deps_node *to = graph->nodes[edge->to];
    bool is_there = to->provider == DEPS_FILE || to->provider == DEPS_HOST;
    /* A delay load may have followed a forwarder of a module that is needed anyway. */
    bool is_needed = node->is_eager && to->is_eager && edge->kind != DEPS_DELAY;
    return is_needed && (!is_there || edge->missing_count != 0);
}

const char *deps_provider_name(deps_provider provider)
{
    static const char *const names[] = {"file", "host", "missing", "broken"};
    return names[provider];
}

const char *deps_kind_name(deps_kind kind)
{
    static const char *const names[] = {"import", "delay", "forwarder"};
    return names[kind];
}
