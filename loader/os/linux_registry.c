/*
 * linux_registry.c: segments that processes of one user find.
 *
 * Who publishes a segment binds a socket to an abstract name that says where it is: the key, the
 * process, the number of its descriptor. The name goes with the last descriptor of the socket,
 * however that comes about.
 *
 * /proc/net/unix lists the names, those of other users among them: what a name says is only where
 * to look. A segment is taken for one of ours by what the kernel says of the opened file: its
 * owner, its name as a memfd, which has the key in it, and its seals, which come last when one is
 * made.
 */
#include "os/linux.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES        16
#define MEMORY_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define COPY_SEALS   (MEMORY_SEALS | F_SEAL_WRITE)
#define OPEN_FLAGS   (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* ---- Names ---- */

void ldr__linux_name_make(const ldr__registry_key *key, const char *rest, ldr__linux_name *ret_name)
{
    ldr__linux_name name = {.address = {.sun_family = AF_UNIX}};
    /* The first byte stays 0: the name is abstract. */
    int length = snprintf(name.address.sun_path + 1, sizeof name.address.sun_path - 1,
                          "peload/%u/%016" PRIx64 "%016" PRIx64 "%s", geteuid(), key->words[0],
                          key->words[1], rest);
    name.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    *ret_name = name;
}

static bool is_refused(int error)
{
    return error == EPERM || error == EACCES || error == ENOSYS || error == EAFNOSUPPORT ||
           error == EPROTONOSUPPORT;
}

static ldr_status status_of_socket(int error)
{
    if (is_refused(error))
        return LDR_POLICY;
    return error == ENOMEM || error == ENOBUFS ? LDR_NO_MEMORY : LDR_OS_ERROR;
}

static ldr_status open_socket(int *ret_fd)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return status_of_socket(errno);
    *ret_fd = fd;
    return LDR_OK;
}

ldr_status ldr__linux_name_bind(const ldr__linux_name *name, ldr__handle *ret_socket)
{
    int fd = -1;
    ldr_status status = open_socket(&fd);
    if (status != LDR_OK)
        return status;
    if (bind(fd, (const struct sockaddr *)&name->address, name->size) != 0) {
        status = errno == EADDRINUSE ? LDR_BUSY : status_of_socket(errno);
        close(fd);
        return status;
    }
    *ret_socket = (ldr__handle){fd};
    return LDR_OK;
}

/* ---- Making and publishing ---- */

/* What a memfd of the key is called, without what the kernel puts around it. */
static void segment_name(const ldr__registry_key *key, char *ret_name, size_t size)
{
    snprintf(ret_name, size, "peload-%016" PRIx64 "%016" PRIx64, key->words[0], key->words[1]);
}

ldr_status ldr__os_registry_create(const ldr__registry_key *key, uint64_t size,
                                   ldr__handle *ret_segment)
{
    char name[64];
    ldr__handle segment;
    segment_name(key, name, sizeof name);
    ldr_status status = ldr__linux_segment(name, size, &segment);
    if (status != LDR_OK)
        return status;
    if (fchmod((int)segment.value, S_IRUSR | S_IWUSR) != 0) {
        ldr__linux_close(segment);
        return LDR_OS_ERROR;
    }
    *ret_segment = segment;
    return LDR_OK;
}

static bool has_seals(int fd, int seals)
{
    int has = fcntl(fd, F_GET_SEALS);
    return has >= 0 && (has & seals) == seals;
}

static ldr_status seal_size(ldr__handle segment)
{
    int fd = (int)segment.value;
    if (has_seals(fd, MEMORY_SEALS) || fcntl(fd, F_ADD_SEALS, MEMORY_SEALS) == 0)
        return LDR_OK;
    return ldr__linux_status();
}

/* The number makes the name differ from what a child holds of an earlier entry of this process. */
static ldr_status bind_entry(const ldr__registry_key *key, const ldr__handle *handles,
                             uint32_t count, ldr__handle *ret_entry)
{
    ldr_status status = LDR_BUSY;
    for (unsigned i = 0; i < TRIES && status == LDR_BUSY; i++) {
        uint32_t number = i;
        if (getrandom(&number, sizeof number, GRND_NONBLOCK) < 0)
            number = i;
        char rest[49];
        snprintf(rest, sizeof rest, "/%d/%d/%d/%08" PRIx32, getpid(), (int)handles[0].value,
                 count > 1 ? (int)handles[1].value : -1, number);
        ldr__linux_name name;
        ldr__linux_name_make(key, rest, &name);
        status = ldr__linux_name_bind(&name, ret_entry);
    }
    return status == LDR_BUSY ? LDR_OS_ERROR : status;
}

ldr_status ldr__os_registry_publish(const ldr__registry_key *key, const ldr__handle *handles,
                                    uint32_t count, ldr__registry_mark *ret_mark)
{
    ldr__registry_mark mark = LDR__NO_MARK;
    ldr_status status = seal_size(handles[0]);
    if (status == LDR_OK)
        status = bind_entry(key, handles, count, &mark.entry);
    if (status != LDR_OK && status != LDR_POLICY)
        return status;
    *ret_mark = mark;
    return LDR_OK;
}

void ldr__os_registry_unpublish(ldr__registry_mark mark)
{
    ldr__linux_close(mark.entry);
}

/* ---- Opening what a name points to ---- */

typedef struct seeker {
    ldr__registry_use use;
    uint32_t count;
    char names[128]; /* how names of the key begin, as /proc shows them */
    char link[96];   /* what the link to a descriptor of the segment says */
    ldr__handle *handles;
} seeker;

/* What a name says. */
typedef struct hint {
    int process, fds[2];
} hint;

/* LDR_FILE_NOT_FOUND: not there, whatever the reason. What keeps this process from opening anything
 * is another matter. */
static ldr_status status_of_opening(void)
{
    if (errno == ENOMEM)
        return LDR_NO_MEMORY;
    return errno == EMFILE || errno == ENFILE ? LDR_OS_ERROR : LDR_FILE_NOT_FOUND;
}

static bool link_says(const char *path, const char *text)
{
    char link[128];
    ssize_t length = readlink(path, link, sizeof link);
    return length == (ssize_t)strlen(text) && memcmp(link, text, (size_t)length) == 0;
}

/* Whether the file that is open now is the segment. */
static bool is_segment(const seeker *s, int fd)
{
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
           link_says(path, s->link) &&
           has_seals(fd, s->use == LDR__REGISTRY_COPY ? COPY_SEALS : MEMORY_SEALS);
}

static ldr_status open_segment(const seeker *s, const hint *at, int *ret_fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", at->process, at->fds[0]);
    /* Looked at first: to open some things has effects. */
    if (!link_says(path, s->link))
        return LDR_FILE_NOT_FOUND;
    int fd = open(path, (s->use == LDR__REGISTRY_COPY ? O_RDONLY : O_RDWR) | OPEN_FLAGS);
    if (fd < 0)
        return status_of_opening();
    if (!is_segment(s, fd)) {
        close(fd);
        return LDR_FILE_NOT_FOUND;
    }
    *ret_fd = fd;
    return LDR_OK;
}

/* The link's own mode is that with which the holder has it open. */
static ldr_status open_second(const hint *at, int *ret_fd)
{
    char path[64];
    struct stat link, info;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", at->process, at->fds[1]);
    if (lstat(path, &link) != 0 || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return LDR_FILE_NOT_FOUND;
    int fd = open(path, ((link.st_mode & S_IWUSR) != 0 ? O_RDWR : O_RDONLY) | OPEN_FLAGS);
    if (fd < 0)
        return status_of_opening();
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return LDR_FILE_NOT_FOUND;
    }
    *ret_fd = fd;
    return LDR_OK;
}

static ldr_status follow(const seeker *s, const hint *at)
{
    int fds[2];
    ldr_status status = open_segment(s, at, &fds[0]);
    if (status == LDR_OK && s->count > 1) {
        status = open_second(at, &fds[1]);
        if (status != LDR_OK)
            close(fds[0]);
    }
    for (uint32_t i = 0; i < s->count && status == LDR_OK; i++)
        s->handles[i] = (ldr__handle){fds[i]};
    return status;
}

/* Children of fork hold what their parent held, under the same numbers. */
static ldr_status follow_in_all_processes(const seeker *s, hint at)
{
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return status_of_opening();
    ldr_status status = LDR_FILE_NOT_FOUND;
    const struct dirent *entry;
    while (status == LDR_FILE_NOT_FOUND && (entry = readdir(processes)) != NULL) {
        at.process = atoi(entry->d_name);
        if (at.process > 0)
            status = follow(s, &at);
    }
    closedir(processes);
    return status;
}

/* ---- Looking for names ---- */

/* The next number of a name, which ends with '/'; -1 is one as well. */
static bool parse_number(const char **text, int *ret_number)
{
    char *end;
    errno = 0;
    long number = strtol(*text, &end, 10);
    if (end == *text || *end != '/' || errno != 0 || number < -1 || number > INT32_MAX)
        return false;
    *text = end + 1;
    *ret_number = (int)number;
    return true;
}

static bool parse_line(const seeker *s, const char *line, hint *ret_hint)
{
    hint at;
    const char *name = strstr(line, s->names);
    if (name == NULL)
        return false;
    name += strlen(s->names);
    if (!parse_number(&name, &at.process) || !parse_number(&name, &at.fds[0]) ||
        !parse_number(&name, &at.fds[1]))
        return false;
    *ret_hint = at;
    return (at.fds[1] >= 0) == (s->count > 1);
}

static ldr_status follow_line(const seeker *s, const char *line)
{
    hint at;
    if (!parse_line(s, line, &at))
        return LDR_FILE_NOT_FOUND;
    ldr_status status = follow(s, &at);
    return status == LDR_FILE_NOT_FOUND ? follow_in_all_processes(s, at) : status;
}

static ldr_status search_names(const seeker *s)
{
    FILE *list = fopen("/proc/net/unix", "re");
    if (list == NULL)
        return status_of_opening();
    char *line = NULL;
    size_t size = 0;
    ldr_status status = LDR_FILE_NOT_FOUND;
    while (status == LDR_FILE_NOT_FOUND && getline(&line, &size, list) >= 0)
        status = follow_line(s, line);
    /* A list that could not be read to its end may have the name. */
    if (status == LDR_FILE_NOT_FOUND && !feof(list))
        status = ldr__linux_status();
    free(line);
    fclose(list);
    return status;
}

static seeker seeker_of(const ldr__registry_key *key, ldr__registry_use use, uint32_t count,
                        ldr__handle *ret_handles)
{
    seeker s = {.use = use, .count = count, .handles = ret_handles};
    ldr__linux_name name;
    char segment[64];
    ldr__linux_name_make(key, "/", &name);
    segment_name(key, segment, sizeof segment);
    snprintf(s.names, sizeof s.names, "@%s", name.address.sun_path + 1);
    snprintf(s.link, sizeof s.link, "/memfd:%s (deleted)", segment);
    return s;
}

/* The kernel gives the list in pieces, and skips a name when one before it goes at the wrong
 * moment: what must not be missed is looked for again. */
ldr_status ldr__os_registry_find(const ldr__registry_key *key, ldr__registry_use use,
                                 uint32_t count, ldr__handle *ret_handles)
{
    seeker s = seeker_of(key, use, count, ret_handles);
    ldr_status status = search_names(&s);
    return status == LDR_FILE_NOT_FOUND && use == LDR__REGISTRY_MEMORY ? search_names(&s) : status;
}

/* ---- Marks on files ---- */

/* A mark lies at the number of the process, and in that at the number of the descriptor. */
#define DESCRIPTOR_BITS 24
#define MARKS_END       ((UINT64_C(1) << 63) - 1)

bool ldr__os_copy_mark(ldr__handle file, ldr__handle segment)
{
    uint64_t place = (uint64_t)getpid() << DESCRIPTOR_BITS | (uint64_t)segment.value;
    struct flock mark = {.l_type = F_RDLCK,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)(LDR__OS_COPY_MARKS + place),
                         .l_len = 1};
    return fcntl((int)file.value, F_OFD_SETLK, &mark) == 0;
}

/* Some mark in the range; to ask needs no right to write. */
static bool find_mark(ldr__handle file, uint64_t start, uint64_t end, uint64_t *ret_mark)
{
    struct flock range = {.l_type = F_WRLCK,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)start,
                          .l_len = (off_t)(end - start)};
    if (start >= end || fcntl((int)file.value, F_OFD_GETLK, &range) != 0 ||
        range.l_type == F_UNLCK || (uint64_t)range.l_start < start)
        return false;
    *ret_mark = (uint64_t)range.l_start;
    return true;
}

/* Others' marks may lead nowhere: the rest of the range is on both sides of one. */
static ldr_status follow_marks(const seeker *s, ldr__handle file, uint64_t start, uint64_t end,
                               unsigned *tries)
{
    uint64_t mark;
    while (*tries > 0 && find_mark(file, start, end, &mark)) {
        uint64_t place = mark - LDR__OS_COPY_MARKS;
        hint at = {.process = (int)(place >> DESCRIPTOR_BITS & INT32_MAX),
                   .fds = {(int)(place & ((1u << DESCRIPTOR_BITS) - 1)), -1}};
        --*tries;
        ldr_status status = follow(s, &at);
        if (status == LDR_FILE_NOT_FOUND)
            status = follow_marks(s, file, start, mark, tries);
        if (status != LDR_FILE_NOT_FOUND)
            return status;
        start = mark + 1;
    }
    return LDR_FILE_NOT_FOUND;
}

ldr_status ldr__os_copy_find(ldr__handle file, const ldr__registry_key *key, bool finished,
                             ldr__handle *ret_segment)
{
    unsigned tries = TRIES;
    ldr__registry_use use = finished ? LDR__REGISTRY_COPY : LDR__REGISTRY_MEMORY;
    seeker s = seeker_of(key, use, 1, ret_segment);
    return follow_marks(&s, file, LDR__OS_COPY_MARKS, MARKS_END, &tries);
}
