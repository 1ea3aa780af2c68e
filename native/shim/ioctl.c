/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/ioctl.h>

#include "xesvm_native.h"

int32_t xesvm_ioctl(int32_t fd, uint32_t request, void *argument)
{
    int result;

    do {
        result = ioctl(fd, (unsigned long)request, argument);
    } while (result == -1 && (errno == EINTR || errno == EAGAIN));
    return result == -1 ? -errno : result;
}
