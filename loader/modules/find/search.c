/* search.c: the places of a policy, one after the other, until one has the DLL. */
#include <string.h>

#include "modules/find/apiset.h"
#include "modules/module.h"
#include "section/diag.h"

/* One search under way. */
typedef struct search {
    ldr_context *ctx;
    const ldr__lookup *lookup;
    const char *name; /* the file's name, or a relative path with '/' */
    bool is_path;
    ldr_found *found;
    ldr_place place; /* the one that is being looked in */
} search;

/* A guest's path as a host path; a bare name as it is. Allocated, with room for an extension. */
static ldr_status host_name(ldr_context *ctx, const char *name, char **ret_name)
{
    char *host = NULL;
    ldr_status status = LDR_OK;
    if (strchr(name, '\\') || (name[0] != '\0' && name[1] == ':'))
        status = ldr__default_environment.host_path(ctx->environment, name, &host);
    if (status != LDR_OK)
        return status;
    const char *from = host ? host : name;
    size_t length = strlen(from);
    char *copy = ldr__os_alloc(length + sizeof(".dll"));
    if (copy)
        memcpy(copy, from, length);
    ldr__os_free(host);
    *ret_name = copy;
    return copy ? LDR_OK : LDR_NO_MEMORY;
}

/* ---- Places by name ---- */

static bool found_module(search *self, ldr_module *module)
{
    if (!module)
        return false;
    self->found->module = module;
    self->found->place = self->place;
    return true;
}

static ldr_module *first_named(const search *self, const char *name,
                               bool (*fits)(const ldr_module *module))
{
    const ldr__index *index = &self->ctx->index;
    ldr_module *module = ldr__index_named(index, name, NULL);
    while (module && !fits(module))
        module = ldr__index_named(index, name, module);
    return module;
}

static bool is_host(const ldr_module *module)
{
    return module->host != NULL;
}

static bool is_image(const ldr_module *module)
{
    return module->host == NULL;
}

static bool is_bundled(const ldr_module *module)
{
    return module->is_bundled;
}

/* Where the system's own loader has the DLL. */
static ldr_status look_in_system(search *self, const char *name, ldr__system_place place)
{
    ldr_module *module = NULL;
    char *path = NULL;
    ldr_status status =
        ldr__system_module(self->ctx, name, place, self->lookup->loads, &module, &path);
    if (status != LDR_OK)
        return status;
    self->found->module = module;
    self->found->path = path;
    self->found->place = self->place;
    return LDR_OK;
}

/* `asked` is what was asked for: the name itself, or a contract. */
static ldr_status look_in_tables(search *self, const char *asked, const char *name)
{
    const char *stand_in = ldr__apiset_stand_in(asked, name);
    ldr_module *module = first_named(self, name, is_host);
    if (!module && stand_in)
        module = first_named(self, stand_in, is_host);
    return found_module(self, module) ? LDR_OK : LDR_FILE_NOT_FOUND;
}

/* The system is not asked for what the context has an image of, which takes it long to deny. */
static ldr_status look_in_host(search *self, const char *asked, const char *name)
{
    ldr_status status = LDR_FILE_NOT_FOUND;
    if (found_module(self, first_named(self, name, is_host)))
        return LDR_OK;
    if (first_named(self, name, is_image))
        return look_in_tables(self, asked, name);
    status = look_in_system(self, name, LDR__SYSTEM_LOADED);
    if (status == LDR_FILE_NOT_FOUND)
        status = look_in_system(self, name, LDR__SYSTEM_KNOWN);
    return status == LDR_FILE_NOT_FOUND ? look_in_tables(self, asked, name) : status;
}

static ldr_status look_in_loaded(search *self, const char *name)
{
    return found_module(self, first_named(self, name, is_image)) ? LDR_OK : LDR_FILE_NOT_FOUND;
}

static ldr_status look_in_bundle(search *self, const char *name)
{
    const ldr__search *known = &self->ctx->search;
    ldr_bundle_file file = {0};
    if (found_module(self, first_named(self, name, is_bundled)))
        return LDR_OK;
    if (!known->bundle || !known->bundle(known->bundle_user, name, &file))
        return LDR_FILE_NOT_FOUND;
    self->found->bundle = file;
    self->found->place = LDR_PLACE_BUNDLE;
    return LDR_OK;
}

/* ---- Places that are folders ---- */

static ldr_status look_in_folder(search *self, const char *folder, const char *name)
{
    char *path = NULL;
    if (!folder || folder[0] == '\0')
        return LDR_FILE_NOT_FOUND;
    ldr_status status = ldr__os_folder_find(folder, name, ldr__same_name, &path);
    if (status != LDR_OK)
        return status;
    self->found->path = path;
    self->found->place = self->place;
    return LDR_OK;
}

/* In a folder that the guest has named. */
static ldr_status look_in_guest_folder(search *self, const char *folder)
{
    char *host = NULL;
    if (!folder)
        return LDR_FILE_NOT_FOUND;
    ldr_status status = host_name(self->ctx, folder, &host);
    if (status != LDR_OK)
        return status;
    status = look_in_folder(self, host, self->name);
    ldr__os_free(host);
    return status;
}

/* In the folder of the file at `path`, if it has one. */
static ldr_status look_beside(search *self, const char *path)
{
    if (!path || !strchr(path, '/'))
        return LDR_FILE_NOT_FOUND;
    size_t length = (size_t)(ldr__base_name(path) - path);
    char *folder = ldr__span_copy((pe_span){(const uint8_t *)path, length});
    if (!folder)
        return LDR_NO_MEMORY;
    ldr_status status = look_in_folder(self, folder, self->name);
    ldr__os_free(folder);
    return status;
}

static ldr_status look_in_folders(search *self, const ldr__texts *folders, const char *name)
{
    ldr_status status = LDR_FILE_NOT_FOUND;
    for (size_t i = 0; i < folders->count && status == LDR_FILE_NOT_FOUND; i++)
        status = look_in_folder(self, folders->items[i], name);
    return status;
}

static ldr_status look_in_added(search *self)
{
    ldr_status status = LDR_FILE_NOT_FOUND;
    for (const ldr__added_folder *folder = self->ctx->search.added;
         folder && status == LDR_FILE_NOT_FOUND; folder = folder->next)
        status = look_in_folder(self, folder->path, self->name);
    return status;
}

/* One more folder of PATH; true ends the walk. */
typedef struct path_walk {
    search *self;
    ldr_status status;
} path_walk;

static bool look_in_path_folder(void *user, const char *folder)
{
    path_walk *walk = user;
    walk->status = look_in_folder(walk->self, folder, walk->self->name);
    return walk->status != LDR_FILE_NOT_FOUND;
}

static ldr_status look_in_path(search *self)
{
    path_walk walk = {.self = self, .status = LDR_FILE_NOT_FOUND};
    ldr_status status = LDR_OK;
    if (ldr__default_environment.path_folders)
        status = ldr__default_environment.path_folders(self->ctx->environment, look_in_path_folder,
                                                       &walk);
    return status == LDR_OK ? walk.status : status;
}

static ldr_status look_in_known(search *self)
{
    const ldr__search *known = &self->ctx->search;
    for (size_t i = 0; i < known->known.count; i++) {
        if (ldr__same_name(known->known.items[i], self->name))
            return look_in_folder(self, known->system, self->name);
    }
    return LDR_FILE_NOT_FOUND;
}

/* ---- API sets ---- */

/* Whoever can host a contract; folders that others than the embedder choose cannot. */
static ldr_status look_for_host(search *self, ldr_place place, const char *host)
{
    const ldr__search *known = &self->ctx->search;
    self->place = place;
    switch (place) {
    case LDR_PLACE_HOST:
        return look_in_host(self, self->name, host);
    case LDR_PLACE_LOADED:
        return look_in_loaded(self, host);
    case LDR_PLACE_BUNDLE:
        return look_in_bundle(self, host);
    case LDR_PLACE_SYSTEM:
        return look_in_folder(self, known->system, host);
    case LDR_PLACE_FOLDERS:
        return look_in_folders(self, &known->folders, host);
    default:
        return LDR_FILE_NOT_FOUND;
    }
}

/* The system's loader knows its own contracts best. */
static ldr_status look_for_contract(search *self)
{
    if (!ldr__apiset_is_contract(self->name))
        return LDR_FILE_NOT_FOUND;
    self->place = LDR_PLACE_HOST;
    ldr_status status = look_in_system(self, self->name, LDR__SYSTEM_KNOWN);
    if (status == LDR_OK && self->found->module)
        self->found->contract_host = self->found->module->name;
    else if (status == LDR_OK)
        self->found->contract_host = ldr__apiset_host(self->name);
    return status;
}

static ldr_status look_in_api_sets(search *self)
{
    const ldr__search *known = &self->ctx->search;
    const char *host = ldr__apiset_host(self->name);
    ldr_status status = look_for_contract(self);
    if (!host || status != LDR_FILE_NOT_FOUND)
        return status;
    for (size_t i = 0; i < known->place_count && status == LDR_FILE_NOT_FOUND; i++)
        status = look_for_host(self, known->places[i], host);
    self->found->contract_host = status == LDR_OK ? host : NULL;
    return status;
}

/* ---- The order ---- */

static bool goes_by_name(ldr_place place)
{
    return place <= LDR_PLACE_KNOWN;
}

static ldr_status look_by_name(search *self)
{
    if (self->is_path)
        return LDR_FILE_NOT_FOUND;
    switch (self->place) {
    case LDR_PLACE_API_SETS:
        return look_in_api_sets(self);
    case LDR_PLACE_HOST:
        return look_in_host(self, self->name, self->name);
    case LDR_PLACE_LOADED:
        return look_in_loaded(self, self->name);
    case LDR_PLACE_BUNDLE:
        return look_in_bundle(self, self->name);
    default:
        return look_in_known(self);
    }
}

/* Without a folder given, that of the system's loader. */
static ldr_status look_in_system_folder(search *self)
{
    const char *folder = self->ctx->search.system;
    if (folder || self->is_path)
        return look_in_folder(self, folder, self->name);
    return look_in_system(self, self->name, LDR__SYSTEM_FOLDER);
}

static ldr_status look_in_context_folder(search *self)
{
    const ldr__search *known = &self->ctx->search;
    switch (self->place) {
    case LDR_PLACE_SET_FOLDER:
        return look_in_guest_folder(self, known->set_folder);
    case LDR_PLACE_FOLDERS:
        return look_in_folders(self, &known->folders, self->name);
    case LDR_PLACE_ADDED:
        return look_in_added(self);
    case LDR_PLACE_SYSTEM:
        return look_in_system_folder(self);
    case LDR_PLACE_WINDOWS:
        return look_in_folder(self, known->windows, self->name);
    case LDR_PLACE_CURRENT:
        return known->set_folder ? LDR_FILE_NOT_FOUND : look_in_folder(self, ".", self->name);
    default:
        return look_in_path(self);
    }
}

static ldr_status look_in(search *self, ldr_place place)
{
    const ldr__lookup *lookup = self->lookup;
    bool altered = lookup->flags & LDR_SEARCH_ALTERED && lookup->loaded;
    self->place = place;
    if (goes_by_name(place))
        return look_by_name(self);
    switch (place) {
    case LDR_PLACE_IMPORTER:
        return look_beside(self, lookup->importer);
    case LDR_PLACE_APPLICATION:
        return look_beside(self, altered ? lookup->loaded : lookup->program);
    case LDR_PLACE_LOAD_FOLDER:
        return look_beside(self, lookup->loaded);
    default:
        return look_in_context_folder(self);
    }
}

/* The folders that LDR_SEARCH_* flags name, in their order. */
static ldr_status look_in_flagged(search *self)
{
    static const struct {
        uint32_t flag;
        ldr_place place;
    } flagged[] = {
        {LDR_SEARCH_LOAD_FOLDER, LDR_PLACE_LOAD_FOLDER},
        {LDR_SEARCH_APPLICATION, LDR_PLACE_APPLICATION},
        {LDR_SEARCH_USER, LDR_PLACE_FOLDERS},
        {LDR_SEARCH_USER, LDR_PLACE_ADDED},
        {LDR_SEARCH_USER, LDR_PLACE_SET_FOLDER},
        {LDR_SEARCH_SYSTEM, LDR_PLACE_SYSTEM},
    };
    ldr_status status = LDR_FILE_NOT_FOUND;
    for (size_t i = 0; i < sizeof(flagged) / sizeof(flagged[0]) && status == LDR_FILE_NOT_FOUND;
         i++) {
        if (self->lookup->flags & flagged[i].flag)
            status = look_in(self, flagged[i].place);
    }
    return status;
}

static ldr_status look_everywhere(search *self)
{
    const ldr__search *known = &self->ctx->search;
    bool flagged = (self->lookup->flags & ~(uint32_t)LDR_SEARCH_ALTERED) != 0;
    ldr_status status = LDR_FILE_NOT_FOUND;
    for (size_t i = 0; i < known->place_count && status == LDR_FILE_NOT_FOUND; i++) {
        if (!flagged || goes_by_name(known->places[i]))
            status = look_in(self, known->places[i]);
    }
    return flagged && status == LDR_FILE_NOT_FOUND ? look_in_flagged(self) : status;
}

/* ---- Names ---- */

/*
 * The file that a name stands for, in place: ".dll" when the last part has no extension (rule E41),
 * no dots or spaces at its end (rules E42, E43). There is room for the extension.
 */
static void complete_name(char *name)
{
    char *base = name + (ldr__base_name(name) - name);
    bool dot = strchr(base, '.') != NULL;
    size_t length = strlen(base);
    while (length > 0 && (base[length - 1] == '.' || base[length - 1] == ' '))
        length--;
    base[length] = '\0';
    if (!dot && length > 0)
        memcpy(base + length, ".dll", sizeof(".dll"));
}

ldr_status ldr__search_file_name(ldr_context *ctx, const char *name, char **ret_name)
{
    char *file = NULL;
    if (name[0] == '\0' || strlen(name) > LDR__NAME_MAX)
        return LDR_FILE_NOT_FOUND;
    ldr_status status = host_name(ctx, name, &file);
    if (status != LDR_OK)
        return status;
    complete_name(file);
    if (ldr__base_name(file)[0] == '\0') {
        ldr__os_free(file);
        return LDR_FILE_NOT_FOUND;
    }
    *ret_name = file;
    return LDR_OK;
}

/* An absolute path of the host, with a drive where there are any. */
static ldr_status look_at_path(search *self)
{
    size_t length = ldr__path_root_length(self->name);
    ldr_status status = look_in_system(self, self->name, LDR__SYSTEM_PATH);
    if (status != LDR_FILE_NOT_FOUND)
        return status;
    char *root = ldr__span_copy((pe_span){(const uint8_t *)self->name, length});
    if (!root)
        return LDR_NO_MEMORY;
    status = look_in_folder(self, root, self->name + length);
    ldr__os_free(root);
    return status;
}

static ldr_status find_file(search *self)
{
    if (ldr__path_root_length(self->name) != 0)
        return look_at_path(self);
    return look_everywhere(self);
}

ldr_status ldr__search_find(ldr_context *ctx, const ldr__lookup *lookup, const char *name,
                            ldr_found *ret_found, char **ret_file_name, ldr_diag *diag)
{
    ldr_found found = {0};
    char *file = NULL;
    ldr_status status = ldr__search_file_name(ctx, name, &file);
    if (status == LDR_OK) {
        search self = {.ctx = ctx, .lookup = lookup, .name = file, .found = &found};
        self.is_path = strchr(file, '/') != NULL;
        status = find_file(&self);
    }
    if (status == LDR_FILE_NOT_FOUND)
        status = ldr__fail(diag, LDR_DLL_NOT_FOUND, PE_NT_DLL_NOT_FOUND, name);
    else if (status != LDR_OK)
        ldr__fail(diag, status, ldr__nt_status_of(status), name);
    if (status != LDR_OK) {
        ldr__os_free(file);
        return status;
    }
    *ret_found = found;
    *ret_file_name = file;
    return LDR_OK;
}

/* In the places of the policy, as far as they hold nothing but modules. */
static void look_among_modules(search *self, const char *name)
{
    const ldr__search *known = &self->ctx->search;
    ldr_status status = LDR_FILE_NOT_FOUND;
    for (size_t i = 0; i < known->place_count && status == LDR_FILE_NOT_FOUND; i++) {
        self->place = known->places[i];
        if (self->place == LDR_PLACE_HOST)
            status = look_in_tables(self, self->name, name);
        else if (self->place == LDR_PLACE_LOADED)
            status = look_in_loaded(self, name);
        else if (self->place != LDR_PLACE_API_SETS)
            return;
    }
}

ldr_module *ldr__search_loaded(ldr_context *ctx, const char *name)
{
    const ldr__search *known = &ctx->search;
    ldr_found found = {0};
    char *file = NULL;
    if (strpbrk(name, "/\\:") || ldr__search_file_name(ctx, name, &file) != LDR_OK)
        return NULL;
    search self = {.ctx = ctx, .name = file, .found = &found};
    const char *host = ldr__apiset_host(file);
    bool sets_are_first = known->place_count != 0 && known->places[0] == LDR_PLACE_API_SETS;
    bool is_systems = ldr__apiset_is_contract(file) && ldr__system_serves(ctx);
    if (!is_systems && (!host || sets_are_first))
        look_among_modules(&self, host ? host : file);
    ldr__os_free(file);
    return found.module;
}
