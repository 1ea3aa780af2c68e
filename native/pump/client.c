/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <sys/mman.h>

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

int32_t client_register(xesvm_pump *pump, struct block *block, uint32_t first, uint32_t pages, uint64_t *fresh)
{
    uint64_t start = block->va + first * PAGE_BYTES;
    int32_t result;

    if (all_registered(block, first, pages))
        return 0;
    result = check_movable(pump, start, start + pages * PAGE_BYTES);
    if (result < 0)
        return result;
    result = uffd_register(pump->client_fd, start, pages * PAGE_BYTES);
    if (result == -ENOMEM)
        return result;
    if (result < 0) /* another userfaultfd has it, or it was unmapped just now */
        return check_movable(pump, start, start + pages * PAGE_BYTES) == -EFAULT ? -EFAULT : -EBUSY;
    for (uint32_t page = first; page < first + pages; page++) {
        if (bit_get(block->registered, page))
            continue;
        bit_set(block->registered, page);
        bit_set(fresh, page);
    }
    return 0;
}

void client_unregister(xesvm_pump *pump, struct block *block, const uint64_t *fresh)
{
    for (uint32_t page = 0; page < BLOCK_PAGES;) {
        uint32_t end = page;

        while (end < BLOCK_PAGES && bit_get(fresh, end) && bit_get(block->registered, end) && !block->page[end])
            bit_clear(block->registered, end++);
        if (end > page)
            uffd_unregister(pump->client_fd, block->va + page * PAGE_BYTES, (end - page) * PAGE_BYTES);
        page = end + 1;
    }
}

/* After EINVAL: the length up to the end of the mapping at start, when that is what was wrong; else -EBUSY or -EFAULT. */
static int64_t length_within_mapping(const xesvm_pump *pump, uint64_t start, uint64_t length)
{
    struct xesvm_vma vma;
    int32_t result = check_movable(pump, start, start + length);

    if (result < 0)
        return result;
    if (vma_find(pump->maps_fd, start, &vma) != 0)
        return -EFAULT;
    return vma.end < start + length ? (int64_t)(vma.end - start) : -EBUSY;
}

int32_t client_move_to_staging(xesvm_pump *pump, const struct migration *migration, uint32_t *moved)
{
    uint64_t va = atomic_load_explicit(&migration->va, memory_order_relaxed);
    uint64_t length = migration->pages * PAGE_BYTES;
    uint64_t done = 0;
    int64_t chunk = (int64_t)length;
    int32_t tries = DROP_TRIES;

    while (done < length && chunk > 0) {
        uint64_t before = done;
        int32_t result = uffd_move(pump->staging_fd, migration->source + done, va + done, (uint64_t)chunk, &done);

        chunk = (int64_t)(length - done);
        if (result == 0)
            continue;
        if (result == -EAGAIN) { /* done in part, or a race with reclaim: go on from there */
            count(&pump->counters.restarts, 1);
            if (done == before)
                system_yield();
        } else if (result == -EEXIST && tries-- > 0) {
            /* Somebody touched a hole in a slot that was not his any more. What has moved so far is in other pages. */
            system_madvise(migration->source + done, length - done, MADV_DONTNEED);
        } else if (result == -EINVAL) {
            chunk = length_within_mapping(pump, va + done, length - done);
        } else if (result == -ENOMEM) {
            chunk = -ENOMEM;
        } else {
            chunk = check_movable(pump, va + done, va + length) == -EFAULT ? -EFAULT : -EBUSY;
        }
    }
    *moved = (uint32_t)(done / PAGE_BYTES);
    return chunk < 0 ? (int32_t)chunk : 0;
}
