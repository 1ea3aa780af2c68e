/* SPDX-License-Identifier: MIT
 *
 * The caller's own memory while it is inside the pump. A thread that holds a lock must not fault on a page which only the fault
 * thread can bring home: its stack, and its thread control block, which the kernel writes for restartable sequences. So the
 * exports announce both, and isolate, under the lock of their bucket, refuses announced pages. An isolation that looked before the
 * announcement may still be moving: so the announcer waits for a moment in which the bucket is not locked, and then touches the
 * pages, which brings home what was away. It holds no lock and has passed no gate yet, so that the fault can be resolved.
 * The fault thread's own stack is announced once for all.
 */
#ifndef XESVM_PUMP_FRAME_H
#define XESVM_PUMP_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct xesvm_pump xesvm_pump;

#define FRAME_SLOTS 512u /* threads inside at the same time; more wait at the door */
/* More than any call chain of the pump needs below the export's own frame: one page of buffer, and small frames. */
#define FRAME_STACK_BYTES 16384u

/* First page number << 16 | number of pages. */
struct frame_slot {
    _Atomic uint64_t stack; /* 0: the slot is free */
    _Atomic uint64_t control;
};

struct frames {
    _Atomic uint32_t in_use; /* slots above were never taken */
    struct frame_slot slots[FRAME_SLOTS];
};

struct frame {
    struct frame_slot *slot;
    uint64_t signals;
};

/* Announces the caller and blocks its signals. export_frame: __builtin_frame_address(0) of the export. Call it without locks, outside
 * of the gate. */
void frame_enter(xesvm_pump *pump, struct frame *frame, const void *export_frame);
void frame_leave(struct frame *frame);
/* Announces memory for good. False when it is too much for one slot. */
bool frame_keep(struct frames *frames, uint64_t address, uint64_t length);
/* True when any page is announced. Call it with the bucket of the pages locked. */
bool frame_covers(struct frames *frames, uint64_t va, uint32_t pages);

#endif
