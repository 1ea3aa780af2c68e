/* SPDX-License-Identifier: MIT
 *
 * Taking pages out of the client's page table into staging: the part that talks to the kernel about the client's mappings.
 */
#ifndef XESVM_PUMP_CLIENT_H
#define XESVM_PUMP_CLIENT_H

#include <stdint.h>

#include "table.h"

typedef struct xesvm_pump xesvm_pump;

/* Registers those of the pages that are not yet. They stay registered, also when the isolation fails: taking it back could split a
 * mapping that was registered as a whole by the kernel, when it grew or was moved. -EFAULT not mapped; -EBUSY not private anonymous
 * memory that can be read and written; -EAGAIN the mappings changed meanwhile; -ENOMEM. */
int32_t client_register(xesvm_pump *pump, struct block *block, uint32_t first, uint32_t pages);
/* Moves the migration's pages into its slot, and says in its present bits which had content. *moved: how many pages, from the first
 * on, were dealt with, also on errors: -EBUSY, -EFAULT, -ENOMEM. */
int32_t client_move_to_staging(xesvm_pump *pump, struct migration *migration, uint32_t *moved);
/* Registers what lies between registered pages of [start, end), where that has split a mapping: mremap(2) wants to find one. */
void client_join(const xesvm_pump *pump, uint64_t start, uint64_t end);

#endif
