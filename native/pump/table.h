/* SPDX-License-Identifier: MIT
 *
 * The page table of blocks: a hash of 2 MiB blocks of client memory, each with one entry per page.
 */
#ifndef XESVM_PUMP_TABLE_H
#define XESVM_PUMP_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "pool.h"
#include "xesvm_native.h"

#define TABLE_BUCKETS_LOG2 12
#define TABLE_BUCKETS (1u << TABLE_BUCKETS_LOG2)
#define BITMAP_WORDS (XESVM_BLOCK_PAGES / 64)

enum migration_phase {
    MIGRATION_ISOLATED,   /* content in staging, the caller copies it */
    MIGRATION_TAKEN_BACK, /* content in staging, going or gone home: commit fails */
    MIGRATION_DEVICE,     /* content in VRAM */
    MIGRATION_HOMEBOUND,  /* mremap met it away: content in a staging slot that nobody else owns, on its way to its new address */
};

/* Pages of one block that left the CPU's page table together. Guarded by the bucket of the block. */
struct migration {
    struct pool_record record;
    _Atomic uint64_t id; /* of the isolation while it is open, else 0 */
    _Atomic uint64_t va; /* atomic: read to find the bucket, then checked under its lock */
    uint32_t first;      /* index in the block */
    uint32_t pages;
    uint32_t held; /* entries that still point here */
    enum migration_phase phase;
    uint64_t source;                /* host address of the content of the first page */
    uint64_t present[BITMAP_WORDS]; /* bit i: page first + i has content at source + i * 4096, else it is a hole */
    uint64_t staging;               /* base of the staging slot, 0 without */
    uint32_t slot;
    uint32_t owed; /* pages of HOME and DISCARD events that found the ring full */
    uint64_t allocation;
    bool moving; /* on the device: another device copies the content, and no device may change it (relocate.c) */
    uint64_t begin_ns;      /* monotonic: older than the moment in which its first page left */
    uint64_t hold_until_ns; /* monotonic: isolated or on the device, no CPU fault brings it home before; 0: any does */
    uint32_t generation;
};

struct block {
    struct pool_record record;
    uint64_t va;
    struct block *next;
    uint32_t held;                     /* entries that are not NULL */
    uint64_t registered[BITMAP_WORDS]; /* with the client userfaultfd, as far as isolate did it */
    uint64_t doubtful[BITMAP_WORDS];   /* had content when the client told that it drops it, see change.c */
    uint64_t doubtful_until_ns;        /* monotonic; afterwards the bits mean nothing */
    struct migration *page[XESVM_BLOCK_PAGES];
};

struct bucket {
    _Alignas(64) struct lock lock;
    struct block *blocks;
};

struct table {
    struct pool block_pool;
    struct pool migration_pool;
    struct bucket buckets[TABLE_BUCKETS];
};

static inline bool bit_get(const uint64_t *bits, uint32_t index)
{
    return bits[index / 64] >> index % 64 & 1;
}

static inline void bit_set(uint64_t *bits, uint32_t index)
{
    bits[index / 64] |= (uint64_t)1 << index % 64;
}

static inline void bit_clear(uint64_t *bits, uint32_t index)
{
    bits[index / 64] &= ~((uint64_t)1 << index % 64);
}

static inline struct bucket *table_bucket(struct table *table, uint64_t va)
{
    /* Fibonacci hashing of the block number. */
    return &table->buckets[(va / XESVM_BLOCK_SIZE * 0x9e3779b97f4a7c15u) >> (64 - TABLE_BUCKETS_LOG2)];
}

void table_open(struct table *table);
void table_close(struct table *table);

/* The block of va; NULL when nothing is known of it. */
static inline struct block *table_find(const struct bucket *bucket, uint64_t va)
{
    struct block *block = bucket->blocks;

    while (block && block->va != (va & ~((uint64_t)XESVM_BLOCK_SIZE - 1)))
        block = block->next;
    return block;
}

/* The block of va, made when there is none; NULL without memory. */
struct block *table_find_or_add(struct table *table, struct bucket *bucket, uint64_t va);
/* Forgets a block without entries, registered and doubtful pages; keeps any other. */
void table_trim(struct table *table, struct bucket *bucket, struct block *block);

/* A migration without pages; NULL without memory. */
struct migration *migration_new(struct table *table, uint64_t va, uint32_t pages);
void migration_free(struct table *table, struct migration *migration);
/* Gives the migration an id, by which its isolation is found until it is closed. */
uint64_t migration_open(struct migration *migration);
void migration_close(struct migration *migration);
/* The open isolation with this id; NULL when there is none. To be asked again, by migration_is, under its bucket's lock. */
struct migration *migration_find(struct table *table, uint64_t id);
bool migration_is(const struct migration *migration, uint64_t id);
/* An isolation, or pages of other VRAM, become pages on the device; a staging slot is left to the caller. */
void migration_become_device(struct migration *migration, uint64_t vram, uint64_t allocation, uint64_t hold_until_ns);
/* Whether CPU faults have to wait yet. */
bool migration_is_held(const struct migration *migration);

/* Points count pages of the block, from first on, to the migration. */
void migration_attach(struct block *block, struct migration *migration, uint32_t first, uint32_t pages);
/* Makes those of the pages that point to the migration SYSTEM; returns how many did. */
uint32_t migration_detach(struct block *block, struct migration *migration, uint32_t first, uint32_t pages);

#endif
