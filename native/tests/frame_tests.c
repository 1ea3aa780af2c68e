/* SPDX-License-Identifier: MIT
 *
 * Threads whose own stacks migrate.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "fixture.h"

#define STACK_PAGES 512u

struct stack_thread {
    struct fixture *fixture;
    uint8_t *stack;
    pthread_t thread;
    _Atomic int32_t phase;
    _Atomic bool stop;
    int32_t result;
    uint64_t rounds;
    uint64_t vram; /* of a device page in the stack's own block, or 0 */
};

static void start_on_stack(struct stack_thread *thread, void *(*run)(void *))
{
    pthread_attr_t attributes;

    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstack(&attributes, thread->stack, STACK_PAGES * PAGE), 0);
    CHECK_EQ(pthread_create(&thread->thread, &attributes, run, thread), 0);
    pthread_attr_destroy(&attributes);
}

static void *isolate_own_stack(void *argument)
{
    struct stack_thread *thread = argument;
    struct xesvm_isolation isolation;

    thread->result = xesvm_pump_isolate(thread->fixture->pump, address_of(thread->stack), STACK_PAGES, &isolation);
    return NULL;
}

static void isolating_the_callers_own_stack_is_EBUSY(void)
{
    struct fixture f = fixture_open();
    struct stack_thread thread = {.fixture = &f, .stack = client_memory(STACK_PAGES)};

    start_on_stack(&thread, isolate_own_stack);
    CHECK_EQ(pthread_join(thread.thread, NULL), 0);
    CHECK_EQ(thread.result, -EBUSY);
    CHECK_EQ(counters_of(&f).pages_isolated, 0);
    client_release(thread.stack, STACK_PAGES);
    fixture_close(&f);
}

static void *spin_between_phases(void *argument)
{
    struct stack_thread *thread = argument;
    volatile uint32_t words[PAGE];

    for (uint32_t i = 0; i < PAGE; i++)
        words[i] = i * 3;
    atomic_store(&thread->phase, 1);
    while (atomic_load(&thread->phase) != 2)
        continue;
    for (uint32_t i = 0; i < PAGE; i++)
        thread->result += words[i] != i * 3;
    return NULL;
}

static void the_stack_of_a_running_thread_migrates(void)
{
    struct fixture f = fixture_open();
    struct stack_thread thread = {.fixture = &f, .stack = client_memory(STACK_PAGES)};

    start_on_stack(&thread, spin_between_phases);
    while (atomic_load(&thread.phase) != 1)
        sched_yield();
    for (uint32_t i = 0; i < 20; i++) {
        int32_t result = migrate(&f, thread.stack, STACK_PAGES, 0, i);

        CHECK(result == 0 || result == -EBUSY || result == -EEXIST);
        /* The thread itself may bring some of it home at the same time. */
        if (result == -EEXIST)
            CHECK(xesvm_pump_restore(f.pump, address_of(thread.stack), STACK_PAGES) <= (int32_t)STACK_PAGES);
    }
    atomic_store(&thread.phase, 2);
    CHECK_EQ(pthread_join(thread.thread, NULL), 0);
    CHECK_EQ(thread.result, 0);
    client_release(thread.stack, STACK_PAGES);
    fixture_close(&f);
}

/* Calls exports that lock the bucket of the very block that this thread's stack is in. */
static void *work_in_own_block(void *argument)
{
    struct stack_thread *thread = argument;
    struct fixture *f = thread->fixture;
    uint64_t va = address_of(thread->stack);
    uint64_t seed = va;

    while (!atomic_load(&thread->stop)) {
        struct xesvm_isolation isolation;
        uint8_t states[64];
        uint64_t old;

        switch (test_random(&seed) % 5) {
        case 0:
            xesvm_pump_query(f->pump, va, 64, states);
            break;
        case 1:
            xesvm_pump_restore(f->pump, va, 1);
            break;
        case 2:
            xesvm_pump_device_add(f->pump, va, thread->vram, 1, 8, &old);
            break;
        case 3:
            xesvm_pump_device_read(f->pump, va, thread->vram, states, sizeof(states));
            break;
        default:
            if (xesvm_pump_isolate(f->pump, va + 64 * PAGE, 16, &isolation) == 0)
                xesvm_pump_abort(f->pump, isolation.id);
        }
        thread->rounds++;
    }
    return NULL;
}

static void threads_whose_stacks_migrate_can_use_the_pump(void)
{
    struct fixture f = fixture_open();
    struct stack_thread threads[2];
    int64_t end = xesvm_clock_monotonic_ns() + 1000000000;
    uint32_t migrated = 0;
    uint64_t seed = test_seed();

    for (uint32_t i = 0; i < 2; i++) {
        threads[i] = (struct stack_thread){
            .fixture = &f, .stack = client_memory(STACK_PAGES), .vram = address_of(f.vram) + i * BLOCK};
        start_on_stack(&threads[i], work_in_own_block);
    }
    while (xesvm_clock_monotonic_ns() < end) {
        uint32_t i = (uint32_t)(test_random(&seed) % 2);
        /* The whole stack, or the pages at its top, where the thread is. */
        uint32_t pages = test_random(&seed) % 2 ? STACK_PAGES : 1 + (uint32_t)(test_random(&seed) % 8);
        uint32_t first = STACK_PAGES - pages;

        migrated += migrate(&f, threads[i].stack + first * PAGE, pages, i * STACK_PAGES + first, i) == 0;
    }
    for (uint32_t i = 0; i < 2; i++) {
        atomic_store(&threads[i].stop, true);
        CHECK_EQ(pthread_join(threads[i].thread, NULL), 0);
        client_release(threads[i].stack, STACK_PAGES);
    }
    test_note("%u migrations of stacks, %llu and %llu calls", migrated, (unsigned long long)threads[0].rounds,
              (unsigned long long)threads[1].rounds);
    CHECK(migrated > 0 && threads[0].rounds > 0 && threads[1].rounds > 0);
    fixture_close(&f);
}

static _Atomic uint64_t handled;

static void on_signal(int signal)
{
    (void)signal;
    atomic_fetch_add(&handled, 1);
}

static void *call_in_a_loop(void *argument)
{
    struct stack_thread *thread = argument;
    struct xesvm_isolation isolation;

    while (!atomic_load(&thread->stop)) {
        thread->result |= xesvm_pump_isolate(thread->fixture->pump, address_of(thread->stack), 16, &isolation);
        thread->result |= xesvm_pump_abort(thread->fixture->pump, isolation.id);
        thread->rounds++;
    }
    return NULL;
}

static void signals_are_handled_between_calls_and_the_mask_stays(void)
{
    struct fixture f = fixture_open();
    struct stack_thread thread = {.fixture = &f, .stack = client_memory(16)};
    sigset_t before;
    sigset_t after;
    uint8_t state;

    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
    fill_pages(thread.stack, 16, 1);
    CHECK_EQ(pthread_create(&thread.thread, NULL, call_in_a_loop, &thread), 0);
    for (uint32_t sent = 0; sent < 1000; sent++) {
        uint64_t before_signal = atomic_load(&handled);

        CHECK_EQ(pthread_kill(thread.thread, SIGUSR1), 0);
        while (atomic_load(&handled) == before_signal)
            sched_yield();
    }
    atomic_store(&thread.stop, true);
    CHECK_EQ(pthread_join(thread.thread, NULL), 0);
    CHECK_EQ(thread.result, 0);
    CHECK(pages_hold(thread.stack, 16, 1));
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    CHECK_EQ(xesvm_pump_query(f.pump, address_of(thread.stack), 1, &state), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 65; number++)
        CHECK_EQ(sigismember(&after, number), sigismember(&before, number));
    client_release(thread.stack, 16);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"isolating_the_callers_own_stack_is_EBUSY", isolating_the_callers_own_stack_is_EBUSY, TEST_ONCE},
    {"the_stack_of_a_running_thread_migrates", the_stack_of_a_running_thread_migrates, TEST_FULL_ONLY},
    {"threads_whose_stacks_migrate_can_use_the_pump", threads_whose_stacks_migrate_can_use_the_pump, TEST_FULL_ONLY},
    {"signals_are_handled_between_calls_and_the_mask_stays", signals_are_handled_between_calls_and_the_mask_stays,
     TEST_ONCE},
};

SUITE(frame_suite, tests);
