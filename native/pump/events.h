/* SPDX-License-Identifier: MIT
 *
 * The ring of events. Every open isolation and every live allocation has one slot reserved, so the event that says "no page is
 * left" always finds room. Other events take what is free: earlier events of an allocation are otherwise added to its
 * next one, and INVALIDATE events to a flag that becomes one OVERFLOW event.
 */
#ifndef XESVM_PUMP_EVENTS_H
#define XESVM_PUMP_EVENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "table.h"
#include "xesvm_native.h"

#define EVENTS_UNRESERVED 4096u

struct event_ring {
    struct lock lock;
    bool overflow;
    struct xesvm_pump_event *slots;
    uint64_t capacity; /* a power of two */
    uint64_t head;
    uint64_t count;
    uint64_t reserved;
    uint64_t sequence;
    _Atomic uint64_t pending;
    _Atomic uint32_t signals; /* futex: changes with every event and every wake */
    _Atomic uint32_t waiters;
    _Atomic uint32_t woken;
};

int32_t events_open(struct event_ring *ring);
void events_close(struct event_ring *ring);

/* Keeps a slot for the last event of a migration; grows the ring when it must. 0 or -ENOMEM. */
int32_t events_reserve(struct event_ring *ring);
void events_unreserve(struct event_ring *ring);

/* HOME or DISCARD: event has all but sequence and allocation. The last one, with remaining 0, uses the reserved slot up. */
void events_push_left(struct event_ring *ring, struct migration *migration, const struct xesvm_pump_event *event);
void events_push_invalidate(struct event_ring *ring, const struct xesvm_pump_event *event);
void events_push_overflow(struct event_ring *ring);

#endif
