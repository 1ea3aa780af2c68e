/* SPDX-License-Identifier: MIT */
#include "fork.h"

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

#include "pump.h"
#include "restore.h"
#include "system.h"

#define PUMPS 16u
#define MEMORY_ATTEMPTS 1000u

/* The pumps of this process, and the lock that keeps them: held by a thread that forks from one handler to the other. Ordinary memory;
 * the fault thread has nothing to do with it. */
static struct lock watched_lock;
static xesvm_pump *watched[PUMPS];
static bool handlers_are_set;

/* No handler of a signal, which might fork, while the lock is held. */
static uint64_t lock_watched(void)
{
    uint64_t all = ~(uint64_t)0;
    uint64_t before;

    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)(uintptr_t)&all, (uint64_t)(uintptr_t)&before, sizeof(all), 0, 0);
    lock_acquire(&watched_lock);
    return before;
}

static void unlock_watched(uint64_t signals)
{
    lock_release(&watched_lock);
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)(uintptr_t)&signals, 0, sizeof(signals), 0, 0);
}

static void bring_home_before_fork(xesvm_pump *pump)
{
    struct frame frame;

    atomic_fetch_add(&pump->fork.forking, 1);
    while (atomic_load(&pump->fork.isolating) > 0) /* whoever has not seen it */
        system_yield();
    frame_enter(pump, &frame, __builtin_frame_address(0));
    /* A fork cannot be refused here. Without memory for the pages it will hardly succeed either. */
    for (uint32_t attempt = 0; attempt < MEMORY_ATTEMPTS && restore_everything(pump, true) == -ENOMEM; attempt++)
        system_yield();
    frame_leave(&frame);
}

/* The signals of the forking thread, who alone has the lock. */
static uint64_t signals_of_forker;

static void before_fork(void)
{
    signals_of_forker = lock_watched();
    for (uint32_t i = 0; i < PUMPS; i++) {
        if (watched[i])
            bring_home_before_fork(watched[i]);
    }
}

static void after_fork_in_parent(void)
{
    for (uint32_t i = 0; i < PUMPS; i++) {
        if (watched[i])
            atomic_fetch_sub(&watched[i]->fork.forking, 1);
    }
    unlock_watched(signals_of_forker);
}

/* The state of the pumps is shared memory, and the parent's: not to be touched. */
static void after_fork_in_child(void)
{
    for (uint32_t i = 0; i < PUMPS; i++)
        watched[i] = NULL;
    unlock_watched(signals_of_forker);
}

int32_t fork_open(xesvm_pump *pump)
{
    int64_t page = system_mmap(PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    int32_t result;

    if (page < 0)
        return (int32_t)page;
    result = system_madvise((uint64_t)page, PAGE_BYTES, MADV_WIPEONFORK);
    if (result < 0) {
        system_munmap((uint64_t)page, PAGE_BYTES);
        return result;
    }
    *(volatile uint8_t *)(uintptr_t)page = 1;
    pump->fork.mark = (const volatile uint8_t *)(uintptr_t)page;
    return 0;
}

void fork_close(xesvm_pump *pump)
{
    if (pump->fork.mark)
        system_munmap((uint64_t)(uintptr_t)pump->fork.mark, PAGE_BYTES);
}

int32_t fork_watch(xesvm_pump *pump)
{
    uint64_t signals = lock_watched();
    int32_t result = handlers_are_set ? 0 : -pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    uint32_t index = 0;

    handlers_are_set = result == 0;
    while (index < PUMPS && watched[index])
        index++;
    if (result == 0 && index == PUMPS)
        result = -ENOSPC;
    if (result == 0)
        watched[index] = pump;
    unlock_watched(signals);
    return result;
}

void fork_unwatch(xesvm_pump *pump)
{
    uint64_t signals = lock_watched();

    for (uint32_t i = 0; i < PUMPS; i++) {
        if (watched[i] == pump)
            watched[i] = NULL;
    }
    unlock_watched(signals);
}

bool fork_enter(struct fork_state *state)
{
    atomic_fetch_add(&state->isolating, 1);
    if (atomic_load(&state->forking) == 0)
        return true;
    fork_leave(state);
    return false;
}

void fork_leave(struct fork_state *state)
{
    atomic_fetch_sub(&state->isolating, 1);
}
