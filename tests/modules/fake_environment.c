#include "fake_environment.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modules/module.h"

static char log_text[1 << 16];
static char fails[64], raises[64], loads_from[64], loads_what[64];
static int modules, hosts, slots, stubs;
static bool next_module_fails, next_tls_fails;
static ldr_context *context;
static void (*call_hook)(ldr_module *module, uint32_t reason);

const char *fake_log(void)
{
    return log_text;
}

void fake_log_clear(void)
{
    log_text[0] = '\0';
}

static void record(const char *event)
{
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof(log_text) - used, "%s%s", used ? " " : "", event);
}

void fake_attach_fails(const char *module)
{
    snprintf(fails, sizeof(fails), "%s", module);
}

void fake_attach_raises(const char *module)
{
    snprintf(raises, sizeof(raises), "%s", module);
}

void fake_attach_loads(const char *module, const char *other)
{
    snprintf(loads_from, sizeof(loads_from), "%s", module);
    snprintf(loads_what, sizeof(loads_what), "%s", other);
}

void fake_on_call(void (*hook)(ldr_module *module, uint32_t reason))
{
    call_hook = hook;
}

int fake_modules(void)
{
    return modules;
}

int fake_hosts(void)
{
    return hosts;
}

int fake_tls_slots(void)
{
    return slots;
}

int fake_stubs(void)
{
    return stubs;
}

void fake_module_added_fails(void)
{
    next_module_fails = true;
}

void fake_tls_add_fails(void)
{
    next_tls_fails = true;
}

/* ---- The environment ---- */

static ldr_status env_create(ldr_context *ctx, const ldr_context_options *options, void **ret_state)
{
    (void)options;
    context = ctx;
    *ret_state = &context;
    return LDR_OK;
}

/* What the environment keeps for a module is gone with its state. */
static void env_destroy(void *state)
{
    cr_assert_eq(modules, 0, "a module outlives the environment");
    cr_assert_eq(slots, 0, "a TLS slot outlives the environment");
    (void)state;
}

/* As under Linux, without drives. */
static ldr_status env_host_path(void *state, const char *guest_path, char **ret_path)
{
    (void)state;
    if (guest_path[1] == ':' && guest_path[0] != 'Z')
        return LDR_FILE_NOT_FOUND;
    char *path = ldr__text_copy(guest_path + (guest_path[1] == ':' ? 2 : 0));
    for (char *c = path; c && *c; c++)
        *c = *c == '\\' ? '/' : *c;
    *ret_path = path;
    return path ? LDR_OK : LDR_NO_MEMORY;
}

static bool env_busy(void *state)
{
    (void)state;
    return false;
}

static ldr_status env_thread_enter(void *state, ldr_thread_scope *ret_scope)
{
    (void)state;
    *ret_scope = (ldr_thread_scope){.ctx = context};
    return LDR_OK;
}

static void env_thread_leave(void *state, ldr_thread_scope *scope)
{
    (void)state;
    (void)scope;
}

static ldr_status env_tls_add(void *state, const ldr__tls_template *tls, uint32_t *ret_slot)
{
    (void)state;
    (void)tls;
    if (next_tls_fails)
        return LDR_NO_MEMORY;
    *ret_slot = (uint32_t)slots++;
    return LDR_OK;
}

static void env_tls_remove(void *state, uint32_t slot)
{
    (void)state;
    (void)slot;
    slots--;
}

static ldr_status env_module_added(void *state, ldr_module *module)
{
    (void)state;
    if (next_module_fails)
        return LDR_NO_MEMORY;
    *(ldr_module_view(module) ? &modules : &hosts) += 1;
    return LDR_OK;
}

static void env_module_removed(void *state, ldr_module *module)
{
    (void)state;
    (void)module;
    modules--;
}

static void env_module_told(void *state, ldr_module *module)
{
    (void)state;
    (void)module;
}

/* Which TLS callback of the tests' images `rva` is: they lie 16 bytes apart from 0x1100 on. */
static int callback_number(uint64_t rva)
{
    return rva >= 0x1100 ? (int)((rva - 0x1100) / 16) : -1;
}

static void describe(const ldr_module *module, uint64_t rva, uint32_t reason, const void *reserved)
{
    static const char marks[] = {'-', '+', '>', '<'};
    char event[96], stem[64];
    snprintf(stem, sizeof(stem), "%s", ldr_module_name(module));
    stem[strcspn(stem, ".")] = '\0';
    if (callback_number(rva) >= 0)
        snprintf(event, sizeof(event), "%s.%d%c", stem, callback_number(rva), marks[reason]);
    else
        snprintf(event, sizeof(event), "%s%c%s", stem, marks[reason], reserved ? "!" : "");
    record(event);
}

static bool env_call_entry(void *state, void *function, void *base, uint32_t reason, void *reserved,
                           uint32_t *ret_result, uint32_t *ret_exception)
{
    (void)state;
    ldr_module *module = ldr__module_from_base(context, base), *other;
    cr_assert_not_null(module);
    describe(module, (uint64_t)((uint8_t *)function - (uint8_t *)base), reason, reserved);
    const char *name = ldr_module_name(module);
    bool attach = reason == LDR__PROCESS_ATTACH;
    if (attach && strcmp(name, loads_from) == 0)
        ldr__guest_load(context, loads_what, 0, &other, NULL);
    if (call_hook)
        call_hook(module, reason);
    *ret_exception = 0xE0000001;
    *ret_result = !(attach && strcmp(name, fails) == 0);
    return !(attach && strcmp(name, raises) == 0);
}

static ldr_status env_run(void *state, ldr_module *module, void *entry, int argc,
                          const char *const *argv, uint32_t *ret_exit_code, ldr_diag *diag)
{
    (void)state;
    (void)module;
    (void)entry;
    (void)argv;
    (void)diag;
    *ret_exit_code = (uint32_t)argc;
    return LDR_OK;
}

/* Stands for a function of the host, which is as long as that. */
static const uint8_t host_function[16];

static const void *env_function_at(void *state, const void *address)
{
    (void)state;
    uintptr_t offset = (uintptr_t)address - (uintptr_t)host_function;
    return offset < sizeof host_function ? host_function : NULL;
}

static const void *env_exception_address(void *state)
{
    (void)state;
    return NULL;
}

static void env_load_failed(void *state, uint32_t nt_status)
{
    (void)state;
    (void)nt_status;
}

static void *env_stub_create(void *state, ldr_module *importer, const ldr_missing_import *import,
                             const ldr_load_options *options)
{
    (void)state;
    (void)importer;
    (void)import;
    (void)options;
    stubs++;
    return log_text;
}

/* All of them: the tests' importers with stubs come one at a time. */
static void env_stubs_release(void *state, ldr_module *importer)
{
    (void)state;
    (void)importer;
    stubs = 0;
}

/* ---- The system's loader ---- */

static fake_system_dll *system_dlls;
static size_t system_dll_count;

void fake_system(fake_system_dll *dlls, size_t count)
{
    system_dlls = dlls;
    system_dll_count = count;
}

static ldr_status env_system_find(const char *name, ldr__system_place place, bool loads,
                                  ldr__system_dll *ret_dll)
{
    fake_system_dll *dll = system_dlls, *end = system_dlls + system_dll_count;
    while (dll != end && (dll->place != place || !ldr__same_name(dll->name, name)))
        dll++;
    if (dll == end)
        return LDR_FILE_NOT_FOUND;
    bool is_loaded = loads || place == LDR__SYSTEM_LOADED;
    char *path = ldr__text_copy(dll->path);
    if (path == NULL)
        return LDR_NO_MEMORY;
    dll->references += is_loaded;
    *ret_dll = (ldr__system_dll){.handle = is_loaded ? dll->image : NULL,
                                 .size = sizeof(dll->image),
                                 .path = path,
                                 .is_own = dll->is_own};
    return LDR_OK;
}

static void env_system_release(void *handle)
{
    for (size_t i = 0; i < system_dll_count; i++)
        system_dlls[i].references -= system_dlls[i].image == handle;
}

static const void *env_system_symbol(void *handle, pe_span name, uint32_t ordinal)
{
    bool is_it = ordinal == 7 || (name.size == 2 && memcmp(name.data, "fn", 2) == 0);
    return is_it ? (const uint8_t *)handle + 8 : NULL;
}

const ldr__environment ldr__default_environment = {
    .create = env_create,
    .destroy = env_destroy,
    .busy = env_busy,
    .host_path = env_host_path,
    .thread_enter = env_thread_enter,
    .thread_leave = env_thread_leave,
    .tls_add = env_tls_add,
    .tls_remove = env_tls_remove,
    .module_added = env_module_added,
    .module_removed = env_module_removed,
    .module_begins = env_module_told,
    .module_ended = env_module_told,
    .module_counted = env_module_told,
    .call_entry = env_call_entry,
    .run = env_run,
    .exception_address = env_exception_address,
    .function_at = env_function_at,
    .load_failed = env_load_failed,
    .stub_create = env_stub_create,
    .stubs_release = env_stubs_release,
    .system_find = env_system_find,
    .system_release = env_system_release,
    .system_symbol = env_system_symbol,
};

/* ---- Folders of DLLs ---- */

static char folder[64];

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *folder_make(void)
{
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/peload-test-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        atexit(remove_folder);
    }
    return folder;
}

const char *folder_path(const char *name)
{
    static char paths[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", folder_make(), name);
    return paths[turn];
}

void folder_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(folder_path(name), "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

void folder_image(const char *name, img_builder *builder)
{
    char file[128];
    snprintf(file, sizeof(file), "%s%s", name, strchr(name, '.') ? "" : ".dll");
    img_image image = img_finish(builder);
    folder_write(file, image.bytes, image.size);
    img_free(&image);
}

void folder_dll(const char *name, const char *needs)
{
    img_builder builder;
    char list[512];
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    uint32_t data = img_add_section(&builder, ".data", IMG_RW, NULL, 0x200, 0x1000);
    img_put_pointer(&builder, data, data);
    img_add_export(&builder, "fn", 1, builder.entry_point);
    img_add_export(&builder, "data", 2, data);
    snprintf(list, sizeof(list), "%s", needs);
    char *rest = list;
    for (char *dll; (dll = strtok_r(rest, " ", &rest));)
        img_add_import(&builder, dll, "fn");
    folder_image(name, &builder);
}

ldr_context *fake_context(void)
{
    static const ldr_export exports[] = {{"host_fn", host_function, 7, 0}};
    const char *folders[] = {folder_make()};
    ldr_context_options options = {
        .size = sizeof(options), .search_folders = folders, .search_folder_count = 1};
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    cr_assert_eq(ldr_host_module_add(ctx, "host.exe", exports, 1), LDR_OK);
    /* Makes its index now, and not in a load that a test watches for what it holds. */
    cr_assert_not_null(ldr_symbol(ldr_module_find(ctx, "host.exe"), "host_fn"));
    return ctx;
}

ldr_context *fake_current(void)
{
    return context;
}

ldr_module *folder_load(ldr_context *ctx, const char *name)
{
    ldr_diag diag;
    char text[512];
    ldr_module *module;
    ldr_status status = ldr_load(ctx, folder_path(name), NULL, &module, &diag);
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof(text)));
    return module;
}

void expect_held(faulty_os_held before, unsigned call)
{
    faulty_os_held after = faulty_os_holds();
    const char *failed = faulty_os_failed();
    cr_assert_eq(after.blocks, before.blocks, "call %u (%s) leaks memory", call, failed);
    cr_assert_eq(after.handles, before.handles, "call %u (%s) leaks a handle", call, failed);
    cr_assert_eq(after.bytes, before.bytes, "call %u (%s) leaks mappings", call, failed);
}
