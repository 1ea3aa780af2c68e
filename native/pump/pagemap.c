/* SPDX-License-Identifier: MIT */
#include "pagemap.h"

#include <linux/ioctl.h>

#include "system.h"
#include "xesvm_native.h"

/* From the kernel's include/uapi/linux/fs.h, newer than the system's header. */
struct pm_scan_arg {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};

#define SCAN_RUNS 16
#define PM_SCAN_REQUEST _IOWR('f', 16, struct pm_scan_arg)
#define PM_PAGE_IS_PRESENT (1u << 3)
#define PM_PAGE_IS_SWAPPED (1u << 4)

_Static_assert(sizeof(struct pm_scan_arg) == 96, "struct pm_scan_arg of linux/fs.h");
_Static_assert(sizeof(struct page_run) == 24, "struct page_region of linux/fs.h");

int32_t pagemap_scan(int32_t pagemap_fd, uint64_t *from, uint64_t end, struct page_run *runs, uint32_t capacity)
{
    struct pm_scan_arg argument = {
        .size = sizeof(argument),
        .start = *from,
        .end = end,
        .vec = (uint64_t)(uintptr_t)runs,
        .vec_len = capacity,
        .category_anyof_mask = PM_PAGE_IS_PRESENT | PM_PAGE_IS_SWAPPED,
        .return_mask = PM_PAGE_IS_PRESENT,
    };
    int32_t count = system_ioctl(pagemap_fd, PM_SCAN_REQUEST, &argument);

    if (count >= 0)
        *from = argument.walk_end;
    return count;
}

/* The quick answer, when it is yes. A page in swap is not in core, so no means nothing. */
static bool all_in_core(uint64_t address, uint32_t pages)
{
    uint8_t in_core[XESVM_BLOCK_PAGES];

    if (system_call(SYS_mincore, address, (uint64_t)pages * XESVM_PAGE_SIZE, (uint64_t)(uintptr_t)in_core, 0, 0, 0) != 0)
        return false;
    for (uint32_t page = 0; page < pages; page++) {
        if (!(in_core[page] & 1))
            return false;
    }
    return true;
}

static void set_bits(uint64_t *bits, uint64_t first, uint64_t end)
{
    for (uint64_t bit = first; bit < end; bit++)
        bits[bit / 64] |= (uint64_t)1 << bit % 64;
}

int32_t pagemap_content(int32_t pagemap_fd, uint64_t address, uint32_t pages, uint64_t *bits)
{
    uint64_t end = address + (uint64_t)pages * XESVM_PAGE_SIZE;
    uint64_t from = address;

    for (uint32_t word = 0; word < XESVM_BLOCK_PAGES / 64; word++)
        bits[word] = 0;
    if (all_in_core(address, pages)) {
        set_bits(bits, 0, pages);
        return 0;
    }
    while (from < end) {
        struct page_run runs[SCAN_RUNS];
        int32_t count = pagemap_scan(pagemap_fd, &from, end, runs, SCAN_RUNS);

        if (count < 0)
            return count;
        for (int32_t run = 0; run < count; run++)
            set_bits(bits, (runs[run].start - address) / XESVM_PAGE_SIZE, (runs[run].end - address) / XESVM_PAGE_SIZE);
    }
    return 0;
}

/* Bits of an entry of the file (Documentation/admin-guide/mm/pagemap.rst). */
#define ENTRY_PRESENT ((uint64_t)1 << 63)
#define ENTRY_FILE ((uint64_t)1 << 61) /* or shared anonymous memory */
#define ENTRY_EXCLUSIVE ((uint64_t)1 << 56)
#define ENTRIES_AT_ONCE 128u

static bool entries_are(const uint64_t *entries, uint64_t count, uint64_t mask, uint64_t wanted)
{
    for (uint64_t i = 0; i < count; i++) {
        if ((entries[i] & mask) != wanted)
            return false;
    }
    return true;
}

bool pagemap_all_present(int32_t pagemap_fd, uint64_t address, uint64_t pages, bool own)
{
    uint64_t wanted = own ? ENTRY_PRESENT | ENTRY_EXCLUSIVE : ENTRY_PRESENT;
    uint64_t mask = own ? wanted | ENTRY_FILE : wanted;
    uint64_t first = address / XESVM_PAGE_SIZE;

    for (uint64_t end = first + pages; first < end;) {
        uint64_t entries[ENTRIES_AT_ONCE];
        uint64_t count = end - first < ENTRIES_AT_ONCE ? end - first : ENTRIES_AT_ONCE;
        int64_t bytes = system_call(SYS_pread64, (uint64_t)pagemap_fd, (uint64_t)(uintptr_t)entries, count * sizeof(entries[0]),
                                    first * sizeof(entries[0]), 0, 0);

        if (bytes != (int64_t)(count * sizeof(entries[0])) || !entries_are(entries, count, mask, wanted))
            return false;
        first += count;
    }
    return true;
}
