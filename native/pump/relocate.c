/* SPDX-License-Identifier: MIT
 *
 * Device pages that go from one device's VRAM to another's. Between begin and end the content stays readable where it was, so that the fault
 * thread brings it home as ever, and nobody else may change it: what the caller has copied is what there is, or end refuses.
 */
#include "pump.h"

/* The migration on the device that va is the first page of, if it is of this allocation and complete; its bucket is locked. */
static struct migration *find_whole(const struct bucket *bucket, uint64_t va, uint64_t allocation)
{
    struct block *block = table_find(bucket, va);
    struct migration *migration = block ? block->page[block_page(va)] : NULL;

    if (!migration || migration->phase != MIGRATION_DEVICE || migration->allocation != allocation)
        return NULL;
    return migration->first == block_page(va) && migration->held == migration->pages ? migration : NULL;
}

static int32_t begin(xesvm_pump *pump, uint64_t va, uint32_t pages, uint64_t vram, uint64_t allocation)
{
    struct bucket *bucket = table_bucket(&pump->table, va);
    struct migration *migration;
    int32_t result = -EBUSY;

    settle_wait(pump);
    lock_acquire(&bucket->lock);
    migration = find_whole(bucket, va, allocation);
    if (migration && !migration->moving && migration->pages == pages && migration->source == vram) {
        migration->moving = true;
        result = 0;
    }
    release_bucket(pump, bucket);
    return result;
}

int32_t xesvm_pump_relocate_begin(xesvm_pump *pump, uint64_t va, uint32_t pages, uint64_t vram, uint64_t allocation)
{
    struct frame frame;
    int32_t result;

    if (!pump || !range_is_in_block(va, pages))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    result = begin(pump, va, pages, vram, allocation);
    frame_leave(&frame);
    return result;
}

static int32_t end(xesvm_pump *pump, uint64_t va, uint64_t allocation, uint64_t to_vram, uint64_t to,
                   uint64_t hold_until_ns)
{
    struct bucket *bucket = table_bucket(&pump->table, va);
    struct migration *migration;
    int32_t result = -EBUSY;

    settle_wait(pump);
    lock_acquire(&bucket->lock);
    migration = find_whole(bucket, va, allocation);
    if (migration && migration->moving) {
        migration->moving = false;
        result = 0;
        if (to_vram != 0 && pump_is_vram(pump, to_vram, migration->pages)) {
            migration->source = to_vram;
            migration->allocation = to;
            migration->hold_until_ns = hold_until_ns;
        } else if (to_vram != 0) {
            result = -EINVAL;
        }
    } else {
        struct block *block = table_find(bucket, va);

        /* Some pages have left. Those that remain are as they were, and open to the device again. */
        for (uint32_t page = block_page(va); block && page < BLOCK_PAGES; page++) {
            if (block->page[page] && block->page[page]->allocation == allocation)
                block->page[page]->moving = false;
        }
    }
    release_bucket(pump, bucket);
    return result;
}

int32_t xesvm_pump_relocate_end(xesvm_pump *pump, uint64_t va, uint64_t allocation, uint64_t to_vram, uint64_t to,
                                uint64_t hold_until_ns)
{
    struct frame frame;
    int32_t result;

    if (!pump || !range_is_in_block(va, 1) || !range_is_valid(to_vram, BLOCK_PAGES))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    result = end(pump, va, allocation, to_vram, to, hold_until_ns);
    frame_leave(&frame);
    return result;
}
