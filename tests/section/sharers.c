#include "section/sharers.h"
#include "support/frames.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Images ---- */

img_image sharer_image(uint32_t file_alignment)
{
    static uint8_t code[0x3000];
    for (size_t i = 0; i < sizeof code; i++)
        code[i] = (uint8_t)(i % 251);
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = FIXTURE_BASE;
    b.file_alignment = file_alignment;
    b.characteristics |= PE_FILE_DLL;
    img_add_section(&b, ".text", IMG_RX, code, sizeof code, 0);
    img_add_section(&b, ".rdata", IMG_RO, NULL, 0x1200, 0x2000);
    img_add_section(&b, ".data", IMG_RW, NULL, 0x1200, 0x2000);
    uint32_t shared =
        img_add_section(&b, ".shared", IMG_RW | PE_SCN_MEM_SHARED, NULL, 0x2000, 0x3000);
    img_put(&b, SHARER_RDATA, "constant", 9);
    img_put(&b, SHARER_DATA, "data", 5);
    img_put(&b, shared, SHARER_TEXT, sizeof SHARER_TEXT);
    img_put_pointer(&b, SHARER_POINTER, SHARER_TEXT_RVA);
    img_image image = img_finish(&b);
    cr_assert_eq(shared, (uint32_t)SHARER_SHARED);
    return image;
}

char *sharer_file(uint32_t file_alignment)
{
    img_image image = sharer_image(file_alignment);
    char *path = fixture_settled_file(image.bytes, image.size);
    img_free(&image);
    return path;
}

ldr_section *sharer_section(const char *path, const ldr_section_options *options)
{
    ldr_diag diag;
    char text[512];
    ldr_section *section = NULL;
    ldr_status status = ldr_section_from_file(path, options, &section, &diag);
    cr_assert(status == LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof text));
    return section;
}

ldr_view *sharer_view(const char *path)
{
    return fixture_view(sharer_section(path, NULL), 0);
}

char *sharer_text(const ldr_view *view)
{
    return (char *)ldr_view_base(view) + SHARER_SHARED;
}

/* ---- Processes ---- */

typedef enum order { LOAD, FRAME, READ, WRITE, UNLOAD, END } order;

struct sharer_state {
    sem_t ordered, done;
    order order;
    bool failed;
    uint64_t number;
    char text[64];
};

static void load(struct sharer_state *state, const char *path, ldr_view **view)
{
    ldr_diag diag;
    ldr_section *section;
    state->failed = ldr_section_from_file(path, NULL, &section, &diag) != LDR_OK;
    if (state->failed)
        return;
    state->failed = ldr_view_map(section, NULL, view, &diag) != LDR_OK;
    ldr_section_close(section);
    if (state->failed)
        return;
    state->number = (uint64_t)(*view)->section->shared_by.sharing;
}

static void obey(struct sharer_state *state, const char *path, ldr_view **view)
{
    switch (state->order) {
    case LOAD:
        load(state, path, view);
        break;
    case FRAME:
        state->number = frame_of((const char *)ldr_view_base(*view) + state->number);
        break;
    case READ:
        memcpy(state->text, sharer_text(*view), sizeof state->text);
        break;
    case WRITE:
        memcpy(sharer_text(*view), state->text, sizeof state->text);
        break;
    case UNLOAD:
        ldr_view_unmap(*view);
        *view = NULL;
        break;
    case END:
        ldr_view_unmap(*view);
        _exit(0);
    }
}

static void be_sharer(struct sharer_state *state, const char *path, uid_t user)
{
    ldr_view *view = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (user != 0 && setresuid(user, user, user) != 0)
        _exit(1);
    for (;;) {
        sem_wait(&state->ordered);
        obey(state, path, &view);
        sem_post(&state->done);
    }
}

sharer sharer_start(const char *path, uid_t user)
{
    sharer s;
    s.state =
        mmap(NULL, sizeof *s.state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(&s.state->ordered, 1, 0);
    sem_init(&s.state->done, 1, 0);
    s.process = fork();
    cr_assert_geq(s.process, 0);
    if (s.process == 0)
        be_sharer(s.state, path, user);
    return s;
}

static void command(sharer s, order what)
{
    s.state->order = what;
    sem_post(&s.state->ordered);
    sem_wait(&s.state->done);
}

bool sharer_load(sharer s)
{
    command(s, LOAD);
    return !s.state->failed;
}

ldr_sharing sharer_sharing(sharer s)
{
    return (ldr_sharing)s.state->number;
}

uint64_t sharer_frame(sharer s, uint64_t rva)
{
    s.state->number = rva;
    command(s, FRAME);
    return s.state->number;
}

const char *sharer_read(sharer s)
{
    command(s, READ);
    return s.state->text;
}

void sharer_write(sharer s, const char *text)
{
    memset(s.state->text, 0, sizeof s.state->text);
    strncpy(s.state->text, text, sizeof s.state->text - 1);
    command(s, WRITE);
}

void sharer_unload(sharer s)
{
    command(s, UNLOAD);
}

static int reap(sharer s)
{
    int status = 0;
    waitpid(s.process, &status, 0);
    munmap(s.state, sizeof *s.state);
    return status;
}

void sharer_kill(sharer s)
{
    kill(s.process, SIGKILL);
    reap(s);
}

void sharer_end(sharer s)
{
    s.state->order = END;
    sem_post(&s.state->ordered);
    cr_assert_eq(reap(s), 0);
}
