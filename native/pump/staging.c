/* SPDX-License-Identifier: MIT */
#include "staging.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "system.h"
#include "uffd.h"
#include "xesvm_native.h"

#define SLOT_BYTES ((uint64_t)XESVM_BLOCK_SIZE)

/* An aligned mapping of one area's slots that the staging userfaultfd watches; 0 without memory. */
static uint64_t map_area(int32_t fd)
{
    uint64_t length = STAGING_AREA_SLOTS * SLOT_BYTES;
    int64_t mapped = system_mmap(length + SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    uint64_t base;

    if (mapped < 0)
        return 0;
    base = ((uint64_t)mapped + SLOT_BYTES - 1) & ~(SLOT_BYTES - 1);
    if (base > (uint64_t)mapped)
        system_munmap((uint64_t)mapped, base - (uint64_t)mapped);
    if (base < (uint64_t)mapped + SLOT_BYTES)
        system_munmap(base + length, (uint64_t)mapped + SLOT_BYTES - base);
    /* A child must not share staged pages: shared pages cannot move back. */
    system_madvise(base, length, MADV_DONTFORK);
    if (uffd_register(fd, base, length) == 0)
        return base;
    system_munmap(base, length);
    return 0;
}

void staging_open(struct staging *staging, int32_t fd)
{
    staging->fd = fd;
}

void staging_close(struct staging *staging)
{
    for (uint32_t area = 0; area < staging->areas; area++)
        system_munmap(staging->base[area], STAGING_AREA_SLOTS * SLOT_BYTES);
}

static int32_t take_unused(struct staging *staging, uint64_t *base)
{
    for (uint32_t area = 0; area < staging->areas; area++) {
        if (staging->unused[area]) {
            uint32_t bit = (uint32_t)__builtin_ctzll(staging->unused[area]);

            staging->unused[area] &= staging->unused[area] - 1;
            *base = staging->base[area] + bit * SLOT_BYTES;
            return (int32_t)(area * STAGING_AREA_SLOTS + bit);
        }
    }
    return -ENOMEM;
}

static bool grow(struct staging *staging)
{
    uint64_t base = staging->areas < STAGING_AREAS ? map_area(staging->fd) : 0;

    if (!base)
        return false;
    staging->base[staging->areas] = base;
    staging->unused[staging->areas] = ~(uint64_t)0;
    staging->areas++;
    return true;
}

int32_t staging_take(struct staging *staging, uint64_t *base)
{
    int32_t slot;

    lock_acquire(&staging->lock);
    slot = take_unused(staging, base);
    if (slot < 0 && grow(staging))
        slot = take_unused(staging, base);
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
