/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/mman.h>

#include "xesvm_native.h"

int32_t xesvm_mmap(uint64_t address, uint64_t length, int32_t protection, int32_t flags, int32_t fd, uint64_t offset,
                   uint64_t *result)
{
    void *mapped;

    if (!result)
        return -EINVAL;
    mapped = mmap((void *)(uintptr_t)address, length, protection, flags, fd, (off_t)offset);
    if (mapped == MAP_FAILED)
        return -errno;
    *result = (uint64_t)(uintptr_t)mapped;
    return 0;
}

int32_t xesvm_munmap(uint64_t address, uint64_t length)
{
    return munmap((void *)(uintptr_t)address, length) == 0 ? 0 : -errno;
}
