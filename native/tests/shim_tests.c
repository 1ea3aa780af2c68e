/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"
#include "xesvm_native.h"

/* Errors that the next calls of ioctl(2) give instead of calling the kernel; the shim has no other way to it. */
static int scripted[4];
static int scripted_count;
static int calls;

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *argument;

    calls++;
    if (scripted_count > 0) {
        errno = scripted[--scripted_count];
        return -1;
    }
    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

static void abi_version_is_that_of_the_header(void)
{
    CHECK_EQ(xesvm_abi_version(), XESVM_ABI_VERSION);
}

static void struct_sizes_names_every_struct_of_the_header(void)
{
    static const struct {
        const char *name;
        size_t size;
    } expected[] = {
        {"xesvm_struct_size", sizeof(struct xesvm_struct_size)}, {"xesvm_vma", sizeof(struct xesvm_vma)},
        {"xesvm_pump_info", sizeof(struct xesvm_pump_info)},     {"xesvm_isolation", sizeof(struct xesvm_isolation)},
        {"xesvm_pump_event", sizeof(struct xesvm_pump_event)},   {"xesvm_pump_counters", sizeof(struct xesvm_pump_counters)},
    };
    struct xesvm_struct_size entries[16];
    uint32_t count = sizeof(expected) / sizeof(expected[0]);

    CHECK_EQ(xesvm_struct_sizes(NULL, 0), count);
    CHECK_EQ(xesvm_struct_sizes(entries, 16), count);
    for (uint32_t i = 0; i < count; i++) {
        bool found = false;

        for (uint32_t j = 0; j < count; j++)
            found = found || (strcmp(entries[j].name, expected[i].name) == 0 && entries[j].size == expected[i].size);
        CHECK(found);
    }
}

static void struct_sizes_fills_no_more_than_the_capacity(void)
{
    struct xesvm_struct_size entries[2];

    memset(entries, 0x5a, sizeof(entries));
    CHECK(xesvm_struct_sizes(entries, 1) > 1);
    CHECK(entries[0].size != 0x5a5a5a5a);
    CHECK_EQ(entries[1].size, 0x5a5a5a5a);
    CHECK_EQ(xesvm_struct_sizes(NULL, 1), -EINVAL);
}

static void ioctl_returns_the_result_or_minus_errno(void)
{
    int ends[2];
    int waiting = 0;

    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    CHECK_EQ(xesvm_ioctl(ends[0], FIONREAD, &waiting), 0);
    CHECK_EQ(waiting, 3);
    CHECK_EQ(xesvm_ioctl(-1, FIONREAD, &waiting), -EBADF);
    CHECK_EQ(xesvm_ioctl(ends[0], _IOWR('d', 0x40, char[40]), &waiting), -ENOTTY);
    close(ends[0]);
    close(ends[1]);
}

static void ioctl_is_restarted_after_EINTR_and_EAGAIN(void)
{
    int ends[2];
    int waiting = -1;

    CHECK_EQ(pipe(ends), 0);
    scripted[0] = EAGAIN;
    scripted[1] = EINTR;
    scripted[2] = EAGAIN;
    scripted_count = 3;
    calls = 0;
    CHECK_EQ(xesvm_ioctl(ends[0], FIONREAD, &waiting), 0);
    CHECK_EQ(calls, 4);
    CHECK_EQ(waiting, 0);
    close(ends[0]);
    close(ends[1]);
}

static void ioctl_is_not_restarted_after_other_errors(void)
{
    scripted[0] = EINVAL;
    scripted[1] = ENOMEM;
    scripted_count = 2;
    calls = 0;
    CHECK_EQ(xesvm_ioctl(0, FIONREAD, NULL), -ENOMEM);
    CHECK_EQ(calls, 1);
    scripted_count = 0;
}

static void mmap_maps_and_munmap_unmaps(void)
{
    uint64_t address = 0;
    unsigned char vector;

    CHECK_EQ(xesvm_mmap(0, 2 * XESVM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &address), 0);
    memset((void *)(uintptr_t)address, 1, 2 * XESVM_PAGE_SIZE);
    CHECK_EQ(xesvm_munmap(address, 2 * XESVM_PAGE_SIZE), 0);
    CHECK_EQ(mincore((void *)(uintptr_t)address, XESVM_PAGE_SIZE, &vector), -1);
    CHECK_EQ(errno, ENOMEM);
}

static void mmap_maps_a_file_at_an_offset(void)
{
    int fd = memfd_create("offset", MFD_CLOEXEC);
    uint64_t address = 0;

    CHECK(fd >= 0);
    CHECK_EQ(ftruncate(fd, 3 * XESVM_PAGE_SIZE), 0);
    CHECK_EQ(pwrite(fd, "x", 1, 2 * XESVM_PAGE_SIZE), 1);
    CHECK_EQ(xesvm_mmap(0, XESVM_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 2 * XESVM_PAGE_SIZE, &address), 0);
    CHECK_EQ(*(const char *)(uintptr_t)address, 'x');
    CHECK_EQ(xesvm_munmap(address, XESVM_PAGE_SIZE), 0);
    close(fd);
}

static void mmap_and_munmap_answer_minus_errno_and_change_nothing(void)
{
    uint64_t address = 0x1234;

    CHECK_EQ(xesvm_mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &address), -EINVAL);
    CHECK_EQ(xesvm_mmap(0, XESVM_PAGE_SIZE, PROT_READ, MAP_PRIVATE, -1, 0, &address), -EBADF);
    CHECK_EQ(address, 0x1234);
    CHECK_EQ(xesvm_mmap(0, XESVM_PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, NULL), -EINVAL);
    CHECK_EQ(xesvm_munmap(1, XESVM_PAGE_SIZE), -EINVAL);
}

static void clocks_run(void)
{
    int64_t monotonic = xesvm_clock_monotonic_ns();
    int64_t cpu = xesvm_clock_thread_cpu_ns();

    CHECK(monotonic > 0 && cpu > 0);
    while (xesvm_clock_thread_cpu_ns() - cpu < 1000000)
        continue;
    /* One thread cannot use more of the processor than time went by. */
    CHECK(xesvm_clock_monotonic_ns() - monotonic >= 1000000);
}

static const struct test tests[] = {
    {"abi_version_is_that_of_the_header", abi_version_is_that_of_the_header, TEST_ONCE},
    {"struct_sizes_names_every_struct_of_the_header", struct_sizes_names_every_struct_of_the_header, TEST_ONCE},
    {"struct_sizes_fills_no_more_than_the_capacity", struct_sizes_fills_no_more_than_the_capacity, TEST_ONCE},
    {"ioctl_returns_the_result_or_minus_errno", ioctl_returns_the_result_or_minus_errno, TEST_ONCE},
    {"ioctl_is_restarted_after_EINTR_and_EAGAIN", ioctl_is_restarted_after_EINTR_and_EAGAIN, TEST_ONCE},
    {"ioctl_is_not_restarted_after_other_errors", ioctl_is_not_restarted_after_other_errors, TEST_ONCE},
    {"mmap_maps_and_munmap_unmaps", mmap_maps_and_munmap_unmaps, TEST_ONCE},
    {"mmap_maps_a_file_at_an_offset", mmap_maps_a_file_at_an_offset, TEST_ONCE},
    {"mmap_and_munmap_answer_minus_errno_and_change_nothing", mmap_and_munmap_answer_minus_errno_and_change_nothing,
     TEST_ONCE},
    {"clocks_run", clocks_run, TEST_ONCE},
};

SUITE(shim_suite, tests);
