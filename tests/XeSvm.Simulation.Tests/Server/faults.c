/* SPDX-License-Identifier: MIT
 *
 * A client for the tests of CPU faults over the device server: faults touch | change | fork | stay | join. "touch" says how
 * many pages of a block are away after the GPU has written to it, and checks that a touch brings their content home; "change" does the same by way of what changes mappings;
 * "fork" looks at it from a child; "stay" waits for a line of input between, in which the server may have ended;
 * "join" has a second device take a block of which the first one has a part.
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
#define SECOND_NODE "/dev/dri/renderD129"
#define COUNTERS "/sys/kernel/debug/dri/0/backend"
#define PART (64ul << 10)
#define BYTES (2ul << 20)
#define PAGE 4096ul
#define PAGES (BYTES / PAGE)
#define WORDS (BYTES / 8)
#define GPU_WORD 3000u /* where the GPU writes */
#define GPU_VALUE 0x600dcafeu

static int fd;
static uint32_t vm_id, queue_id;
static uint64_t *work; /* a block for batches and fences */
static uint64_t fence_value;

static void check(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static uint64_t *fresh_block(void)
{
    uint8_t *memory = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    check(memory != MAP_FAILED, "mmap");
    return (uint64_t *)(((uintptr_t)memory + BYTES - 1) & ~(uintptr_t)(BYTES - 1));
}

static void open_device(const char *node)
{
    struct drm_xe_vm_create vm = {.flags = DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE};
    struct drm_xe_engine_class_instance engine = {.engine_class = DRM_XE_ENGINE_CLASS_COPY};
    struct drm_xe_exec_queue_create queue = {.width = 1, .num_placements = 1, .instances = (uint64_t)(uintptr_t)&engine};
    struct drm_xe_vm_bind bind = {
        .num_binds = 1, .bind = {.range = 1ull << 47, .flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR}};

    fd = open(node, O_RDWR | O_CLOEXEC);
    check(fd >= 0, "open");
    check(ioctl(fd, DRM_IOCTL_XE_VM_CREATE, &vm) == 0, "VM_CREATE");
    vm_id = bind.vm_id = queue.vm_id = vm.vm_id;
    check(ioctl(fd, DRM_IOCTL_XE_VM_BIND, &bind) == 0, "VM_BIND");
    check(ioctl(fd, DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &queue) == 0, "EXEC_QUEUE_CREATE");
    queue_id = queue.exec_queue_id;
    work = fresh_block();
}

/* The GPU writes one word, which has to be in VRAM for it. */
static void store(uint64_t *target, uint32_t value)
{
    uint32_t *batch = (uint32_t *)work;
    uint64_t *fence = work + 1024;
    uint64_t address = (uint64_t)(uintptr_t)target;
    struct drm_xe_sync sync = {.type = DRM_XE_SYNC_TYPE_USER_FENCE, .flags = DRM_XE_SYNC_FLAG_SIGNAL,
                               .addr = (uint64_t)(uintptr_t)fence, .timeline_value = ++fence_value};
    struct drm_xe_exec exec = {.exec_queue_id = queue_id, .num_batch_buffer = 1, .num_syncs = 1,
                               .address = (uint64_t)(uintptr_t)batch, .syncs = (uint64_t)(uintptr_t)&sync};
    struct drm_xe_wait_user_fence wait = {.addr = (uint64_t)(uintptr_t)fence, .op = DRM_XE_UFENCE_WAIT_OP_EQ,
                                          .value = fence_value, .mask = ~0ull, .timeout = 60000000000,
                                          .exec_queue_id = queue_id};

    batch[0] = 0x10000002; /* MI_STORE_DATA_IMM */
    batch[1] = (uint32_t)address;
    batch[2] = (uint32_t)(address >> 32);
    batch[3] = value;
    batch[4] = 0x05000000; /* MI_BATCH_BUFFER_END */
    check(ioctl(fd, DRM_IOCTL_XE_EXEC, &exec) == 0, "EXEC");
    check(ioctl(fd, DRM_IOCTL_XE_WAIT_USER_FENCE, &wait) == 0, "WAIT_USER_FENCE");
}

static uint64_t pattern(uint64_t seed, uint64_t word)
{
    return (seed << 32 | word) * 0x9e3779b97f4a7c15ull;
}

/* A block of content that the GPU has written to. */
static uint64_t *migrate(uint64_t seed)
{
    uint64_t *block = fresh_block();

    for (uint64_t word = 0; word < WORDS; word++)
        block[word] = pattern(seed, word);
    block[GPU_WORD] = 0;
    store(&block[GPU_WORD], GPU_VALUE);
    return block;
}

static unsigned away(const void *block)
{
    unsigned char resident[PAGES];
    unsigned count = 0;

    check(mincore((void *)(uintptr_t)block, BYTES, resident) == 0, "mincore");
    for (unsigned page = 0; page < PAGES; page++)
        count += !(resident[page] & 1);
    return count;
}

static void verify(const uint64_t *block, uint64_t seed, uint64_t first, uint64_t end, const char *what)
{
    for (uint64_t word = first; word < end; word++) {
        uint64_t expected = word == GPU_WORD ? GPU_VALUE : pattern(seed, word);

        if (block[word] != expected) {
            fprintf(stderr, "%s: word %llu is %llx, not %llx\n", what, (unsigned long long)word,
                    (unsigned long long)block[word], (unsigned long long)expected);
            exit(1);
        }
    }
}

static void touch(void)
{
    uint64_t *block = migrate(1);

    printf("%u pages away\n", away(block));
    verify(block, 1, GPU_WORD, GPU_WORD + 1, "the word of the GPU");
    verify(block, 1, 0, WORDS, "touched");
    printf("%u pages away\n", away(block));
}

static void change(void)
{
    uint64_t *block = migrate(2);
    uint64_t *target = fresh_block();
    char byte;

    check(munmap((uint8_t *)block + BYTES / 2, BYTES / 2) == 0, "munmap");
    verify(block, 2, 0, WORDS / 2, "beside what was unmapped");

    block = migrate(3);
    check(mremap(block, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target, "mremap");
    verify(target, 3, 0, WORDS, "moved");
    store(&target[GPU_WORD], GPU_VALUE + 1);
    check(target[GPU_WORD] == GPU_VALUE + 1, "the GPU writes to what was moved");

    block = migrate(4);
    check(madvise(block, PAGE, MADV_DONTNEED) == 0, "madvise");
    check(block[0] == 0, "dropped");
    verify(block, 4, PAGE / 8, WORDS, "beside what was dropped");

    block = migrate(5);
    target = migrate(6);
    check(mmap(block, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == block, "mmap");
    check(block[1] == 0, "mapped over");
    verify(block, 5, PAGE / 8, WORDS, "beside what was mapped over");

    /* A system call is as good as a touch. */
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    check(zero >= 0 && read(zero, (uint8_t *)target + 5 * PAGE, PAGE) == (ssize_t)PAGE, "read");
    byte = ((char *)target)[5 * PAGE + 7];
    check(byte == 0, "the bytes that were read");
    verify(target, 6, 0, 5 * PAGE / 8, "before what was read");
    verify(target, 6, 6 * PAGE / 8, WORDS, "after what was read");
    puts("changed");
}

/* Pages that parent and child share do not migrate before one of them has written to them. */
static void make_own(uint64_t *block)
{
    for (uint64_t page = 0; page < PAGES; page++)
        ((volatile uint64_t *)block)[page * PAGE / 8] = block[page * PAGE / 8];
}

static void fork_it(void)
{
    uint64_t *block = migrate(7);
    pid_t child = fork();
    int status;

    if (child == 0) {
        verify(block, 7, 0, WORDS, "seen by the child");
        open_device(NODE); /* with a pump of its own */
        make_own(block);
        store(&block[GPU_WORD], 1);
        printf("%u pages away from the child\n", away(block));
        check(block[GPU_WORD] == 1, "the child's word");
        exit(0);
    }
    check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "the child");
    verify(block, 7, 0, WORDS, "seen by the parent");
    make_own(block);
    make_own(work);
    store(&block[GPU_WORD], GPU_VALUE);
    printf("%u pages away\n", away(block));
    verify(block, 7, 0, WORDS, "migrated again");
}

static void stay(void)
{
    enum { COUNT = 6 };
    uint64_t *blocks[COUNT];
    char line[16];

    for (unsigned i = 0; i < COUNT; i++)
        blocks[i] = migrate(10 + i);
    printf("%u pages away\n", away(blocks[COUNT - 1]));
    fflush(stdout);
    check(fgets(line, sizeof(line), stdin) != NULL, "stdin");
    for (unsigned i = 0; i < COUNT; i++)
        verify(blocks[i], 10 + i, 0, WORDS, "after the server");
    puts("home");
}

/* How many pages the pump has brought home so far. */
static unsigned long pages_home(void)
{
    FILE *counters = fopen(COUNTERS, "re");
    unsigned long pages = 0;
    char line[256];
    int found = 0;

    check(counters != NULL, COUNTERS);
    while (fgets(line, sizeof(line), counters))
        found += sscanf(line, "pump.pages_home: %lu", &pages) == 1;
    fclose(counters);
    check(found == 1, "pump.pages_home");
    return pages;
}

/* The first device has a part of a block, as that was all that could be reached; the second one takes the block. */
static void join(void)
{
    uint64_t *block = fresh_block();
    uint64_t *rest = (uint64_t *)((uint8_t *)block + PART);
    unsigned long before;

    check(mprotect(rest, BYTES - PART, PROT_NONE) == 0, "mprotect");
    for (uint64_t word = 0; word < PART / 8; word++)
        block[word] = pattern(8, word);
    block[GPU_WORD] = 0;
    store(&block[GPU_WORD], GPU_VALUE);
    check(mprotect(rest, BYTES - PART, PROT_READ | PROT_WRITE) == 0, "mprotect");
    for (uint64_t word = PART / 8; word < WORDS; word++)
        block[word] = pattern(8, word);
    printf("%u pages away\n", away(block));

    open_device(SECOND_NODE);
    before = pages_home();
    store(&block[WORDS - 1], 1);
    /* Allocations come home as a whole: the block with the batches and fences, as often as the program reads a fence; the part would show. */
    printf("%u pages away, %lu of a part came home\n", away(block), (pages_home() - before) % PAGES);
    check(block[WORDS - 1] == (pattern(8, WORDS - 1) & ~0xffffffffull) + 1, "the word of the second GPU");
    verify(block, 8, 0, WORDS - 1, "after both GPUs");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } commands[] = {{"touch", touch}, {"change", change}, {"fork", fork_it}, {"stay", stay}, {"join", join}};

    for (unsigned i = 0; argc == 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            open_device(NODE);
            commands[i].run();
            return 0;
        }
    }
    return 2;
}
