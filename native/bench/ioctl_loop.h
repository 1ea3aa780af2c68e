/* SPDX-License-Identifier: MIT
 *
 * The one export of libxesvm_bench, which is no part of the product.
 */
#ifndef XESVM_BENCH_IOCTL_LOOP_H
#define XESVM_BENCH_IOCTL_LOOP_H

#include <stdint.h>

#include "xesvm_native.h"

/* Calls xesvm_ioctl count times; returns the sum of the results. */
XESVM_EXPORT int64_t xesvm_bench_ioctl_loop(int32_t fd, uint32_t request, void *argument, int64_t count);

#endif
