/* SPDX-License-Identifier: MIT
 *
 * mremap on pages that are away: their content follows to the new address.
 */
#ifndef XESVM_PUMP_CARRY_H
#define XESVM_PUMP_CARRY_H

#include <stdint.h>

#include "table.h"
#include "thread.h"

/* Carries what the pages [start, end) of the block, all in the range of the change, have away. For the fault thread, with the bucket of
 * the block locked. 0 or, to be called again: -EBUSY a bucket is held; -EAGAIN the destination is not vacated yet; -EINPROGRESS another
 * change has been put before this one; -ENOMEM. */
int32_t carry_content(xesvm_pump *pump, const struct message *change, struct block *block, uint64_t start, uint64_t end);

#endif
