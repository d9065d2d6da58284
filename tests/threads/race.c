/*
 * race [SECONDS]: threads that load, resolve and unload overlapping graphs in one context, look for
 * modules, and enter and leave; meant for ThreadSanitizer (preset tsan). The DLLs are those of
 * tests/wine/life, whose DllMains run.
 *
 *   race FOLDER [SECONDS]
 */
#include <peload/loader.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 8 };

static const char *const names[] = {"a",  "b",  "c",  "d", "k1", "k2", "k3", "y1",
                                    "y2", "z1", "z2", "t", "t2", "l",  "m",  "r"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

typedef struct shared {
    ldr_context *ctx;
    const char *folder;
    atomic_bool stop;
    atomic_ulong loads, symbols, failures;
} shared;

static void fail(shared *self, const char *what, const char *name, ldr_status status)
{
    fprintf(stderr, "%s %s: %s\n", what, name, ldr_status_text(status));
    atomic_fetch_add(&self->failures, 1);
}

static void use(shared *self, ldr_module *module, const char *name)
{
    char function[32];
    snprintf(function, sizeof(function), "%s_fn", name);
    int(LDR_WINAPI * fn)(int) = (int(LDR_WINAPI *)(int))ldr_symbol(module, function);
    if (!fn || fn(41) != 42)
        fail(self, "symbol", function, LDR_EXPORT_NOT_FOUND);
    if (ldr_module_at(self->ctx, ldr_module_base(module)) != module)
        fail(self, "address", name, LDR_DLL_NOT_FOUND);
    atomic_fetch_add(&self->symbols, 1);
}

static void load_some(shared *self, unsigned *seed)
{
    ldr_module *loaded[4];
    const char *which[4];
    char path[512];
    int count = 0;
    for (int i = 0; i < 4; i++) {
        const char *name = names[(unsigned)rand_r(seed) % NAMES];
        snprintf(path, sizeof(path), "%s/%s.dll", self->folder, name);
        ldr_status status = ldr_load(self->ctx, path, NULL, &loaded[count], NULL);
        if (status != LDR_OK) {
            fail(self, "load", name, status);
            continue;
        }
        which[count++] = name;
        atomic_fetch_add(&self->loads, 1);
    }
    for (int i = 0; i < count; i++)
        use(self, loaded[i], which[i]);
    (void)ldr_module_find(self->ctx, "d.dll");
    for (int i = 0; i < count; i++)
        ldr_unload(loaded[i]);
}

static void *work(void *user)
{
    shared *self = user;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    ldr_thread_scope scope;
    while (!atomic_load(&self->stop)) {
        ldr_status status = ldr_thread_enter(self->ctx, &scope);
        if (status != LDR_OK) {
            fail(self, "enter", "", status);
            continue;
        }
        load_some(self, &seed);
        ldr_thread_leave(&scope);
    }
    return NULL;
}

/* Threads that end and are made anew come and go while DLLs do. */
static void run(shared *self, time_t end)
{
    pthread_t threads[THREADS];
    while (time(NULL) < end) {
        atomic_store(&self->stop, false);
        for (int i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, work, self) != 0)
                exit(1);
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        atomic_store(&self->stop, true);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
}

int main(int argc, char **argv)
{
    shared self = {.folder = argc > 1 ? argv[1] : "."};
    int seconds = argc > 2 ? atoi(argv[2]) : 5;
    ldr_context_options options = {
        .size = sizeof(options), .search_folders = &self.folder, .search_folder_count = 1};
    if (ldr_context_create(&options, &self.ctx) != LDR_OK)
        return 1;
    run(&self, time(NULL) + seconds);
    for (int i = 0; i < NAMES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%s.dll", names[i]);
        if (ldr_module_find(self.ctx, name))
            fail(&self, "left", name, LDR_BUSY);
    }
    ldr_context_destroy(self.ctx);
    fprintf(stderr, "%lu loads, %lu symbols, %lu failures\n", atomic_load(&self.loads),
            atomic_load(&self.symbols), atomic_load(&self.failures));
    return atomic_load(&self.failures) != 0;
}
