/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <stddef.h>
#include <sys/mman.h>

#include "system.h"

void *shared_map(uint64_t length)
{
    int64_t address = system_mmap(length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);

    return address < 0 && address > -4096 ? NULL : (void *)(uintptr_t)address;
}

void shared_unmap(void *address, uint64_t length)
{
    if (address)
        system_munmap((uint64_t)(uintptr_t)address, length);
}

void pool_open(struct pool *pool, uint32_t record_size)
{
    pool->record_size = record_size;
    pool->per_chunk = POOL_CHUNK_BYTES / record_size;
}

void pool_close(struct pool *pool)
{
    for (uint32_t i = 0; i < POOL_CHUNKS; i++)
        shared_unmap(atomic_load_explicit(&pool->chunks[i], memory_order_relaxed), POOL_CHUNK_BYTES);
}

struct pool_record *pool_at(struct pool *pool, uint32_t index)
{
    uint32_t chunk = index / pool->per_chunk;
    uint8_t *base = chunk < POOL_CHUNKS ? atomic_load_explicit(&pool->chunks[chunk], memory_order_acquire) : NULL;

    if (!base)
        return NULL;
    return (struct pool_record *)(void *)(base + (uint64_t)(index % pool->per_chunk) * pool->record_size);
}

static struct pool_record *take_new(struct pool *pool)
{
    uint32_t chunk = pool->used / pool->per_chunk;
    struct pool_record *record;

    if (chunk >= POOL_CHUNKS)
        return NULL;
    if (!pool_at(pool, pool->used)) {
        uint8_t *base = shared_map(POOL_CHUNK_BYTES);

        if (!base)
            return NULL;
        atomic_store_explicit(&pool->chunks[chunk], base, memory_order_release);
    }
    record = pool_at(pool, pool->used);
    record->index = pool->used++;
    return record;
}

struct pool_record *pool_take(struct pool *pool)
{
    struct pool_record *record;

    lock_acquire(&pool->lock);
    record = pool->free;
    if (record)
        pool->free = record->next;
    else
        record = take_new(pool);
    lock_release(&pool->lock);
    return record;
}

void pool_give(struct pool *pool, struct pool_record *record)
{
    lock_acquire(&pool->lock);
    record->next = pool->free;
    pool->free = record;
    lock_release(&pool->lock);
}
