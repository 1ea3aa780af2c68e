/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/ioctl.h>
#include <stddef.h>

#include "system.h"
#include "vma.h"

/* From the kernel's include/uapi/linux/fs.h, newer than the system's header. */
struct procmap_query {
    uint64_t size;
    uint64_t query_flags;
    uint64_t query_addr;
    uint64_t vma_start;
    uint64_t vma_end;
    uint64_t vma_flags;
    uint64_t vma_page_size;
    uint64_t vma_offset;
    uint64_t inode;
    uint32_t dev_major;
    uint32_t dev_minor;
    uint32_t vma_name_size;
    uint32_t build_id_size;
    uint64_t vma_name_addr;
    uint64_t build_id_addr;
};

#define PROCMAP_QUERY _IOWR('f', 17, struct procmap_query)
#define PROCMAP_QUERY_COVERING_OR_NEXT_VMA 0x10u
/* PROCMAP_QUERY_VMA_READABLE, _WRITABLE, _EXECUTABLE and _SHARED have the values of XESVM_VMA_READ and so on. */
#define PROCMAP_QUERY_VMA_FLAGS (XESVM_VMA_READ | XESVM_VMA_WRITE | XESVM_VMA_EXEC | XESVM_VMA_SHARED)

_Static_assert(sizeof(struct procmap_query) == 104, "struct procmap_query of linux/fs.h");
_Static_assert(offsetof(struct procmap_query, inode) == 64, "struct procmap_query of linux/fs.h");
_Static_assert(offsetof(struct procmap_query, build_id_addr) == 96, "struct procmap_query of linux/fs.h");

/* The name is an extra: a path that is too long gives -ENAMETOOLONG, and says enough, as no name that matters is long. */
static int32_t ask(int32_t maps_fd, struct procmap_query *query, struct vma_name *name)
{
    int32_t result;

    query->vma_name_addr = (uint64_t)(uintptr_t)(name ? name->text : NULL);
    query->vma_name_size = name ? VMA_NAME_BYTES : 0;
    result = system_ioctl(maps_fd, PROCMAP_QUERY, query);
    if (!name || result != -ENAMETOOLONG)
        return result;
    name->text[0] = 0;
    return ask(maps_fd, query, NULL);
}

int32_t vma_find_by_query(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma, struct vma_name *name)
{
    struct procmap_query query = {
        .size = sizeof(query),
        .query_flags = PROCMAP_QUERY_COVERING_OR_NEXT_VMA,
        .query_addr = address,
    };
    int32_t result = ask(maps_fd, &query, name);

    if (result < 0)
        return result;
    if (name && query.vma_name_size == 0)
        name->text[0] = 0;
    *vma = (struct xesvm_vma){
        .start = query.vma_start,
        .end = query.vma_end,
        .flags = (uint32_t)query.vma_flags & PROCMAP_QUERY_VMA_FLAGS,
    };
    if (query.inode == 0 && query.dev_major == 0 && query.dev_minor == 0)
        vma->flags |= XESVM_VMA_ANONYMOUS;
    if (query.vma_page_size > XESVM_PAGE_SIZE)
        vma->flags |= XESVM_VMA_HUGETLB;
    return 0;
}

int32_t vma_find(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma)
{
    int32_t result = vma_find_by_query(maps_fd, address, vma, NULL);

    return result == -ENOTTY ? vma_find_by_text(maps_fd, address, vma, NULL) : result;
}

/* Special mappings are not writable, and devices are files: anything else needs no name. */
static bool is_plain(const struct xesvm_vma *vma)
{
    return (vma->flags & XESVM_VMA_ANONYMOUS) && (vma->flags & XESVM_VMA_WRITE);
}

int32_t vma_describe(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma)
{
    struct vma_name name;
    int32_t result = vma_find_by_query(maps_fd, address, vma, NULL);

    if (result == 0 && is_plain(vma))
        return 0;
    result = result == 0 ? vma_find_by_query(maps_fd, address, vma, &name) : result;
    if (result == -ENOTTY)
        result = vma_find_by_text(maps_fd, address, vma, &name);
    if (result == 0)
        vma_classify(vma, &name);
    return result;
}
