#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"
#include "win32/shared.h"
#include "win32/wait.h"

/* The names of objects: one name space for all types, as on Windows. */

/* ---- Texts ---- */

static bool starts_with(const WCHAR *name, const char *prefix)
{
    size_t i = 0;
    while (prefix[i] != 0 && name[i] == (WCHAR)prefix[i])
        i++;
    return prefix[i] == 0;
}

DWORD ldr__name_canonical(const WCHAR *name, WCHAR **ret_name)
{
    WCHAR *copy = NULL;
    if (name != NULL && starts_with(name, "Local\\"))
        name += sizeof "Local";
    if (name != NULL && name[0] != 0) {
        if (name[0] == '\\')
            return ERROR_BAD_PATHNAME;
        const WCHAR *rest = starts_with(name, "Global\\") ? name + sizeof "Global" : name;
        for (const WCHAR *c = rest; *c; c++)
            if (*c == '\\')
                return ERROR_PATH_NOT_FOUND; /* there are no other folders of names */
        size_t size = (ldr__wcslen(name) + 1) * sizeof *name;
        if ((copy = malloc(size)) == NULL)
            return ERROR_NOT_ENOUGH_MEMORY;
        memcpy(copy, name, size);
    }
    *ret_name = copy;
    return ERROR_SUCCESS;
}

/* ---- Objects with state that other processes see ---- */

/* False for a type whose objects are this process's own even when they have a name. */
static bool initial_of(const ldr__waitable *fresh, ldr__shared_initial *ret_initial)
{
    ldr__shared_initial initial = {.type = fresh->object.type};
    switch (fresh->object.type) {
    case LDR__OBJECT_EVENT:
        initial.value = ((const ldr__event *)fresh)->signaled;
        initial.limit = ((const ldr__event *)fresh)->manual;
        break;
    case LDR__OBJECT_SEMAPHORE:
        initial.value = (uint32_t)((const ldr__semaphore *)fresh)->count;
        initial.limit = (uint32_t)((const ldr__semaphore *)fresh)->maximum;
        break;
    case LDR__OBJECT_MUTEX:
        initial.owned = ((const ldr__mutex *)fresh)->owner != NULL;
        break;
    default:
        return false;
    }
    *ret_initial = initial;
    return true;
}

static DWORD share(ldr__waitable *fresh, const WCHAR *name, bool may_create, void *unused,
                   bool *ret_existed)
{
    ldr__shared_initial initial;
    (void)unused;
    if (name == NULL || !initial_of(fresh, &initial))
        return may_create ? ERROR_SUCCESS : ERROR_FILE_NOT_FOUND;
    DWORD error = ldr__shared_open(name, &initial, may_create, &fresh->shared, ret_existed);
    if (error == ERROR_SUCCESS && fresh->object.type == LDR__OBJECT_MUTEX)
        ((ldr__mutex *)fresh)->owner = NULL; /* the shared state knows */
    return error;
}

/* ---- Making and opening ---- */

/* What is to become of an object; `name` is canonical, or NULL. */
typedef struct naming {
    ldr__waitable *fresh;
    WCHAR *name;
    bool may_create;
    ldr__maker make;
    void *user;
} naming;

static ldr__waitable *find(const naming *of)
{
    ldr__wait_lock(of->fresh->process);
    ldr__waitable *found = ldr__waitable_find(of->fresh->process, of->name);
    ldr__wait_unlock(of->fresh->process);
    return found;
}

/*
 * The object that a name stands for, with a reference for the caller: one that this process has
 * already, or the fresh one, made known (then the name is its). It is made in any case where the
 * arguments have to be looked at. The lock of names is held.
 */
static DWORD resolve(naming *of, ldr__waitable **ret_object, bool *ret_existed)
{
    bool existed = false;
    ldr__waitable *found = find(of);
    DWORD error = ERROR_SUCCESS;
    if (found != NULL && found->object.type != of->fresh->object.type)
        error = ERROR_INVALID_HANDLE;
    else if (found == NULL || (of->may_create && of->user != NULL))
        error = of->make(of->fresh, of->name, of->may_create, of->user, &existed);
    if (error != ERROR_SUCCESS) {
        if (found != NULL)
            ldr__object_release(&found->object);
        return error;
    }
    *ret_existed = existed || found != NULL;
    *ret_object = found != NULL ? found : of->fresh;
    if (found == NULL) {
        ldr__wait_lock(of->fresh->process);
        ldr__waitable_set_name(of->fresh, of->name);
        ldr__wait_unlock(of->fresh->process);
    }
    return ERROR_SUCCESS;
}

static DWORD resolve_named(naming *of, ldr__waitable **ret_object, bool *ret_existed)
{
    ldr__process *process = of->fresh->process;
    ldr__naming_lock(process);
    DWORD error = resolve(of, ret_object, ret_existed);
    ldr__naming_unlock(process);
    if (*ret_object != of->fresh) {
        ldr__object_release(&of->fresh->object);
        free(of->name);
    }
    return error;
}

static DWORD make_unnamed(const naming *of, ldr__waitable **ret_object, bool *ret_existed)
{
    DWORD error = of->make(of->fresh, NULL, true, of->user, ret_existed);
    if (error == ERROR_SUCCESS)
        *ret_object = of->fresh;
    else
        ldr__object_release(&of->fresh->object);
    return error;
}

HANDLE ldr__waitable_name(ldr__waitable *fresh, const WCHAR *name, bool may_create, ldr__maker make,
                          void *user, const ldr__handle_facts *facts)
{
    ldr__process *process = fresh->process;
    ldr__waitable *object = NULL;
    bool existed = false;
    naming of = {.fresh = fresh, .may_create = may_create, .make = make, .user = user};
    DWORD error = ldr__name_canonical(name, &of.name);
    if (error == ERROR_SUCCESS && of.name == NULL && !may_create)
        error = name ? ERROR_INVALID_NAME : ERROR_INVALID_PARAMETER; /* "" is no object's */
    if (error != ERROR_SUCCESS)
        ldr__object_release(&fresh->object);
    else if (of.name != NULL)
        error = resolve_named(&of, &object, &existed);
    else
        error = make_unnamed(&of, &object, &existed);
    HANDLE handle = object ? ldr__handle_new_with(process, &object->object, facts) : NULL;
    if (error == ERROR_SUCCESS && handle == NULL)
        error = ERROR_NOT_ENOUGH_MEMORY;
    else if (error == ERROR_SUCCESS && existed && may_create)
        error = ERROR_ALREADY_EXISTS;
    if (error != ERROR_SUCCESS || may_create) /* to open sets none on success, to create does */
        ldr__set_last_error(error);
    return handle;
}

HANDLE ldr__waitable_publish(ldr__waitable *fresh, const WCHAR *name, bool inherit)
{
    const ldr__handle_facts facts = {LDR__ALL_ACCESS, inherit};
    return ldr__waitable_name(fresh, name, true, share, NULL, &facts);
}

HANDLE ldr__waitable_open(ldr__process *process, ldr__object_type type, size_t size,
                          const WCHAR *name, const ldr__handle_facts *facts)
{
    ldr__waitable *fresh = ldr__waitable_new(process, type, size);
    if (fresh != NULL)
        return ldr__waitable_name(fresh, name, false, share, NULL, facts);
    ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return NULL;
}
