/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stddef.h>

#include "system.h"

#define BLOCK_MASK (~((uint64_t)XESVM_BLOCK_SIZE - 1))

void table_open(struct table *table)
{
    pool_open(&table->block_pool, sizeof(struct block));
    pool_open(&table->migration_pool, sizeof(struct migration));
}

void table_close(struct table *table)
{
    pool_close(&table->block_pool);
    pool_close(&table->migration_pool);
}

struct block *table_find_or_add(struct table *table, struct bucket *bucket, uint64_t va)
{
    struct block *block = table_find(bucket, va);

    if (block)
        return block;
    block = (struct block *)pool_take(&table->block_pool);
    if (!block)
        return NULL;
    block->va = va & BLOCK_MASK; /* the rest is zero: only an empty block is given back */
    block->next = bucket->blocks;
    bucket->blocks = block;
    return block;
}

void table_trim(struct table *table, struct bucket *bucket, struct block *block)
{
    struct block **link = &bucket->blocks;
    uint64_t registered = 0;

    for (uint32_t word = 0; word < BITMAP_WORDS; word++)
        registered |= block->registered[word] | block->doubtful[word];
    if (registered || block->held)
        return;
    block->doubtful_until_ns = 0;
    while (*link != block)
        link = &(*link)->next;
    *link = block->next;
    pool_give(&table->block_pool, &block->record);
}

struct migration *migration_new(struct table *table, uint64_t va, uint32_t pages)
{
    struct migration *migration = (struct migration *)pool_take(&table->migration_pool);

    if (!migration)
        return NULL;
    migration->first = (uint32_t)((va & ~BLOCK_MASK) / XESVM_PAGE_SIZE);
    migration->pages = pages;
    migration->held = 0;
    migration->phase = MIGRATION_ISOLATED;
    migration->staging = 0;
    migration->owed = 0;
    migration->allocation = 0;
    migration->moving = false;
    migration->begin_ns = system_monotonic_ns();
    migration->hold_until_ns = 0;
    atomic_store_explicit(&migration->va, va, memory_order_relaxed);
    return migration;
}

void migration_free(struct table *table, struct migration *migration)
{
    pool_give(&table->migration_pool, &migration->record);
}

uint64_t migration_open(struct migration *migration)
{
    uint64_t id = (uint64_t)++migration->generation << 32 | (migration->record.index + 1);

    atomic_store_explicit(&migration->id, id, memory_order_release);
    return id;
}

void migration_close(struct migration *migration)
{
    atomic_store_explicit(&migration->id, 0, memory_order_relaxed);
}

bool migration_is(const struct migration *migration, uint64_t id)
{
    return atomic_load_explicit(&migration->id, memory_order_acquire) == id;
}

void migration_become_device(struct migration *migration, uint64_t vram, uint64_t allocation, uint64_t hold_until_ns)
{
    migration_close(migration);
    migration->phase = MIGRATION_DEVICE;
    migration->source = vram;
    migration->allocation = allocation;
    migration->hold_until_ns = hold_until_ns;
    migration->staging = 0;
    migration->moving = false;
    for (uint32_t word = 0; word < BITMAP_WORDS; word++)
        migration->present[word] = ~(uint64_t)0;
}

bool migration_is_held(const struct migration *migration)
{
    return (migration->phase == MIGRATION_ISOLATED || migration->phase == MIGRATION_DEVICE) && migration->hold_until_ns != 0 &&
           system_monotonic_ns() < migration->hold_until_ns;
}

struct migration *migration_find(struct table *table, uint64_t id)
{
    struct migration *migration;

    if ((uint32_t)id == 0)
        return NULL;
    migration = (struct migration *)pool_at(&table->migration_pool, (uint32_t)id - 1);
    return migration && migration_is(migration, id) ? migration : NULL;
}

void migration_attach(struct block *block, struct migration *migration, uint32_t first, uint32_t pages)
{
    for (uint32_t page = first; page < first + pages; page++)
        block->page[page] = migration;
    migration->held += pages;
    block->held += pages;
}

uint32_t migration_detach(struct block *block, struct migration *migration, uint32_t first, uint32_t pages)
{
    uint32_t detached = 0;

    for (uint32_t page = first; page < first + pages; page++) {
        if (block->page[page] != migration)
            continue;
        block->page[page] = NULL;
        detached++;
    }
    migration->held -= detached;
    block->held -= detached;
    return detached;
}
