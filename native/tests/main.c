/* SPDX-License-Identifier: MIT
 *
 * xesvm_native_tests [--list | NAME...]: runs all tests, or those named. Last line: N passed, N failed, N skipped. Exit code: 0; 1 when
 * one failed; 77 when all were skipped; 2 for a name that there is not.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define TIME_LIMIT_S 60
#define SKIP_CODE 77

enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES };

static const struct test_suite *const suites[] = {
    &shim_suite,   &client_suite, &migrate_suite, &refuse_suite,   &change_suite,
    &device_suite, &event_suite,  &fork_suite,    &frame_suite,   &hold_suite,   &lifetime_suite, &locked_suite, &stress_suite, &wait_suite,
};

static jmp_buf leave;
static pthread_t main_thread;
static _Atomic bool failed;
static bool user_mode;
static _Atomic uint64_t test_number = 1;
static char full_name[160];

bool test_in_user_mode(void)
{
    return user_mode;
}

static void print(const char *prefix, const char *format, va_list arguments)
{
    flockfile(stdout);
    fputs(prefix, stdout);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    funlockfile(stdout);
}

void test_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print("    ", format, arguments);
    va_end(arguments);
}

void test_skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print("    skipped: ", format, arguments);
    va_end(arguments);
    longjmp(leave, SKIPPED);
}

void test_fail(const char *file, int line, const char *format, ...)
{
    const char *name = strrchr(file, '/');
    va_list arguments;

    atomic_store(&failed, true);
    printf("    %s:%d:\n", name ? name + 1 : file, line);
    va_start(arguments, format);
    print("    failed: ", format, arguments);
    va_end(arguments);
    if (pthread_equal(pthread_self(), main_thread))
        longjmp(leave, FAILED);
    pthread_exit(NULL);
}

uint64_t test_seed(void)
{
    const char *given = getenv("XESVM_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();

    test_note("XESVM_SEED=%llu", (unsigned long long)seed);
    return seed ? seed : 1;
}

uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

/* Ends the program when a test hangs. A thread, not an alarm: a hung thread may have its signals blocked. */
static void *watch(void *unused)
{
    uint64_t seen = 0;

    (void)unused;
    for (;;) {
        struct timespec limit = {.tv_sec = TIME_LIMIT_S};
        uint64_t now = atomic_load(&test_number);

        if (now == seen) {
            printf("    failed: %s hangs\n", full_name);
            fflush(stdout);
            _exit(1);
        }
        seen = now;
        nanosleep(&limit, NULL);
    }
    return NULL;
}

static enum outcome run(const struct test *test)
{
    static const char *const words[] = {[PASSED] = "passed", [FAILED] = "FAILED", [SKIPPED] = "skipped"};
    enum outcome outcome;

    printf("%s\n", full_name);
    fflush(stdout);
    atomic_store(&failed, false);
    atomic_fetch_add(&test_number, 1);
    outcome = setjmp(leave);
    if (outcome == PASSED)
        test->run();
    if (atomic_load(&failed))
        outcome = FAILED;
    printf("  %s\n", words[outcome]);
    return outcome;
}

static bool is_wanted(int count, char **names, bool *found)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], full_name) == 0)
            return found[i] = true;
    }
    return count == 0;
}

/* Every run of every test that is wanted. */
static void run_all(int count, char **names, bool *found, bool list, uint32_t *outcomes)
{
    for (size_t suite = 0; suite < sizeof(suites) / sizeof(suites[0]); suite++) {
        for (uint32_t index = 0; index < suites[suite]->count; index++) {
            const struct test *test = &suites[suite]->tests[index];

            for (int mode = 0; mode <= (test->modes == TEST_BOTH); mode++) {
                user_mode = mode == 1;
                snprintf(full_name, sizeof(full_name), "%s%s", test->name, user_mode ? "_in_user_mode" : "");
                if (list)
                    puts(full_name);
                else if (is_wanted(count, names, found))
                    outcomes[run(test)]++;
            }
        }
    }
}

int main(int argc, char **argv)
{
    uint32_t outcomes[OUTCOMES] = {0};
    bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
    pthread_t watchdog;
    bool *found = calloc((size_t)argc, sizeof(bool));

    main_thread = pthread_self();
    if (!list && pthread_create(&watchdog, NULL, watch, NULL) != 0)
        return 2;
    run_all(argc - 1, argv + 1, found, list, outcomes);
    for (int i = 1; i < argc && !list; i++) {
        if (!found[i - 1]) {
            fprintf(stderr, "no test is called %s; --list names all\n", argv[i]);
            return 2;
        }
    }
    free(found);
    if (list)
        return 0;
    printf("%u passed, %u failed, %u skipped\n", outcomes[PASSED], outcomes[FAILED], outcomes[SKIPPED]);
    if (outcomes[FAILED])
        return 1;
    return outcomes[PASSED] == 0 && outcomes[SKIPPED] > 0 ? SKIP_CODE : 0;
}
