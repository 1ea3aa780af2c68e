/* SPDX-License-Identifier: MIT
 *
 * libxesvm_bench: the shim's ioctl called in a loop of C, to be loaded into the process whose own calls it is compared with. The kernel's
 * part of a call is dearer where the process has a second thread (fdget, fs/file.c), so the two have to be measured side by side.
 */
#include <stdint.h>

#include "xesvm_bench.h"

int64_t xesvm_bench_ioctl_loop(int32_t fd, uint32_t request, void *argument, int64_t count)
{
    int64_t sum = 0;

    for (int64_t call = 0; call < count; call++)
        sum += xesvm_ioctl(fd, request, argument);
    return sum;
}
