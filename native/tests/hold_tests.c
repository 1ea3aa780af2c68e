/* SPDX-License-Identifier: MIT
 *
 * Pages that the device has to itself for a time.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define HOLD_NS 20000000u
#define FOR_EVER UINT64_MAX

/* The pages start at page vram_page of VRAM. */
static void migrate_held(struct fixture *f, const uint8_t *memory, uint32_t pages, uint32_t vram_page, uint64_t hold_until_ns)
{
    CHECK_EQ(migrate_until(f, memory, pages, vram_page, 1, hold_until_ns), 0);
}

static void a_cpu_touch_waits_until_the_hold_ends(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);
    uint64_t until;
    uint64_t old;

    fill_pages(memory, 32, 1);
    until = (uint64_t)xesvm_clock_monotonic_ns() + HOLD_NS;
    migrate_held(&f, memory, 16, 0, until);
    CHECK_EQ(xesvm_pump_device_add(f.pump, address_of(memory), address_of(f.vram), 1, 8, &old), 0);
    CHECK_EQ(*(volatile uint64_t *)(void *)memory, old + 1);
    CHECK((uint64_t)xesvm_clock_monotonic_ns() >= until);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);
    --*(volatile uint64_t *)(void *)memory;
    CHECK(pages_hold(memory, 32, 1));
    client_release(memory, 32);
    fixture_close(&f);
}

static void others_do_not_wait_behind_a_held_page(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(32);
    uint64_t until;
    pid_t child;
    int status;

    fill_pages(memory, 32, 1);
    until = (uint64_t)xesvm_clock_monotonic_ns() + 3600ull * 1000000000u;
    migrate_held(&f, memory, 16, 0, until);
    CHECK_EQ(migrate(&f, memory + 16 * PAGE, 16, 16, 2), 0);
    CHECK(*(volatile uint32_t *)(void *)(memory + 16 * PAGE) != 0);
    CHECK_EQ(state_of(&f, memory + 16 * PAGE, 16), XESVM_PAGE_SYSTEM);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_DEVICE);

    /* Eviction does not wait, nor does a fork. */
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory), 16), 16);
    CHECK(pages_hold(memory, 32, 1));
    migrate_held(&f, memory, 16, 0, until);
    child = fork();
    if (child == 0)
        _exit(pages_hold(memory, 32, 1) ? 0 : 1);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK_EQ(state_of(&f, memory, 16), XESVM_PAGE_SYSTEM);
    client_release(memory, 32);
    fixture_close(&f);
}

static void held_memory_can_be_given_up(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);

    fill_pages(memory, 16, 1);
    migrate_held(&f, memory, 16, 0, FOR_EVER);
    CHECK_EQ(madvise(memory, 8 * PAGE, MADV_DONTNEED), 0);
    CHECK(pages_are_zero(memory, 8));
    CHECK_EQ(munmap(memory + 8 * PAGE, 8 * PAGE), 0);
    CHECK_EQ(next_event(&f, XESVM_EVENT_DISCARD).pages, 8);
    CHECK_EQ(next_event(&f, XESVM_EVENT_DISCARD).remaining, 0);
    client_release(memory, 8);
    fixture_close(&f);
}

/* The walk that stands for CPU faults waits as they do. */
static void populate_waits_until_the_hold_ends(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    uint64_t until;

    fill_pages(memory, 16, 1);
    until = (uint64_t)xesvm_clock_monotonic_ns() + HOLD_NS;
    migrate_held(&f, memory, 16, 0, until);
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 16, 0), 0);
    CHECK((uint64_t)xesvm_clock_monotonic_ns() >= until);
    CHECK(pages_hold(memory, 16, 1));
    client_release(memory, 16);
    fixture_close(&f);
}

/* Bounded by time alone: the isolation is neither committed nor aborted while the CPU waits. */
static void a_cpu_touch_takes_an_isolation_back_when_its_hold_ends(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct xesvm_isolation isolation;
    uint64_t until;

    fill_pages(memory, 16, 1);
    until = (uint64_t)xesvm_clock_monotonic_ns() + HOLD_NS;
    CHECK_EQ(xesvm_pump_isolate_held(f.pump, address_of(memory), 16, until, &isolation), 0);
    CHECK(*(volatile uint32_t *)(void *)memory != 0);
    CHECK((uint64_t)xesvm_clock_monotonic_ns() >= until);
    CHECK_EQ(counters_of(&f).cpu_faults_isolated, 1);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EBUSY);
    CHECK(pages_hold(memory, 16, 1));
    client_release(memory, 16);
    fixture_close(&f);
}

struct toucher {
    uint8_t *memory;
    atomic_bool *touched;
};

static void *touch(void *argument)
{
    struct toucher *toucher = argument;

    ++*(volatile uint8_t *)toucher->memory;
    atomic_store(toucher->touched, true);
    return NULL;
}

/* Isolates with a hold that outlasts the test, lets a thread fault on the pages, and returns that thread. */
static pthread_t isolate_under_a_touch(struct fixture *f, struct toucher *toucher, struct xesvm_isolation *isolation)
{
    pthread_t thread;
    uint64_t until = (uint64_t)xesvm_clock_monotonic_ns() + 3600ull * 1000000000u;

    CHECK_EQ(xesvm_pump_isolate_held(f->pump, address_of(toucher->memory), 16, until, isolation), 0);
    CHECK_EQ(pthread_create(&thread, NULL, touch, toucher), 0);
    while (counters_of(f).cpu_faults == 0)
        sched_yield();
    CHECK_EQ(state_of(f, toucher->memory, 16), XESVM_PAGE_ISOLATED);
    return thread;
}

static void a_held_isolation_is_committed_although_the_cpu_wants_it(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    atomic_bool touched = false;
    struct toucher toucher = {.memory = memory, .touched = &touched};
    struct xesvm_isolation isolation;
    pthread_t thread;

    fill_pages(memory, 16, 1);
    thread = isolate_under_a_touch(&f, &toucher, &isolation);
    copy_isolation(&isolation, 16, f.vram);
    CHECK_EQ(xesvm_pump_commit_held(f.pump, isolation.id, address_of(f.vram), 1, FOR_EVER), 0);
    CHECK(!atomic_load(&touched));
    CHECK_EQ(counters_of(&f).cpu_faults_isolated, 0);
    CHECK_EQ(xesvm_pump_restore(f.pump, address_of(memory), 16), 16);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    --*(volatile uint8_t *)memory;
    CHECK(pages_hold(memory, 16, 1));
    client_release(memory, 16);
    fixture_close(&f);
}

static void an_aborted_isolation_lets_the_cpu_go_on_at_once(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    atomic_bool touched = false;
    struct toucher toucher = {.memory = memory, .touched = &touched};
    struct xesvm_isolation isolation;
    pthread_t thread;

    fill_pages(memory, 16, 1);
    thread = isolate_under_a_touch(&f, &toucher, &isolation);
    CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    --*(volatile uint8_t *)memory;
    CHECK(pages_hold(memory, 16, 1));
    client_release(memory, 16);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"a_cpu_touch_waits_until_the_hold_ends", a_cpu_touch_waits_until_the_hold_ends, TEST_BOTH},
    {"others_do_not_wait_behind_a_held_page", others_do_not_wait_behind_a_held_page, TEST_BOTH},
    {"held_memory_can_be_given_up", held_memory_can_be_given_up, TEST_BOTH},
    {"populate_waits_until_the_hold_ends", populate_waits_until_the_hold_ends, TEST_BOTH},
    {"a_cpu_touch_takes_an_isolation_back_when_its_hold_ends", a_cpu_touch_takes_an_isolation_back_when_its_hold_ends, TEST_BOTH},
    {"a_held_isolation_is_committed_although_the_cpu_wants_it", a_held_isolation_is_committed_although_the_cpu_wants_it, TEST_BOTH},
    {"an_aborted_isolation_lets_the_cpu_go_on_at_once", an_aborted_isolation_lets_the_cpu_go_on_at_once, TEST_BOTH},
};

SUITE(hold_suite, tests);
