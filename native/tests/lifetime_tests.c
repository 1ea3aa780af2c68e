/* SPDX-License-Identifier: MIT
 *
 * Making and ending pumps.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static void create_tells_the_mode_and_the_features(void)
{
    struct fixture f = fixture_open();

    CHECK_EQ(f.info.mode, test_in_user_mode() ? XESVM_PUMP_MODE_USER : f.info.mode);
    CHECK(f.info.mode == XESVM_PUMP_MODE_USER || f.info.mode == XESVM_PUMP_MODE_FULL);
    CHECK(f.info.features & 1 << 16);
    test_note("mode %s, features 0x%llx", f.info.mode == XESVM_PUMP_MODE_FULL ? "full" : "user",
              (unsigned long long)f.info.features);
    fixture_close(&f);
}

static uint32_t open_files(void)
{
    uint32_t count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static uint32_t mappings(void)
{
    struct xesvm_vma vma;
    uint32_t count = 0;

    for (uint64_t address = 0; xesvm_client_find_vma(address, &vma) == 0; address = vma.end)
        count++;
    return count;
}

static void create_and_destroy_leave_nothing_behind(void)
{
    uint32_t files = open_files();
    uint32_t maps = 0;

    for (uint32_t round = 0; round < 5; round++) {
        struct fixture f = fixture_open();
        uint8_t *memory = client_memory(512);

        fill_pages(memory, 512, round);
        CHECK_EQ(migrate(&f, memory, 512, 0, 1), 0);
        fixture_close(&f);
        CHECK(pages_hold(memory, 512, round));
        client_release(memory, 512);
        CHECK_EQ(open_files(), files);
        /* The first round may map what libc keeps for itself. */
        if (round == 1)
            maps = mappings();
    }
    CHECK_EQ(mappings(), maps);
}

static void destroy_brings_everything_home(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(2048);

    fill_pages(memory, 2048, 1);
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQ(migrate(&f, memory + i * BLOCK, 512, i * 512, i), 0);
    CHECK_EQ(madvise(memory + 100 * PAGE, 10 * PAGE, MADV_DONTNEED), 0);
    fixture_close(&f);
    CHECK(pages_hold(memory, 100, 1));
    /* Nobody watches the hole any more: the kernel fills it. */
    CHECK(pages_are_zero(memory + 100 * PAGE, 10));
    client_release(memory, 2048);
}

static void destroy_refuses_while_isolations_are_open(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    struct xesvm_isolation isolation;

    fill_pages(memory, 16, 2);
    CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory), 16, &isolation), 0);
    CHECK_EQ(xesvm_pump_destroy(f.pump), -EBUSY);
    memory[0]++;
    CHECK_EQ(xesvm_pump_destroy(f.pump), -EBUSY);
    CHECK_EQ(xesvm_pump_commit(f.pump, isolation.id, address_of(f.vram), 1), -EBUSY);
    memory[0]--;
    CHECK_EQ(migrate(&f, memory, 16, 0, 1), 0);
    CHECK(pages_hold(memory, 16, 2));
    fixture_close(&f);
    client_release(memory, 16);
}

struct toucher {
    uint8_t *memory;
    uint32_t pages;
    _Atomic bool stop;
    uint64_t touched;
};

/* Counts every page up, over and over. */
static void *touch(void *argument)
{
    struct toucher *toucher = argument;

    while (!atomic_load(&toucher->stop)) {
        for (uint32_t page = 0; page < toucher->pages; page++)
            ++*(volatile uint64_t *)(void *)(toucher->memory + (size_t)page * PAGE);
        toucher->touched++;
    }
    return NULL;
}

static void destroy_under_load_loses_nothing(void)
{
    struct toucher toucher = {.memory = client_memory(1024), .pages = 1024};
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, touch, &toucher), 0);
    for (uint32_t round = 0; round < 20; round++) {
        struct fixture f = fixture_open();

        for (uint32_t i = 0; i < 64; i++)
            migrate(&f, toucher.memory + i * 16 * PAGE, 16, i * 16, i);
        fixture_close(&f);
    }
    atomic_store(&toucher.stop, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (uint32_t page = 0; page < toucher.pages; page++)
        CHECK_EQ(*(uint64_t *)(void *)(toucher.memory + (size_t)page * PAGE), toucher.touched);
    client_release(toucher.memory, 1024);
}

static void *drop_in_a_loop(void *argument)
{
    struct toucher *toucher = argument;

    while (!atomic_load(&toucher->stop)) {
        madvise(toucher->memory, toucher->pages * PAGE, MADV_DONTNEED);
        toucher->touched++;
    }
    return NULL;
}

/* A thread that waits for its message to be read must not be left behind. The child keeps the userfaultfd open. */
static void destroy_lets_threads_in_madvise_go_on(void)
{
    struct toucher toucher = {.memory = client_memory(16), .pages = 16};
    struct fixture first = fixture_open();
    pthread_t thread;
    int ends[2];
    pid_t child;

    CHECK_EQ(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        char byte;

        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    CHECK(child > 0);
    fill_pages(toucher.memory, 16, 1);
    CHECK_EQ(migrate(&first, toucher.memory, 16, 0, 1), 0);
    CHECK_EQ(pthread_create(&thread, NULL, drop_in_a_loop, &toucher), 0);
    fixture_close(&first);
    for (uint32_t round = 0; round < 20; round++) {
        struct fixture f = fixture_open();

        for (uint32_t i = 0; i < 16; i++)
            migrate(&f, toucher.memory + i * PAGE, 1, i, i);
        fixture_close(&f);
    }
    atomic_store(&toucher.stop, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    close(ends[0]);
    close(ends[1]);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    client_release(toucher.memory, 16);
}

static void a_second_pump_may_not_take_the_memory_of_the_first(void)
{
    struct fixture first = fixture_open();
    struct fixture second = fixture_open();
    uint8_t *memory = client_memory(32);

    fill_pages(memory, 32, 3);
    CHECK_EQ(migrate(&first, memory, 16, 0, 1), 0);
    CHECK_EQ(migrate(&second, memory, 16, 0, 1), -EBUSY);
    CHECK_EQ(migrate(&second, memory, 32, 0, 1), -EBUSY);
    CHECK_EQ(migrate(&second, memory + 16 * PAGE, 16, 0, 1), 0);
    CHECK_EQ(xesvm_pump_restore(second.pump, address_of(memory), 16), 0);
    CHECK(pages_hold(memory, 32, 3));
    fixture_close(&first);
    CHECK_EQ(migrate(&second, memory, 16, 16, 2), 0);
    CHECK(pages_hold(memory, 32, 3));
    fixture_close(&second);
    client_release(memory, 32);
}

static void vram_that_was_taken_away_gives_SIGBUS_not_a_hang(void)
{
    struct fixture f;
    pid_t child;
    int status;

    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        uint8_t *memory;

        alarm(20);
        f = fixture_open();
        memory = client_memory(4);
        fill_pages(memory, 4, 4);
        if (migrate(&f, memory, 4, 0, 1) != 0)
            _exit(3);
        munmap(f.vram + PAGE, PAGE);
        if (!pages_hold(memory, 1, 4))
            _exit(4);
        *(volatile uint8_t *)(memory + PAGE);
        _exit(5);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        test_skip("no userfaultfd");
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGBUS);
}

static void high_descriptors_leave_the_low_numbers_alone(void)
{
    struct fixture f = fixture_open();
    xesvm_pump *high;
    int lowest = dup(0);
    int32_t result;

    close(lowest);
    result = xesvm_pump_create(XESVM_PUMP_HIGH_DESCRIPTORS, &high, NULL);
    CHECK_EQ(result, 0);
    CHECK_EQ(dup(0), lowest);
    close(lowest);
    CHECK_EQ(xesvm_pump_destroy(high), 0);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"create_tells_the_mode_and_the_features", create_tells_the_mode_and_the_features, TEST_BOTH},
    {"create_and_destroy_leave_nothing_behind", create_and_destroy_leave_nothing_behind, TEST_BOTH},
    {"high_descriptors_leave_the_low_numbers_alone", high_descriptors_leave_the_low_numbers_alone, TEST_ONCE},
    {"destroy_brings_everything_home", destroy_brings_everything_home, TEST_BOTH},
    {"destroy_refuses_while_isolations_are_open", destroy_refuses_while_isolations_are_open, TEST_BOTH},
    {"destroy_under_load_loses_nothing", destroy_under_load_loses_nothing, TEST_BOTH},
    {"destroy_lets_threads_in_madvise_go_on", destroy_lets_threads_in_madvise_go_on, TEST_BOTH},
    {"a_second_pump_may_not_take_the_memory_of_the_first", a_second_pump_may_not_take_the_memory_of_the_first, TEST_BOTH},
    {"vram_that_was_taken_away_gives_SIGBUS_not_a_hang", vram_that_was_taken_away_gives_SIGBUS_not_a_hang, TEST_ONCE},
};

SUITE(lifetime_suite, tests);
