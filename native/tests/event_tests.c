/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fixture.h"

#define MANY 10000u

static void no_event_of_many_allocations_is_lost(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(MANY);
    uint8_t *seen = calloc(MANY, 1);
    struct xesvm_pump_event events[100];
    uint64_t sequence = 0;
    int32_t count;

    fill_pages(memory, MANY, 1);
    /* The content of VRAM does not matter here, so one page serves all. */
    for (uint32_t i = 0; i < MANY; i++)
        CHECK_EQ(migrate(&f, memory + (size_t)i * PAGE, 1, 0, i), 0);
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory), MANY), MANY);
    CHECK_EQ(counters_of(&f).events_pending, MANY);
    while ((count = xesvm_pump_take_events(f.pump, events, 100)) > 0) {
        for (int32_t i = 0; i < count; i++) {
            CHECK_EQ(events[i].type, XESVM_EVENT_HOME);
            CHECK_EQ(events[i].pages, 1);
            CHECK_EQ(events[i].sequence, ++sequence);
            CHECK_EQ(events[i].address, address_of(memory) + events[i].allocation * PAGE);
            CHECK_EQ(seen[events[i].allocation]++, 0);
        }
    }
    CHECK_EQ(count, 0);
    CHECK_EQ(sequence, MANY);
    CHECK_EQ(counters_of(&f).events_pending, 0);
    free(seen);
    client_release(memory, MANY);
    fixture_close(&f);
}

static void when_the_ring_is_full_only_invalidations_are_lost_and_that_is_told(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    uint8_t *noise = client_memory(1);
    struct xesvm_pump_event event;
    uint32_t invalidations = 0;
    uint32_t discards = 0;
    uint32_t discarded = 0;
    bool overflow = false;

    fill_pages(memory, 512, 2);
    CHECK_EQ(migrate(&f, noise, 1, 0, 1), 0);
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(noise), 1), 1);
    CHECK_EQ(next_event(&f, XESVM_EVENT_HOME).allocation, 1);
    CHECK_EQ(migrate(&f, memory, 512, 0, 2), 0);
    for (uint32_t i = 0; i < MANY; i++)
        CHECK_EQ(madvise(noise, PAGE, MADV_DONTNEED), 0);
    for (uint32_t page = 0; page < 512; page++)
        CHECK_EQ(madvise(memory + (page * 5 % 512) * PAGE, PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(state_of(&f, memory, 512), XESVM_PAGE_SYSTEM);
    while (xesvm_pump_take_events(f.pump, &event, 1) == 1) {
        invalidations += event.type == XESVM_EVENT_INVALIDATE;
        if (event.type == XESVM_EVENT_OVERFLOW) {
            CHECK(!overflow);
            overflow = true;
        }
        if (event.type == XESVM_EVENT_DISCARD) {
            CHECK_EQ(event.allocation, 2);
            discarded += event.pages;
            discards++;
        }
    }
    CHECK(overflow);
    CHECK(invalidations >= 4096 && invalidations < MANY);
    /* No slot was free but the reserved one, so one event says all of it. */
    CHECK_EQ(discards, 1);
    CHECK_EQ(discarded, 512);
    /* There is room again. */
    CHECK_EQ(madvise(noise, PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(next_event(&f, XESVM_EVENT_INVALIDATE).pages, 1);
    client_release(memory, 512);
    client_release(noise, 1);
    fixture_close(&f);
}

static void pages_of_partial_events_add_up(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(512);
    uint32_t left = 512;

    fill_pages(memory, 512, 3);
    CHECK_EQ(migrate(&f, memory, 512, 0, 9), 0);
    for (uint32_t page = 0; page < 512; page += 32) {
        struct xesvm_pump_event event;

        CHECK_EQ(madvise(memory + page * PAGE, 32 * PAGE, MADV_DONTNEED), 0);
        event = next_event(&f, XESVM_EVENT_DISCARD);
        left -= event.pages;
        CHECK_EQ(event.remaining, left);
    }
    CHECK_EQ(left, 0);
    client_release(memory, 512);
    fixture_close(&f);
}

static void take_takes_no_more_than_the_capacity(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(3);
    struct xesvm_pump_event events[3];

    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(migrate(&f, memory + i * PAGE, 1, 0, i), 0);
    CHECK_EQ(xesvm_pump_take_events(f.pump, events, 3), 0);
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory), 3), 3);
    CHECK_EQ(xesvm_pump_take_events(f.pump, NULL, 0), 0);
    CHECK_EQ(xesvm_pump_take_events(f.pump, NULL, 1), -EINVAL);
    CHECK_EQ(xesvm_pump_take_events(f.pump, events, 2), 2);
    CHECK_EQ(events[1].allocation, 1);
    CHECK_EQ(xesvm_pump_take_events(f.pump, events, 3), 1);
    CHECK_EQ(events[0].allocation, 2);
    CHECK_EQ(events[1].allocation, 1);
    client_release(memory, 3);
    fixture_close(&f);
}

static void wait_times_out(void)
{
    struct fixture f = fixture_open();
    int64_t begin = xesvm_clock_monotonic_ns();

    CHECK_EQ(xesvm_pump_wait(f.pump, 0), 0);
    CHECK_EQ(xesvm_pump_wait(f.pump, 20000000), 0);
    CHECK(xesvm_clock_monotonic_ns() - begin >= 20000000);
    fixture_close(&f);
}

static void *wait_without_limit(void *pump)
{
    return (void *)(intptr_t)xesvm_pump_wait(pump, -1);
}

static void wake_ends_a_wait_now_or_the_next_one(void)
{
    struct fixture f = fixture_open();
    pthread_t waiter;
    void *result;

    CHECK_EQ(xesvm_pump_wake(f.pump), 0);
    CHECK_EQ(xesvm_pump_wait(f.pump, -1), 0);
    CHECK_EQ(pthread_create(&waiter, NULL, wait_without_limit, f.pump), 0);
    CHECK_EQ(xesvm_pump_wake(f.pump), 0);
    CHECK_EQ(pthread_join(waiter, &result), 0);
    CHECK_EQ((intptr_t)result, 0);
    CHECK_EQ(xesvm_pump_wait(f.pump, 0), 0);
    fixture_close(&f);
}

static void an_event_ends_a_wait(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1);
    struct xesvm_pump_event event;
    pthread_t waiter;
    void *result;

    fill_pages(memory, 1, 4);
    CHECK_EQ(migrate(&f, memory, 1, 0, 1), 0);
    CHECK_EQ(pthread_create(&waiter, NULL, wait_without_limit, f.pump), 0);
    CHECK(pages_hold(memory, 1, 4));
    CHECK_EQ(pthread_join(waiter, &result), 0);
    CHECK_EQ((intptr_t)result, 1);
    CHECK_EQ(xesvm_pump_take_events(f.pump, &event, 1), 1);
    CHECK_EQ(xesvm_pump_wait(f.pump, 0), 0);
    client_release(memory, 1);
    fixture_close(&f);
}

static void bad_arguments_are_EINVAL(void)
{
    struct xesvm_pump_counters counters;

    CHECK_EQ(xesvm_pump_wait(NULL, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_wake(NULL), -EINVAL);
    CHECK_EQ(xesvm_pump_take_events(NULL, NULL, 0), -EINVAL);
    CHECK_EQ(xesvm_pump_read_counters(NULL, &counters), -EINVAL);
}

static void counters_count(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct xesvm_isolation isolation;
    struct xesvm_pump_counters counters;

    fill_pages(memory, 64, 5);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(migrate(&f, memory + 16 * PAGE, 8, 16, 2), 0);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory) + 32 * PAGE, 4, &isolation), 0);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory) + 35 * PAGE, 4, &isolation) , -EBUSY);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK(pages_hold(memory, 16, 5));
    CHECK_EQ(madvise(memory + 16 * PAGE, 8 * PAGE, MADV_DONTNEED), 0);
    CHECK(pages_are_zero(memory + 16 * PAGE, 8));
    /* A client goes on before the fault thread has counted; a query waits until it has. */
    CHECK_EQ(state_of(&f, memory, 64), XESVM_PAGE_SYSTEM);
    counters = counters_of(&f);
    CHECK_EQ(counters.isolations, 3);
    CHECK_EQ(counters.pages_isolated, 28);
    CHECK_EQ(counters.commits, 2);
    CHECK_EQ(counters.pages_committed, 24);
    CHECK_EQ(counters.aborts, 1);
    CHECK_EQ(counters.busy, 1);
    CHECK_EQ(counters.pages_home, 16);
    CHECK_EQ(counters.pages_discarded, 8);
    CHECK_EQ(counters.zero_pages, 8);
    CHECK_EQ(counters.cpu_faults, 9);
    CHECK_EQ(counters.cpu_faults_isolated, 0);
    CHECK_EQ(counters.events_pending, 3);
    client_release(memory, 64);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"no_event_of_many_allocations_is_lost", no_event_of_many_allocations_is_lost, TEST_ONCE},
    {"when_the_ring_is_full_only_invalidations_are_lost_and_that_is_told",
     when_the_ring_is_full_only_invalidations_are_lost_and_that_is_told, TEST_ONCE},
    {"pages_of_partial_events_add_up", pages_of_partial_events_add_up, TEST_ONCE},
    {"take_takes_no_more_than_the_capacity", take_takes_no_more_than_the_capacity, TEST_ONCE},
    {"wait_times_out", wait_times_out, TEST_ONCE},
    {"wake_ends_a_wait_now_or_the_next_one", wake_ends_a_wait_now_or_the_next_one, TEST_ONCE},
    {"an_event_ends_a_wait", an_event_ends_a_wait, TEST_ONCE},
    {"bad_arguments_are_EINVAL", bad_arguments_are_EINVAL, TEST_ONCE},
    {"counters_count", counters_count, TEST_ONCE},
};

SUITE(event_suite, tests);
