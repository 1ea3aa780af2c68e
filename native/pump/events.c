/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <stddef.h>

#include "pump.h"
#include "system.h"

#define TAKE_AT_ONCE 16u

static uint64_t ring_bytes(uint64_t capacity)
{
    return capacity * sizeof(struct xesvm_pump_event);
}

int32_t events_open(struct event_ring *ring)
{
    ring->capacity = 2 * (uint64_t)EVENTS_UNRESERVED;
    ring->slots = shared_map(ring_bytes(ring->capacity));
    return ring->slots ? 0 : -ENOMEM;
}

void events_close(struct event_ring *ring)
{
    shared_unmap(ring->slots, ring_bytes(ring->capacity));
}

static struct xesvm_pump_event *slot_at(struct event_ring *ring, uint64_t position)
{
    return &ring->slots[position & (ring->capacity - 1)];
}

static bool grow(struct event_ring *ring)
{
    uint64_t capacity = ring->capacity * 2;
    struct xesvm_pump_event *slots = shared_map(ring_bytes(capacity));

    if (!slots)
        return false;
    for (uint64_t i = 0; i < ring->count; i++)
        slots[i] = *slot_at(ring, ring->head + i);
    events_close(ring);
    ring->slots = slots;
    ring->capacity = capacity;
    ring->head = 0;
    return true;
}

int32_t events_reserve(struct event_ring *ring)
{
    int32_t result = 0;

    lock_acquire(&ring->lock);
    /* Events that nobody takes are bounded by what was reserved for them, so the ring is at most twice the allocations. */
    if (ring->reserved + 1 + EVENTS_UNRESERVED > ring->capacity || ring->reserved + 1 + ring->count > ring->capacity)
        result = grow(ring) ? 0 : -ENOMEM;
    if (result == 0)
        ring->reserved++;
    lock_release(&ring->lock);
    return result;
}

void events_unreserve(struct event_ring *ring)
{
    lock_acquire(&ring->lock);
    ring->reserved--;
    lock_release(&ring->lock);
}

static void signal_waiters(struct event_ring *ring)
{
    atomic_fetch_add(&ring->signals, 1);
    if (atomic_load(&ring->waiters) > 0)
        futex_wake_all(&ring->signals);
}

static bool has_unreserved(const struct event_ring *ring)
{
    return ring->count + ring->reserved < ring->capacity;
}

static struct xesvm_pump_event *push(struct event_ring *ring, const struct xesvm_pump_event *event)
{
    struct xesvm_pump_event *slot = slot_at(ring, ring->head + ring->count);

    *slot = *event;
    slot->sequence = ++ring->sequence;
    ring->count++;
    atomic_store(&ring->pending, ring->count + ring->overflow);
    return slot;
}

void events_push_left(struct event_ring *ring, struct migration *migration, const struct xesvm_pump_event *event)
{
    lock_acquire(&ring->lock);
    if (event->remaining == 0)
        ring->reserved--;
    if (has_unreserved(ring)) {
        struct xesvm_pump_event *slot = push(ring, event);

        slot->allocation = migration->allocation;
        slot->pages += migration->owed;
        migration->owed = 0;
    } else {
        migration->owed += event->pages;
    }
    lock_release(&ring->lock);
    signal_waiters(ring);
}

static void overflow(struct event_ring *ring)
{
    ring->overflow = true;
    atomic_store(&ring->pending, ring->count + 1);
}

void events_push_invalidate(struct event_ring *ring, const struct xesvm_pump_event *event)
{
    lock_acquire(&ring->lock);
    if (has_unreserved(ring))
        push(ring, event);
    else
        overflow(ring);
    lock_release(&ring->lock);
    signal_waiters(ring);
}

void events_push_overflow(struct event_ring *ring)
{
    lock_acquire(&ring->lock);
    overflow(ring);
    lock_release(&ring->lock);
    signal_waiters(ring);
}

static uint32_t take(struct event_ring *ring, struct xesvm_pump_event *events, uint32_t capacity)
{
    uint32_t taken = 0;

    lock_acquire(&ring->lock);
    /* First: what was lost may be older than what is in the ring. */
    if (ring->overflow && capacity > 0) {
        ring->overflow = false;
        events[taken++] = (struct xesvm_pump_event){.sequence = ++ring->sequence, .type = XESVM_EVENT_OVERFLOW};
    }
    for (; taken < capacity && ring->count > 0; taken++) {
        events[taken] = *slot_at(ring, ring->head++);
        ring->count--;
    }
    atomic_store(&ring->pending, ring->count + ring->overflow);
    lock_release(&ring->lock);
    return taken;
}

/* What the client was told has happened shall be in the ring. */
static void wait_for_changes(xesvm_pump *pump, const void *export_frame)
{
    struct frame frame;

    if (!settle_is_asked(&pump->settle))
        return;
    frame_enter(pump, &frame, export_frame);
    settle_wait(pump);
    frame_leave(&frame);
}

int32_t xesvm_pump_take_events(xesvm_pump *pump, struct xesvm_pump_event *events, uint32_t capacity)
{
    uint32_t total = 0;

    if (!pump || (!events && capacity > 0) || capacity > INT32_MAX)
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    wait_for_changes(pump, __builtin_frame_address(0));
    while (total < capacity && atomic_load(&pump->events.pending) > 0) {
        struct xesvm_pump_event some[TAKE_AT_ONCE];
        uint32_t wanted = capacity - total < TAKE_AT_ONCE ? capacity - total : TAKE_AT_ONCE;
        struct frame frame;
        uint32_t taken;

        frame_enter(pump, &frame, __builtin_frame_address(0));
        taken = take(&pump->events, some, wanted);
        frame_leave(&frame);
        for (uint32_t i = 0; i < taken; i++)
            events[total++] = some[i];
        if (taken < wanted)
            break;
    }
    return (int32_t)total;
}

int32_t xesvm_pump_wait(xesvm_pump *pump, int64_t timeout_ns)
{
    uint64_t start = system_monotonic_ns();
    int32_t result = -ETIMEDOUT;

    if (!pump)
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    atomic_fetch_add(&pump->events.waiters, 1);
    for (;;) {
        uint32_t signals = atomic_load(&pump->events.signals);
        int64_t left = timeout_ns < 0 ? -1 : timeout_ns - (int64_t)(system_monotonic_ns() - start);

        if (atomic_load(&pump->events.pending) > 0) {
            result = 1;
            break;
        }
        if (atomic_exchange(&pump->events.woken, 0) || (timeout_ns >= 0 && left <= 0)) {
            result = 0;
            break;
        }
        futex_wait(&pump->events.signals, signals, left);
    }
    atomic_fetch_sub(&pump->events.waiters, 1);
    return result;
}

int32_t xesvm_pump_wake(xesvm_pump *pump)
{
    if (!pump)
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    atomic_store(&pump->events.woken, 1);
    signal_waiters(&pump->events);
    return 0;
}
