/* build.c: the graph in the order in which the loader brings modules in. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/deps/deps.h"
#include "cli/system.h"

/* Of forwarders as many are followed as the loader follows in one load (modules/symbol.c): as long
 * a chain as it likes, while the steps of long ones are not too many in all. */
enum { FORWARDERS_MAX = 1 << 17, FORWARDERS_FREE = 16 };

/* A module being gone through. */
typedef struct importer {
    deps_graph *graph;
    size_t index;
} importer;

/* ---- Nodes ---- */

/* Which file it is, whatever its path. */
static bool file_key(const char *path, char key[64])
{
    cli_file_facts about;
    if (!cli_file_about(path, &about))
        return false;
    snprintf(key, 64, "%" PRIx64 ":%" PRIx64, about.volume, about.index);
    return true;
}

static uint32_t load_flags(const pe_image *image)
{
    pe_load_config config;
    uint64_t flags = 0;
    if (pe_load_config_open(image, &config) != PE_OK ||
        pe_load_config_value(&config, PE_LC_DEPENDENT_LOAD_FLAGS, &flags) != PE_OK)
        return 0;
    return (uint32_t)flags & (LDR_SEARCH_LOAD_FOLDER | LDR_SEARCH_APPLICATION | LDR_SEARCH_USER |
                              LDR_SEARCH_SYSTEM | LDR_SEARCH_DEFAULT);
}

/* What the loader can load has to please Windows too; of other images what can be read is shown. */
static pe_status open_image(pe_span bytes, pe_image *ret_image, pe_diag *diag)
{
    pe_status status = pe_open(bytes, PE_LAYOUT_FILE, ret_image, diag);
    if (status == PE_OK && ret_image->file.machine == PE_MACHINE_AMD64)
        status = pe_accept(bytes, bytes.size, PE_WIN10, diag);
    return status;
}

static ldr_status parse(deps_node *node, size_t size)
{
    ldr_diag *diag = &node->diag;
    if (open_image((pe_span){node->bytes, size}, &node->image, &diag->why) != PE_OK) {
        diag->status = LDR_IMAGE_REFUSED;
        snprintf(diag->subject, sizeof diag->subject, "%s", node->path);
        return LDR_IMAGE_REFUSED;
    }
    node->budget = pe_budget_for(size);
    node->load_flags = load_flags(&node->image);
    /* Looked up without the budget: what others ask is paid by them. */
    if (pe_exports_open(&node->image, &node->exports) != PE_OK)
        node->exports = (pe_exports){0};
    return LDR_OK;
}

/* One process has one machine: that of the first file. */
static void check_machine(const deps_graph *graph, deps_node *node)
{
    uint16_t first = graph->nodes[0]->image.file.machine, own = node->image.file.machine;
    if (first == own)
        return;
    node->provider = DEPS_BROKEN;
    cli_fail(&node->diag, LDR_WRONG_MACHINE, PE_NT_INVALID_IMAGE_FORMAT, node->path);
    node->diag.why.rule = "A18";
    node->diag.why.offset = node->image.file.offset.value + 4;
    node->diag.why.value = own;
    node->diag.why.allowed = first;
    node->diag.why.detail = "it is for another machine than what needs it";
}

static void read_node(deps_graph *graph, deps_node *node)
{
    size_t size = 0;
    ldr_status status = cli_read_file(node->path, &node->bytes, &size, &node->diag);
    if (status == LDR_OK)
        status = parse(node, size);
    if (status != LDR_OK)
        node->provider = DEPS_BROKEN;
    else
        check_machine(graph, node);
}

/* Notes a key unless another module has it already. */
static void note(deps_graph *graph, char kind, const char *key, size_t index)
{
    size_t known;
    if (!deps_names_get(graph->names, kind, key, &known) &&
        !deps_names_add(graph->names, kind, key, index))
        graph->no_memory = true;
}

static bool file_node(deps_graph *graph, const ldr_found *found, size_t *ret_index)
{
    char key[64];
    bool has_key = file_key(found->path, key);
    if (has_key && deps_names_get(graph->names, 'f', key, ret_index))
        return true;
    deps_node *node = deps_node_add(graph, cli_base_name(found->path), DEPS_FILE);
    if (node == NULL)
        return false;
    *ret_index = graph->count - 1;
    node->place = found->place;
    node->path = deps_copy(graph, (pe_span){(const uint8_t *)found->path, strlen(found->path)});
    if (node->path == NULL)
        return false;
    if (has_key)
        note(graph, 'f', key, *ret_index);
    note(graph, 'n', node->name, *ret_index);
    read_node(graph, node);
    return true;
}

static bool named_node(deps_graph *graph, char kind, const char *name, deps_provider provider,
                       size_t *ret_index)
{
    if (deps_names_get(graph->names, kind, name, ret_index))
        return true;
    if (deps_node_add(graph, name, provider) == NULL)
        return false;
    *ret_index = graph->count - 1;
    note(graph, kind, name, *ret_index);
    return true;
}

static bool host_node(deps_graph *graph, const ldr_found *found, size_t *ret_index)
{
    if (!named_node(graph, 'h', ldr_module_name(found->module), DEPS_HOST, ret_index))
        return false;
    graph->nodes[*ret_index]->host = found->module;
    graph->nodes[*ret_index]->place = LDR_PLACE_HOST;
    return true;
}

/* The file name that a bare name stands for (rules E41 to E43); false if it is a path. */
static bool bare_name(const char *name, char *ret_name, size_t size)
{
    size_t length = strlen(name);
    bool dot = strchr(name, '.') != NULL;
    if (strpbrk(name, "/\\:") != NULL || length + sizeof ".dll" > size)
        return false;
    while (length > 0 && (name[length - 1] == '.' || name[length - 1] == ' '))
        length--;
    memcpy(ret_name, name, length);
    strcpy(ret_name + length, dot ? "" : ".dll");
    return true;
}

static bool ask(const importer *from, const char *name, ldr_found *ret_found)
{
    const deps_graph *graph = from->graph;
    const deps_node *node = graph->nodes[from->index];
    const ldr_find_options options = {
        .size = sizeof options,
        .importer = node->path,
        .program = graph->program,
        .loaded = node->load_flags != 0 ? node->path : graph->nodes[0]->path,
        .search_flags = node->load_flags,
    };
    return ldr_find(graph->ctx, name, &options, ret_found, NULL) == LDR_OK;
}

/*
 * The node of a DLL as `from` names it. What has been found under a name once is what the name
 * means from then on, as it would be loaded.
 */
static bool find_node(const importer *from, const char *name, const char **ret_contract_host,
                      size_t *ret_index)
{
    deps_graph *graph = from->graph;
    char bare[512];
    ldr_found found;
    bool is_bare = bare_name(name, bare, sizeof bare), done;
    *ret_contract_host = NULL;
    if (is_bare && deps_names_get(graph->names, 'n', bare, ret_index))
        return true;
    if (!ask(from, name, &found))
        return named_node(graph, 'm', is_bare ? bare : name, DEPS_MISSING, ret_index);
    *ret_contract_host = found.contract_host;
    done = found.path != NULL ? file_node(graph, &found, ret_index)
                              : host_node(graph, &found, ret_index);
    if (done && is_bare && found.contract_host == NULL && found.path != NULL)
        note(graph, 'n', bare, *ret_index);
    ldr_found_release(&found);
    return done;
}

/* ---- Functions ---- */

static bool host_has(deps_graph *graph, const deps_node *node, const pe_import *import)
{
    if (import->by_ordinal)
        return ldr_symbol_ordinal(node->host, import->ordinal) != NULL;
    char *name = deps_copy(graph, import->name);
    bool has = name != NULL && ldr_symbol(node->host, name) != NULL;
    free(name);
    return has;
}

static bool look_up(const deps_node *node, const pe_import *import, pe_export *ret_export)
{
    if (node->exports.slot_count == 0)
        return false;
    pe_status status =
        import->by_ordinal
            ? pe_export_by_ordinal(&node->image, &node->exports, import->ordinal, ret_export)
            : pe_export_by_name(&node->image, &node->exports, import->name, import->hint,
                                ret_export);
    return status == PE_OK;
}

/* The edge of a forwarder, once for each pair of modules. */
static void note_forwarder(deps_graph *graph, size_t from, const char *dll,
                           const char *contract_host, size_t to, pe_span text)
{
    char pair[64];
    size_t known;
    snprintf(pair, sizeof pair, "%zx:%zx", from, to);
    if (from == to || deps_names_get(graph->names, 'e', pair, &known))
        return;
    note(graph, 'e', pair, 0);
    deps_edge *edge = deps_edge_add(graph, graph->nodes[from], DEPS_FORWARDER, dll, to);
    if (edge == NULL)
        return;
    edge->contract_host = contract_host;
    edge->via = deps_copy(graph, text);
}

/* Where a forwarder leads: *index and *import become those of its target. False: nowhere. */
static bool follow(deps_graph *graph, pe_span text, size_t *index, pe_import *import)
{
    pe_forwarder forwarder;
    const char *contract_host;
    importer from = {graph, *index};
    size_t target;
    if (pe_forwarder_parse(text, &forwarder) != PE_OK)
        return false;
    char *dll = deps_copy(graph, forwarder.dll);
    bool found = dll != NULL && find_node(&from, dll, &contract_host, &target);
    if (found)
        note_forwarder(graph, *index, dll, contract_host, target, text);
    free(dll);
    if (!found)
        return false;
    *index = target;
    *import = (pe_import){.by_ordinal = forwarder.by_ordinal,
                          .ordinal = forwarder.ordinal,
                          .hint = UINT16_MAX,
                          .name = forwarder.name};
    return true;
}

/* A walk along forwarders. */
typedef struct chain {
    const void *landmark; /* a forwarder passed before: to meet it again is to go round */
    uint32_t steps, next_landmark;
} chain;

/* Whether one more forwarder is to be followed: landmarks are set at growing distances (Brent). */
static bool goes_on(deps_graph *graph, chain *self, const void *forwarder)
{
    if (forwarder == self->landmark ||
        (self->steps >= FORWARDERS_FREE && graph->forwarders++ >= FORWARDERS_MAX))
        return false;
    if (self->steps++ == self->next_landmark) {
        self->landmark = forwarder;
        self->next_landmark = 2 * self->next_landmark + 1;
    }
    return true;
}

/* Whether module `index` has what `import` asks for; of what is not there nothing can be said. */
static bool has_function(deps_graph *graph, size_t index, pe_import import)
{
    pe_export found;
    chain walked = {0};
    for (;;) {
        const deps_node *node = graph->nodes[index];
        if (node->provider == DEPS_HOST)
            return host_has(graph, node, &import);
        if (node->provider != DEPS_FILE)
            return true;
        if (!look_up(node, &import, &found))
            return false;
        if (!found.is_forwarder)
            return true;
        if (!goes_on(graph, &walked, found.forwarder.data) ||
            !follow(graph, found.forwarder, &index, &import))
            return false;
    }
}

/* ---- Imports ---- */

/* Edges move when a forwarder adds one: by index. */
static void check_function(deps_graph *graph, size_t index, size_t edge_index,
                           const pe_import *import)
{
    const deps_node *node = graph->nodes[index];
    bool has = has_function(graph, node->edges[edge_index].to, *import);
    deps_edge *edge = &node->edges[edge_index];
    edge->function_count++;
    if (!has)
        deps_missing_add(graph, edge, import);
}

/* The edge to a DLL, of which the functions are still to be gone through; false if there is none.
 */
static bool add_edge(deps_graph *graph, size_t index, deps_kind kind, pe_span dll, size_t *ret_edge)
{
    const char *contract_host;
    size_t to;
    importer from = {graph, index};
    char *name = deps_copy(graph, dll);
    deps_edge *edge = NULL;
    if (name != NULL && find_node(&from, name, &contract_host, &to))
        edge = deps_edge_add(graph, graph->nodes[index], kind, name, to);
    free(name);
    if (edge == NULL)
        return false;
    edge->contract_host = contract_host;
    *ret_edge = graph->nodes[index]->edge_count - 1;
    return true;
}

static void expand_imports(deps_graph *graph, size_t index)
{
    deps_node *node = graph->nodes[index];
    pe_image image = node->image;
    pe_import_iter dlls;
    pe_import_dll dll;
    size_t edge;
    image.budget = &node->budget;
    pe_imports(&image, &dlls);
    while (!graph->no_memory && pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunk_iter thunks;
        pe_import import;
        if (!add_edge(graph, index, DEPS_IMPORT, dll.name, &edge))
            return;
        pe_thunks(&image, &dll, &thunks);
        while (!graph->no_memory && pe_thunk_next(&thunks, &import) == PE_OK)
            check_function(graph, index, edge, &import);
    }
}

static void expand_delayed(deps_graph *graph, size_t index)
{
    deps_node *node = graph->nodes[index];
    pe_image image = node->image;
    pe_delay_iter dlls;
    pe_delay_dll dll;
    size_t edge;
    image.budget = &node->budget;
    pe_delay_imports(&image, image.optional.image_base, &dlls);
    while (!graph->no_memory && pe_delay_next(&dlls, &dll) == PE_OK) {
        pe_delay_thunk_iter thunks;
        pe_import import;
        if (!add_edge(graph, index, DEPS_DELAY, dll.name, &edge))
            return;
        pe_delay_thunks(&dlls, &dll, &thunks);
        while (!graph->no_memory && pe_delay_thunk_next(&thunks, &import) == PE_OK)
            check_function(graph, index, edge, &import);
    }
}

static void build_root(deps_graph *graph)
{
    deps_node *root = graph->nodes[0];
    char key[64];
    read_node(graph, root);
    if (root->provider != DEPS_FILE)
        return;
    if (file_key(root->path, key))
        note(graph, 'f', key, 0);
    note(graph, 'n', root->name, 0);
    if (!(root->image.file.characteristics & PE_FILE_DLL))
        graph->program = root->path;
}

/* As an image lists them: imports, delay loads, and then where its forwarders lead. */
static void put_forwarders_last(deps_graph *graph, deps_node *node)
{
    deps_edge *edges = malloc((node->edge_count + 1) * sizeof *edges);
    size_t count = 0;
    if (edges == NULL) {
        graph->no_memory = true;
        return;
    }
    for (int forwarders = 0; forwarders <= 1; forwarders++) {
        for (size_t i = 0; i < node->edge_count; i++) {
            if ((node->edges[i].kind == DEPS_FORWARDER) == (forwarders != 0))
                edges[count++] = node->edges[i];
        }
    }
    free(node->edges);
    node->edges = edges;
    node->edge_capacity = node->edge_count + 1;
}

static void expand_all(deps_graph *graph)
{
    size_t next = 0, delayed = 0;
    while (!graph->no_memory) {
        for (; next < graph->count && !graph->no_memory; next++) {
            if (graph->nodes[next]->provider == DEPS_FILE)
                expand_imports(graph, next);
        }
        graph->in_delay = true;
        if (delayed == graph->count || graph->no_delay)
            return;
        if (graph->nodes[delayed]->provider == DEPS_FILE)
            expand_delayed(graph, delayed);
        delayed++;
    }
}

void deps_build(deps_graph *graph)
{
    build_root(graph);
    expand_all(graph);
    for (size_t i = 0; i < graph->count; i++)
        put_forwarders_last(graph, graph->nodes[i]);
}
