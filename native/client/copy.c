/* SPDX-License-Identifier: MIT
 *
 * Client memory is copied by process_vm_readv(2) and process_vm_writev(2), also when the client is this very process: an address that
 * cannot be accessed gives EFAULT instead of a signal, and what may not be written is not.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/uio.h>

#include "system.h"
#include "xesvm_native.h"

/* As the kernel's MAX_RW_COUNT, rounded to whole megabytes: more is not transferred by one call. */
#define AT_ONCE (2047ull << 20)

/* How many pages one system call touches. */
#define PAGES_AT_ONCE 256u

static int32_t transfer(long number, uint64_t process, uint64_t remote, uint64_t local, uint64_t length)
{
    if (remote + length < remote || local + length < local)
        return -EFAULT;
    while (length > 0) {
        uint64_t wanted = length < AT_ONCE ? length : AT_ONCE;
        struct iovec here = {.iov_base = (void *)(uintptr_t)local, .iov_len = wanted};
        struct iovec there = {.iov_base = (void *)(uintptr_t)remote, .iov_len = wanted};
        int64_t done =
            system_call(number, process, (uint64_t)(uintptr_t)&here, 1, (uint64_t)(uintptr_t)&there, 1, 0);

        if (done < 0)
            return (int32_t)done;
        if (done == 0)
            return -EFAULT;
        remote += (uint64_t)done;
        local += (uint64_t)done;
        length -= (uint64_t)done;
    }
    return 0;
}

static uint64_t this_process(void)
{
    return (uint64_t)system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

int32_t xesvm_client_read(uint64_t address, void *destination, uint64_t length)
{
    return transfer(SYS_process_vm_readv, this_process(), address, (uint64_t)(uintptr_t)destination, length);
}

int32_t xesvm_client_write(uint64_t address, const void *source, uint64_t length)
{
    return transfer(SYS_process_vm_writev, this_process(), address, (uint64_t)(uintptr_t)source, length);
}

int32_t xesvm_process_read(int32_t process, uint64_t address, void *destination, uint64_t length)
{
    return transfer(SYS_process_vm_readv, (uint64_t)(int64_t)process, address, (uint64_t)(uintptr_t)destination, length);
}

int32_t xesvm_process_write(int32_t process, uint64_t address, const void *source, uint64_t length)
{
    return transfer(SYS_process_vm_writev, (uint64_t)(int64_t)process, address, (uint64_t)(uintptr_t)source, length);
}

int32_t xesvm_process_touch(int32_t process, uint64_t address, uint32_t pages)
{
    struct iovec there[PAGES_AT_ONCE];
    uint8_t bytes[PAGES_AT_ONCE];

    while (pages > 0) {
        uint32_t count = pages < PAGES_AT_ONCE ? pages : PAGES_AT_ONCE;
        struct iovec here = {.iov_base = bytes, .iov_len = count};
        int64_t done;

        for (uint32_t i = 0; i < count; i++)
            there[i] = (struct iovec){.iov_base = (void *)(uintptr_t)(address + (uint64_t)i * XESVM_PAGE_SIZE), .iov_len = 1};
        done = system_call(SYS_process_vm_readv, (uint64_t)(int64_t)process, (uint64_t)(uintptr_t)&here, 1,
                           (uint64_t)(uintptr_t)there, count, 0);
        if (done != (int64_t)count)
            return done < 0 ? (int32_t)done : -EFAULT;
        address += (uint64_t)count * XESVM_PAGE_SIZE;
        pages -= count;
    }
    return 0;
}
