/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/segment,agent/src/snapshot,agent/src/hook */
/* Objects: many queues of one channel, whose depth weir reads in their memory. */
#include "child.h"
#include "segment/layout.h"
#include "snapshot/process_view.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct weir_error error;

/* A queue as a library might have it. */
struct queue {
    struct queue *self;
    char other[200];
    uint64_t depth;
    uint32_t bytes;
    uint32_t magic;
    const void *kind;
};

#define MAGIC 0x51554555

static const struct weir_layout layout =
    WEIR_LAYOUT_OF(struct queue, WEIR_FIELD(struct queue, self, WEIR_FIELD_SELF, 0),
                   WEIR_FIELD(struct queue, depth, WEIR_FIELD_DEPTH, 1000000),
                   WEIR_FIELD(struct queue, bytes, WEIR_FIELD_BYTES, 0),
                   WEIR_FIELD(struct queue, magic, WEIR_FIELD_MAGIC, MAGIC),
                   WEIR_FIELD(struct queue, kind, WEIR_FIELD_SAME, 0));

/* Each is there until its process ends. */
static struct queue *new_queue(uint64_t depth)
{
    static struct queue queues[16];
    static size_t n;
    CHECK(n < sizeof(queues) / sizeof(queues[0]));
    struct queue *queue = &queues[n++];
    *queue = (struct queue){.self = queue, .depth = depth, .magic = MAGIC, .kind = &layout};
    queue->bytes = (uint32_t)depth * 10;
    return queue;
}

static struct weir_channel *open_channel(const char *name)
{
    return weir_channel_open(&(struct weir_channel_options)WEIR_CHANNEL_INIT(name, WEIR_UNBOUNDED));
}

static const char *own_path(void)
{
    static struct weir_health health;
    health.size = sizeof(health);
    weir_health_read(&health);
    return health.path;
}

static struct weir_channel *start(void)
{
    CHECK(weir_start(NULL, &error) == WEIR_OK);
    return open_channel("writes");
}

/* As the process's own exporter, or as a reader of its file. */
static struct wi_process_view *open_view(bool is_outside)
{
    struct wi_process_view *view;
    CHECK((is_outside ? wi_process_view_open_file(own_path(), &view, &error)
                      : wi_process_view_open_self(&view, &error)) == WEIR_OK);
    return view;
}

static void look(struct wi_process_view *view)
{
    static uint64_t now;
    CHECK(wi_process_view_refresh(view, ++now, &error) == WEIR_OK);
}

static double number(struct wi_process_view *view, enum wi_kind kind, int metric)
{
    return wi_value_number(&wi_process_view_row(view, kind, 0)->value[metric], -1);
}

static const char *text(struct wi_process_view *view, enum wi_kind kind, int metric)
{
    const struct wi_value *value = &wi_process_view_row(view, kind, 0)->value[metric];
    return value->type == WI_TEXT ? value->u.text : "";
}

static bool shows(struct wi_process_view *view, double depth, double objects, double largest)
{
    look(view);
    bool is_so = number(view, WI_CHANNEL, WI_CHANNEL_DEPTH) == depth &&
                 number(view, WI_CHANNEL, WI_CHANNEL_OBJECTS) == objects &&
                 number(view, WI_CHANNEL, WI_CHANNEL_OBJECTS_READ) == objects &&
                 number(view, WI_CHANNEL, WI_CHANNEL_LARGEST) == largest;
    if (!is_so) {
        fprintf(stderr, "depth %g of %g objects, %g read, largest %g; dropped %g, %s\n",
                number(view, WI_CHANNEL, WI_CHANNEL_DEPTH),
                number(view, WI_CHANNEL, WI_CHANNEL_OBJECTS),
                number(view, WI_CHANNEL, WI_CHANNEL_OBJECTS_READ),
                number(view, WI_CHANNEL, WI_CHANNEL_LARGEST),
                number(view, WI_AGENT, WI_AGENT_OBJECTS_DROPPED),
                text(view, WI_AGENT, WI_AGENT_OBJECTS_STATE));
    }
    return is_so;
}

/* ---- what is shown ------------------------------------------------------------------------------ */

static void sums_its_objects(bool is_outside)
{
    struct weir_channel *channel = start();
    struct queue *queues[3] = {new_queue(5), new_queue(70), new_queue(0)};
    struct weir_object *objects[3];
    for (int i = 0; i < 3; i++) {
        char label[] = "client-0";
        label[7] = (char)('0' + i);
        objects[i] = weir_object_open(channel, queues[i], &layout, label);
        CHECK(objects[i] != NULL);
    }
    struct wi_process_view *view = open_view(is_outside);
    CHECK(shows(view, 75, 3, 70));
    CHECK(strcmp(text(view, WI_CHANNEL, WI_CHANNEL_LARGEST_LABEL), "client-1") == 0);
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_QUEUED_BYTES) == 750);
    CHECK(strcmp(text(view, WI_AGENT, WI_AGENT_OBJECTS_STATE), "read") == 0);
    queues[2]->depth = 100;
    CHECK(shows(view, 175, 3, 100));
    CHECK(strcmp(text(view, WI_CHANNEL, WI_CHANNEL_LARGEST_LABEL), "client-2") == 0);
    weir_object_close(objects[2]);
    memset(queues[2], 0xff, sizeof(*queues[2]));
    CHECK(shows(view, 75, 2, 70));
    weir_object_close(objects[0]);
    weir_object_close(objects[1]);
    look(view);
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_DEPTH) == 0);
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_OBJECTS) == 0);
    CHECK(number(view, WI_AGENT, WI_AGENT_OBJECTS_DROPPED) == 0);
    wi_process_view_close(view);
}

static void sums_its_objects_inside(const char *dir)
{
    (void)dir;
    sums_its_objects(false);
}

static void sums_its_objects_outside(const char *dir)
{
    (void)dir;
    sums_its_objects(true);
}

CHILD_TEST(sums_its_objects_inside)
CHILD_TEST(sums_its_objects_outside)

/* ---- what is not believed ----------------------------------------------------------------------- */

static double dropped(struct wi_process_view *view)
{
    return number(view, WI_AGENT, WI_AGENT_OBJECTS_DROPPED);
}

static void drops_what_was_freed(bool is_outside)
{
    struct weir_channel *channel = start();
    struct queue *queues[6];
    for (int i = 0; i < 6; i++) {
        queues[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(queues[i] != MAP_FAILED);
        *queues[i] = (struct queue){queues[i], "", 1, 1, MAGIC, &layout};
        CHECK(weir_object_open(channel, queues[i], &layout, NULL) != NULL);
    }
    struct wi_process_view *view = open_view(is_outside);
    CHECK(shows(view, 6, 6, 1));
    munmap(queues[0], 4096);
    CHECK(shows(view, 5, 5, 1) && dropped(view) == 1);
    queues[1]->self = queues[2];
    CHECK(shows(view, 4, 4, 1) && dropped(view) == 2);
    queues[2]->magic = 7;
    CHECK(shows(view, 3, 3, 1) && dropped(view) == 3);
    queues[3]->kind = queues;
    CHECK(shows(view, 2, 2, 1) && dropped(view) == 4);
    queues[4]->depth = 1000001;
    CHECK(shows(view, 1, 1, 1) && dropped(view) == 5);
    queues[4]->depth = 1; /* once is enough */
    CHECK(shows(view, 1, 1, 1) && dropped(view) == 5);
    CHECK(weir_object_open(channel, queues[4], &layout, NULL) != NULL);
    CHECK(shows(view, 2, 2, 1) && dropped(view) == 5);
    wi_process_view_close(view);
}

static void drops_what_was_freed_inside(const char *dir)
{
    (void)dir;
    drops_what_was_freed(false);
}

static void drops_what_was_freed_outside(const char *dir)
{
    (void)dir;
    drops_what_was_freed(true);
}

/* Many that are gone, between some that are not: each costs a call of the kernel's. */
static void drops_many_at_once(const char *dir)
{
    (void)dir;
    enum { N = 3000 };
    struct weir_channel *channel = start();
    struct queue *queue = new_queue(1);
    char *gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(gone != MAP_FAILED);
    for (int i = 0; i < N; i++) {
        CHECK(weir_object_open(channel, i % 3 ? (void *)queue : gone, &layout, NULL) != NULL);
    }
    munmap(gone, 4096);
    struct wi_process_view *view = open_view(false);
    CHECK(shows(view, N / 3 * 2, N / 3 * 2, 1) && dropped(view) == N / 3);
    wi_process_view_close(view);
}

static int n_lines;

static void count_line(void *context, const char *line)
{
    (void)context;
    n_lines += strstr(line, "layout") != NULL;
}

static void refuses_impossible_layouts(const char *dir)
{
    (void)dir;
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.log = count_line;
    CHECK(weir_start(&options, &error) == WEIR_OK);
    struct weir_channel *channel = open_channel("writes");
    struct queue *queue = new_queue(1);
    struct wide {
        uint64_t depth;
        char bytes[264]; /* as a width of eight bits it would be 8 */
    };
    struct weir_layout wide =
        WEIR_LAYOUT_OF(struct wide, WEIR_FIELD(struct wide, depth, WEIR_FIELD_DEPTH, 0),
                       WEIR_FIELD(struct wide, bytes, WEIR_FIELD_BYTES, 0));
    struct weir_layout lies[12];
    for (int i = 0; i < 12; i++) {
        lies[i] = layout;
    }
    lies[0].fields[1].width = 3;
    lies[1].fields[1].offset = sizeof(struct queue) - 4;
    lies[2].fields[1].offset = UINT32_MAX;
    lies[3].fields[1].kind = 99;
    lies[4].fields[1].kind = WEIR_FIELD_BYTES; /* no depth */
    lies[5].fields[2].kind = WEIR_FIELD_SAME;  /* two of them */
    lies[6].object_bytes = 0;
    lies[7].object_bytes = SIZE_MAX;
    lies[8].size = 4;
    lies[9].fields[0].kind = WEIR_FIELD_NONE; /* no field at all */
    lies[10] = wide;
    lies[11].fields[2].kind = WEIR_FIELD_LESS; /* of another width than the depth */
    lies[11].fields[2].width = lies[11].fields[1].width / 2;
    for (int i = 0; i < 12; i++) {
        CHECK(!weir_object_open(channel, queue, &lies[i], NULL));
    }
    CHECK(!weir_object_open(NULL, queue, &layout, NULL));
    CHECK(!weir_object_open(channel, NULL, &layout, NULL));
    CHECK(!weir_object_open(channel, queue, NULL, NULL));
    weir_object_close(NULL);
    struct wi_process_view *view = open_view(false);
    look(view);
    CHECK(number(view, WI_AGENT, WI_AGENT_OBJECTS_REFUSED) == 12);
    CHECK(n_lines == 1);
    wi_process_view_close(view);
}

static void has_room_for_64_layouts(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = start();
    struct queue *queue = new_queue(1);
    struct weir_layout one = layout;
    for (unsigned i = 0; i < WI_MAX_LAYOUTS; i++) {
        one.fields[1].limit = 1000 + i;
        CHECK(weir_object_open(channel, queue, &one, NULL) != NULL);
    }
    one.fields[1].limit = 7;
    CHECK(!weir_object_open(channel, queue, &one, NULL));
    one.fields[1].limit = 1000;
    CHECK(weir_object_open(channel, queue, &one, NULL) != NULL);
    struct wi_process_view *view = open_view(true);
    CHECK(shows(view, WI_MAX_LAYOUTS + 1, WI_MAX_LAYOUTS + 1, 1));
    CHECK(number(view, WI_AGENT, WI_AGENT_OBJECTS_REFUSED) == 1);
    wi_process_view_close(view);
}

CHILD_TEST(drops_what_was_freed_inside)
CHILD_TEST(drops_what_was_freed_outside)
CHILD_TEST(drops_many_at_once)
CHILD_TEST(refuses_impossible_layouts)
CHILD_TEST(has_room_for_64_layouts)

/* ---- rings, capacities, labels ------------------------------------------------------------------ */

struct ring {
    uint32_t in, out, size;
    uint64_t items[4];
};

static void knows_rings_that_wrap(const char *dir)
{
    (void)dir;
    static const struct weir_layout of_ring =
        WEIR_LAYOUT_OF(struct ring, WEIR_FIELD(struct ring, in, WEIR_FIELD_DEPTH, 4),
                       WEIR_FIELD(struct ring, out, WEIR_FIELD_LESS, 0),
                       WEIR_FIELD(struct ring, size, WEIR_FIELD_CAPACITY, 4));
    struct weir_channel *channel = start();
    struct ring rings[2] = {{.in = 2, .out = UINT32_MAX, .size = 4},
                            {.in = 9, .out = 8, .size = 4}};
    CHECK(weir_object_open(channel, &rings[0], &of_ring, "wraps") != NULL);
    CHECK(weir_object_open(channel, &rings[1], &of_ring, NULL) != NULL);
    struct wi_process_view *view = open_view(false);
    CHECK(shows(view, 4, 2, 3));
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_CAPACITY) == 8);
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_FILL) == 0.5);
    rings[1].out = 10; /* its end was read before its beginning */
    CHECK(shows(view, 3, 2, 3) && dropped(view) == 0);
    rings[1].out = 3; /* more than it can hold */
    CHECK(shows(view, 3, 1, 3) && dropped(view) == 1);
    wi_process_view_close(view);
}

/* Without a limit the half of what the words can hold is one: "a little below 0" is no depth of four billions. */
static void knows_rings_without_a_limit(const char *dir)
{
    (void)dir;
    static const struct weir_layout of_ring =
        WEIR_LAYOUT_OF(struct ring, WEIR_FIELD(struct ring, in, WEIR_FIELD_DEPTH, 0),
                       WEIR_FIELD(struct ring, out, WEIR_FIELD_LESS, 0));
    struct weir_channel *channel = start();
    struct ring ring = {.in = 10, .out = 11};
    CHECK(weir_object_open(channel, &ring, &of_ring, NULL) != NULL);
    struct wi_process_view *view = open_view(false);
    CHECK(shows(view, 0, 1, 0));
    ring.in = UINT32_C(1) << 31; /* deeper than any ring, and not below 0 */
    ring.out = 1;
    CHECK(shows(view, INT32_MAX, 1, INT32_MAX) && dropped(view) == 0);
    wi_process_view_close(view);
}

/* A ring of four that turns faster than it is read: between its two words it may turn many times. */
struct turning {
    _Alignas(64) _Atomic uint32_t in;
    _Alignas(64) _Atomic uint32_t out;
    _Alignas(64) _Atomic bool is_over;
};

static void *turn(void *argument)
{
    struct turning *ring = argument;
    while (!ring->is_over) {
        ring->in++;
        ring->out++;
    }
    return NULL;
}

static void keeps_a_ring_that_turns_fast(const char *dir)
{
    (void)dir;
    static const struct weir_layout of_ring =
        WEIR_LAYOUT_OF(struct turning, WEIR_FIELD(struct turning, in, WEIR_FIELD_DEPTH, 4),
                       WEIR_FIELD(struct turning, out, WEIR_FIELD_LESS, 0));
    static struct turning ring;
    struct weir_channel *channel = start();
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, turn, &ring) == 0);
    CHECK(weir_object_open(channel, &ring, &of_ring, NULL) != NULL);
    struct wi_process_view *view = open_view(false);
    for (int i = 0; i < 3000; i++) {
        look(view);
        CHECK(dropped(view) == 0);
    }
    ring.is_over = true;
    pthread_join(thread, NULL);
    CHECK(shows(view, 0, 1, 0));
    wi_process_view_close(view);
}

static void makes_labels_of_objects_safe(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = start();
    struct wi_process_view *view = open_view(true);
    char longer[WEIR_OBJECT_LABEL_MAX + 2];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[WEIR_OBJECT_LABEL_MAX + 1] = '\0';
    memcpy(longer + WEIR_OBJECT_LABEL_MAX - 1, "\xc3\xa9",
           2); /* its second byte would be the 64th */
    weir_object_open(channel, new_queue(1), &layout, longer);
    CHECK(shows(view, 1, 1, 1));
    CHECK(strlen(text(view, WI_CHANNEL, WI_CHANNEL_LARGEST_LABEL)) == WEIR_OBJECT_LABEL_MAX - 1);
    weir_object_open(channel, new_queue(2), &layout,
                     "a\x1b[2Jb\n\xff"
                     "c\xe2\x80\xae");
    CHECK(shows(view, 3, 2, 2));
    CHECK(strcmp(text(view, WI_CHANNEL, WI_CHANNEL_LARGEST_LABEL), "a?[2Jb??c?") == 0);
    weir_object_open(channel, new_queue(3), &layout, NULL);
    CHECK(shows(view, 6, 3, 3));
    CHECK(text(view, WI_CHANNEL, WI_CHANNEL_LARGEST_LABEL)[0] == '\0');
    wi_process_view_close(view);
}

CHILD_TEST(knows_rings_that_wrap)
CHILD_TEST(knows_rings_without_a_limit)
CHILD_TEST(keeps_a_ring_that_turns_fast)
CHILD_TEST(makes_labels_of_objects_safe)

/* ---- channels, forks ---------------------------------------------------------------------------- */

static void belongs_to_the_channel_that_was_open(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = start();
    struct weir_object *object = weir_object_open(channel, new_queue(7), &layout, NULL);
    struct wi_process_view *view = open_view(false);
    CHECK(shows(view, 7, 1, 7));
    weir_channel_close(channel);
    channel = open_channel("later"); /* in the same slot */
    look(view);
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_DEPTH) == 0);
    CHECK(wi_process_view_row(view, WI_CHANNEL, 0)->value[WI_CHANNEL_OBJECTS].type == WI_ABSENT);
    weir_object_close(object);
    CHECK(weir_object_open(channel, new_queue(2), &layout, NULL) == object); /* its place is free */
    CHECK(shows(view, 2, 1, 2));
    wi_process_view_close(view);
}

/* A channel is counted, told its depth, or has objects. */
static void mixes_no_two_ways_to_know_a_depth(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = start();
    struct weir_channel *counted = open_channel("counted");
    struct weir_channel *told = open_channel("told");
    struct queue *queue = new_queue(7);
    weir_channel_send(counted, 1);
    weir_channel_observe(told, 5, 0);
    CHECK(!weir_object_open(counted, queue, &layout, NULL));
    CHECK(!weir_object_open(told, queue, &layout, NULL));
    CHECK(weir_object_open(channel, queue, &layout, NULL) != NULL);
    weir_channel_observe(channel, 100, 0);
    weir_channel_send(channel, 1);
    struct weir_health health = {.size = sizeof(health)};
    weir_health_read(&health);
    CHECK(health.calls_mixed == 4);
    struct wi_process_view *view = open_view(true);
    CHECK(shows(view, 7, 1, 7));
    const struct wi_row *row = wi_process_view_row(view, WI_CHANNEL, 0);
    CHECK(row->value[WI_CHANNEL_SENT].type == WI_ABSENT);
    CHECK(row->value[WI_CHANNEL_RECEIVED].type == WI_ABSENT);
    CHECK(strcmp(row->value[WI_CHANNEL_COUNTING].u.text, "observed") == 0);
    wi_process_view_close(view);
}

/* The child's objects are its own copies. */
static void goes_on_in_a_child(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = start();
    struct queue *queue = new_queue(7);
    struct queue *closed = new_queue(1);
    CHECK(weir_object_open(channel, queue, &layout, "inherited") != NULL);
    struct weir_object *early = weir_object_open(channel, closed, &layout, NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        weir_object_close(early); /* before its start */
        CHECK(!weir_object_open(channel, queue, &layout, NULL));
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        queue->depth = 9;
        struct wi_process_view *view = open_view(false);
        CHECK(shows(view, 9, 1, 9));
        CHECK(strcmp(text(view, WI_CHANNEL, WI_CHANNEL_LARGEST_LABEL), "inherited") == 0);
        CHECK(weir_object_open(channel, new_queue(1), &layout, NULL) == early);
        CHECK(shows(view, 10, 2, 9));
        wi_process_view_close(view);
        view = open_view(true);
        CHECK(shows(view, 10, 2, 9));
        wi_process_view_close(view);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    struct wi_process_view *view = open_view(true);
    CHECK(shows(view, 8, 2, 7));
    wi_process_view_close(view);
}

/* Its parent closes what it has handed over. The child's handle leads to no other object. */
static void closes_only_its_own_in_a_child(const char *dir)
{
    (void)dir;
    struct weir_channel *channel = start();
    struct weir_object *handed = weir_object_open(channel, new_queue(1), &layout, NULL);
    int closed[2];
    CHECK(handed && pipe(closed) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        char byte;
        CHECK(read(closed[0], &byte, 1) == 1);
        CHECK(weir_start(NULL, &error) == WEIR_OK);
        struct weir_object *later = weir_object_open(channel, new_queue(5), &layout, NULL);
        CHECK(later && later != handed);
        struct wi_process_view *view = open_view(false);
        CHECK(shows(view, 5, 1, 5) && dropped(view) == 0);
        weir_object_close(handed);
        CHECK(shows(view, 5, 1, 5));
        CHECK(weir_object_open(channel, new_queue(2), &layout, NULL) == handed);
        CHECK(shows(view, 7, 2, 5));
        wi_process_view_close(view);
        view = open_view(true);
        CHECK(shows(view, 7, 2, 5));
        wi_process_view_close(view);
        _exit(0);
    }
    weir_object_close(handed);
    CHECK(write(closed[1], "", 1) == 1);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

CHILD_TEST(belongs_to_the_channel_that_was_open)
CHILD_TEST(mixes_no_two_ways_to_know_a_depth)
CHILD_TEST(goes_on_in_a_child)
CHILD_TEST(closes_only_its_own_in_a_child)

/* ---- a file that another process has written ---------------------------------------------------- */

static size_t object_place(const struct wi_header *header, int fd, uint32_t number)
{
    uint32_t line;
    CHECK(pread(fd, &line, sizeof(line), (off_t)header->objects.slabs * WEIR_LINE) == sizeof(line));
    return (size_t)line * WEIR_LINE + number * sizeof(struct wi_object);
}

/* Each word of an object in the file, made hostile. */
static void reads_only_its_own_memory(const char *dir)
{
    (void)dir;
    static const uint64_t addresses[] = {0,
                                         1,
                                         4096,
                                         UINT64_MAX,
                                         UINT64_MAX - 200,
                                         UINT64_C(0xffff888000000000),
                                         UINT64_C(1) << 63,
                                         UINT64_C(1) << 56,
                                         (UINT64_C(1) << 47) - 8};
    struct weir_channel *channel = start();
    CHECK(weir_object_open(channel, new_queue(7), &layout, "mine") != NULL);
    struct wi_process_view *inside = open_view(false);
    int fd = open(own_path(), O_RDWR | O_CLOEXEC);
    struct wi_header header;
    struct wi_object object;
    CHECK(fd >= 0 && pread(fd, &header, sizeof(header), 0) == sizeof(header));
    off_t at = (off_t)object_place(&header, fd, 0);
    CHECK(pread(fd, &object, sizeof(object), at) == sizeof(object));
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct wi_object forged = object;
        struct wi_process_view *outside = open_view(true);
        forged.address = addresses[i];
        CHECK(pwrite(fd, &forged, sizeof(forged), at) == sizeof(forged));
        look(outside);
        CHECK(number(outside, WI_CHANNEL, WI_CHANNEL_OBJECTS) == 0 && dropped(outside) == 1);
        CHECK(shows(inside, 7, 1, 7)); /* it knows better */
        wi_process_view_close(outside);
    }
    struct wi_process_view *outside = open_view(true);
    for (size_t word = 0; word < sizeof(object) / 8; word++) {
        for (int bit = 0; bit < 64; bit += 7) {
            uint64_t words[sizeof(object) / 8];
            memcpy(words, &object, sizeof(words));
            words[word] ^= UINT64_C(1) << bit;
            CHECK(pwrite(fd, words, sizeof(words), at) == sizeof(words));
            look(outside);
            look(inside);
        }
    }
    CHECK(pwrite(fd, &object, sizeof(object), at) == sizeof(object));
    CHECK(shows(inside, 7, 1, 7));
    wi_process_view_close(outside);
    wi_process_view_close(inside);
    close(fd);
}

/* A copy of a segment, or one whose header names another process, leads nobody to that process's memory. */
static void reads_no_process_that_has_not_mapped_it(const char *dir)
{
    char path[300];
    struct weir_channel *channel = start();
    weir_channel_resize(channel, 10);
    CHECK(weir_object_open(channel, new_queue(7), &layout, NULL) != NULL);
    int fd = open(own_path(), O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "%s/copy", dir);
    int copy = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    char page[4096];
    off_t at = 0;
    for (ssize_t n; (n = pread(fd, page, sizeof(page), at)) > 0; at += n) {
        CHECK(pwrite(copy, page, (size_t)n, at) == n);
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    CHECK(fcntl(copy, F_OFD_SETLK, &lock) == 0); /* it seems to live */
    struct wi_process_view *view;
    CHECK(wi_process_view_open_file(path, &view, &error) == WEIR_OK);
    look(view);
    look(view);
    CHECK(strstr(text(view, WI_AGENT, WI_AGENT_OBJECTS_STATE), "maps"));
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_OBJECTS) == 1);
    CHECK(number(view, WI_CHANNEL, WI_CHANNEL_OBJECTS_READ) == 0);
    static const int unknown[] = {WI_CHANNEL_DEPTH,      WI_CHANNEL_FILL,
                                  WI_CHANNEL_HIGH_WATER, WI_CHANNEL_DEEPEST,
                                  WI_CHANNEL_OLDEST_AGE, WI_CHANNEL_QUEUED_BYTES};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        CHECK(number(view, WI_CHANNEL, unknown[i]) == -1);
    }
    wi_process_view_close(view);
    close(fd);
    close(copy);
}

CHILD_TEST(reads_only_its_own_memory)
CHILD_TEST(reads_no_process_that_has_not_mapped_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_its_objects_inside),
        cmocka_unit_test(test_sums_its_objects_outside),
        cmocka_unit_test(test_drops_what_was_freed_inside),
        cmocka_unit_test(test_drops_what_was_freed_outside),
        cmocka_unit_test(test_drops_many_at_once),
        cmocka_unit_test(test_refuses_impossible_layouts),
        cmocka_unit_test(test_has_room_for_64_layouts),
        cmocka_unit_test(test_knows_rings_that_wrap),
        cmocka_unit_test(test_knows_rings_without_a_limit),
        cmocka_unit_test(test_keeps_a_ring_that_turns_fast),
        cmocka_unit_test(test_makes_labels_of_objects_safe),
        cmocka_unit_test(test_belongs_to_the_channel_that_was_open),
        cmocka_unit_test(test_mixes_no_two_ways_to_know_a_depth),
        cmocka_unit_test(test_goes_on_in_a_child),
        cmocka_unit_test(test_closes_only_its_own_in_a_child),
        cmocka_unit_test(test_reads_only_its_own_memory),
        cmocka_unit_test(test_reads_no_process_that_has_not_mapped_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
