/* Segments that processes of one user find. */
#include "os/os.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE   UINT64_C(8192)
#define NOBODY 65534

/* ---- What the tests do with it ---- */

/* A key of this test process alone, or the same in its children. */
static ldr__registry_key make_key(void)
{
    static ldr__registry_key key;
    static bool made;
    char text[64];
    if (!made) {
        ldr__os_registry_key(text, (size_t)snprintf(text, sizeof text, "test %d", getpid()), &key);
        made = true;
    }
    return key;
}

typedef struct published {
    ldr__handle segment;
    ldr__registry_mark mark;
} published;

static published publish(const char *text, bool sealed)
{
    ldr__registry_key key = make_key();
    published p;
    cr_assert_eq(ldr__os_registry_create(&key, SIZE, &p.segment), LDR_OK);
    cr_assert_eq(ldr__os_segment_write(p.segment, 0, text, strlen(text)), LDR_OK);
    if (sealed)
        cr_assert_eq(ldr__os_segment_seal(p.segment), LDR_OK);
    cr_assert_eq(ldr__os_registry_publish(&key, &p.segment, 1, &p.mark), LDR_OK);
    return p;
}

static void withdraw(published p)
{
    ldr__os_registry_unpublish(p.mark);
    ldr__os_close(p.segment);
}

static ldr_status find(ldr__registry_use use, ldr__handle *ret_segment)
{
    ldr__registry_key key = make_key();
    return ldr__os_registry_find(&key, use, 1, ret_segment);
}

static bool is_found(ldr__registry_use use, const char *text)
{
    char bytes[64] = {0};
    ldr__handle segment;
    ldr_status status = find(use, &segment);
    if (status != LDR_OK)
        return false;
    bool same = pread((int)segment.value, bytes, strlen(text), 0) == (ssize_t)strlen(text) &&
                memcmp(bytes, text, strlen(text)) == 0;
    ldr__os_close(segment);
    return same;
}

static bool is_found_somehow(const char *text)
{
    return is_found(LDR__REGISTRY_MEMORY, text) || is_found(LDR__REGISTRY_COPY, text);
}

/* A child that says when it is ready and goes on when it is told; both ends of a pipe each. */
typedef struct child {
    pid_t process;
    int ready[2], go[2];
} child;

static child prepare(void)
{
    child c;
    make_key();
    cr_assert_eq(pipe(c.ready), 0);
    cr_assert_eq(pipe(c.go), 0);
    return c;
}

static void tell(int fd)
{
    ssize_t count = write(fd, "x", 1);
    (void)count;
}

static void wait_for(int fd)
{
    char byte;
    ssize_t count = read(fd, &byte, 1);
    (void)count;
}

static int finish(pid_t process)
{
    int status = 0;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Each side keeps its own ends, so that it notices when the other is gone. */
static void be_child(const child *c)
{
    close(c->ready[0]);
    close(c->go[1]);
}

static void be_parent(const child *c)
{
    close(c->ready[1]);
    close(c->go[0]);
}

/* A child that publishes and then waits. */
static child publish_in_child(const char *text, bool sealed)
{
    child c = prepare();
    c.process = fork();
    if (c.process == 0) {
        be_child(&c);
        publish(text, sealed);
        tell(c.ready[1]);
        wait_for(c.go[0]);
        _exit(0);
    }
    be_parent(&c);
    wait_for(c.ready[0]);
    return c;
}

static int bind_name(const char *text, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", text);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                 0);
    return fd;
}

/* The name of the key for this user, and `rest`. */
static const char *name_of(const char *rest)
{
    static char name[128];
    ldr__registry_key key = make_key();
    snprintf(name, sizeof name, "peload/%u/%016" PRIx64 "%016" PRIx64 "%s", geteuid(), key.words[0],
             key.words[1], rest);
    return name;
}

static const char *entry_of(pid_t process, int fd)
{
    char rest[64];
    snprintf(rest, sizeof rest, "/%d/%d/-1/forged", process, fd);
    return name_of(rest);
}

/* Only root can become somebody else. */
static bool can_be_nobody(void)
{
    return geteuid() == 0;
}

/* ---- Keys ---- */

static void expect_key(const void *bytes, size_t size, const char *expected)
{
    ldr__registry_key key;
    uint8_t raw[16];
    char text[33];
    ldr__os_registry_key(bytes, size, &key);
    memcpy(raw, key.words, sizeof raw);
    for (unsigned i = 0; i < sizeof raw; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", raw[i]);
    cr_assert_str_eq(text, expected);
}

/* Of Python's hashlib.blake2s(..., digest_size=16). */
Test(registry_key, is_blake2s_of_128_bits)
{
    uint8_t bytes[200];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    expect_key(NULL, 0, "64550d6ffe2c0a01a14aba1eade0200c");
    expect_key("abc", 3, "aa4938119b1dc7b87cbad0ffd200d0ae");
    expect_key(bytes, sizeof bytes, "60e1aeb835cbdc82f24af34585a9df13");
    memset(bytes, 0, sizeof bytes);
    expect_key(bytes, 64, "76963bea68c248e66179e555e37b3f02");
}

/* ---- Finding ---- */

Test(registry, nothing_is_found_before_it_is_published)
{
    ldr__handle segment = {77};
    cr_assert_eq(find(LDR__REGISTRY_COPY, &segment), LDR_FILE_NOT_FOUND);
    cr_assert_eq(find(LDR__REGISTRY_MEMORY, &segment), LDR_FILE_NOT_FOUND);
    cr_assert_eq(segment.value, 77);
}

Test(registry, sealed_segment_is_found_until_it_is_withdrawn)
{
    published p = publish("copy", true);
    cr_assert(is_found(LDR__REGISTRY_COPY, "copy"));
    withdraw(p);
    cr_assert_not(is_found_somehow("copy"));
}

Test(registry, copy_in_another_process_is_found_until_it_is_killed)
{
    child c = publish_in_child("theirs", true);
    cr_assert(is_found(LDR__REGISTRY_COPY, "theirs"));
    kill(c.process, SIGKILL);
    finish(c.process);
    cr_assert_not(is_found_somehow("theirs"));
}

Test(registry, memory_is_written_by_one_process_and_read_by_another)
{
    child c = publish_in_child("first", false);
    ldr__handle segment;
    cr_assert_eq(find(LDR__REGISTRY_MEMORY, &segment), LDR_OK);
    cr_assert_eq(pwrite((int)segment.value, "other", 5, 0), 5);
    cr_assert(is_found(LDR__REGISTRY_MEMORY, "other"));
    tell(c.go[1]);
    finish(c.process);
    ldr__os_close(segment);
}

/* What others can write to is no copy of a file. */
Test(registry, segment_that_is_not_sealed_is_no_copy)
{
    published p = publish("memory", false);
    cr_assert(is_found(LDR__REGISTRY_MEMORY, "memory"));
    cr_assert_not(is_found(LDR__REGISTRY_COPY, "memory"));
    withdraw(p);
}

Test(registry, segment_that_is_still_being_filled_is_not_found)
{
    ldr__registry_key key = make_key();
    ldr__handle segment;
    cr_assert_eq(ldr__os_registry_create(&key, SIZE, &segment), LDR_OK);
    int forged = bind_name(entry_of(getpid(), (int)segment.value), SOCK_DGRAM);
    cr_assert_not(is_found_somehow(""));
    close(forged);
    ldr__os_close(segment);
}

Test(registry, published_segment_keeps_its_size)
{
    published p = publish("x", false);
    cr_assert_neq(ftruncate((int)p.segment.value, 0), 0);
    withdraw(p);
}

Test(registry, two_handles_are_found_with_the_rights_they_have)
{
    char path[] = "/tmp/peload-registry-XXXXXX";
    ldr__registry_key key = make_key();
    ldr__handle handles[2], found[2];
    ldr__registry_mark mark;
    int writable = mkstemp(path);
    handles[1] = (ldr__handle){open(path, O_RDONLY | O_CLOEXEC)};
    unlink(path);
    cr_assert_eq(ldr__os_registry_create(&key, SIZE, &handles[0]), LDR_OK);
    cr_assert_eq(ldr__os_registry_publish(&key, handles, 2, &mark), LDR_OK);
    cr_assert_eq(ldr__os_registry_find(&key, LDR__REGISTRY_MEMORY, 2, found), LDR_OK);
    struct stat first, second;
    fstat((int)handles[1].value, &first);
    fstat((int)found[1].value, &second);
    cr_assert_eq(first.st_ino, second.st_ino);
    cr_assert_eq(fcntl((int)found[1].value, F_GETFL) & O_ACCMODE, O_RDONLY);
    cr_assert_not(is_found(LDR__REGISTRY_MEMORY, ""), "one handle is another publication");
    for (unsigned i = 0; i < 2; i++) {
        ldr__os_close(handles[i]);
        ldr__os_close(found[i]);
    }
    close(writable);
    ldr__os_registry_unpublish(mark);
}

/* ---- Copies of files ---- */

static ldr__handle open_again(const char *path)
{
    ldr__handle file;
    cr_assert_eq(ldr__os_file_open(path, &file), LDR_OK);
    return file;
}

/* A file of this test alone, which is removed at once. */
static void open_file(ldr__handle *ret_files, unsigned times)
{
    char path[] = "/tmp/peload-registry-XXXXXX";
    close(mkstemp(path));
    for (unsigned i = 0; i < times; i++)
        ret_files[i] = open_again(path);
    unlink(path);
}

/* A segment that can be found, marked on the file. */
static ldr__handle mark_copy(ldr__handle file)
{
    ldr__registry_key key = make_key();
    ldr__handle segment;
    cr_assert_eq(ldr__os_registry_create(&key, SIZE, &segment), LDR_OK);
    cr_assert_eq(ldr__os_segment_seal(segment), LDR_OK);
    cr_assert(ldr__os_copy_mark(file, segment));
    return segment;
}

static ldr_status find_copy(ldr__handle file)
{
    ldr__registry_key key = make_key();
    ldr__handle found;
    ldr_status status = ldr__os_copy_find(file, &key, true, &found);
    if (status == LDR_OK)
        ldr__os_close(found);
    return status;
}

Test(copies, are_found_through_their_file_until_it_is_closed)
{
    ldr__handle files[2];
    open_file(files, 2);
    cr_assert_eq(find_copy(files[1]), LDR_FILE_NOT_FOUND);
    ldr__handle segment = mark_copy(files[0]);
    cr_assert_eq(find_copy(files[1]), LDR_OK);
    ldr__os_close(files[0]);
    cr_assert_eq(find_copy(files[1]), LDR_FILE_NOT_FOUND);
    ldr__os_close(segment);
    ldr__os_close(files[1]);
}

Test(copies, of_another_process_are_found_until_it_is_killed)
{
    ldr__handle files[2];
    open_file(files, 2);
    child c = prepare();
    c.process = fork();
    if (c.process == 0) {
        char path[64];
        be_child(&c);
        snprintf(path, sizeof path, "/proc/self/fd/%d", (int)files[0].value);
        mark_copy((ldr__handle){open(path, O_RDONLY | O_CLOEXEC)});
        tell(c.ready[1]);
        wait_for(c.go[0]);
    }
    be_parent(&c);
    wait_for(c.ready[0]);
    cr_assert_eq(find_copy(files[1]), LDR_OK);
    kill(c.process, SIGKILL);
    finish(c.process);
    cr_assert_eq(find_copy(files[1]), LDR_FILE_NOT_FOUND);
    ldr__os_close(files[0]);
    ldr__os_close(files[1]);
}

static void lock_range(ldr__handle file, uint64_t start, uint64_t size)
{
    struct flock range = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)size};
    cr_assert_eq(fcntl((int)file.value, F_OFD_SETLK, &range), 0);
}

/* Before it and behind it, and that of a descriptor that is something else. */
Test(copies, are_found_among_marks_that_lead_nowhere)
{
    ldr__handle files[2];
    open_file(files, 2);
    ldr__handle segment = mark_copy(files[0]);
    uint64_t place = LDR__OS_COPY_MARKS + ((uint64_t)getpid() << 24);
    lock_range(files[0], LDR__OS_COPY_MARKS, 1);
    lock_range(files[0], LDR__OS_COPY_MARKS + 3, 1);
    lock_range(files[0], place + 1, 1);
    lock_range(files[0], place + 1000, 7);
    lock_range(files[0], LDR__OS_COPY_MARKS + (UINT64_C(1) << 58), 1);
    cr_assert_eq(find_copy(files[1]), LDR_OK);
    ldr__os_close(segment);
    cr_assert_eq(find_copy(files[1]), LDR_FILE_NOT_FOUND);
    ldr__os_close(files[0]);
    ldr__os_close(files[1]);
}

Test(copies, are_missed_where_the_whole_file_is_locked)
{
    ldr__handle files[3];
    open_file(files, 3);
    lock_range(files[0], 0, INT64_MAX);
    ldr__handle segment = mark_copy(files[1]);
    cr_assert_eq(find_copy(files[2]), LDR_FILE_NOT_FOUND);
    ldr__os_close(segment);
    for (unsigned i = 0; i < 3; i++)
        ldr__os_close(files[i]);
}

Test(copies, of_another_state_of_the_file_are_not_taken)
{
    ldr__handle files[2], found;
    ldr__registry_key other;
    open_file(files, 2);
    ldr__handle segment = mark_copy(files[0]);
    ldr__os_registry_key("another", 7, &other);
    cr_assert_eq(ldr__os_copy_find(files[1], &other, true, &found), LDR_FILE_NOT_FOUND);
    ldr__os_close(segment);
    ldr__os_close(files[0]);
    ldr__os_close(files[1]);
}

/* ---- fork ---- */

/* A process publishes, forks and ends; its child holds what it had. */
static child orphan(const char *text)
{
    child c = prepare();
    c.process = fork();
    if (c.process != 0) {
        finish(c.process);
        be_parent(&c);
        wait_for(c.ready[0]);
        return c;
    }
    publish(text, true);
    if (fork() == 0) {
        tell(c.ready[1]);
        wait_for(c.go[0]);
        tell(c.ready[1]);
    }
    _exit(0);
}

/* Waits until nobody has the other end. */
static void wait_for_end(const child *c)
{
    char byte;
    while (read(c->ready[0], &byte, 1) > 0) {
    }
}

Test(registry, child_goes_on_holding_what_its_dead_parent_published)
{
    child c = orphan("inherited");
    cr_assert(is_found(LDR__REGISTRY_COPY, "inherited"));
    tell(c.go[1]);
    wait_for_end(&c);
    cr_assert_not(is_found_somehow("inherited"));
}

/* The parent's descriptor has become something else; the name is still there, the child's. */
Test(registry, number_that_is_used_again_is_not_taken_for_the_segment)
{
    child c = prepare();
    published p = publish("mine", true);
    int number = (int)p.segment.value;
    c.process = fork();
    if (c.process == 0) {
        be_child(&c);
        tell(c.ready[1]);
        wait_for(c.go[0]);
        _exit(0);
    }
    be_parent(&c);
    wait_for(c.ready[0]);
    withdraw(p);
    int other = memfd_create("other", MFD_CLOEXEC);
    cr_assert_eq(dup2(other, number), number);
    cr_assert(is_found(LDR__REGISTRY_COPY, "mine"), "the child still holds it");
    tell(c.go[1]);
    finish(c.process);
    cr_assert_not(is_found_somehow("mine"));
}

/* ---- What others do ---- */

Test(registry, name_that_points_to_another_file_is_not_followed)
{
    char link[64];
    int other = memfd_create("peload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_assert_eq(ftruncate(other, SIZE), 0);
    fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    int first = bind_name(entry_of(getpid(), other), SOCK_DGRAM);
    snprintf(link, sizeof link, "/%d/%d", getpid(), other);
    int second = bind_name(name_of(link), SOCK_DGRAM);
    cr_assert_not(is_found_somehow(""));
    close(first);
    close(second);
    close(other);
}

Test(registry, names_that_make_no_sense_are_passed_over)
{
    static const char *rests[] = {"/",
                                  "/1",
                                  "/x/y/z/",
                                  "/1/2/",
                                  "//////",
                                  "/-1/-1/-1/",
                                  "/99999999999/1/-1/",
                                  "/1/2/-1",
                                  "/0/0/-1/1",
                                  "/2147483647/2147483647/-1/"};
    int fds[sizeof rests / sizeof rests[0]];
    for (unsigned i = 0; i < sizeof rests / sizeof rests[0]; i++)
        fds[i] = bind_name(name_of(rests[i]), i % 2 == 0 ? SOCK_DGRAM : SOCK_STREAM);
    published p = publish("real", true);
    cr_assert(is_found(LDR__REGISTRY_COPY, "real"));
    withdraw(p);
    cr_assert_not(is_found_somehow("real"));
    for (unsigned i = 0; i < sizeof rests / sizeof rests[0]; i++)
        close(fds[i]);
}

/* As another user makes a segment that looks like one of this user's. */
static void be_an_impostor(const child *c)
{
    char rest[128], name[64];
    ldr__registry_key key = make_key();
    if (setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(1);
    prctl(PR_SET_DUMPABLE, 1);
    snprintf(name, sizeof name, "peload-%016" PRIx64 "%016" PRIx64, key.words[0], key.words[1]);
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, SIZE) != 0 || pwrite(fd, "forged", 6, 0) != 6)
        _exit(1);
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    snprintf(rest, sizeof rest, "peload/0/%s/%d/%d/-1/1", name + 7, getpid(), fd);
    bind_name(rest, SOCK_DGRAM);
    tell(c->ready[1]);
    wait_for(c->go[0]);
    _exit(0);
}

Test(registry, segment_of_another_user_is_refused)
{
    if (!can_be_nobody())
        return;
    child c = prepare();
    c.process = fork();
    if (c.process == 0) {
        be_child(&c);
        be_an_impostor(&c);
    }
    be_parent(&c);
    wait_for(c.ready[0]);
    cr_assert_not(is_found_somehow("forged"));
    tell(c.go[1]);
    cr_assert_eq(finish(c.process), 0);
}

/* Tries all that a name tells another user. */
static void be_an_intruder(pid_t owner, int fd)
{
    char path[64];
    if (setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(1);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", owner, fd);
    bool opened = open(path, O_RDWR) >= 0 || open(path, O_RDONLY) >= 0;
    _exit(opened || is_found_somehow("mine") ? 2 : 0);
}

Test(registry, another_user_can_open_nothing)
{
    if (!can_be_nobody())
        return;
    published p = publish("mine", false);
    struct stat info;
    fstat((int)p.segment.value, &info);
    cr_assert_eq(info.st_mode & 0777, 0600);
    pid_t owner = getpid();
    pid_t process = fork();
    if (process == 0)
        be_an_intruder(owner, (int)p.segment.value);
    cr_assert_eq(finish(process), 0);
    withdraw(p);
}

/* ---- The lock ---- */

Test(registry_lock, is_had_again_after_it_is_given_back)
{
    ldr__registry_key key = make_key();
    ldr__registry_lock *lock = NULL;
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(ldr__os_registry_lock(&key, &lock), LDR_OK);
        cr_assert_not_null(lock);
        ldr__os_registry_unlock(lock);
    }
}

/* Adds to a count that is not atomic, `times`. */
static void count_up(volatile unsigned *count, unsigned times)
{
    ldr__registry_key key = make_key();
    for (unsigned i = 0; i < times; i++) {
        ldr__registry_lock *lock = NULL;
        if (ldr__os_registry_lock(&key, &lock) != LDR_OK)
            _exit(1);
        unsigned before = *count;
        sched_yield();
        *count = before + 1;
        ldr__os_registry_unlock(lock);
    }
}

Test(registry_lock, one_process_has_it_at_a_time)
{
    make_key();
    volatile unsigned *count =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t processes[4];
    for (unsigned i = 0; i < 4; i++) {
        processes[i] = fork();
        if (processes[i] == 0) {
            count_up(count, 50);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(finish(processes[i]), 0);
    cr_assert_eq(*count, 200u);
}

/* The lock is had by a process that is killed, and by one that forks meanwhile. */
static child lock_in_child(bool forks)
{
    child c = prepare();
    ldr__registry_key key = make_key();
    c.process = fork();
    if (c.process == 0) {
        be_child(&c);
        ldr__registry_lock *lock = NULL;
        ldr__os_registry_lock(&key, &lock);
        if (!forks || fork() == 0) {
            tell(c.ready[1]);
            wait_for(c.go[0]);
        }
        _exit(0);
    }
    be_parent(&c);
    wait_for(c.ready[0]);
    return c;
}

Test(registry_lock, process_that_is_killed_gives_it_back)
{
    ldr__registry_key key = make_key();
    child c = lock_in_child(false);
    kill(c.process, SIGKILL);
    ldr__registry_lock *lock = NULL;
    cr_assert_eq(ldr__os_registry_lock(&key, &lock), LDR_OK);
    ldr__os_registry_unlock(lock);
    finish(c.process);
}

Test(registry_lock, child_of_fork_does_not_keep_it)
{
    ldr__registry_key key = make_key();
    child c = lock_in_child(true);
    finish(c.process);
    ldr__registry_lock *lock = NULL;
    cr_assert_eq(ldr__os_registry_lock(&key, &lock), LDR_OK);
    ldr__os_registry_unlock(lock);
    tell(c.go[1]);
}

Test(registry_lock, name_that_somebody_else_has_ends_with_busy, .timeout = 30)
{
    ldr__registry_key key = make_key();
    int squatter = bind_name(name_of("/lock"), SOCK_DGRAM);
    ldr__registry_lock *lock = (ldr__registry_lock *)&key;
    cr_assert_eq(ldr__os_registry_lock(&key, &lock), LDR_BUSY);
    cr_assert_eq((void *)lock, (void *)&key, "untouched");
    close(squatter);
}

/* ---- Without ---- */

/* As a sandbox: no call of `number` from now on. */
static void forbid(unsigned number)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = code};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void expect_nothing_but_success(void)
{
    ldr__registry_key key = make_key();
    ldr__registry_lock *lock = (ldr__registry_lock *)&key;
    cr_assert_eq(ldr__os_registry_lock(&key, &lock), LDR_OK);
    cr_assert_null(lock);
    published p = publish("alone", false);
    cr_assert_eq(p.mark.entry.value, -1);
    cr_assert_not(is_found_somehow("alone"));
    withdraw(p);
    ldr__os_registry_unlock(lock);
}

Test(registry, sandbox_without_sockets_is_alone_without_failure)
{
    forbid(SYS_socket);
    expect_nothing_but_success();
}

Test(registry, sandbox_without_names_is_alone_without_failure)
{
    forbid(SYS_bind);
    expect_nothing_but_success();
}

/* Whether there is memory already cannot be known. */
Test(registry, process_without_free_descriptors_is_told_so)
{
    published p = publish("memory", false);
    ldr__registry_key key = make_key();
    struct rlimit none = {0, 64};
    ldr__registry_mark mark = {{7}};
    ldr__registry_lock *lock = (ldr__registry_lock *)&key;
    ldr__handle segment = {77};
    setrlimit(RLIMIT_NOFILE, &none);
    ldr_status found = find(LDR__REGISTRY_MEMORY, &segment);
    ldr_status made = ldr__os_registry_publish(&key, &p.segment, 1, &mark);
    ldr_status locked = ldr__os_registry_lock(&key, &lock);
    none.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &none);
    cr_assert_eq(found, LDR_OS_ERROR);
    cr_assert_eq(made, LDR_OS_ERROR);
    cr_assert_eq(locked, LDR_OS_ERROR);
    cr_assert_eq(segment.value, 77);
    cr_assert_eq(mark.entry.value, 7);
    withdraw(p);
}
