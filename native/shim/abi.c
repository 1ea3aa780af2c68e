/* SPDX-License-Identifier: MIT
 *
 * The binary interface: its version, and the layout of every struct, fixed here and reported to callers that declare them anew.
 */
#include <errno.h>
#include <stddef.h>

#include "xesvm_native.h"

#define SIZE_IS(type, size) _Static_assert(sizeof(struct type) == (size), #type " has changed its size")
#define OFFSET_IS(type, field, offset) \
    _Static_assert(offsetof(struct type, field) == (offset), #type "." #field " has moved")

SIZE_IS(xesvm_struct_size, 56);
OFFSET_IS(xesvm_struct_size, name, 0);
OFFSET_IS(xesvm_struct_size, size, 48);
OFFSET_IS(xesvm_struct_size, reserved, 52);

SIZE_IS(xesvm_vma, 24);
OFFSET_IS(xesvm_vma, start, 0);
OFFSET_IS(xesvm_vma, end, 8);
OFFSET_IS(xesvm_vma, flags, 16);
OFFSET_IS(xesvm_vma, reserved, 20);

SIZE_IS(xesvm_pump_info, 16);
OFFSET_IS(xesvm_pump_info, mode, 0);
OFFSET_IS(xesvm_pump_info, reserved, 4);
OFFSET_IS(xesvm_pump_info, features, 8);

SIZE_IS(xesvm_isolation, 80);
OFFSET_IS(xesvm_isolation, id, 0);
OFFSET_IS(xesvm_isolation, staging, 8);
OFFSET_IS(xesvm_isolation, present, 16);

SIZE_IS(xesvm_pump_event, 72);
OFFSET_IS(xesvm_pump_event, sequence, 0);
OFFSET_IS(xesvm_pump_event, type, 8);
OFFSET_IS(xesvm_pump_event, pages, 12);
OFFSET_IS(xesvm_pump_event, address, 16);
OFFSET_IS(xesvm_pump_event, allocation, 24);
OFFSET_IS(xesvm_pump_event, remaining, 32);
OFFSET_IS(xesvm_pump_event, by_restore, 36);
OFFSET_IS(xesvm_pump_event, begin_ns, 40);
OFFSET_IS(xesvm_pump_event, copy_ns, 48);
OFFSET_IS(xesvm_pump_event, end_ns, 56);
OFFSET_IS(xesvm_pump_event, invalidation, 64);
OFFSET_IS(xesvm_pump_event, reserved, 68);

SIZE_IS(xesvm_pump_counters, 104);
OFFSET_IS(xesvm_pump_counters, cpu_faults, 0);
OFFSET_IS(xesvm_pump_counters, cpu_faults_isolated, 8);
OFFSET_IS(xesvm_pump_counters, zero_pages, 16);
OFFSET_IS(xesvm_pump_counters, isolations, 24);
OFFSET_IS(xesvm_pump_counters, commits, 32);
OFFSET_IS(xesvm_pump_counters, aborts, 40);
OFFSET_IS(xesvm_pump_counters, busy, 48);
OFFSET_IS(xesvm_pump_counters, pages_isolated, 56);
OFFSET_IS(xesvm_pump_counters, pages_committed, 64);
OFFSET_IS(xesvm_pump_counters, pages_home, 72);
OFFSET_IS(xesvm_pump_counters, pages_discarded, 80);
OFFSET_IS(xesvm_pump_counters, restarts, 88);
OFFSET_IS(xesvm_pump_counters, events_pending, 96);

#define ENTRY(type) {.name = #type, .size = sizeof(struct type)}

static const struct xesvm_struct_size sizes[] = {
    ENTRY(xesvm_struct_size), ENTRY(xesvm_vma),        ENTRY(xesvm_pump_info),
    ENTRY(xesvm_isolation),   ENTRY(xesvm_pump_event), ENTRY(xesvm_pump_counters),
};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

int32_t xesvm_abi_version(void)
{
    return XESVM_ABI_VERSION;
}

int32_t xesvm_struct_sizes(struct xesvm_struct_size *entries, uint32_t capacity)
{
    if (!entries && capacity > 0)
        return -EINVAL;
    for (uint32_t i = 0; i < capacity && i < SIZES; i++)
        entries[i] = sizes[i];
    return (int32_t)SIZES;
}
