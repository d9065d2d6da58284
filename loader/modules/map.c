#include "modules/debug/debug.h"
#include "modules/module.h"
#include "modules/trace.h"
#include "section/diag.h"
#include "section/object.h"

/* Only x86-64 code can run here; other images are for section.h. */
static ldr_status check_machine(ldr_section *section, const char *path, ldr_diag *diag)
{
    const pe_image *image = ldr_section_image(section);
    if (image->file.machine == PE_MACHINE_AMD64)
        return LDR_OK;
    pe_diag why = {.nt_status = PE_NT_INVALID_IMAGE_FORMAT,
                   .rule = "A18",
                   .offset = image->file.offset.value + 4,
                   .value = image->file.machine,
                   .allowed = PE_MACHINE_AMD64,
                   .detail = "only x86-64 images can be loaded"};
    return ldr__fail_why(diag, LDR_WRONG_MACHINE, &why, path);
}

/* Maps and relocates: a view whose directories can be read. */
static ldr_status make_view(ldr_section *section, const char *path, uint64_t base,
                            ldr_view **ret_view, ldr_diag *diag)
{
    ldr_view_options options = {.size = sizeof(options), .base = base};
    ldr_view *view = NULL;
    ldr_status status = check_machine(section, path, diag);
    if (status == LDR_OK)
        status = ldr_view_map(section, &options, &view, diag);
    if (status == LDR_OK)
        status = ldr_view_relocate(view, diag);
    if (status == LDR_OK)
        *ret_view = view;
    else
        ldr_view_unmap(view);
    return status;
}

/* DependentLoadFlags of the load configuration. */
static uint32_t dependent_flags(const pe_image *image)
{
    pe_load_config config;
    uint64_t flags = 0;
    if (pe_load_config_open(image, &config) != PE_OK ||
        pe_load_config_value(&config, PE_LC_DEPENDENT_LOAD_FLAGS, &flags) != PE_OK)
        return 0;
    return ldr__search_spell_out((uint32_t)flags);
}

/* TLS, exports and the load configuration: what must be there, and what may. */
static ldr_status read_directories(ldr_module *module, const char *path, ldr_diag *diag)
{
    ldr__os_guard_begin();
    ldr_status status = ldr__tls_read(module->view, path, &module->tls, diag);
    ldr__exports_open(ldr_view_image(module->view), &module->exports);
    module->dependent_flags = dependent_flags(ldr_view_image(module->view));
    bool is_cut = ldr__os_guard_end();
    return is_cut ? ldr__fail(diag, LDR_IO_ERROR, ldr__nt_status_of(LDR_IO_ERROR), path) : status;
}

/* Makes the module of a section, which stays the caller's. */
static ldr_status make_module(ldr_context *ctx, ldr_section *section, const char *path,
                              uint64_t base, ldr_module **ret_module, ldr_diag *diag)
{
    ldr_module *module;
    ldr_status status = ldr__module_create(ctx, ldr__base_name(path), path, &module);
    if (status != LDR_OK)
        return ldr__fail(diag, status, PE_NT_NO_MEMORY, path);
    status = make_view(section, path, base, &module->view, diag);
    if (status == LDR_OK)
        status = read_directories(module, path, diag);
    if (status == LDR_OK && ldr__module_list(module, section->has_id ? &section->id : NULL))
        status = ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, path);
    if (status != LDR_OK) {
        ldr__module_destroy(module);
        return status;
    }
    ldr__trace_load(module, ctx->asker);
    ldr__debug_load(module);
    *ret_module = module;
    return LDR_OK;
}

ldr_status ldr__map_file(ldr_context *ctx, const char *path, uint64_t base, ldr_module **ret_module,
                         ldr_diag *diag)
{
    ldr_section *section = NULL;
    char *absolute = NULL;
    ldr_status status = ldr_section_from_file(path, &ctx->section, &section, diag);
    if (status != LDR_OK)
        return status;
    ldr_module *loaded = section->has_id ? ldr__index_with_id(&ctx->index, section->id) : NULL;
    if (loaded) {
        *ret_module = loaded;
    } else {
        status = ldr__os_path_absolute(path, &absolute);
        if (status != LDR_OK)
            ldr__fail(diag, status, PE_NT_NO_SUCH_FILE, path);
        else
            status = make_module(ctx, section, absolute, base, ret_module, diag);
    }
    ldr__os_free(absolute);
    ldr_section_close(section);
    return status;
}

ldr_status ldr__map_memory(ldr_context *ctx, const char *name, const void *bytes, size_t size,
                           uint64_t base, ldr_module **ret_module, ldr_diag *diag)
{
    ldr_section *section = NULL;
    ldr_status status = ldr_section_from_memory(name, bytes, size, &ctx->section, &section, diag);
    if (status == LDR_OK)
        status = make_module(ctx, section, name, base, ret_module, diag);
    ldr_section_close(section);
    return status;
}
