/* graphs.c: in which order a graph of DLLs comes and goes. */
#include "life.h"

static void load_show_unload(const char *name, const char *all)
{
    HMODULE module = load(name);
    show(all);
    show_lists();
    unload(module, name);
    show(all);
}

static void leaf(void)
{
    load_show_unload("l", "l");
}

static void diamond(void)
{
    load_show_unload("a", "a b c d");
}

static void chain(void)
{
    load_show_unload("k1", "k1 k2 k3");
}

static void cycle_of_two(void)
{
    load_show_unload("y1", "y1 y2");
}

static void cycle_entered_behind(void)
{
    load_show_unload("y2", "y1 y2");
}

static void cycle_of_three(void)
{
    load_show_unload("z1", "z1 z2 z3 d");
}

static void self_import(void)
{
    load_show_unload("s", "s");
}

static void two_graphs_that_overlap(void)
{
    HMODULE a = load("a"), c = load("c"), m = load("m");
    show("a b c d m");
    unload(a, "a");
    show("a b c d m");
    unload(m, "m");
    unload(c, "c");
    show("a b c d m");
}

static void part_of_a_cycle(void)
{
    HMODULE first = load("y1"), second = load("y2");
    unload(first, "y1");
    show("y1 y2");
    unload(second, "y2");
    show("y1 y2");
}

static void static_needs_of_the_program(void)
{
    show("p pd");
    show_lists();
    for (int i = 0; i < 3; i++)
        unload(GetModuleHandleA("p"), "p");
    show("p pd");
    HMODULE p = load("p");
    show("p pd");
    unload(p, "p");
    show("p pd");
}

static void forwarder_loads_and_keeps(void)
{
    HMODULE q = load("q");
    show("q l");
    say("q_fn: %d", GetProcAddress(q, "q_fn") != NULL);
    show("q l");
    say("again: %d", GetProcAddress(q, "q_fn") != NULL);
    show("q l");
    TELL("q_gone", GetProcAddress(q, "q_gone") != NULL);
    TELL("q_nowhere", GetProcAddress(q, "q_nowhere") != NULL);
    unload(q, "q");
    show("q l");
}

static void import_through_forwarder(void)
{
    load_show_unload("r", "r q l");
}

static void load_in_attach(void)
{
    script("l+:ask m,load m,ask m");
    HMODULE l = load("l");
    show("l m");
    unload(l, "l");
    show("l m");
}

static void load_in_detach(void)
{
    script("l-:load m,ask l");
    unload(load("l"), "l");
    show("l m");
}

static void load_a_graph_in_attach(void)
{
    script("l+:load a;d+:load m");
    HMODULE l = load("l");
    show("l m a b c d");
    unload(l, "l");
    show("l m a b c d");
}

static void load_itself_in_attach(void)
{
    script("l+:ask l,load l,ask l");
    HMODULE l = load("l");
    show("l");
    unload(l, "l");
    show("l");
    unload(l, "l");
    show("l");
}

static void load_what_is_loading(void)
{
    script("d+:load a,ask a");
    HMODULE a = load("a");
    show("a b c d");
    unload(a, "a");
    show("a b c d");
}

static void free_in_attach(void)
{
    HMODULE m = load("m");
    script("l+:free m");
    HMODULE l = load("l");
    show("l m");
    unload(l, "l");
    (void)m;
}

static void free_in_detach(void)
{
    load("m");
    script("l-:free m;m-:ask l");
    unload(load("l"), "l");
    show("l m");
}

static void free_itself_in_attach(void)
{
    script("l+:free l");
    HMODULE l = load("l");
    show("l");
    unload(l, "l");
}

static void free_itself_in_detach(void)
{
    script("l-:free l");
    unload(load("l"), "l");
    show("l");
}

static void free_a_need_in_attach(void)
{
    script("k1+:free k2,ask k2");
    HMODULE k = load("k1");
    show("k1 k2 k3");
    unload(k, "k1");
    show("k1 k2 k3");
}

static void load_again_in_detach(void)
{
    script("l-:load l");
    unload(load("l"), "l");
    show("l");
    script("");
    unload(load("l"), "l");
}

static void load_a_need_in_its_detach(void)
{
    script("k1-:load k3");
    unload(load("k1"), "k1");
    show("k1 k2 k3");
}

const scenario graph_scenarios[] = {
    {"leaf", leaf},
    {"diamond", diamond},
    {"chain", chain},
    {"cycle_of_two", cycle_of_two},
    {"cycle_entered_behind", cycle_entered_behind},
    {"cycle_of_three", cycle_of_three},
    {"self_import", self_import},
    {"two_graphs_that_overlap", two_graphs_that_overlap},
    {"part_of_a_cycle", part_of_a_cycle},
    {"static_needs_of_the_program", static_needs_of_the_program},
    {"forwarder_loads_and_keeps", forwarder_loads_and_keeps},
    {"import_through_forwarder", import_through_forwarder},
    {"load_in_attach", load_in_attach},
    {"load_in_detach", load_in_detach},
    {"load_a_graph_in_attach", load_a_graph_in_attach},
    {"load_itself_in_attach", load_itself_in_attach},
    {"load_what_is_loading", load_what_is_loading},
    {"free_in_attach", free_in_attach},
    {"free_in_detach", free_in_detach},
    {"free_itself_in_attach", free_itself_in_attach},
    {"free_itself_in_detach", free_itself_in_detach},
    {"free_a_need_in_attach", free_a_need_in_attach},
    {"load_again_in_detach", load_again_in_detach},
    {"load_a_need_in_its_detach", load_a_need_in_its_detach},
    {0},
};
