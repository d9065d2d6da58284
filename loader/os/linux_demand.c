/*
 * linux_demand.c: pages that are filled when they are first touched, by userfaultfd.
 *
 * A child does not inherit what its parent watches: it would read zeros. So the process has
 * handlers of fork, and a list of pagers for them: a thing that a process can have only once.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_BYTES UINT64_C(4096)
#define NO_FD      (-1)

/* Newer than the C library's headers. */
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* Faults that are read at once. */
#define BATCH 16

/* Enough for the filler, which keeps its bytes elsewhere, and for a sanitizer. */
#define STACK_BYTES (256u << 10)

/* A thread and what ends it. */
typedef struct server {
    pthread_t thread;
    int stop; /* an eventfd, or NO_FD: there is no thread */
} server;

struct ldr__pager {
    ldr__pager *next;
    ldr__pager_owner owner;
    pthread_mutex_t lock; /* of the kind that a child can open after its parent has closed it */
    int faults;           /* the userfaultfd, or NO_FD */
    unsigned users;
    server server;
};

/* What the thread works with: the pager's own may be those of the next thread already. */
typedef struct task {
    ldr__pager *pager;
    int faults, stop;
} task;

static ldr_status status_of_errno(void)
{
    return errno == ENOMEM ? LDR_NO_MEMORY : LDR_OS_ERROR;
}

static void close_fd(int *fd)
{
    if (*fd != NO_FD)
        close(*fd);
    *fd = NO_FD;
}

/* ---- The userfaultfd ---- */

/* Where the call is refused, the device may be open to us. */
static int open_device(void)
{
    int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    if (device < 0)
        return NO_FD;
    int faults = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
    close(device);
    return faults;
}

static ldr_status open_faults(ldr__pager *pager)
{
    struct uffdio_api api = {.api = UFFD_API};
    if (pager->faults != NO_FD)
        return LDR_OK;
    pager->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (pager->faults < 0)
        pager->faults = open_device();
    if (pager->faults < 0) {
        pager->faults = NO_FD;
        return status_of_errno();
    }
    if (ioctl(pager->faults, UFFDIO_API, &api) == 0)
        return LDR_OK;
    close_fd(&pager->faults);
    return LDR_OS_ERROR;
}

static void wake(int faults, uint64_t address, uint64_t size)
{
    struct uffdio_range range = {address, size};
    ioctl(faults, UFFDIO_WAKE, &range);
}

ldr_status ldr__os_pager_watch(ldr__pager *pager, void *address, uint64_t size)
{
    struct uffdio_register request = {.range = {(uintptr_t)address, size},
                                      .mode = UFFDIO_REGISTER_MODE_MISSING};
    return ioctl(pager->faults, UFFDIO_REGISTER, &request) == 0 ? LDR_OK : status_of_errno();
}

void ldr__os_pager_wake(ldr__pager *pager, void *address, uint64_t size)
{
    if (pager->faults != NO_FD)
        wake(pager->faults, (uintptr_t)address, size);
}

/* ---- Filling ---- */

static bool copy_pages(int faults, uint64_t address, uint64_t bytes, uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        struct uffdio_copy copy = {.dst = address + done,
                                   .src = bytes + done,
                                   .len = size - done,
                                   .mode = UFFDIO_COPY_MODE_DONTWAKE};
        if (ioctl(faults, UFFDIO_COPY, &copy) == 0)
            return true;
        if (copy.copy > 0)
            done += (uint64_t)copy.copy;
        else if (errno == EEXIST)
            done += PAGE_BYTES;
        else if (errno != EAGAIN)
            return false;
    }
    return true;
}

/*
 * By a mapping of its own. To write to the segment would do, but the kernel may have large pages
 * for those who do (transparent_hugepage/shmem_enabled), which are zero where nothing is written,
 * and it ends a page with zeros for a moment when it has to wait for the bytes.
 */
ldr_status ldr__os_pager_fill(ldr__pager *pager, ldr__handle segment, uint64_t offset,
                              const void *bytes, uint64_t size)
{
    ldr_status status = open_faults(pager);
    if (status != LDR_OK)
        return status;
    void *pages = mmap(NULL, size, PROT_NONE, MAP_SHARED, (int)segment.value, (off_t)offset);
    if (pages == MAP_FAILED)
        return status_of_errno();
    status = ldr__os_pager_watch(pager, pages, size);
    if (status == LDR_OK && !copy_pages(pager->faults, (uintptr_t)pages, (uintptr_t)bytes, size))
        status = status_of_errno();
    munmap(pages, size);
    return status;
}

/* ---- The thread ---- */

static void answer(const task *t, const struct uffd_msg *message)
{
    if (message->event != UFFD_EVENT_PAGEFAULT)
        return;
    uint64_t page = message->arg.pagefault.address & ~(PAGE_BYTES - 1);
    pthread_mutex_lock(&t->pager->lock);
    t->pager->owner.fill(t->pager->owner.self, (void *)(uintptr_t)page);
    pthread_mutex_unlock(&t->pager->lock);
    wake(t->faults, page, PAGE_BYTES);
}

static void answer_all(const task *t)
{
    struct uffd_msg messages[BATCH];
    ssize_t got = read(t->faults, messages, sizeof messages);
    for (ssize_t i = 0; i < got / (ssize_t)sizeof messages[0]; i++)
        answer(t, &messages[i]);
}

static void *serve(void *argument)
{
    const task t = *(task *)argument;
    free(argument);
    struct pollfd waits[] = {{.fd = t.faults, .events = POLLIN}, {.fd = t.stop, .events = POLLIN}};
    for (;;) {
        poll(waits, sizeof waits / sizeof waits[0], -1);
        if (waits[1].revents != 0)
            return NULL;
        if (waits[0].revents != 0)
            answer_all(&t);
    }
}

/* Signals are for the threads of the program. */
static int create_thread(task *t, pthread_t *ret_thread)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return ENOMEM;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(ret_thread, &attributes, serve, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

static ldr_status start(ldr__pager *pager)
{
    if (pager->server.stop != NO_FD)
        return LDR_OK;
    task *t = malloc(sizeof *t);
    if (t == NULL)
        return LDR_NO_MEMORY;
    server s = {.stop = eventfd(0, EFD_CLOEXEC)};
    *t = (task){pager, pager->faults, s.stop};
    if (s.stop < 0 || create_thread(t, &s.thread) != 0) {
        close_fd(&s.stop);
        free(t);
        return LDR_OS_ERROR;
    }
    pager->server = s;
    return LDR_OK;
}

/* The thread may be waiting for the lock, which is not held here. */
static void end(server *s)
{
    uint64_t one = 1;
    if (s->stop == NO_FD)
        return;
    ssize_t written = write(s->stop, &one, sizeof one);
    (void)written; /* the first to an eventfd, for which there is room */
    pthread_join(s->thread, NULL);
    close_fd(&s->stop);
}

ldr_status ldr__os_pager_begin(ldr__pager *pager)
{
    pthread_mutex_lock(&pager->lock);
    ldr_status status = open_faults(pager);
    if (status == LDR_OK)
        status = start(pager);
    pager->users += status == LDR_OK;
    pthread_mutex_unlock(&pager->lock);
    return status;
}

void ldr__os_pager_end(ldr__pager *pager)
{
    server last = {.stop = NO_FD};
    pthread_mutex_lock(&pager->lock);
    if (--pager->users == 0) {
        last = pager->server;
        pager->server.stop = NO_FD;
    }
    pthread_mutex_unlock(&pager->lock);
    end(&last);
}

void ldr__os_pager_lock(ldr__pager *pager)
{
    pthread_mutex_lock(&pager->lock);
}

void ldr__os_pager_unlock(ldr__pager *pager)
{
    pthread_mutex_unlock(&pager->lock);
}

/* ---- Fork ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t pagers_lock = PTHREAD_MUTEX_INITIALIZER;
static ldr__pager *pagers;
static bool has_fork_handlers;

static void before_fork(void)
{
    pthread_mutex_lock(&pagers_lock);
    for (ldr__pager *pager = pagers; pager != NULL; pager = pager->next) {
        pthread_mutex_lock(&pager->lock);
        if (pager->users > 0)
            pager->owner.settle(pager->owner.self);
    }
}

static void after_fork_in_parent(void)
{
    for (ldr__pager *pager = pagers; pager != NULL; pager = pager->next)
        pthread_mutex_unlock(&pager->lock);
    pthread_mutex_unlock(&pagers_lock);
}

/* The thread is not there, and the userfaultfd is the parent's: to read it would take its faults.
 */
static void after_fork_in_child(void)
{
    for (ldr__pager *pager = pagers; pager != NULL; pager = pager->next) {
        close_fd(&pager->faults);
        close_fd(&pager->server.stop);
        pthread_mutex_unlock(&pager->lock);
    }
    pthread_mutex_unlock(&pagers_lock);
}

static void handle_forks(void)
{
    has_fork_handlers = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

/* ---- Pagers ---- */

ldr_status ldr__os_pager_create(const ldr__pager_owner *owner, ldr__pager **ret_pager)
{
    pthread_once(&once, handle_forks);
    ldr__pager *pager = calloc(1, sizeof *pager);
    if (!has_fork_handlers || pager == NULL) {
        free(pager);
        return LDR_NO_MEMORY;
    }
    pager->owner = *owner;
    pager->faults = pager->server.stop = NO_FD;
    pthread_mutex_init(&pager->lock, NULL);
    ldr_status status = open_faults(pager);
    if (status != LDR_OK) {
        free(pager);
        return status;
    }
    pthread_mutex_lock(&pagers_lock);
    pager->next = pagers;
    pagers = pager;
    pthread_mutex_unlock(&pagers_lock);
    *ret_pager = pager;
    return LDR_OK;
}

void ldr__os_pager_destroy(ldr__pager *pager)
{
    if (pager == NULL)
        return;
    pthread_mutex_lock(&pagers_lock);
    ldr__pager **link = &pagers;
    while (*link != pager)
        link = &(*link)->next;
    *link = pager->next;
    pthread_mutex_unlock(&pagers_lock);
    close_fd(&pager->faults);
    pthread_mutex_destroy(&pager->lock);
    free(pager);
}
