/* SPDX-License-Identifier: MIT
 *
 * Making pages present for the CPU, as a walk of HMM that faults does.
 */
#include <sys/mman.h>

#include "pagemap.h"
#include "pump.h"
#include "restore.h"
#include "system.h"
#include "vma.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* What hmm_vma_walk_test() and hmm_range_fault() answer: -EFAULT without a readable mapping, -EPERM when only writing is refused. */
static int32_t check_access(const xesvm_pump *pump, uint64_t va, uint64_t end, bool write)
{
    while (va < end) {
        struct xesvm_vma vma;

        if (vma_find(pump->maps_fd, va, &vma) != 0 || vma.start > va || !(vma.flags & XESVM_VMA_READ))
            return -EFAULT;
        if (write && !(vma.flags & XESVM_VMA_WRITE))
            return -EPERM;
        va = vma.end;
    }
    return 0;
}

static int32_t bring(xesvm_pump *pump, uint64_t va, uint32_t pages, struct request *request, const void *export_frame)
{
    struct frame frame;
    int32_t result;

    frame_enter(pump, &frame, export_frame);
    result = restore_range(pump, va, pages, request);
    frame_leave(&frame);
    return result;
}

int32_t xesvm_pump_populate(xesvm_pump *pump, uint64_t va, uint32_t pages, uint32_t write)
{
    int32_t advice = write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;

    if (!pump || !range_is_valid(va, pages))
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    for (;;) {
        struct request request = {
            .take_back = true,
            .as_fault = true,
            .fill = pump->mode == XESVM_PUMP_MODE_USER, /* madvise() faults in the kernel, which the mode does not allow */
            .begin_ns = system_monotonic_ns(),
        };
        int32_t result = check_access(pump, va, va + pages * PAGE_BYTES, write != 0);

        if (result == 0)
            result = bring(pump, va, pages, &request, __builtin_frame_address(0));
        if (result < 0)
            return result;
        /* madvise() looks at every page by itself, and moves it between the lists of the kernel: ten times the cost of asking. */
        if (pagemap_all_present(pump->pagemap_fd, va, pages, write != 0))
            return 0;
        result = system_madvise(va, pages * PAGE_BYTES, advice);
        if (result == 0)
            return 0;
        /* Somebody isolated pages in between: once more. But an error although all was there before is the answer. */
        if (result != -EINTR && request.moved + request.filled == 0)
            return result;
    }
}
