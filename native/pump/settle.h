/* SPDX-License-Identifier: MIT
 *
 * Whether every change that the client made to its mappings has been processed. Why it matters: pump.h, rule 4.
 */
#ifndef XESVM_PUMP_SETTLE_H
#define XESVM_PUMP_SETTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct xesvm_pump xesvm_pump;

struct settle {
    _Atomic uint32_t sequence; /* odd: the fault thread reads messages, or has changes to process */
    _Atomic uint32_t waiters;
};

/* For the fault thread. */
void settle_begin(struct settle *settle);
void settle_end(struct settle *settle);

/* Waits until no change is being processed; returns the sequence. Call it without locks. */
uint32_t settle_wait(struct settle *settle);
/* True when since settle_wait no change has been processed, and none is unread. */
bool settle_holds(xesvm_pump *pump, uint32_t sequence);
/* Waits until every change that the client has made so far is processed. Call it without locks. */
void settle_drain(xesvm_pump *pump);

#endif
