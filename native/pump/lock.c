/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include <limits.h>
#include <linux/futex.h>

#include "system.h"

#define SPINS 100

int32_t futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    const struct timespec *limit = timeout_ns < 0 ? NULL : &timeout;

    return (int32_t)system_call(SYS_futex, (uint64_t)(uintptr_t)word, FUTEX_WAIT_PRIVATE, value, (uint64_t)(uintptr_t)limit,
                                0, 0);
}

void futex_wake_all(_Atomic uint32_t *word)
{
    system_call(SYS_futex, (uint64_t)(uintptr_t)word, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0);
}

static bool try_acquire(struct lock *lock)
{
    uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);

    return !(word & (LOCK_HELD | LOCK_PUMP)) &&
           atomic_compare_exchange_weak_explicit(&lock->word, &word, word | LOCK_HELD, memory_order_acquire,
                                                 memory_order_relaxed);
}

/* Sleeps while the word has any of these bits, or not at all; may return early. */
static void sleep_while(struct lock *lock, uint32_t bits)
{
    uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);

    if (!(word & bits))
        return;
    if (!(word & LOCK_WAITERS) &&
        !atomic_compare_exchange_strong_explicit(&lock->word, &word, word | LOCK_WAITERS, memory_order_relaxed,
                                                 memory_order_relaxed))
        return;
    futex_wait(&lock->word, word | LOCK_WAITERS, -1);
}

void lock_acquire(struct lock *lock)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (try_acquire(lock))
            return;
        system_pause();
    }
    while (!try_acquire(lock))
        sleep_while(lock, LOCK_HELD | LOCK_PUMP);
}

void lock_await(struct lock *lock)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (!(atomic_load(&lock->word) & LOCK_HELD))
            return;
        system_pause();
    }
    while (atomic_load(&lock->word) & LOCK_HELD)
        sleep_while(lock, LOCK_HELD);
}

bool lock_release(struct lock *lock)
{
    uint32_t word = atomic_fetch_and_explicit(&lock->word, ~(LOCK_HELD | LOCK_WAITERS), memory_order_release);

    if (word & LOCK_WAITERS)
        futex_wake_all(&lock->word);
    return (word & LOCK_PUMP) != 0;
}

bool lock_try_as_pump(struct lock *lock)
{
    uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);

    for (;;) {
        bool held = (word & LOCK_HELD) != 0;
        uint32_t next = held ? word | LOCK_PUMP : (word & ~LOCK_PUMP) | LOCK_HELD;

        if (atomic_compare_exchange_weak_explicit(&lock->word, &word, next, memory_order_acquire, memory_order_relaxed))
            return !held;
    }
}
