/* cycles.c: modules that need each other (Tarjan's algorithm, without recursion). */
#include <stdlib.h>

#include "cli/deps/deps.h"

typedef struct visit {
    size_t order, low; /* 0: not seen yet */
    size_t parent, next_edge;
    bool on_stack;
} visit;

typedef struct walk {
    deps_graph *graph;
    visit *visits;
    size_t *stack, depth, seen;
} walk;

static void enter(walk *self, size_t node, size_t parent)
{
    visit *v = &self->visits[node];
    v->order = v->low = ++self->seen;
    v->parent = parent;
    v->on_stack = true;
    self->stack[self->depth++] = node;
}

/* `node` is the first of a component: all above it on the stack belong to it. */
static void close_component(walk *self, size_t node)
{
    size_t first = self->depth;
    do {
        first--;
        self->visits[self->stack[first]].on_stack = false;
    } while (self->stack[first] != node);
    if (self->depth - first > 1) {
        size_t number = ++self->graph->cycle_count;
        for (size_t i = first; i < self->depth; i++)
            self->graph->nodes[self->stack[i]]->cycle = number;
    }
    self->depth = first;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The next node to go down to, or `node` itself when it has no more. Delay loads make no cycle. */
static size_t next_node(walk *self, size_t node)
{
    const deps_node *from = self->graph->nodes[node];
    visit *v = &self->visits[node];
    while (v->next_edge < from->edge_count) {
        const deps_edge *edge = &from->edges[v->next_edge++];
        const visit *to = &self->visits[edge->to];
        if (edge->kind == DEPS_DELAY)
            continue;
        if (to->order == 0)
            return edge->to;
        if (to->on_stack)
            v->low = smaller(v->low, to->order);
    }
    return node;
}

static void walk_from(walk *self, size_t root)
{
    size_t node = root;
    enter(self, node, node);
    for (;;) {
        size_t next = next_node(self, node);
        if (next != node) {
            enter(self, next, node);
            node = next;
            continue;
        }
        const visit *v = &self->visits[node];
        if (v->low == v->order)
            close_component(self, node);
        if (node == root)
            return;
        visit *parent = &self->visits[v->parent];
        parent->low = smaller(parent->low, v->low);
        node = v->parent;
    }
}

void deps_find_cycles(deps_graph *graph)
{
    walk self = {.graph = graph,
                 .visits = calloc(graph->count + 1, sizeof(visit)),
                 .stack = calloc(graph->count + 1, sizeof(size_t))};
    if (self.visits == NULL || self.stack == NULL)
        graph->no_memory = true;
    for (size_t i = 0; i < graph->count && !graph->no_memory; i++) {
        if (self.visits[i].order == 0)
            walk_from(&self, i);
    }
    free(self.visits);
    free(self.stack);
}
