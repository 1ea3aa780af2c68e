/* SPDX-License-Identifier: MIT
 *
 * Pages of several kinds that become one allocation's device pages together: isolated ones, holes, and those of other allocations that are
 * being relocated.
 */
#include "pump.h"

/* What the caller names, read before any lock is taken; and what has been met. */
struct parts {
    uint64_t isolation[XESVM_JOIN_PARTS];
    uint64_t allocation[XESVM_JOIN_PARTS];
    uint32_t isolations;
    uint32_t allocations;
};

/* Staging that nobody needs any more, to be given away once no lock is held. */
struct leftovers {
    uint32_t slot[XESVM_JOIN_PARTS];
    uint32_t pages[XESVM_JOIN_PARTS];
    uint32_t count;
};

static bool is_named(const uint64_t *names, uint32_t count, uint64_t name)
{
    while (count > 0) {
        if (names[--count] == name)
            return true;
    }
    return false;
}

/* Whether a migration, met at its first page, is one of the parts, complete, and still as the caller left it. */
static bool is_part(const struct parts *parts, const struct migration *migration, uint32_t page, uint32_t end)
{
    if (migration->first != page || migration->held != migration->pages || page + migration->pages > end)
        return false;
    if (migration->phase == MIGRATION_ISOLATED)
        return is_named(parts->isolation, parts->isolations, atomic_load_explicit(&migration->id, memory_order_relaxed));
    return migration->phase == MIGRATION_DEVICE && migration->moving &&
           is_named(parts->allocation, parts->allocations, migration->allocation);
}

/* Whether the pages [first, end) are all of the parts' and nothing else's. */
static bool are_complete(const struct block *block, const struct parts *parts, uint32_t first, uint32_t end)
{
    uint32_t isolations = 0;
    uint32_t allocations = 0;

    for (uint32_t page = first; page < end;) {
        const struct migration *migration = block->page[page];

        if (!migration || !is_part(parts, migration, page, end))
            return false;
        if (migration->phase == MIGRATION_ISOLATED)
            isolations++;
        else
            allocations++;
        page += migration->pages;
    }
    return isolations == parts->isolations && allocations == parts->allocations;
}

static void leave_staging(struct leftovers *left, struct migration *migration)
{
    if (migration->phase != MIGRATION_ISOLATED)
        return;
    migration_close(migration);
    left->pages[left->count] = migration->pages;
    left->slot[left->count++] = migration->slot;
}

/* The first migration gets the pages of the others, and those end. Returns it. */
static struct migration *merge(xesvm_pump *pump, struct block *block, uint32_t first, uint32_t end, struct leftovers *left)
{
    struct migration *whole = block->page[first];
    uint32_t page = first + whole->pages;

    leave_staging(left, whole);
    while (page < end) {
        struct migration *part = block->page[page];
        uint32_t pages = part->pages;

        leave_staging(left, part);
        if (part->begin_ns < whole->begin_ns)
            whole->begin_ns = part->begin_ns;
        migration_detach(block, part, page, pages);
        migration_attach(block, whole, page, pages);
        migration_free(&pump->table, part);
        events_unreserve(&pump->events);
        page += pages;
    }
    whole->pages = end - first;
    return whole;
}

static int32_t join(xesvm_pump *pump, uint64_t va, uint32_t pages, const struct parts *parts, uint64_t vram,
                    uint64_t allocation, uint64_t hold_until_ns)
{
    struct bucket *bucket = table_bucket(&pump->table, va);
    struct leftovers left = {.count = 0};
    struct block *block;
    int32_t result = -EBUSY;

    if (!pump_is_vram(pump, vram, pages))
        return -EINVAL;
    settle_wait(pump);
    lock_acquire(&bucket->lock);
    block = table_find(bucket, va);
    if (block && are_complete(block, parts, block_page(va), block_page(va) + pages)) {
        struct migration *whole = merge(pump, block, block_page(va), block_page(va) + pages, &left);

        migration_become_device(whole, vram, allocation, hold_until_ns);
        result = 0;
    }
    release_bucket(pump, bucket); /* from here on a CPU fault may end the migration */
    for (uint32_t index = 0; index < left.count; index++)
        reaper_give(pump, left.slot[index], left.pages[index]);
    if (result == 0) {
        atomic_fetch_sub(&pump->open_isolations, left.count);
        count(&pump->counters.commits, left.count);
        count(&pump->counters.pages_committed, pages);
    }
    return result;
}

static bool read_names(uint64_t *to, const uint64_t *from, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        to[index] = from[index];
        if (to[index] == 0 || is_named(to, index, to[index]))
            return false;
    }
    return true;
}

int32_t xesvm_pump_join(xesvm_pump *pump, uint64_t va, uint32_t pages, const uint64_t *isolations, uint32_t isolation_count,
                        const uint64_t *allocations, uint32_t allocation_count, uint64_t vram, uint64_t allocation,
                        uint64_t hold_until_ns)
{
    struct parts parts = {.isolations = isolation_count, .allocations = allocation_count};
    struct frame frame;
    int32_t result = -EINVAL;

    if (!pump || !range_is_in_block(va, pages) || !range_is_valid(vram, BLOCK_PAGES) || (!isolations && isolation_count > 0) ||
        (!allocations && allocation_count > 0) || isolation_count > XESVM_JOIN_PARTS || allocation_count > XESVM_JOIN_PARTS ||
        isolation_count + allocation_count == 0)
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    if (read_names(parts.isolation, isolations, isolation_count) &&
        read_names(parts.allocation, allocations, allocation_count))
        result = join(pump, va, pages, &parts, vram, allocation, hold_until_ns);
    frame_leave(&frame);
    return result;
}
