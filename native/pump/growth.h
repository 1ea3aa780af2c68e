/* SPDX-License-Identifier: MIT
 *
 * mremap(2) of a locked mapping that moves and grows fills the part that is new before it tells that the mapping has moved, or that another one
 * gave way to it (do_mremap(), mm/mremap.c). Until the message is read userfaultfd takes nothing for that part, and the message comes only when
 * the part is filled: whoever waited for the one or the other would wait for ever. What is keyed to these addresses belongs to the mapping
 * that was there before. So they are filled at once, with zeros, as nobody else would have anything for them.
 */
#ifndef XESVM_PUMP_GROWTH_H
#define XESVM_PUMP_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

#include "thread.h"

enum growth {
    GROWTH_NONE,  /* the fault is an ordinary one, or this cannot be said */
    GROWTH_ANY,   /* a page of a mapping that went where the kernel found room */
    GROWTH_THERE, /* a page of a mapping that went where the client wanted it, whatever was there before */
};

/* Whether a fault is of this kind. For the fault thread. Opens files: to be asked while a message is unread only. */
enum growth growth_of(const xesvm_pump *pump, const struct message *fault);

#endif
