/* SPDX-License-Identifier: MIT
 *
 * The pages at the new address are missing, but it is no time to fill them: userfaultfd takes no copy while any change is unread, and the
 * next mremap may come before there is such a moment. So the content goes to a staging slot of its own, keyed to the new address
 * (MIGRATION_HOMEBOUND). That needs nothing of the client's mappings, and later changes find it like any other content that is away. The
 * fault thread brings it home at the first quiet moment, or when a CPU fault asks for it.
 *
 * Messages of different threads do not come in the order in which the mappings changed. A thread may move a mapping to an address that
 * another one has just left, and its message come first. What is keyed to the address then belongs to the older mapping, and a message
 * that tells where it went is on its way: it is awaited, and put before this one. For the same reason UFFD_EVENT_UNMAP leaves homebound
 * content alone (change.c): whether its mapping is gone shows in the quiet moment.
 */
#include "carry.h"

#include "home.h"
#include "pump.h"
#include "system.h"

/* The page [va, va + 4096) of the destination becomes free of what is keyed to it. */
static int32_t vacate(xesvm_pump *pump, const struct message *change, struct block *block, uint64_t va)
{
    uint32_t page = block_page(va);
    struct migration *there = block->page[page];
    bool has_content = there && bit_get(there->present, page - there->first);

    if (!there)
        return 0;
    if (there->phase != MIGRATION_HOMEBOUND && has_content) {
        if (thread_promote_change(pump, change, va))
            return -EINPROGRESS;
        if (settle_is_pending(pump))
            return -EAGAIN;
        /* No message tells where it went: it is gone. */
    }
    migration_detach(block, there, page, 1);
    if (there->phase == MIGRATION_DEVICE)
        home_report_discard(pump, block, there, page, 1, change->begin_ns);
    home_release(pump, there);
    return 0;
}

/* A homebound migration of pages at va with a copy of the content at from; NULL and *error. */
static struct migration *copy_away(xesvm_pump *pump, uint64_t va, uint64_t from, uint32_t pages, int32_t *error)
{
    struct migration *homebound = migration_new(&pump->table, va, pages);
    uint64_t done = 0;
    int32_t slot;

    *error = -ENOMEM;
    if (!homebound)
        return NULL;
    slot = staging_take(&pump->staging, &homebound->staging);
    if (slot < 0) {
        migration_free(&pump->table, homebound);
        return NULL;
    }
    homebound->slot = (uint32_t)slot;
    homebound->phase = MIGRATION_HOMEBOUND;
    homebound->source = homebound->staging + va % BLOCK_BYTES;
    for (uint32_t word = 0; word < BITMAP_WORDS; word++)
        homebound->present[word] = ~(uint64_t)0;
    do {
        uint64_t once = 0;

        *error = uffd_copy(pump->staging_fd, homebound->source + done, from + done, pages * PAGE_BYTES - done, true, &once);
        done += once;
    } while (*error == -EAGAIN);
    if (*error == 0)
        return homebound;
    home_release(pump, homebound);
    return NULL;
}

/* A run of pages with content that goes to one block; the bucket of that block is locked. */
static int32_t carry_to_block(xesvm_pump *pump, const struct message *change, struct bucket *bucket, uint64_t to,
                              struct homecoming *home, uint32_t page, uint32_t pages)
{
    struct migration *migration = home->migration;
    uint64_t from = migration->source + (page - migration->first) * PAGE_BYTES;
    struct block *block = table_find_or_add(&pump->table, bucket, to);
    struct migration *homebound;
    int32_t result = 0;

    if (!block || !thread_reserve_homeward(pump))
        return -ENOMEM;
    for (uint32_t i = 0; i < pages && result == 0; i++)
        result = vacate(pump, change, block, to + i * PAGE_BYTES);
    if (result < 0)
        return result;
    homebound = copy_away(pump, to, from, pages, &result);
    if (!homebound && result == -ENOMEM)
        return result;
    if (home->copied == 0)
        home->first_copied = page;
    home->copied += migration_detach(home->block, migration, page, pages);
    if (homebound) {
        migration_attach(block, homebound, homebound->first, pages);
        thread_send_homeward(pump, to, to + pages * PAGE_BYTES);
    } /* else VRAM is not there any more, and there is nothing to carry */
    return 0;
}

static int32_t carry_run(xesvm_pump *pump, const struct message *change, struct homecoming *home, uint32_t page, uint32_t pages)
{
    uint64_t va = home->block->va + page * PAGE_BYTES;
    uint64_t to = change->to + (va - change->start);
    struct bucket *here = table_bucket(&pump->table, va);
    struct bucket *there = table_bucket(&pump->table, to);
    int32_t result;

    /* A second bucket: the fault thread does not wait for it, so the order of locks does not matter. */
    if (there != here && !lock_try_as_pump(&there->lock))
        return -EBUSY;
    result = carry_to_block(pump, change, there, to, home, page, pages);
    if (there != here)
        lock_release(&there->lock);
    return result;
}

/* Pages from page on that are alike and go to the same block. */
static uint32_t run_length(const struct message *change, const struct homecoming *home, uint32_t page)
{
    const struct migration *migration = home->migration;
    uint64_t to = change->to + (home->block->va + page * PAGE_BYTES - change->start);
    uint32_t limit = BLOCK_PAGES - block_page(to);
    uint32_t end = page + 1;

    while (end < home->end && end - page < limit && home->block->page[end] == migration &&
           bit_get(migration->present, end - migration->first) == bit_get(migration->present, page - migration->first))
        end++;
    return end - page;
}

/* All pages of one migration, from home->first to home->end. */
static int32_t carry_migration(xesvm_pump *pump, const struct message *change, struct homecoming *home)
{
    struct migration *migration = home->migration;
    int32_t result = 0;

    for (uint32_t page = home->first; page < home->end && result == 0;) {
        uint32_t pages = 1;

        if (home->block->page[page] == migration) {
            pages = run_length(change, home, page);
            if (bit_get(migration->present, page - migration->first))
                result = carry_run(pump, change, home, page, pages);
            else
                migration_detach(home->block, migration, page, pages);
        }
        page += pages;
    }
    return result;
}

int32_t carry_content(xesvm_pump *pump, const struct message *change, struct block *block, uint64_t start, uint64_t end)
{
    uint32_t end_page = (uint32_t)((end - block->va) / PAGE_BYTES);
    int32_t result = 0;

    for (uint32_t page = block_page(start); page < end_page && result == 0; page++) {
        struct migration *migration = block->page[page];
        uint64_t begin_ns = system_monotonic_ns();
        struct homecoming home;

        if (!migration)
            continue;
        if (migration->phase == MIGRATION_ISOLATED)
            migration->phase = MIGRATION_TAKEN_BACK;
        home = home_of(block, migration);
        home.first = page;
        if (home.end > end_page)
            home.end = end_page;
        result = carry_migration(pump, change, &home);
        home.copy_ns = system_monotonic_ns() - begin_ns;
        if (migration->phase == MIGRATION_DEVICE)
            home_report(pump, &home, change->begin_ns, false);
        else
            home_release(pump, migration);
    }
    return result;
}
