/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include "pump.h"
#include "system.h"

#define SPINS 100

void settle_begin(struct settle *settle)
{
    uint32_t sequence = atomic_load_explicit(&settle->sequence, memory_order_relaxed);

    if (!(sequence & 1))
        atomic_store(&settle->sequence, sequence + 1);
}

void settle_end(struct settle *settle)
{
    uint32_t sequence = atomic_load_explicit(&settle->sequence, memory_order_relaxed);

    if (!(sequence & 1))
        return;
    atomic_store(&settle->sequence, sequence + 1);
    if (atomic_load(&settle->waiters) > 0)
        futex_wake_all(&settle->sequence);
}

static uint32_t sleep_until_even(struct settle *settle)
{
    uint32_t sequence;

    atomic_fetch_add(&settle->waiters, 1);
    while ((sequence = atomic_load(&settle->sequence)) & 1)
        futex_wait(&settle->sequence, sequence, -1);
    atomic_fetch_sub(&settle->waiters, 1);
    return sequence;
}

uint32_t settle_wait(struct settle *settle)
{
    for (int spin = 0; spin < SPINS; spin++) {
        uint32_t sequence = atomic_load(&settle->sequence);

        if (!(sequence & 1))
            return sequence;
        system_pause();
    }
    return sleep_until_even(settle);
}

bool settle_holds(xesvm_pump *pump, uint32_t sequence)
{
    /* In this order: a message that is read between the two has changed the sequence before. */
    return !uffd_mappings_change(pump->client_fd) && atomic_load(&pump->settle.sequence) == sequence;
}

void settle_drain(xesvm_pump *pump)
{
    while (!settle_holds(pump, settle_wait(&pump->settle)))
        system_yield();
}
