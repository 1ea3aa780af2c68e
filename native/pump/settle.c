/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include "pump.h"
#include "system.h"

#define SPINS 100
#define INSIST_NS 2000000u

bool settle_is_asked(const struct settle *settle)
{
    return atomic_load(&settle->sequence) & 1;
}

static void poke_if_wanted(xesvm_pump *pump)
{
    if (atomic_exchange(&pump->settle.wanted, 0))
        thread_poke(pump);
}

void settle_wait(xesvm_pump *pump)
{
    struct settle *settle = &pump->settle;
    uint32_t sequence;

    for (int spin = 0; spin < SPINS; spin++) {
        if (!settle_is_asked(settle))
            return;
        system_pause();
    }
    atomic_fetch_add(&settle->waiters, 1);
    while ((sequence = atomic_load(&settle->sequence)) & 1)
        futex_wait(&settle->sequence, sequence, -1);
    if (atomic_fetch_sub(&settle->waiters, 1) == 1)
        poke_if_wanted(pump);
}

void settle_leave(xesvm_pump *pump)
{
    if (atomic_fetch_sub(&pump->settle.inside, 1) == 1)
        poke_if_wanted(pump);
}

void settle_enter(xesvm_pump *pump)
{
    for (;;) {
        settle_wait(pump);
        atomic_fetch_add(&pump->settle.inside, 1);
        if (!settle_is_asked(&pump->settle))
            return;
        settle_leave(pump);
    }
}

bool settle_is_pending(const xesvm_pump *pump)
{
    return uffd_mappings_change(pump->client_fd);
}

bool settle_may_insist(const xesvm_pump *pump, uint64_t since_ns)
{
    return !atomic_load(&pump->settle.remapped) && system_monotonic_ns() - since_ns > INSIST_NS;
}

bool settle_drain(xesvm_pump *pump, uint32_t attempts)
{
    while (attempts-- > 0) {
        /* In this order: what is read between the two is processed when the second returns. */
        bool pending = settle_is_pending(pump);

        settle_wait(pump);
        if (!pending)
            return true;
        system_yield();
    }
    return false;
}

/* True when the count is 0; else the fault thread will be poked when it becomes 0. */
static bool is_zero(struct settle *settle, _Atomic uint32_t *count)
{
    if (atomic_load(count) == 0)
        return true;
    atomic_store(&settle->wanted, 1);
    return atomic_load(count) == 0;
}

bool settle_close(struct settle *settle)
{
    uint32_t sequence = atomic_load_explicit(&settle->sequence, memory_order_relaxed);

    if (!(sequence & 1)) {
        /* Those who waited for the gate to open pass first, or a client that changes mappings in a loop would starve them. */
        if (!is_zero(settle, &settle->waiters))
            return false;
        atomic_store(&settle->sequence, sequence + 1);
    }
    return is_zero(settle, &settle->inside);
}

void settle_open(struct settle *settle)
{
    uint32_t sequence = atomic_load_explicit(&settle->sequence, memory_order_relaxed);

    if (!(sequence & 1))
        return;
    atomic_store(&settle->sequence, sequence + 1);
    if (atomic_load(&settle->waiters) > 0)
        futex_wake_all(&settle->sequence);
}
