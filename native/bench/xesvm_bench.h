/* SPDX-License-Identifier: MIT
 *
 * The exports of libxesvm_bench, which is no part of the product.
 */
#ifndef XESVM_BENCH_H
#define XESVM_BENCH_H

#include <stdint.h>

#include "xesvm_native.h"

/* Calls xesvm_ioctl count times; returns the sum of the results. */
XESVM_EXPORT int64_t xesvm_bench_ioctl_loop(int32_t fd, uint32_t request, void *argument, int64_t count);

/* Ties the calling thread to one of the processors that it may use, chosen by number from 0; 0, -EINVAL when there is none of that
 * number, or another -errno. */
XESVM_EXPORT int32_t xesvm_bench_pin_thread(uint32_t number);

#endif
