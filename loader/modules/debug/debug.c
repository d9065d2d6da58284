#include "modules/debug/debug.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "modules/debug/elf.h"
#include "section/view.h"

/* What a debugger has been told of. */
struct ldr__debug {
    uint8_t *object;
    ldr__debugger_entry *entry;
};

static void tell_debugger(ldr_module *module, const ldr__code_symbols *symbols)
{
    uint64_t size;
    struct ldr__debug *debug = ldr__os_alloc(sizeof *debug);
    if (debug == NULL)
        return;
    ldr_status status = ldr__elf_make(module, symbols, &debug->object, &size);
    if (status == LDR_OK)
        status = ldr__os_debugger_add(debug->object, size, &debug->entry);
    if (status == LDR_OK) {
        module->debug = debug;
        return;
    }
    ldr__os_free(debug->object);
    ldr__os_free(debug);
}

/* perf takes names from its file for memory of no file only. */
static void detach_code(const ldr_module *module)
{
    const ldr__plan *plan = ldr__view_plan(module->view);
    for (uint32_t i = 0; i < plan->count; i++) {
        const ldr__subsection *s = &plan->subsections[i];
        int access = ldr__protect_access(s->protect);
        bool has_file = s->backing == LDR_BACKING_FILE || s->backing == LDR_BACKING_SEGMENT;
        if (has_file && (access & LDR__EXECUTE) != 0 && (access & LDR__READ) != 0)
            ldr__os_detach((uint8_t *)ldr_module_base(module) + s->rva, s->size, access);
    }
}

/* "ADDRESS SIZE NAME", hexadecimal: tools/perf/Documentation/jit-interface.txt. */
static void tell_profiler(const ldr_module *module, const ldr__code_symbols *symbols)
{
    char lines[1 << 14];
    size_t used = 0;
    for (uint32_t i = 0; i < symbols->count; i++) {
        const ldr__code_symbol *symbol = &symbols->items[i];
        char line[1024];
        int length = snprintf(line, sizeof line, "%" PRIxPTR " %" PRIx32 " %s\n",
                              (uintptr_t)ldr_module_base(module) + symbol->rva, symbol->size,
                              symbols->names + symbol->name);
        if (used + (size_t)length > sizeof lines) {
            ldr__os_profile_append(lines, used);
            used = 0;
        }
        memcpy(lines + used, line, (size_t)length);
        used += (size_t)length;
    }
    ldr__os_profile_append(lines, used);
}

void ldr__debug_load(ldr_module *module)
{
    ldr__code_symbols symbols;
    uint32_t wanted = module->ctx->debug;
    if (wanted == 0)
        return;
    ldr__os_guard_begin(); /* names that were cut off are zeros */
    if (ldr__code_symbols_make(module, &symbols) == LDR_OK) {
        if ((wanted & LDR_DEBUG_GDB) != 0)
            tell_debugger(module, &symbols);
        if ((wanted & LDR_DEBUG_PERF) != 0) {
            detach_code(module);
            tell_profiler(module, &symbols);
        }
    }
    ldr__os_guard_end();
    ldr__code_symbols_release(&symbols);
}

/* A profiler still needs the names, for what it has sampled before. */
void ldr__debug_unload(ldr_module *module)
{
    struct ldr__debug *debug = module->debug;
    if (debug == NULL)
        return;
    ldr__os_debugger_remove(debug->entry);
    ldr__os_free(debug->object);
    ldr__os_free(debug);
    module->debug = NULL;
}
