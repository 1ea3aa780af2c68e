/* SPDX-License-Identifier: MIT
 *
 * Client memory is copied by process_vm_readv(2) and process_vm_writev(2) on this very process: an address that cannot be accessed
 * gives EFAULT instead of a signal.
 */
#include <errno.h>
#include <sys/uio.h>

#include "system.h"
#include "xesvm_native.h"

/* As the kernel's MAX_RW_COUNT, rounded to whole megabytes: more is not transferred by one call. */
#define AT_ONCE (2047ull << 20)

static int32_t transfer(long number, uint64_t remote, uint64_t local, uint64_t length)
{
    uint64_t process = (uint64_t)system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);

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

int32_t xesvm_client_read(uint64_t address, void *destination, uint64_t length)
{
    return transfer(SYS_process_vm_readv, address, (uint64_t)(uintptr_t)destination, length);
}

int32_t xesvm_client_write(uint64_t address, const void *source, uint64_t length)
{
    return transfer(SYS_process_vm_writev, address, (uint64_t)(uintptr_t)source, length);
}
