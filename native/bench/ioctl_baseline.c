/* SPDX-License-Identifier: MIT
 *
 * What xesvm_ioctl costs from C: ioctl_baseline [calls [path]]. Prints nanoseconds per call of DRM_IOCTL_XE_DEVICE_QUERY, whether
 * the file knows that request or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "xesvm_native.h"

#define DEFAULT_CALLS 1000000
#define MAX_CALLS 10000000000

/* From the kernel's include/uapi/drm/xe_drm.h. */
struct drm_xe_device_query {
    uint64_t extensions;
    uint32_t query;
    uint32_t size;
    uint64_t data;
    uint64_t reserved[2];
};

#define DRM_IOCTL_XE_DEVICE_QUERY _IOWR('d', 0x40, struct drm_xe_device_query)

_Static_assert(sizeof(struct drm_xe_device_query) == 40, "struct drm_xe_device_query of drm/xe_drm.h");

static int usage(void)
{
    fprintf(stderr, "usage: ioctl_baseline [calls [path]]\n"
                    "calls: 1 to 10000000000, %d unless given; path: the file to ask, /dev/null unless given\n",
            DEFAULT_CALLS);
    return 2;
}

int main(int argc, char **argv)
{
    const char *path = argc > 2 ? argv[2] : "/dev/null";
    int64_t calls = DEFAULT_CALLS;
    int64_t begin;
    int fd;

    if (argc > 1) {
        char *end;

        errno = 0;
        calls = strtoll(argv[1], &end, 10);
        if (argc > 3 || errno || end == argv[1] || *end || calls < 1 || calls > MAX_CALLS)
            return usage();
    }
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "ioctl_baseline: %s: %s\n", path, strerror(errno));
        return 1;
    }
    begin = xesvm_clock_monotonic_ns();
    for (int64_t call = 0; call < calls; call++) {
        struct drm_xe_device_query query = {0};

        xesvm_ioctl(fd, DRM_IOCTL_XE_DEVICE_QUERY, &query);
    }
    printf("%.3f\n", (double)(xesvm_clock_monotonic_ns() - begin) / (double)calls);
    return 0;
}
