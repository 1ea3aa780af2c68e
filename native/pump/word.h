/* SPDX-License-Identifier: MIT
 *
 * Words of memory that may be accessed atomically.
 */
#ifndef XESVM_PUMP_WORD_H
#define XESVM_PUMP_WORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static inline bool word_is(uint64_t address, uint32_t length)
{
    return (length == 4 || length == 8) && address % length == 0;
}

/* Writes desired when the word is expected; returns what it was. */
static inline uint64_t word_compare_exchange(uint64_t address, uint32_t size, uint64_t expected, uint64_t desired)
{
    if (size == 4) {
        uint32_t old = (uint32_t)expected;

        atomic_compare_exchange_strong((_Atomic uint32_t *)(uintptr_t)address, &old, (uint32_t)desired);
        return old;
    }
    atomic_compare_exchange_strong((_Atomic uint64_t *)(uintptr_t)address, &expected, desired);
    return expected;
}

#endif
