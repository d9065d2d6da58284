/*
 * deps.h: the graph of DLLs that a file needs, as the loader would find them, and how it is shown.
 *
 * Nothing is loaded: files are read and parsed, and ldr_find says where the loader would look.
 */
#ifndef PELOAD_CLI_DEPS_H
#define PELOAD_CLI_DEPS_H

#include "cli/cli.h"

typedef enum deps_provider {
    DEPS_FILE,
    DEPS_HOST,    /* a host module */
    DEPS_MISSING, /* not found */
    DEPS_BROKEN,  /* found, and no image that can be loaded beside the first */
} deps_provider;

typedef enum deps_kind {
    DEPS_IMPORT,
    DEPS_DELAY,
    DEPS_FORWARDER, /* an export that another needs is a forwarder to there */
} deps_kind;

/* A function that its DLL does not have; `name` NULL: by ordinal. */
typedef struct deps_function {
    char *name;
    uint32_t ordinal;
} deps_function;

/* From one module to one that it needs. */
typedef struct deps_edge {
    deps_kind kind;
    size_t to;
    char *name;                /* as the image has it */
    const char *contract_host; /* it is an API set, and this its host on Windows */
    char *via;                 /* a forwarder's export, the first one */
    uint64_t function_count;
    deps_function *missing;
    size_t missing_count, missing_capacity;
} deps_edge;

typedef struct deps_node {
    char *name; /* as first asked for, or of the file */
    deps_provider provider;
    ldr_place place; /* where it was found; 0 for the first and for absolute paths */
    char *path;
    ldr_module *host;
    uint8_t *bytes;
    pe_image image;
    pe_budget budget;
    pe_exports exports; /* slot_count 0 when there are none */
    uint32_t load_flags;
    ldr_diag diag; /* of a broken one */
    bool is_eager; /* needed when the first is loaded, not only by delay loads */
    size_t cycle;  /* modules of one number, which is not 0, need each other */
    deps_edge *edges;
    size_t edge_count, edge_capacity;
    bool is_shown; /* a printer's own */
} deps_node;

typedef struct deps_names deps_names; /* names.c */

typedef struct deps_graph {
    ldr_context *ctx;
    const char *program; /* the first, if it is an EXE */
    deps_node **nodes;   /* the first is the file, the others in load order */
    size_t count, capacity;
    deps_names *names;
    bool no_delay, in_delay;
    uint32_t forwarders; /* long chains' steps that have been followed */
    size_t cycle_count;
    bool no_memory;
} deps_graph;

/* ---- names.c: a table from texts to numbers ---- */

deps_names *deps_names_create(void); /* NULL: out of memory */
void deps_names_destroy(deps_names *names);
/* The number of `key` of a kind, in any case of ASCII; false if there is none. */
bool deps_names_get(const deps_names *names, char kind, const char *key, size_t *ret_value);
/* Adds a key that is not there yet; false when out of memory. */
bool deps_names_add(deps_names *names, char kind, const char *key, size_t value);

/* ---- graph.c, build.c, cycles.c ---- */

/* A node or edge at the end; NULL when out of memory, which the graph notes. */
deps_node *deps_node_add(deps_graph *graph, const char *name, deps_provider provider);
deps_edge *deps_edge_add(deps_graph *graph, deps_node *node, deps_kind kind, const char *name,
                         size_t to);
void deps_missing_add(deps_graph *graph, deps_edge *edge, const pe_import *import);
void deps_graph_destroy(deps_graph *graph);
/* A NUL-terminated copy, NULL (noted) when out of memory. */
char *deps_copy(deps_graph *graph, pe_span text);

/* The graph below the file, which is the only node yet. */
void deps_build(deps_graph *graph);
/* Numbers the cycles. */
void deps_find_cycles(deps_graph *graph);

/* ---- Showing: tree.c, json.c, dot.c ---- */

/* Whether loading the first would fail because of this edge of a node. */
bool deps_breaks(const deps_graph *graph, const deps_node *node, const deps_edge *edge);

void deps_print_tree(deps_graph *graph, bool functions);
void deps_print_json(const deps_graph *graph, bool functions);
void deps_print_dot(const deps_graph *graph);
const char *deps_provider_name(deps_provider provider);
const char *deps_kind_name(deps_kind kind);

#endif
