/* SPDX-License-Identifier: MIT
 *
 * The pump's state and the rules that every file of this folder keeps.
 *
 * 1. Pages. A page of client memory is SYSTEM, or belongs to one migration: a run of pages of one 2 MiB block that left the CPU's
 *    page table together. The migration's phase says where the content is: ISOLATED (staging), TAKEN_BACK (staging still, but
 *    on its way home), DEVICE (VRAM). A page's entry in its block points to its migration, or is NULL for SYSTEM.
 *
 * 2. An isolation is a state, never a lock: no lock is held when an export returns. The fault thread resolves a CPU fault
 *    alone, whatever managed code is suspended for a garbage collection at that moment.
 *
 * 3. Locks, in the order in which they nest:
 *        bucket   table.h; guards the blocks of one stripe, their entries and their migrations. One at a time, after the gate of
 *                 rule 4.
 *        leaves   pool, staging, event ring: short, take no other lock.
 *    Whoever holds a lock waits for nothing that the fault thread has to do:
 *      - the pump's own memory (state, records, ring) is shared anonymous memory, which UFFDIO_MOVE refuses, so it can never be
 *        missing; VRAM must be shared memory too, and commit checks it;
 *      - the caller's memory is read before the first lock is taken and written after the last one is released;
 *      - the caller's own stack and thread control block are kept from being isolated while it is inside, and those of the pump's threads
 *        for good (frame.h);
 *      - the long exports block signals, so that no handler runs, and touches missing memory, while they hold a lock;
 *      - a userfaultfd ioctl on client memory answers EAGAIN while a message about changed mappings is unread. The holder
 *        then leaves the state consistent, releases the bucket, waits until the message is processed, and comes back.
 *    Still, a holder may be preempted. So the fault thread only tries buckets: refused, it marks the lock word (LOCK_PUMP), puts the
 *    message into its backlog, and goes on reading. The release that finds the mark pokes the fault thread's eventfd, and nobody
 *    but the fault thread can take a marked lock: it is not starved. It does wait for leaf locks, since their holders run on.
 *
 * 4. Changes of the client's mappings. munmap, madvise(MADV_DONTNEED) or mremap returns to the client once its message has been read,
 *    not once it was processed. Two things follow.
 *    a. Between the two nobody may act on what the fault thread does not know yet. So it closes a gate (settle.h) before it reads, and
 *       opens it when all changes are processed, before it looks at faults. The sequence is odd while the gate is closed. Exports
 *       that move content pass the gate and keep it open meanwhile, for as short as they can; the others wait for an even sequence
 *       before they start. So whoever was told, by whatever way, that munmap returned, sees its effect.
 *       Lock order: the gate before any bucket. The fault thread waits for the gate only where it would read; what it has read it
 *       works on, so a bucket that it has marked gets free.
 *    b. A munmap whose message is unread has already removed the mapping, and another thread may own the address by now. Copies to
 *       client memory answer EAGAIN then; isolate asks itself, under gate and bucket, before and after the move. Before: it starts
 *       again later. After: the isolation is published, the change processed, and if it concerned these pages the isolation is
 *       undone and tried anew.
 *       What remains: munmap of the range, mmap of the same range and a write to it, all by other threads, between the first
 *       question and the start of the move right after it. Content of the new mapping is then dropped with the old one's.
 *    c. MADV_DONTNEED drops the pages only after its message was read, at a time unknown. Content that is isolated between would come
 *       back later, so isolate refuses such pages until they were seen without content (change.c, stage_doubt).
 *    d. mremap moves page tables, and with them the meaning of an entry that is keyed by address. Content that is away is keyed anew
 *       without any operation on client memory, since the next mremap may come at once (carry.c). Messages of different threads may
 *       come in another order than the changes. So nothing is dropped for want of a place, or because a place is taken, while a change
 *       is unread; the one exception, for clients that never moved a mapping, is settle_may_insist.
 *
 * 5. fork() brings everything home first (fork.h). A child has the pump's memory, which is shared, but not the pump: the exports answer
 *    -ESRCH there and touch nothing.
 */
#ifndef XESVM_PUMP_PUMP_H
#define XESVM_PUMP_PUMP_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "events.h"
#include "fork.h"
#include "frame.h"
#include "lock.h"
#include "pool.h"
#include "reaper.h"
#include "settle.h"
#include "staging.h"
#include "table.h"
#include "thread.h"
#include "uffd.h"
#include "xesvm_native.h"

#define PAGE_BYTES ((uint64_t)XESVM_PAGE_SIZE)
#define BLOCK_BYTES ((uint64_t)XESVM_BLOCK_SIZE)
#define BLOCK_PAGES XESVM_BLOCK_PAGES

/* The fields of xesvm_pump_counters but for events_pending, which the ring knows. */
struct counters {
    _Atomic uint64_t cpu_faults;
    _Atomic uint64_t cpu_faults_isolated;
    _Atomic uint64_t zero_pages;
    _Atomic uint64_t isolations;
    _Atomic uint64_t commits;
    _Atomic uint64_t aborts;
    _Atomic uint64_t busy;
    _Atomic uint64_t pages_isolated;
    _Atomic uint64_t pages_committed;
    _Atomic uint64_t pages_home;
    _Atomic uint64_t pages_discarded;
    _Atomic uint64_t restarts;
};

struct xesvm_pump {
    int32_t client_fd;  /* userfaultfd of client memory: faults, and messages about changed mappings */
    int32_t staging_fd; /* userfaultfd of staging: no messages, so that staging can be dropped and moved into at any time */
    int32_t poke_fd;    /* eventfd: look again */
    int32_t maps_fd;    /* /proc/self/maps */
    int32_t pagemap_fd; /* /proc/self/pagemap */
    int32_t task_fd;    /* /proc/self/task */
    uint32_t mode;
    uint64_t features;
    _Atomic uint32_t closing;
    _Atomic uint32_t open_isolations;
    struct counters counters;
    struct settle settle;
    struct fork_state fork;
    struct frames frames;
    struct event_ring events;
    struct staging staging;
    struct fault_thread thread;
    struct reaper reaper;
    struct table table;
};

static inline void count(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* va and pages name whole pages below the end of the address space. */
static inline bool range_is_valid(uint64_t va, uint32_t pages)
{
    return va % PAGE_BYTES == 0 && pages > 0 && va < UINT64_MAX - (uint64_t)pages * PAGE_BYTES;
}

/* And all of them are in one block. */
static inline bool range_is_in_block(uint64_t va, uint32_t pages)
{
    return range_is_valid(va, pages) && va % BLOCK_BYTES + (uint64_t)pages * PAGE_BYTES <= BLOCK_BYTES;
}

/* VRAM is read by the fault thread: it must be there, and must never be client memory that can be missing. */
bool pump_is_vram(const xesvm_pump *pump, uint64_t vram, uint32_t pages);

static inline uint64_t block_address(uint64_t va)
{
    return va & ~(BLOCK_BYTES - 1);
}

static inline uint32_t block_page(uint64_t va)
{
    return (uint32_t)(va % BLOCK_BYTES / PAGE_BYTES);
}

static inline void release_bucket(xesvm_pump *pump, struct bucket *bucket)
{
    if (lock_release(&bucket->lock))
        thread_poke(pump);
}

#endif
