/* SPDX-License-Identifier: MIT
 *
 * Staging: 2 MiB slots of private anonymous memory into which isolated pages move. A slot is aligned to 2 MiB and a page keeps its
 * place in the block, so that a transparent huge page moves as one. The addresses are taken at the start: a client that moves memory to
 * and fro leaves gaps which it means to use again, and nothing large may settle in one.
 *
 * userfaultfd_move() goes between two locked mappings or between two that are not. So the part of a slot that takes pages of locked memory
 * is locked as long as they are there. That counts against RLIMIT_MEMLOCK; what does not fit is refused.
 */
#ifndef XESVM_PUMP_STAGING_H
#define XESVM_PUMP_STAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "xesvm_native.h"

#define STAGING_AREA_SLOTS 64u
#define STAGING_SLOTS 1024u
#define STAGING_MOST_LEFT 64u                        /* slots that are not given back yet */
#define STAGING_MOST_PAGES_LEFT (8u * XESVM_BLOCK_PAGES) /* in them */
#define STAGING_SLOTS_WORTH_A_WAKE (STAGING_MOST_LEFT / 2)
#define STAGING_PAGES_WORTH_A_WAKE 256u
#define STAGING_AREAS (STAGING_SLOTS / STAGING_AREA_SLOTS)

struct staging {
    struct lock lock;
    uint32_t areas; /* that can be used; the rest is not accessible yet */
    int32_t fd;
    uint64_t mapped; /* as the kernel gave it, one slot more than all */
    uint64_t base;   /* aligned */
    uint64_t unused[STAGING_AREAS]; /* bit per slot */
    uint64_t left[STAGING_AREAS];   /* bit per slot that nobody needs, and that is not empty yet */
    uint64_t locked[STAGING_AREAS]; /* bit per slot of which pages were locked */
    uint32_t left_count;
    uint32_t left_pages; /* at most, in these slots */
    uint16_t pages_of[STAGING_SLOTS]; /* of a slot that is left */
};

/* fd: the staging userfaultfd. 0 or -ENOMEM. */
int32_t staging_open(struct staging *staging, int32_t fd);
void staging_close(struct staging *staging);

/* An empty slot: its address in *base, its number returned; -ENOMEM. */
int32_t staging_take(struct staging *staging, uint64_t *base);
/* Makes pages of a slot that is taken locked memory. 0 or -errno: the limit is reached, ... */
int32_t staging_lock(struct staging *staging, uint32_t slot, uint64_t start, uint64_t length);
/* And ordinary memory again. */
void staging_unlock(uint64_t start, uint64_t length);
/* Empties pages of a slot. */
void staging_drop_pages(uint64_t start, uint64_t length);
/* Empties a slot, at any time; none of it is locked then. */
void staging_drop(struct staging *staging, uint32_t slot);
void staging_give(struct staging *staging, uint32_t slot);
enum staging_left {
    STAGING_FULL,       /* there are enough of them, or it is locked: the caller is to empty it */
    STAGING_LEFT,       /* it may stay until there are more */
    STAGING_LEFT_MANY,  /* it is time to empty them */
};

/* Leaves a slot that is not empty to whoever asks for one. */
enum staging_left staging_leave(struct staging *staging, uint32_t slot, uint32_t pages);
/* A slot that was left; -ENOENT when there is none. */
int32_t staging_take_left(struct staging *staging);

#endif
