/* SPDX-License-Identifier: MIT
 *
 * What /proc/self/pagemap says about a range: where it has content, in memory or in swap (PAGEMAP_SCAN, Linux 6.7), and whether its pages
 * are there as a write would leave them.
 */
#ifndef XESVM_PUMP_PAGEMAP_H
#define XESVM_PUMP_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

struct page_run {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

/* Fills runs with the next stretches that have content, in order, from *from up to end. Moves *from to where the next call
 * goes on; all is said when it reached end. Returns the number of runs, or -errno. */
int32_t pagemap_scan(int32_t pagemap_fd, uint64_t *from, uint64_t end, struct page_run *runs, uint32_t capacity);

/* Which of up to 512 pages have content: bit i is page i. 0 or -errno. */
int32_t pagemap_content(int32_t pagemap_fd, uint64_t address, uint32_t pages, uint64_t *bits);

/* Whether every page is present; with own, as an anonymous page that nobody else maps. Content in swap, on the device, or in the zero page is
 * none. False when it cannot be said. */
bool pagemap_all_present(int32_t pagemap_fd, uint64_t address, uint64_t pages, bool own);

#endif
