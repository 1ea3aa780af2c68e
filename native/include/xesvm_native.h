/* SPDX-License-Identifier: MIT
 *
 * The exported surface of libxesvm_native: the thin shim over the kernel, and the CPU-fault half of the software backend (the "pump").
 *
 * Conventions. Every export starts with xesvm_, uses fixed-width types only, and returns a value >= 0 or -errno. Nothing here calls
 * back into managed code, and no lock is held when a function returns: a garbage collection that suspends the caller can therefore
 * never stand between a CPU fault and its resolution.
 */
#ifndef XESVM_NATIVE_H
#define XESVM_NATIVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef XESVM_EXPORT /* the preload library has the pump too, and keeps it to itself */
#define XESVM_EXPORT __attribute__((visibility("default")))
#endif

#define XESVM_ABI_VERSION 1
#define XESVM_PAGE_SIZE 4096u
#define XESVM_BLOCK_SIZE (2u << 20) /* the largest unit that one pump call takes: one aligned 2 MiB block */
#define XESVM_BLOCK_PAGES 512u

/* ---- shim ------------------------------------------------------------------------------------------------------------------------ */

struct xesvm_struct_size {
    char name[48];
    uint32_t size;
    uint32_t reserved;
};

XESVM_EXPORT int32_t xesvm_abi_version(void);
/* Copies up to capacity entries and returns how many there are in all. */
XESVM_EXPORT int32_t xesvm_struct_sizes(struct xesvm_struct_size *entries, uint32_t capacity);

/* ioctl(2), restarted on EINTR and EAGAIN as libdrm does: the only place where that happens. */
XESVM_EXPORT int32_t xesvm_ioctl(int32_t fd, uint32_t request, void *argument);
/* mmap(2) and munmap(2); the address comes back in *result. */
XESVM_EXPORT int32_t xesvm_mmap(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t fd, uint64_t offset,
                                uint64_t *result);
XESVM_EXPORT int32_t xesvm_munmap(uint64_t address, uint64_t length);
XESVM_EXPORT int64_t xesvm_clock_monotonic_ns(void);
XESVM_EXPORT int64_t xesvm_clock_thread_cpu_ns(void);

/* ---- client memory: this process, reached the way another process would be (EFAULT, never a signal) ----------------------------- */

#define XESVM_VMA_READ 0x01u
#define XESVM_VMA_WRITE 0x02u
#define XESVM_VMA_EXEC 0x04u
#define XESVM_VMA_SHARED 0x08u
#define XESVM_VMA_ANONYMOUS 0x10u /* no file behind it, and none of the kernel's special mappings */
#define XESVM_VMA_HUGETLB 0x20u   /* pages of hugetlbfs */
#define XESVM_VMA_SPECIAL 0x40u   /* VM_IO or VM_PFNMAP: a device's memory, or [vvar]. No struct pages that could be shared */

struct xesvm_vma {
    uint64_t start;
    uint64_t end; /* exclusive */
    uint32_t flags;
    uint32_t reserved;
};

/* 0, or -EFAULT when any byte could not be copied (what was copied before stays copied). */
XESVM_EXPORT int32_t xesvm_client_read(uint64_t address, void *destination, uint64_t length);
XESVM_EXPORT int32_t xesvm_client_write(uint64_t address, const void *source, uint64_t length);
/* Atomic add on an aligned 32-bit word, addend -2048 to 2047; 0, -EFAULT or -EINVAL, both without effect. */
XESVM_EXPORT int32_t xesvm_client_add32(uint64_t address, int32_t addend);
/* The mapping that contains address, else the first one above it (start > address); -ENOENT when there is none. */
XESVM_EXPORT int32_t xesvm_client_find_vma(uint64_t address, struct xesvm_vma *vma);

/* The same of another process, by its id; -ESRCH when it is gone, -EPERM when it may not be reached. */
XESVM_EXPORT int32_t xesvm_process_read(int32_t process, uint64_t address, void *destination, uint64_t length);
XESVM_EXPORT int32_t xesvm_process_write(int32_t process, uint64_t address, const void *source, uint64_t length);
/* Makes pages present by reading a byte of each; -EFAULT when one cannot be read. */
XESVM_EXPORT int32_t xesvm_process_touch(int32_t process, uint64_t address, uint32_t pages);
/* As xesvm_client_find_vma, in an open /proc/PID/maps. */
XESVM_EXPORT int32_t xesvm_process_find_vma(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma);

/* ---- pump: one per process -------------------------------------------------------------------------------------------------------- */

typedef struct xesvm_pump xesvm_pump;

#define XESVM_PUMP_USER_MODE_ONLY 0x1u /* ask for no more than unprivileged userfaultfd gives */

#define XESVM_PUMP_HIGH_DESCRIPTORS 0x2u /* keep out of the low numbers, which a program that knows nothing of the pump may count on */

#define XESVM_PUMP_MODE_FULL 1u /* faults from system calls are resolved too */
#define XESVM_PUMP_MODE_USER 2u /* a system call that meets a device page gets EFAULT */

struct xesvm_pump_info {
    uint32_t mode;
    uint32_t reserved;
    uint64_t features; /* UFFD_FEATURE_* of the kernel */
};

/* What a page is to the pump. */
#define XESVM_PAGE_SYSTEM 0u   /* the CPU's page table has it, or it was never touched */
#define XESVM_PAGE_ISOLATED 1u /* in staging: a migration is under way */
#define XESVM_PAGE_DEVICE 2u   /* in VRAM: a CPU touch brings it home */

struct xesvm_isolation {
    uint64_t id;         /* not 0 */
    uint64_t staging;    /* host address of the staging slot of the first page; congruent to va modulo 2 MiB */
    uint64_t present[8]; /* bit i: page i had content, now at staging + i * 4096. Clear: a hole, reads as zeros, do not touch its slot */
};

#define XESVM_EVENT_HOME 1u       /* device pages went home to system memory, by CPU fault or xesvm_pump_restore */
#define XESVM_EVENT_DISCARD 2u    /* the client unmapped or dropped device pages: their content is gone, as it asked */
#define XESVM_EVENT_INVALIDATE 3u /* the client unmapped, dropped or moved registered memory (device pages or not) */
#define XESVM_EVENT_OVERFLOW 4u   /* INVALIDATE events were lost: treat every mirrored range as invalidated */

/* What the client did, in INVALIDATE events. In the kernel's terms UNMAP and REMAP are MMU_NOTIFY_UNMAP, REMOVE is MMU_NOTIFY_CLEAR. */
#define XESVM_INVALIDATE_UNMAP 1u  /* the mapping is gone: munmap, mmap over it, the tail of a shrinking mremap */
#define XESVM_INVALIDATE_REMOVE 2u /* the mapping stays, its content was dropped: MADV_DONTNEED, MADV_FREE, MADV_REMOVE */
#define XESVM_INVALIDATE_REMAP 3u  /* the pages went to another address; with MREMAP_DONTUNMAP an empty mapping stays */

struct xesvm_pump_event {
    uint64_t sequence;
    uint32_t type;
    uint32_t pages;          /* HOME, DISCARD: device pages that left. INVALIDATE: length in pages */
    uint64_t address;        /* first page */
    uint64_t allocation;     /* HOME, DISCARD: the cookie given to commit */
    uint32_t remaining;      /* HOME, DISCARD: device pages that the allocation still has */
    uint32_t by_restore;     /* HOME: 1 when asked for by xesvm_pump_restore, 0 when a CPU fault did it */
    uint64_t begin_ns;       /* monotonic: the fault message was read */
    uint64_t copy_ns;        /* duration of the copy out of VRAM */
    uint64_t end_ns;         /* monotonic: the pages were in place */
    uint32_t invalidation;   /* INVALIDATE: one XESVM_INVALIDATE_*, else 0 */
    uint32_t reserved;
};

struct xesvm_pump_counters {
    uint64_t cpu_faults;          /* fault messages read */
    uint64_t cpu_faults_isolated; /* of these: met a page under migration, and took it back */
    uint64_t zero_pages;          /* never-touched pages filled */
    uint64_t isolations;
    uint64_t commits;
    uint64_t aborts;
    uint64_t busy;                /* isolate answered EBUSY */
    uint64_t pages_isolated;
    uint64_t pages_committed;
    uint64_t pages_home;
    uint64_t pages_discarded;
    uint64_t restarts;            /* userfaultfd answered EAGAIN and the call went on */
    uint64_t events_pending;
};

/* In a forked child all of these answer -ESRCH. fork() brings everything home first, ends open isolations (commit answers -EBUSY), and makes
 * isolate answer -EBUSY meanwhile. */

/* 0 and *pump; or -EPERM, -ENOSYS, -EOPNOTSUPP (no UFFDIO_MOVE): the caller then runs without CPU faults (coherent mode). */
XESVM_EXPORT int32_t xesvm_pump_create(uint32_t flags, xesvm_pump **pump, struct xesvm_pump_info *info);
/* Brings every device page home first; -EBUSY while isolations are open. */
XESVM_EXPORT int32_t xesvm_pump_destroy(xesvm_pump *pump);

/* Takes pages [va, va + pages * 4096), within one aligned 2 MiB block, out of the CPU's page table into staging.
 * All or nothing: -EBUSY shared, pinned, read-only, special or already isolated memory; -EEXIST a page is a device page (restore it first);
 * -EFAULT not mapped; -EINVAL bad bounds; -ENOMEM. On error nothing has moved. */
XESVM_EXPORT int32_t xesvm_pump_isolate(xesvm_pump *pump, uint64_t va, uint32_t pages, struct xesvm_isolation *isolation);
/* The same, and until hold_until_ns (monotonic; 0: not at all) CPU faults and xesvm_pump_populate wait instead of taking the pages back, as at
 * the kernel's migration entries. Time alone ends it, so nothing of the caller is needed to resolve a fault: let it be short. */
XESVM_EXPORT int32_t xesvm_pump_isolate_held(xesvm_pump *pump, uint64_t va, uint32_t pages, uint64_t hold_until_ns,
                                             struct xesvm_isolation *isolation);
/* Ends a migration: the pages, holes too, are device pages now, the first at host address vram. Staging is dropped.
 * -EBUSY: a CPU touch took the pages back meanwhile, the isolation is closed, VRAM content is to be forgotten. */
XESVM_EXPORT int32_t xesvm_pump_commit(xesvm_pump *pump, uint64_t isolation, uint64_t vram, uint64_t allocation);
/* The same, and until hold_until_ns (monotonic; 0: not at all) CPU faults and xesvm_pump_populate wait instead of bringing the pages home:
 * the timeslice in which the device is alone with them. xesvm_pump_restore and fork() do not wait. */
XESVM_EXPORT int32_t xesvm_pump_commit_held(xesvm_pump *pump, uint64_t isolation, uint64_t vram, uint64_t allocation,
                                            uint64_t hold_until_ns);
/* Ends a migration without effect: content goes back where it was. */
XESVM_EXPORT int32_t xesvm_pump_abort(xesvm_pump *pump, uint64_t isolation);
/* Brings home the whole of every allocation that has a device page in the range. Returns the number of pages that moved. */
XESVM_EXPORT int32_t xesvm_pump_restore(xesvm_pump *pump, uint64_t va, uint32_t pages);
/* Device pages go to other VRAM without a stay at home. Begin: pages [va, va + pages * 4096), the whole of an allocation none of whose pages has
 * left, keep their content at host address vram while the caller copies it: GPU access answers -EAGAIN, a CPU touch brings them home as
 * ever. -EBUSY: they are not that, or are being relocated. */
XESVM_EXPORT int32_t xesvm_pump_relocate_begin(xesvm_pump *pump, uint64_t va, uint32_t pages, uint64_t vram, uint64_t allocation);
/* Ends what begin has begun: the pages are at host address to_vram now, of allocation to, held as by xesvm_pump_commit_held; with to_vram 0 they stay where they were.
 * -EBUSY: a page has left meanwhile. Nothing else has changed then, and the copy is to be forgotten. */
XESVM_EXPORT int32_t xesvm_pump_relocate_end(xesvm_pump *pump, uint64_t va, uint64_t allocation, uint64_t to_vram, uint64_t to,
                                             uint64_t hold_until_ns);
/* Ends several migrations as one: the pages are device pages of one allocation now, the first at host address vram, held as by
 * xesvm_pump_commit_held. They are those of the open isolations and of the allocations under relocation that the two lists name (at most
 * XESVM_JOIN_PARTS each, none twice), and no others. -EBUSY: a page has left meanwhile, or they are not that. Nothing has changed then: abort
 * the isolations, and end the relocations with to_vram 0. */
#define XESVM_JOIN_PARTS 64u
XESVM_EXPORT int32_t xesvm_pump_join(xesvm_pump *pump, uint64_t va, uint32_t pages, const uint64_t *isolations,
                                     uint32_t isolation_count, const uint64_t *allocations, uint32_t allocation_count,
                                     uint64_t vram, uint64_t allocation, uint64_t hold_until_ns);
/* One XESVM_PAGE_* per page. */
XESVM_EXPORT int32_t xesvm_pump_query(xesvm_pump *pump, uint64_t va, uint32_t pages, uint8_t *states);
/* Makes every page of the range present for the CPU (as HMM's faulting walk does): device pages come home, holes are filled.
 * -EFAULT not mapped; -EPERM write wanted and the mapping is read-only. */
XESVM_EXPORT int32_t xesvm_pump_populate(xesvm_pump *pump, uint64_t va, uint32_t pages, uint32_t write);

/* GPU access to one device page: valid only while page va is at host address vram (of the same byte); else -EAGAIN and no access.
 * The access must not cross a page. Naturally aligned accesses of 4 and 8 bytes are single copies. */
XESVM_EXPORT int32_t xesvm_pump_device_read(xesvm_pump *pump, uint64_t va, uint64_t vram, void *destination, uint32_t length);
XESVM_EXPORT int32_t xesvm_pump_device_write(xesvm_pump *pump, uint64_t va, uint64_t vram, const void *source, uint32_t length);
/* Atomic add on an aligned word of 4 or 8 bytes; the old value comes back. */
XESVM_EXPORT int32_t xesvm_pump_device_add(xesvm_pump *pump, uint64_t va, uint64_t vram, uint64_t addend, uint32_t size, uint64_t *old);

/* Writes desired to an aligned word of 4 or 8 bytes when it is expected; what it was comes back either way. */
XESVM_EXPORT int32_t xesvm_pump_device_compare_exchange(xesvm_pump *pump, uint64_t va, uint64_t vram, uint64_t expected, uint64_t desired,
                                                        uint32_t size, uint64_t *old);
/* The same on an aligned word of client memory, which leaves the CPU's page table for it and comes back: atomic against every access of
 * the CPU. Refuses what xesvm_pump_isolate refuses, with its errors and without effect; -ENODATA: a page without content, populate it. */
XESVM_EXPORT int32_t xesvm_pump_client_compare_exchange(xesvm_pump *pump, uint64_t va, uint64_t expected, uint64_t desired, uint32_t size,
                                                        uint64_t *old);

/* Takes up to capacity events; returns how many. */
XESVM_EXPORT int32_t xesvm_pump_take_events(xesvm_pump *pump, struct xesvm_pump_event *events, uint32_t capacity);
/* Blocks until there are events or xesvm_pump_wake was called: 1 events, 0 woken or timed out. timeout_ns < 0: no limit. */
XESVM_EXPORT int32_t xesvm_pump_wait(xesvm_pump *pump, int64_t timeout_ns);
XESVM_EXPORT int32_t xesvm_pump_wake(xesvm_pump *pump);
XESVM_EXPORT int32_t xesvm_pump_read_counters(xesvm_pump *pump, struct xesvm_pump_counters *counters);

#ifdef __cplusplus
}
#endif

#endif
