/* SPDX-License-Identifier: MIT
 *
 * Whether the changes that the client made to its mappings are processed; and the gate between the fault thread, which reads the
 * messages about them, and the exports that move content. Why: pump.h, rule 4.
 */
#ifndef XESVM_PUMP_SETTLE_H
#define XESVM_PUMP_SETTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct xesvm_pump xesvm_pump;

struct settle {
    _Atomic uint32_t sequence; /* odd: the fault thread wants to read, reads, or has changes to process */
    _Atomic uint32_t waiters;  /* for an even sequence */
    _Atomic uint32_t inside;   /* exports that move content */
    _Atomic uint32_t wanted;   /* the fault thread waits for waiters or inside to become 0 */
    _Atomic uint32_t remapped; /* a message about moved memory has been read */
};

/* Waits until no change is being processed. Call it without locks, but inside a frame (frame.h): the fault thread waits for those who
 * wait here. */
void settle_wait(xesvm_pump *pump);
/* The same, and until settle_leave no message is read. Enter before the bucket is locked, leave after it was released. */
void settle_enter(xesvm_pump *pump);
void settle_leave(xesvm_pump *pump);
/* Whoever is inside should leave soon. */
bool settle_is_asked(const struct settle *settle);
/* True while a change has been made of which the message is unread. */
bool settle_is_pending(const xesvm_pump *pump);
/* Whether pages may be brought or filled although a change is unread. Clients that change registered mappings in a loop, from more
 * threads than there are processors, can keep the kernel from ever accepting a copy. After a while, since since_ns, it is done regardless,
 * unless the client has ever moved a mapping: of two mappings at one address the pump could then serve the wrong one. */
bool settle_may_insist(const xesvm_pump *pump, uint64_t since_ns);
/* Waits until every change that the client has made so far is processed. Call it without locks, outside. False when there is no
 * moment without a new one in so many attempts. */
bool settle_drain(xesvm_pump *pump, uint32_t attempts);

/* For the fault thread: closes the gate. False when somebody is inside, or has waited to come in; thread_poke will tell when to try
 * again. */
bool settle_close(struct settle *settle);
/* Opens it again. */
void settle_open(struct settle *settle);

#endif
