/* SPDX-License-Identifier: MIT
 *
 * Memory that the client has locked, or locks and unlocks while it is away.
 */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

/* Locked memory of this process, in KiB. */
static long locked_kib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;

    CHECK(status);
    while (kib < 0 && fgets(line, sizeof(line), status))
        sscanf(line, "VmLck: %ld kB", &kib);
    fclose(status);
    CHECK(kib >= 0);
    return kib;
}

/* Past libc: with the address sanitizer its functions do nothing. */
static int lock_pages(const uint8_t *memory, uint32_t pages, int flags)
{
    return (int)syscall(SYS_mlock2, memory, (size_t)pages * PAGE, flags);
}

static int unlock_pages(const uint8_t *memory, uint32_t pages)
{
    return (int)syscall(SYS_munlock, memory, (size_t)pages * PAGE);
}

static void lock_or_skip(struct fixture *f, uint8_t *memory, uint32_t pages)
{
    if (lock_pages(memory, pages, 0) == 0)
        return;
    fixture_close(f);
    test_skip("cannot lock %u pages of memory: %s", pages, strerror(errno));
}

static bool are_in_core(uint8_t *memory, uint32_t pages)
{
    unsigned char in_core[1024];

    CHECK(pages <= sizeof(in_core));
    CHECK_EQ(mincore(memory, (size_t)pages * PAGE, in_core), 0);
    for (uint32_t page = 0; page < pages; page++) {
        if (!(in_core[page] & 1))
            return false;
    }
    return true;
}

static void locked_memory_migrates_and_comes_home_locked(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    long before = locked_kib();

    fill_pages(memory, 512, 1);
    lock_or_skip(&f, memory, 512);
    for (uint32_t round = 0; round < 3; round++) {
        CHECK_EQ(migrate(&f, memory, 512, 0, round), 0);
        CHECK_EQ(state_of(&f, memory, 512), XESVM_PAGE_DEVICE);
        CHECK(!are_in_core(memory, 1));
        CHECK(pages_hold(memory, 512, 1));
        CHECK(are_in_core(memory, 512));
        CHECK_EQ(locked_kib(), before + 2048);
        CHECK_EQ(migrate(&f, memory + 16 * PAGE, 16, 600, round), 0);
        CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory), 512), 16);
        CHECK(pages_hold(memory, 512, 1));
    }
    /* Staging has unlocked what it had locked. */
    CHECK_EQ(unlock_pages(memory, 512), 0);
    CHECK_EQ(locked_kib(), before);
    CHECK_EQ(migrate(&f, memory, 512, 0, 9), 0);
    CHECK_EQ(locked_kib(), before);
    CHECK(pages_hold(memory, 512, 1));
    client_release(memory, 512);
    fixture_close(&f);
}

static void an_isolation_of_locked_memory_goes_back(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_isolation isolation;
    long before = locked_kib();

    fill_pages(memory, 40, 2);
    lock_or_skip(&f, memory, 40);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 64, &isolation), 0);
    CHECK_EQ(isolation.present[0], (1ull << 40) - 1);
    CHECK_EQ(locked_kib(), before + 2 * 160);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK_EQ(locked_kib(), before + 160);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    CHECK(are_in_core(memory, 40));
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    CHECK(pages_hold(memory, 40, 2));
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    client_release(memory, 64);
    fixture_close(&f);
}

/* Every kind of neighbourhood: locked pages between others, holes between locked pages, ordinary pages after locked ones in one slot. */
static void pieces_of_a_range_may_be_locked(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    long before = locked_kib();

    fill_pages(memory, 512, 3);
    lock_or_skip(&f, memory + 16 * PAGE, 16);
    lock_or_skip(&f, memory + 100 * PAGE, 1);
    lock_or_skip(&f, memory + 500 * PAGE, 12);
    CHECK_EQ(lock_pages(memory + 200 * PAGE, 64, MLOCK_ONFAULT), 0);
    for (uint32_t page = 210; page < 250; page += 2)
        CHECK_EQ(madvise(memory + page * PAGE, PAGE, MADV_DONTNEED_LOCKED), 0);
    CHECK_EQ(migrate(&f, memory, 512, 0, 1), 0);
    CHECK_EQ(state_of(&f, memory, 512), XESVM_PAGE_DEVICE);
    for (uint32_t page = 210; page < 250; page += 2) {
        CHECK(pages_are_zero(memory + page * PAGE, 1));
        memcpy(memory + page * PAGE, f.vram + page * PAGE, PAGE);
    }
    fill_pages(memory, 512, 3);
    CHECK_EQ(migrate(&f, memory, 512, 0, 2), 0);
    CHECK(pages_hold(memory, 512, 3));
    CHECK_EQ(locked_kib(), before + 4 * (16 + 1 + 12 + 64));
    client_release(memory, 512);
    CHECK_EQ(locked_kib(), before);
    fixture_close(&f);
}

static void memory_locked_or_unlocked_while_it_is_isolated_goes_back(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_isolation isolation;
    long before = locked_kib();

    fill_pages(memory, 64, 4);
    for (uint32_t round = 0; round < 2; round++) {
        CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 64, &isolation), 0);
        CHECK_EQ(lock_pages(memory, 32, MLOCK_ONFAULT), 0); /* touches nothing */
        CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_ISOLATED);
        CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
        CHECK(pages_hold(memory, 64, 4));
        CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 64, &isolation), 0);
        CHECK_EQ(unlock_pages(memory, 64), 0);
        CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
        CHECK(pages_hold(memory, 64, 4));
        CHECK_EQ(locked_kib(), before);
    }
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    client_release(memory, 64);
    fixture_close(&f);
}

/* Without MLOCK_ONFAULT mlock(2) touches every page: it takes isolations back, and brings home what is on the device. */
static void mlock_brings_home_and_munlock_leaves_away(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_isolation isolation;

    fill_pages(memory, 64, 5);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 64, &isolation), 0);
    lock_or_skip(&f, memory, 64);
    CHECK(are_in_core(memory, 64));
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EBUSY);
    CHECK(pages_hold(memory, 64, 5));
    CHECK_EQ(unlock_pages(memory, 64), 0);
    CHECK_EQ(migrate(&f, memory, 64, 0, 2), 0);
    CHECK_EQ(lock_pages(memory, 64, 0), 0);
    CHECK(are_in_core(memory, 64));
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    CHECK_EQ(migrate(&f, memory, 64, 0, 3), 0);
    CHECK_EQ(unlock_pages(memory, 64), 0);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_DEVICE);
    CHECK(pages_hold(memory, 64, 5));
    client_release(memory, 64);
    fixture_close(&f);
}

/* The right to lock more than the limit, on or off for this thread; false when the thread does not have it to give up. */
static bool set_ipc_lock(bool on)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    uint32_t bit = 1u << CAP_IPC_LOCK;

    CHECK_EQ(syscall(SYS_capget, &header, data), 0);
    if (!(data[0].permitted & bit))
        return false;
    data[0].effective = on ? data[0].effective | bit : data[0].effective & ~bit;
    CHECK_EQ(syscall(SYS_capset, &header, data), 0);
    return true;
}

/* Locked memory of this process may be so much, for this thread, while the function runs. */
static void with_limit(rlim_t bytes, void (*run)(struct fixture *, uint8_t *), struct fixture *f, uint8_t *memory)
{
    struct rlimit limit;
    struct rlimit lowered;
    bool had_right;

    CHECK_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    lowered = (struct rlimit){.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max, .rlim_max = limit.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &lowered), 0);
    had_right = set_ipc_lock(false);
    run(f, memory);
    if (had_right)
        set_ipc_lock(true);
    CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}

static int32_t result_of_all;
static int32_t result_of_half;

static void migrate_all_and_half(struct fixture *f, uint8_t *memory)
{
    result_of_all = migrate(f, memory, 64, 0, 1);
    result_of_half = migrate(f, memory, 32, 0, 2);
}

static void what_the_limit_does_not_allow_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    long before = locked_kib();

    fill_pages(memory, 64, 6);
    lock_or_skip(&f, memory, 64);
    /* Room for half of the pages a second time. */
    with_limit((rlim_t)(before + 256 + 128) << 10, migrate_all_and_half, &f, memory);
    CHECK_EQ(result_of_all, -EBUSY);
    CHECK_EQ(result_of_half, 0);
    CHECK_EQ(state_of(&f, memory, 32), XESVM_PAGE_DEVICE);
    CHECK_EQ(state_of(&f, memory + 32 * PAGE, 32), XESVM_PAGE_SYSTEM);
    CHECK(pages_hold(memory, 64, 6));
    CHECK_EQ(locked_kib(), before + 256);
    CHECK_EQ(counters_of(&f).busy, 1);
    client_release(memory, 64);
    fixture_close(&f);
}

/* A client that locks everything that there is and will be, staging too. */
static void a_client_that_locks_all_its_memory_migrates(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    uint8_t *later;
    long before = locked_kib();

    fill_pages(memory, 512, 7);
    CHECK_EQ(migrate(&f, memory, 512, 0, 1), 0); /* there is staging to be locked */
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        CHECK(pages_hold(memory, 512, 7));
        fixture_close(&f);
        test_skip("cannot lock all memory: %s", strerror(errno));
    }
    CHECK(pages_hold(memory, 512, 7));
    for (uint32_t round = 0; round < 3; round++) {
        CHECK_EQ(migrate(&f, memory, 512, 0, round), 0);
        CHECK(pages_hold(memory, 512, 7));
    }
    later = client_memory(64);
    fill_pages(later, 64, 8);
    CHECK_EQ(migrate(&f, later, 64, 0, 10), 0);
    CHECK_EQ(unlock_pages(later, 64), 0);
    CHECK(pages_hold(later, 64, 8));
    CHECK_EQ(migrate(&f, later, 64, 0, 11), 0);
    CHECK(pages_hold(later, 64, 8));
    CHECK_EQ(munlockall(), 0);
    CHECK_EQ(migrate(&f, memory, 512, 0, 12), 0);
    CHECK_EQ(migrate(&f, later, 64, 1000, 13), 0);
    CHECK(pages_hold(memory, 512, 7));
    CHECK(pages_hold(later, 64, 8));
    CHECK_EQ(locked_kib(), before);
    client_release(memory, 512);
    client_release(later, 64);
    fixture_close(&f);
}

static void a_pump_of_a_client_that_locks_all_its_memory_works(void)
{
    struct fixture f;
    uint8_t *memory;

    if (mlockall(MCL_FUTURE) != 0)
        test_skip("cannot lock all memory: %s", strerror(errno));
    f = fixture_open();
    memory = client_memory(512);
    fill_pages(memory, 512, 8);
    CHECK_EQ(migrate(&f, memory, 512, 0, 1), 0);
    CHECK(pages_hold(memory, 512, 8));
    client_release(memory, 512);
    fixture_close(&f);
    CHECK_EQ(munlockall(), 0);
}

/* mremap(2) fills what a locked mapping grows by before it tells that the mapping has moved, and that another one is gone from there, whose
 * content may be away. */
static void locked_memory_that_moves_and_grows_keeps_its_content(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    uint32_t pages = 32;

    CHECK_EQ(munmap(memory + 32 * PAGE, 32 * PAGE), 0);
    fill_pages(memory, pages, 9);
    lock_or_skip(&f, memory, pages);
    for (uint32_t round = 0; round < 3; round++) {
        uint8_t *to = client_memory(128);
        uint8_t *moved;

        CHECK_EQ(migrate(&f, memory, pages, 0, round), 0);
        fill_pages(to, 128, 10);
        CHECK_EQ(migrate(&f, to, 128, 1000, 10 + round), 0);
        moved = mremap(memory, pages * PAGE, (pages + 16) * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        CHECK(moved == to);
        CHECK(pages_are_zero(moved + pages * PAGE, 16));
        CHECK(pages_hold(moved, pages, 9));
        CHECK(to[(pages + 16) * PAGE] != 0);
        client_release(to + (pages + 16) * PAGE, 128 - pages - 16);
        memory = moved;
        pages += 16;
        fill_pages(memory, pages, 9);
    }
    client_release(memory, pages);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"locked_memory_migrates_and_comes_home_locked", locked_memory_migrates_and_comes_home_locked, TEST_BOTH},
    {"an_isolation_of_locked_memory_goes_back", an_isolation_of_locked_memory_goes_back, TEST_BOTH},
    {"pieces_of_a_range_may_be_locked", pieces_of_a_range_may_be_locked, TEST_BOTH},
    {"memory_locked_or_unlocked_while_it_is_isolated_goes_back", memory_locked_or_unlocked_while_it_is_isolated_goes_back, TEST_BOTH},
    {"mlock_brings_home_and_munlock_leaves_away", mlock_brings_home_and_munlock_leaves_away, TEST_FULL_ONLY},
    {"what_the_limit_does_not_allow_is_EBUSY", what_the_limit_does_not_allow_is_EBUSY, TEST_BOTH},
    {"a_client_that_locks_all_its_memory_migrates", a_client_that_locks_all_its_memory_migrates, TEST_FULL_ONLY},
    {"a_pump_of_a_client_that_locks_all_its_memory_works", a_pump_of_a_client_that_locks_all_its_memory_works, TEST_BOTH},
    {"locked_memory_that_moves_and_grows_keeps_its_content", locked_memory_that_moves_and_grows_keeps_its_content, TEST_FULL_ONLY},
};

SUITE(locked_suite, tests);
