/*
 * trace.c: --trace OUT: the events of a context, a line of JSON each. README and trace.schema.json
 * describe them.
 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [LDR_TRACE_LOAD] = "load",     [LDR_TRACE_UNLOAD] = "unload",       [LDR_TRACE_BIND] = "bind",
    [LDR_TRACE_ENTRY] = "entry",   [LDR_TRACE_ENTRY_END] = "entry_end", [LDR_TRACE_CALL] = "call",
    [LDR_TRACE_RETURN] = "return", [LDR_TRACE_EXCEPTION] = "exception",
};

static const char *reason_name(uint32_t reason)
{
    static const char *const names[] = {"DLL_PROCESS_DETACH", "DLL_PROCESS_ATTACH",
                                        "DLL_THREAD_ATTACH", "DLL_THREAD_DETACH"};
    return reason < sizeof names / sizeof names[0] ? names[reason] : NULL;
}

static void write_address(cli_json *json, const char *key, const void *address)
{
    cli_json_hex(json, key, (uintptr_t)address, 1);
}

/* ---- Values ---- */

static void write_string(cli_json *json, const ldr_trace_value *value)
{
    if (value->text == NULL)
        cli_json_hex(json, value->name, value->bits, 1);
    else
        cli_json_bytes(json, value->name, value->text, value->text_size);
}

static void write_value(cli_json *json, const ldr_trace_value *value)
{
    switch (value->type) {
    case LDR_TRACE_INT:
        cli_json_signed(json, value->name, (int64_t)value->bits);
        break;
    case LDR_TRACE_UINT:
        cli_json_number(json, value->name, value->bits);
        break;
    case LDR_TRACE_BOOL:
        cli_json_bool(json, value->name, value->bits != 0);
        break;
    case LDR_TRACE_REAL:
        cli_json_real(json, value->name, value->real);
        break;
    case LDR_TRACE_STRING:
        write_string(json, value);
        break;
    default:
        cli_json_hex(json, value->name, value->bits, 1);
    }
}

static void write_values(cli_json *json, const ldr_trace_event *event)
{
    cli_json_open(json, "values", '{');
    for (size_t i = 0; i < event->value_count; i++)
        write_value(json, &event->values[i]);
    cli_json_close(json, '}');
}

/* ---- Kinds ---- */

static void write_module(cli_json *json, const ldr_trace_event *event)
{
    cli_json_text(json, "path", event->path);
    write_address(json, "base", event->base);
    cli_json_number(json, "size", event->module_size);
    if (event->kind == LDR_TRACE_LOAD)
        cli_json_text(json, "asked_by", event->asked_by);
}

static void write_import(cli_json *json, const ldr_trace_event *event)
{
    cli_json_text(json, "dll", event->dll);
    cli_json_text(json, "function", event->function);
    if (event->function == NULL)
        cli_json_number(json, "ordinal", event->ordinal);
    cli_json_text(json, "provider", event->provider);
    write_address(json, "address", event->address);
}

static void write_entry(cli_json *json, const ldr_trace_event *event)
{
    cli_json_text(json, "what", event->is_tls_callback ? "tls_callback" : "DllMain");
    write_address(json, "address", event->address);
    if (event->kind == LDR_TRACE_ENTRY) {
        cli_json_text(json, "reason", reason_name(event->reason));
        cli_json_hex(json, "reserved", event->arguments[2], 1);
        return;
    }
    cli_json_number(json, "call", event->call);
    if (event->exception != 0)
        cli_json_hex(json, "exception", event->exception, 8);
    else
        cli_json_number(json, "result", event->result);
}

static void write_call(cli_json *json, const ldr_trace_event *event)
{
    write_import(json, event);
    write_address(json, "return_address", event->return_address);
    cli_json_open(json, "registers", '[');
    for (size_t i = 0; i < sizeof event->arguments / sizeof event->arguments[0]; i++)
        cli_json_hex(json, NULL, event->arguments[i], 1);
    cli_json_close(json, ']');
    if (event->value_count > 0)
        write_values(json, event);
}

static void write_return(cli_json *json, const ldr_trace_event *event)
{
    write_import(json, event);
    cli_json_number(json, "call", event->call);
    cli_json_hex(json, "result", event->result, 1);
    cli_json_real(json, "real_result", event->real_result);
    if (event->value_count > 0)
        write_values(json, event);
}

static void write_rest(cli_json *json, const ldr_trace_event *event)
{
    switch (event->kind) {
    case LDR_TRACE_LOAD:
    case LDR_TRACE_UNLOAD:
        write_module(json, event);
        break;
    case LDR_TRACE_BIND:
        write_import(json, event);
        cli_json_bool(json, "is_data", event->is_data);
        break;
    case LDR_TRACE_ENTRY:
    case LDR_TRACE_ENTRY_END:
        write_entry(json, event);
        break;
    case LDR_TRACE_CALL:
        write_call(json, event);
        break;
    case LDR_TRACE_RETURN:
        write_return(json, event);
        break;
    case LDR_TRACE_EXCEPTION:
        cli_json_hex(json, "exception", event->exception, 8);
        write_address(json, "address", event->address);
        break;
    }
}

static void write_event(cli_json *json, const ldr_trace_event *event)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "event", kind_names[event->kind]);
    cli_json_number(json, "sequence", event->sequence);
    cli_json_number(json, "time_ns", event->time);
    cli_json_number(json, "process", cli_process_number());
    cli_json_number(json, "thread", event->thread);
    cli_json_number(json, "depth", event->depth);
    cli_json_text(json, "module", event->module);
    write_rest(json, event);
    cli_json_close(json, '}');
    cli_json_end_line(json);
}

/* ---- The file ---- */

/* A line at once, so that those of other threads and processes stay whole, and that a guest that is
 * killed has left all that it did. */
static void note_event(void *user, const ldr_trace_event *event)
{
    const cli_session *session = user;
    cli_line line = {0};
    cli_json json = {.line = &line};
    write_event(&json, event);
    if (!line.has_failed) /* a full disk: the guest is not to notice */
        cli_output_write(session->trace_file, line.text, line.size);
    free(line.text);
}

/* A program that the guest has started adds to the file. */
bool cli_trace_open(cli_session *session, ldr_context_options *options)
{
    if (session->trace == NULL)
        return true;
    int file = cli_output_open_log(session->trace, session->process != NULL);
    session->trace_path = file >= 0 ? cli_absolute_path(session->trace) : NULL;
    if (session->trace_path == NULL) {
        fprintf(stderr, "peload: --trace: %s: %s\n", session->trace, strerror(errno));
        if (file >= 0)
            cli_output_close(file);
        return false;
    }
    session->trace_file = file;
    options->trace = note_event;
    options->trace_user = session;
    return true;
}

void cli_trace_close(cli_session *session)
{
    if (session->trace_path == NULL)
        return;
    cli_output_close(session->trace_file);
    free(session->trace_path);
}
