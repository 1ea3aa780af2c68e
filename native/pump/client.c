/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <sys/mman.h>

#include "pagemap.h"
#include "pump.h"
#include "system.h"
#include "vma.h"

/* Staging is mapped so, and userfaultfd_move() wants source and destination to have the same access. */
#define MOVABLE (XESVM_VMA_READ | XESVM_VMA_WRITE | XESVM_VMA_ANONYMOUS)
#define DROP_TRIES 3

/* 0 when [start, end) is mapped without a gap by memory that can be moved; -EFAULT, -EBUSY. */
static int32_t check_movable(const xesvm_pump *pump, uint64_t start, uint64_t end)
{
    int32_t result = 0;

    while (start < end) {
        struct xesvm_vma vma;

        if (vma_find(pump->maps_fd, start, &vma) != 0 || vma.start > start)
            return -EFAULT;
        if (vma.flags != MOVABLE)
            result = -EBUSY;
        start = vma.end;
    }
    return result;
}

static bool all_registered(const struct block *block, uint32_t first, uint32_t pages)
{
    for (uint32_t page = first; page < first + pages; page++) {
        if (!bit_get(block->registered, page))
            return false;
    }
    return true;
}

/* Registers [start, end), which begins in a mapping, as far as that goes. Returns the end of what is registered then, or -errno.
 *
 * UFFDIO_REGISTER passes over gaps, and memory that is not registered can be unmapped and mapped anew without a message. But mappings
 * merge only when both or none are registered: if the piece is one mapping after the call, it is registered, or was replaced since,
 * of which there is a message then. */
static int64_t register_piece(const xesvm_pump *pump, uint64_t start, uint64_t end)
{
    struct xesvm_vma vma;
    int32_t result;

    if (vma_find(pump->maps_fd, start, &vma) != 0 || vma.start > start)
        return -EFAULT;
    if (vma.end < end)
        end = vma.end;
    result = uffd_register(pump->client_fd, start, end - start);
    if (result == -ENOMEM)
        return result;
    if (result < 0) /* another userfaultfd has it, or it was unmapped just now */
        return check_movable(pump, start, end) == -EFAULT ? -EFAULT : -EBUSY;
    if (vma_find(pump->maps_fd, start, &vma) != 0 || vma.start > start || vma.end < end)
        return -EAGAIN;
    return (int64_t)end;
}

static void mark_registered(struct block *block, uint64_t start, uint64_t end)
{
    for (; start < end; start += PAGE_BYTES)
        bit_set(block->registered, block_page(start));
}

int32_t client_register(xesvm_pump *pump, struct block *block, uint32_t first, uint32_t pages)
{
    uint64_t start = block->va + first * PAGE_BYTES;
    uint64_t end = start + pages * PAGE_BYTES;
    int32_t result;

    if (all_registered(block, first, pages))
        return 0;
    result = check_movable(pump, start, end);
    if (result < 0)
        return result;
    while (start < end) {
        int64_t piece_end = register_piece(pump, start, end);

        if (piece_end < 0)
            return (int32_t)piece_end;
        mark_registered(block, start, (uint64_t)piece_end);
        start = (uint64_t)piece_end;
    }
    return 0;
}

void client_join(const xesvm_pump *pump, uint64_t start, uint64_t end)
{
    struct xesvm_vma vma;
    uint64_t address = start;

    if (vma_find(pump->maps_fd, start, &vma) != 0 || vma.end >= end)
        return;
    while (address < end && vma_find(pump->maps_fd, address, &vma) == 0 && vma.start < end) {
        uint64_t first = vma.start > start ? vma.start : start;

        if ((vma.flags & (XESVM_VMA_ANONYMOUS | XESVM_VMA_SHARED)) == XESVM_VMA_ANONYMOUS)
            uffd_register(pump->client_fd, first, (vma.end < end ? vma.end : end) - first); /* else mremap will say why not */
        address = vma.end;
    }
}

/* After EINVAL for length bytes at start: how many there are up to the end of the mapping, when that is what was wrong; 0 when the client's
 * mapping is not what was wrong; -EBUSY or -EFAULT. */
static int64_t length_within_mapping(const xesvm_pump *pump, uint64_t start, uint64_t length)
{
    struct xesvm_vma vma;
    int32_t result = check_movable(pump, start, start + length);

    if (result < 0)
        return result;
    if (vma_find(pump->maps_fd, start, &vma) != 0)
        return -EFAULT;
    return vma.end < start + length ? (int64_t)(vma.end - start) : 0;
}

/* What was done to let staging be as the client's mapping is. */
enum lock_attempt { LOCK_AS_FOUND, LOCK_ON, LOCK_OFF };

/* One run of pages with content on its way to staging. */
struct move {
    uint32_t slot;
    uint64_t from;
    uint64_t to;
    uint64_t end;   /* of the source */
    uint64_t chunk; /* bytes to try next */
    uint32_t drops; /* how often a staging page was found in use */
    enum lock_attempt lock;
    bool vanished;  /* the page at from has no content after all */
};

static bool has_content(const xesvm_pump *pump, uint64_t address)
{
    uint64_t bits[BITMAP_WORDS];

    return pagemap_content(pump->pagemap_fd, address, 1, bits) == 0 && bit_get(bits, 0);
}

/* After EEXIST. Linux 6.18 and later do not count a page of which they say nothing else: move_pages() keeps the EAGAIN of a first
 * attempt, and finds the page in the destination on the second. Then the source is empty. If it is not, somebody touched a hole in a
 * slot that was not his any more. */
static int32_t step_over_existing(const xesvm_pump *pump, struct move *move)
{
    if (!has_content(pump, move->from)) {
        move->from += PAGE_BYTES;
        move->to += PAGE_BYTES;
        return 0;
    }
    staging_drop_pages(move->to, move->end - move->from); /* all: mlockall() fills what there is of staging */
    return ++move->drops < DROP_TRIES ? 0 : -EBUSY;
}

/* Whether a mapping is locked is said by no interface but smaps, which walks all its pages. So staging becomes what it was not: first locked,
 * then unlocked, as mlockall() may have found it. False when both were tried. */
static bool try_other_lock(xesvm_pump *pump, struct move *move, uint64_t length)
{
    if (move->lock == LOCK_AS_FOUND) {
        move->lock = LOCK_ON;
        if (staging_lock(&pump->staging, move->slot, move->to, length) == 0)
            return true;
    }
    if (move->lock == LOCK_ON) {
        move->lock = LOCK_OFF;
        staging_unlock(move->to, length);
        return true;
    }
    return false;
}

/* 0: go on with what move says now; else the error to give up with. */
static int32_t after_refusal(xesvm_pump *pump, struct move *move, uint64_t tried)
{
    int64_t length = length_within_mapping(pump, move->from, tried);

    if (length < 0)
        return (int32_t)length;
    if (length == 0 && !try_other_lock(pump, move, tried))
        return -EBUSY;
    move->chunk = length > 0 ? (uint64_t)length : tried;
    return 0;
}

/* The same after any error. */
static int32_t after_error(xesvm_pump *pump, int32_t error, struct move *move)
{
    uint64_t tried = move->chunk;

    move->chunk = move->end - move->from;
    switch (error) {
    case -EAGAIN: /* done in part, or a race: go on from there */
        count(&pump->counters.restarts, 1);
        return 0;
    case -EEXIST:
        return step_over_existing(pump, move);
    case -ENOMEM:
        return -ENOMEM;
    case -EINVAL:
        return after_refusal(pump, move, tried);
    case -ENOENT:
        move->vanished = check_movable(pump, move->from, move->end) == 0;
        return move->vanished ? 0 : -EFAULT;
    default:
        return check_movable(pump, move->from, move->end) == -EFAULT ? -EFAULT : -EBUSY;
    }
}

/* Moves until all is done, an error, or a page that vanished. Never with UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES: if the client drops a page
 * while it is moved, Linux 6.18 and later do not come back (they keep the EAGAIN, as above, and do not step over the hole). */
static int32_t move_run(xesvm_pump *pump, struct move *move)
{
    int32_t result = 0;

    while (move->from < move->end && result == 0 && !move->vanished) {
        uint64_t done = 0;

        result = uffd_move(pump->staging_fd, move->to, move->from, move->chunk, &done);
        move->from += done;
        move->to += done;
        move->chunk -= done;
        if (done > 0)
            move->lock = LOCK_AS_FOUND;
        if (result < 0)
            result = after_error(pump, result, move);
        else
            move->chunk = move->end - move->from;
    }
    return result;
}

int32_t client_move_to_staging(xesvm_pump *pump, struct migration *migration, uint32_t *moved)
{
    uint64_t va = atomic_load_explicit(&migration->va, memory_order_relaxed);
    int32_t result = pagemap_content(pump->pagemap_fd, va, migration->pages, migration->present);
    uint32_t page = 0;

    while (page < migration->pages && result == 0) {
        uint32_t end = page + 1;
        struct move move = {.slot = migration->slot, .from = va + page * PAGE_BYTES, .to = migration->source + page * PAGE_BYTES};

        while (end < migration->pages && bit_get(migration->present, end) == bit_get(migration->present, page))
            end++;
        move.end = va + end * PAGE_BYTES;
        move.chunk = move.end - move.from;
        if (bit_get(migration->present, page)) {
            result = move_run(pump, &move);
            end = (uint32_t)((move.from - va) / PAGE_BYTES);
            if (move.vanished)
                bit_clear(migration->present, end);
        }
        page = end;
    }
    *moved = page;
    return result;
}
