#include <string.h>

#include "modules/apiset.h"
#include "modules/module.h"
#include "section/diag.h"

/*
 * The file name that a DLL name stands for: ".dll" when it has no extension (rule E41), without a
 * trailing dot (rule E42). Allocated; NULL when out of memory.
 */
static char *file_name(const char *name)
{
    size_t length = strlen(name);
    bool dot = strchr(name, '.') != NULL;
    while (length > 0 && name[length - 1] == '.')
        length--;
    char *out = ldr__os_alloc(length + sizeof(".dll"));
    if (!out)
        return NULL;
    memcpy(out, name, length);
    if (!dot)
        memcpy(out + length, ".dll", sizeof(".dll"));
    return out;
}

/* Only a bare name may come from an image: a path would lead out of the search folders. */
static bool is_bare(const char *name)
{
    return name[0] != '\0' && strpbrk(name, "/\\:") == NULL;
}

static ldr_status find_in_folder(ldr_context *ctx, const char *folder, const char *name,
                                 ldr_module **ret_module, ldr_diag *diag)
{
    char *path = NULL;
    ldr_status status = ldr__os_folder_find(folder, name, &path);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    status = ldr__map_file(ctx, path, 0, ret_module, diag);
    ldr__os_free(path);
    return status;
}

/* LDR_FILE_NOT_FOUND also for an importer that has no folder of its own. */
static ldr_status find_beside(ldr_context *ctx, const ldr_module *importer, const char *name,
                              ldr_module **ret_module, ldr_diag *diag)
{
    if (!importer || !strchr(importer->path, '/'))
        return LDR_FILE_NOT_FOUND;
    size_t length = (size_t)(ldr__base_name(importer->path) - importer->path);
    char *folder = ldr__span_copy((pe_span){(const uint8_t *)importer->path, length});
    if (!folder)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, name);
    ldr_status status = find_in_folder(ctx, folder, name, ret_module, diag);
    ldr__os_free(folder);
    return status;
}

static ldr_status find_file(ldr_context *ctx, const ldr_module *importer, const char *name,
                            ldr_module **ret_module, ldr_diag *diag)
{
    ldr_status status = find_beside(ctx, importer, name, ret_module, diag);
    if (status == LDR_FILE_NOT_FOUND && ctx->main && ctx->main != importer)
        status = find_beside(ctx, ctx->main, name, ret_module, diag);
    for (size_t i = 0; i < ctx->folder_count && status == LDR_FILE_NOT_FOUND; i++)
        status = find_in_folder(ctx, ctx->folders[i], name, ret_module, diag);
    return status;
}

static ldr_status find_named(ldr_context *ctx, const ldr_module *importer, const char *name,
                             ldr_module **ret_module, ldr_diag *diag)
{
    const char *contract_host = ldr__apiset_host(name);
    ldr_module *loaded = ldr__module_by_name(ctx, contract_host ? contract_host : name);
    if (!loaded)
        return find_file(ctx, importer, name, ret_module, diag);
    *ret_module = loaded;
    return LDR_OK;
}

ldr_status ldr__find_dll(ldr_context *ctx, const ldr_module *importer, const char *name,
                         ldr_module **ret_module, ldr_diag *diag)
{
    if (!is_bare(name))
        return ldr__fail(diag, LDR_DLL_NOT_FOUND, PE_NT_DLL_NOT_FOUND, name);
    char *file = file_name(name);
    if (!file)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, name);
    ldr_status status = find_named(ctx, importer, file, ret_module, diag);
    ldr__os_free(file);
    if (status == LDR_FILE_NOT_FOUND)
        return ldr__fail(diag, LDR_DLL_NOT_FOUND, PE_NT_DLL_NOT_FOUND, name);
    return status;
}
