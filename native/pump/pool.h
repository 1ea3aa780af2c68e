/* SPDX-License-Identifier: MIT
 *
 * Records of one size in shared memory, found by index. Records keep their address until the pool is released, so a stale
 * index reads a dead record, never unmapped memory.
 */
#ifndef XESVM_PUMP_POOL_H
#define XESVM_PUMP_POOL_H

#include <stdatomic.h>
#include <stdint.h>

#include "lock.h"

#define POOL_CHUNK_BYTES (1u << 20)
#define POOL_CHUNKS 4096u

/* The first member of every record. */
struct pool_record {
    struct pool_record *next; /* of the free chain */
    uint32_t index;
    uint32_t reserved;
};

struct pool {
    struct lock lock;
    uint32_t record_size;
    uint32_t per_chunk;
    uint32_t used; /* records ever handed out: the next new index */
    struct pool_record *free;
    _Atomic(uint8_t *) chunks[POOL_CHUNKS];
};

/* Anonymous shared memory: UFFDIO_MOVE refuses it, so it can never be isolated. NULL when there is none. */
void *shared_map(uint64_t length);
void shared_unmap(void *address, uint64_t length);

void pool_open(struct pool *pool, uint32_t record_size);
void pool_close(struct pool *pool);
/* A record whose content, but for the index, is what its last owner left (zeros if there was none); NULL without memory. */
struct pool_record *pool_take(struct pool *pool);
void pool_give(struct pool *pool, struct pool_record *record);
/* The record of an index that any caller may have made up; NULL when there has never been one. */
struct pool_record *pool_at(struct pool *pool, uint32_t index);

#endif
