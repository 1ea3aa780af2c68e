/* SPDX-License-Identifier: MIT
 *
 * Calls whose answers another process must get as the kernel gives them: calls full | lend. "full" submits jobs behind one that does not
 * end until it is told that there is no room; "lend" has a forked child bind memory of its own into the parent's VM.
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

#define BYTES 4096u
#define ABOVE_MIRROR (1ull << 47)
#define OP_MAP_USERPTR 2
#define COHERENT_PAT 2

static int fd;
static uint32_t vm, queue;

static void check(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void open_machine(void)
{
    struct drm_xe_vm_create create = {.flags = DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE};
    struct drm_xe_engine_class_instance engine = {.engine_class = DRM_XE_ENGINE_CLASS_COPY};
    struct drm_xe_exec_queue_create on_engine = {.width = 1, .num_placements = 1, .instances = (uint64_t)(uintptr_t)&engine};
    struct drm_xe_vm_bind bind = {.num_binds = 1, .bind = {.range = ABOVE_MIRROR, .flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR}};

    fd = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
    check(fd >= 0, "open");
    check(ioctl(fd, DRM_IOCTL_XE_VM_CREATE, &create) == 0, "VM_CREATE");
    bind.vm_id = on_engine.vm_id = vm = create.vm_id;
    check(ioctl(fd, DRM_IOCTL_XE_VM_BIND, &bind) == 0, "VM_BIND");
    check(ioctl(fd, DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &on_engine) == 0, "EXEC_QUEUE_CREATE");
    queue = on_engine.exec_queue_id;
}

static uint32_t *page(void)
{
    void *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    check(memory != MAP_FAILED, "mmap");
    return memory;
}

static int exec(const uint32_t *batch)
{
    struct drm_xe_exec exec = {.exec_queue_id = queue, .num_batch_buffer = 1, .address = (uint64_t)(uintptr_t)batch};

    return ioctl(fd, DRM_IOCTL_XE_EXEC, &exec);
}

/* 0, or the errno of a wait on the queue for a word of this process's memory. */
static int wait_for(const uint32_t *word, uint64_t value)
{
    struct drm_xe_wait_user_fence wait = {.addr = (uint64_t)(uintptr_t)word, .op = DRM_XE_UFENCE_WAIT_OP_EQ, .value = value,
                                          .mask = 0xffffffffull, .timeout = 60000000000, .exec_queue_id = queue};

    return ioctl(fd, DRM_IOCTL_XE_WAIT_USER_FENCE, &wait) == 0 ? 0 : errno;
}

static void full(void)
{
    uint32_t *spin = page(), *end = spin + 64;
    uint64_t self = (uint64_t)(uintptr_t)spin;
    int jobs = 0;

    spin[0] = 0x18800101; /* MI_BATCH_BUFFER_START of itself */
    spin[1] = (uint32_t)self;
    spin[2] = (uint32_t)(self >> 32);
    end[0] = 0x05000000;
    check(exec(spin) == 0, "EXEC");
    for (jobs = 1; exec(end) == 0; jobs++)
        ;
    printf("%d %d\n", jobs, errno);
    __atomic_store_n(spin, 0x05000000, __ATOMIC_SEQ_CST);
    while (exec(end) != 0)
        check(errno == EAGAIN, "EXEC");
    puts("again");
}

static void lend(void)
{
    uint32_t *batch = page();
    uint64_t target = ABOVE_MIRROR + 64;
    pid_t child;
    int status;

    batch[0] = 0x10000002; /* MI_STORE_DATA_IMM */
    batch[1] = (uint32_t)target;
    batch[2] = (uint32_t)(target >> 32);
    batch[3] = 42;
    batch[4] = 0x05000000;
    child = fork();
    if (child == 0) {
        uint32_t *own = page(); /* the parent has nothing there */
        struct drm_xe_vm_bind bind = {.vm_id = vm, .num_binds = 1, .bind = {
            .op = OP_MAP_USERPTR, .obj_offset = (uint64_t)(uintptr_t)own, .addr = ABOVE_MIRROR, .range = BYTES, .pat_index = COHERENT_PAT}};

        check(ioctl(fd, DRM_IOCTL_XE_VM_BIND, &bind) == 0, "MAP_USERPTR");
        check(exec(batch) == 0, "EXEC");
        check(wait_for(own + 16, 42) == 0, "WAIT_USER_FENCE");
        _exit(0);
    }
    check(waitpid(child, &status, 0) == child, "waitpid");
    printf("%d\n", status);
    batch[3] = 43;
    check(exec(batch) == 0, "EXEC");
    printf("%d\n", wait_for(batch + 16, 43)); /* the memory has gone with its process */
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    open_machine();
    if (strcmp(argv[1], "full") == 0)
        full();
    else
        lend();
    return 0;
}
