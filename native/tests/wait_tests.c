/* SPDX-License-Identifier: MIT
 *
 * One isolation waits for another.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

struct waiter {
    struct fixture *fixture;
    const uint8_t *memory;
    struct xesvm_isolation isolation;
    int32_t result;
    _Atomic int tid;
    atomic_bool done;
};

static void *isolate_too(void *argument)
{
    struct waiter *waiter = argument;

    atomic_store(&waiter->tid, (int)gettid());
    waiter->result = xesvm_pump_isolate(waiter->fixture->pump, address_of(waiter->memory), 16, &waiter->isolation);
    atomic_store(&waiter->done, true);
    return NULL;
}

/* Whether a thread of this process is asleep for a time that it has chosen. */
static bool is_resting(int tid)
{
    char path[64];
    char text[32] = "";
    int file;

    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    if (read(file, text, sizeof text - 1) < 0)
        text[0] = 0;
    close(file);
    return text[0] >= '0' && text[0] <= '9' && strtol(text, NULL, 10) == SYS_nanosleep;
}

/* One that exchanges a word has the page isolated for a moment, and may lose its processor just then. */
static void isolate_waits_for_pages_that_another_thread_has_isolated(void)
{
    struct fixture f = fixture_open();
    uint8_t *memory = client_memory(16);
    int32_t result = -EBUSY;

    fill_pages(memory, 16, 23);
    /* It does not wait for ever, and on a loaded machine that may be over before this thread has noticed. */
    for (int attempt = 0; attempt < 50 && result == -EBUSY; attempt++) {
        struct waiter waiter = {.fixture = &f, .memory = memory};
        struct xesvm_isolation isolation;
        pthread_t thread;

        CHECK_EQ(xesvm_pump_isolate(f.pump, address_of(memory) + 4 * PAGE, 1, &isolation), 0);
        CHECK_EQ(pthread_create(&thread, NULL, isolate_too, &waiter), 0);
        while (!atomic_load(&waiter.done) && !(atomic_load(&waiter.tid) != 0 && is_resting(atomic_load(&waiter.tid))))
            sched_yield();
        CHECK_EQ(xesvm_pump_abort(f.pump, isolation.id), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        result = waiter.result;
        if (result == 0)
            CHECK_EQ(xesvm_pump_abort(f.pump, waiter.isolation.id), 0);
    }
    CHECK_EQ(result, 0);
    CHECK(pages_hold(memory, 16, 23));
    client_release(memory, 16);
    fixture_close(&f);
}

static const struct test tests[] = {
    {"isolate_waits_for_pages_that_another_thread_has_isolated", isolate_waits_for_pages_that_another_thread_has_isolated,
     TEST_BOTH},
};

SUITE(wait_suite, tests);
