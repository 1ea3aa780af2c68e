/* SPDX-License-Identifier: MIT */
#include "staging.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "system.h"
#include "uffd.h"
#include "xesvm_native.h"

#define SLOT_BYTES ((uint64_t)XESVM_BLOCK_SIZE)

#define AREA_BYTES (STAGING_AREA_SLOTS * SLOT_BYTES)
#define MAPPED_BYTES ((STAGING_SLOTS + 1) * SLOT_BYTES)

/* Makes one area usable: memory that the staging userfaultfd watches. */
static bool enable_area(struct staging *staging, uint64_t base)
{
    if (system_mprotect(base, AREA_BYTES, PROT_READ | PROT_WRITE) < 0)
        return false;
    /* A child must not share staged pages: shared pages cannot move back. */
    system_madvise(base, AREA_BYTES, MADV_DONTFORK);
    return uffd_register(staging->fd, base, AREA_BYTES) == 0;
}

int32_t staging_open(struct staging *staging, int32_t fd)
{
    int64_t mapped = system_mmap(MAPPED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);

    if (mapped < 0)
        return -ENOMEM;
    staging->fd = fd;
    staging->mapped = (uint64_t)mapped;
    staging->base = ((uint64_t)mapped + SLOT_BYTES - 1) & ~(SLOT_BYTES - 1);
    return 0;
}

void staging_close(struct staging *staging)
{
    if (staging->mapped)
        system_munmap(staging->mapped, MAPPED_BYTES);
}

/* The first slot of a set, which loses it; -ENOENT. */
static int32_t take_first(const struct staging *staging, uint64_t *slots, uint64_t *base)
{
    for (uint32_t area = 0; area < staging->areas; area++) {
        if (slots[area]) {
            uint32_t bit = (uint32_t)__builtin_ctzll(slots[area]);

            slots[area] &= slots[area] - 1;
            *base = staging->base + area * AREA_BYTES + bit * SLOT_BYTES;
            return (int32_t)(area * STAGING_AREA_SLOTS + bit);
        }
    }
    return -ENOENT;
}

static bool grow(struct staging *staging)
{
    if (staging->areas == STAGING_AREAS || !enable_area(staging, staging->base + staging->areas * AREA_BYTES))
        return false;
    staging->unused[staging->areas] = ~(uint64_t)0;
    staging->areas++;
    return true;
}

int32_t staging_take(struct staging *staging, uint64_t *base)
{
    int32_t slot;

    lock_acquire(&staging->lock);
    slot = take_first(staging, staging->unused, base);
    if (slot < 0)
        slot = grow(staging) ? take_first(staging, staging->unused, base) : -ENOMEM;
    lock_release(&staging->lock);
    return slot;
}

void staging_drop(uint64_t base)
{
    /* The whole slot: the kernel then frees its page table too, and the next huge page finds room for itself. */
    system_madvise(base, SLOT_BYTES, MADV_DONTNEED);
}

void staging_give(struct staging *staging, uint32_t slot)
{
    lock_acquire(&staging->lock);
    staging->unused[slot / STAGING_AREA_SLOTS] |= (uint64_t)1 << slot % STAGING_AREA_SLOTS;
    lock_release(&staging->lock);
}

enum staging_left staging_leave(struct staging *staging, uint32_t slot, uint32_t pages)
{
    enum staging_left left = STAGING_FULL;

    lock_acquire(&staging->lock);
    if (staging->left_count < STAGING_MOST_LEFT && staging->left_pages + pages <= STAGING_MOST_PAGES_LEFT) {
        staging->left[slot / STAGING_AREA_SLOTS] |= (uint64_t)1 << slot % STAGING_AREA_SLOTS;
        staging->left_count++;
        staging->left_pages += pages;
        staging->pages_of[slot] = (uint16_t)pages;
        left = staging->left_count >= STAGING_SLOTS_WORTH_A_WAKE || staging->left_pages >= STAGING_PAGES_WORTH_A_WAKE
                   ? STAGING_LEFT_MANY
                   : STAGING_LEFT;
    }
    lock_release(&staging->lock);
    return left;
}

int32_t staging_take_left(struct staging *staging, uint64_t *base)
{
    int32_t slot;

    lock_acquire(&staging->lock);
    slot = take_first(staging, staging->left, base);
    if (slot >= 0) {
        staging->left_count--;
        staging->left_pages -= staging->pages_of[slot];
    }
    lock_release(&staging->lock);
    return slot;
}
