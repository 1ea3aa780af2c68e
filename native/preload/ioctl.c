/* SPDX-License-Identifier: MIT
 *
 * ioctl on files of the software device.
 */
#include <stdarg.h>
#include <stddef.h>

#include "preload.h"

#define DRM_TYPE 'd'
#define PRIME_HANDLE_TO_FD 0x2du
#define SYNCOBJ_HANDLE_TO_FD 0xc1u

/* Both structs that give a descriptor out have it behind a handle and flags: drm_prime_handle.fd, drm_syncobj_handle.fd. */
struct descriptor_out {
    uint32_t handle;
    uint32_t flags;
    int32_t fd;
};

static int32_t call_ioctl(const struct protocol_card *card, uint64_t number, void *argument)
{
    struct protocol_request request = {
        .call = PROTOCOL_IOCTL, .file = card->file, .secret = card->secret, .a = (uint32_t)number, .b = (uint64_t)(uintptr_t)argument};
    uint32_t index = (uint32_t)number & 0xffu;
    int32_t descriptor;
    int32_t result = server_call(&request, &descriptor);

    if (descriptor < 0)
        return result;
    if (result < 0 || (index != PRIME_HANDLE_TO_FD && index != SYNCOBJ_HANDLE_TO_FD)) {
        system_close(descriptor);
        return result;
    }
    /* The server has written to the argument, so it is there. What DRM_CLOEXEC is to PRIME, a syncobj's descriptor has always. */
    if (index == PRIME_HANDLE_TO_FD && !(((struct descriptor_out *)argument)->flags & 02000000u))
        system_call(SYS_fcntl, (uint64_t)descriptor, 2 /* F_SETFD */, 0, 0, 0, 0);
    ((struct descriptor_out *)argument)->fd = descriptor;
    return result;
}

HOOK int ioctl(int fd, unsigned long number, ...);

int ioctl(int fd, unsigned long number, ...)
{
    struct protocol_card card;
    va_list arguments;
    void *argument;

    va_start(arguments, number);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if ((number >> 8 & 0xff) == DRM_TYPE && file_of_descriptor(fd, &card))
        return (int)to_result(call_ioctl(&card, number, argument));
    return (int)to_result(
        system_call(SYS_ioctl, (uint64_t)(int64_t)fd, number, (uint64_t)(uintptr_t)argument, 0, 0, 0));
}
