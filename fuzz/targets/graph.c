/*
 * Fuzz target of the resolver: the input is a small graph of DLLs and what is done with it. Each
 * DLL imports from others, forwards exports to others, and its DllMain succeeds or fails; loads,
 * unloads and lookups follow. A model that knows nothing of the resolver says what must come of
 * each.
 */
#include "fuzz/target.h"

#include <peload/loader.h>
#include <stdio.h>
#include <string.h>

#include "support/image_builder.h"

const uint32_t fuzz_focus = 0;

enum { MODULES = 8, IMPORTS = 3, EXPORTS = 4, ACTIONS_MAX = 64, NAME_SIZE = 8 };

/* ---- The graph that the input describes ---- */

typedef struct reference {
    unsigned module, export; /* `export` may be one that does not exist */
    bool by_ordinal;
} reference;

typedef struct export
{
    bool is_forwarder;
    reference target;
}
export;

typedef struct node {
    bool is_missing, fails; /* no such file; DllMain returns FALSE */
    unsigned import_count, export_count;
    reference imports[IMPORTS];
    export exports[EXPORTS];
    img_image image;
    uint32_t data_rva; /* of the first export; the others follow every 8 bytes */
} node;

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static node nodes[MODULES];

static uint8_t next_byte(input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static reference read_reference(input *in)
{
    uint8_t byte = next_byte(in);
    return (reference){
        .module = byte % MODULES, .export = byte / MODULES % EXPORTS, .by_ordinal = byte >> 7};
}

static void read_node(input *in, node *ret_node)
{
    uint8_t kind = next_byte(in), counts = next_byte(in);
    *ret_node = (node){.is_missing = kind % 32 == 31, .fails = kind / 16 == 15};
    ret_node->import_count = counts % (IMPORTS + 1);
    ret_node->export_count = counts / 16 < 12 ? EXPORTS : EXPORTS - 1;
    for (unsigned i = 0; i < ret_node->import_count; i++)
        ret_node->imports[i] = read_reference(in);
    for (unsigned i = 0; i < ret_node->export_count; i++) {
        uint8_t choice = next_byte(in);
        ret_node->exports[i].is_forwarder = choice % 4 == 0;
        if (choice % 4 == 0)
            ret_node->exports[i].target = read_reference(in);
    }
}

/* ---- Its images ---- */

static const char *dll_names[MODULES] = {"m0.dll", "m1.dll", "m2.dll", "m3.dll",
                                         "m4.dll", "m5.dll", "m6.dll", "m7.dll"};
static const char *export_names[EXPORTS] = {"e0", "e1", "e2", "e3"};

static void add_exports(img_builder *builder, const node *from, char (*texts)[NAME_SIZE])
{
    for (unsigned i = 0; i < from->export_count; i++) {
        reference to = from->exports[i].target;
        snprintf(texts[i], NAME_SIZE, to.by_ordinal ? "m%u.#%u" : "m%u.e%u", to.module,
                 to.export + to.by_ordinal);
        if (from->exports[i].is_forwarder)
            img_add_forwarder(builder, export_names[i], (uint16_t)(i + 1), texts[i]);
        else
            img_add_export(builder, export_names[i], (uint16_t)(i + 1), from->data_rva + 8 * i);
    }
}

static void add_imports(img_builder *builder, const node *from)
{
    for (unsigned i = 0; i < from->import_count; i++) {
        reference to = from->imports[i];
        if (to.by_ordinal)
            img_add_import_ordinal(builder, dll_names[to.module], (uint16_t)(to.export + 1));
        else
            img_add_import(builder, dll_names[to.module], export_names[to.export]);
    }
}

/* A DLL whose DllMain is: mov eax, succeeds; ret */
static void build(node *self)
{
    uint8_t code[] = {0xB8, !self->fails, 0, 0, 0, 0xC3};
    char texts[EXPORTS][NAME_SIZE];
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, code, sizeof code, 0);
    self->data_rva = img_add_section(&builder, ".data", IMG_RW, NULL, 8 * EXPORTS, 0);
    add_exports(&builder, self, texts);
    add_imports(&builder, self);
    self->image = img_finish(&builder);
}

static bool provide(void *user, const char *name, ldr_bundle_file *ret_file)
{
    (void)user;
    for (unsigned i = 0; i < MODULES; i++) {
        if (strcmp(name, dll_names[i]) == 0 && !nodes[i].is_missing) {
            *ret_file =
                (ldr_bundle_file){.bytes = nodes[i].image.bytes, .size = nodes[i].image.size};
            return true;
        }
    }
    return false;
}

/* One context for all inputs: making one is much slower than loading. */
static ldr_context *context(void)
{
    static const ldr_place places[] = {LDR_PLACE_LOADED, LDR_PLACE_BUNDLE};
    const ldr_context_options options = {
        .size = sizeof options, .places = places, .place_count = 2, .bundle = provide};
    static ldr_context *ctx;
    if (ctx == NULL)
        REQUIRE(ldr_context_create(&options, &ctx) == LDR_OK);
    return ctx;
}

/* ---- The model: sets of modules are bits ---- */

typedef struct model {
    unsigned loaded;            /* what must be there */
    unsigned needs[MODULES];    /* of what is there */
    unsigned may_need[MODULES]; /* what a failed lookup may have left behind */
    unsigned references[MODULES];
    ldr_module *handles[MODULES];
} model;

static unsigned bit(unsigned module)
{
    return 1u << module;
}

/* Follows forwarders from one export to where it ends; false if nowhere. Adds to *chain. */
static bool resolve(reference *at, unsigned *chain)
{
    for (unsigned steps = 0; steps <= MODULES * EXPORTS; steps++) {
        const node *holder = &nodes[at->module];
        *chain |= bit(at->module);
        if (holder->is_missing || at->export >= holder->export_count)
            return false;
        if (!holder->exports[at->export].is_forwarder)
            return true;
        *at = holder->exports[at->export].target;
    }
    return false;
}

/* What a DLL needs by its imports; false if it cannot be bound. */
static bool needs_of(unsigned module, unsigned *ret_needs)
{
    const node *self = &nodes[module];
    *ret_needs = 0;
    if (self->is_missing)
        return false;
    for (unsigned i = 0; i < self->import_count; i++) {
        reference at = self->imports[i];
        if (!resolve(&at, ret_needs))
            return false;
    }
    return true;
}

/* Adds to *loaded all that `wanted` brings in; false if any of it cannot be bound or initialised.
 */
static bool bring_in(const model *self, unsigned wanted, model *ret_after)
{
    *ret_after = *self;
    for (unsigned left = wanted & ~self->loaded; left != 0;) {
        unsigned module = (unsigned)__builtin_ctz(left);
        if (!needs_of(module, &ret_after->needs[module]) || nodes[module].fails)
            return false;
        ret_after->may_need[module] = 0;
        ret_after->loaded |= bit(module);
        left = (left | ret_after->needs[module]) & ~ret_after->loaded;
    }
    return true;
}

/* All that is kept by references, directly or not. */
static unsigned kept(const model *self, bool at_most)
{
    unsigned set = 0, before;
    for (unsigned i = 0; i < MODULES; i++)
        set |= self->references[i] != 0 ? bit(i) : 0;
    do {
        before = set;
        for (unsigned i = 0; i < MODULES; i++)
            if (set & bit(i))
                set |= self->needs[i] | (at_most ? self->may_need[i] : 0);
    } while (set != before);
    return set;
}

/* ---- The resolver beside the model ---- */

static unsigned present(ldr_context *ctx)
{
    unsigned set = 0;
    for (unsigned i = 0; i < MODULES; i++)
        set |= ldr_module_find(ctx, dll_names[i]) != NULL ? bit(i) : 0;
    return set;
}

static void check_present(ldr_context *ctx, model *self)
{
    unsigned found = present(ctx);
    REQUIRE((kept(self, false) & ~found) == 0);
    REQUIRE((found & ~kept(self, true)) == 0);
    self->loaded = found;
}

static void load(ldr_context *ctx, model *self, unsigned module)
{
    model after;
    ldr_diag diag = {0};
    bool can = bring_in(self, bit(module), &after);
    ldr_status status = ldr_load_name(ctx, dll_names[module], NULL, &after.handles[module], &diag);
    REQUIRE((status == LDR_OK) == can);
    REQUIRE(diag.status == status || status == LDR_OK);
    if (!can)
        return;
    *self = after;
    self->references[module]++;
    REQUIRE(ldr_module_find(ctx, dll_names[module]) == self->handles[module]);
}

static void unload(model *self, unsigned module)
{
    if (self->references[module] == 0)
        return;
    self->references[module]--;
    ldr_unload(self->handles[module]);
}

static const void *address_of(ldr_context *ctx, reference at)
{
    const uint8_t *base = ldr_module_base(ldr_module_find(ctx, dll_names[at.module]));
    return base + nodes[at.module].data_rva + 8 * at.export;
}

static void look_up(ldr_context *ctx, model *self, reference what)
{
    unsigned holder = what.module, chain = 0;
    model after;
    if (self->references[holder] == 0)
        return;
    reference at = what;
    bool can = resolve(&at, &chain) && bring_in(self, chain, &after);
    const void *address = what.by_ordinal
                              ? ldr_symbol_ordinal(self->handles[holder], what.export + 1)
                              : ldr_symbol(self->handles[holder], export_names[what.export]);
    REQUIRE((address != NULL) == can);
    if (can) {
        *self = after;
        self->needs[holder] |= chain;
        REQUIRE(address == address_of(ctx, at));
    } else {
        self->may_need[holder] |= chain;
    }
}

static void act(ldr_context *ctx, model *self, input *in)
{
    uint8_t action = next_byte(in);
    reference what = read_reference(in);
    if (action % 3 == 0)
        load(ctx, self, what.module);
    else if (action % 3 == 1)
        unload(self, what.module);
    else
        look_up(ctx, self, what);
    check_present(ctx, self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    model state = {0};
    ldr_context *ctx = context();
    for (unsigned i = 0; i < MODULES; i++) {
        read_node(&in, &nodes[i]);
        build(&nodes[i]);
    }
    for (unsigned i = 0; i < ACTIONS_MAX && in.size != 0; i++)
        act(ctx, &state, &in);
    for (unsigned i = 0; i < MODULES; i++)
        while (state.references[i] != 0)
            unload(&state, i);
    REQUIRE(present(ctx) == 0);
    for (unsigned i = 0; i < MODULES; i++)
        img_free(&nodes[i].image);
    return 0;
}
