/* SPDX-License-Identifier: MIT
 *
 * Where pages are, and what happened so far.
 */
#include "pump.h"

static void query_block(xesvm_pump *pump, uint64_t va, uint32_t pages, uint8_t *states)
{
    static const uint8_t state_of[] = {
        [MIGRATION_ISOLATED] = XESVM_PAGE_ISOLATED,
        [MIGRATION_TAKEN_BACK] = XESVM_PAGE_ISOLATED,
        [MIGRATION_DEVICE] = XESVM_PAGE_DEVICE,
        [MIGRATION_HOMEBOUND] = XESVM_PAGE_ISOLATED,
    };
    struct bucket *bucket = table_bucket(&pump->table, va);
    struct block *block;

    settle_wait(pump);
    lock_acquire(&bucket->lock);
    block = table_find(bucket, va);
    for (uint32_t page = 0; page < pages; page++) {
        struct migration *migration = block ? block->page[block_page(va) + page] : NULL;

        states[page] = migration ? state_of[migration->phase] : XESVM_PAGE_SYSTEM;
    }
    release_bucket(pump, bucket);
}

int32_t xesvm_pump_query(xesvm_pump *pump, uint64_t va, uint32_t pages, uint8_t *states)
{
    if (!pump || !states || !range_is_valid(va, pages))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    while (pages > 0) {
        uint8_t some[BLOCK_PAGES];
        uint32_t here = BLOCK_PAGES - block_page(va);
        struct frame frame;

        if (here > pages)
            here = pages;
        frame_enter(pump, &frame, __builtin_frame_address(0));
        query_block(pump, va, here, some);
        frame_leave(&frame);
        for (uint32_t page = 0; page < here; page++)
            *states++ = some[page];
        va += here * PAGE_BYTES;
        pages -= here;
    }
    return 0;
}

int32_t xesvm_pump_read_counters(xesvm_pump *pump, struct xesvm_pump_counters *counters)
{
    struct counters *from;

    if (!pump || !counters)
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    from = &pump->counters;
    *counters = (struct xesvm_pump_counters){
        .cpu_faults = atomic_load(&from->cpu_faults),
        .cpu_faults_isolated = atomic_load(&from->cpu_faults_isolated),
        .zero_pages = atomic_load(&from->zero_pages),
        .isolations = atomic_load(&from->isolations),
        .commits = atomic_load(&from->commits),
        .aborts = atomic_load(&from->aborts),
        .busy = atomic_load(&from->busy),
        .pages_isolated = atomic_load(&from->pages_isolated),
        .pages_committed = atomic_load(&from->pages_committed),
        .pages_home = atomic_load(&from->pages_home),
        .pages_discarded = atomic_load(&from->pages_discarded),
        .restarts = atomic_load(&from->restarts),
        .events_pending = atomic_load(&pump->events.pending),
    };
    return 0;
}
