/* SPDX-License-Identifier: MIT
 *
 * A thread that empties staging slots. To give 512 pages back takes the kernel as long as most of the rest of a migration, and nobody has
 * to wait for it: a few slots may be full meanwhile. To wake the thread costs more than to empty a small slot, so it is woken for many of
 * them, and up to 1 MiB that nobody needs may stay until then.
 */
#ifndef XESVM_PUMP_REAPER_H
#define XESVM_PUMP_REAPER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "thread.h"

typedef struct xesvm_pump xesvm_pump;

struct reaper {
    struct pump_thread thread;
    bool started;
    _Atomic uint32_t stop;
    _Atomic uint32_t signals; /* futex: changes with every slot that was left to the thread */
    _Atomic uint32_t sleeping;
};

/* 0 or -errno. */
int32_t reaper_start(xesvm_pump *pump);
/* Returns when the thread has ended, the slots empty or not. */
void reaper_stop(xesvm_pump *pump);
/* Takes a slot whose content, of so many pages at most, nobody wants any more. */
void reaper_give(xesvm_pump *pump, uint32_t slot, uint32_t pages);

#endif
