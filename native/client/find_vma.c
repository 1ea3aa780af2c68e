/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>

#include "system.h"
#include "vma.h"

int32_t xesvm_client_find_vma(uint64_t address, struct xesvm_vma *vma)
{
    struct xesvm_vma found;
    int32_t fd;
    int32_t result;

    if (!vma)
        return -EINVAL;
    /* Opened each time: after a fork an open one would still speak of the parent. */
    fd = system_open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fd;
    result = vma_find(fd, address, &found);
    system_close(fd);
    if (result == 0)
        *vma = found;
    return result;
}
