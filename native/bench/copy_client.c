/* SPDX-License-Identifier: MIT
 *
 * A program whose memory a GPU copies: copy_client PATH BYTES. It says "SOURCE DESTINATION" (addresses in hexadecimal). For every count on a
 * line of its input it has the GPU copy source to destination so many times, by one batch of MEM_COPY commands each, and then prints
 * how many bytes of the destination differ. Driven by tests/XeSvm.Benchmarks.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#if __has_include(<drm/xe_drm.h>)
#include <drm/xe_drm.h>
#else
#include "xe_drm_subset.h"
#endif

#define MEM_COPY_PAGES 0x56880008u /* lengths in units of 256 bytes */
#define UNIT 256u
#define MOST_BYTES (64u << 20) /* of one command */
#define BATCH_BUFFER_END 0x05000000u
#define WAIT_NS 60000000000

struct copy {
    uint32_t batch[1024];
    uint64_t fence;
};

static void call(int fd, unsigned long request, void *argument, const char *name)
{
    if (ioctl(fd, request, argument) != 0) {
        perror(name);
        exit(1);
    }
}

static void *memory_of(uint64_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

static void write_batch(uint32_t *batch, uint64_t source, uint64_t destination, uint64_t bytes)
{
    while (bytes) {
        uint64_t part = bytes < MOST_BYTES ? bytes : MOST_BYTES;

        *batch++ = MEM_COPY_PAGES;
        *batch++ = (uint32_t)(part / UNIT) - 1;
        *batch++ = 0; /* one row, so no pitches */
        *batch++ = 0;
        *batch++ = 0;
        *batch++ = (uint32_t)source;
        *batch++ = (uint32_t)(source >> 32);
        *batch++ = (uint32_t)destination;
        *batch++ = (uint32_t)(destination >> 32);
        *batch++ = 0;
        source += part;
        destination += part;
        bytes -= part;
    }
    *batch = BATCH_BUFFER_END;
}

static uint32_t create_queue(int fd)
{
    struct drm_xe_vm_create vm = {.flags = DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE};
    struct drm_xe_vm_bind mirror = {.num_binds = 1, .bind = {.range = 1ull << 47, .flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR}};
    struct drm_xe_engine_class_instance engine = {.engine_class = DRM_XE_ENGINE_CLASS_COPY};
    struct drm_xe_exec_queue_create queue = {.width = 1, .num_placements = 1, .instances = (uint64_t)(uintptr_t)&engine};

    call(fd, DRM_IOCTL_XE_VM_CREATE, &vm, "VM_CREATE");
    mirror.vm_id = queue.vm_id = vm.vm_id;
    call(fd, DRM_IOCTL_XE_VM_BIND, &mirror, "VM_BIND");
    call(fd, DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &queue, "EXEC_QUEUE_CREATE");
    return queue.exec_queue_id;
}

static void run(int fd, uint32_t queue, struct copy *copy)
{
    struct drm_xe_sync fence = {.type = DRM_XE_SYNC_TYPE_USER_FENCE, .flags = DRM_XE_SYNC_FLAG_SIGNAL,
                                .addr = (uint64_t)(uintptr_t)&copy->fence, .timeline_value = 1};
    struct drm_xe_exec exec = {.exec_queue_id = queue, .num_batch_buffer = 1, .address = (uint64_t)(uintptr_t)copy->batch,
                               .num_syncs = 1, .syncs = (uint64_t)(uintptr_t)&fence};
    struct drm_xe_wait_user_fence wait = {.addr = fence.addr, .op = DRM_XE_UFENCE_WAIT_OP_EQ, .value = 1, .mask = ~0ull,
                                          .timeout = WAIT_NS, .exec_queue_id = queue};

    copy->fence = 0;
    call(fd, DRM_IOCTL_XE_EXEC, &exec, "EXEC");
    call(fd, DRM_IOCTL_XE_WAIT_USER_FENCE, &wait, "WAIT_USER_FENCE");
}

int main(int argc, char **argv)
{
    uint64_t bytes = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    struct copy *copy;
    uint8_t *source;
    uint8_t *destination;
    uint32_t queue;
    int64_t count;
    int fd;

    if (bytes == 0 || bytes % UNIT || bytes > 100ull * MOST_BYTES) {
        fprintf(stderr, "usage: copy_client PATH BYTES, a multiple of 256\n");
        return 2;
    }
    fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    copy = memory_of(sizeof(*copy));
    source = memory_of(bytes);
    destination = memory_of(bytes);
    for (uint64_t i = 0; i < bytes; i++)
        source[i] = (uint8_t)(i * 31 + (i >> 12));
    memset(destination, 0, bytes);
    queue = create_queue(fd);
    write_batch(copy->batch, (uint64_t)(uintptr_t)source, (uint64_t)(uintptr_t)destination, bytes);
    printf("%" PRIxPTR " %" PRIxPTR "\n", (uintptr_t)source, (uintptr_t)destination);
    fflush(stdout);
    while (scanf("%" SCNd64, &count) == 1) {
        uint64_t different = 0;

        for (int64_t i = 0; i < count; i++)
            run(fd, queue, copy);
        if (memcmp(source, destination, bytes) != 0) {
            for (uint64_t i = 0; i < bytes; i++)
                different += source[i] != destination[i];
        }
        printf("%" PRIu64 "\n", different);
        fflush(stdout);
    }
    return 0;
}
