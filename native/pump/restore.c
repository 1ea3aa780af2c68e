/* SPDX-License-Identifier: MIT
 *
 * Bringing pages home on request.
 */
#include "restore.h"

#include "home.h"
#include "pump.h"
#include "system.h"

static int32_t bring_page(xesvm_pump *pump, struct block *block, struct migration *migration, struct request *request)
{
    struct homecoming home = home_of(block, migration);
    int32_t result;

    home.inside = true;
    home.insist = settle_may_insist(pump, request->begin_ns);
    if (migration->phase == MIGRATION_HOMEBOUND) {
        home.by_move = true;
        result = home_bring(pump, &home);
        home_release(pump, migration);
        return result;
    }
    if (migration->phase != MIGRATION_DEVICE) {
        migration->phase = MIGRATION_TAKEN_BACK;
        return home_bring(pump, &home);
    }
    result = home_bring(pump, &home);
    request->moved += home.copied;
    home_report(pump, &home, request->begin_ns, request->by_restore);
    return result;
}

/* The caller stands for CPU faults: it waits as they do. */
static bool is_held(const struct migration *migration, const struct request *request)
{
    return request->as_fault && migration_is_held(migration);
}

static bool is_wanted(const struct migration *migration, const struct request *request)
{
    return migration->phase == MIGRATION_DEVICE || migration->phase == MIGRATION_HOMEBOUND || request->take_back;
}

/* Should it be interrupted, and only pages outside the range be left, they are still to come. */
static void want_whole(struct request *request, const struct migration *migration)
{
    if (migration->first < request->wanted_first)
        request->wanted_first = migration->first;
    if (migration->first + migration->pages > request->wanted_end)
        request->wanted_end = migration->first + migration->pages;
}

static int32_t bring_pages(xesvm_pump *pump, struct block *block, struct request *request)
{
    int32_t result = 0;

    for (uint32_t page = request->wanted_first; page < request->wanted_end && result == 0; page++) {
        struct migration *migration = block->page[page];

        if (migration && is_held(migration, request))
            return -EAGAIN;
        if (migration && is_wanted(migration, request)) {
            want_whole(request, migration);
            result = bring_page(pump, block, migration, request);
        }
    }
    return result;
}

static bool may_be_hole(const struct block *block, uint32_t page)
{
    return bit_get(block->registered, page) && !block->page[page];
}

static int32_t fill_run(xesvm_pump *pump, uint64_t address, uint64_t length, const struct request *request, uint64_t *done)
{
    if (settle_may_insist(pump, request->begin_ns))
        return uffd_zero_regardless(pump->staging_fd, pump->client_fd, address, length, done);
    return uffd_zero(pump->client_fd, address, length, done);
}

static int32_t fill_holes(xesvm_pump *pump, struct block *block, struct request *request)
{
    for (uint32_t page = request->first; page < request->end;) {
        uint32_t end = page;
        uint64_t done = 0;
        int32_t result = 0;

        while (end < request->end && may_be_hole(block, end))
            end++;
        if (end > page)
            result = fill_run(pump, block->va + page * PAGE_BYTES, (end - page) * PAGE_BYTES, request, &done);
        request->filled += done / PAGE_BYTES;
        for (uint32_t filled = page; filled < page + done / PAGE_BYTES; filled++)
            bit_clear(block->doubtful, filled);
        if (done == 0 && (result == -EAGAIN || result == -ENOMEM))
            return result;
        page += done > 0 ? (uint32_t)(done / PAGE_BYTES) : 1; /* nothing done: it has content, or the run ends */
    }
    return 0;
}

static int32_t serve_block(xesvm_pump *pump, uint64_t va, struct request *request)
{
    struct bucket *bucket = table_bucket(&pump->table, va);
    uint32_t attempt = 0;
    int32_t result;

    do {
        struct block *block;

        settle_enter(pump);
        lock_acquire(&bucket->lock);
        block = table_find(bucket, va);
        result = block && block->held > 0 ? bring_pages(pump, block, request) : 0;
        if (result == 0 && block && request->fill)
            result = fill_holes(pump, block, request);
        release_bucket(pump, bucket);
        settle_leave(pump);
        if (result == -EAGAIN)
            system_rest(attempt++);
    } while (result == -EAGAIN);
    return result;
}

int32_t restore_range(xesvm_pump *pump, uint64_t va, uint32_t pages, struct request *request)
{
    uint64_t end = va + pages * PAGE_BYTES;
    int32_t result = 0;

    while (va < end && result == 0) {
        uint64_t limit = block_address(va) + BLOCK_BYTES;

        request->first = block_page(va);
        request->end = limit < end ? BLOCK_PAGES : (uint32_t)((end - block_address(va)) / PAGE_BYTES);
        request->wanted_first = request->first;
        request->wanted_end = request->end;
        result = serve_block(pump, va, request);
        va = limit;
    }
    return result;
}

/* A block of the bucket with pages that are away; false when there is none. */
static bool find_held(xesvm_pump *pump, struct bucket *bucket, uint64_t *va)
{
    struct block *block;

    lock_acquire(&bucket->lock);
    block = bucket->blocks;
    while (block && block->held == 0)
        block = block->next;
    *va = block ? block->va : 0;
    release_bucket(pump, bucket);
    return block != NULL;
}

int32_t restore_everything(xesvm_pump *pump, bool take_back)
{
    for (uint32_t index = 0; index < TABLE_BUCKETS; index++) {
        uint64_t va;

        while (find_held(pump, &pump->table.buckets[index], &va)) {
            struct request request = {
                .by_restore = true,
                .take_back = take_back,
                .begin_ns = system_monotonic_ns(),
            };
            int32_t result = restore_range(pump, va, BLOCK_PAGES, &request);

            if (result < 0)
                return result;
        }
    }
    return 0;
}

int32_t xesvm_pump_restore(xesvm_pump *pump, uint64_t va, uint32_t pages)
{
    struct request request = {.by_restore = true};
    struct frame frame;
    int32_t result;

    if (!pump || !range_is_valid(va, pages))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    request.begin_ns = system_monotonic_ns();
    frame_enter(pump, &frame, __builtin_frame_address(0));
    result = restore_range(pump, va, pages, &request);
    frame_leave(&frame);
    if (result < 0)
        return result;
    return request.moved > INT32_MAX ? INT32_MAX : (int32_t)request.moved;
}
