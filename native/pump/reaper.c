/* SPDX-License-Identifier: MIT */
#include "reaper.h"

#include <sys/prctl.h>

#include "pump.h"
#include "system.h"

void reaper_give(xesvm_pump *pump, uint32_t slot, uint32_t pages)
{
    struct reaper *reaper = &pump->reaper;
    enum staging_left left = reaper->started ? staging_leave(&pump->staging, slot, pages) : STAGING_FULL;

    if (left == STAGING_FULL) {
        staging_drop(&pump->staging, slot);
        staging_give(&pump->staging, slot);
        return;
    }
    if (left != STAGING_LEFT_MANY)
        return;
    atomic_fetch_add(&reaper->signals, 1);
    if (atomic_load(&reaper->sleeping))
        futex_wake_all(&reaper->signals);
}

static void *run(void *argument)
{
    xesvm_pump *pump = argument;
    struct reaper *reaper = &pump->reaper;

    system_call(SYS_prctl, PR_SET_NAME, (uint64_t)(uintptr_t) "xesvm-reaper", 0, 0, 0, 0);
    while (!atomic_load(&reaper->stop)) {
        uint32_t signals = atomic_load(&reaper->signals);
        int32_t slot = staging_take_left(&pump->staging);

        if (slot >= 0) {
            staging_drop(&pump->staging, (uint32_t)slot);
            staging_give(&pump->staging, (uint32_t)slot);
            continue;
        }
        atomic_store(&reaper->sleeping, 1);
        if (!atomic_load(&reaper->stop))
            futex_wait(&reaper->signals, signals, -1);
        atomic_store(&reaper->sleeping, 0);
    }
    return NULL;
}

int32_t reaper_start(xesvm_pump *pump)
{
    int32_t result = thread_spawn(pump, &pump->reaper.thread, run);

    pump->reaper.started = result == 0;
    return result;
}

void reaper_stop(xesvm_pump *pump)
{
    struct reaper *reaper = &pump->reaper;

    if (!reaper->started)
        return;
    atomic_store(&reaper->stop, 1);
    atomic_fetch_add(&reaper->signals, 1);
    futex_wake_all(&reaper->signals);
    thread_join(&reaper->thread);
}
