/* SPDX-License-Identifier: MIT
 *
 * Lookup of mappings in an open /proc/self/maps: by PROCMAP_QUERY (Linux 6.11), else by reading the text.
 */
#ifndef XESVM_CLIENT_VMA_H
#define XESVM_CLIENT_VMA_H

#include <stdbool.h>
#include <stdint.h>

#include "xesvm_native.h"

#define VMA_NAME_BYTES 64u

/* The beginning of a mapping's name, as the maps file has it; ends with 0. */
struct vma_name {
    char text[VMA_NAME_BYTES];
};

/* The mapping that contains address, else the first one above it. 0, -ENOENT, or -errno of the lookup. name: where the name goes, or NULL
 * when it is not wanted, which is quicker. Without it special mappings, which are never writable, count as anonymous. */
int32_t vma_find(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma);
/* The same with all flags. */
int32_t vma_describe(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma);
/* The two ways of doing it; -ENOTTY from the first when the kernel does not know the query. */
int32_t vma_find_by_query(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma, struct vma_name *name);
int32_t vma_find_by_text(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma, struct vma_name *name);
/* Sets the flags that follow from the name. */
void vma_classify(struct xesvm_vma *vma, const struct vma_name *name);

#endif
