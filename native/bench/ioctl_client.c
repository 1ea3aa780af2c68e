/* SPDX-License-Identifier: MIT
 *
 * A program that asks a device as any program does: ioctl_client PATH. For every count on a line of its input it makes so many calls of
 * DRM_IOCTL_XE_DEVICE_QUERY, and then prints how many of them the device answered. Driven by tests/XeSvm.Benchmarks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* From the kernel's include/uapi/drm/xe_drm.h. */
struct drm_xe_device_query {
    uint64_t extensions;
    uint32_t query;
    uint32_t size;
    uint64_t data;
    uint64_t reserved[2];
};

#define DRM_XE_DEVICE_QUERY_CONFIG 2
#define DRM_IOCTL_XE_DEVICE_QUERY _IOWR('d', 0x40, struct drm_xe_device_query)

_Static_assert(sizeof(struct drm_xe_device_query) == 40, "struct drm_xe_device_query of drm/xe_drm.h");

int main(int argc, char **argv)
{
    int64_t count;
    int fd;

    if (argc != 2) {
        fprintf(stderr, "usage: ioctl_client PATH\n");
        return 2;
    }
    fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "ioctl_client: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    while (scanf("%" SCNd64, &count) == 1) {
        int64_t answered = 0;

        for (int64_t call = 0; call < count; call++) {
            struct drm_xe_device_query query = {.query = DRM_XE_DEVICE_QUERY_CONFIG};

            answered += ioctl(fd, DRM_IOCTL_XE_DEVICE_QUERY, &query) == 0 && query.size != 0;
        }
        printf("%" PRId64 "\n", answered);
        fflush(stdout);
    }
    return 0;
}
