/* SPDX-License-Identifier: MIT
 *
 * Pages go to the device and come back.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"

static void a_cpu_touch_brings_content_home(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    struct xesvm_pump_event event;

    fill_pages(memory, 512, 1);
    CHECK_EQ(migrate(&f, memory, 512, 0, 77), 0);
    CHECK_EQ(state_of(&f, memory, 512), XESVM_PAGE_DEVICE);
    CHECK_EQ(*(volatile uint32_t *)(void *)(memory + 300 * PAGE), *(uint32_t *)(void *)(f.vram + 300 * PAGE));
    CHECK_EQ(state_of(&f, memory, 512), XESVM_PAGE_SYSTEM);
    CHECK(pages_hold(memory, 512, 1));
    event = next_event(&f, XESVM_EVENT_HOME);
    CHECK_EQ(event.pages, 512);
    CHECK_EQ(event.address, address_of(memory));
    CHECK_EQ(event.allocation, 77);
    CHECK_EQ(event.remaining, 0);
    CHECK_EQ(event.by_restore, 0);
    CHECK(event.begin_ns > 0 && event.copy_ns > 0 && event.end_ns >= event.begin_ns + event.copy_ns);
    CHECK_EQ(counters_of(&f).cpu_faults, 1);
    CHECK_EQ(counters_of(&f).pages_home, 512);
    client_release(memory, 512);
    fixture_close(&f);
}

static void holes_are_reported_and_read_as_zeros(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_isolation isolation;

    fill_pages(memory + 8 * PAGE, 8, 2);
    fill_pages(memory + 40 * PAGE, 1, 3);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 64, &isolation), 0);
    CHECK_EQ(isolation.present[0], 0xff00ull | 1ull << 40);
    CHECK_EQ(isolation.present[1], 0);
    CHECK_EQ(isolation.staging % BLOCK, address_of(memory) % BLOCK);
    memset(f.vram, 0xff, 64 * PAGE);
    copy_isolation(&isolation, 64, f.vram);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), 0);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_DEVICE);
    CHECK(pages_are_zero(memory, 8));
    CHECK(pages_hold(memory + 8 * PAGE, 8, 2));
    CHECK(pages_are_zero(memory + 16 * PAGE, 24));
    CHECK(pages_hold(memory + 40 * PAGE, 1, 3));
    client_release(memory, 64);
    fixture_close(&f);
}

static void memory_never_touched_is_all_holes(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    struct xesvm_isolation isolation;

    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 512, &isolation), 0);
    for (int word = 0; word < 8; word++)
        CHECK_EQ(isolation.present[word], 0);
    /* A touch of such a page takes the isolation back, too, and finds zeros. */
    CHECK(pages_are_zero(memory + 5 * PAGE, 1));
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EBUSY);
    CHECK_EQ(counters_of(&f).cpu_faults_isolated, 1);
    CHECK_EQ(counters_of(&f).zero_pages, 1);
    client_release(memory, 512);
    fixture_close(&f);
}

static void partial_ranges_move_alone(void)
{
    static const struct {
        uint32_t first;
        uint32_t pages;
    } ranges[] = {{0, 1}, {511, 1}, {16, 16}, {496, 16}, {100, 300}, {1, 511}, {0, 512}};
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1024);

    fill_pages(memory, 1024, 4);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint32_t end = ranges[i].first + ranges[i].pages;
        uint64_t faults = counters_of(&f).cpu_faults;

        CHECK_EQ(migrate(&f, memory + ranges[i].first * PAGE, ranges[i].pages, 7, i), 0);
        CHECK_EQ(state_of(&f, memory + ranges[i].first * PAGE, ranges[i].pages), XESVM_PAGE_DEVICE);
        /* What is beside the range did not move: reading it faults nothing. */
        if (ranges[i].first > 0)
            CHECK_EQ(state_of(&f, memory, ranges[i].first), XESVM_PAGE_SYSTEM);
        CHECK_EQ(state_of(&f, memory + end * PAGE, 1024 - end), XESVM_PAGE_SYSTEM);
        CHECK_EQ(counters_of(&f).cpu_faults, faults);
        CHECK(pages_hold(memory, 1024, 4));
        CHECK_EQ(counters_of(&f).cpu_faults, faults + 1);
        CHECK_EQ(state_of(&f, memory, 1024), XESVM_PAGE_SYSTEM);
    }
    client_release(memory, 1024);
    fixture_close(&f);
}

static void writes_after_homecoming_persist_and_migrate_again(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);

    for (uint32_t round = 0; round < 20; round++) {
        fill_pages(memory, 16, round);
        CHECK_EQ(migrate(&f, memory, 16, round * 16, round), 0);
        CHECK(pages_hold(memory, 16, round));
        fill_pages(memory, 16, round + 100);
        CHECK(pages_hold(memory, 16, round + 100));
        CHECK_EQ(migrate(&f, memory, 16, round * 16, round), 0);
        CHECK(pages_hold(memory, 16, round + 100));
    }
    client_release(memory, 16);
    fixture_close(&f);
}

static void several_allocations_of_a_block_come_home_one_by_one(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);

    fill_pages(memory, 512, 5);
    for (uint32_t i = 0; i < 32; i++)
        CHECK_EQ(migrate(&f, memory + i * 16 * PAGE, 16, (31 - i) * 16, 1000 + i), 0);
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t chosen = i * 7 % 32;
        struct xesvm_pump_event event;

        CHECK_EQ(state_of(&f, memory + chosen * 16 * PAGE, 16), XESVM_PAGE_DEVICE);
        *(volatile uint8_t *)(memory + (chosen * 16 + 3) * PAGE);
        CHECK_EQ(state_of(&f, memory + chosen * 16 * PAGE, 16), XESVM_PAGE_SYSTEM);
        event = next_event(&f, XESVM_EVENT_HOME);
        CHECK_EQ(event.allocation, 1000 + chosen);
        CHECK_EQ(event.pages, 16);
    }
    CHECK(pages_hold(memory, 512, 5));
    client_release(memory, 512);
    fixture_close(&f);
}

static void commit_after_a_cpu_touch_is_refused_and_data_stay(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct xesvm_isolation isolation;

    fill_pages(memory, 16, 6);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 16, &isolation), 0);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_ISOLATED);
    memory[3 * PAGE]++;
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);
    /* The copy that is under way may go on reading staging. */
    CHECK(pages_hold((const uint8_t *)(uintptr_t)isolation.staging, 16, 6));
    copy_isolation(&isolation, 16, f.vram);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EBUSY);
    memory[3 * PAGE]--;
    CHECK(pages_hold(memory, 16, 6));
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -ENOENT);
    CHECK_EQ(counters_of(&f).cpu_faults_isolated, 1);
    CHECK_EQ(migrate(&f, memory, 16, 0, 2), 0);
    CHECK(pages_hold(memory, 16, 6));
    client_release(memory, 16);
    fixture_close(&f);
}

static void abort_puts_everything_back(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_isolation isolation;
    uint64_t faults;

    fill_pages(memory, 32, 7);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 64, &isolation), 0);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    faults = counters_of(&f).cpu_faults;
    CHECK(pages_hold(memory, 32, 7));
    CHECK_EQ(counters_of(&f).cpu_faults, faults);
    CHECK(pages_are_zero(memory + 32 * PAGE, 32));
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), -ENOENT);
    CHECK_EQ(counters_of(&f).aborts, 1);
    client_release(memory, 64);
    fixture_close(&f);
}

static void abort_after_a_cpu_touch_closes_the_isolation(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct xesvm_isolation isolation;

    fill_pages(memory, 16, 8);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 16, &isolation), 0);
    memory[0]++;
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    memory[0]--;
    CHECK(pages_hold(memory, 16, 8));
    client_release(memory, 16);
    fixture_close(&f);
}

static void restore_brings_whole_allocations_home(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1536);
    struct xesvm_pump_event event;

    fill_pages(memory, 1536, 9);
    CHECK_EQ(migrate(&f, memory + 256 * PAGE, 256, 0, 1), 0);
    CHECK_EQ(migrate(&f, memory + 512 * PAGE, 512, 512, 2), 0);
    CHECK_EQ(migrate(&f, memory + 1024 * PAGE, 512, 1024, 3), 0);
    /* One page of the first, the whole second; the third is not named. */
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory) + 511 * PAGE, 513), 768);
    CHECK_EQ(state_of(&f, memory, 1024), XESVM_PAGE_SYSTEM);
    CHECK_EQ(state_of(&f, memory + 1024 * PAGE, 512), XESVM_PAGE_DEVICE);
    event = next_event(&f, XESVM_EVENT_HOME);
    CHECK_EQ(event.allocation, 1);
    CHECK_EQ(event.by_restore, 1);
    CHECK_EQ(next_event(&f, XESVM_EVENT_HOME).allocation, 2);
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory), 1024), 0);
    CHECK_EQ(counters_of(&f).cpu_faults, 0);
    CHECK(pages_hold(memory, 1536, 9));
    client_release(memory, 1536);
    fixture_close(&f);
}

static void query_tells_pages_apart(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(600);
    struct xesvm_isolation isolation;
    uint8_t states[600];

    fill_pages(memory, 600, 10);
    CHECK_EQ(migrate(&f, memory + 500 * PAGE, 12, 0, 1), 0);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory) + 512 * PAGE, 8, &isolation), 0);
    CHECK_EQ(xesvm_pump_query(f.pump, address_of(memory), 600, states), 0);
    for (uint32_t page = 0; page < 600; page++) {
        uint8_t expected = page >= 500 && page < 512   ? XESVM_PAGE_DEVICE
                           : page >= 512 && page < 520 ? XESVM_PAGE_ISOLATED
                                                       : XESVM_PAGE_SYSTEM;

        CHECK_EQ(states[page], expected);
    }
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    client_release(memory, 600);
    fixture_close(&f);
}

static void populate_makes_pages_present(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(700);
    struct xesvm_isolation isolation;
    unsigned char in_core[700];

    fill_pages(memory, 8, 11);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory) + 32 * PAGE, 16, &isolation), 0);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 700, 1), 0);
    CHECK_EQ(state_of(&f, memory, 700), XESVM_PAGE_SYSTEM);
    CHECK_EQ(mincore(memory, 700 * PAGE, in_core), 0);
    for (uint32_t page = 0; page < 700; page++)
        CHECK(in_core[page] & 1);
    CHECK(pages_hold(memory, 8, 11));
    CHECK(pages_are_zero(memory + 8 * PAGE, 692));
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 2), -EBUSY);
    client_release(memory, 700);
    fixture_close(&f);
}

static void populate_for_reading_fills_holes_of_registered_memory(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    unsigned char in_core[64];

    CHECK_EQ(migrate(&f, memory, 32, 0, 1), 0);
    CHECK_EQ(madvise(memory, 16 * PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(mprotect(memory, 64 * PAGE, PROT_READ), 0);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 64, 0), 0);
    CHECK_EQ(mincore(memory, 64 * PAGE, in_core), 0);
    for (uint32_t page = 0; page < 64; page++)
        CHECK(in_core[page] & 1);
    CHECK(pages_are_zero(memory, 64));
    client_release(memory, 64);
    fixture_close(&f);
}

static void system_calls_reach_device_pages(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    int ends[2];

    if (f.info.mode != XESVM_PUMP_MODE_FULL) {
        fixture_close(&f);
        test_skip("this user may have userfaultfd in user mode only");
    }
    fill_pages(memory, 16, 12);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "hello", 5), 5);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(read(ends[0], memory + 8 * PAGE, 5), 5);
    CHECK_EQ(memcmp(memory + 8 * PAGE, "hello", 5), 0);
    CHECK(pages_hold(memory, 8, 12));
    CHECK_EQ(migrate(&f, memory, 16, 0, 2), 0);
    CHECK_EQ(write(ends[1], memory + 8 * PAGE, 5), 5);
    fill_pages(memory, 16, 12);
    CHECK_EQ(migrate(&f, memory, 16, 0, 3), 0);
    CHECK_EQ(xesvm_client_read(address_of(memory), f.vram + 32 * PAGE, 8 * PAGE), 0);
    CHECK(pages_hold(f.vram + 32 * PAGE, 8, 12));
    close(ends[0]);
    close(ends[1]);
    client_release(memory, 16);
    fixture_close(&f);
}

static void in_user_mode_client_copies_meet_EFAULT_until_restored(void)
{
    xesvm_pump *pump;
    struct xesvm_pump_info info;
    int32_t result = xesvm_pump_create(XESVM_PUMP_USER_MODE_ONLY, &pump, &info);
    struct fixture f = {.pump = pump};
    uint8_t *memory;
    uint32_t value = 0;

    if (result < 0)
        test_skip("no userfaultfd: %s", strerror(-result));
    CHECK_EQ(info.mode, XESVM_PUMP_MODE_USER);
    f.vram = mmap(NULL, VRAM_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memory = client_memory(16);
    fill_pages(memory, 16, 13);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(xesvm_client_read(address_of(memory), &value, 4), -EFAULT);
    CHECK_EQ(xesvm_pump_restore(pump, address_of(memory), 1), 16);
    CHECK_EQ(xesvm_client_read(address_of(memory), &value, 4), 0);
    CHECK_EQ(value, *(uint32_t *)(void *)memory);
    client_release(memory, 16);
    fixture_close(&f);
}

static void a_huge_page_moves_and_comes_back(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    struct xesvm_isolation isolation;

    CHECK_EQ(madvise(memory, BLOCK, MADV_HUGEPAGE), 0);
    fill_pages(memory, 512, 14);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 512, &isolation), 0);
    for (int word = 0; word < 8; word++)
        CHECK_EQ(isolation.present[word], UINT64_MAX);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK(pages_hold(memory, 512, 14));
    CHECK_EQ(migrate(&f, memory, 512, 0, 1), 0);
    CHECK(pages_hold(memory, 512, 14));
    client_release(memory, 512);
    fixture_close(&f);
}

static void a_part_of_a_huge_page_moves_alone(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);

    CHECK_EQ(madvise(memory, BLOCK, MADV_HUGEPAGE), 0);
    fill_pages(memory, 512, 15);
    CHECK_EQ(migrate(&f, memory + 64 * PAGE, 16, 0, 1), 0);
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    CHECK(pages_hold(memory, 512, 15));
    client_release(memory, 512);
    fixture_close(&f);
}

static void adjacent_mappings_move_together(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    uint8_t *other = memory + 64 * PAGE;

    /* Touched apart from each other, two mappings get an anon_vma each and are never merged. */
    fill_pages(memory, 64, 16);
    CHECK(mmap(other + 8 * PAGE, 56 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
               0) != MAP_FAILED);
    fill_pages(other + 8 * PAGE, 56, 17);
    CHECK(mmap(other, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
          other);
    CHECK_EQ(migrate(&f, memory, 128, 0, 1), 0);
    CHECK_EQ(state_of(&f, memory, 128), XESVM_PAGE_DEVICE);
    CHECK(pages_hold(memory, 64, 16));
    CHECK(pages_are_zero(other, 8));
    CHECK(pages_hold(other + 8 * PAGE, 56, 17));
    client_release(memory, 128);
    fixture_close(&f);
}

static void device_pages_come_home_under_a_changed_protection(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);

    fill_pages(memory, 64, 18);
    CHECK_EQ(migrate(&f, memory, 64, 0, 1), 0);
    CHECK_EQ(mprotect(memory + 16 * PAGE, 16 * PAGE, PROT_READ), 0);
    CHECK_EQ(mprotect(memory + 40 * PAGE, 8 * PAGE, PROT_NONE), 0);
    CHECK(pages_hold(memory, 40, 18));
    CHECK_EQ(mprotect(memory, 64 * PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK(pages_hold(memory, 64, 18));
    CHECK_EQ(counters_of(&f).cpu_faults, 1);
    client_release(memory, 64);
    fixture_close(&f);
}

static void a_hole_of_staging_reads_as_zeros_and_does_no_harm(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct xesvm_isolation isolation;
    volatile uint8_t *stale;

    fill_pages(memory, 8, 19);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 16, &isolation), 0);
    stale = (volatile uint8_t *)(uintptr_t)isolation.staging + 10 * PAGE;
    CHECK_EQ(*stale, 0);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    /* Touched after the slot was given back, and then taken again. */
    CHECK_EQ(*stale, 0);
    fill_pages(memory + 8 * PAGE, 8, 20);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK(pages_hold(memory, 8, 19));
    CHECK(pages_hold(memory + 8 * PAGE, 8, 20));
    client_release(memory, 16);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"a_cpu_touch_brings_content_home", a_cpu_touch_brings_content_home, TEST_BOTH},
    {"holes_are_reported_and_read_as_zeros", holes_are_reported_and_read_as_zeros, TEST_BOTH},
    {"memory_never_touched_is_all_holes", memory_never_touched_is_all_holes, TEST_BOTH},
    {"partial_ranges_move_alone", partial_ranges_move_alone, TEST_BOTH},
    {"writes_after_homecoming_persist_and_migrate_again", writes_after_homecoming_persist_and_migrate_again, TEST_BOTH},
    {"several_allocations_of_a_block_come_home_one_by_one", several_allocations_of_a_block_come_home_one_by_one, TEST_BOTH},
    {"commit_after_a_cpu_touch_is_refused_and_data_stay", commit_after_a_cpu_touch_is_refused_and_data_stay, TEST_BOTH},
    {"abort_puts_everything_back", abort_puts_everything_back, TEST_BOTH},
    {"abort_after_a_cpu_touch_closes_the_isolation", abort_after_a_cpu_touch_closes_the_isolation, TEST_BOTH},
    {"restore_brings_whole_allocations_home", restore_brings_whole_allocations_home, TEST_BOTH},
    {"query_tells_pages_apart", query_tells_pages_apart, TEST_BOTH},
    {"populate_makes_pages_present", populate_makes_pages_present, TEST_BOTH},
    {"populate_for_reading_fills_holes_of_registered_memory", populate_for_reading_fills_holes_of_registered_memory,
     TEST_BOTH},
    {"system_calls_reach_device_pages", system_calls_reach_device_pages, TEST_FULL_ONLY},
    {"in_user_mode_client_copies_meet_EFAULT_until_restored", in_user_mode_client_copies_meet_EFAULT_until_restored,
     TEST_ONCE},
    {"a_huge_page_moves_and_comes_back", a_huge_page_moves_and_comes_back, TEST_BOTH},
    {"a_part_of_a_huge_page_moves_alone", a_part_of_a_huge_page_moves_alone, TEST_BOTH},
    {"adjacent_mappings_move_together", adjacent_mappings_move_together, TEST_BOTH},
    {"device_pages_come_home_under_a_changed_protection", device_pages_come_home_under_a_changed_protection, TEST_BOTH},
    {"a_hole_of_staging_reads_as_zeros_and_does_no_harm", a_hole_of_staging_reads_as_zeros_and_does_no_harm, TEST_BOTH},
};

SUITE(migrate_suite, tests);
