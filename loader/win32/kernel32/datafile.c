/* datafile.c: files that LoadLibraryEx maps without making modules of them. */
#include <stdlib.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/module.h"

typedef struct ldr__data_file {
    struct ldr__data_file *next;
    ldr_view *view;
    void *handle;
} data_file;

enum { BIT_DATA = 1, BIT_IMAGE = 2 };

static void free_one(data_file *one)
{
    ldr_view_unmap(one->view);
    free(one);
}

void ldr__data_files_destroy(ldr__process *process)
{
    while (process->data_files != NULL) {
        data_file *next = process->data_files->next;
        free_one(process->data_files);
        process->data_files = next;
    }
}

/* The section may be closed: a view keeps what it needs. */
static ldr_status map_as_data(const char *path, DWORD flags, ldr_view **ret_view, ldr_diag *diag)
{
    uint32_t others = flags & LDR__AS_DATAFILE_EXCLUSIVE ? 0 : LDR_SHARE_WRITE;
    ldr_file_options how = {.size = sizeof how,
                            .access = LDR_FILE_READ,
                            .share = LDR_SHARE_READ | LDR_SHARE_DELETE | others,
                            .disposition = LDR_OPEN_EXISTING};
    ldr_view_options options = {.size = sizeof options};
    ldr_file *file = NULL;
    ldr_section *section = NULL;
    ldr_status status = ldr_file_open(path, &how, &file, NULL, diag);
    ldr_create_options create = {.size = sizeof create, .file = file, .protect = LDR_PAGE_READONLY};
    if (status == LDR_OK)
        status = ldr_section_create(&create, &section, NULL, diag);
    if (status == LDR_OK)
        status = ldr_view_map(section, &options, ret_view, diag);
    ldr_section_close(section);
    ldr_file_close(file);
    return status;
}

static ldr_status map_as_image(const char *path, ldr_view **ret_view, ldr_diag *diag)
{
    ldr_view_options options = {.size = sizeof options};
    ldr_section *section = NULL;
    ldr_status status = ldr_section_from_file(path, NULL, &section, diag);
    if (status == LDR_OK)
        status = ldr_view_map(section, &options, ret_view, diag);
    ldr_section_close(section);
    return status;
}

static void *fail(ldr_status status, uint32_t nt_status)
{
    ldr__set_last_error(status == LDR_NO_MEMORY ? ERROR_NOT_ENOUGH_MEMORY
                                                : ldr__error_from_nt_status(nt_status));
    return NULL;
}

static void *add_view(ldr__process *process, ldr_view *view, uintptr_t bits)
{
    data_file *one = calloc(1, sizeof *one);
    if (one == NULL) {
        ldr_view_unmap(view);
        return fail(LDR_NO_MEMORY, 0);
    }
    one->view = view;
    one->handle = (void *)((uintptr_t)ldr_view_base(view) | bits);
    pthread_mutex_lock(&process->lock);
    one->next = process->data_files;
    process->data_files = one;
    pthread_mutex_unlock(&process->lock);
    return one->handle;
}

static void *map_file(const char *path, DWORD flags)
{
    ldr_view *view = NULL;
    ldr_diag diag = {0};
    bool as_image = flags & LDR__AS_IMAGE_RESOURCE;
    ldr_status status =
        as_image ? map_as_image(path, &view, &diag) : map_as_data(path, flags, &view, &diag);
    if (status != LDR_OK)
        return fail(status, diag.why.nt_status);
    return add_view(ldr__process_self(), view, as_image ? BIT_IMAGE : BIT_DATA);
}

static void *module_handle(ldr_context *ctx, ldr_module *module)
{
    void *base = ldr_module_base(module);
    if (ldr__guest_find_at(ctx, base, true, LDR__KEEP_REFERENCE) == NULL)
        return fail(LDR_DLL_NOT_FOUND, PE_NT_DLL_NOT_FOUND);
    return base;
}

static void *handle_of(ldr_context *ctx, const ldr_found *found, DWORD flags)
{
    ldr_module *loaded = found->module;
    if (loaded == NULL && found->path == NULL) {
        ldr__set_last_error(ERROR_NOT_SUPPORTED); /* in a bundle */
        return NULL;
    }
    if (loaded == NULL)
        loaded = ldr_module_find(ctx, found->path);
    return loaded != NULL ? module_handle(ctx, loaded) : map_file(found->path, flags);
}

void *ldr__data_file_load(const char *name, DWORD flags)
{
    ldr_context *ctx = ldr__process_self()->ctx;
    ldr_found found;
    ldr_diag diag = {0};
    ldr_status status = ldr__guest_find(ctx, name, &found, &diag);
    if (status == LDR_DLL_NOT_FOUND) {
        ldr__set_last_error(ERROR_FILE_NOT_FOUND);
        return NULL;
    }
    if (status != LDR_OK)
        return fail(status, diag.why.nt_status);
    void *handle = handle_of(ctx, &found, flags);
    ldr_found_release(&found);
    return handle;
}

static ldr_view *view_of(ldr__process *process, const void *handle)
{
    pthread_mutex_lock(&process->lock);
    const data_file *one = process->data_files;
    while (one != NULL && one->handle != handle)
        one = one->next;
    ldr_view *view = one != NULL ? one->view : NULL;
    pthread_mutex_unlock(&process->lock);
    return view;
}

const pe_image *ldr__data_file_image(const void *handle, pe_image *ret_own)
{
    ldr_view *view = view_of(ldr__process_self(), handle);
    if (view == NULL)
        return ldr__set_last_error(ERROR_MOD_NOT_FOUND), NULL;
    if (((uintptr_t)handle & BIT_IMAGE) != 0)
        return ldr_view_image(view);
    pe_span bytes = {ldr_view_base(view), ldr_view_size(view)};
    if (pe_open(bytes, PE_LAYOUT_FILE, ret_own, NULL) == PE_OK)
        return ret_own;
    ldr__set_last_error(ERROR_BAD_EXE_FORMAT);
    return NULL;
}

bool ldr__data_file_free(void *handle)
{
    ldr__process *process = ldr__process_self();
    pthread_mutex_lock(&process->lock);
    data_file **at = &process->data_files;
    while (*at != NULL && (*at)->handle != handle)
        at = &(*at)->next;
    data_file *one = *at;
    if (one != NULL)
        *at = one->next;
    pthread_mutex_unlock(&process->lock);
    if (one != NULL)
        free_one(one);
    return one != NULL;
}
