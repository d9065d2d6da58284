#include <stdlib.h>
#include <string.h>

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

static DWORD share(ldr__waitable *fresh, const WCHAR *name, bool may_create, bool *ret_existed)
{
    ldr__shared_initial initial;
    if (!initial_of(fresh, &initial))
        return may_create ? ERROR_SUCCESS : ERROR_FILE_NOT_FOUND;
    DWORD error = ldr__shared_open(name, &initial, may_create, &fresh->shared, ret_existed);
    if (error == ERROR_SUCCESS && fresh->object.type == LDR__OBJECT_MUTEX)
        ((ldr__mutex *)fresh)->owner = NULL; /* the shared state knows */
    return error;
}

/*
 * The object that `name` (taken over on success) stands for: one of this process, or `fresh`, made
 * known. The lock of names is held. On success *ret_object has a reference for the caller, which is
 * that of `fresh` if it is that.
 */
static DWORD resolve(ldr__waitable *fresh, WCHAR *name, bool may_create, ldr__waitable **ret_object,
                     bool *ret_existed)
{
    ldr__process *process = fresh->process;
    ldr__wait_lock(process);
    ldr__waitable *found = ldr__waitable_find(process, name);
    ldr__wait_unlock(process);
    if (found != NULL && found->object.type != fresh->object.type) {
        ldr__object_release(&found->object);
        return ERROR_INVALID_HANDLE;
    }
    if (found != NULL) {
        *ret_object = found;
        *ret_existed = true;
        return ERROR_SUCCESS;
    }
    DWORD error = share(fresh, name, may_create, ret_existed);
    if (error != ERROR_SUCCESS)
        return error;
    ldr__wait_lock(process);
    ldr__waitable_set_name(fresh, name);
    ldr__wait_unlock(process);
    *ret_object = fresh;
    return ERROR_SUCCESS;
}

static HANDLE named_handle(ldr__waitable *fresh, WCHAR *name, bool may_create,
                           const ldr__handle_facts *facts)
{
    ldr__process *process = fresh->process;
    ldr__waitable *object = NULL;
    bool existed = false;
    ldr__naming_lock(process);
    DWORD error = resolve(fresh, name, may_create, &object, &existed);
    ldr__naming_unlock(process);
    if (object != fresh) {
        ldr__object_release(&fresh->object);
        free(name);
    }
    HANDLE handle = object ? ldr__handle_new_with(process, &object->object, facts) : NULL;
    if (error == ERROR_SUCCESS && handle == NULL)
        error = ERROR_NOT_ENOUGH_MEMORY;
    else if (error == ERROR_SUCCESS && existed && may_create)
        error = ERROR_ALREADY_EXISTS;
    ldr__set_last_error(error);
    return handle;
}

HANDLE ldr__waitable_publish(ldr__waitable *fresh, const WCHAR *name, bool inherit)
{
    const ldr__handle_facts facts = {LDR__ALL_ACCESS, inherit};
    WCHAR *canonical = NULL;
    DWORD error = ldr__name_canonical(name, &canonical);
    if (error == ERROR_SUCCESS && canonical != NULL)
        return named_handle(fresh, canonical, true, &facts);
    if (error == ERROR_SUCCESS) {
        ldr__set_last_error(ERROR_SUCCESS);
        return ldr__handle_new_with(fresh->process, &fresh->object, &facts);
    }
    ldr__object_release(&fresh->object);
    ldr__set_last_error(error);
    return NULL;
}

HANDLE ldr__waitable_open(ldr__process *process, ldr__object_type type, size_t size,
                          const WCHAR *name, const ldr__handle_facts *facts)
{
    WCHAR *canonical = NULL;
    DWORD error = name ? ldr__name_canonical(name, &canonical) : ERROR_INVALID_PARAMETER;
    if (error == ERROR_SUCCESS && canonical == NULL)
        error = ERROR_INVALID_NAME; /* "" stands for no object */
    ldr__waitable *fresh = NULL;
    if (error == ERROR_SUCCESS && (fresh = ldr__waitable_new(process, type, size)) == NULL)
        error = ERROR_NOT_ENOUGH_MEMORY;
    if (error == ERROR_SUCCESS)
        return named_handle(fresh, canonical, false, facts);
    free(canonical);
    ldr__set_last_error(error);
    return NULL;
}
