/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <signal.h>
#include <stddef.h>

#include "pump.h"
#include "system.h"

/* Thread-local variables lie below the thread pointer, what the compiler and libc reach through it lies just above. */
#define CONTROL_BYTES 4096u
#define CONTROL_HEAD_BYTES 128u
#define FIRST_SLOTS 16u
#define PAGES_BITS 16
#define PAGES_MASK ((1u << PAGES_BITS) - 1)

/* Where the area of restartable sequences is, which the kernel writes, from the thread pointer; glibc 2.35 and later. */
#define RSEQ_BYTES 32u
extern const ptrdiff_t __rseq_offset __attribute__((weak));

static uint64_t pack(uint64_t low, uint64_t high)
{
    uint64_t first = low / XESVM_PAGE_SIZE;

    return first << PAGES_BITS | ((high - 1) / XESVM_PAGE_SIZE - first + 1);
}

static bool packed_overlaps(uint64_t packed, uint64_t first, uint64_t end)
{
    uint64_t packed_first = packed >> PAGES_BITS;

    return packed_first < end && first < packed_first + (packed & PAGES_MASK);
}

static struct frame_slot *take_slot(struct frames *frames, uint64_t stack, uint64_t control)
{
    uint32_t start = (uint32_t)(control >> PAGES_BITS) * 0x9e3779b1u;

    for (uint32_t attempt = 0;; attempt++) {
        /* Near the start of the table, so that isolate has few slots to look at. */
        uint32_t index = (start % FIRST_SLOTS + attempt) % (attempt < FIRST_SLOTS ? FIRST_SLOTS : FRAME_SLOTS);
        uint32_t in_use = atomic_load(&frames->in_use);
        uint64_t unused = 0;

        while (in_use <= index && !atomic_compare_exchange_weak(&frames->in_use, &in_use, index + 1))
            continue;
        if (atomic_compare_exchange_strong(&frames->slots[index].stack, &unused, stack))
            return &frames->slots[index];
        if (attempt % FRAME_SLOTS == FRAME_SLOTS - 1)
            system_yield();
    }
}

/* Any byte of the page will do, also one between two variables, which the address sanitizer would object to. */
static __attribute__((noinline, no_sanitize("address", "thread"))) void touch(uint64_t address)
{
    (void)*(const volatile uint8_t *)(uintptr_t)address;
}

/* Uses the stack as deep as the pump will, and brings home what is missing of it, from the export's frame down. */
static __attribute__((noinline)) void touch_stack(uint64_t top)
{
    volatile uint8_t deep[FRAME_STACK_BYTES];
    uint64_t bottom = (uint64_t)(uintptr_t)deep;

    deep[0] = 0;
    for (uint64_t address = top - 1; address > bottom; address -= XESVM_PAGE_SIZE) {
        touch(address);
        if (address - bottom < XESVM_PAGE_SIZE)
            break;
    }
}

/* The pages of the control block that the kernel and this code use, and no more: what follows it may be the client's memory. */
static uint64_t pack_control(uint64_t thread)
{
    uint64_t low = thread - CONTROL_BYTES;
    uint64_t high = thread + CONTROL_HEAD_BYTES;

    if (&__rseq_offset) {
        uint64_t area = thread + (uint64_t)(int64_t)__rseq_offset;

        if (area < low)
            low = area;
        if (area + RSEQ_BYTES > high)
            high = area + RSEQ_BYTES;
    }
    return pack(low, high);
}

static void touch_control_block(uint64_t thread)
{
    touch(thread);
    touch(thread - 1);
    if (&__rseq_offset)
        touch(thread + (uint64_t)(int64_t)__rseq_offset);
}

/* Until nobody holds a bucket of these pages who took it before they were announced. */
static void await_holders(xesvm_pump *pump, uint64_t packed)
{
    uint64_t first = (packed >> PAGES_BITS) * PAGE_BYTES;
    uint64_t end = first + (packed & PAGES_MASK) * PAGE_BYTES;

    for (uint64_t block = block_address(first); block < end; block += BLOCK_BYTES)
        lock_await(&table_bucket(&pump->table, block)->lock);
}

void frame_enter(xesvm_pump *pump, struct frame *frame, const void *export_frame)
{
    uint64_t thread = (uint64_t)(uintptr_t)__builtin_thread_pointer();
    uint64_t top = (uint64_t)(uintptr_t)export_frame + 64; /* its return address and saved registers */
    uint64_t all = ~(uint64_t)0;
    uint64_t stack = pack(top - FRAME_STACK_BYTES - XESVM_PAGE_SIZE, top);
    uint64_t control = pack_control(thread);

    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)(uintptr_t)&all, (uint64_t)(uintptr_t)&frame->signals, sizeof(all),
                0, 0);
    frame->slot = take_slot(&pump->frames, stack, control);
    atomic_store(&frame->slot->control, control);
    atomic_thread_fence(memory_order_seq_cst); /* pairs with the one in frame_covers: locked, or announced, is seen */
    await_holders(pump, stack);
    await_holders(pump, control);
    touch_stack(top);
    touch_control_block(thread);
}

void frame_leave(struct frame *frame)
{
    atomic_store_explicit(&frame->slot->control, 0, memory_order_release);
    atomic_store_explicit(&frame->slot->stack, 0, memory_order_release);
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)(uintptr_t)&frame->signals, 0, sizeof(frame->signals), 0, 0);
}

bool frame_keep(struct frames *frames, uint64_t address, uint64_t length)
{
    if (length / XESVM_PAGE_SIZE + 1 > PAGES_MASK)
        return false;
    take_slot(frames, pack(address, address + length), 0);
    return true;
}

bool frame_covers(struct frames *frames, uint64_t va, uint32_t pages)
{
    uint64_t first = va / XESVM_PAGE_SIZE;
    uint32_t in_use;

    atomic_thread_fence(memory_order_seq_cst);
    in_use = atomic_load(&frames->in_use);
    for (uint32_t index = 0; index < in_use; index++) {
        struct frame_slot *slot = &frames->slots[index];

        if (packed_overlaps(atomic_load(&slot->stack), first, first + pages) ||
            packed_overlaps(atomic_load(&slot->control), first, first + pages))
            return true;
    }
    return false;
}
