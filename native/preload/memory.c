/* SPDX-License-Identifier: MIT
 *
 * Mappings of buffer objects, and the MMU notifier: what changes mappings is reported first, so that the device has let go of the memory
 * when the change is made. What the C library does to its own heap is not seen here; the server notices that by comparing mappings.
 */
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include "preload.h"

#define PAGE_MASK (XESVM_PAGE_SIZE - 1)
#define XESVM_PAGE_SIZE 4096ull

static void report(uint64_t address, uint64_t length, uint64_t event)
{
    struct protocol_request request = {.call = PROTOCOL_INVALIDATE, .c = event};
    int32_t descriptor;
    int32_t saved = errno;

    if (length == 0 || address & PAGE_MASK || address + length < address || !is_mirrored())
        return;
    request.a = address;
    request.b = (address + length + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
    server_call(&request, &descriptor); /* a server that is gone mirrors nothing */
    if (descriptor >= 0)
        system_close(descriptor);
    errno = saved;
}

static int64_t map_memory(uint64_t address, uint64_t length, int protection, int flags, int fd, int64_t offset)
{
    return system_call(SYS_mmap, address, length, (uint64_t)(int64_t)protection, (uint64_t)(int64_t)flags,
                       (uint64_t)(int64_t)fd, (uint64_t)offset);
}

static int64_t map_object(const struct protocol_card *card, uint64_t address, uint64_t length, int protection,
                          int flags, int64_t offset)
{
    struct protocol_request request = {.call = PROTOCOL_MAP,
                                       .file = card->file,
                                       .secret = card->secret,
                                       .a = (uint64_t)offset,
                                       .b = length,
                                       .c = (uint64_t)(uint32_t)protection};
    int32_t descriptor;
    int64_t result = server_call(&request, &descriptor);

    if (result < 0 || descriptor < 0)
        return result < 0 ? result : -ENODEV;
    /* Memory that the program may only write can be read on real hardware's system bus too; the server reads it through the kernel. */
    if (protection & PROT_WRITE)
        protection |= PROT_READ;
    result = map_memory(address, length, protection, flags, descriptor, 0);
    system_close(descriptor);
    return result;
}

static void *map(void *address, size_t length, int protection, int flags, int fd, int64_t offset)
{
    struct protocol_card card;

    if (flags & MAP_FIXED)
        report((uint64_t)(uintptr_t)address, length, PROTOCOL_INVALIDATE_UNMAP);
    if (!(flags & MAP_ANONYMOUS) && fd >= 0 && file_of_descriptor(fd, &card))
        return (void *)to_result(map_object(&card, (uint64_t)(uintptr_t)address, length, protection, flags, offset));
    return (void *)to_result(map_memory((uint64_t)(uintptr_t)address, length, protection, flags, fd, offset));
}

HOOK void *mmap64(void *address, size_t length, int protection, int flags, int fd, __off64_t offset);

HOOK void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return map(address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, __off64_t offset)
{
    return map(address, length, protection, flags, fd, offset);
}

HOOK int munmap(void *address, size_t length)
{
    report((uint64_t)(uintptr_t)address, length, PROTOCOL_INVALIDATE_UNMAP);
    return (int)to_result(system_call(SYS_munmap, (uint64_t)(uintptr_t)address, length, 0, 0, 0, 0));
}

HOOK void *mremap(void *address, size_t old_length, size_t new_length, int flags, ...)
{
    uint64_t start = (uint64_t)(uintptr_t)address;
    void *target = NULL;

    if (flags & MREMAP_FIXED) {
        va_list arguments;

        va_start(arguments, flags);
        target = va_arg(arguments, void *);
        va_end(arguments);
        report((uint64_t)(uintptr_t)target, new_length, PROTOCOL_INVALIDATE_UNMAP);
    }
    if (flags & MREMAP_MAYMOVE)
        report(start, old_length, PROTOCOL_INVALIDATE_UNMAP);
    else if (new_length < old_length)
        report(start + new_length, old_length - new_length, PROTOCOL_INVALIDATE_UNMAP);
    service_join(start, start + old_length);
    return (void *)to_result(system_call(SYS_mremap, start, old_length, new_length, (uint64_t)(int64_t)flags,
                                         (uint64_t)(uintptr_t)target, 0));
}

HOOK int madvise(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE)
        report((uint64_t)(uintptr_t)address, length, PROTOCOL_INVALIDATE_CLEAR);
    return (int)to_result(
        system_call(SYS_madvise, (uint64_t)(uintptr_t)address, length, (uint64_t)(int64_t)advice, 0, 0, 0));
}
