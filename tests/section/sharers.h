/* sharers.h: images, and processes that load the same ones. */
#ifndef PELOAD_TESTS_SHARERS_H
#define PELOAD_TESTS_SHARERS_H

#include "section/fixture.h"
#include "section/object.h"

#include <sys/types.h>

/*
 * Where the sections of sharer_image are: code, constants, data, and memory that is SHARED, of two
 * pages with content and one of zeros. The first of them holds the text SHARER_TEXT, the second,
 * 8 bytes behind its start, a pointer to the code.
 */
enum {
    SHARER_TEXT_RVA = 0x1000,
    SHARER_RDATA = 0x4000,
    SHARER_DATA = 0x6000,
    SHARER_SHARED = 0x8000,
    SHARER_POINTER = 0x9008,
    SHARER_ZERO = 0xA000,
};

#define SHARER_TEXT "initial"

/* More than is read at once: 48 KB. */
img_image sharer_image(uint32_t file_alignment);

/* The same in a file that is old enough, removed by fixture_remove. */
char *sharer_file(uint32_t file_alignment);

/* A section that must come about. */
ldr_section *sharer_section(const char *path, const ldr_section_options *options);

/* The only view of a section of the file; it must come about. */
ldr_view *sharer_view(const char *path);

/* The text at the start of the SHARED section of a view. */
char *sharer_text(const ldr_view *view);

/*
 * A process that has a view of the file: it does what it is told, one call at a time. The state is
 * in memory that both have.
 */
typedef struct sharer {
    pid_t process;
    struct sharer_state *state;
} sharer;

/* Starts a process with nothing loaded; as the user `user` unless that is 0. */
sharer sharer_start(const char *path, uid_t user);

/* Has it load the file; whether it could. */
bool sharer_load(sharer s);
/* What frame_of says of a page of its view. */
uint64_t sharer_frame(sharer s, uint64_t rva);
/* The text of its SHARED section, valid until the next call. */
const char *sharer_read(sharer s);
void sharer_write(sharer s, const char *text);
/* How its SHARED memory came about. */
ldr_sharing sharer_sharing(sharer s);
void sharer_unload(sharer s);

/* Ends it: by SIGKILL, or once it has given back all; fails the test if it could not. */
void sharer_kill(sharer s);
void sharer_end(sharer s);

#endif
