/* SPDX-License-Identifier: MIT
 *
 * Bringing the content of a migration home to the client's pages, from staging or from VRAM. All of this wants the bucket of the
 * block held, and may be broken off and taken up again at any page: a page is SYSTEM as soon as its content is in place.
 */
#ifndef XESVM_PUMP_HOME_H
#define XESVM_PUMP_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "table.h"

typedef struct xesvm_pump xesvm_pump;

struct homecoming {
    struct block *block;
    struct migration *migration;
    uint32_t first; /* pages of the block to look at, as far as they belong to the migration */
    uint32_t end;
    uint64_t to;  /* where page first goes */
    bool by_move; /* take staged pages instead of copying them: staging loses them */
    bool wake_later; /* the caller wakes the range itself, when the event is in the ring */
    bool inside;  /* settle_enter was called: break off with -EAGAIN when asked to leave */
    bool insist;  /* do not wait for clients that keep changing mappings (settle_may_insist) */
    /* What happened so far. */
    uint32_t copied;
    uint32_t dropped;      /* there was no place for them any more */
    uint32_t first_copied; /* page of the block */
    uint32_t first_dropped;
    uint64_t copy_ns;
};

/* The whole of a migration to where it came from. */
struct homecoming home_of(struct block *block, struct migration *migration);
/* 0 when no page of the range belongs to the migration any more; -EAGAIN: release the bucket, let changes be processed, and call
 * again; -ENOMEM. Content is dropped for want of a place only when no change is unread that could tell where its place is now. */
int32_t home_bring(xesvm_pump *pump, struct homecoming *home);
/* Counts what home_bring did with a migration on the device, and tells of it. Frees the migration with its last page. */
void home_report(xesvm_pump *pump, const struct homecoming *home, uint64_t begin_ns, bool by_restore);
/* The client gave up pages of a migration on the device: they were detached. Frees the migration with its last page. */
void home_report_discard(xesvm_pump *pump, const struct block *block, struct migration *migration, uint32_t first,
                         uint32_t pages, uint64_t begin_ns);

/* Ends a homebound migration that has no pages any more; does nothing with any other. */
void home_release(xesvm_pump *pump, struct migration *migration);

#endif
