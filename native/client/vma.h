/* SPDX-License-Identifier: MIT
 *
 * Lookup of mappings in an open /proc/self/maps: by PROCMAP_QUERY (Linux 6.11), else by reading the text.
 */
#ifndef XESVM_CLIENT_VMA_H
#define XESVM_CLIENT_VMA_H

#include <stdint.h>

#include "xesvm_native.h"

/* The mapping that contains address, else the first one above it. 0, -ENOENT, or -errno of the lookup. */
int32_t vma_find(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma);
/* The two ways of doing it; -ENOTTY from the first when the kernel does not know the query. */
int32_t vma_find_by_query(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma);
int32_t vma_find_by_text(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma);

#endif
