/* SPDX-License-Identifier: MIT */
#ifndef XESVM_PUMP_RESTORE_H
#define XESVM_PUMP_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct xesvm_pump xesvm_pump;

/* What a caller wants with the pages of a range, and what came of it. */
struct request {
    uint32_t first; /* pages of the block at hand */
    uint32_t end;
    uint32_t wanted_first; /* pages to come home: those, and what else belongs to an allocation of theirs */
    uint32_t wanted_end;
    bool by_restore;
    bool take_back; /* end isolations too, as a CPU fault would */
    bool as_fault;  /* wait for what is held */
    bool fill;      /* give registered pages without content the zero page */
    uint64_t begin_ns;
    uint64_t moved;  /* device pages that came home */
    uint64_t filled;
};

/* Serves every block of the range. Call it inside a frame, without locks. 0 or -ENOMEM. */
int32_t restore_range(xesvm_pump *pump, uint64_t va, uint32_t pages, struct request *request);
/* Brings every device page of the process home; with take_back staged ones too. 0 or -ENOMEM. */
int32_t restore_everything(xesvm_pump *pump, bool take_back);

#endif
