/* SPDX-License-Identifier: MIT
 *
 * A test is a function. It ends by returning, by a check that fails, or by a skip with a reason; in the main thread each of them
 * leaves the function at once, in another thread a failed check is noted and ends that thread.
 */
#ifndef XESVM_TESTS_TEST_H
#define XESVM_TESTS_TEST_H

#include <stdbool.h>
#include <stdint.h>

enum test_modes {
    TEST_ONCE,      /* does not use the pump, or sets its mode itself */
    TEST_BOTH,      /* runs again, as NAME_in_user_mode */
    TEST_FULL_ONLY, /* wants faults of system calls resolved */
};

struct test {
    const char *name;
    void (*run)(void);
    enum test_modes modes;
};

struct test_suite {
    const struct test *tests;
    uint32_t count;
};

extern const struct test_suite shim_suite, client_suite, migrate_suite, refuse_suite, change_suite, device_suite, event_suite,
    fork_suite, frame_suite, hold_suite, lifetime_suite, locked_suite, stress_suite, wait_suite;

#define SUITE(suite, tests) const struct test_suite suite = {tests, sizeof(tests) / sizeof((tests)[0])}

/* Whether the test at hand is the run in user mode. */
bool test_in_user_mode(void);
_Noreturn void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A line of information beside the results. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A seed: of the environment's XESVM_SEED, or new; it is printed. */
uint64_t test_seed(void);
/* xorshift64*, Vigna 2016. */
uint64_t test_random(uint64_t *state);

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            test_fail(__FILE__, __LINE__, "%s", #condition); \
    } while (0)

#define CHECK_EQ(actual, expected) \
    do { \
        int64_t actual_ = (int64_t)(actual); \
        int64_t expected_ = (int64_t)(expected); \
        if (actual_ != expected_) \
            test_fail(__FILE__, __LINE__, "%s is %lld (0x%llx), not %s = %lld (0x%llx)", #actual, (long long)actual_, \
                      (unsigned long long)actual_, #expected, (long long)expected_, (unsigned long long)expected_); \
    } while (0)

#endif
