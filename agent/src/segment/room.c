/* SPDX-License-Identifier: MIT */
/* Room for a member of a family: pieces of the segment, each taken by one compare-and-swap at the end of all others. */
#include "segment/room.h"

#include "segment/file.h"
#include "weir/expect.h"

#define ROOM_PAGE  4096u
#define ROOM_STEP  16384u /* bytes that a member takes at once, at least */
#define ROOM_TRIES 64

static struct {
    struct wi_member *self; /* NULL: this process takes none */
    uint32_t next, end;     /* in lines */
} room;

void wi_room_begin(struct wi_member *self, uint32_t next, uint32_t end)
{
    room.self = self;
    room.next = next;
    room.end = end;
    if (self) {
        wi_store_relaxed(&self->next, next);
        wi_store_relaxed(&self->end, end);
    }
}

/* Makes pages present, or says that there is no room for them: later stores must not fault. */
static bool room_reserve(uint64_t from, uint64_t bytes)
{
    return wi_file_is(wi_segment.fd, wi_segment.device, wi_segment.inode)
               ? wi_file_reserve(wi_segment.fd, wi_segment.base, from, bytes)
               : wi_file_populate(wi_segment.base, from, bytes);
}

static void room_raise(uint64_t *place, uint64_t value)
{
    uint64_t seen = wi_load_relaxed(place);
    /* Pairs with readers, which copy and touch that much. */
    while (seen < value && !wi_try_replace_release(place, &seen, value)) {
    }
}

/* Takes room at the end of what all members have taken. Returns its offset, 0: there is none. The word may say anything:
 * it must lie behind all that this process knows to be taken. */
static uint64_t room_extend(uint64_t bytes)
{
    struct wi_header *header = wi_segment_header();
    uint64_t seen = wi_load_relaxed(&header->used_bytes);
    for (int i = 0; i < ROOM_TRIES; i++) {
        uint64_t from = (seen + ROOM_PAGE - 1) / ROOM_PAGE * ROOM_PAGE;
        uint64_t end = from + bytes;
        if (seen < wi_index.used_bytes || seen > wi_segment.limit_bytes ||
            end > wi_segment.limit_bytes || end > wi_segment.map_bytes) {
            break;
        }
        /* Pairs with itself in another process. */
        if (!wi_replace_acq_rel(&header->used_bytes, &seen, end)) {
            continue;
        }
        wi_index.used_bytes = end;
        if (room_reserve(from, bytes)) {
            room_raise(&header->reserved_bytes, end);
            wi_store_release(&wi_index.reserved_bytes, end); /* pairs with weir_health_read */
            return from;
        }
        wi_segment.why_full = "the file system is full; free some space, or set WEIR_DIR";
        return 0;
    }
    wi_segment.why_full = "its limit is reached; raise WEIR_LIMIT";
    return 0;
}

uint32_t wi_room_take(size_t n_lines)
{
    uint64_t bytes = (uint64_t)n_lines * WEIR_LINE;
    if (!WI_EXPECT(wi_segment_is_locked()) || !room.self) {
        return 0;
    }
    if (room.end - room.next < n_lines) {
        uint64_t wanted = bytes > ROOM_STEP ? bytes : ROOM_STEP;
        wanted = (wanted + ROOM_PAGE - 1) / ROOM_PAGE * ROOM_PAGE;
        uint64_t from = room_extend(wanted);
        if (!from) {
            return 0;
        }
        uint32_t line = (uint32_t)(from / WEIR_LINE);
        room.next = line == room.end ? room.next : line;
        room.end = line + (uint32_t)(wanted / WEIR_LINE);
        /* Pairs with family_adopt_room. First nothing: the next owner must never have room that is not this one's. */
        wi_store_release(&room.self->end, 0);
        wi_store_release(&room.self->next, room.next);
        wi_store_release(&room.self->end, room.end);
    }
    uint32_t taken = room.next;
    room.next += (uint32_t)n_lines;
    /* Pairs with family_adopt_room: what is used is not room any more. */
    wi_store_release(&room.self->next, room.next);
    return taken;
}

bool wi_room_is_there(uint32_t line, uint64_t bytes)
{
    uint64_t from = (uint64_t)line * WEIR_LINE;
    uint64_t page = from / ROOM_PAGE * ROOM_PAGE;
    return line >= WI_FIRST_LINE && bytes <= wi_segment.map_bytes &&
           from + bytes <= wi_segment.map_bytes && room_reserve(page, from + bytes - page);
}
