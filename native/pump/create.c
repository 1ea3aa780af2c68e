/* SPDX-License-Identifier: MIT
 *
 * Making and ending a pump.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pump.h"
#include "restore.h"
#include "system.h"
#include "vma.h"

#define CLIENT_FEATURES \
    (UFFD_FEATURE_MOVE | UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMAP)
#define STAGING_FEATURES UFFD_FEATURE_MOVE
#define FLAGS (XESVM_PUMP_USER_MODE_ONLY | XESVM_PUMP_HIGH_DESCRIPTORS)
#define FIRST_HIGH_DESCRIPTOR 500

static void close_fd(int32_t fd)
{
    if (fd >= 0)
        system_close(fd);
}

/* Whatever there is of it, with its threads. */
static void release(xesvm_pump *pump)
{
    fork_unwatch(pump);
    thread_stop(pump);
    reaper_stop(pump);
    fork_close(pump);
    close_fd(pump->client_fd);
    staging_close(&pump->staging);
    close_fd(pump->staging_fd);
    close_fd(pump->poke_fd);
    close_fd(pump->maps_fd);
    close_fd(pump->pagemap_fd);
    close_fd(pump->task_fd);
    events_close(&pump->events);
    table_close(&pump->table);
    shared_unmap(pump, sizeof(*pump));
}

static int32_t open_userfaultfds(xesvm_pump *pump, uint32_t flags)
{
    bool user_mode_only = (flags & XESVM_PUMP_USER_MODE_ONLY) != 0;
    int32_t result;

    pump->client_fd = uffd_open(CLIENT_FEATURES, &user_mode_only);
    if (pump->client_fd < 0)
        return pump->client_fd;
    pump->staging_fd = uffd_open(STAGING_FEATURES, &user_mode_only);
    if (pump->staging_fd < 0)
        return pump->staging_fd;
    result = uffd_kernel_features(user_mode_only, &pump->features);
    pump->mode = user_mode_only ? XESVM_PUMP_MODE_USER : XESVM_PUMP_MODE_FULL;
    return result;
}

static int32_t open_files(xesvm_pump *pump)
{
    pump->maps_fd = system_open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (pump->maps_fd < 0)
        return pump->maps_fd;
    pump->pagemap_fd = system_open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pump->pagemap_fd < 0)
        return pump->pagemap_fd;
    pump->task_fd = system_open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (pump->task_fd < 0)
        return pump->task_fd;
    pump->poke_fd = (int32_t)system_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0, 0, 0, 0);
    return pump->poke_fd < 0 ? pump->poke_fd : 0;
}

/* Leaves it where it is when there is no room. */
static void move_up(int32_t *fd)
{
    int64_t moved = system_call(SYS_fcntl, (uint64_t)*fd, F_DUPFD_CLOEXEC, FIRST_HIGH_DESCRIPTOR, 0, 0, 0);

    if (moved >= 0) {
        system_close(*fd);
        *fd = (int32_t)moved;
    }
}

static void move_all_up(xesvm_pump *pump)
{
    move_up(&pump->client_fd);
    move_up(&pump->staging_fd);
    move_up(&pump->poke_fd);
    move_up(&pump->maps_fd);
    move_up(&pump->pagemap_fd);
    move_up(&pump->task_fd);
}

static int32_t open_all(xesvm_pump *pump, uint32_t flags)
{
    int32_t result = open_userfaultfds(pump, flags);

    if (result == 0)
        result = open_files(pump);
    if (result == 0 && flags & XESVM_PUMP_HIGH_DESCRIPTORS)
        move_all_up(pump);
    if (result == 0)
        result = staging_open(&pump->staging, pump->staging_fd);
    if (result == 0)
        result = events_open(&pump->events);
    if (result == 0)
        result = fork_open(pump);
    if (result == 0)
        result = thread_start(pump);
    if (result == 0)
        result = reaper_start(pump);
    if (result == 0)
        result = fork_watch(pump);
    return result;
}

int32_t xesvm_pump_create(uint32_t flags, xesvm_pump **pump, struct xesvm_pump_info *info)
{
    xesvm_pump *made;
    int32_t result;

    if (!pump || (flags & ~FLAGS))
        return -EINVAL;
    if (sysconf(_SC_PAGESIZE) != XESVM_PAGE_SIZE)
        return -EOPNOTSUPP;
    made = shared_map(sizeof(*made));
    if (!made)
        return -ENOMEM;
    made->client_fd = made->staging_fd = made->poke_fd = made->maps_fd = made->pagemap_fd = made->task_fd = -1;
    table_open(&made->table);
    result = open_all(made, flags);
    if (result < 0) {
        release(made);
        return result;
    }
    if (info)
        *info = (struct xesvm_pump_info){.mode = made->mode, .features = made->features};
    *pump = made;
    return 0;
}

/* Not left to close(): a forked child may still hold the file, and nobody would read it. */
static void unregister_everything(xesvm_pump *pump)
{
    struct xesvm_vma vma;

    for (uint64_t address = 0; vma_find(pump->maps_fd, address, &vma) == 0; address = vma.end) {
        if ((vma.flags & (XESVM_VMA_ANONYMOUS | XESVM_VMA_SHARED)) == XESVM_VMA_ANONYMOUS)
            uffd_unregister(pump->client_fd, vma.start, vma.end - vma.start);
    }
}

static int32_t shut_down(xesvm_pump *pump)
{
    int32_t result = -EBUSY;

    atomic_store(&pump->closing, 1);
    if (atomic_load(&pump->open_isolations) == 0)
        result = restore_everything(pump, false);
    if (result < 0) {
        atomic_store(&pump->closing, 0);
        return result;
    }
    unregister_everything(pump);
    while (!settle_drain(pump, UINT32_MAX)) /* clients that wait for their message to be read go on */
        continue;
    return 0;
}

int32_t xesvm_pump_destroy(xesvm_pump *pump)
{
    struct frame frame;
    int32_t result;

    if (!pump)
        return -EINVAL;
    if (fork_is_child(&pump->fork))
        return -ESRCH;
    frame_enter(pump, &frame, __builtin_frame_address(0));
    result = shut_down(pump);
    frame_leave(&frame);
    if (result == 0)
        release(pump);
    return result;
}
