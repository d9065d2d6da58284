#include "win32/seh/seh.h"

/* Handler RVA of `__except(EXCEPTION_EXECUTE_HANDLER)`, which needs no filter function. */
enum { CONSTANT_TRUE_FILTER = 1 };

/* A line of the scope table: a __try block. `target` is its __except block, 0 for a __finally. */
typedef struct try_scope {
    uint32_t begin, end, handler, target;
} try_scope;

/* The frame that the handler was called for. */
typedef struct scope_table {
    ldr__unwind_source source;
    uint32_t rva, count;
    uint32_t pc;
    EXCEPTION_RECORD *record;
    CONTEXT *context;
    DISPATCHER_CONTEXT *dispatcher;
} scope_table;

static uint32_t read_u32(const scope_table *table, uint32_t rva)
{
    uint8_t bytes[4] = {0};
    ldr__unwind_read(&table->source, rva, bytes, sizeof bytes);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static bool read_scope(const scope_table *table, uint32_t index, try_scope *ret_scope)
{
    uint64_t rva = table->rva + 4 + 16 * (uint64_t)index;
    uint8_t last;
    if (rva > UINT32_MAX - 16 ||
        !ldr__unwind_read(&table->source, (uint32_t)rva + 15, &last, sizeof last))
        return false;
    uint32_t at = (uint32_t)rva;
    *ret_scope = (try_scope){read_u32(table, at), read_u32(table, at + 4), read_u32(table, at + 8),
                             read_u32(table, at + 12)};
    return true;
}

static bool holds(const try_scope *scope, uint32_t rva)
{
    return rva >= scope->begin && rva < scope->end;
}

static void *address(const scope_table *table, uint32_t rva)
{
    return (void *)(uintptr_t)(table->source.base + rva);
}

static int32_t call_filter(const scope_table *table, const try_scope *scope)
{
    if (scope->handler == CONSTANT_TRUE_FILTER)
        return EXCEPTION_EXECUTE_HANDLER;
    EXCEPTION_POINTERS pointers = {table->record, table->context};
    ldr__seh_frame frame = {.kind = LDR__SEH_FUNCLET};
    return (int32_t)ldr__seh_enter(&frame, address(table, scope->handler), (uintptr_t)&pointers,
                                   table->dispatcher->establisher_frame, 0, 0);
}

/* Unwinds to the __except block. From here, a host function: the walk finds the frames itself. */
static _Noreturn void execute_handler(const scope_table *table, const try_scope *scope)
{
    CONTEXT here;
    ldr__seh_capture_context(&here);
    ldr__seh_unwind(&here, table->dispatcher->establisher_frame, table->source.base + scope->target,
                    table->record, table->record->code);
}

static int32_t search(const scope_table *table)
{
    try_scope scope;
    for (uint32_t i = table->dispatcher->scope_index;
         i < table->count && read_scope(table, i, &scope); i++) {
        if (!holds(&scope, table->pc) || scope.target == 0)
            continue;
        int32_t answer = call_filter(table, &scope);
        if (answer < 0)
            return ExceptionContinueExecution;
        if (answer > 0)
            execute_handler(table, &scope);
    }
    return ExceptionContinueSearch;
}

/* One __try block may have several lines; the target may be in another than the pc. */
static bool target_in_same_block(const scope_table *table, const try_scope *block, uint32_t target)
{
    try_scope scope;
    for (uint32_t i = 0; i < table->count && read_scope(table, i, &scope); i++)
        if (scope.handler == block->handler && scope.target == block->target &&
            holds(&scope, target))
            return true;
    return false;
}

/* Runs the __finally blocks between the pc and the target. */
static int32_t unwind(const scope_table *table)
{
    bool to_here = (table->record->flags & EXCEPTION_TARGET_UNWIND) != 0;
    uint32_t target = (uint32_t)(table->dispatcher->target_ip - table->source.base);
    try_scope scope;
    for (uint32_t i = table->dispatcher->scope_index;
         i < table->count && read_scope(table, i, &scope); i++) {
        if (!holds(&scope, table->pc))
            continue;
        if (to_here && (scope.target == target || target_in_same_block(table, &scope, target)))
            break;
        if (scope.target != 0)
            continue;
        table->dispatcher->scope_index = i + 1; /* not again if this one raises an exception */
        ldr__seh_frame frame = {.kind = LDR__SEH_FUNCLET};
        ldr__seh_enter(&frame, address(table, scope.handler), true,
                       table->dispatcher->establisher_frame, 0, 0);
    }
    return ExceptionContinueSearch;
}

int32_t LDR_WINAPI ldr__seh_c_specific_handler(EXCEPTION_RECORD *record, void *frame,
                                               CONTEXT *context, DISPATCHER_CONTEXT *dispatcher)
{
    (void)frame; /* the dispatcher has it too */
    ldr__seh *seh = ldr__process_self()->seh;
    scope_table table = {.source = ldr__seh_source_of(seh, dispatcher->image_base),
                         .record = record,
                         .context = context,
                         .dispatcher = dispatcher};
    table.rva = (uint32_t)((uintptr_t)dispatcher->handler_data - table.source.base);
    table.pc = (uint32_t)(dispatcher->control_pc - table.source.base);
    table.count = read_u32(&table, table.rva);
    return (record->flags & EXCEPTION_UNWIND) == 0 ? search(&table) : unwind(&table);
}
