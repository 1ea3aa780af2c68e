/* SPDX-License-Identifier: MIT
 *
 * A client for the tests of the device server: client work N | block | ask. "work" stores through the GPU into fresh memory, N times or for
 * ever (0); "block" waits for a fence that nobody signals; "ask" reports what an ioctl says after each line of its input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xe_drm_subset.h"

#define NODE "/dev/dri/renderD128"
#define BYTES (2u << 20)

static void call(int fd, unsigned long request, void *argument, const char *name)
{
    if (ioctl(fd, request, argument) != 0) {
        perror(name);
        exit(1);
    }
}

struct machine {
    int fd;
    uint32_t vm, queue;
};

static struct machine open_machine(void)
{
    struct machine machine = {.fd = open(NODE, O_RDWR | O_CLOEXEC)};
    struct drm_xe_vm_create vm = {.flags = DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE};
    struct drm_xe_engine_class_instance engine = {.engine_class = DRM_XE_ENGINE_CLASS_COPY};
    struct drm_xe_exec_queue_create queue = {.width = 1, .num_placements = 1, .instances = (uint64_t)(uintptr_t)&engine};

    if (machine.fd < 0) {
        perror("open");
        exit(1);
    }
    call(machine.fd, DRM_IOCTL_XE_VM_CREATE, &vm, "VM_CREATE");
    struct drm_xe_vm_bind bind = {
        .vm_id = vm.vm_id, .num_binds = 1, .bind = {.range = 1ull << 47, .flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR}};
    call(machine.fd, DRM_IOCTL_XE_VM_BIND, &bind, "VM_BIND");
    queue.vm_id = vm.vm_id;
    call(machine.fd, DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &queue, "EXEC_QUEUE_CREATE");
    machine.vm = vm.vm_id;
    machine.queue = queue.exec_queue_id;
    return machine;
}

static uint64_t *fresh_memory(void)
{
    uint8_t *memory =
        mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return (uint64_t *)(((uintptr_t)memory + BYTES - 1) & ~(uintptr_t)(BYTES - 1));
}

static void wait_for(struct machine *machine, uint64_t *fence, uint64_t value, int64_t timeout)
{
    struct drm_xe_wait_user_fence wait = {.addr = (uint64_t)(uintptr_t)fence, .op = DRM_XE_UFENCE_WAIT_OP_EQ,
                                          .value = value, .mask = ~0ull, .timeout = timeout, .exec_queue_id = machine->queue};

    call(machine->fd, DRM_IOCTL_XE_WAIT_USER_FENCE, &wait, "WAIT_USER_FENCE");
}

static void store(struct machine *machine, uint32_t value)
{
    uint64_t *memory = fresh_memory();
    uint32_t *batch = (uint32_t *)memory;
    uint64_t target = (uint64_t)(uintptr_t)&memory[1024];
    struct drm_xe_sync fence = {.type = DRM_XE_SYNC_TYPE_USER_FENCE, .flags = DRM_XE_SYNC_FLAG_SIGNAL,
                                .addr = (uint64_t)(uintptr_t)&memory[2048], .timeline_value = 1};
    struct drm_xe_exec exec = {.exec_queue_id = machine->queue, .num_batch_buffer = 1, .num_syncs = 1,
                               .address = (uint64_t)(uintptr_t)batch, .syncs = (uint64_t)(uintptr_t)&fence};

    batch[0] = 0x10000002;
    batch[1] = (uint32_t)target;
    batch[2] = (uint32_t)(target >> 32);
    batch[3] = value;
    batch[4] = 0x05000000;
    call(machine->fd, DRM_IOCTL_XE_EXEC, &exec, "EXEC");
    wait_for(machine, &memory[2048], 1, 60000000000);
    if (memory[1024] != value) {
        fprintf(stderr, "%llu is not %u\n", (unsigned long long)memory[1024], value);
        exit(1);
    }
    if (value % 2)
        munmap(memory, BYTES);
}

static void work(uint32_t count)
{
    struct machine machine = open_machine();

    for (uint32_t i = 1; count == 0 || i <= count; i++) {
        store(&machine, i);
        if (i == 1) {
            puts("working");
            fflush(stdout);
        }
        if (i % 16 == 0) {
            close(machine.fd);
            machine = open_machine();
        }
        if (i % 32 == 8) {
            pid_t child = fork();

            if (child == 0) { /* it has its own memory, and nothing of its parent's channels */
                struct machine own = open_machine();

                store(&own, 77);
                _exit(0);
            }
            int status;
            if (waitpid(child, &status, 0) != child || status != 0)
                exit(1);
        }
    }
    puts("done");
}

static void ask(void)
{
    char line[16];
    int fd = open(NODE, O_RDWR | O_CLOEXEC);
    struct drm_version version = {0};

    printf("%d\n", fd < 0 ? errno : 0);
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        printf("%d\n", ioctl(fd, DRM_IOCTL_VERSION, &version) < 0 ? errno : 0);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "work") == 0) {
        work((uint32_t)atoi(argv[2]));
    } else if (argc == 2 && strcmp(argv[1], "ask") == 0) {
        ask();
    } else if (argc == 2 && strcmp(argv[1], "block") == 0) {
        struct machine machine = open_machine();

        store(&machine, 1);
        puts("working");
        fflush(stdout);
        wait_for(&machine, fresh_memory(), 1, -1);
    } else {
        return 2;
    }
    return 0;
}
