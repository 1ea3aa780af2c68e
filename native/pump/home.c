/* SPDX-License-Identifier: MIT */
#include "home.h"

#include <errno.h>

#include "pump.h"
#include "system.h"
#include "vma.h"

#define PAGES_AT_ONCE 64u

struct homecoming home_of(struct block *block, struct migration *migration)
{
    return (struct homecoming){
        .block = block,
        .migration = migration,
        .first = migration->first,
        .end = migration->first + migration->pages,
        .to = block->va + migration->first * PAGE_BYTES,
    };
}

static bool is_present(const struct homecoming *home, uint32_t page)
{
    return bit_get(home->migration->present, page - home->migration->first);
}

/* Pages from page on that belong to the migration and are alike: all holes, or none. */
static uint32_t run_length(const struct homecoming *home, uint32_t page)
{
    uint32_t end = page + 1;

    while (end < home->end && home->block->page[end] == home->migration &&
           is_present(home, end) == is_present(home, page))
        end++;
    return end - page;
}

static void mark_copied(struct homecoming *home, uint32_t page, uint32_t pages)
{
    if (home->copied == 0)
        home->first_copied = page;
    home->copied += migration_detach(home->block, home->migration, page, pages);
}

static void mark_dropped(struct homecoming *home, uint32_t page, uint32_t pages)
{
    if (home->dropped == 0)
        home->first_dropped = page;
    home->dropped += migration_detach(home->block, home->migration, page, pages);
}

/* After ENOENT: no mapping, one that ends too early for this copy, or one that userfaultfd does not watch any more. Returns how
 * many of the pages may be tried together, or 0 and in *lost how many have no place. */
static uint32_t pages_with_place(xesvm_pump *pump, uint64_t to, uint32_t pages, uint32_t *lost)
{
    uint64_t end = to + pages * PAGE_BYTES;
    struct xesvm_vma vma;

    *lost = pages;
    if (vma_find(pump->maps_fd, to, &vma) != 0 || vma.start >= end)
        return 0;
    if (vma.start > to) {
        *lost = (uint32_t)((vma.start - to) / PAGE_BYTES);
        return 0;
    }
    if (vma.end >= end)
        return 0;
    return (uint32_t)((vma.end - to) / PAGE_BYTES);
}

/* Goes on after a failed copy of pages at page: how many to try next, 0 when those in *lost were given up; or -EAGAIN, -ENOMEM. */
static int32_t recover(xesvm_pump *pump, const struct homecoming *home, int32_t error, uint32_t page, uint32_t pages,
                       uint32_t *lost)
{
    uint64_t to = home->to + (page - home->first) * PAGE_BYTES;

    *lost = 1;
    /* The place may have moved away or been taken by another mapping, and the message about it be unread. */
    if (error != -ENOMEM && error != -EFAULT && settle_is_pending(pump))
        return -EAGAIN;
    switch (error) {
    case -EAGAIN:
    case -ENOMEM:
        return error;
    case -ENOENT:
        return (int32_t)pages_with_place(pump, to, pages, lost);
    case -EFAULT: /* VRAM is not there: whoever touches the page gets SIGBUS, as for failed memory */
        uffd_poison(pump->client_fd, to, PAGE_BYTES);
        return 0;
    default: /* -EEXIST and the like: the address has content of its own */
        return 0;
    }
}

/* Exports go in small steps, so that they can leave when asked; the fault thread brings a stretch home by one call. */
static uint32_t at_most(const struct homecoming *home, uint32_t pages)
{
    return home->inside && pages > PAGES_AT_ONCE ? PAGES_AT_ONCE : pages;
}

static int32_t bring_pages(xesvm_pump *pump, const struct homecoming *home, uint64_t to, uint64_t from, uint64_t length,
                           uint64_t *done)
{
    if (home->insist)
        return uffd_copy_regardless(pump->staging_fd, pump->client_fd, to, from, length, done);
    if (home->by_move)
        return uffd_move(pump->client_fd, to, from, length, done);
    return uffd_copy(pump->client_fd, to, from, length, !home->wake_later, done);
}

static int32_t bring_run(xesvm_pump *pump, struct homecoming *home, uint32_t page, uint32_t end)
{
    uint32_t chunk = at_most(home, end - page);

    while (page < end) {
        uint64_t to = home->to + (page - home->first) * PAGE_BYTES;
        uint64_t from = home->migration->source + (page - home->migration->first) * PAGE_BYTES;
        uint64_t done = 0;
        uint32_t tried;
        uint32_t lost = 0;
        int32_t result;

        if (home->inside && settle_is_asked(&pump->settle))
            return -EAGAIN;
        result = bring_pages(pump, home, to, from, chunk * PAGE_BYTES, &done);

        mark_copied(home, page, (uint32_t)(done / PAGE_BYTES));
        page += (uint32_t)(done / PAGE_BYTES);
        tried = chunk - (uint32_t)(done / PAGE_BYTES);
        chunk = at_most(home, end - page);
        if (result == -EAGAIN)
            count(&pump->counters.restarts, 1);
        if (result == 0 || (result == -EAGAIN && done > 0))
            continue;
        if (home->by_move && !home->insist && result != -EAGAIN) { /* shared with a child, protected by now, ...: a copy may still do */
            home->by_move = false;
            continue;
        }
        result = recover(pump, home, result, page, tried, &lost);
        if (result < 0)
            return result;
        if (result == 0) {
            mark_dropped(home, page, lost);
            page += lost;
        }
        chunk = result > 0 ? (uint32_t)result : at_most(home, end - page);
    }
    return 0;
}

int32_t home_bring(xesvm_pump *pump, struct homecoming *home)
{
    uint64_t begin_ns = system_monotonic_ns();
    int32_t result = 0;

    for (uint32_t page = home->first; page < home->end && result == 0;) {
        uint32_t pages = 1;

        if (home->block->page[page] == home->migration) {
            pages = run_length(home, page);
            if (is_present(home, page))
                result = bring_run(pump, home, page, page + pages);
            else
                migration_detach(home->block, home->migration, page, pages);
        }
        page += pages;
    }
    home->copy_ns += system_monotonic_ns() - begin_ns;
    return result;
}

static void report(xesvm_pump *pump, const struct block *block, struct migration *migration, uint32_t first,
                   struct xesvm_pump_event *event)
{
    event->address = block->va + first * PAGE_BYTES;
    event->end_ns = system_monotonic_ns();
    events_push_left(&pump->events, migration, event);
}

void home_release(xesvm_pump *pump, struct migration *migration)
{
    if (migration->phase != MIGRATION_HOMEBOUND || migration->held > 0)
        return;
    staging_drop(&pump->staging, migration->slot);
    staging_give(&pump->staging, migration->slot);
    migration_free(&pump->table, migration);
}

static void free_if_gone(xesvm_pump *pump, struct migration *migration)
{
    if (migration->held == 0)
        migration_free(&pump->table, migration);
}

void home_report(xesvm_pump *pump, const struct homecoming *home, uint64_t begin_ns, bool by_restore)
{
    struct migration *migration = home->migration;
    struct xesvm_pump_event event = {
        .type = XESVM_EVENT_HOME,
        .pages = home->copied,
        .remaining = migration->held + home->dropped,
        .by_restore = by_restore,
        .begin_ns = begin_ns,
        .copy_ns = home->copy_ns,
    };

    count(&pump->counters.pages_home, home->copied);
    if (home->copied > 0)
        report(pump, home->block, migration, home->first_copied, &event);
    if (home->dropped > 0)
        home_report_discard(pump, home->block, migration, home->first_dropped, home->dropped, begin_ns);
    else if (home->copied > 0)
        free_if_gone(pump, migration);
}

void home_report_discard(xesvm_pump *pump, const struct block *block, struct migration *migration, uint32_t first,
                         uint32_t pages, uint64_t begin_ns)
{
    struct xesvm_pump_event event = {
        .type = XESVM_EVENT_DISCARD,
        .pages = pages,
        .remaining = migration->held,
        .begin_ns = begin_ns,
    };

    count(&pump->counters.pages_discarded, pages);
    report(pump, block, migration, first, &event);
    free_if_gone(pump, migration);
}
