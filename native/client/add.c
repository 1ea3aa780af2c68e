/* SPDX-License-Identifier: MIT
 *
 * An atomic add on client memory that answers -EFAULT instead of raising a signal. No system call is made for that, but FUTEX_WAKE_OP
 * does it on the way: the kernel adds to its second word atomically, with its own handling of faults, before it wakes anybody.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "xesvm_native.h"

/* FUTEX_OP packs its operand into 12 bits. */
#define ADDEND_MIN (-2048)
#define ADDEND_MAX 2047
#define ADDEND_MASK 0xfff

int32_t xesvm_client_add32(uint64_t address, int32_t addend)
{
    if (address % sizeof(uint32_t) != 0 || addend < ADDEND_MIN || addend > ADDEND_MAX) {
        return -EINVAL;
    }

    uint32_t nobody_waits_here = 0;
    uint32_t operation = FUTEX_OP(FUTEX_OP_ADD, (uint32_t)addend & ADDEND_MASK, FUTEX_OP_CMP_EQ, 0);
    long result = syscall(SYS_futex, &nobody_waits_here, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0, address, operation);
    return result < 0 ? -errno : 0;
}
