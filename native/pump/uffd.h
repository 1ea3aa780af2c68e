/* SPDX-License-Identifier: MIT
 *
 * userfaultfd: opening one, and its ioctls on ranges. Constants newer than the system's header come from the kernel's
 * include/uapi/linux/userfaultfd.h.
 */
#ifndef XESVM_PUMP_UFFD_H
#define XESVM_PUMP_UFFD_H

#include <linux/ioctl.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON (1u << 14)
#define _UFFDIO_POISON 0x08
struct uffdio_poison {
    struct uffdio_range range;
    __u64 mode;
    __s64 updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#endif

#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE (1u << 16)
#define _UFFDIO_MOVE 0x05
struct uffdio_move {
    __u64 dst;
    __u64 src;
    __u64 len;
    __u64 mode;
    __s64 move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, _UFFDIO_MOVE, struct uffdio_move)
#endif

/* A userfaultfd with the features on, non-blocking. *user_mode_only: in, whether to ask for no more; out, what was given.
 * -EPERM, -ENOSYS, -EOPNOTSUPP (the kernel lacks a feature), -ENOMEM, -EMFILE. */
int32_t uffd_open(uint64_t features, bool *user_mode_only);
/* All features of the kernel. */
int32_t uffd_kernel_features(bool user_mode_only, uint64_t *features);

/* uffd_move wants every page of the source to have content: -ENOENT at a hole.
 * These return 0 or -errno and add the bytes done to *done also when they fail midway. */
int32_t uffd_move(int32_t fd, uint64_t to, uint64_t from, uint64_t length, uint64_t *done);
/* wake: whether threads that wait for the range go on at once, or at a later uffd_wake. */
int32_t uffd_copy(int32_t fd, uint64_t to, uint64_t from, uint64_t length, bool wake, uint64_t *done);
int32_t uffd_zero(int32_t fd, uint64_t address, uint64_t length, uint64_t *done);
/* Copy and zero for pages that client_fd watches, by way of another userfaultfd, which does not know that mappings change: the kernel
 * asks only that the destination be registered with some userfaultfd. */
int32_t uffd_copy_regardless(int32_t fd, int32_t client_fd, uint64_t to, uint64_t from, uint64_t length, uint64_t *done);
int32_t uffd_zero_regardless(int32_t fd, int32_t client_fd, uint64_t address, uint64_t length, uint64_t *done);
int32_t uffd_poison(int32_t fd, uint64_t address, uint64_t length);
int32_t uffd_register(int32_t fd, uint64_t address, uint64_t length);
int32_t uffd_unregister(int32_t fd, uint64_t address, uint64_t length);
int32_t uffd_wake(int32_t fd, uint64_t address, uint64_t length);
/* True while a message of this userfaultfd about unmapped, dropped or moved memory is unread, or its sender has not gone on yet. */
bool uffd_mappings_change(int32_t fd);

#endif
