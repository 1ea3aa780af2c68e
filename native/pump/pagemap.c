/* SPDX-License-Identifier: MIT */
#include "pagemap.h"

#include <linux/ioctl.h>

#include "system.h"

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
