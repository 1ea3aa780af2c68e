/* SPDX-License-Identifier: MIT
 *
 * Shared virtual memory in C, against nothing but the kernel's uAPI: a GPU store into ordinary memory. Without a card:
 *   cc -o hello_xe hello_xe.c && xesvm run -- ./hello_xe
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#if __has_include(<drm/xe_drm.h>)
#include <drm/xe_drm.h>
#else
#include "xe_drm_subset.h"
#endif

static void call(int fd, unsigned long request, void *argument, const char *name)
{
    if (ioctl(fd, request, argument) != 0) {
        perror(name);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    int fd = open(argc > 1 ? argv[1] : "/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
    uint64_t *memory = aligned_alloc(2 << 20, 2 << 20); /* batch, result and fence: ordinary memory */
    uint32_t *batch = (uint32_t *)memory;
    uint64_t result = (uint64_t)(uintptr_t)&memory[1024];

    if (fd < 0) {
        perror("open");
        return 1;
    }
    struct drm_xe_vm_create vm = {.flags = DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE};
    call(fd, DRM_IOCTL_XE_VM_CREATE, &vm, "VM_CREATE");
    struct drm_xe_vm_bind bind = {.vm_id = vm.vm_id, .num_binds = 1, /* every CPU address is a GPU address */
                                  .bind = {.range = 1ull << 47, .flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR}};
    call(fd, DRM_IOCTL_XE_VM_BIND, &bind, "VM_BIND");
    struct drm_xe_engine_class_instance engine = {.engine_class = DRM_XE_ENGINE_CLASS_COPY};
    struct drm_xe_exec_queue_create queue = {
        .width = 1, .num_placements = 1, .vm_id = vm.vm_id, .instances = (uint64_t)(uintptr_t)&engine};
    call(fd, DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &queue, "EXEC_QUEUE_CREATE");

    batch[0] = 0x10000002; /* MI_STORE_DATA_IMM */
    batch[1] = (uint32_t)result;
    batch[2] = (uint32_t)(result >> 32);
    batch[3] = 42;
    batch[4] = 0x05000000; /* MI_BATCH_BUFFER_END */
    memory[1024] = memory[2048] = 0;
    struct drm_xe_sync fence = {.type = DRM_XE_SYNC_TYPE_USER_FENCE, .flags = DRM_XE_SYNC_FLAG_SIGNAL,
                                .addr = (uint64_t)(uintptr_t)&memory[2048], .timeline_value = 1};
    struct drm_xe_exec exec = {.exec_queue_id = queue.exec_queue_id, .num_batch_buffer = 1,
                               .address = (uint64_t)(uintptr_t)batch, .num_syncs = 1, .syncs = (uint64_t)(uintptr_t)&fence};
    call(fd, DRM_IOCTL_XE_EXEC, &exec, "EXEC");
    struct drm_xe_wait_user_fence wait = {.addr = fence.addr, .op = DRM_XE_UFENCE_WAIT_OP_EQ, .value = 1, .mask = ~0ull,
                                          .timeout = 10000000000, .exec_queue_id = queue.exec_queue_id};
    call(fd, DRM_IOCTL_XE_WAIT_USER_FENCE, &wait, "WAIT_USER_FENCE");
    printf("the GPU wrote %llu\n", (unsigned long long)memory[1024]);
    return memory[1024] == 42 ? 0 : 1;
}
