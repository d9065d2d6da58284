/*
 * start.h: what one guest process tells another that it starts.
 *
 * A process of the guest is a process of the host. CreateProcess makes a block of memory that both
 * share, and runs the embedder's command (ldr_context_options.process_command) with the block's
 * descriptor: there the new context finds its command line and the handles that it inherits, and
 * leaves its exit code, which has 32 bits where the host's has eight.
 */
#ifndef PELOAD_WIN32_START_H
#define PELOAD_WIN32_START_H

#include "section/descriptor.h"
#include "win32/win32.h"

/* A handle that the new process has from the start, under the same value. */
typedef struct ldr__start_handle {
    uint64_t handle;
    uint32_t access;
    uint32_t type;          /* LDR__OBJECT_FILE or LDR__OBJECT_SECTION */
    int32_t fd;             /* in the new process; of a section: its memory or file */
    int32_t descriptor;     /* of a section, or -1 */
    uint32_t file_access;   /* LDR_FILE_*, of a file that CreateFile opened; 0: of another */
    uint32_t reads, writes; /* what a file was opened for */
    ldr__facts facts;       /* of a section */
} ldr__start_handle;

/* One of the three standard handles. Closed: the value is there, but nothing behind it. */
typedef struct ldr__start_standard {
    uint64_t handle;
    uint64_t closed;
} ldr__start_standard;

typedef struct ldr__start_block {
    uint32_t magic;
    uint32_t handle_count;
    uint64_t command_line_size; /* with its NUL */
    _Atomic uint64_t exit;      /* 0 while it runs, then LDR__START_EXITED and the exit code */
    _Atomic uint32_t suspended; /* a futex: the program does not begin while it is not 0 */
    uint32_t unused;
    ldr__start_standard standard[3];
    ldr__start_handle handles[]; /* the command line (UTF-8) behind them */
} ldr__start_block;

#define LDR__START_MAGIC  0x31747374u
#define LDR__START_EXITED (UINT64_C(1) << 32)

/* How large a block is. */
static inline size_t ldr__start_size(uint32_t handle_count, uint64_t command_line_size)
{
    return sizeof(ldr__start_block) + handle_count * sizeof(ldr__start_handle) + command_line_size;
}

static inline char *ldr__start_text(ldr__start_block *block)
{
    return (char *)(block->handles + block->handle_count);
}

/* Sets the exit code, once: the first who knows it wins. True for that one. */
bool ldr__start_set_exit(ldr__start_block *block, DWORD exit_code);

/* ---- In the new process (start.c) ---- */

/*
 * Takes over the descriptor that the process was started with. LDR_INVALID_ARGUMENT if it is none,
 * LDR_NO_MEMORY.
 */
ldr_status ldr__start_open(ldr__process *process, int fd);
void ldr__start_close(ldr__process *process);
const char *ldr__start_command_line(const struct ldr__start *start);
const char *const *ldr__start_arguments(const struct ldr__start *start, int *ret_argc);
/* The handles that it inherits, and the standard ones. */
ldr_status ldr__start_adopt_handles(ldr__process *process);
/* Returns once the process is not suspended. */
void ldr__start_wait_resumed(const struct ldr__start *start);
/* Tells the parent. */
void ldr__start_exit(const struct ldr__start *start, DWORD exit_code);

#endif
