/* SPDX-License-Identifier: MIT
 *
 * isolate, commit, abort.
 */
#include "client.h"
#include "home.h"
#include "pagemap.h"
#include "pump.h"
#include "system.h"
#include "vma.h"
#include "word.h"

/* How often, and how long, isolate tries again when the client changes its mappings meanwhile. Some attempts are made however long they take:
 * on a loaded machine one message may wait longer for the fault thread to get a processor than the time allows. */
#define ATTEMPTS 64u
#define LEAST_ATTEMPTS 8u
#define ATTEMPTS_NS 10000000u
/* How long isolate waits for pages that somebody else has isolated, as one that exchanges a word has for a moment. On a loaded machine that one may
 * have lost its processor meanwhile. */
#define OTHERS_NS 100000000u
#define LOOKS 8u /* for a moment without a change, before each attempt */

/* A migration with a staging slot and a reserved event; NULL and *error. */
static struct migration *prepare(xesvm_pump *pump, uint64_t va, uint32_t pages, int32_t *error)
{
    struct migration *migration = migration_new(&pump->table, va, pages);
    int32_t slot;

    *error = -ENOMEM;
    if (!migration)
        return NULL;
    slot = staging_take(&pump->staging, &migration->staging);
    if (slot >= 0) {
        migration->slot = (uint32_t)slot;
        migration->source = migration->staging + va % BLOCK_BYTES;
        if (events_reserve(&pump->events) == 0)
            return migration;
        staging_give(&pump->staging, migration->slot);
    }
    migration_free(&pump->table, migration);
    return NULL;
}

/* Ends a migration without pages that is still in staging. */
static void discard_isolation(xesvm_pump *pump, struct migration *migration)
{
    staging_drop(&pump->staging, migration->slot);
    staging_give(&pump->staging, migration->slot);
    events_unreserve(&pump->events);
    migration_free(&pump->table, migration);
}

/* Gives back what the fault thread has not given back already. Staging still holds what it copied. */
static void give_back(xesvm_pump *pump, struct migration *migration)
{
    uint64_t va = atomic_load_explicit(&migration->va, memory_order_relaxed);
    struct bucket *bucket = table_bucket(&pump->table, va);
    uint64_t begin_ns = system_monotonic_ns();
    uint32_t attempt = 0;
    int32_t result = 0;

    do {
        struct block *block;

        if (result != 0)
            system_rest(attempt++);
        settle_enter(pump);
        lock_acquire(&bucket->lock);
        block = table_find(bucket, va);
        result = 0;
        if (migration->held > 0) {
            struct homecoming home = home_of(block, migration);

            home.by_move = true;
            home.inside = true;
            home.insist = settle_may_insist(pump, begin_ns);
            result = home_bring(pump, &home);
        }
        release_bucket(pump, bucket);
        settle_leave(pump);
    } while (result != 0);
}

/* Whether any of the pages may have content that the client has dropped (change.c). */
static bool is_doubtful(const xesvm_pump *pump, struct block *block, uint64_t va, uint32_t pages)
{
    uint64_t content[BITMAP_WORDS];
    bool doubtful = false;

    if (block->doubtful_until_ns == 0)
        return false;
    if (system_monotonic_ns() > block->doubtful_until_ns) {
        block->doubtful_until_ns = 0;
        for (uint32_t word = 0; word < BITMAP_WORDS; word++)
            block->doubtful[word] = 0;
        return false;
    }
    if (pagemap_content(pump->pagemap_fd, va, pages, content) != 0)
        return true;
    for (uint32_t page = 0; page < pages; page++) {
        if (!bit_get(content, page))
            bit_clear(block->doubtful, block_page(va) + page);
        doubtful = doubtful || bit_get(block->doubtful, block_page(va) + page);
    }
    return doubtful;
}

/* -EINPROGRESS: somebody else has pages on their way. */
static int32_t check_pages(xesvm_pump *pump, struct block *block, uint64_t va, uint32_t pages)
{
    uint32_t first = block_page(va);

    for (uint32_t page = first; page < first + pages; page++) {
        if (block->page[page])
            return block->page[page]->phase == MIGRATION_DEVICE ? -EEXIST : -EINPROGRESS;
    }
    return frame_covers(&pump->frames, va, pages) || is_doubtful(pump, block, va, pages) ? -EBUSY : 0;
}

/* Registers, moves, publishes. On an error other than -EINPROGRESS, -EAGAIN too, the migration may have pages, to be given back. */
static int32_t isolate_locked(xesvm_pump *pump, struct bucket *bucket, struct migration *migration)
{
    uint64_t va = atomic_load_explicit(&migration->va, memory_order_relaxed);
    struct block *block = table_find_or_add(&pump->table, bucket, va);
    uint32_t moved = 0;
    int32_t result;

    if (!block)
        return -ENOMEM;
    result = check_pages(pump, block, va, migration->pages);
    if (result == 0)
        result = client_register(pump, block, migration->first, migration->pages);
    if (result == 0)
        result = client_move_to_staging(pump, migration, &moved);
    migration_attach(block, migration, migration->first, moved);
    if (result < 0 && result != -EINPROGRESS)
        migration->phase = MIGRATION_TAKEN_BACK;
    table_trim(&pump->table, bucket, block);
    return result;
}

/* One attempt; -EAGAIN: the client changed its mappings meanwhile, and the migration is to be given back; -EINPROGRESS as for check_pages. */
static int32_t isolate_once(xesvm_pump *pump, struct migration *migration)
{
    struct bucket *bucket = table_bucket(&pump->table, atomic_load_explicit(&migration->va, memory_order_relaxed));
    bool pending;
    int32_t result = -EAGAIN;

    settle_enter(pump);
    lock_acquire(&bucket->lock);
    pending = settle_is_pending(pump);
    if (!pending) {
        result = isolate_locked(pump, bucket, migration);
        pending = settle_is_pending(pump);
    }
    release_bucket(pump, bucket);
    settle_leave(pump);
    if (result != 0 || !pending)
        return result;
    /* Published under a mapping that may be gone. If so, the fault thread takes it back while it processes the change. */
    pending = !settle_drain(pump, ATTEMPTS);
    lock_acquire(&bucket->lock);
    if (pending)
        migration->phase = MIGRATION_TAKEN_BACK;
    if (migration->phase == MIGRATION_TAKEN_BACK)
        result = -EAGAIN;
    release_bucket(pump, bucket);
    return result;
}

/* As isolate_once, but waits for others that have pages on their way; as long is a CPU touch kept waiting later. */
static int32_t isolate_when_free(xesvm_pump *pump, struct migration *migration)
{
    uint64_t hold_until_ns = migration->hold_until_ns;
    uint64_t begin_ns = system_monotonic_ns();
    uint64_t waited_ns = 0;
    uint32_t attempt = 0;
    int32_t result;

    while ((result = isolate_once(pump, migration)) == -EINPROGRESS && waited_ns < OTHERS_NS) {
        system_rest(attempt++);
        waited_ns = system_monotonic_ns() - begin_ns;
        if (hold_until_ns != 0)
            migration->hold_until_ns = hold_until_ns + waited_ns;
    }
    return result == -EINPROGRESS ? -EBUSY : result;
}

static int32_t isolate(xesvm_pump *pump, uint64_t va, uint32_t pages, uint64_t hold_until_ns,
                       struct xesvm_isolation *isolation)
{
    uint64_t begin_ns = system_monotonic_ns();
    int32_t result;
    struct migration *migration = prepare(pump, va, pages, &result);

    if (!migration)
        return result;
    migration->hold_until_ns = hold_until_ns;
    result = -EBUSY;
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (attempt >= LEAST_ATTEMPTS && system_monotonic_ns() - begin_ns > ATTEMPTS_NS)
            break;
        settle_drain(pump, LOOKS); /* the outcome does not matter: it is looked at again where it does */
        result = isolate_when_free(pump, migration);
        if (result != -EAGAIN)
            break;
        give_back(pump, migration);
        staging_drop(&pump->staging, migration->slot);
        migration->phase = MIGRATION_ISOLATED;
        result = -EBUSY;
        system_yield();
    }
    if (result < 0) {
        give_back(pump, migration);
        discard_isolation(pump, migration);
        count(&pump->counters.busy, result == -EBUSY);
        return result;
    }
    isolation->id = migration_open(migration);
    isolation->staging = migration->source;
    for (uint32_t word = 0; word < BITMAP_WORDS; word++)
        isolation->present[word] = migration->present[word];
    count(&pump->counters.isolations, 1);
    count(&pump->counters.pages_isolated, pages);
    return 0;
}

int32_t xesvm_pump_isolate(xesvm_pump *pump, uint64_t va, uint32_t pages, struct xesvm_isolation *isolation)
{
    return xesvm_pump_isolate_held(pump, va, pages, 0, isolation);
}

int32_t xesvm_pump_isolate_held(xesvm_pump *pump, uint64_t va, uint32_t pages, uint64_t hold_until_ns,
                                struct xesvm_isolation *isolation)
{
    struct xesvm_isolation isolated;
    struct frame frame;
    int32_t result = -ESHUTDOWN;

    if (!pump || !isolation || !range_is_in_block(va, pages))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    atomic_fetch_add(&pump->open_isolations, 1);
    if (!fork_enter(&pump->fork)) {
        result = -EBUSY;
    } else {
        if (!atomic_load(&pump->closing))
            result = isolate(pump, va, pages, hold_until_ns, &isolated);
        fork_leave(&pump->fork);
    }
    if (result < 0)
        atomic_fetch_sub(&pump->open_isolations, 1);
    frame_leave(&frame);
    if (result == 0)
        *isolation = isolated;
    return result;
}

/* The isolation with this id, its bucket locked; NULL, and nothing locked, when there is none. */
static struct migration *lock_isolation(xesvm_pump *pump, uint64_t id, struct bucket **bucket)
{
    struct migration *migration = migration_find(&pump->table, id);

    if (!migration)
        return NULL;
    *bucket = table_bucket(&pump->table, atomic_load_explicit(&migration->va, memory_order_relaxed));
    lock_acquire(&(*bucket)->lock);
    if (migration_is(migration, id))
        return migration;
    release_bucket(pump, *bucket);
    return NULL;
}

static void finish_abort(xesvm_pump *pump, struct migration *migration)
{
    give_back(pump, migration);
    discard_isolation(pump, migration);
    atomic_fetch_sub(&pump->open_isolations, 1);
    count(&pump->counters.aborts, 1);
}

bool pump_is_vram(const xesvm_pump *pump, uint64_t vram, uint32_t pages)
{
    const uint32_t wanted = XESVM_VMA_READ | XESVM_VMA_WRITE | XESVM_VMA_SHARED;
    uint64_t end = vram + pages * PAGE_BYTES;

    while (vram < end) {
        struct xesvm_vma vma;

        if (vma_find(pump->maps_fd, vram, &vma) != 0 || vma.start > vram || (vma.flags & wanted) != wanted)
            return false;
        vram = vma.end;
    }
    return true;
}

static int32_t commit(xesvm_pump *pump, uint64_t id, uint64_t vram, uint64_t allocation, uint64_t hold_until_ns)
{
    struct bucket *bucket;
    struct migration *migration;
    uint32_t slot;
    uint32_t pages;

    settle_wait(pump);
    migration = lock_isolation(pump, id, &bucket);
    if (!migration)
        return -ENOENT;
    slot = migration->slot;
    pages = migration->pages;
    if (migration->phase == MIGRATION_TAKEN_BACK) {
        migration_close(migration);
        release_bucket(pump, bucket);
        finish_abort(pump, migration);
        return -EBUSY;
    }
    if (!pump_is_vram(pump, vram, pages)) {
        release_bucket(pump, bucket);
        return -EINVAL;
    }
    migration_become_device(migration, vram, allocation, hold_until_ns);
    release_bucket(pump, bucket); /* from here on a CPU fault may end the migration */
    reaper_give(pump, slot, pages);
    atomic_fetch_sub(&pump->open_isolations, 1);
    count(&pump->counters.commits, 1);
    count(&pump->counters.pages_committed, pages);
    return 0;
}

int32_t xesvm_pump_commit(xesvm_pump *pump, uint64_t isolation, uint64_t vram, uint64_t allocation)
{
    return xesvm_pump_commit_held(pump, isolation, vram, allocation, 0);
}

int32_t xesvm_pump_commit_held(xesvm_pump *pump, uint64_t isolation, uint64_t vram, uint64_t allocation, uint64_t hold_until_ns)
{
    struct frame frame;
    int32_t result;

    if (!pump || !range_is_valid(vram, BLOCK_PAGES))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    result = commit(pump, isolation, vram, allocation, hold_until_ns);
    frame_leave(&frame);
    return result;
}

static int32_t abort_isolation(xesvm_pump *pump, uint64_t id)
{
    struct bucket *bucket;
    struct migration *migration;

    settle_wait(pump);
    migration = lock_isolation(pump, id, &bucket);
    if (!migration)
        return -ENOENT;
    migration_close(migration);
    migration->phase = MIGRATION_TAKEN_BACK;
    release_bucket(pump, bucket);
    finish_abort(pump, migration);
    return 0;
}

int32_t xesvm_pump_abort(xesvm_pump *pump, uint64_t isolation)
{
    struct frame frame;
    int32_t result;

    if (!pump)
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    result = abort_isolation(pump, isolation);
    frame_leave(&frame);
    return result;
}

/* The word is away from the CPU while its page is isolated: whoever touches it waits for the fault thread, and that for the bucket. */
static int32_t exchange_isolated(xesvm_pump *pump, uint64_t id, uint64_t offset, uint32_t size, uint64_t expected,
                                 uint64_t desired, uint64_t *old)
{
    struct bucket *bucket;
    struct migration *migration = lock_isolation(pump, id, &bucket);
    int32_t result = -EBUSY;

    if (!migration)
        return -ENOENT;
    if (migration->phase == MIGRATION_ISOLATED) {
        result = bit_get(migration->present, 0) ? 0 : -ENODATA;
        if (result == 0)
            *old = word_compare_exchange(migration->source + offset, size, expected, desired);
    }
    release_bucket(pump, bucket);
    return result;
}

int32_t xesvm_pump_client_compare_exchange(xesvm_pump *pump, uint64_t va, uint64_t expected, uint64_t desired, uint32_t size,
                                           uint64_t *old)
{
    struct xesvm_isolation isolation;
    struct frame frame;
    uint64_t seen = 0;
    int32_t result;

    if (!pump || !old || !word_is(va, size))
        return -EINVAL;
    result = xesvm_pump_isolate(pump, va & ~(PAGE_BYTES - 1), 1, &isolation);
    if (result < 0)
        return result;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    result = exchange_isolated(pump, isolation.id, va % PAGE_BYTES, size, expected, desired, &seen);
    abort_isolation(pump, isolation.id);
    frame_leave(&frame);
    if (result == 0)
        *old = seen;
    return result;
}
