/* SPDX-License-Identifier: MIT */
/* A counting semaphore whose gate moves, under one mutex. */
#include "permits.h"

#include "instrument.h"

static uint64_t permits_taken(const struct permits *permits)
{
    if (permits->gate == GATE_NONE) {
        return 0;
    }
    uint64_t n_inside = permits->n_inside[permits->gate];
    return n_inside < permits->n_all ? n_inside : permits->n_all;
}

/* Both keep weir's count at permits_taken(): a move beyond the last permit takes none, and gives
 * none back. */
static void permits_add(struct permits *permits, enum gate gate)
{
    permits->n_inside[gate]++;
    if (permits->gate == gate && permits->n_inside[gate] <= permits->n_all) {
        instrument_permits_taken(1);
    }
}

static void permits_subtract(struct permits *permits, enum gate gate)
{
    if (permits->gate == gate && permits->n_inside[gate] <= permits->n_all) {
        instrument_permits_given(1);
        uv_cond_signal(&permits->freed);
        if (permits->is_waiting) {
            instrument_permit_freed();
        }
    }
    permits->n_inside[gate]--;
}

void permits_init(struct permits *permits, uint64_t n_all, enum gate gate)
{
    *permits = (struct permits){.gate = gate, .n_all = n_all};
    uv_mutex_init(&permits->lock);
    uv_cond_init(&permits->freed);
}

void permits_finish(struct permits *permits)
{
    uv_cond_destroy(&permits->freed);
    uv_mutex_destroy(&permits->lock);
}

void permits_set_gate(struct permits *permits, enum gate gate)
{
    uv_mutex_lock(&permits->lock);
    if (gate != permits->gate) {
        instrument_permits_given((uint32_t)permits_taken(permits));
        permits->gate = gate;
        instrument_permits_taken((uint32_t)permits_taken(permits));
        uv_cond_broadcast(&permits->freed);
    }
    uv_mutex_unlock(&permits->lock);
}

enum gate permits_gate(struct permits *permits)
{
    uv_mutex_lock(&permits->lock);
    enum gate gate = permits->gate;
    uv_mutex_unlock(&permits->lock);
    return gate;
}

bool permits_enter_door(struct permits *permits)
{
    uv_mutex_lock(&permits->lock);
    bool is_in = permits->gate != GATE_DOOR || permits->n_inside[GATE_DOOR] < permits->n_all;
    if (is_in) {
        permits_add(permits, GATE_DOOR);
    }
    uv_mutex_unlock(&permits->lock);
    return is_in;
}

static bool permits_must_wait(const struct permits *permits)
{
    return permits->gate == GATE_POOL && permits->n_inside[GATE_POOL] >= permits->n_all &&
           !permits->is_stopping;
}

bool permits_enter_pool(struct permits *permits)
{
    uv_mutex_lock(&permits->lock);
    if (permits_must_wait(permits)) {
        uint64_t waiting = instrument_permit_waits();
        permits->is_waiting = true;
        while (permits_must_wait(permits)) {
            uv_cond_wait(&permits->freed, &permits->lock);
        }
        permits->is_waiting = false;
        instrument_permit_waited(waiting);
    }
    bool is_in = !permits->is_stopping;
    if (is_in) {
        permits_add(permits, GATE_POOL);
    }
    uv_mutex_unlock(&permits->lock);
    return is_in;
}

void permits_leave(struct permits *permits, bool was_in_pool)
{
    uv_mutex_lock(&permits->lock);
    if (was_in_pool) {
        permits_subtract(permits, GATE_POOL);
    }
    permits_subtract(permits, GATE_DOOR);
    uv_mutex_unlock(&permits->lock);
}

void permits_stop(struct permits *permits)
{
    uv_mutex_lock(&permits->lock);
    permits->is_stopping = true;
    uv_cond_broadcast(&permits->freed);
    uv_mutex_unlock(&permits->lock);
}

struct permits_count permits_count(struct permits *permits)
{
    uv_mutex_lock(&permits->lock);
    struct permits_count count = {permits->n_all, permits_taken(permits),
                                  permits->n_inside[GATE_POOL]};
    uv_mutex_unlock(&permits->lock);
    return count;
}
