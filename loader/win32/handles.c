#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "win32/start.h"
#include "win32/state.h"
#include "win32/wait.h"

typedef struct slot {
    ldr__object *object; /* NULL: free */
    ldr__handle_facts facts;
} slot;

/* A handle is 4 * (index + 1), so that 0 is none and the low bits are free, as on Windows. */
struct ldr__handles {
    pthread_mutex_t lock;
    slot *slots;
    size_t capacity;
};

enum { FIRST_CAPACITY = 64 };

ldr_status ldr__handles_create(ldr__process *process)
{
    ldr__handles *handles = calloc(1, sizeof *handles);
    if (handles == NULL)
        return LDR_NO_MEMORY;
    pthread_mutex_init(&handles->lock, NULL);
    process->handles = handles;
    return LDR_OK;
}

void ldr__handles_destroy(ldr__process *process)
{
    ldr__handles *handles = process->handles;
    if (handles == NULL)
        return;
    for (size_t i = 0; i < handles->capacity; i++)
        ldr__object_release(handles->slots[i].object);
    free(handles->slots);
    pthread_mutex_destroy(&handles->lock);
    free(handles);
    process->handles = NULL;
}

void ldr__handles_each(ldr__process *process, void (*visit)(ldr__object *object, void *user),
                       void *user)
{
    ldr__handles *handles = process->handles;
    pthread_mutex_lock(&handles->lock);
    for (size_t i = 0; i < handles->capacity; i++)
        if (handles->slots[i].object != NULL)
            visit(handles->slots[i].object, user);
    pthread_mutex_unlock(&handles->lock);
}

static HANDLE handle_of(size_t index)
{
    return (HANDLE)((index + 1) * 4);
}

bool ldr__handles_each_inherited(ldr__process *process,
                                 bool (*visit)(HANDLE handle, ldr__object *object,
                                               const ldr__handle_facts *facts, void *user),
                                 void *user)
{
    ldr__handles *handles = process->handles;
    bool all = true;
    pthread_mutex_lock(&handles->lock);
    for (size_t i = 0; i < handles->capacity && all; i++)
        if (handles->slots[i].object != NULL && handles->slots[i].facts.inherit)
            all = visit(handle_of(i), handles->slots[i].object, &handles->slots[i].facts, user);
    pthread_mutex_unlock(&handles->lock);
    return all;
}

static size_t free_slot(const ldr__handles *handles)
{
    size_t index = 0;
    while (index < handles->capacity && handles->slots[index].object != NULL)
        index++;
    return index;
}

static bool grow(ldr__handles *handles, size_t capacity)
{
    slot *slots = realloc(handles->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    memset(slots + handles->capacity, 0, (capacity - handles->capacity) * sizeof *slots);
    handles->slots = slots;
    handles->capacity = capacity;
    return true;
}

static bool grow_beyond(ldr__handles *handles, size_t index)
{
    size_t capacity = handles->capacity ? handles->capacity : FIRST_CAPACITY;
    while (capacity <= index)
        capacity *= 2;
    return capacity == handles->capacity || grow(handles, capacity);
}

HANDLE ldr__handle_new_with(ldr__process *process, ldr__object *object,
                            const ldr__handle_facts *facts)
{
    ldr__handles *handles = process->handles;
    HANDLE handle = NULL;
    pthread_mutex_lock(&handles->lock);
    size_t index = free_slot(handles);
    if (grow_beyond(handles, index)) {
        handles->slots[index] = (slot){object, *facts};
        handle = handle_of(index);
    }
    pthread_mutex_unlock(&handles->lock);
    if (handle == NULL)
        ldr__object_release(object);
    return handle;
}

HANDLE ldr__handle_new(ldr__process *process, ldr__object *object)
{
    static const ldr__handle_facts own = {LDR__ALL_ACCESS, false};
    return ldr__handle_new_with(process, object, &own);
}

bool ldr__handle_put(ldr__process *process, HANDLE handle, ldr__object *object,
                     const ldr__handle_facts *facts)
{
    ldr__handles *handles = process->handles;
    uintptr_t value = (uintptr_t)handle;
    bool put = false;
    pthread_mutex_lock(&handles->lock);
    if (value >= 4 && value % 4 == 0 && value <= LDR__HANDLE_MAX &&
        grow_beyond(handles, value / 4 - 1) && handles->slots[value / 4 - 1].object == NULL) {
        handles->slots[value / 4 - 1] = (slot){object, *facts};
        put = true;
    }
    pthread_mutex_unlock(&handles->lock);
    if (!put)
        ldr__object_release(object);
    return put;
}

/* The slot of an open handle, or NULL; the table is locked. */
static slot *slot_of(ldr__handles *handles, HANDLE handle)
{
    uintptr_t value = (uintptr_t)handle;
    if (value < 4 || value / 4 > handles->capacity)
        return NULL;
    slot *found = &handles->slots[value / 4 - 1];
    return found->object ? found : NULL;
}

bool ldr__handle_facts_get(ldr__process *process, HANDLE handle, ldr__handle_facts *ret_facts)
{
    pthread_mutex_lock(&process->handles->lock);
    const slot *found = slot_of(process->handles, handle);
    if (found != NULL)
        *ret_facts = found->facts;
    pthread_mutex_unlock(&process->handles->lock);
    return found != NULL;
}

bool ldr__handle_grants(ldr__process *process, HANDLE handle, DWORD rights)
{
    ldr__handle_facts facts;
    return !ldr__handle_facts_get(process, handle, &facts) ||
           (facts.access & (rights | LDR__GENERIC_ALL | LDR__MAXIMUM_ALLOWED)) != 0;
}

bool ldr__handle_set_inherit(ldr__process *process, HANDLE handle, bool inherit)
{
    pthread_mutex_lock(&process->handles->lock);
    slot *found = slot_of(process->handles, handle);
    if (found != NULL)
        found->facts.inherit = inherit;
    pthread_mutex_unlock(&process->handles->lock);
    return found != NULL;
}

ldr__object *ldr__handle_get_any(ldr__process *process, HANDLE handle)
{
    ldr__object *object = NULL;
    if (handle == LDR__CURRENT_THREAD) {
        object = &ldr__thread_self()->object->waitable.object;
        atomic_fetch_add(&object->references, 1);
        return object;
    }
    pthread_mutex_lock(&process->handles->lock);
    const slot *found = slot_of(process->handles, handle);
    if (found != NULL) {
        object = found->object;
        atomic_fetch_add(&object->references, 1);
    }
    pthread_mutex_unlock(&process->handles->lock);
    return object;
}

ldr__object *ldr__handle_get(ldr__process *process, HANDLE handle, ldr__object_type type)
{
    ldr__object *object = ldr__handle_get_any(process, handle);
    if (object == NULL || object->type == type)
        return object;
    ldr__object_release(object);
    return NULL;
}

void ldr__object_release(ldr__object *object)
{
    if (object != NULL && atomic_fetch_sub(&object->references, 1) == 1)
        object->destroy(object);
}

bool ldr__handle_close(ldr__process *process, HANDLE handle)
{
    ldr__object *object = NULL;
    pthread_mutex_lock(&process->handles->lock);
    slot *found = slot_of(process->handles, handle);
    if (found != NULL) {
        object = found->object;
        *found = (slot){NULL, {0, false}};
    }
    pthread_mutex_unlock(&process->handles->lock);
    ldr__object_release(object);
    return object != NULL;
}

/* ---- Files ---- */

static void file_destroy(ldr__object *object)
{
    ldr__file *file = (ldr__file *)object;
    if (file->delete_on_close && file->open != NULL)
        ldr_file_delete(file->open, NULL);
    else if (file->delete_on_close && file->path != NULL)
        unlink(file->path);
    if (file->open != NULL)
        ldr_file_close(file->open);
    else if (!file->borrowed)
        close(file->fd);
    free(file->path);
    free(file);
}

ldr__file *ldr__file_new(int fd, bool borrowed, const char *path)
{
    ldr__file *file = calloc(1, sizeof *file);
    if (file != NULL && path != NULL && (file->path = strdup(path)) == NULL) {
        free(file);
        file = NULL;
    }
    if (file == NULL) {
        if (!borrowed)
            close(fd);
        return NULL;
    }
    file->object = (ldr__object){LDR__OBJECT_FILE, 1, file_destroy};
    file->fd = fd;
    file->borrowed = borrowed;
    file->reads = file->writes = true; /* as far as the descriptor can */
    return file;
}

HANDLE ldr__handle_from_fd(ldr__process *process, int fd, bool borrowed, const char *path)
{
    ldr__file *file = ldr__file_new(fd, borrowed, path);
    return file ? ldr__handle_new(process, &file->object) : NULL;
}

int ldr__handle_fd(HANDLE handle)
{
    ldr__process *process = ldr__process_self();
    ldr__file *file = (ldr__file *)ldr__handle_get(process, handle, LDR__OBJECT_FILE);
    if (file == NULL) {
        ldr__set_last_error(ERROR_INVALID_HANDLE);
        return -1;
    }
    int fd = file->fd;
    ldr__object_release(&file->object);
    return fd;
}

ldr_status ldr__standard_handles_create(ldr__process *process)
{
    if (process->start != NULL)
        return ldr__start_adopt_handles(process);
    for (int fd = 0; fd < 3; fd++) {
        HANDLE handle = ldr__handle_from_fd(process, fd, true, NULL);
        if (handle == NULL)
            return LDR_NO_MEMORY;
        atomic_store(&process->standard[fd], handle);
    }
    return LDR_OK;
}
