/* SPDX-License-Identifier: MIT
 *
 * System calls without libc between: no errno, hence no thread-local storage, which is ordinary anonymous memory and could
 * itself be under migration while the pump holds a lock.
 */
#ifndef XESVM_PUMP_SYSTEM_H
#define XESVM_PUMP_SYSTEM_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)

static inline int64_t system_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    int64_t result;
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

static inline int64_t system_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    register int64_t x8 __asm__("x8") = number;
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;
    register uint64_t x3 __asm__("x3") = d;
    register uint64_t x4 __asm__("x4") = e;
    register uint64_t x5 __asm__("x5") = f;

    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return (int64_t)x0;
}

#else
#error "libxesvm_native knows the system call convention of x86-64 and aarch64 only"
#endif

static inline int32_t system_ioctl(int32_t fd, uint64_t request, void *argument)
{
    return (int32_t)system_call(SYS_ioctl, (uint64_t)(int64_t)fd, request, (uint64_t)(uintptr_t)argument, 0, 0, 0);
}

static inline int64_t system_read(int32_t fd, void *buffer, uint64_t length)
{
    return system_call(SYS_read, (uint64_t)(int64_t)fd, (uint64_t)(uintptr_t)buffer, length, 0, 0, 0);
}

static inline int64_t system_write(int32_t fd, const void *buffer, uint64_t length)
{
    return system_call(SYS_write, (uint64_t)(int64_t)fd, (uint64_t)(uintptr_t)buffer, length, 0, 0, 0);
}

static inline int32_t system_close(int32_t fd)
{
    return (int32_t)system_call(SYS_close, (uint64_t)(int64_t)fd, 0, 0, 0, 0, 0);
}

static inline int32_t system_open(const char *path, int32_t flags)
{
    return (int32_t)system_call(SYS_openat, (uint64_t)(int64_t)-100 /* AT_FDCWD */, (uint64_t)(uintptr_t)path,
                                (uint64_t)(int64_t)flags, 0, 0, 0);
}

/* Address, or -errno as the kernel encodes it: the last page of the address space. */
static inline int64_t system_mmap(uint64_t length, int32_t protection, int32_t flags)
{
    return system_call(SYS_mmap, 0, length, (uint64_t)(int64_t)protection, (uint64_t)(int64_t)flags, (uint64_t)(int64_t)-1,
                       0);
}

static inline int32_t system_munmap(uint64_t address, uint64_t length)
{
    return (int32_t)system_call(SYS_munmap, address, length, 0, 0, 0, 0);
}

static inline int32_t system_mprotect(uint64_t address, uint64_t length, int32_t protection)
{
    return (int32_t)system_call(SYS_mprotect, address, length, (uint64_t)(int64_t)protection, 0, 0, 0);
}

static inline int32_t system_madvise(uint64_t address, uint64_t length, int32_t advice)
{
    return (int32_t)system_call(SYS_madvise, address, length, (uint64_t)(int64_t)advice, 0, 0, 0);
}

static inline void system_yield(void)
{
    system_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* For attempt after attempt at something that a change of mappings stands in the way of: lets others run. Yielding alone is not enough:
 * where the thread that changes mappings has the processor whenever the caller has not, and blocks until its message is read, the two
 * would take turns for ever, and the caller never see the moment between two changes. Pauses of many lengths meet it. */
#define SYSTEM_EAGER_ATTEMPTS 32u
#define SYSTEM_LONGEST_PAUSE_NS 51200u

static inline uint64_t system_rest_ns(uint32_t attempt)
{
    return attempt < SYSTEM_EAGER_ATTEMPTS ? 0 : SYSTEM_LONGEST_PAUSE_NS >> attempt % 8;
}

static inline void system_rest(uint32_t attempt)
{
    struct timespec pause = {.tv_nsec = (long)system_rest_ns(attempt)};

    if (pause.tv_nsec == 0)
        system_yield();
    else
        system_call(SYS_nanosleep, (uint64_t)(uintptr_t)&pause, 0, 0, 0, 0, 0);
}

static inline void system_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

static inline uint64_t system_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* the vDSO: neither fails nor sets errno for this clock */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
