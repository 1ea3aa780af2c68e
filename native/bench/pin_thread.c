/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stdint.h>

#include "xesvm_bench.h"

int32_t xesvm_bench_pin_thread(uint32_t number)
{
    cpu_set_t allowed;
    cpu_set_t chosen;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return -errno;
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (!CPU_ISSET(processor, &allowed) || number-- > 0)
            continue;
        CPU_ZERO(&chosen);
        CPU_SET(processor, &chosen);
        return sched_setaffinity(0, sizeof(chosen), &chosen) == 0 ? 0 : -errno;
    }
    return -EINVAL;
}
