/* SPDX-License-Identifier: MIT */
#include "growth.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "pump.h"
#include "system.h"

#define PATH_BYTES 32u
#define TEXT_BYTES 160u
#define ARGUMENTS 5u

enum { OLD_ADDRESS, OLD_LENGTH, NEW_LENGTH, REMAP_FLAGS, NEW_ADDRESS };

static char *write_number(char *to, uint32_t number)
{
    char digits[10];
    uint32_t count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

/* The beginning of a file of the thread in /proc/self/task; empty when it cannot be read. */
static void read_file(const xesvm_pump *pump, uint32_t thread, const char *file, char *text)
{
    char path[PATH_BYTES];
    char *end = write_number(path, thread);
    int64_t bytes = 0;
    int32_t fd;

    for (*end++ = '/'; *file;)
        *end++ = *file++;
    *end = '\0';
    fd = (int32_t)system_call(SYS_openat, (uint64_t)pump->task_fd, (uint64_t)(uintptr_t)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd >= 0) {
        bytes = system_read(fd, text, TEXT_BYTES - 1);
        system_close(fd);
    }
    text[bytes > 0 ? bytes : 0] = '\0';
}

static bool begins(const char *text, const char *with)
{
    while (*with) {
        if (*text++ != *with++)
            return false;
    }
    return true;
}

/* A number in decimal, or in hexadecimal with "0x" in front; *at goes behind it. False where there is none. */
static bool read_number(const char **at, uint64_t *value)
{
    const char *start;
    uint32_t base = 10;

    while (**at == ' ')
        ++*at;
    if (begins(*at, "0x")) {
        *at += 2;
        base = 16;
    }
    start = *at;
    for (*value = 0;; ++*at) {
        char c = **at;
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : base;

        if (digit >= base)
            return *at > start;
        *value = *value * base + digit;
    }
}

/* The arguments of mremap(2), if the thread sleeps in it (proc_pid_syscall(): the call's number, then its arguments). */
static bool is_in_mremap(const xesvm_pump *pump, uint32_t thread, uint64_t *arguments)
{
    char text[TEXT_BYTES];
    const char *at = text;
    uint64_t number;

    read_file(pump, thread, "syscall", text);
    if (!read_number(&at, &number) || number != SYS_mremap)
        return false;
    for (uint32_t i = 0; i < ARGUMENTS; i++) {
        if (!read_number(&at, &arguments[i]))
            return false;
    }
    return true;
}

static bool waits_for_fault(const xesvm_pump *pump, uint32_t thread)
{
    char text[TEXT_BYTES];

    read_file(pump, thread, "wchan", text);
    return begins(text, "handle_userfault");
}

static bool has_unread(const xesvm_pump *pump)
{
    struct pollfd polled = {.fd = pump->client_fd, .events = POLLIN};
    struct timespec now = {.tv_sec = 0};

    return system_call(SYS_ppoll, (uint64_t)(uintptr_t)&polled, 1, (uint64_t)(uintptr_t)&now, 0, 0, 0) != 0;
}

/* In this order. A message may be older than what its thread does now, which may have been woken and gone on. But if it is in the call, later
 * waits for a fault, and then no message is unread, it waits for the newest fault that was read of it, and has since before the first look. */
enum growth growth_of(const xesvm_pump *pump, const struct message *fault)
{
    uint64_t mremap[ARGUMENTS];
    uint64_t grown;

    if (!thread_is_newest(pump, fault) || !is_in_mremap(pump, fault->thread, mremap) || !waits_for_fault(pump, fault->thread) ||
        has_unread(pump) || mremap[NEW_LENGTH] <= mremap[OLD_LENGTH])
        return GROWTH_NONE;
    if (!(mremap[REMAP_FLAGS] & MREMAP_FIXED))
        return GROWTH_ANY;
    grown = mremap[NEW_ADDRESS] + mremap[OLD_LENGTH];
    return fault->start - grown < mremap[NEW_LENGTH] - mremap[OLD_LENGTH] ? GROWTH_THERE : GROWTH_NONE;
}
