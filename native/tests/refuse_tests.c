/* SPDX-License-Identifier: MIT
 *
 * What isolate, commit and populate refuse, and that nothing has moved then.
 */
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static int32_t isolate(struct fixture *fixture, const void *memory, uint32_t pages)
{
    struct xesvm_isolation isolation = {.id = 99};
    int32_t result = xesvm_pump_isolate(fixture->pump, address_of(memory), pages, &isolation);

    if (result < 0)
        CHECK_EQ(isolation.id, 99);
    return result;
}

static void bad_bounds_are_EINVAL(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1024);
    uint64_t va = address_of(memory);
    struct xesvm_isolation isolation;
    uint8_t state;

    CHECK_EQ(xesvm_pump_isolate(f.pump, va, 0, &isolation), -EINVAL);
    CHECK_EQ(xesvm_pump_isolate(f.pump, va + 1, 1, &isolation), -EINVAL);
    CHECK_EQ(xesvm_pump_isolate(f.pump, va, 513, &isolation), -EINVAL);
    CHECK_EQ(xesvm_pump_isolate(f.pump, va + 511 * PAGE, 2, &isolation), -EINVAL);
    CHECK_EQ(xesvm_pump_isolate(f.pump, va, UINT32_MAX, &isolation), -EINVAL);
    CHECK_EQ(xesvm_pump_isolate(f.pump, UINT64_MAX - PAGE + 1, 1, &isolation), -EINVAL);
    CHECK_EQ(xesvm_pump_isolate(f.pump, va, 1, NULL), -EINVAL);
    CHECK_EQ(xesvm_pump_isolate(NULL, va, 1, &isolation), -EINVAL);
    CHECK_EQ(xesvm_pump_restore(f.pump, va + 8, 1), -EINVAL);
    CHECK_EQ(xesvm_pump_restore(f.pump, va, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_restore(f.pump, UINT64_MAX - PAGE + 1, 2), -EINVAL);
    CHECK_EQ(xesvm_pump_query(f.pump, va, 0, &state), -EINVAL);
    CHECK_EQ(xesvm_pump_query(f.pump, va, 1, NULL), -EINVAL);
    CHECK_EQ(xesvm_pump_populate(f.pump, va + 1, 1, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_create(4, &f.pump, NULL), -EINVAL);
    CHECK_EQ(xesvm_pump_create(0, NULL, NULL), -EINVAL);
    CHECK_EQ(xesvm_pump_destroy(NULL), -EINVAL);
    client_release(memory, 1024);
    fixture_close(&f);
}

static void a_device_page_is_EEXIST(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);

    fill_pages(memory, 32, 1);
    CHECK_EQ(migrate(&f, memory + 16 * PAGE, 1, 0, 1), 0);
    CHECK_EQ(isolate(&f, memory, 32), -EEXIST);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);
    CHECK_EQ(isolate(&f, memory + 16 * PAGE, 1), -EEXIST);
    CHECK(pages_hold(memory, 32, 1));
    client_release(memory, 32);
    fixture_close(&f);
}

static void an_isolated_page_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);
    struct xesvm_isolation isolation;

    fill_pages(memory, 32, 2);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 16, &isolation), 0);
    CHECK_EQ(isolate(&f, memory + 15 * PAGE, 2), -EBUSY);
    CHECK_EQ(state_of(&f, memory + 16 * PAGE, 16), XESVM_PAGE_SYSTEM);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK_EQ(counters_of(&f).busy, 1);
    CHECK(pages_hold(memory, 32, 2));
    client_release(memory, 32);
    fixture_close(&f);
}

static void unmapped_memory_is_EFAULT(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);

    fill_pages(memory, 64, 3);
    CHECK_EQ(munmap(memory + 16 * PAGE, 16 * PAGE), 0);
    CHECK_EQ(isolate(&f, memory + 16 * PAGE, 16), -EFAULT);
    CHECK_EQ(isolate(&f, memory, 64), -EFAULT);
    CHECK_EQ(isolate(&f, memory, 17), -EFAULT);
    CHECK_EQ(isolate(&f, memory + 31 * PAGE, 2), -EFAULT);
    CHECK_EQ(isolate(&f, memory + 63 * PAGE, 2), -EFAULT);
    CHECK_EQ(isolate(&f, NULL, 1), -EFAULT);
    CHECK_EQ(isolate(&f, (void *)0x7fffffe00000, 512), -EFAULT);
    CHECK_EQ(isolate(&f, (void *)0xffffffffffe00000, 1), -EFAULT);
    CHECK(pages_hold(memory, 16, 3));
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    client_release(memory, 64);
    fixture_close(&f);
}

static void memory_unmapped_after_registration_is_EFAULT(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);

    fill_pages(memory, 32, 4);
    CHECK_EQ(migrate(&f, memory, 32, 0, 1), 0);
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory), 32), 32);
    CHECK_EQ(munmap(memory + 8 * PAGE, PAGE), 0);
    CHECK_EQ(isolate(&f, memory, 32), -EFAULT);
    CHECK_EQ(state_of(&f, memory, 32), XESVM_PAGE_SYSTEM);
    CHECK(pages_hold(memory, 8, 4));
    CHECK_EQ(isolate(&f, memory, 9), -EFAULT);
    CHECK_EQ(migrate(&f, memory, 8, 0, 2), 0);
    CHECK(pages_hold(memory, 8, 4));
    client_release(memory, 32);
    fixture_close(&f);
}

/* Replaces the middle of 48 private pages and expects that neither it nor a range with it can be isolated. */
static void check_refuses_middle(struct fixture *fixture, uint8_t *memory)
{
    uint64_t faults;

    CHECK_EQ(isolate(fixture, memory + 16 * PAGE, 16), -EBUSY);
    CHECK_EQ(isolate(fixture, memory + 20 * PAGE, 1), -EBUSY);
    CHECK_EQ(isolate(fixture, memory, 48), -EBUSY);
    CHECK_EQ(isolate(fixture, memory + 31 * PAGE, 17), -EBUSY);
    CHECK_EQ(state_of(fixture, memory, 48), XESVM_PAGE_SYSTEM);
    faults = counters_of(fixture).cpu_faults;
    CHECK(pages_hold(memory, 16, 5));
    CHECK_EQ(counters_of(fixture).cpu_faults, faults);
}

static void shared_memory_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(48);

    fill_pages(memory, 48, 5);
    CHECK(mmap(memory + 16 * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
          MAP_FAILED);
    fill_pages(memory + 16 * PAGE, 16, 6);
    check_refuses_middle(&f, memory);
    CHECK(pages_hold(memory + 16 * PAGE, 16, 6));
    client_release(memory, 48);
    fixture_close(&f);
}

static void a_file_mapping_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(48);
    FILE *file = tmpfile();

    CHECK(file);
    CHECK_EQ(ftruncate(fileno(file), 16 * PAGE), 0);
    fill_pages(memory, 48, 5);
    CHECK(mmap(memory + 16 * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fileno(file), 0) !=
          MAP_FAILED);
    fill_pages(memory + 16 * PAGE, 16, 6);
    check_refuses_middle(&f, memory);
    CHECK(pages_hold(memory + 16 * PAGE, 16, 6));
    client_release(memory, 48);
    fclose(file);
    fixture_close(&f);
}

static void read_only_memory_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(48);

    fill_pages(memory, 48, 5);
    CHECK_EQ(mprotect(memory + 16 * PAGE, 16 * PAGE, PROT_READ), 0);
    check_refuses_middle(&f, memory);
    CHECK(pages_hold(memory, 48, 5));
    /* The same when the memory was registered before it was protected. */
    CHECK_EQ(mprotect(memory + 16 * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK_EQ(migrate(&f, memory, 48, 0, 1), 0);
    CHECK(pages_hold(memory, 48, 5));
    CHECK_EQ(mprotect(memory + 16 * PAGE, 16 * PAGE, PROT_READ), 0);
    check_refuses_middle(&f, memory);
    CHECK(pages_hold(memory, 48, 5));
    client_release(memory, 48);
    fixture_close(&f);
}

static void executable_memory_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(48);

    fill_pages(memory, 48, 5);
    CHECK_EQ(mprotect(memory + 16 * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
    check_refuses_middle(&f, memory);
    client_release(memory, 48);
    fixture_close(&f);
}

static void a_child_that_waits(int input)
{
    char byte;

    _exit(read(input, &byte, 1) != 0);
}

static void memory_shared_with_a_child_is_EBUSY_and_what_moved_goes_back(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    int ends[2];
    pid_t child;

    fill_pages(memory, 64, 7);
    CHECK_EQ(pipe(ends), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(ends[1]);
        a_child_that_waits(ends[0]);
    }
    close(ends[0]);
    /* These are the parent's own again, so the move goes well up to page 32. */
    fill_pages(memory, 32, 7);
    CHECK_EQ(isolate(&f, memory, 64), -EBUSY);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    CHECK(pages_hold(memory, 64, 7));
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    CHECK_EQ(isolate(&f, memory + 40 * PAGE, 1), -EBUSY);
    close(ends[1]);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    fill_pages(memory, 64, 7);
    CHECK_EQ(migrate(&f, memory, 64, 0, 1), 0);
    CHECK(pages_hold(memory, 64, 7));
    client_release(memory, 64);
    fixture_close(&f);
}

static void pinned_memory_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct io_uring_params parameters = {0};
    struct iovec buffer = {.iov_base = memory + 5 * PAGE, .iov_len = 100};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);

    fill_pages(memory, 16, 8);
    if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) != 0) {
        fixture_close(&f);
        test_skip("no io_uring to pin a page with: %s", strerror(errno));
    }
    CHECK_EQ(isolate(&f, memory, 16), -EBUSY);
    CHECK_EQ(isolate(&f, memory + 5 * PAGE, 1), -EBUSY);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);
    CHECK(pages_hold(memory, 16, 8));
    close(ring);
    /* The kernel lets go of the buffer some time after the close. */
    while (migrate(&f, memory, 16, 0, 1) == -EBUSY)
        sched_yield();
    CHECK(pages_hold(memory, 16, 8));
    client_release(memory, 16);
    fixture_close(&f);
}

static void the_pumps_own_memory_and_vram_are_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint64_t state = address_of(f.pump) & ~(uint64_t)(PAGE - 1);

    CHECK_EQ(isolate(&f, (void *)(uintptr_t)state, 1), -EBUSY);
    CHECK_EQ(isolate(&f, f.vram, 1), -EBUSY);
    fixture_close(&f);
}

static void commit_refuses_what_is_not_vram(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);
    struct xesvm_isolation isolation;

    fill_pages(memory, 32, 9);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 16, &isolation), 0);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram) + 1, 1), -EINVAL);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, 0, 1), -EINVAL);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(memory) + 16 * PAGE, 1), -EINVAL);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, UINT64_MAX - 4095, 1), -EINVAL);
    CHECK_EQ(munmap(f.vram + 15 * PAGE, PAGE), 0);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EINVAL);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_ISOLATED);
    copy_isolation(&isolation, 16, f.vram + 16 * PAGE);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram) + 16 * PAGE, 1), 0);
    CHECK(pages_hold(memory, 32, 9));
    client_release(memory, 32);
    fixture_close(&f);
}

static void isolations_that_there_are_not_are_ENOENT(void)
{
    static const uint64_t made_up[] = {0, 1, 2, 1ull << 32, 0xffffffff, 0xffffffffffffffff, 0x100000001, 0x200000001};
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct xesvm_isolation isolation;

    fill_pages(memory, 16, 10);
    for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
        CHECK_EQ(xesvm_pump_commit(f.pump, made_up[i], address_of(f.vram), 1), -ENOENT);
        CHECK_EQ(xesvm_pump_abort(f.pump, made_up[i]), -ENOENT);
    }
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 16, &isolation), 0);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id + 1), -ENOENT);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id + (1ull << 32)), -ENOENT);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -ENOENT);
    client_release(memory, 16);
    fixture_close(&f);
}

static void populate_tells_unmapped_from_read_only(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);

    CHECK_EQ(mprotect(memory + 8 * PAGE, 4 * PAGE, PROT_READ), 0);
    CHECK_EQ(mprotect(memory + 12 * PAGE, 2 * PAGE, PROT_NONE), 0);
    CHECK_EQ(munmap(memory + 14 * PAGE, 2 * PAGE), 0);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 8, 1), 0);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 12, 0), 0);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 12, 1), -EPERM);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory) + 12 * PAGE, 1, 0), -EFAULT);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory) + 14 * PAGE, 1, 0), -EFAULT);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory) + 14 * PAGE, 1, 1), -EFAULT);
    client_release(memory, 16);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"bad_bounds_are_EINVAL", bad_bounds_are_EINVAL, TEST_ONCE},
    {"a_device_page_is_EEXIST", a_device_page_is_EEXIST, TEST_BOTH},
    {"an_isolated_page_is_EBUSY", an_isolated_page_is_EBUSY, TEST_BOTH},
    {"unmapped_memory_is_EFAULT", unmapped_memory_is_EFAULT, TEST_BOTH},
    {"memory_unmapped_after_registration_is_EFAULT", memory_unmapped_after_registration_is_EFAULT, TEST_BOTH},
    {"shared_memory_is_EBUSY", shared_memory_is_EBUSY, TEST_BOTH},
    {"a_file_mapping_is_EBUSY", a_file_mapping_is_EBUSY, TEST_BOTH},
    {"read_only_memory_is_EBUSY", read_only_memory_is_EBUSY, TEST_BOTH},
    {"executable_memory_is_EBUSY", executable_memory_is_EBUSY, TEST_BOTH},
    {"memory_shared_with_a_child_is_EBUSY_and_what_moved_goes_back",
     memory_shared_with_a_child_is_EBUSY_and_what_moved_goes_back, TEST_BOTH},
    {"pinned_memory_is_EBUSY", pinned_memory_is_EBUSY, TEST_BOTH},
    {"the_pumps_own_memory_and_vram_are_EBUSY", the_pumps_own_memory_and_vram_are_EBUSY, TEST_BOTH},
    {"commit_refuses_what_is_not_vram", commit_refuses_what_is_not_vram, TEST_BOTH},
    {"isolations_that_there_are_not_are_ENOENT", isolations_that_there_are_not_are_ENOENT, TEST_BOTH},
    {"populate_tells_unmapped_from_read_only", populate_tells_unmapped_from_read_only, TEST_BOTH},
};

SUITE(refuse_suite, tests);
