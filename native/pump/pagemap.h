/* SPDX-License-Identifier: MIT
 *
 * PAGEMAP_SCAN of /proc/self/pagemap (Linux 6.7): where a range has content, in memory or in swap.
 */
#ifndef XESVM_PUMP_PAGEMAP_H
#define XESVM_PUMP_PAGEMAP_H

#include <stdint.h>

struct page_run {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

/* Fills runs with the next stretches that have content, in order, from *from up to end. Moves *from to where the next call
 * goes on; all is said when it reached end. Returns the number of runs, or -errno. */
int32_t pagemap_scan(int32_t pagemap_fd, uint64_t *from, uint64_t end, struct page_run *runs, uint32_t capacity);

#endif
