/*
 * fake_environment.h: an environment that records what it is asked to run instead of running it,
 * and folders of small DLLs to load in it. One test process has one context.
 */
#ifndef PELOAD_TESTS_FAKE_ENVIRONMENT_H
#define PELOAD_TESTS_FAKE_ENVIRONMENT_H

#include "modules/environment.h"
#include "support/faulty_os.h"
#include "support/image_builder.h"

/*
 * What happened, in order: "a+" for DllMain(PROCESS_ATTACH) of a.dll, "a-" for PROCESS_DETACH,
 * "a>" and "a<" for threads, "a+!" when the reserved argument was not NULL, "a.0+" for TLS callback
 * 0 of a.dll; separated by spaces.
 */
const char *fake_log(void);
void fake_log_clear(void);

/* What DllMain(PROCESS_ATTACH) of a module does: by default it returns TRUE. */
void fake_attach_fails(const char *module);
void fake_attach_raises(const char *module);
/* DllMain(PROCESS_ATTACH) of `module` loads `other`, as LoadLibrary does, and ignores failure. */
void fake_attach_loads(const char *module, const char *other);
/* Anything else that a module does when it is called: `hook` runs in its place, once recorded. */
void fake_on_call(void (*hook)(ldr_module *module, uint32_t reason));

/* How many modules the environment knows (host modules are counted apart, and do not leave), how
 * many TLS slots are taken, how many stubs there are. */
int fake_modules(void);
int fake_hosts(void);
int fake_tls_slots(void);
int fake_stubs(void);
/* A function of the environment's that fails when asked next: module_added, tls_add. */
void fake_module_added_fails(void);
void fake_tls_add_fails(void);

/* A DLL that the system's loader of the environment has; it exports "fn". */
typedef struct fake_system_dll {
    const char *name, *path;
    ldr__system_place place; /* where it is found */
    bool is_own;
    int references; /* that are held */
    uint8_t image[64];
} fake_system_dll;
/* What that loader has, an array that stays: nothing by default. */
void fake_system(fake_system_dll *dlls, size_t count);

/* A new folder for the test's files; removed at exit with what is in it. */
const char *folder_make(void);
/* "FOLDER/NAME"; the string is valid until four more calls. */
const char *folder_path(const char *name);
void folder_write(const char *name, const void *bytes, size_t size);

/*
 * Writes NAME.dll, which exports "fn" and "data" (at RVA 0x1000 and 0x2000) and imports "fn" from
 * each DLL of the space-separated list `needs` ("b c.dll" or "").
 */
void folder_dll(const char *name, const char *needs);
/* Finishes `builder` and writes it as NAME.dll, or as NAME when that has an extension. */
void folder_image(const char *name, img_builder *builder);

/* A context that looks for DLLs in the folder, with host module "host.exe" exporting "host_fn". */
ldr_context *fake_context(void);
/* Loads a file of the folder, with its extension; fails the test with the diagnostic's text. */
ldr_module *folder_load(ldr_context *ctx, const char *name);
/* The context that was made last, for what modules do when they are called. */
ldr_context *fake_current(void);

/* Nothing is held that was not before, after the OS call number `call` has failed. */
void expect_held(faulty_os_held before, unsigned call);

#endif
