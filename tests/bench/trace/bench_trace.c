/*
 * bench_trace: what a call through an import costs, traced and not.
 *
 *   bench_trace
 *
 * A DLL made on the spot calls a function of the host, which does nothing, through its import slot
 * in a loop. Untraced, beside the same loop of the host's through a pointer; traced, for a listener
 * that does nothing, beside what two events (the call and its return) have to ask the system for:
 * the time and the thread.
 */
#include "../timing.h"
#include "support/image_builder.h"

#include <peload/loader.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 21, CALLS = 200000, EVENTS = 2 };

static void LDR_WINAPI nothing(void)
{
    __asm__ volatile("");
}

/* void loop(uint32_t count): calls the import `count` times. */
static const uint8_t loop_code[] = {
    0x53,                         /* push rbx */
    0x48, 0x83, 0xEC, 0x20,       /* sub rsp, 0x20 */
    0x89, 0xCB,                   /* mov ebx, ecx */
    0xFF, 0x15, 0,    0,    0, 0, /* call [rip + slot] */
    0xFF, 0xCB,                   /* dec ebx */
    0x75, 0xF6,                   /* jnz to the call */
    0x48, 0x83, 0xC4, 0x20,       /* add rsp, 0x20 */
    0x5B,                         /* pop rbx */
    0xC3,                         /* ret */
};
enum { SLOT_AT = 9, AFTER_CALL = 13 };

typedef void LDR_WINAPI loop_function(uint32_t count);

static uint32_t slot_of(const img_image *image)
{
    pe_image parsed;
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_thunk_iter thunks;
    pe_import import;
    if (pe_open((pe_span){image->bytes, image->size}, PE_LAYOUT_FILE, &parsed, NULL) != PE_OK)
        exit(1);
    pe_imports(&parsed, &dlls);
    if (pe_import_next(&dlls, &dll) != PE_OK)
        exit(1);
    pe_thunks(&parsed, &dll, &thunks);
    if (pe_thunk_next(&thunks, &import) != PE_OK)
        exit(1);
    return import.slot.value;
}

static img_image make_image(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, loop_code, sizeof loop_code, 0);
    img_add_export(&builder, "loop", 1, text);
    img_add_import(&builder, "bench.exe", "nothing");
    img_image image = img_finish(&builder);
    img_set_u32(&image, img_offset_of(&image, text) + SLOT_AT,
                slot_of(&image) - (text + AFTER_CALL));
    return image;
}

static void listen(void *user, const ldr_trace_event *event)
{
    uint64_t *count = user;
    *count += event->kind == LDR_TRACE_CALL || event->kind == LDR_TRACE_RETURN;
}

/* Nanoseconds of a call, the median of all rounds. */
static double time_guest(const img_image *image, const ldr_context_options *options)
{
    static const ldr_export lines[] = {{.name = "nothing", .address = nothing}};
    static double times[ROUNDS];
    ldr_context *ctx;
    ldr_module *module;
    if (ldr_context_create(options, &ctx) != LDR_OK ||
        ldr_host_module_add(ctx, "bench.exe", lines, 1) != LDR_OK ||
        ldr_load_memory(ctx, "loop.dll", image->bytes, image->size, NULL, &module, NULL) != LDR_OK)
        exit(1);
    loop_function *loop = (loop_function *)ldr_symbol(module, "loop");
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now();
        loop(CALLS);
        times[i] = (bench_now() - start) * 1000 / CALLS;
    }
    ldr_context_destroy(ctx);
    return bench_median(times, ROUNDS);
}

static void call_pointer(void)
{
    static void(LDR_WINAPI *volatile pointer)(void) = nothing;
    for (uint32_t i = 0; i < CALLS; i++)
        pointer();
}

static void ask_system(void)
{
    struct timespec now;
    for (uint32_t i = 0; i < CALLS * EVENTS; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        (void)gettid();
    }
}

static double time_floor(void (*floor)(void))
{
    static double times[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now();
        floor();
        times[i] = (bench_now() - start) * 1000 / CALLS;
    }
    return bench_median(times, ROUNDS);
}

static void print(const char *what, double ours, const char *floor_name, double floor)
{
    printf("%-32s %8.1f ns; %s: %.1f ns; %.1f times\n", what, ours, floor_name, floor,
           ours / floor);
}

int main(void)
{
    uint64_t count = 0;
    const ldr_context_options traced = {
        .size = sizeof traced, .trace = listen, .trace_user = &count};
    img_image image = make_image();
    print("a call through an import", time_guest(&image, NULL), "through a pointer of the host",
          time_floor(call_pointer));
    print("the same traced", time_guest(&image, &traced), "time and thread of two events",
          time_floor(ask_system));
    img_free(&image);
    return count == (uint64_t)EVENTS * ROUNDS * CALLS ? 0 : 1;
}
