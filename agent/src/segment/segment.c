/* SPDX-License-Identifier: MIT */
/*
 * The life of the segment: start, stop, fork. The mapping is made once and never taken away, since
 * a hook may be running in any thread; a child of fork lays its own file over the same addresses, so
 * that every handle stays valid.
 */
#include "segment/segment.h"

#include "hook/clock.h"
#include "hook/thread.h"
#include "segment/environment.h"
#include "segment/early.h"
#include "segment/file.h"
#include "segment/find.h"
#include "segment/mapping.h"
#include "segment/stem.h"
#include "weir/text.h"
#include "weir/wall.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct wi_segment wi_segment = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* What weir_start was asked for, after the environment had its say. */
struct segment_request {
    char name[WEIR_NAME_MAX + 1];
    char program[WI_PROGRAM_MAX];
    const char *dir;
    uint64_t limit_bytes;
    uint32_t sampling;
    uint32_t max_instances;
    uint64_t start_ticks; /* read while there is a descriptor to read it with */
    bool is_off;
    bool has_early_counts;     /* what was counted before the start is this process's */
    struct weir_error problem; /* a value that could not be used */
};

static void segment_note(struct segment_request *request, const char *variable, const char *value,
                         const char *remedy)
{
    wi_error_set(&request->problem, "%s=%.60s is not understood; %s", variable, value, remedy);
}

static uint64_t segment_limit(struct segment_request *request, uint64_t asked)
{
    uint64_t limit = asked ? asked : WI_DEFAULT_LIMIT;
    const char *text = secure_getenv("WEIR_LIMIT");
    if (text && text[0]) {
        char *end;
        errno = 0;
        unsigned long long number = strtoull(text, &end, 10);
        unsigned shift = *end == 'k' || *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
        const char *rest = shift ? end + 1 : end;
        if (errno || end == text || text[0] == '-' || *rest || number > WI_MAX_LIMIT >> shift ||
            number << shift < WI_MIN_LIMIT) {
            segment_note(request, "WEIR_LIMIT", text, "give 1M to 4G; 16M is used");
            return WI_DEFAULT_LIMIT;
        }
        limit = (uint64_t)number << shift;
    }
    if (limit < WI_MIN_LIMIT || limit > WI_MAX_LIMIT) {
        limit = limit < WI_MIN_LIMIT ? WI_MIN_LIMIT : WI_MAX_LIMIT;
    }
    return limit / WI_GRANULE * WI_GRANULE;
}

static uint32_t segment_instances(struct segment_request *request)
{
    const char *text = secure_getenv("WEIR_TASKS");
    if (!text || !text[0]) {
        return WI_DEFAULT_SINGLES;
    }
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || number > WI_MAX_SINGLES) {
        segment_note(request, "WEIR_TASKS", text, "give 0 to 65536; 4096 is used");
        return WI_DEFAULT_SINGLES;
    }
    return (uint32_t)number;
}

static uint32_t segment_sampling(struct segment_request *request, enum weir_latency asked)
{
    static const struct {
        const char *word;
        uint32_t sampling;
    } words[] = {
        {"off", WEIR_SAMPLING_OFF}, {"sampled", WEIR_SAMPLING_GAPS}, {"full", WEIR_SAMPLING_ALL}};
    const char *text = secure_getenv("WEIR_LATENCY");
    if (text && text[0]) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (strcmp(text, words[i].word) == 0) {
                return words[i].sampling;
            }
        }
        segment_note(request, "WEIR_LATENCY", text, "give off, sampled or full; sampled is used");
        return WEIR_SAMPLING_GAPS;
    }
    return asked == WEIR_LATENCY_OFF    ? WEIR_SAMPLING_OFF
           : asked == WEIR_LATENCY_FULL ? WEIR_SAMPLING_ALL
                                        : WEIR_SAMPLING_GAPS;
}

/* Told once in a process; none of the others can be misunderstood then. */
static void segment_note_ignored(struct segment_request *request)
{
    static const char *const names[] = {"WEIR_NAME", "WEIR_DIR", "WEIR_LIMIT", "WEIR_LATENCY",
                                        "WEIR_TASKS"};
    static bool has_told;
    char line[sizeof(request->problem.text)];
    if (!request->is_off &&
        wi_environment_ignored(names, sizeof(names) / sizeof(names[0]), line, sizeof(line)) &&
        !__atomic_exchange_n(&has_told, true, __ATOMIC_RELAXED)) {
        wi_error_set(&request->problem, "%s", line);
    }
}

static void segment_request_read(struct segment_request *request,
                                 const struct weir_options *options)
{
    memset(request, 0, sizeof(*request));
    request->is_off = wi_environment_is_off();
    const char *dir = secure_getenv("WEIR_DIR");
    request->dir = dir && dir[0] ? dir : options->dir;
    ssize_t n = readlink("/proc/self/exe", request->program, sizeof(request->program) - 1);
    request->program[n > 0 ? n : 0] = '\0';
    const char *name = secure_getenv("WEIR_NAME");
    if (!name || !name[0]) {
        name = options->name && options->name[0] ? options->name : program_invocation_short_name;
    }
    if (wi_text_clean(name, request->name, sizeof(request->name)) == 0) {
        snprintf(request->name, sizeof(request->name), "server");
    }
    /* The name is one level of a topic, and topics use these three characters. */
    for (char *at = request->name; *at; at++) {
        if (*at == '/' || *at == '+' || *at == '#') {
            *at = '-';
        }
    }
    request->start_ticks = wi_file_start_ticks(0);
    request->limit_bytes = segment_limit(request, options->limit_bytes);
    request->sampling = segment_sampling(request, options->latency);
    request->max_instances = segment_instances(request);
    segment_note_ignored(request);
}

uint64_t wi_segment_now(void)
{
    return (uint64_t)(wi_wall_since_boot() + wi_segment.wall_ahead);
}

void wi_segment_own(struct wi_header *header, uint64_t start_ticks)
{
    struct stat facts;
    header->pid = (uint32_t)getpid();
    header->uid = (uint32_t)geteuid();
    header->is_taken_over = 0;
    header->has_children = 0;
    header->has_ended = 0;
    header->start_ticks = start_ticks;
    header->id = wi_stem_new_id();
    /* Without a start time nobody can tell by the pid whether this process lives. */
    bool is_known = start_ticks && stat("/proc/self/ns/pid", &facts) == 0;
    header->pid_namespace = is_known ? facts.st_ino : 0;
    wi_segment.wall_ahead = wi_wall_ahead();
    header->started_unix_nanos = wi_wall_started(header->start_ticks);
    header->opened_unix_nanos = (int64_t)wi_segment_now();
}

static void segment_header_fill(struct wi_header *header, const struct segment_request *request,
                                uint64_t limit, uint64_t reserved)
{
    header->layout = WI_LAYOUT_VERSION;
    header->header_bytes = WI_HEADER_BYTES;
    header->slot_bytes = sizeof(struct wi_slot);
    header->cell_bytes = sizeof(struct weir_cell);
    header->histogram_bytes = sizeof(struct weir_histogram);
    header->max_shards = WI_MAX_SHARDS;
    header->max_slabs = WI_MAX_SLABS;
    header->shards = WI_SHARDS_LINE;
    header->slabs = WI_SLABS_LINE;
    header->tables[WI_SENDERS] = (struct wi_table){
        WI_SENDERS_LINE, WI_MAX_SENDER_SLABS, WI_SENDER_SLAB, sizeof(struct wi_sender), 0, 0};
    header->tables[WI_TASK_INSTANCES] = (struct wi_table){WI_TASK_INSTANCES_LINE,
                                                          WI_MAX_SINGLE_SLABS,
                                                          WI_TASK_INSTANCE_SLAB,
                                                          sizeof(struct wi_task_instance),
                                                          0,
                                                          0};
    header->has_tsc = weir_clock.has_tsc;
    header->multiplier = __atomic_load_n(&weir_clock.multiplier, __ATOMIC_RELAXED);
    header->max_instances = request->max_instances;
    header->limit_bytes = limit;
    header->reserved_bytes = reserved;
    header->used_bytes = (uint64_t)WI_FIRST_LINE * WEIR_LINE;
    memcpy(header->name, request->name, sizeof(header->name));
    wi_text_clean(request->program, header->program, sizeof(header->program));
    snprintf(header->version, sizeof(header->version), "%s", WEIR_VERSION);
    wi_segment_own(header, request->start_ticks);
    header->magic = WI_MAGIC;
}

static void segment_remember_name(const struct wi_header *header)
{
    char stem[WI_STEM_MAX];
    const struct wi_stem named = {header->pid, header->start_ticks, header->id};
    wi_stem_write(&named, stem, sizeof(stem));
    snprintf(wi_segment.file, sizeof(wi_segment.file), "%s.weir", stem);
}

static void segment_remember_file(int fd, const char *dir)
{
    struct stat facts;
    wi_segment.fd = fd;
    wi_segment.file[0] = '\0';
    if (fd >= 0 && fstat(fd, &facts) == 0) {
        wi_segment.device = facts.st_dev;
        wi_segment.inode = facts.st_ino;
        snprintf(wi_segment.dir, sizeof(wi_segment.dir), "%s", dir);
    }
}

/* Puts the handles of before into the new segment. Returns false when there is no memory for that. */
static bool segment_adopt(const struct segment_request *request, unsigned char *base,
                          uint64_t bytes, uint64_t limit)
{
    wi_segment.base = base;
    wi_segment.map_bytes = bytes;
    wi_segment.limit_bytes = limit;
    wi_segment.sampling = request->sampling;
    wi_index.reserved_bytes = WI_FIRST_RESERVE;
    wi_index.used_bytes = (uint64_t)WI_FIRST_LINE * WEIR_LINE;
    memset(wi_segment.sources, 0, sizeof(wi_segment.sources));
    memset(wi_segment.free_strings, 0, sizeof(wi_segment.free_strings));
    return wi_early_lay(request->has_early_counts);
}

/* A file of this size, mapped and its first pages reserved. On failure nothing is left. */
static enum weir_status segment_build_file(const struct segment_request *request, const char *dir,
                                           struct weir_error *ret_error)
{
    int fd;
    char temporary[64];
    enum weir_status status =
        wi_file_create(dir, request->limit_bytes, &fd, temporary, sizeof(temporary), ret_error);
    if (status != WEIR_OK) {
        return status;
    }
    uint64_t bytes = 0;
    uint64_t limit = request->limit_bytes;
    unsigned char *base = NULL;
    /* Before it is mapped: after mlockall, all that is mapped is in memory at once. */
    bool has_room = wi_file_cgroup_has_room(WI_MAPPING_STEP, 0);
    if (has_room) {
        base = wi_mapping_new(fd, &limit, &bytes);
    }
    if (!base || !wi_file_reserve(fd, base, 0, WI_FIRST_RESERVE)) {
        wi_error_set(ret_error,
                     "no room for the segment in %.120s: %s; free some space, or set WEIR_DIR", dir,
                     base || !has_room ? "the file system or the memory cgroup is full"
                                       : "address space or locked memory is limited");
        status = WEIR_E_MEMORY;
        goto failed;
    }
    segment_header_fill((struct wi_header *)(void *)base, request, limit, WI_FIRST_RESERVE);
    struct wi_header *header = (struct wi_header *)(void *)base;
    if (!segment_adopt(request, base, bytes, limit)) {
        wi_error_set(ret_error, "no memory for the handles that are open already");
        status = WEIR_E_MEMORY;
        goto failed;
    }
    segment_remember_file(fd, dir);
    segment_remember_name(header);
    status = wi_file_publish(fd, dir, temporary, wi_segment.file, ret_error);
    if (status != WEIR_OK) {
        wi_segment.fd = -1;
        wi_segment.file[0] = '\0';
        goto failed;
    }
    return WEIR_OK;
failed:
    bytes = wi_segment.base ? wi_segment.map_bytes : bytes;
    wi_segment.base = NULL;
    if (base) {
        munmap(base, bytes);
    }
    wi_file_drop(fd, dir, temporary);
    return status;
}

/* Memory that only this process can read: the last resort. */
static enum weir_status segment_build_anonymous(const struct segment_request *request)
{
    uint64_t bytes = 0;
    uint64_t limit = request->limit_bytes;
    unsigned char *base = wi_mapping_new(-1, &limit, &bytes);
    if (!base) {
        return WEIR_E_MEMORY;
    }
    if (!wi_file_reserve(-1, base, 0, WI_FIRST_RESERVE)) {
        munmap(base, bytes);
        return WEIR_E_MEMORY;
    }
    segment_header_fill((struct wi_header *)(void *)base, request, limit, WI_FIRST_RESERVE);
    if (!segment_adopt(request, base, bytes, limit)) {
        wi_segment.base = NULL;
        munmap(base, bytes);
        return WEIR_E_MEMORY;
    }
    wi_segment.fd = -1;
    return WEIR_OK;
}

static enum weir_status segment_build(const struct segment_request *request,
                                      struct weir_error *ret_error)
{
    char dir[sizeof(wi_segment.dir)];
    enum weir_status status = wi_file_dir(request->dir, dir, sizeof(dir), ret_error);
    if (status == WEIR_OK) {
        wi_find_prune(dir);
        status = segment_build_file(request, dir, ret_error);
    }
    if (status == WEIR_OK && !wi_file_is_tmpfs(wi_segment.fd)) {
        wi_error_set(ret_error, "%.150s is not on tmpfs: write-back can stall hooks; set WEIR_DIR",
                     dir);
        return WEIR_DEGRADED;
    }
    if (status == WEIR_OK) {
        return WEIR_OK;
    }
    if (segment_build_anonymous(request) != WEIR_OK) {
        wi_error_set(ret_error, "no memory for the segment; hooks count nothing");
        return WEIR_E_MEMORY;
    }
    return WEIR_DEGRADED;
}

/* ---- the lock ----------------------------------------------------------------------------- */

/* Who may write to the file can make holes in it or overwrite it. Hooks come to no harm by that, but what
 * it says is worth nothing, and nothing is made in it any more. */
static bool segment_is_whole(void)
{
    if (WEIR_LIKELY(!wi_segment.base ||
                    __atomic_load_n(&wi_segment_header()->magic, __ATOMIC_RELAXED) == WI_MAGIC)) {
        return true;
    }
    wi_segment_lose();
    wi_segment_unlock();
    return false;
}

void wi_segment_lose(void)
{
    uint32_t state = __atomic_load_n(&wi_segment.state, __ATOMIC_RELAXED);
    while ((state == WI_SEGMENT_ON || state == WI_SEGMENT_STOPPED) &&
           !__atomic_compare_exchange_n(&wi_segment.state, &state, WI_SEGMENT_LOST, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

bool wi_segment_lock(void)
{
    pthread_mutex_lock(&wi_segment.lock);
    return segment_is_whole();
}

bool wi_segment_trylock(void)
{
    return pthread_mutex_trylock(&wi_segment.lock) == 0 && segment_is_whole();
}

void wi_segment_unlock(void)
{
    pthread_mutex_unlock(&wi_segment.lock);
}

/* ---- stop, and start again ---------------------------------------------------------------- */

static void segment_hidden_name(char *ret_name, size_t room)
{
    snprintf(ret_name, room, ".%.56s.stopped", wi_segment.file);
}

/* While stopped the file keeps a hidden name: a file without any cannot be given one again. Returns
 * false when the file is not there. */
static bool segment_hide(bool is_hidden)
{
    char hidden[96];
    char from[512];
    char to[512];
    segment_hidden_name(hidden, sizeof(hidden));
    snprintf(from, sizeof(from), "%s/%s", wi_segment.dir, is_hidden ? wi_segment.file : hidden);
    snprintf(to, sizeof(to), "%s/%s", wi_segment.dir, is_hidden ? hidden : wi_segment.file);
    struct stat facts;
    return lstat(from, &facts) == 0 && facts.st_dev == wi_segment.device &&
           facts.st_ino == wi_segment.inode && rename(from, to) == 0;
}

/* A process that has changed its user or its root cannot take its files away: what is left then is no crash.
 * Not in a file that somebody has cut off, where a store would be a signal. */
static void segment_mark_ended(bool has_ended)
{
    struct stat facts;
    if (wi_file_is(wi_segment.fd, wi_segment.device, wi_segment.inode) &&
        fstat(wi_segment.fd, &facts) == 0 && facts.st_size >= WI_HEADER_BYTES) {
        __atomic_store_n(&wi_segment_header()->has_ended, has_ended, __ATOMIC_RELAXED);
    }
}

void weir_stop(void)
{
    pthread_mutex_lock(&wi_segment.lock);
    if (wi_segment_state() == WI_SEGMENT_ON) {
        segment_mark_ended(true);
        if (wi_segment.file[0]) {
            segment_hide(true);
        }
        __atomic_store_n(&wi_segment.state, WI_SEGMENT_STOPPED, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&wi_segment.lock);
}

/* The history lies beside the segment, whoever writes it, and goes with it. */
static void segment_remove_history(const char *dir, const char *file)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%.*s.history", dir, (int)strcspn(file, "."), file);
    unlink(path);
}

/* A clean exit leaves no file. A forked child that ends must not take its parent's away. */
__attribute__((destructor)) static void segment_exit(void)
{
    bool is_ours = wi_segment_counts() || wi_segment_state() == WI_SEGMENT_LOST;
    if (is_ours && wi_segment.pid == getpid() && wi_segment.file[0]) {
        char hidden[96];
        segment_mark_ended(true);
        segment_hidden_name(hidden, sizeof(hidden));
        wi_file_unlink(wi_segment.dir, wi_segment.file, wi_segment.device, wi_segment.inode);
        wi_file_unlink(wi_segment.dir, hidden, wi_segment.device, wi_segment.inode);
        segment_remove_history(wi_segment.dir, wi_segment.file);
    }
}

/* ---- fork --------------------------------------------------------------------------------- */

/* Stores only: the child may have been forked from any point of any thread. */
static void segment_after_fork(void)
{
    if (wi_segment_state() == WI_SEGMENT_NONE || wi_segment_state() == WI_SEGMENT_LOST) {
        return;
    }
    __atomic_store_n(&wi_segment.state, WI_SEGMENT_FORKED, __ATOMIC_RELEASE);
    wi_thread_forget();
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    memcpy(&wi_segment.lock, &fresh, sizeof(fresh));
}

/* A parent that /proc does not show may be hidden (chroot, hidepid) or in another pid namespace. Only
 * what is sure counts as its end. */
static bool segment_owner_has_ended(const struct wi_header *header)
{
    char path[64];
    struct stat facts;
    uint64_t ticks = wi_file_start_ticks(header->pid);
    bool is_same_namespace = header->pid_namespace && stat("/proc/self/ns/pid", &facts) == 0 &&
                             facts.st_ino == header->pid_namespace;
    if (!is_same_namespace || ticks == header->start_ticks) {
        return false;
    }
    if (ticks || (kill((pid_t)header->pid, 0) != 0 && errno == ESRCH)) {
        return true;
    }
    snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)header->pid);
    return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0; /* there, but only to be reaped */
}

/* daemon(3): the parent leaves by _exit while the child already runs. A child that has left the
 * session is one of these, and waits for its parent a little; a prefork worker does not. */
static bool segment_parent_has_gone(const struct wi_header *header)
{
    const struct timespec step = {.tv_nsec = 1000000};
    int patience = getsid(0) != wi_segment.session ? 200 : 0;
    for (;;) {
        if (segment_owner_has_ended(header)) {
            return true;
        }
        if (patience-- <= 0) {
            return false;
        }
        nanosleep(&step, NULL);
    }
}

/* Copies what the index knows of the inherited segment: as much as there was at the fork. What the parent
 * has made since is not of this child. */
static bool segment_copy(int fd, unsigned char *base)
{
    uint64_t reserved = wi_index.reserved_bytes;
    if (!wi_file_cgroup_has_room(reserved, 0) || !wi_file_reserve(fd, base, 0, reserved)) {
        return false;
    }
    memcpy(base, wi_segment.base, wi_index.used_bytes);
    return true;
}

/* Lays a copy of the inherited segment over it, in a file of this child's own or, without one, in
 * anonymous memory. */
static enum weir_status segment_move(int fd, uint64_t start_ticks)
{
    unsigned char *base = wi_mapping_copy(fd, wi_segment.limit_bytes, wi_segment.map_bytes);
    if (!base) {
        return WEIR_E_MEMORY;
    }
    if (!segment_copy(fd, base)) {
        munmap(base, wi_segment.map_bytes);
        return WEIR_E_MEMORY;
    }
    wi_segment_own((struct wi_header *)(void *)base, start_ticks);
    void *early = wi_early_map(base);
    if (early == MAP_FAILED ||
        mremap(base, wi_segment.map_bytes, wi_segment.map_bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
               wi_segment.base) == MAP_FAILED) {
        munmap(base, wi_segment.map_bytes);
        return WEIR_E_SYSTEM;
    }
    return wi_early_move(early) ? WEIR_OK : WEIR_E_SYSTEM;
}

/* The copy has one thread. Another may have been at work on the lists when this one was forked off: slots
 * are listed anew, and what else was free is left alone. */
static void segment_settle(bool has_adopted)
{
    struct wi_header *header = wi_segment_header();
    for (uint32_t s = 0; s < wi_index.n_shards; s++) {
        wi_index.shards[s].state = WI_SHARD_FREE;
    }
    if (!has_adopted) {
        wi_slots_zero();
        wi_senders_zero();
        wi_task_instances_zero();
        header->handles_refused = header->cells_refused = header->samples_lost = 0;
        header->senders_refused = header->instances_refused = 0;
    }
    memset(wi_segment.free_strings, 0, sizeof(wi_segment.free_strings));
    wi_segment.free_histograms = wi_segment.spares = NULL;
    wi_index_write();
    wi_slots_settle();
    wi_table_settle(WI_SENDERS);
    wi_table_settle(WI_TASK_INSTANCES);
}

/* One child only goes on with the counts of a process that has gone: the memory that all of them still
 * share says whether another was first. */
static bool segment_take_over(struct wi_header *header)
{
    uint32_t free_to_take = 0;
    return __atomic_compare_exchange_n(&header->is_taken_over, &free_to_take, 1, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static enum weir_status segment_restart(const struct segment_request *request,
                                        struct weir_error *ret_error)
{
    const struct wi_header parent = *wi_segment_header();
    const struct wi_segment before = wi_segment;
    bool has_gone = segment_parent_has_gone(&parent);
    bool has_adopted = has_gone && segment_take_over(wi_segment_header());
    if (!has_gone) { /* said in the parent's file, which is still mapped */
        __atomic_store_n(&wi_segment_header()->has_children, 1, __ATOMIC_RELAXED);
    }
    char dir[sizeof(wi_segment.dir)];
    char temporary[64] = "";
    int fd = -1;
    enum weir_status why = wi_file_dir(request->dir, dir, sizeof(dir), ret_error);
    if (why == WEIR_OK) {
        wi_find_prune(dir);
        why = wi_file_create(dir, wi_segment.limit_bytes, &fd, temporary, sizeof(temporary),
                             ret_error);
    }
    if (why == WEIR_OK && segment_move(fd, request->start_ticks) != WEIR_OK) {
        wi_error_set(ret_error, "no room for the child's own segment in %.120s; free some space",
                     dir);
        wi_file_drop(fd, dir, temporary);
        fd = -1;
        why = WEIR_E_MEMORY;
    }
    if (fd < 0 && segment_move(-1, request->start_ticks) != WEIR_OK) {
        wi_error_set(ret_error, "no memory for the child's own segment; its hooks count nothing");
        return WEIR_E_MEMORY;
    }
    segment_remember_file(fd, dir);
    segment_settle(has_adopted);
    if (fd >= 0) {
        segment_remember_name(wi_segment_header());
        why = wi_file_publish(fd, dir, temporary, wi_segment.file, ret_error);
        if (why != WEIR_OK) {
            wi_segment.file[0] = '\0';
        }
    }
    if (has_gone && before.file[0]) {
        wi_file_unlink(before.dir, before.file, before.device, before.inode);
        segment_remove_history(before.dir, before.file);
    }
    if (wi_file_is(before.fd, before.device, before.inode)) {
        close(before.fd);
    }
    return why == WEIR_OK ? WEIR_OK : WEIR_DEGRADED;
}

/* ---- start -------------------------------------------------------------------------------- */

static pthread_once_t segment_once = PTHREAD_ONCE_INIT;

static void segment_register_fork(void)
{
    pthread_atfork(NULL, NULL, segment_after_fork);
}

void wi_segment_watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, segment_register_fork);
}

static void segment_register(void)
{
    wi_segment_watch_forks();
    wi_clock_start();
}

/* A segment, in a process that has none yet. A child of fork may have handles from before nevertheless: with
 * what they counted where the parent has gone. */
static enum weir_status segment_begin(struct segment_request *request, struct weir_error *ret_error)
{
    struct wi_header *owner = wi_early_owner();
    request->has_early_counts = wi_segment_state() != WI_SEGMENT_FORKED ||
                                (segment_parent_has_gone(owner) && segment_take_over(owner));
    enum weir_status status = segment_build(request, ret_error);
    if (wi_segment.base && wi_early_refused()) {
        wi_error_set(
            &request->problem,
            "%u handles beyond the 256 that can be opened before weir_start count nothing; "
            "open them after it",
            wi_early_refused());
    }
    return status;
}

static enum weir_status segment_start(struct segment_request *request, struct weir_error *ret_error)
{
    enum weir_status status = WEIR_OK;
    if (wi_segment.base && wi_segment_header()->magic != WI_MAGIC) {
        __atomic_store_n(&wi_segment.state, WI_SEGMENT_LOST, __ATOMIC_RELEASE);
    }
    switch (wi_segment_state()) {
    case WI_SEGMENT_ON:
        wi_error_set(ret_error, "weir_start was called already");
        return WEIR_E_STATE;
    case WI_SEGMENT_STOPPED:
        segment_mark_ended(false);
        if (wi_segment.file[0] && !segment_hide(false)) {
            wi_error_set(ret_error,
                         "the segment's file was removed from %.140s: a crash now leaves nothing",
                         wi_segment.dir);
            status = WEIR_DEGRADED;
        }
        break;
    case WI_SEGMENT_LOST:
        wi_error_set(
            ret_error,
            "another process emptied or overwrote the segment's file; restart to count again");
        return WEIR_E_CORRUPT;
    case WI_SEGMENT_FORKED:
        status = wi_segment.base ? segment_restart(request, ret_error)
                                 : segment_begin(request, ret_error);
        break;
    default:
        status = segment_begin(request, ret_error);
        break;
    }
    if (status != WEIR_OK && status != WEIR_DEGRADED) {
        return status;
    }
    wi_segment.pid = getpid();
    wi_segment.session = getsid(0);
    wi_segment.sampling = request->sampling;
    wi_segment.max_instances = request->max_instances;
    __atomic_store_n(&wi_segment.state, WI_SEGMENT_ON, __ATOMIC_RELEASE);
    return status;
}

static void segment_tell(const struct weir_options *options, const char *text)
{
    char line[sizeof(((struct weir_error *)0)->text) + sizeof("weir: ")];
    if (options->log && text[0]) {
        snprintf(line, sizeof(line), "weir: %s", text);
        options->log(options->log_context, line);
    }
}

enum weir_status weir_start(const struct weir_options *options, struct weir_error *ret_error)
{
    struct weir_options asked = WEIR_OPTIONS_INIT;
    struct weir_error error = {""};
    if (options) {
        memcpy(&asked, options, options->size < sizeof(asked) ? options->size : sizeof(asked));
    }
    struct segment_request request;
    segment_request_read(&request, &asked);
    if (request.is_off) {
        wi_error_set(ret_error, "WEIR_OFF=1 is set: hooks do nothing");
        return WEIR_OFF;
    }
    pthread_once(&segment_once, segment_register);
    pthread_mutex_lock(&wi_segment.lock);
    enum weir_status status = segment_start(&request, &error);
    if (status == WEIR_OK || status == WEIR_DEGRADED) {
        wi_segment.log = asked.log;
        wi_segment.log_context = asked.log_context;
    }
    pthread_mutex_unlock(&wi_segment.lock);
    if (status == WEIR_OK && request.problem.text[0]) {
        status = WEIR_DEGRADED;
    }
    if (status != WEIR_OK) {
        bool has_both = error.text[0] && request.problem.text[0];
        wi_error_set(ret_error, "%s%s%s", error.text, has_both ? "; " : "", request.problem.text);
        segment_tell(&asked, error.text);
        segment_tell(&asked, request.problem.text);
    }
    return status;
}

bool weir_is_on(void)
{
    return wi_segment_state() == WI_SEGMENT_ON;
}

void wi_segment_log(const char *line)
{
    if (wi_segment.log) {
        wi_segment.log(wi_segment.log_context, line);
    }
}

bool wi_segment_path(const char *suffix, char *ret_path, size_t room)
{
    int stem = (int)strcspn(wi_segment.file, ".");
    return stem > 0 && snprintf(ret_path, room, "%.190s/%.*s%s", wi_segment.dir, stem,
                                wi_segment.file, suffix) < (int)room;
}

bool wi_segment_is_nameless(void)
{
    struct stat facts;
    return wi_segment.file[0] && fstat(wi_segment.fd, &facts) == 0 &&
           facts.st_dev == wi_segment.device && facts.st_ino == wi_segment.inode &&
           facts.st_nlink == 0;
}

const char *weir_status_name(enum weir_status status)
{
    static const char *const names[] = {"ok",
                                        "off",
                                        "degraded",
                                        "bad argument",
                                        "wrong state",
                                        "no memory",
                                        "system error",
                                        "denied",
                                        "not found",
                                        "corrupt",
                                        "wrong version",
                                        "protocol error",
                                        "limit reached",
                                        "closed"};
    return (unsigned)status < sizeof(names) / sizeof(names[0]) ? names[status] : "unknown";
}
