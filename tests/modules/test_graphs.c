/* Random graphs of DLLs, with cycles: there is what somebody keeps, and nothing else. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_environment.h"

enum { DLLS = 24, ROUNDS = 20, STEPS = 40 };

typedef struct graph {
    bool needs[DLLS][DLLS];
    ldr_module *loaded[DLLS]; /* by this test: one reference each */
} graph;

static uint32_t state;

static uint32_t random_below(uint32_t end)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % end;
}

static const char *name_of(unsigned number)
{
    static char name[16];
    snprintf(name, sizeof(name), "g%u.dll", number);
    return name;
}

/* Each needs two others on average; some have none, which makes islands. */
static void make_graph(graph *self, uint32_t seed)
{
    state = seed;
    *self = (graph){0};
    for (unsigned i = 0; i < DLLS; i++) {
        char list[DLLS * 8] = "", name[8];
        for (unsigned count = random_below(5); count != 0; count--)
            self->needs[i][random_below(DLLS)] = true;
        for (unsigned j = 0; j < DLLS; j++)
            if (self->needs[i][j])
                snprintf(list + strlen(list), sizeof(list) - strlen(list), "g%u ", j);
        snprintf(name, sizeof(name), "g%u", i);
        folder_dll(name, list);
    }
}

static void reach(const graph *self, unsigned from, bool *reached)
{
    if (reached[from])
        return;
    reached[from] = true;
    for (unsigned i = 0; i < DLLS; i++)
        if (self->needs[from][i])
            reach(self, i, reached);
}

static void expect_what_is_kept(ldr_context *ctx, const graph *self)
{
    bool kept[DLLS] = {false};
    int count = 0;
    for (unsigned i = 0; i < DLLS; i++)
        if (self->loaded[i])
            reach(self, i, kept);
    for (unsigned i = 0; i < DLLS; i++) {
        count += kept[i];
        cr_assert_eq(ldr_module_find(ctx, name_of(i)) != NULL, kept[i], "g%u", i);
    }
    cr_assert_eq(fake_modules(), count);
}

static void load_or_unload(ldr_context *ctx, graph *self, unsigned number)
{
    if (self->loaded[number]) {
        ldr_unload(self->loaded[number]);
        self->loaded[number] = NULL;
    } else {
        self->loaded[number] = folder_load(ctx, name_of(number));
    }
}

/* A DLL whose DllMain fails takes back all that came with the load, and nothing else. */
static void fail_to_load(ldr_context *ctx, graph *self, unsigned number)
{
    bool reached[DLLS] = {false};
    unsigned victim = random_below(DLLS);
    reach(self, number, reached);
    bool fails = reached[victim] && !ldr_module_find(ctx, name_of(victim));
    fake_attach_fails(name_of(victim));
    ldr_module *module = NULL;
    cr_assert_eq(ldr_load(ctx, folder_path(name_of(number)), NULL, &module, NULL),
                 fails ? LDR_INIT_FAILED : LDR_OK);
    fake_attach_fails("");
    ldr_unload(module);
}

static void unload_all(ldr_context *ctx, graph *self)
{
    for (unsigned i = 0; i < DLLS; i++) {
        ldr_unload(self->loaded[i]);
        self->loaded[i] = NULL;
        expect_what_is_kept(ctx, self);
    }
}

Test(graphs, there_is_what_somebody_keeps, .timeout = 120)
{
    graph self;
    for (uint32_t seed = 1; seed <= ROUNDS; seed++) {
        make_graph(&self, seed);
        ldr_context *ctx = fake_context();
        for (unsigned step = 0; step < STEPS; step++) {
            load_or_unload(ctx, &self, random_below(DLLS));
            expect_what_is_kept(ctx, &self);
        }
        unload_all(ctx, &self);
        ldr_context_destroy(ctx);
        fake_log_clear();
    }
}

Test(graphs, failed_load_takes_back_what_it_has_brought_in, .timeout = 120)
{
    graph self;
    for (uint32_t seed = 1; seed <= ROUNDS; seed++) {
        make_graph(&self, 100 + seed);
        ldr_context *ctx = fake_context();
        for (unsigned step = 0; step < STEPS; step++) {
            if (step % 4 == 0)
                load_or_unload(ctx, &self, random_below(DLLS));
            fail_to_load(ctx, &self, random_below(DLLS));
            expect_what_is_kept(ctx, &self);
        }
        unload_all(ctx, &self);
        ldr_context_destroy(ctx);
        fake_log_clear();
    }
}
