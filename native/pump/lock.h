/* SPDX-License-Identifier: MIT
 *
 * The pump's lock: a word in shared memory and a futex. Protocol and reasons are in pump.h.
 */
#ifndef XESVM_PUMP_LOCK_H
#define XESVM_PUMP_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOCK_HELD 1u
#define LOCK_WAITERS 2u
#define LOCK_PUMP 4u /* the fault thread was refused: nobody else gets the lock before it has had its turn */

struct lock {
    _Atomic uint32_t word;
};

void lock_acquire(struct lock *lock);
/* True: the fault thread was refused while the lock was held, and must be told. */
bool lock_release(struct lock *lock);
/* Waits for a moment in which nobody holds the lock. */
void lock_await(struct lock *lock);
/* For the fault thread only; never blocks. False: the holder's release will return true. */
bool lock_try_as_pump(struct lock *lock);

/* Waits while *word is value; may return early. timeout_ns < 0: no limit. Returns 0 or -errno (-EAGAIN, -EINTR, -ETIMEDOUT). */
int32_t futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ns);
void futex_wake_all(_Atomic uint32_t *word);

#endif
