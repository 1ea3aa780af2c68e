/* SPDX-License-Identifier: MIT
 *
 * What the client did to its mappings, on the fault thread, while settle.sequence is odd: no isolation begins meanwhile. Each kind of
 * message is worked through in stages, and each stage block by block; all can be broken off and taken up again.
 */
#include "carry.h"
#include "home.h"
#include "pagemap.h"
#include "pump.h"
#include "system.h"

#define SCAN_RUNS 16
#define DOUBT_NS 1000000000u

/* Works on the pages [start, end), all in the block, whose bucket is locked. */
typedef int32_t (*block_action)(xesvm_pump *pump, const struct message *change, struct block *block, uint64_t start,
                                uint64_t end);

static int32_t act(xesvm_pump *pump, const struct message *change, struct bucket *bucket, struct block *block, uint64_t start,
                   uint64_t end, block_action action)
{
    int32_t result = 0;

    if (block->va > start)
        start = block->va;
    if (block->va + BLOCK_BYTES < end)
        end = block->va + BLOCK_BYTES;
    if (start < end)
        result = action(pump, change, block, start, end);
    if (result == 0)
        table_trim(&pump->table, bucket, block);
    return result;
}

static int32_t walk_blocks(xesvm_pump *pump, struct message *change, uint64_t start, uint64_t end, block_action action)
{
    if (change->cursor < start)
        change->cursor = start;
    while (change->cursor < end) {
        struct bucket *bucket = table_bucket(&pump->table, change->cursor);
        struct block *block;
        int32_t result;

        if (!lock_try_as_pump(&bucket->lock))
            return -EBUSY;
        block = table_find(bucket, change->cursor);
        result = block ? act(pump, change, bucket, block, start, end, action) : 0;
        lock_release(&bucket->lock);
        if (result < 0)
            return result;
        change->cursor = block_address(change->cursor) + BLOCK_BYTES;
    }
    return 0;
}

static int32_t walk_buckets(xesvm_pump *pump, struct message *change, uint64_t start, uint64_t end, block_action action)
{
    for (; change->cursor < TABLE_BUCKETS; change->cursor++) {
        struct bucket *bucket = &pump->table.buckets[change->cursor];
        struct block *next;
        int32_t result = 0;

        if (!lock_try_as_pump(&bucket->lock))
            return -EBUSY;
        for (struct block *block = bucket->blocks; block && result == 0; block = next) {
            next = block->next;
            result = act(pump, change, bucket, block, start, end, action);
        }
        lock_release(&bucket->lock);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Every known block of [start, end), the shorter way. */
static int32_t walk(xesvm_pump *pump, struct message *change, uint64_t start, uint64_t end, block_action action)
{
    if ((end - start) / BLOCK_BYTES < TABLE_BUCKETS)
        return walk_blocks(pump, change, start, end, action);
    return walk_buckets(pump, change, start, end, action);
}

static uint32_t end_page(const struct block *block, uint64_t end)
{
    return (uint32_t)((end - block->va) / PAGE_BYTES);
}

/* The content of the pages is given up, wherever it is. */
static int32_t drop_content(xesvm_pump *pump, const struct message *change, struct block *block, uint64_t start, uint64_t end)
{
    for (uint32_t page = block_page(start); page < end_page(block, end); page++) {
        struct migration *migration = block->page[page];
        uint32_t pages;

        if (!migration || (migration->phase == MIGRATION_HOMEBOUND && change->event == UFFD_EVENT_UNMAP))
            continue;
        pages = migration_detach(block, migration, page, end_page(block, end) - page);
        if (migration->phase == MIGRATION_DEVICE)
            home_report_discard(pump, block, migration, page, pages, change->begin_ns);
        else if (migration->phase == MIGRATION_HOMEBOUND)
            home_release(pump, migration);
        else
            migration->phase = MIGRATION_TAKEN_BACK;
    }
    return 0;
}

static int32_t drop_mapping(xesvm_pump *pump, const struct message *change, struct block *block, uint64_t start, uint64_t end)
{
    for (uint32_t page = block_page(start); page < end_page(block, end); page++)
        bit_clear(block->registered, page);
    for (uint32_t page = block_page(start); page < end_page(block, end); page++)
        bit_clear(block->doubtful, page);
    return drop_content(pump, change, block, start, end);
}

/* Isolations of the pages end, their content goes home when they are closed. */
static int32_t take_back(xesvm_pump *pump, const struct message *change, struct block *block, uint64_t start, uint64_t end)
{
    (void)pump;
    (void)change;
    for (uint32_t page = block_page(start); page < end_page(block, end); page++) {
        struct migration *migration = block->page[page];

        if (migration && migration->phase == MIGRATION_ISOLATED)
            migration->phase = MIGRATION_TAKEN_BACK;
    }
    return 0;
}

/* The pages [start, end), all in one block, have content, which the client may be about to drop. */
static int32_t doubt(xesvm_pump *pump, uint64_t start, uint64_t end)
{
    struct bucket *bucket = table_bucket(&pump->table, start);
    struct block *block;

    if (!lock_try_as_pump(&bucket->lock))
        return -EBUSY;
    block = table_find_or_add(&pump->table, bucket, start);
    if (block) {
        block->doubtful_until_ns = system_monotonic_ns() + DOUBT_NS;
        for (uint32_t page = block_page(start); page < end_page(block, end); page++)
            bit_set(block->doubtful, page);
    }
    lock_release(&bucket->lock);
    return block ? 0 : -ENOMEM;
}

static int32_t doubt_run(xesvm_pump *pump, struct message *change, const struct page_run *run)
{
    int32_t result = 0;

    for (uint64_t start = run->start; start < run->end && result == 0;) {
        uint64_t limit = block_address(start) + BLOCK_BYTES;
        uint64_t end = limit < run->end ? limit : run->end;

        result = doubt(pump, start, end);
        if (result == 0)
            change->cursor = end;
        start = end;
    }
    return result;
}

/* MADV_DONTNEED and its kin drop only after their message was read, at a time unknown; MADV_FREE maybe never. Content that is isolated
 * between would come back when the client has been told that it is gone. To drop it here would be wrong too: the client may have gone on
 * and written to the page, or put another mapping there. So isolate is to refuse pages that still have content, until they were
 * seen without, or for a time that no client needs to go on. */
static int32_t stage_doubt(xesvm_pump *pump, struct message *change)
{
    if (change->cursor < change->start)
        change->cursor = change->start;
    while (change->cursor < change->end) {
        struct page_run runs[SCAN_RUNS];
        uint64_t scanned = change->cursor;
        int32_t count = pagemap_scan(pump->pagemap_fd, &scanned, change->end, runs, SCAN_RUNS);
        int32_t result = 0;

        if (count < 0)
            return 0; /* the mapping is gone, and its content with it */
        for (int32_t run = 0; run < count && result == 0; run++)
            result = doubt_run(pump, change, &runs[run]);
        if (result < 0)
            return result;
        change->cursor = scanned;
    }
    return 0;
}

static int32_t stage_drop_content(xesvm_pump *pump, struct message *change)
{
    return walk(pump, change, change->start, change->end, drop_content);
}

static int32_t stage_drop_mapping(xesvm_pump *pump, struct message *change)
{
    return walk(pump, change, change->start, change->end, drop_mapping);
}

static int32_t stage_take_back_destination(xesvm_pump *pump, struct message *change)
{
    return walk(pump, change, change->to, change->to + (change->end - change->start), take_back);
}

static int32_t stage_carry(xesvm_pump *pump, struct message *change)
{
    return walk(pump, change, change->start, change->end, carry_content);
}

/* Threads that wait for a page of a mapping that is gone: nobody else would ever wake them. */
static int32_t stage_wake(xesvm_pump *pump, struct message *change)
{
    uffd_wake(pump->client_fd, change->start, change->end - change->start);
    return 0;
}

static uint32_t invalidation_of(uint32_t event)
{
    if (event == UFFD_EVENT_UNMAP)
        return XESVM_INVALIDATE_UNMAP;
    return event == UFFD_EVENT_REMOVE ? XESVM_INVALIDATE_REMOVE : XESVM_INVALIDATE_REMAP;
}

static int32_t stage_report(xesvm_pump *pump, struct message *change)
{
    uint64_t pages = (change->end - change->start) / PAGE_BYTES;
    struct xesvm_pump_event event = {
        .type = XESVM_EVENT_INVALIDATE,
        .pages = (uint32_t)pages,
        .address = change->start,
        .begin_ns = change->begin_ns,
        .end_ns = system_monotonic_ns(),
        .invalidation = invalidation_of(change->event),
    };

    if (pages <= UINT32_MAX)
        events_push_invalidate(&pump->events, &event);
    else
        events_push_overflow(&pump->events);
    return 0;
}

typedef int32_t (*stage)(xesvm_pump *pump, struct message *change);

static const stage unmap_stages[] = {stage_drop_mapping, stage_wake, stage_report, NULL};
static const stage remove_stages[] = {stage_drop_content, stage_doubt, stage_report, NULL};
static const stage remap_stages[] = {stage_take_back_destination, stage_carry, stage_report, NULL};

static const stage *stages_of(uint32_t event)
{
    if (event == UFFD_EVENT_UNMAP)
        return unmap_stages;
    return event == UFFD_EVENT_REMOVE ? remove_stages : remap_stages;
}

int32_t change_apply(xesvm_pump *pump, struct message *change)
{
    const stage *stages = stages_of(change->event);

    while (stages[change->stage]) {
        int32_t result = stages[change->stage](pump, change);

        if (result < 0)
            return result;
        change->stage++;
        change->cursor = 0;
    }
    return 0;
}
