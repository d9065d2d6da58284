/*
 * resource.c: the resources of modules, and of files that are loaded as data. A HRSRC is the
 * address of the resource's data entry in the image, and what LoadResource gives that of its bytes.
 * [MS-DOCS: libloaderapi.h, winbase.h], compared with Wine 8.0 (tests/wine/life/resources.c).
 *
 * What the guest hands over is read where it lies, as in all functions that take pointers.
 */
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/letters.h"
#include "win32/kernel32/module.h"

enum {
    ERROR_RESOURCE_DATA_NOT_FOUND = 1812,
    ERROR_RESOURCE_TYPE_NOT_FOUND = 1813,
    ERROR_RESOURCE_NAME_NOT_FOUND = 1814,
    ERROR_RESOURCE_LANG_NOT_FOUND = 1815,
    NUMBERS_END = 0x10000,
    PRIMARY = 0x3FF,         /* of a language: without its sublanguage */
    LANG_ENGLISH_US = 0x409, /* what all locales of the guest are */
    LANGUAGES_MAX = 5,
};

/* The image of a handle, NULL with the last error; `ret_own` is for one that is read for it. */
static const pe_image *image_of(void *handle, pe_image *ret_own)
{
    ldr_context *ctx = ldr__process_self()->ctx;
    ldr_module *module = handle != NULL ? ldr__module_from_base(ctx, handle) : NULL;
    if (((uintptr_t)handle & LDR__DATA_BITS) != 0)
        return ldr__data_file_image(handle, ret_own);
    if (handle == NULL)
        module = ldr__module_main(ctx);
    if (module == NULL) {
        ldr__set_last_error(ERROR_MOD_NOT_FOUND);
        return NULL;
    }
    const ldr_view *view = ldr_module_view(module);
    if (view == NULL)
        ldr__set_last_error(ERROR_RESOURCE_DATA_NOT_FOUND);
    return view != NULL ? ldr_view_image(view) : NULL;
}

/* ---- What is looked for ---- */

/* A type or a name: a number, or a text in upper case. */
typedef struct wanted {
    WCHAR *text; /* allocated, or NULL */
    size_t length;
    uint32_t number;
} wanted;

static bool number_from(const WCHAR *digits, wanted *ret_wanted)
{
    uint32_t number = 0;
    for (; *digits >= '0' && *digits <= '9' && number < NUMBERS_END; digits++)
        number = number * 10 + (*digits - '0');
    *ret_wanted = (wanted){.number = number};
    return number < NUMBERS_END ? true : ldr__win_error(ERROR_INVALID_PARAMETER);
}

/* "#123" is a number as well. False with the last error. */
static bool wanted_from(const WCHAR *text, wanted *ret_wanted)
{
    if ((uintptr_t)text < NUMBERS_END)
        return *ret_wanted = (wanted){.number = (uint32_t)(uintptr_t)text}, true;
    if (text[0] == '#')
        return number_from(text + 1, ret_wanted);
    size_t length = ldr__wcslen(text);
    WCHAR *copy = malloc((length + 1) * sizeof *copy);
    if (copy == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    for (size_t i = 0; i <= length; i++)
        copy[i] = ldr__to_upper(text[i]);
    *ret_wanted = (wanted){.text = copy, .length = length};
    return true;
}

static bool is_wanted(const pe_resource_id *id, const wanted *what)
{
    if (id->is_named != (what->text != NULL) || id->name_status != PE_OK)
        return false;
    if (!id->is_named)
        return id->number == what->number;
    if (id->name.length != what->length)
        return false;
    for (uint32_t i = 0; i < id->name.length; i++)
        if (pe_utf16_unit(&id->name, i) != what->text[i])
            return false;
    return true;
}

static bool find_entry(pe_resource_iter entries, const wanted *what, pe_resource_entry *ret_entry)
{
    while (pe_resource_next(&entries, ret_entry) == PE_OK)
        if (is_wanted(&ret_entry->id, what))
            return true;
    return false;
}

/* The names of a type. False with the last error. */
static bool names_of(const pe_image *image, const wanted *type, pe_resource_iter *ret_names)
{
    pe_resource_iter types;
    pe_resource_entry entry;
    pe_resources(image, &types);
    if (types.status != PE_OK)
        return ldr__win_error(ERROR_RESOURCE_DATA_NOT_FOUND);
    if (!find_entry(types, type, &entry))
        return ldr__win_error(ERROR_RESOURCE_TYPE_NOT_FOUND);
    pe_resource_children(image, &entry, ret_names);
    return true;
}

/* The languages of a name. False with the last error. */
static bool languages_of(const pe_image *image, const wanted *type, const wanted *name,
                         pe_resource_iter *ret_languages)
{
    pe_resource_iter names;
    pe_resource_entry entry;
    if (!names_of(image, type, &names))
        return false;
    if (!find_entry(names, name, &entry))
        return ldr__win_error(ERROR_RESOURCE_NAME_NOT_FOUND);
    pe_resource_children(image, &entry, ret_languages);
    return true;
}

/* ---- FindResource ---- */

/* The order in which languages are tried; how many. */
static size_t languages_to_try(uint16_t language, wanted *ret_tries)
{
    const uint32_t tries[LANGUAGES_MAX] = {language, language & PRIMARY, 0, LANG_ENGLISH_US,
                                           LANG_ENGLISH_US & PRIMARY};
    size_t count = (language & PRIMARY) == 0 ? LANGUAGES_MAX : LANGUAGES_MAX - 2;
    for (size_t i = 0; i < count; i++)
        ret_tries[i] = (wanted){.number = tries[i]};
    return count;
}

/* Who names no language gets any. */
static bool find_language(pe_resource_iter languages, uint16_t language,
                          pe_resource_entry *ret_entry)
{
    wanted tries[LANGUAGES_MAX];
    size_t count = languages_to_try(language, tries);
    for (size_t i = 0; i < count; i++)
        if (find_entry(languages, &tries[i], ret_entry))
            return true;
    return (language & PRIMARY) == 0 && pe_resource_next(&languages, ret_entry) == PE_OK;
}

/* The address of the data entry, NULL with the last error. */
static const void *find_leaf(const pe_image *image, const wanted *type, const wanted *name,
                             uint16_t language)
{
    pe_resource_iter languages;
    pe_resource_entry entry;
    if (!languages_of(image, type, name, &languages))
        return NULL;
    if (!find_language(languages, language, &entry) || entry.is_directory)
        return ldr__set_last_error(ERROR_RESOURCE_LANG_NOT_FOUND), NULL;
    pe_span leaf = pe_tail(image, entry.target);
    if (leaf.size < 16)
        return ldr__set_last_error(ERROR_RESOURCE_DATA_NOT_FOUND), NULL;
    return leaf.data;
}

static const void *LDR_WINAPI guest_FindResourceExW(void *handle, const WCHAR *type,
                                                    const WCHAR *name, uint16_t language)
{
    pe_image own;
    wanted wanted_type = {0}, wanted_name = {0};
    const void *found = NULL;
    const pe_image *image = image_of(handle, &own);
    if (image == NULL)
        return NULL;
    if (wanted_from(type, &wanted_type) && wanted_from(name, &wanted_name))
        found = find_leaf(image, &wanted_type, &wanted_name, language);
    free(wanted_type.text);
    free(wanted_name.text);
    return found;
}

static const void *LDR_WINAPI guest_FindResourceW(void *handle, const WCHAR *name,
                                                  const WCHAR *type)
{
    return guest_FindResourceExW(handle, type, name, 0);
}

/* A text, or the number as it is; NULL for a text when out of memory, with the last error. */
static bool wide_from(const char *text, WCHAR **ret_wide)
{
    *ret_wide = (WCHAR *)(uintptr_t)text;
    if ((uintptr_t)text < NUMBERS_END)
        return true;
    *ret_wide = ldr__utf16_from(text);
    return *ret_wide != NULL ? true : ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
}

static void free_wide(WCHAR *wide)
{
    if ((uintptr_t)wide >= NUMBERS_END)
        free(wide);
}

static const void *LDR_WINAPI guest_FindResourceExA(void *handle, const char *type,
                                                    const char *name, uint16_t language)
{
    WCHAR *wide_type = NULL, *wide_name = NULL;
    const void *found = NULL;
    if (wide_from(type, &wide_type) && wide_from(name, &wide_name))
        found = guest_FindResourceExW(handle, wide_type, wide_name, language);
    free_wide(wide_type);
    free_wide(wide_name);
    return found;
}

static const void *LDR_WINAPI guest_FindResourceA(void *handle, const char *name, const char *type)
{
    return guest_FindResourceExA(handle, type, name, 0);
}

/* ---- What was found ---- */

/* IMAGE_RESOURCE_DATA_ENTRY */
typedef struct data_entry {
    uint32_t rva, size, code_page, reserved;
} data_entry;

static const void *LDR_WINAPI guest_LoadResource(void *handle, const data_entry *resource)
{
    pe_image own;
    const pe_image *image = resource != NULL ? image_of(handle, &own) : NULL;
    if (image == NULL)
        return NULL;
    const uint8_t *bytes = pe_tail(image, (pe_rva){resource->rva}).data;
    if (bytes == NULL)
        ldr__set_last_error(ERROR_RESOURCE_DATA_NOT_FOUND);
    return bytes;
}

static const void *LDR_WINAPI guest_LockResource(const void *bytes)
{
    return bytes;
}

static DWORD LDR_WINAPI guest_SizeofResource(void *handle, const data_entry *resource)
{
    (void)handle;
    return resource != NULL ? resource->size : 0;
}

/* They stay for as long as the module does. */
static BOOL LDR_WINAPI guest_FreeResource(const void *bytes)
{
    (void)bytes;
    return false;
}

/* ---- EnumResource* ---- */

/* The guest's function, and what it is to be told besides the entry. */
typedef struct teller {
    void *function, *handle;
    const void *type, *name; /* as the guest gave them: texts of its own kind, or numbers */
    int64_t user;
    bool is_wide;
    uint32_t level; /* 0: of types, 1: names, 2: languages */
} teller;

typedef BOOL(LDR_WINAPI *see_type)(void *handle, const void *type, int64_t user);
typedef BOOL(LDR_WINAPI *see_name)(void *handle, const void *type, const void *name, int64_t user);
typedef BOOL(LDR_WINAPI *see_language)(void *handle, const void *type, const void *name,
                                       uint16_t language, int64_t user);

static BOOL tell(const teller *self, const void *id, uint16_t language)
{
    if (self->level == 0)
        return ((see_type)self->function)(self->handle, id, self->user);
    if (self->level == 1)
        return ((see_name)self->function)(self->handle, self->type, id, self->user);
    return ((see_language)self->function)(self->handle, self->type, self->name, language,
                                          self->user);
}

/* The text of an entry in the guest's kind, allocated; NULL with the last error. */
static void *text_of(const teller *self, const pe_utf16 *name)
{
    WCHAR *wide = malloc(((size_t)name->length + 1) * sizeof *wide);
    for (uint32_t i = 0; wide != NULL && i < name->length; i++)
        wide[i] = pe_utf16_unit(name, i);
    if (wide != NULL)
        wide[name->length] = 0;
    void *text = wide;
    if (wide != NULL && !self->is_wide) {
        text = ldr__utf8_from(wide);
        free(wide);
    }
    if (text == NULL)
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return text;
}

static BOOL tell_entry(const teller *self, const pe_resource_id *id)
{
    if (!id->is_named)
        return tell(self, (const void *)(uintptr_t)id->number, (uint16_t)id->number);
    void *text = text_of(self, &id->name);
    if (text == NULL)
        return false;
    BOOL goes_on = tell(self, text, 0);
    free(text);
    return goes_on;
}

static BOOL tell_all(const teller *self, pe_resource_iter entries)
{
    pe_resource_entry entry;
    BOOL goes_on = true;
    while (goes_on && pe_resource_next(&entries, &entry) == PE_OK)
        if (entry.id.name_status == PE_OK)
            goes_on = tell_entry(self, &entry.id);
    return goes_on;
}

/* The entries of the teller's level. False with the last error. */
static bool open_level(const teller *self, const pe_image *image, const WCHAR *type,
                       const WCHAR *name, pe_resource_iter *ret_entries)
{
    wanted wanted_type = {0}, wanted_name = {0};
    if (self->level == 0) {
        pe_resources(image, ret_entries);
        return ret_entries->status == PE_OK ? true : ldr__win_error(ERROR_RESOURCE_DATA_NOT_FOUND);
    }
    bool done = wanted_from(type, &wanted_type) && wanted_from(name, &wanted_name);
    if (done)
        done = self->level == 1 ? names_of(image, &wanted_type, ret_entries)
                                : languages_of(image, &wanted_type, &wanted_name, ret_entries);
    free(wanted_type.text);
    free(wanted_name.text);
    return done;
}

static BOOL enumerate_wide(const teller *self, const WCHAR *type, const WCHAR *name)
{
    pe_image own;
    pe_resource_iter entries;
    const pe_image *image = image_of(self->handle, &own);
    return image != NULL && open_level(self, image, type, name, &entries) &&
           tell_all(self, entries);
}

static BOOL enumerate_narrow(const teller *self)
{
    WCHAR *type = NULL, *name = NULL;
    BOOL done = wide_from(self->type, &type) && wide_from(self->name, &name) &&
                enumerate_wide(self, type, name);
    free_wide(type);
    free_wide(name);
    return done;
}

static BOOL LDR_WINAPI guest_EnumResourceTypesW(void *handle, void *see, int64_t user)
{
    teller self = {.function = see, .handle = handle, .user = user, .is_wide = true};
    return enumerate_wide(&self, NULL, NULL);
}

static BOOL LDR_WINAPI guest_EnumResourceTypesA(void *handle, void *see, int64_t user)
{
    teller self = {.function = see, .handle = handle, .user = user};
    return enumerate_narrow(&self);
}

static BOOL LDR_WINAPI guest_EnumResourceNamesW(void *handle, const WCHAR *type, void *see,
                                                int64_t user)
{
    teller self = {
        .function = see, .handle = handle, .type = type, .user = user, .is_wide = true, .level = 1};
    return enumerate_wide(&self, type, NULL);
}

static BOOL LDR_WINAPI guest_EnumResourceNamesA(void *handle, const char *type, void *see,
                                                int64_t user)
{
    teller self = {.function = see, .handle = handle, .type = type, .user = user, .level = 1};
    return enumerate_narrow(&self);
}

static BOOL LDR_WINAPI guest_EnumResourceLanguagesW(void *handle, const WCHAR *type,
                                                    const WCHAR *name, void *see, int64_t user)
{
    teller self = {.function = see,
                   .handle = handle,
                   .type = type,
                   .name = name,
                   .user = user,
                   .is_wide = true,
                   .level = 2};
    return enumerate_wide(&self, type, name);
}

static BOOL LDR_WINAPI guest_EnumResourceLanguagesA(void *handle, const char *type,
                                                    const char *name, void *see, int64_t user)
{
    teller self = {
        .function = see, .handle = handle, .type = type, .name = name, .user = user, .level = 2};
    return enumerate_narrow(&self);
}

static const ldr_export lines[] = {
    LDR__FN(EnumResourceLanguagesA), LDR__FN(EnumResourceLanguagesW), LDR__FN(EnumResourceNamesA),
    LDR__FN(EnumResourceNamesW),     LDR__FN(EnumResourceTypesA),     LDR__FN(EnumResourceTypesW),
    LDR__FN(FindResourceA),          LDR__FN(FindResourceExA),        LDR__FN(FindResourceExW),
    LDR__FN(FindResourceW),          LDR__FN(FreeResource),           LDR__FN(LoadResource),
    LDR__FN(LockResource),           LDR__FN(SizeofResource),
};

LDR__TABLE(ldr__kernel32_resource, "kernel32.dll", lines);
