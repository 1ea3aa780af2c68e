/* SPDX-License-Identifier: MIT
 *
 * A forked child has all of the memory, wherever it was.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

/* The exit code of a child that runs this; nothing in it may go by way of the test's own helpers. */
static int child_that(void (*run)(void *argument), void *argument)
{
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (child == 0) {
        alarm(20);
        run(argument);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct contents {
    struct fixture *fixture;
    uint8_t *memory;
    uint32_t pages;
};

static void check_contents(void *argument)
{
    struct contents *contents = argument;

    if (!pages_hold(contents->memory, contents->pages, 1))
        _exit(1);
    fill_pages(contents->memory, contents->pages, 2);
    if (!pages_hold(contents->memory, contents->pages, 2))
        _exit(2);
}

static void a_child_has_what_was_on_the_device_and_in_staging(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(1024);
    struct contents contents = {&f, memory, 1024};
    struct xesvm_isolation isolation;

    fill_pages(memory, 1024, 1);
    CHECK_EQ(migrate(&f, memory, 512, 0, 1), 0);
    CHECK_EQ(migrate(&f, memory + 600 * PAGE, 100, 600, 2), 0);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory) + 800 * PAGE, 64, &isolation), 0);
    CHECK_EQ(child_that(check_contents, &contents), 0);
    CHECK_EQ(state_of(&f, memory, 1024), XESVM_PAGE_SYSTEM);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram) + 800 * PAGE, 3), -EBUSY);
    CHECK(pages_hold(memory, 1024, 1));
    CHECK_EQ(counters_of(&f).pages_home, 612);
    /* The child is gone: the pages are the parent's own again as soon as it writes to them. */
    fill_pages(memory, 1024, 3);
    CHECK_EQ(migrate(&f, memory, 512, 0, 4), 0);
    CHECK(pages_hold(memory, 1024, 3));
    client_release(memory, 1024);
    fixture_close(&f);
}

struct sharing {
    struct contents contents;
    int populated[2]; /* a pipe: the parent has populated its pages */
};

static void check_after_populate(void *argument)
{
    struct sharing *sharing = argument;
    char byte;

    close(sharing->populated[1]);
    if (read(sharing->populated[0], &byte, 1) != 1)
        _exit(3);
    check_contents(&sharing->contents);
}

/* Whether /proc/self/pagemap says of each page that it is present and nobody else's. */
static bool are_own(const uint8_t *memory, uint32_t pages)
{
    const uint64_t own = (uint64_t)1 << 63 | (uint64_t)1 << 56;
    uint64_t entries[64];
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = pread(fd, entries, pages * sizeof(entries[0]), (off_t)(address_of(memory) / PAGE * sizeof(entries[0])));
    bool result = bytes == (ssize_t)(pages * sizeof(entries[0]));

    for (uint32_t page = 0; page < pages && result; page++)
        result = (entries[page] & own) == own;
    close(fd);
    return result;
}

/* Pages that are present are not enough for a write: the child's are the same until then. */
static void populate_for_writing_makes_shared_pages_the_callers_own(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(64);
    struct sharing sharing = {.contents = {&f, memory, 64}};
    int status;
    pid_t child;

    fill_pages(memory, 64, 1);
    CHECK_EQ(pipe(sharing.populated), 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(20);
        check_after_populate(&sharing);
        _exit(0);
    }
    CHECK(!are_own(memory, 64));
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 64, 0), 0);
    CHECK(!are_own(memory, 64));
    CHECK_EQ(xesvm_pump_populate(f.pump, address_of(memory), 64, 1), 0);
    CHECK(are_own(memory, 64));
    CHECK_EQ(write(sharing.populated[1], "", 1), 1);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK(pages_hold(memory, 64, 1));
    close(sharing.populated[0]);
    close(sharing.populated[1]);
    client_release(memory, 64);
    fixture_close(&f);
}

static void call_the_pump(void *argument)
{
    struct contents *contents = argument;
    uint64_t va = address_of(contents->memory);
    xesvm_pump *pump = contents->fixture->pump;
    struct xesvm_isolation isolation;
    struct xesvm_pump_event event;
    struct xesvm_pump_counters counters;
    uint64_t word = 0;
    uint8_t state;
    bool refused = xesvm_pump_isolate(pump, va, 1, &isolation) == -ESRCH && xesvm_pump_commit(pump, 1, va, 1) == -ESRCH &&
                   xesvm_pump_abort(pump, 1) == -ESRCH && xesvm_pump_restore(pump, va, 1) == -ESRCH &&
                   xesvm_pump_query(pump, va, 1, &state) == -ESRCH && xesvm_pump_populate(pump, va, 1, 0) == -ESRCH &&
                   xesvm_pump_device_read(pump, va, va, &word, 8) == -ESRCH &&
                   xesvm_pump_device_write(pump, va, va, &word, 8) == -ESRCH &&
                   xesvm_pump_device_add(pump, va, va, 1, 8, &word) == -ESRCH &&
                   xesvm_pump_take_events(pump, &event, 1) == -ESRCH && xesvm_pump_wait(pump, 0) == -ESRCH &&
                   xesvm_pump_wake(pump) == -ESRCH && xesvm_pump_read_counters(pump, &counters) == -ESRCH &&
                   xesvm_pump_destroy(pump) == -ESRCH;

    if (!refused)
        _exit(1);
}

static void a_child_cannot_call_its_parents_pump(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct contents contents = {&f, memory, 16};

    fill_pages(memory, 16, 1);
    CHECK_EQ(child_that(call_the_pump, &contents), 0);
    fill_pages(memory, 16, 1);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK(pages_hold(memory, 16, 1));
    client_release(memory, 16);
    fixture_close(&f);
}

static void make_a_pump_of_its_own(void *argument)
{
    struct contents *contents = argument;
    struct fixture own;

    if (xesvm_pump_create(0, &own.pump, &own.info) != 0)
        _exit(1);
    own.vram = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fill_pages(contents->memory, 16, 3);
    if (migrate(&own, contents->memory, 16, 0, 1) != 0)
        _exit(2);
    if (!pages_hold(contents->memory, 16, 3) || xesvm_pump_destroy(own.pump) != 0)
        _exit(3);
}

static void a_child_may_make_a_pump_of_its_own(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct contents contents = {&f, memory, 16};

    fill_pages(memory, 16, 1);
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK_EQ(child_that(make_a_pump_of_its_own, &contents), 0);
    CHECK(pages_hold(memory, 16, 1));
    client_release(memory, 16);
    fixture_close(&f);
}

struct migrator {
    struct contents contents;
    _Atomic bool stop;
    uint64_t migrations;
    uint64_t seed;
};

static void *migrate_until_told(void *argument)
{
    struct migrator *migrator = argument;
    struct contents *contents = &migrator->contents;

    while (!atomic_load(&migrator->stop)) {
        uint32_t first = (uint32_t)(test_random(&migrator->seed) % (contents->pages / 16)) * 16;
        uint8_t *memory = contents->memory + (size_t)first * PAGE;
        struct xesvm_pump_event events[16];

        /* What the last child shared becomes the parent's own by writing, or it would refuse for good. */
        for (uint32_t page = 0; page < 16; page++) {
            volatile uint8_t *byte = memory + (size_t)page * PAGE;

            *byte = *byte;
        }
        migrator->migrations += migrate(contents->fixture, memory, 16, first, 1) == 0;
        while (xesvm_pump_take_events(contents->fixture->pump, events, 16) == 16)
            continue;
    }
    return NULL;
}

static void children_of_a_migrating_process_have_all_content(void)
{
    struct fixture f = fixture_open();
    struct migrator migrator = {.contents = {&f, client_memory(256), 256}, .seed = test_seed()};
    pthread_t thread;

    fill_pages(migrator.contents.memory, 256, 1);
    CHECK_EQ(pthread_create(&thread, NULL, migrate_until_told, &migrator), 0);
    for (uint32_t round = 0; round < 60; round++)
        CHECK_EQ(child_that(check_contents, &migrator.contents), 0);
    atomic_store(&migrator.stop, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    test_note("%llu migrations", (unsigned long long)migrator.migrations);
    CHECK(migrator.migrations > 0);
    CHECK(pages_hold(migrator.contents.memory, 256, 1));
    client_release(migrator.contents.memory, 256);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"a_child_has_what_was_on_the_device_and_in_staging", a_child_has_what_was_on_the_device_and_in_staging, TEST_BOTH},
    {"populate_for_writing_makes_shared_pages_the_callers_own", populate_for_writing_makes_shared_pages_the_callers_own, TEST_BOTH},
    {"a_child_cannot_call_its_parents_pump", a_child_cannot_call_its_parents_pump, TEST_BOTH},
    {"a_child_may_make_a_pump_of_its_own", a_child_may_make_a_pump_of_its_own, TEST_BOTH},
    {"children_of_a_migrating_process_have_all_content", children_of_a_migrating_process_have_all_content, TEST_BOTH},
};

SUITE(fork_suite, tests);
