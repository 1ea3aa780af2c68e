/* SPDX-License-Identifier: MIT
 *
 * Everything at once, with a seed that is printed. What is random is the work; what is checked holds for any order.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "fixture.h"

#define PAGES 64u
#define CPU_THREADS 4u
#define SECONDS 3
#define DEVICE_WORD CPU_THREADS /* of each page: words 0 to 3 are the CPU threads', this one is the device's */

struct stress {
    struct fixture *fixture;
    uint8_t *memory;
    _Atomic bool go;
    _Atomic bool stop;
    _Atomic uint64_t vram_of[PAGES]; /* where the page was committed last */
    _Atomic uint64_t errors;
    _Atomic uint64_t attempts; /* at a migration, whatever came of them */
};

struct worker {
    struct stress *stress;
    void *(*run)(void *worker);
    pthread_t thread;
    uint32_t index;
    uint64_t seed;
    uint64_t done;
    uint64_t other; /* what else is worth telling */
    uint64_t counts[PAGES];
};

static volatile uint64_t *word_of(struct stress *stress, uint32_t page, uint32_t word)
{
    return (volatile uint64_t *)(void *)(stress->memory + (size_t)page * PAGE) + word;
}

static void *count_on_the_cpu(void *argument)
{
    struct worker *worker = argument;

    while (!atomic_load_explicit(&worker->stress->stop, memory_order_relaxed)) {
        uint32_t page = (uint32_t)(test_random(&worker->seed) % PAGES);

        /* In runs: a page that is touched once in a while can migrate. */
        for (uint32_t i = 0; i < 200; i++) {
            ++*word_of(worker->stress, page, worker->index);
            worker->counts[page]++;
        }
        worker->done++;
    }
    return NULL;
}

static void *count_on_the_device(void *argument)
{
    struct worker *worker = argument;
    struct stress *stress = worker->stress;

    while (!atomic_load_explicit(&stress->stop, memory_order_relaxed)) {
        uint32_t page = (uint32_t)(test_random(&worker->seed) % PAGES);
        uint64_t va = address_of(stress->memory) + page * PAGE + DEVICE_WORD * 8;
        uint64_t vram = atomic_load(&stress->vram_of[page]) + DEVICE_WORD * 8;
        uint64_t old;
        int32_t result = xesvm_pump_device_add(stress->fixture->pump, va, vram, 1, 8, &old);

        if (result == 0)
            worker->done++;
        else if (result != -EAGAIN)
            atomic_fetch_add(&stress->errors, 1);
        /* A device may access system memory as well, where the page is there. */
        else if (test_random(&worker->seed) % 16 == 0)
            old = __atomic_fetch_add(word_of(stress, page, DEVICE_WORD), 1, __ATOMIC_RELAXED);
        else
            continue;
        if (old != worker->counts[page])
            atomic_fetch_add(&stress->errors, 1);
        worker->counts[page]++;
    }
    return NULL;
}

/* One random migration, of a random outcome. */
static void migrate_some(struct worker *worker, uint32_t pages_all)
{
    static const uint32_t sizes[] = {1, 2, 4, 16, 64};
    struct stress *stress = worker->stress;
    xesvm_pump *pump = stress->fixture->pump;
    uint32_t pages = sizes[test_random(&worker->seed) % 5];
    uint32_t first = (uint32_t)(test_random(&worker->seed) % (pages_all / pages)) * pages;
    /* A page has a place of its own in each of many copies of the memory, so no two live allocations overlap. */
    uint32_t place = (uint32_t)(test_random(&worker->seed) % (VRAM_PAGES / 2 / pages_all)) * pages_all + first +
                     worker->index * VRAM_PAGES / 2;
    uint64_t va = address_of(stress->memory) + first * PAGE;
    uint8_t *vram = stress->fixture->vram + place * PAGE;
    struct xesvm_isolation isolation;
    int32_t result = xesvm_pump_isolate(pump, va, pages, &isolation);

    atomic_fetch_add(&stress->attempts, 1);
    if (result == -EEXIST) {
        xesvm_pump_restore(pump, va, pages);
        return;
    }
    if (result < 0) {
        if (result != -EBUSY && result != -EFAULT)
            atomic_fetch_add(&stress->errors, 1);
        worker->other += result == -EBUSY;
        return;
    }
    copy_isolation(&isolation, pages, vram);
    if (test_random(&worker->seed) % 8 == 0) {
        result = xesvm_pump_abort(pump, isolation.id);
        if (result != 0)
            atomic_fetch_add(&stress->errors, 1);
        return;
    }
    for (uint32_t page = 0; page < pages && first + page < PAGES; page++)
        atomic_store(&stress->vram_of[first + page], address_of(vram) + page * PAGE);
    result = xesvm_pump_commit(pump, isolation.id, address_of(vram), worker->done);
    if (result == 0)
        worker->done++;
    else if (result == -EBUSY)
        worker->other++;
    else
        atomic_fetch_add(&stress->errors, 1);
}

static void *migrate_in_a_loop(void *argument)
{
    struct worker *worker = argument;

    while (!atomic_load_explicit(&worker->stress->stop, memory_order_relaxed)) {
        struct xesvm_pump_event events[64];

        migrate_some(worker, PAGES);
        while (xesvm_pump_take_events(worker->stress->fixture->pump, events, 64) == 64)
            continue;
    }
    return NULL;
}

/* Not before all threads are there: the stack of a new one may come to lie in a gap that another one has made and means to fill. */
static void *run_when_all_are_there(void *argument)
{
    struct worker *worker = argument;

    while (!atomic_load(&worker->stress->go))
        sched_yield();
    return worker->run(worker);
}

static void start(struct worker *worker, struct stress *stress, uint32_t index, uint64_t *seed, void *(*run)(void *))
{
    *worker = (struct worker){.stress = stress, .run = run, .index = index, .seed = test_random(seed)};
    CHECK_EQ(pthread_create(&worker->thread, NULL, run_when_all_are_there, worker), 0);
}

static void finish(struct worker *workers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
}

static void run_for_seconds(struct stress *stress, uint64_t wanted)
{
    int64_t end = xesvm_clock_monotonic_ns() + SECONDS * 1000000000ll;

    atomic_store(&stress->go, true);
    /* Nothing to take: this thread only lets time go by, more of it where all threads have hardly had a turn. */
    while (xesvm_clock_monotonic_ns() < end || (wanted > 0 && atomic_load(&stress->attempts) < wanted))
        xesvm_pump_populate(stress->fixture->pump, address_of(stress->memory) + (PAGES - 1) * PAGE, 1, 0);
    atomic_store(&stress->stop, true);
}

static void no_update_is_lost_between_cpu_and_device(void)
{
    struct fixture f = fixture_open();
    struct stress stress = {.fixture = &f, .memory = client_memory(PAGES)};
    struct worker workers[CPU_THREADS + 2];
    struct xesvm_pump_counters counters;
    uint64_t seed = test_seed();

    for (uint32_t i = 0; i < CPU_THREADS; i++)
        start(&workers[i], &stress, i, &seed, count_on_the_cpu);
    start(&workers[CPU_THREADS], &stress, DEVICE_WORD, &seed, count_on_the_device);
    start(&workers[CPU_THREADS + 1], &stress, 0, &seed, migrate_in_a_loop);
    run_for_seconds(&stress, 20);
    finish(workers, CPU_THREADS + 2);
    counters = counters_of(&f);
    test_note("%llu migrations, %llu refused, %llu device adds, %llu cpu faults, %llu of them on isolated pages",
              (unsigned long long)workers[CPU_THREADS + 1].done, (unsigned long long)workers[CPU_THREADS + 1].other,
              (unsigned long long)workers[CPU_THREADS].done, (unsigned long long)counters.cpu_faults,
              (unsigned long long)counters.cpu_faults_isolated);
    CHECK_EQ(atomic_load(&stress.errors), 0);
    CHECK(workers[CPU_THREADS + 1].done > 0 && workers[CPU_THREADS].done > 0);
    for (uint32_t page = 0; page < PAGES; page++) {
        for (uint32_t word = 0; word <= CPU_THREADS; word++)
            CHECK_EQ(*word_of(&stress, page, word), workers[word].counts[page]);
    }
    client_release(stress.memory, PAGES);
    fixture_close(&f);
}

/* Owns every CPU_THREADS-th page, and does what a program may do with its memory. What it knows of its pages must stay true. */
static void *own_pages(void *argument)
{
    struct worker *worker = argument;
    struct stress *stress = worker->stress;

    for (uint32_t page = worker->index; !atomic_load(&stress->stop); page = (page + CPU_THREADS) % PAGES) {
        uint8_t *memory = stress->memory + (size_t)page * PAGE;
        uint32_t seed = (uint32_t)worker->done;
        bool good = true;

        fill_pages(memory, 1, seed);
        sched_yield();
        good = good && pages_hold(memory, 1, seed);
        switch (test_random(&worker->seed) % 3) {
        case 0:
            good = good && madvise(memory, PAGE, MADV_DONTNEED) == 0;
            break;
        case 1:
            good = good && mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory;
            break;
        default:
            good = good && munmap(memory, PAGE) == 0;
            sched_yield();
            good = good && mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                                0) == memory;
        }
        if (test_random(&worker->seed) % 2)
            sched_yield();
        good = good && pages_are_zero(memory, 1);
        worker->done++;
        if (!good)
            atomic_fetch_add(&stress->errors, 1);
    }
    return NULL;
}

static void dropped_memory_reads_as_zeros_and_the_rest_keeps_its_content(void)
{
    struct fixture f = fixture_open();
    struct stress stress = {.fixture = &f, .memory = client_memory(PAGES)};
    struct worker workers[CPU_THREADS + 1];
    uint64_t seed = test_seed();
    uint64_t rounds = 0;

    for (uint32_t i = 0; i < CPU_THREADS; i++)
        start(&workers[i], &stress, i, &seed, own_pages);
    start(&workers[CPU_THREADS], &stress, 0, &seed, migrate_in_a_loop);
    run_for_seconds(&stress, 20);
    finish(workers, CPU_THREADS + 1);
    for (uint32_t i = 0; i < CPU_THREADS; i++)
        rounds += workers[i].done;
    test_note("%llu rounds, %llu migrations, %llu refused, %llu pages discarded, %llu restarts", (unsigned long long)rounds,
              (unsigned long long)workers[CPU_THREADS].done, (unsigned long long)workers[CPU_THREADS].other,
              (unsigned long long)counters_of(&f).pages_discarded, (unsigned long long)counters_of(&f).restarts);
    CHECK_EQ(atomic_load(&stress.errors), 0);
    CHECK(rounds > 0 && workers[CPU_THREADS].done > 0);
    client_release(stress.memory, PAGES);
    fixture_close(&f);
}

/* Moves its 16 pages to and fro between two places, one in each half of the memory; not all the time, so that pages migrate between. */
static void *move_pages(void *argument)
{
    struct worker *worker = argument;
    struct stress *stress = worker->stress;
    uint8_t *places[2] = {stress->memory + worker->index * 16 * PAGE, stress->memory + (PAGES + worker->index * 16) * PAGE};
    uint32_t at = 0;

    fill_pages(places[0], 16, 0);
    while (!atomic_load(&stress->stop)) {
        uint32_t seed = (uint32_t)worker->done;
        bool good = true;

        if (test_random(&worker->seed) % 4 == 0) {
            good = mremap(places[at], 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, places[1 - at]) == places[1 - at];
            at = 1 - at;
            worker->other++;
        }
        good = good && pages_hold(places[at], 16, seed);
        if (!good) {
            atomic_fetch_add(&stress->errors, 1);
            break;
        }
        fill_pages(places[at], 16, seed + 1);
        worker->done++;
    }
    return NULL;
}

/* A program that grows its arrays: where the kernel puts them is often where another thread's were a moment ago. */
static void *grow_arrays(void *argument)
{
    struct worker *worker = argument;
    struct stress *stress = worker->stress;
    struct fixture *f = stress->fixture;
    uint32_t vram_page = worker->index * (VRAM_PAGES / CPU_THREADS);

    while (!atomic_load(&stress->stop)) {
        uint32_t pages = 1 + (uint32_t)(test_random(&worker->seed) % 32);
        uint32_t seed = (uint32_t)worker->done;
        uint8_t *memory = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        uint32_t to_block = (uint32_t)(BLOCK - address_of(memory) % BLOCK) / PAGE;
        bool good = memory != MAP_FAILED;

        fill_pages(memory, pages, seed);
        /* All of it or nothing is registered, or mremap would refuse. */
        if (good && to_block >= pages)
            worker->other += migrate(f, memory, pages, vram_page, worker->done) == 0;
        for (uint32_t moves = 0; good && moves < 3; moves++) {
            void *moved = mremap(memory, (size_t)pages * PAGE, (size_t)(pages + 8) * PAGE, MREMAP_MAYMOVE);

            good = moved != MAP_FAILED && munmap((uint8_t *)moved + (size_t)pages * PAGE, 8 * PAGE) == 0;
            memory = moved;
        }
        if (!good || !pages_hold(memory, pages, seed))
            atomic_fetch_add(&stress->errors, 1);
        munmap(memory, (size_t)pages * PAGE);
        worker->done++;
    }
    return NULL;
}

static void *take_events_in_a_loop(void *argument)
{
    struct worker *worker = argument;
    struct xesvm_pump_event events[64];

    while (!atomic_load_explicit(&worker->stress->stop, memory_order_relaxed)) {
        while (xesvm_pump_take_events(worker->stress->fixture->pump, events, 64) == 64)
            continue;
        sched_yield();
    }
    return NULL;
}

static void arrays_that_grow_keep_their_content(void)
{
    struct fixture f = fixture_open();
    struct stress stress = {.fixture = &f, .memory = client_memory(PAGES)};
    struct worker workers[CPU_THREADS + 1];
    uint64_t seed = test_seed();
    uint64_t rounds = 0;
    uint64_t migrations = 0;

    for (uint32_t i = 0; i < CPU_THREADS; i++)
        start(&workers[i], &stress, i, &seed, grow_arrays);
    start(&workers[CPU_THREADS], &stress, 0, &seed, take_events_in_a_loop);
    run_for_seconds(&stress, 0);
    finish(workers, CPU_THREADS + 1);
    for (uint32_t i = 0; i < CPU_THREADS; i++) {
        rounds += workers[i].done;
        migrations += workers[i].other;
    }
    test_note("%llu rounds, %llu migrations, %llu restarts", (unsigned long long)rounds, (unsigned long long)migrations,
              (unsigned long long)counters_of(&f).restarts);
    CHECK_EQ(atomic_load(&stress.errors), 0);
    CHECK(migrations > 0);
    client_release(stress.memory, PAGES);
    fixture_close(&f);
}

static void *migrate_twice_the_pages(void *argument)
{
    struct worker *worker = argument;

    while (!atomic_load_explicit(&worker->stress->stop, memory_order_relaxed)) {
        struct xesvm_pump_event events[64];

        migrate_some(worker, 2 * PAGES);
        while (xesvm_pump_take_events(worker->stress->fixture->pump, events, 64) == 64)
            continue;
    }
    return NULL;
}

/* The places that are free at a moment are gaps in the address space: whoever maps anything without naming an address may get one, and
 * lose it to the next mremap. So nothing is mapped while the threads run: their stacks are there before, and so is what the pump needs. */
static void moved_memory_keeps_its_content(void)
{
    struct fixture f = fixture_open();
    struct stress stress = {.fixture = &f, .memory = client_memory(2 * PAGES)};
    struct worker workers[CPU_THREADS + 1];
    uint64_t seed = test_seed();
    uint64_t rounds = 0;

    CHECK_EQ(migrate(&f, stress.memory, PAGES, 0, 0), 0);
    CHECK_EQ(mprotect(stress.memory + PAGES * PAGE, PAGES * PAGE, PROT_NONE), 0);
    for (uint32_t i = 0; i < CPU_THREADS; i++)
        start(&workers[i], &stress, i, &seed, move_pages);
    start(&workers[CPU_THREADS], &stress, 0, &seed, migrate_twice_the_pages);
    run_for_seconds(&stress, 20);
    finish(workers, CPU_THREADS + 1);
    for (uint32_t i = 0; i < CPU_THREADS; i++)
        rounds += workers[i].other;
    test_note("%llu moves, %llu migrations, %llu refused, %llu restarts", (unsigned long long)rounds,
              (unsigned long long)workers[CPU_THREADS].done, (unsigned long long)workers[CPU_THREADS].other,
              (unsigned long long)counters_of(&f).restarts);
    CHECK_EQ(atomic_load(&stress.errors), 0);
    /* While changes are under way all the time, to be refused is an answer too; to wait for ever is none. */
    CHECK(rounds > 0);
    client_release(stress.memory, 2 * PAGES);
    fixture_close(&f);
}

static void two_threads_migrate_the_same_pages(void)
{
    struct fixture f = fixture_open();
    struct stress stress = {.fixture = &f, .memory = client_memory(PAGES)};
    struct worker workers[4];
    uint64_t seed = test_seed();

    for (uint32_t i = 0; i < 2; i++)
        start(&workers[i], &stress, i, &seed, count_on_the_cpu);
    for (uint32_t i = 0; i < 2; i++)
        start(&workers[2 + i], &stress, i, &seed, migrate_in_a_loop);
    run_for_seconds(&stress, 20);
    finish(workers, 4);
    test_note("%llu and %llu migrations", (unsigned long long)workers[2].done, (unsigned long long)workers[3].done);
    CHECK_EQ(atomic_load(&stress.errors), 0);
    CHECK(workers[2].done > 0 && workers[3].done > 0);
    for (uint32_t page = 0; page < PAGES; page++) {
        for (uint32_t word = 0; word < 2; word++)
            CHECK_EQ(*word_of(&stress, page, word), workers[word].counts[page]);
    }
    client_release(stress.memory, PAGES);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"no_update_is_lost_between_cpu_and_device", no_update_is_lost_between_cpu_and_device, TEST_BOTH},
    {"dropped_memory_reads_as_zeros_and_the_rest_keeps_its_content",
     dropped_memory_reads_as_zeros_and_the_rest_keeps_its_content, TEST_BOTH},
    {"moved_memory_keeps_its_content", moved_memory_keeps_its_content, TEST_BOTH},
    {"arrays_that_grow_keep_their_content", arrays_that_grow_keep_their_content, TEST_BOTH},
    {"two_threads_migrate_the_same_pages", two_threads_migrate_the_same_pages, TEST_BOTH},
};

SUITE(stress_suite, tests);
