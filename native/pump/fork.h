/* SPDX-License-Identifier: MIT
 *
 * fork(). A child has the parent's memory, but neither its userfaultfd nor its fault thread, and staging and VRAM are the parent's. So
 * everything is brought home before (pthread_atfork), and nothing may leave until the child has its copy. What remains: clone(2)
 * without CLONE_VM, called past libc, runs no handlers; such a child finds zeros where pages are away. UFFD_FEATURE_EVENT_FORK would
 * tell of it, but only afterwards, when the pages may have changed, and only to a process that is privileged.
 */
#ifndef XESVM_PUMP_FORK_H
#define XESVM_PUMP_FORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct xesvm_pump xesvm_pump;

struct fork_state {
    _Atomic uint32_t forking;   /* threads between the two handlers: isolate refuses */
    _Atomic uint32_t isolating; /* threads inside isolate */
    const volatile uint8_t *mark; /* 1 in the process of the pump; in a child the kernel has cleared it */
};

/* 0 or -errno. */
int32_t fork_open(xesvm_pump *pump);
void fork_close(xesvm_pump *pump);
/* From now on fork() brings the pump's pages home first. -ENOSPC when there are too many pumps. */
int32_t fork_watch(xesvm_pump *pump);
/* Not any more: waits for a fork that is under way. */
void fork_unwatch(xesvm_pump *pump);

/* isolate: false while a fork is under way; then nothing may leave. */
bool fork_enter(struct fork_state *state);
void fork_leave(struct fork_state *state);

static inline bool fork_is_child(const struct fork_state *state)
{
    return *state->mark == 0;
}

#endif
