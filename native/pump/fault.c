/* SPDX-License-Identifier: MIT
 *
 * Resolving one CPU fault, on the fault thread.
 */
#include "growth.h"
#include "home.h"
#include "pump.h"
#include "system.h"

/* For so long a fault is taken to wait for a message that comes by itself; longer than that takes on a machine with little to do. */
#define SUSPECT_NS 100000u

/* A page without content: the CPU gets the zero page, as it would without userfaultfd. */
static int32_t fill(xesvm_pump *pump, uint64_t page, bool insist)
{
    uint64_t done = 0;
    int32_t result = insist ? uffd_zero_regardless(pump->staging_fd, pump->client_fd, page, PAGE_BYTES, &done)
                            : uffd_zero(pump->client_fd, page, PAGE_BYTES, &done);

    if (result == 0) {
        count(&pump->counters.zero_pages, 1);
        return 0;
    }
    if (result == -EAGAIN)
        count(&pump->counters.restarts, 1);
    if (result == -EAGAIN || result == -ENOMEM)
        return result;
    /* Somebody else was first, or the mapping is gone: the thread that waits shall try again and see. */
    uffd_wake(pump->client_fd, page, PAGE_BYTES);
    return 0;
}

static int32_t bring_home(xesvm_pump *pump, struct block *block, struct migration *migration,
                          const struct message *fault)
{
    struct homecoming home = home_of(block, migration);
    bool on_device = migration->phase == MIGRATION_DEVICE;
    uint32_t pages = migration->pages;
    int32_t result;

    if (migration->phase == MIGRATION_ISOLATED) {
        migration->phase = MIGRATION_TAKEN_BACK;
        count(&pump->counters.cpu_faults_isolated, 1);
    }
    home.insist = settle_may_insist(pump, fault->begin_ns);
    home.by_move = migration->phase == MIGRATION_HOMEBOUND;

    /* The thread that faulted shall find the event when it goes on: it may look at statistics next. */
    home.wake_later = on_device;
    result = home_bring(pump, &home);
    if (on_device) {
        home_report(pump, &home, fault->begin_ns, false);
        if (home.copied + home.dropped > 0)
            uffd_wake(pump->client_fd, home.to, pages * PAGE_BYTES);
    } else {
        home_release(pump, migration);
    }
    return result;
}

int32_t fault_send_home(xesvm_pump *pump, const struct message *homeward)
{
    struct bucket *bucket = table_bucket(&pump->table, homeward->start);
    struct block *block;
    int32_t result = 0;

    if (!lock_try_as_pump(&bucket->lock))
        return -EBUSY;
    block = table_find(bucket, homeward->start);
    for (uint64_t va = homeward->start; block && va < homeward->end && result == 0; va += PAGE_BYTES) {
        struct migration *migration = block->page[block_page(va)];

        if (migration && migration->phase == MIGRATION_HOMEBOUND)
            result = bring_home(pump, block, migration, homeward);
    }
    lock_release(&bucket->lock);
    return result;
}

int32_t fault_resolve(xesvm_pump *pump, const struct message *fault, uint64_t *held_until_ns)
{
    struct bucket *bucket = table_bucket(&pump->table, fault->start);
    struct block *block;
    struct migration *migration;
    uint32_t page = block_page(fault->start);
    enum growth growth = GROWTH_NONE;
    bool filled = false;
    int32_t result = 0;

    if (system_monotonic_ns() - fault->begin_ns > SUSPECT_NS && settle_is_pending(pump))
        growth = growth_of(pump, fault);
    if (!lock_try_as_pump(&bucket->lock))
        return -EBUSY;
    block = table_find(bucket, fault->start);
    migration = block ? block->page[page] : NULL;
    if (growth == GROWTH_THERE || (growth == GROWTH_ANY && !migration)) {
        lock_release(&bucket->lock);
        return fill(pump, fault->start, true); /* a message that makes an end of the migration is still to come */
    }
    if (migration && fault->begin_ns < migration->begin_ns) {
        /* The fault is older than this absence of the page, which was there between: whoever still misses it faults again. */
        lock_release(&bucket->lock);
        uffd_wake(pump->client_fd, fault->start, PAGE_BYTES);
        return 0;
    }
    if (migration && migration_is_held(migration)) {
        *held_until_ns = migration->hold_until_ns;
        lock_release(&bucket->lock);
        return -ETIME;
    }
    if (migration) {
        filled = bit_get(migration->present, page - migration->first);
        result = bring_home(pump, block, migration, fault);
    }
    if (result == 0 && !filled) {
        result = fill(pump, fault->start, settle_may_insist(pump, fault->begin_ns));
        if (result == 0 && block)
            bit_clear(block->doubtful, page);
    }
    lock_release(&bucket->lock);
    return result;
}
