/* SPDX-License-Identifier: MIT */
/* Names of files, whose they are, and which of them may be removed. */
#include "child.h"
#include "segment/file.h"
#include "segment/find.h"
#include "segment/maps.h"
#include "segment/segment.h"
#include "segment/stem.h"
#include "weir/agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct weir_error error;

/* ---- names ---------------------------------------------------------------------------------- */

static void a_name_is_read_as_it_was_written(void **state)
{
    (void)state;
    static const struct wi_stem stems[] = {
        {1, 1, 0}, {4821, 901234, 0x0000000a}, {UINT32_MAX, UINT64_MAX, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++) {
        char text[WI_STEM_MAX];
        char name[64];
        struct wi_stem stem;
        wi_stem_write(&stems[i], text, sizeof(text));
        snprintf(name, sizeof(name), "%s.weir", text);
        assert_true(wi_stem_read(name, ".weir", &stem) && wi_stem_is_same(&stem, &stems[i]));
        assert_false(wi_stem_read(name, ".sock", &stem));
    }
}

static void what_is_no_name_of_ours_is_left_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "1.weir",
                                        "1-.weir",
                                        "1-2-.weir",
                                        "1-2-abc.weir",
                                        "a-2.weir",
                                        "1-2-ABCDEF01.weir",
                                        "1-2-0000000g.weir",
                                        "1-2-00000000.weir",
                                        "1-2-123456789.weir",
                                        "1-2.weir2",
                                        "1-2-abcdef01.weir.weir"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct wi_stem stem;
        if (wi_stem_read(names[i], ".weir", &stem)) {
            fail_msg("%s was taken for a segment's name", names[i]);
        }
    }
}

static void a_segments_name_has_its_id(const char *dir)
{
    char path[256];
    struct wi_stem stem;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(wi_stem_read(strrchr(path, '/') + 1, ".weir", &stem) && stem.id != 0);
    CHECK(stem.id == wi_segment_header()->id && stem.pid == (uint32_t)getpid());
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        CHECK(wi_segment_header()->id != 0 && wi_segment_header()->id != stem.id);
        exit(0);
    }
    int status = 1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(wi_segment_header()->id == stem.id && child_count(dir, ".weir", NULL, 0) == 1);
}

CHILD_TEST(a_segments_name_has_its_id)

/* ---- what has its name -------------------------------------------------------------------------- */

static int make(const char *dir, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    return fd;
}

static bool is_there(const char *dir, const char *name)
{
    char path[256];
    struct stat facts;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return lstat(path, &facts) == 0;
}

static void lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK(fcntl(fd, F_OFD_SETLK, &lock) == 0);
}

/* With a nameless file and with one that has a name meanwhile. */
static void no_file_takes_anothers_name(const char *dir)
{
    static const char name[] = "1-7-0badcafe.weir";
    struct stat before;
    struct stat after;
    int other = make(dir, name);
    CHECK(fstat(other, &before) == 0);
    for (int i = 0; i < 2; i++) {
        int fd;
        char temporary[64];
        CHECK(wi_file_create(dir, 4096, &fd, temporary, sizeof(temporary), &error) == WEIR_OK);
        if (i == 1) {
            close(fd);
            fd = make(dir, "temporary");
            snprintf(temporary, sizeof(temporary), "temporary");
        }
        CHECK(wi_file_publish(fd, dir, temporary, name, &error) == WEIR_E_STATE);
        wi_file_drop(fd, dir, temporary);
        CHECK(fstat(other, &after) == 0);
        CHECK(after.st_ino == before.st_ino && after.st_nlink == 1);
    }
    close(other);
    CHECK(child_count(dir, "temporary", NULL, 0) == 0);
}

CHILD_TEST(no_file_takes_anothers_name)

/* Pid 1 has not started at tick 1 here: it is of another pid namespace, and lives. */
static void what_is_locked_is_not_swept(const char *dir)
{
    static const char *const held[] = {"1-999999999999-0000000a.history",
                                       ".1-999999999999-0000000b.weir.stopped",
                                       "1-999999999999.history"};
    static const char *const left[] = {"1-999999999999-0000000c.history",
                                       ".1-999999999999-0000000d.weir.stopped",
                                       "1-888888888888.history"};
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = make(dir, held[i]);
        lock(fds[i]);
        close(make(dir, left[i]));
    }
    wi_find_prune(dir);
    for (int i = 0; i < 3; i++) {
        CHECK(is_there(dir, held[i]) && !is_there(dir, left[i]));
        close(fds[i]);
    }
    wi_find_prune(dir);
    CHECK(child_count(dir, ".history", NULL, 0) == 0);
    CHECK(child_count(dir, ".stopped", NULL, 0) == 0);
}

CHILD_TEST(what_is_locked_is_not_swept)

/* Its segment's name was taken away; it has written its history again, and listens. */
static void a_socket_stays_while_its_history_is_written(const char *dir)
{
    int history = make(dir, "1-999999999999-0000000a.history");
    lock(history);
    close(make(dir, "1-999999999999-0000000a.sock"));
    close(make(dir, "1-999999999999-0000000b.sock"));
    wi_find_prune(dir);
    CHECK(is_there(dir, "1-999999999999-0000000a.sock") &&
          !is_there(dir, "1-999999999999-0000000b.sock"));
    close(history);
    wi_find_prune(dir);
    CHECK(!is_there(dir, "1-999999999999-0000000a.sock"));
}

CHILD_TEST(a_socket_stays_while_its_history_is_written)

/* A copy is no process's: it goes; what it is a copy of stays, and so does a link to it. */
static void only_what_nobody_locks_is_removed(const char *dir)
{
    char path[256];
    char copy[256];
    struct wi_found found;
    uint64_t bytes;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    snprintf(copy, sizeof(copy), "%s/1-999999999999-0000000a.weir", dir);
    FILE *file = fopen(copy, "we");
    CHECK(file && fwrite(wi_segment.base, 1, 65536, file) == 65536 && fclose(file) == 0);
    CHECK(wi_find_one(copy, &found) == WEIR_OK && found.state == WI_STATE_DEAD);
    CHECK(wi_find_remove(&found, false, &bytes) && access(copy, F_OK) != 0);
    CHECK(link(path, copy) == 0);
    CHECK(wi_find_one(copy, &found) == WEIR_OK && found.state == WI_STATE_RUNNING);
    CHECK(!wi_find_remove(&found, false, &bytes) && access(copy, F_OK) == 0);
    CHECK(unlink(copy) == 0);
}

CHILD_TEST(only_what_nobody_locks_is_removed)

/* ---- other pid namespaces ------------------------------------------------------------------------ */

#define NO_RIGHTS 77

struct family {
    pid_t host, worker; /* as the test knows them */
    int end;            /* closed: the worker ends */
};

/* In a new pid namespace: 1 waits, 2 has weir, 3 is forked from it. Tells by a socket's credentials who they are
 * outside. */
static void family_child(int tell, int end)
{
    char byte = 0;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, NULL) != 0) {
        _exit(NO_RIGHTS);
    }
    pid_t host = fork();
    if (host == 0) {
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        CHECK(write(tell, "h", 1) == 1);
        pid_t worker = fork();
        if (worker == 0) {
            CHECK(write(tell, "w", 1) == 1);
            (void)!read(end, &byte, 1);
            _exit(0);
        }
        (void)!read(end, &byte, 1);
        _exit(0);
    }
    while (wait(NULL) > 0) {
    }
    _exit(0);
}

/* The sender of the next byte. */
static pid_t family_hear(int fd)
{
    char byte;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct ucred sender = {0};
    if (recvmsg(fd, &message, 0) != 1) {
        return 0;
    }
    memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sender));
    return sender.pid;
}

static bool family_make(struct family *ret_family)
{
    int pair[2];
    int end[2];
    int on = 1;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && pipe(end) == 0);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
    pid_t outer = fork();
    if (outer == 0) {
        close(pair[0]), close(end[1]);
        if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) {
            _exit(NO_RIGHTS);
        }
        pid_t inner = fork();
        if (inner == 0) {
            family_child(pair[1], end[0]);
        }
        _exit(0);
    }
    close(pair[1]), close(end[0]);
    waitpid(outer, NULL, 0);
    ret_family->host = family_hear(pair[0]);
    ret_family->worker = family_hear(pair[0]);
    ret_family->end = end[1];
    close(pair[0]);
    return ret_family->host > 0 && ret_family->worker > 0;
}

/* The pid that a process has in its own namespace: not always the second there, since ThreadSanitizer's
 * thread takes a number, too. */
static uint32_t inner_pid(pid_t pid)
{
    char path[64], line[256];
    unsigned inner = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "r");
    CHECK(status);
    while (fgets(line, sizeof(line), status)) {
        const char *last = strrchr(line, '\t');
        if (strncmp(line, "NSpid:", 6) == 0 && last) {
            inner = (unsigned)atoi(last + 1);
        }
    }
    fclose(status);
    return inner;
}

/* The only segment of a directory. */
static struct wi_found the_one_in(const char *dir)
{
    struct wi_found *found;
    struct wi_found one = {.status = WEIR_E_NOT_FOUND};
    size_t n;
    CHECK(wi_find_all(&found, &n) == WEIR_OK);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(found[i].path, dir, strlen(dir)) == 0) {
            CHECK(one.status == WEIR_E_NOT_FOUND);
            one = found[i];
        }
    }
    free(found);
    CHECK(one.status == WEIR_OK);
    return one;
}

static bool is_gone(void *context)
{
    const pid_t *pid = context;
    return wi_file_start_ticks((uint32_t)*pid) == 0;
}

static bool is_dead(void *context)
{
    return the_one_in(context).state == WI_STATE_DEAD;
}

/* All of a forked family have the file mapped and hold its lock: only one of them is its process. */
static void a_worker_is_not_taken_for_its_parent(const char *dir)
{
    struct family family;
    struct wi_found found;
    if (!family_make(&family)) {
        _exit(NO_RIGHTS);
    }
    found = the_one_in(dir);
    CHECK(found.state == WI_STATE_RUNNING && found.maker.stem.pid == inner_pid(family.host) &&
          inner_pid(family.host) < 10);
    CHECK(found.pid == (uint32_t)family.host && found.owner.pid == found.pid);
    CHECK(wi_find_with_owner(found.path, &found) == WEIR_OK && found.pid == (uint32_t)family.host);
    CHECK(kill(family.host, SIGKILL) == 0 && child_wait(is_gone, &family.host));
    found = the_one_in(dir);
    CHECK(found.state == WI_STATE_ORPHANED && !found.owner.pid);
    wi_find_prune(dir);
    CHECK(access(found.path, F_OK) == 0);
    close(family.end);
    CHECK(child_wait(is_gone, &family.worker));
    CHECK(child_wait(is_dead, (void *)(uintptr_t)dir));
}

static void test_a_worker_is_not_taken_for_its_parent(void **state)
{
    (void)state;
    int status = child_run(a_worker_is_not_taken_for_its_parent);
    if (status == NO_RIGHTS) {
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- removed names -------------------------------------------------------------------------------- */

static void a_path_through_proc_is_known(void **state)
{
    (void)state;
    static const char *const paths[] = {"/proc/4821/fd/3", "/proc/self/fd/0",
                                        "/proc/1/map_files/7f00-7fff"};
    static const char *const others[] = {
        "",
        "/proc",
        "/proc/",
        "/proc/1/fd/",
        "/proc/1/fd",
        "/proc//fd/3",
        "/proc/1/fd/3/4",
        "/proc/1/fd/../exe",
        "/proc/1/cwd/3",
        "/proc/12x/fd/3",
        "/proc/selfish/fd/3",
        "/proc/1/root/proc/1/fd/3",
        "proc/1/fd/3",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_true(wi_owner_is_path(paths[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(wi_owner_is_path(others[i]));
    }
}

/* A descriptor may be of anything: nothing but a regular file is opened, and nothing waits. */
static void only_a_file_is_opened_through_a_descriptor(const char *dir)
{
    char path[256];
    int ends[2];
    snprintf(path, sizeof(path), "%s/fifo", dir);
    CHECK(mkfifo(path, 0600) == 0 && pipe(ends) == 0);
    const int fds[] = {open(path, O_RDWR | O_CLOEXEC), ends[0], open(dir, O_RDONLY | O_CLOEXEC),
                       open("/dev/zero", O_RDONLY | O_CLOEXEC),
                       socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        int fd = -1;
        CHECK(fds[i] >= 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[i]);
        CHECK(wi_find_open(path, &fd, &error) != WEIR_OK && fd == -1 && error.text[0]);
    }
    CHECK(wi_find_open("/proc/self/fd/999999", &ends[0], &error) == WEIR_E_NOT_FOUND);
}

CHILD_TEST(only_a_file_is_opened_through_a_descriptor)

static size_t n_listed_of(uint32_t pid, struct wi_found *ret_one)
{
    struct wi_found *found;
    size_t n;
    size_t n_of_it = 0;
    CHECK(wi_find_all(&found, &n) == WEIR_OK);
    for (size_t i = 0; i < n; i++) {
        if (found[i].pid == pid) {
            *ret_one = found[i];
            n_of_it++;
        }
    }
    free(found);
    return n_of_it;
}

/* By its descriptor; without that, by its mapping, which root may open. */
static void a_segment_without_a_name_is_found(const char *dir)
{
    char path[256];
    struct wi_found found = {.status = WEIR_E_NOT_FOUND};
    struct weir_health health = {.size = sizeof(health)};
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    weir_health_read(&health);
    CHECK(strcmp(health.path, path) == 0);
    CHECK(unlink(path) == 0);
    weir_health_read(&health);
    CHECK(health.path[0] == '\0' && wi_segment_is_nameless());
    CHECK(n_listed_of((uint32_t)getpid(), &found) == 1 && found.status == WEIR_OK);
    CHECK(found.state == WI_STATE_RUNNING && found.is_nameless);
    CHECK(strstr(found.path, "/fd/") && found.maker.stem.id == wi_segment_header()->id);
    CHECK(rmdir(dir) == 0);
    CHECK(n_listed_of((uint32_t)getpid(), &found) == 1 && found.state == WI_STATE_RUNNING);
    CHECK(close(wi_segment.fd) == 0);
    if (geteuid() == 0 && n_listed_of((uint32_t)getpid(), &found) == 1) {
        CHECK(strstr(found.path, "/map_files/") && found.state == WI_STATE_RUNNING);
    }
    CHECK(mkdir(dir, 0700) == 0);
}

CHILD_TEST(a_segment_without_a_name_is_found)

static bool has_history(void *context)
{
    return child_count(context, ".history", NULL, 0) == 1;
}

/* Directory and all: an exporter that starts then has a place for its socket and its history. */
static void an_exporter_starts_without_the_files(const char *dir)
{
    char path[256];
    struct wi_found found;
    struct stat facts;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(weir_agent_start(NULL, &error) == WEIR_OK);
    CHECK(child_wait(has_history, (void *)(uintptr_t)dir));
    weir_agent_stop();
    CHECK(child_count(dir, ".history", path, sizeof(path)) == 1);
    CHECK(unlink(path) == 0 && child_count(dir, ".weir", path, sizeof(path)) == 1);
    CHECK(unlink(path) == 0 && rmdir(dir) == 0);
    CHECK(weir_agent_start(NULL, &error) == WEIR_OK);
    CHECK(stat(dir, &facts) == 0 && (facts.st_mode & 0777) == 0700);
    CHECK(child_wait(has_history, (void *)(uintptr_t)dir));
    CHECK(n_listed_of((uint32_t)getpid(), &found) == 1 && found.is_nameless);
    CHECK(child_count(dir, ".sock", path, sizeof(path)) == 1);
    CHECK(strcmp(found.socket, path) == 0);
    weir_agent_stop();
    CHECK(child_count(dir, ".sock", NULL, 0) == 0);
}

CHILD_TEST(an_exporter_starts_without_the_files)

struct maps_seen {
    struct wi_mapping mapping[8];
    size_t n;
};

static bool see_mapping(void *context, const struct wi_mapping *mapping)
{
    struct maps_seen *seen = context;
    seen->mapping[seen->n++] = *mapping;
    return seen->n < 8;
}

static bool is_same_mapping(const struct wi_mapping *a, const struct wi_mapping *b)
{
    return a->pid == b->pid && a->device == b->device && a->inode == b->inode &&
           a->from == b->from && a->to == b->to && strcmp(a->dir, b->dir) == 0;
}

/* A segment, a file without a name, and what is none: private, of another name, of no file. */
static void a_process_has_the_same_mappings_by_text_and_by_query(const char *dir)
{
    struct maps_seen asked = {.n = 0};
    struct maps_seen read = {.n = 0};
    char path[256];
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 65536) == 0);
    CHECK(mmap(NULL, 65536, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
    CHECK(mmap(NULL, 65536, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    snprintf(path, sizeof(path), "%s/other", dir);
    int other = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK(other >= 0 && ftruncate(other, 4096) == 0);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0) != MAP_FAILED);
    CHECK(wi_maps_each((uint32_t)getpid(), see_mapping, &asked));
    CHECK(wi_maps_each_in_text((uint32_t)getpid(), see_mapping, &read));
    CHECK(asked.n == 2 && read.n == 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK(is_same_mapping(&asked.mapping[i], &read.mapping[i]));
        CHECK(strcmp(asked.mapping[i].dir, dir) == 0);
    }
    CHECK(wi_maps_each(UINT32_MAX, see_mapping, &asked) && asked.n == 2);
    asked.n = 7;
    CHECK(!wi_maps_each((uint32_t)getpid(), see_mapping, &asked));
}

CHILD_TEST(a_process_has_the_same_mappings_by_text_and_by_query)

/* A stopped one is not to be found, though its name cannot be either. */
static void a_stopped_segment_is_not_found(const char *dir)
{
    struct wi_found found;
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(n_listed_of((uint32_t)getpid(), &found) == 1);
    weir_stop();
    CHECK(child_count(dir, ".stopped", NULL, 0) == 1);
    CHECK(n_listed_of((uint32_t)getpid(), &found) == 0);
    CHECK(weir_start(NULL, &error) == WEIR_OK && n_listed_of((uint32_t)getpid(), &found) == 1);
}

CHILD_TEST(a_stopped_segment_is_not_found)

/* What a process has mapped in a removed file, with a header that may say anything. */
static void map_nameless(const char *dir, const struct wi_header *header, uid_t uid)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 65536) == 0);
    CHECK(pwrite(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header));
    lock(fd);
    CHECK(fchown(fd, uid, (gid_t)-1) == 0);
    CHECK(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
}

static struct wi_header a_header_of_mine(void)
{
    struct wi_header header = *wi_segment_header();
    header.pid = (uint32_t)getpid();
    header.start_ticks = wi_file_start_ticks(0);
    header.id ^= 1;
    return header;
}

enum lie { LIE_NONE, LIE_GARBAGE, LIE_ANOTHERS_PID, LIE_ANOTHERS_FILE };

/* Whether a process that maps such a file is listed with it. */
static bool is_listed_with(const char *dir, enum lie lie)
{
    int ready[2];
    int end[2];
    char byte;
    struct wi_found found;
    CHECK(pipe(ready) == 0 && pipe(end) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(end[1]);
        struct wi_header header = a_header_of_mine();
        header.magic ^= lie == LIE_GARBAGE;
        header.pid = lie == LIE_ANOTHERS_PID ? 1 : header.pid;
        map_nameless(dir, &header, lie == LIE_ANOTHERS_FILE ? 4321 : geteuid());
        CHECK(write(ready[1], "r", 1) == 1);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    bool is_listed = n_listed_of((uint32_t)pid, &found) > 0;
    close(end[1]);
    waitpid(pid, NULL, 0);
    close(ready[0]), close(ready[1]), close(end[0]);
    return is_listed;
}

static void what_a_process_maps_is_not_believed(const char *dir)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    CHECK(is_listed_with(dir, LIE_NONE));
    CHECK(!is_listed_with(dir, LIE_GARBAGE));
    CHECK(!is_listed_with(dir, LIE_ANOTHERS_PID));
    CHECK(geteuid() != 0 || !is_listed_with(dir, LIE_ANOTHERS_FILE));
}

CHILD_TEST(what_a_process_maps_is_not_believed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_name_of_ours_is_left_alone),
        cmocka_unit_test(test_a_segments_name_has_its_id),
        cmocka_unit_test(test_no_file_takes_anothers_name),
        cmocka_unit_test(test_what_is_locked_is_not_swept),
        cmocka_unit_test(test_a_socket_stays_while_its_history_is_written),
        cmocka_unit_test(test_only_what_nobody_locks_is_removed),
        cmocka_unit_test(test_a_worker_is_not_taken_for_its_parent),
        cmocka_unit_test(a_path_through_proc_is_known),
        cmocka_unit_test(test_only_a_file_is_opened_through_a_descriptor),
        cmocka_unit_test(test_a_segment_without_a_name_is_found),
        cmocka_unit_test(test_an_exporter_starts_without_the_files),
        cmocka_unit_test(test_a_process_has_the_same_mappings_by_text_and_by_query),
        cmocka_unit_test(test_a_stopped_segment_is_not_found),
        cmocka_unit_test(test_what_a_process_maps_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
