/* SPDX-License-Identifier: MIT
 *
 * The lookup of mappings for callers. /proc/self/maps is opened once. An open file keeps speaking of the process that opened it, so a
 * forked child needs its own: the number of the file lies in a page that the kernel clears in a child (MADV_WIPEONFORK).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "system.h"
#include "vma.h"

struct maps_file {
    _Atomic int32_t fd_plus_1; /* 0: not opened by this process */
    _Atomic uint64_t device;   /* of the file: a program may close what it did not open, and the number be another file's */
    _Atomic uint64_t inode;
};

static _Atomic(struct maps_file *) shared_file;

static struct maps_file *new_page(void)
{
    int64_t page = system_mmap(XESVM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    struct maps_file *expected = NULL;

    if (page < 0)
        return NULL;
    if (system_madvise((uint64_t)page, XESVM_PAGE_SIZE, MADV_WIPEONFORK) == 0 &&
        atomic_compare_exchange_strong(&shared_file, &expected, (struct maps_file *)(uintptr_t)page))
        return (struct maps_file *)(uintptr_t)page;
    system_munmap((uint64_t)page, XESVM_PAGE_SIZE);
    return expected;
}

static bool identify(int32_t fd, uint64_t *device, uint64_t *inode)
{
    struct stat status;

    if (system_call(SYS_fstat, (uint64_t)(int64_t)fd, (uint64_t)(uintptr_t)&status, 0, 0, 0, 0) != 0)
        return false;
    *device = status.st_dev;
    *inode = status.st_ino;
    return true;
}

static bool is_still_ours(struct maps_file *file, int32_t fd)
{
    uint64_t device;
    uint64_t inode;

    return identify(fd, &device, &inode) && device == atomic_load(&file->device) && inode == atomic_load(&file->inode);
}

static int32_t open_maps(void)
{
    return system_open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
}

/* Keeps the file for the next time when nobody else has done so meanwhile; else the caller closes it. */
static bool keep(struct maps_file *file, int32_t seen, int32_t fd)
{
    uint64_t device;
    uint64_t inode;

    if (!identify(fd, &device, &inode) || !atomic_compare_exchange_strong(&file->fd_plus_1, &seen, fd + 1))
        return false;
    atomic_store(&file->device, device);
    atomic_store(&file->inode, inode);
    return true;
}

/* A file to ask; *to_close: it is the caller's to close. Or -errno. */
static int32_t maps_file(bool *to_close)
{
    struct maps_file *file = atomic_load(&shared_file);
    int32_t seen;
    int32_t fd;

    *to_close = false;
    if (!file)
        file = new_page();
    seen = file ? atomic_load(&file->fd_plus_1) : 0;
    if (seen > 0 && is_still_ours(file, seen - 1))
        return seen - 1;
    fd = open_maps();
    *to_close = fd >= 0 && !(file && keep(file, seen, fd));
    return fd;
}

int32_t xesvm_client_find_vma(uint64_t address, struct xesvm_vma *vma)
{
    struct xesvm_vma found;
    bool to_close;
    int32_t fd;
    int32_t result;

    if (!vma)
        return -EINVAL;
    fd = maps_file(&to_close);
    if (fd < 0)
        return fd;
    result = vma_describe(fd, address, &found);
    if (to_close)
        system_close(fd);
    if (result == 0)
        *vma = found;
    return result;
}

int32_t xesvm_process_find_vma(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma)
{
    return vma ? vma_describe(maps_fd, address, vma) : -EINVAL;
}
