/* SPDX-License-Identifier: MIT */
#include "uffd.h"

#include <errno.h>
#include <fcntl.h>

#include "system.h"

#define OPEN_FLAGS (O_CLOEXEC | O_NONBLOCK)

static int32_t open_device(void)
{
    int32_t device = system_open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    int32_t fd;

    if (device < 0)
        return device;
    fd = (int32_t)system_call(SYS_ioctl, (uint64_t)device, USERFAULTFD_IOC_NEW, OPEN_FLAGS, 0, 0, 0);
    system_close(device);
    return fd;
}

static int32_t open_call(uint64_t flags)
{
    return (int32_t)system_call(SYS_userfaultfd, OPEN_FLAGS | flags, 0, 0, 0, 0, 0);
}

/* The device first: its file mode grants full mode where vm.unprivileged_userfaultfd does not. */
static int32_t open_any(bool *user_mode_only)
{
    int32_t fd = -EPERM;

    if (!*user_mode_only) {
        fd = open_device();
        if (fd < 0)
            fd = open_call(0);
    }
    if (fd == -EPERM) {
        fd = open_call(UFFD_USER_MODE_ONLY);
        *user_mode_only = fd >= 0;
    }
    return fd;
}

static int32_t enable(int32_t fd, struct uffdio_api *api)
{
    int32_t result = system_ioctl(fd, UFFDIO_API, api);

    return result == -EINVAL ? -EOPNOTSUPP : result;
}

int32_t uffd_open(uint64_t features, bool *user_mode_only)
{
    struct uffdio_api api = {.api = UFFD_API, .features = features};
    int32_t fd = open_any(user_mode_only);
    int32_t result;

    if (fd < 0)
        return fd;
    result = enable(fd, &api);
    if (result == 0)
        return fd;
    system_close(fd);
    return result;
}

int32_t uffd_kernel_features(bool user_mode_only, uint64_t *features)
{
    struct uffdio_api api = {.api = UFFD_API};
    int32_t fd = open_any(&user_mode_only);
    int32_t result;

    if (fd < 0)
        return fd;
    result = enable(fd, &api); /* asked for none, the kernel answers with all that it has */
    *features = api.features;
    system_close(fd);
    return result;
}

/* The kernel writes the bytes done, or the error again, into the last field; it leaves the field alone on early errors. */
static void add_done(int64_t field, uint64_t *done)
{
    if (field > 0)
        *done += (uint64_t)field;
}

int32_t uffd_move(int32_t fd, uint64_t to, uint64_t from, uint64_t length, uint64_t *done)
{
    struct uffdio_move argument = {.dst = to, .src = from, .len = length};
    int32_t result = system_ioctl(fd, UFFDIO_MOVE, &argument);

    add_done(argument.move, done);
    return result;
}

int32_t uffd_copy(int32_t fd, uint64_t to, uint64_t from, uint64_t length, bool wake, uint64_t *done)
{
    struct uffdio_copy argument = {.dst = to, .src = from, .len = length, .mode = wake ? 0 : UFFDIO_COPY_MODE_DONTWAKE};
    int32_t result = system_ioctl(fd, UFFDIO_COPY, &argument);

    add_done(argument.copy, done);
    return result;
}

int32_t uffd_zero(int32_t fd, uint64_t address, uint64_t length, uint64_t *done)
{
    struct uffdio_zeropage argument = {.range = {.start = address, .len = length}};
    int32_t result = system_ioctl(fd, UFFDIO_ZEROPAGE, &argument);

    add_done(argument.zeropage, done);
    return result;
}

/* The other one wakes only those who wait for its own pages. */
static int32_t wake_done(int32_t result, int32_t client_fd, uint64_t address, uint64_t done)
{
    if (done > 0)
        uffd_wake(client_fd, address, done);
    return result;
}

int32_t uffd_copy_regardless(int32_t fd, int32_t client_fd, uint64_t to, uint64_t from, uint64_t length, uint64_t *done)
{
    int32_t result = uffd_copy(fd, to, from, length, true, done);

    return wake_done(result, client_fd, to, *done);
}

int32_t uffd_zero_regardless(int32_t fd, int32_t client_fd, uint64_t address, uint64_t length, uint64_t *done)
{
    int32_t result = uffd_zero(fd, address, length, done);

    return wake_done(result, client_fd, address, *done);
}

int32_t uffd_poison(int32_t fd, uint64_t address, uint64_t length)
{
    struct uffdio_poison argument = {.range = {.start = address, .len = length}};

    return system_ioctl(fd, UFFDIO_POISON, &argument);
}

int32_t uffd_register(int32_t fd, uint64_t address, uint64_t length)
{
    struct uffdio_register argument = {
        .range = {.start = address, .len = length},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };

    return system_ioctl(fd, UFFDIO_REGISTER, &argument);
}

int32_t uffd_unregister(int32_t fd, uint64_t address, uint64_t length)
{
    struct uffdio_range argument = {.start = address, .len = length};

    return system_ioctl(fd, UFFDIO_UNREGISTER, &argument);
}

int32_t uffd_wake(int32_t fd, uint64_t address, uint64_t length)
{
    struct uffdio_range argument = {.start = address, .len = length};

    return system_ioctl(fd, UFFDIO_WAKE, &argument);
}

bool uffd_mappings_change(int32_t fd)
{
    /* userfaultfd_move() looks at mmap_changing before it rejects the empty range. */
    struct uffdio_move argument = {.len = 0};

    return system_ioctl(fd, UFFDIO_MOVE, &argument) == -EAGAIN;
}
