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

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* Linux 5.18 */
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

#define AREA_BYTES (STAGING_AREA_SLOTS * SLOT_BYTES)
#define MAPPED_BYTES ((STAGING_SLOTS + 1) * SLOT_BYTES)

static uint64_t slot_address(const struct staging *staging, uint32_t slot)
{
    return staging->base + slot * SLOT_BYTES;
}

static uint64_t slot_bit(uint32_t slot)
{
    return (uint64_t)1 << slot % STAGING_AREA_SLOTS;
}

/* Makes one area usable: memory that the staging userfaultfd watches. */
static bool enable_area(struct staging *staging, uint64_t base)
{
    /* After mlockall() mprotect_fixup() would fill it with pages. */
    staging_unlock(base, AREA_BYTES);
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
static int32_t take_first(const struct staging *staging, uint64_t *slots)
{
    for (uint32_t area = 0; area < staging->areas; area++) {
        if (slots[area]) {
            uint32_t bit = (uint32_t)__builtin_ctzll(slots[area]);

            slots[area] &= slots[area] - 1;
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
    slot = take_first(staging, staging->unused);
    if (slot < 0)
        slot = grow(staging) ? take_first(staging, staging->unused) : -ENOMEM;
    lock_release(&staging->lock);
    if (slot >= 0)
        *base = slot_address(staging, (uint32_t)slot);
    return slot;
}

int32_t staging_lock(struct staging *staging, uint32_t slot, uint64_t start, uint64_t length)
{
    int32_t result = (int32_t)system_call(SYS_mlock2, start, length, MLOCK_ONFAULT, 0, 0, 0);

    if (result < 0)
        return result;
    lock_acquire(&staging->lock);
    staging->locked[slot / STAGING_AREA_SLOTS] |= slot_bit(slot);
    lock_release(&staging->lock);
    return 0;
}

void staging_unlock(uint64_t start, uint64_t length)
{
    system_call(SYS_munlock, start, length, 0, 0, 0, 0);
}

void staging_drop_pages(uint64_t start, uint64_t length)
{
    /* The client may have locked them, with mlockall(). */
    system_madvise(start, length, MADV_DONTNEED_LOCKED);
}

static bool is_locked(const struct staging *staging, uint32_t slot)
{
    return (staging->locked[slot / STAGING_AREA_SLOTS] & slot_bit(slot)) != 0;
}

void staging_drop(struct staging *staging, uint32_t slot)
{
    uint64_t base = slot_address(staging, slot);
    bool locked;

    /* The whole slot: the kernel then frees its page table too, and the next huge page finds room for itself. */
    staging_drop_pages(base, SLOT_BYTES);
    lock_acquire(&staging->lock);
    locked = is_locked(staging, slot);
    staging->locked[slot / STAGING_AREA_SLOTS] &= ~slot_bit(slot);
    lock_release(&staging->lock);
    if (locked)
        staging_unlock(base, SLOT_BYTES);
}

void staging_give(struct staging *staging, uint32_t slot)
{
    lock_acquire(&staging->lock);
    staging->unused[slot / STAGING_AREA_SLOTS] |= slot_bit(slot);
    lock_release(&staging->lock);
}

static bool may_be_left(const struct staging *staging, uint32_t slot, uint32_t pages)
{
    return staging->left_count < STAGING_MOST_LEFT && staging->left_pages + pages <= STAGING_MOST_PAGES_LEFT &&
           !is_locked(staging, slot);
}

enum staging_left staging_leave(struct staging *staging, uint32_t slot, uint32_t pages)
{
    enum staging_left left = STAGING_FULL;

    lock_acquire(&staging->lock);
    if (may_be_left(staging, slot, pages)) {
        staging->left[slot / STAGING_AREA_SLOTS] |= slot_bit(slot);
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

int32_t staging_take_left(struct staging *staging)
{
    int32_t slot;

    lock_acquire(&staging->lock);
    slot = take_first(staging, staging->left);
    if (slot >= 0) {
        staging->left_count--;
        staging->left_pages -= staging->pages_of[slot];
    }
    lock_release(&staging->lock);
    return slot;
}
