/* failures.c: loads that fail, and what is left of them. */
#include "life.h"

static void no_such_file(void)
{
    load("gone");
    load("gone.dll");
    load(".\\gone\\gone.dll");
    load("");
}

static void missing_function(void)
{
    load("x1");
    show("x1 l");
}

static void missing_dll(void)
{
    load("w1");
    show("w1 l");
}

static void missing_in_the_middle(void)
{
    HMODULE m = load("m");
    load("v");
    show("v l x1 m");
    unload(m, "m");
}

static void attach_false(void)
{
    script("l+:false");
    load("l");
    show("l");
    script("");
    unload(load("l"), "l");
}

static void need_attach_false(void)
{
    script("k2+:false");
    load("k1");
    show("k1 k2 k3");
}

static void root_attach_false(void)
{
    script("a+:false");
    load("a");
    show("a b c d");
}

static void one_side_false(void)
{
    HMODULE d = load("d");
    script("c+:false");
    load("a");
    show("a b c d");
    unload(d, "d");
    show("d");
}

static void cycle_attach_false(void)
{
    script("z3+:false");
    load("z1");
    show("z1 z2 z3 d");
}

static void attach_false_with_tls(void)
{
    script("t+:false");
    load("t");
    show("t");
}

static void nested_load_false(void)
{
    script("l+:load k1;k2+:false");
    HMODULE l = load("l");
    show("l k1 k2 k3");
    unload(l, "l");
}

static void nested_load_stays_when_outer_fails(void)
{
    script("l+:load m,false");
    load("l");
    show("l m");
    unload(GetModuleHandleA("m"), "m");
    show("m");
}

static void nested_load_of_need_when_outer_fails(void)
{
    script("k3+:load m;k1+:load k3,false");
    load("k1");
    show("k1 k2 k3 m");
}

static void attach_crashes(void)
{
    script("l+:crash");
    load("l");
    show("l");
}

static void attach_raises(void)
{
    script("l+:raise");
    load("l");
    show("l");
}

static void need_attach_crashes(void)
{
    script("k2+:crash");
    load("k1");
    show("k1 k2 k3");
}

static void detach_crashes(void)
{
    HMODULE k = load("k1");
    script("k2-:crash");
    unload(k, "k1");
    show("k1 k2 k3");
}

static void detach_false(void)
{
    HMODULE k = load("k1");
    script("k2-:false");
    unload(k, "k1");
    show("k1 k2 k3");
}

static void callback_crashes(void)
{
    script("t.0+:crash");
    HMODULE t = load("t");
    show("t");
    unload(t, "t");
}

static void forwarder_to_one_that_fails(void)
{
    HMODULE q = load("q");
    script("l+:false");
    TELL("q_fn", GetProcAddress(q, "q_fn") != NULL);
    show("q l");
    script("");
    say("q_fn: %d", GetProcAddress(q, "q_fn") != NULL);
    show("q l");
    unload(q, "q");
    show("q l");
}

const scenario failure_scenarios[] = {
    {"no_such_file", no_such_file},
    {"missing_function", missing_function},
    {"missing_dll", missing_dll},
    {"missing_in_the_middle", missing_in_the_middle},
    {"attach_false", attach_false},
    {"need_attach_false", need_attach_false},
    {"root_attach_false", root_attach_false},
    {"one_side_false", one_side_false},
    {"cycle_attach_false", cycle_attach_false},
    {"attach_false_with_tls", attach_false_with_tls},
    {"nested_load_false", nested_load_false},
    {"nested_load_stays_when_outer_fails", nested_load_stays_when_outer_fails},
    {"nested_load_of_need_when_outer_fails", nested_load_of_need_when_outer_fails},
    {"attach_crashes", attach_crashes},
    {"attach_raises", attach_raises},
    {"need_attach_crashes", need_attach_crashes},
    {"detach_crashes", detach_crashes},
    {"detach_false", detach_false},
    {"callback_crashes", callback_crashes},
    {"forwarder_to_one_that_fails", forwarder_to_one_that_fails},
    {0},
};
