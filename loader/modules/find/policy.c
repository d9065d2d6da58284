/* policy.c: in which order places are looked in, and what the embedder and the guest say of them.
 */
#include <string.h>

#include "modules/module.h"

/* ---- Policies ---- */

static const ldr_place plugin[] = {
    LDR_PLACE_API_SETS, LDR_PLACE_HOST,     LDR_PLACE_LOADED,      LDR_PLACE_BUNDLE,
    LDR_PLACE_KNOWN,    LDR_PLACE_IMPORTER, LDR_PLACE_APPLICATION, LDR_PLACE_SET_FOLDER,
    LDR_PLACE_FOLDERS,  LDR_PLACE_SYSTEM,   LDR_PLACE_WINDOWS,
};

static const ldr_place windows[] = {
    LDR_PLACE_API_SETS, LDR_PLACE_HOST,        LDR_PLACE_LOADED,     LDR_PLACE_BUNDLE,
    LDR_PLACE_KNOWN,    LDR_PLACE_APPLICATION, LDR_PLACE_SET_FOLDER, LDR_PLACE_FOLDERS,
    LDR_PLACE_SYSTEM,   LDR_PLACE_WINDOWS,     LDR_PLACE_CURRENT,    LDR_PLACE_PATH,
};

static const ldr_place windows_unsafe[] = {
    LDR_PLACE_API_SETS, LDR_PLACE_HOST,        LDR_PLACE_LOADED,     LDR_PLACE_BUNDLE,
    LDR_PLACE_KNOWN,    LDR_PLACE_APPLICATION, LDR_PLACE_SET_FOLDER, LDR_PLACE_CURRENT,
    LDR_PLACE_FOLDERS,  LDR_PLACE_SYSTEM,      LDR_PLACE_WINDOWS,    LDR_PLACE_PATH,
};

static const ldr_place files[] = {
    LDR_PLACE_API_SETS, LDR_PLACE_LOADED,      LDR_PLACE_BUNDLE,     LDR_PLACE_KNOWN,
    LDR_PLACE_IMPORTER, LDR_PLACE_APPLICATION, LDR_PLACE_SET_FOLDER, LDR_PLACE_FOLDERS,
    LDR_PLACE_SYSTEM,   LDR_PLACE_WINDOWS,
};

#define POLICY(places)                             \
    {                                              \
        places, sizeof(places) / sizeof(places[0]) \
    }

static const struct {
    const ldr_place *places;
    size_t count;
} policies[] = {POLICY(plugin), POLICY(windows), POLICY(windows_unsafe), POLICY(files)};

const ldr_place *ldr_policy_places(ldr_policy policy, size_t *ret_count)
{
    bool known = (size_t)policy < sizeof(policies) / sizeof(policies[0]);
    *ret_count = known ? policies[policy].count : 0;
    return known ? policies[policy].places : NULL;
}

const char *ldr_place_name(ldr_place place)
{
    static const char *const names[] = {
        NULL,       "api_sets",    "host",        "loaded",     "bundle",  "known",
        "importer", "application", "load_folder", "set_folder", "folders", "added",
        "system",   "windows",     "current",     "path",
    };
    return (size_t)place < sizeof(names) / sizeof(names[0]) ? names[place] : NULL;
}

/* ---- What the embedder says ---- */

static ldr_status copy_texts(ldr__texts *texts, const char *const *items, size_t count)
{
    if (count == 0)
        return LDR_OK;
    if (count > SIZE_MAX / sizeof(char *))
        return LDR_NO_MEMORY;
    texts->items = ldr__os_alloc(count * sizeof(char *));
    if (!texts->items)
        return LDR_NO_MEMORY;
    for (; texts->count < count; texts->count++) {
        texts->items[texts->count] = ldr__text_copy(items[texts->count]);
        if (!texts->items[texts->count])
            return LDR_NO_MEMORY;
    }
    return LDR_OK;
}

static ldr_status copy_text(const char *text, char **ret_copy)
{
    if (text)
        *ret_copy = ldr__text_copy(text);
    return !text || *ret_copy ? LDR_OK : LDR_NO_MEMORY;
}

static ldr_status copy_places(ldr__search *search, const ldr_context_options *options)
{
    size_t count = options->place_count;
    const ldr_place *places = options->places;
    if (!places)
        places = ldr_policy_places(options->policy, &count);
    if (!places || count > SIZE_MAX / sizeof(*places))
        return LDR_INVALID_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        if (!ldr_place_name(places[i]))
            return LDR_INVALID_ARGUMENT;
    }
    search->places = ldr__os_alloc(count * sizeof(*places) + 1);
    if (!search->places)
        return LDR_NO_MEMORY;
    memcpy(search->places, places, count * sizeof(*places));
    search->place_count = count;
    return LDR_OK;
}

ldr_status ldr__search_create(ldr__search *search, const ldr_context_options *options)
{
    search->bundle = options->bundle;
    search->bundle_user = options->bundle_user;
    ldr_status status = copy_places(search, options);
    if (status == LDR_OK)
        status =
            copy_texts(&search->folders, options->search_folders, options->search_folder_count);
    if (status == LDR_OK)
        status = copy_texts(&search->known, options->known_dlls, options->known_dll_count);
    if (status == LDR_OK)
        status = copy_text(options->system_folder, &search->system);
    if (status == LDR_OK)
        status = copy_text(options->windows_folder, &search->windows);
    return status;
}

static void free_texts(ldr__texts *texts)
{
    while (texts->count > 0)
        ldr__os_free(texts->items[--texts->count]);
    ldr__os_free(texts->items);
}

void ldr__search_destroy(ldr__search *search)
{
    while (search->added) {
        ldr__added_folder *next = search->added->next;
        ldr__os_free(search->added->path);
        ldr__os_free(search->added);
        search->added = next;
    }
    free_texts(&search->folders);
    free_texts(&search->known);
    ldr__os_free(search->places);
    ldr__os_free(search->system);
    ldr__os_free(search->windows);
    ldr__os_free(search->set_folder);
}

/* ---- What the guest says ---- */

enum {
    FOLDER_FLAGS = LDR_SEARCH_LOAD_FOLDER | LDR_SEARCH_APPLICATION | LDR_SEARCH_USER |
                   LDR_SEARCH_SYSTEM | LDR_SEARCH_DEFAULT,
    DEFAULT_FLAGS = LDR_SEARCH_APPLICATION | LDR_SEARCH_USER | LDR_SEARCH_SYSTEM,
};

uint32_t ldr__search_spell_out(uint32_t flags)
{
    flags &= FOLDER_FLAGS;
    return flags & LDR_SEARCH_DEFAULT ? flags | DEFAULT_FLAGS : flags;
}

ldr_status ldr__search_flags(const ldr__search *search, uint32_t flags, const char *name,
                             uint32_t *ret_flags)
{
    bool altered = flags & LDR_SEARCH_ALTERED;
    if ((flags & ~(uint32_t)(FOLDER_FLAGS | LDR_SEARCH_ALTERED)) != 0 ||
        (altered && flags & FOLDER_FLAGS))
        return LDR_INVALID_ARGUMENT;
    if (altered && search->default_flags != 0)
        flags = search->default_flags | LDR_SEARCH_LOAD_FOLDER;
    else if (!(flags & FOLDER_FLAGS))
        flags |= search->default_flags;
    if (flags & LDR_SEARCH_LOAD_FOLDER && ldr__path_root_length(name) == 0)
        return LDR_INVALID_ARGUMENT;
    *ret_flags = flags & LDR_SEARCH_ALTERED ? flags : ldr__search_spell_out(flags);
    return LDR_OK;
}

ldr_status ldr__guest_set_default_flags(ldr_context *ctx, uint32_t flags)
{
    const uint32_t allowed = FOLDER_FLAGS & ~(uint32_t)LDR_SEARCH_LOAD_FOLDER;
    if (flags == 0 || (flags & ~allowed) != 0)
        return LDR_INVALID_ARGUMENT;
    ldr__loader_lock(ctx);
    ctx->search.default_flags = flags;
    ldr__loader_unlock(ctx);
    return LDR_OK;
}

ldr_status ldr__guest_set_folder(ldr_context *ctx, const char *folder)
{
    char *copy = NULL;
    if (copy_text(folder, &copy) != LDR_OK)
        return LDR_NO_MEMORY;
    ldr__loader_lock(ctx);
    ldr__os_free(ctx->search.set_folder);
    ctx->search.set_folder = copy;
    ldr__loader_unlock(ctx);
    return LDR_OK;
}

ldr_status ldr__guest_folder(ldr_context *ctx, char **ret_folder)
{
    ldr__loader_lock(ctx);
    const char *folder = ctx->search.set_folder;
    char *copy = ldr__text_copy(folder ? folder : "");
    ldr__loader_unlock(ctx);
    if (!copy)
        return LDR_NO_MEMORY;
    *ret_folder = copy;
    return LDR_OK;
}

ldr_status ldr__guest_add_folder(ldr_context *ctx, const char *folder, void **ret_cookie)
{
    ldr__added_folder *added = ldr__os_alloc(sizeof(*added));
    if (!added)
        return LDR_NO_MEMORY;
    added->path = ldr__text_copy(folder);
    if (!added->path) {
        ldr__os_free(added);
        return LDR_NO_MEMORY;
    }
    ldr__loader_lock(ctx);
    added->next = ctx->search.added;
    ctx->search.added = added;
    ldr__loader_unlock(ctx);
    *ret_cookie = added;
    return LDR_OK;
}

bool ldr__guest_remove_folder(ldr_context *ctx, const void *cookie)
{
    ldr__loader_lock(ctx);
    ldr__added_folder **link = &ctx->search.added, *found;
    while (*link && *link != cookie)
        link = &(*link)->next;
    found = *link;
    if (found)
        *link = found->next;
    ldr__loader_unlock(ctx);
    if (!found)
        return false;
    ldr__os_free(found->path);
    ldr__os_free(found);
    return true;
}

const char *ldr__context_system_folder(const ldr_context *ctx)
{
    return ctx->search.system;
}

const char *ldr__context_windows_folder(const ldr_context *ctx)
{
    return ctx->search.windows;
}
